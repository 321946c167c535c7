// Files made in the page from what has arrived: they work after the server has forgotten the
// stream, and hold exactly the samples that were heard.

// A mono PCM16 WAV file. `chunks` are Int16Arrays.
export function wavFile(chunks, sampleRate) {
  const numBytes = chunks.reduce((sum, chunk) => sum + chunk.byteLength, 0);
  const view = new DataView(new ArrayBuffer(44));
  const write = (at, text) => {
    for (let i = 0; i < text.length; i += 1) view.setUint8(at + i, text.charCodeAt(i));
  };
  write(0, 'RIFF');
  view.setUint32(4, 36 + numBytes, true);
  write(8, 'WAVEfmt ');
  view.setUint32(16, 16, true);
  view.setUint16(20, 1, true);
  view.setUint16(22, 1, true);
  view.setUint32(24, sampleRate, true);
  view.setUint32(28, sampleRate * 2, true);
  view.setUint16(32, 2, true);
  view.setUint16(34, 16, true);
  write(36, 'data');
  view.setUint32(40, numBytes, true);
  return new Blob([view, ...chunks], { type: 'audio/wav' });
}

export function subtitleFile(words, sampleRate, form) {
  const mark = form === 'srt' ? ',' : '.';
  const cues = groupWords(words, sampleRate).map((cue, index) => {
    const times = [cue.start, cue.end].map((sample) => timeCode(sample / sampleRate, mark));
    return `${index + 1}\n${times.join(' --> ')}\n${cue.text}\n`;
  });
  const head = form === 'srt' ? [] : ['WEBVTT\n'];
  const type = form === 'srt' ? 'application/x-subrip' : 'text/vtt';
  return new Blob([[...head, ...cues].join('\n')], { type });
}

export function save(blob, name) {
  const link = document.createElement('a');
  link.href = URL.createObjectURL(blob);
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
}

const CUE_CHARS = 42;
const CUE_S = 4;

// Lines short enough to read. Scripts without spaces between words get none.
function groupWords(words, sampleRate) {
  const cues = [];
  for (const { text, start_sample: start, end_sample: end } of words) {
    const cue = cues.at(-1);
    const fits = cue && cue.text.length + text.length < CUE_CHARS
      && (end - cue.start) / sampleRate <= CUE_S;
    if (!fits) cues.push({ text, start, end });
    else {
      const hasSpace = /[\u0000-\u2E7F]$/.test(cue.text) && /^[\u0000-\u2E7F]/.test(text);
      cue.text += (hasSpace ? ' ' : '') + text;
      cue.end = end;
    }
  }
  return cues;
}

function timeCode(seconds, mark) {
  const total_ms = Math.round(seconds * 1000);
  const pad = (value, width = 2) => String(Math.floor(value)).padStart(width, '0');
  const clock = [total_ms / 3_600_000, (total_ms / 60_000) % 60, (total_ms / 1000) % 60];
  return clock.map((value) => pad(value)).join(':') + mark + pad(total_ms % 1000, 3);
}
