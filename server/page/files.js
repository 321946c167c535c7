// Files made in the page from what has arrived: they work after the server has forgotten the
// stream, and hold exactly the samples that were heard.

import { toSrt, toVtt } from './subtitles.js';

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

// `form` is "srt" or "vtt".
export function subtitleFile(words, sampleRate, numSamples, form) {
  const [write, type] = form === 'srt' ? [toSrt, 'application/x-subrip'] : [toVtt, 'text/vtt'];
  return new Blob([write(words, sampleRate, numSamples)], { type });
}

export function save(blob, name) {
  const link = document.createElement('a');
  link.href = URL.createObjectURL(blob);
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
}
