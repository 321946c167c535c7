// Words as SRT and WebVTT, grouped into the same lines as by server/subtitles.py.

const MAX_CUE_S = 5;
const MAX_CUE_CHARS = 42;
const MAX_GAP_S = 0.6;
const SENTENCE_END = /[.!?。！？…]$/;
const CJK = /[\u3040-\u30ff\u3400-\u9fff]/;

// `words` are {text, start_sample, end_sample}; no cue ends after `numSamples`.
export function toSrt(words, sampleRate, numSamples) {
  return cueLines(words, sampleRate, numSamples, ',')
    .map(({ times, text }, index) => `${index + 1}\n${times}\n${text}\n\n`).join('');
}

export function toVtt(words, sampleRate, numSamples) {
  const cues = cueLines(words, sampleRate, numSamples, '.');
  return `WEBVTT\n\n${cues.map(({ times, text }) => `${times}\n${escapeMarkup(text)}\n\n`).join('')}`;
}

// Words meet or overlap at joins; lines on a screen must not.
function cueLines(words, sampleRate, numSamples, separator) {
  const cues = groupCues(words, sampleRate);
  return cues.map((cue, index) => {
    const start = cue[0].start_sample;
    const limit = cues[index + 1]?.[0].start_sample ?? numSamples;
    const end = Math.max(start, Math.min(cue.at(-1).end_sample, limit));
    const times = [start, end].map((sample) => timeCode(sample, sampleRate, separator));
    return { times: times.join(' --> '), text: joinWords(cue) };
  });
}

// Lines short enough to read, cut at sentences and pauses.
function groupCues(words, sampleRate) {
  const cues = [];
  for (const word of words) {
    const cue = cues.at(-1);
    if (!cue || breaks(cue, word, sampleRate)) cues.push([word]);
    else cue.push(word);
  }
  return cues;
}

function breaks(cue, word, sampleRate) {
  const last = cue.at(-1);
  return SENTENCE_END.test(last.text)
    || word.start_sample - last.end_sample > MAX_GAP_S * sampleRate
    || word.end_sample - cue[0].start_sample > MAX_CUE_S * sampleRate
    || [...joinWords([...cue, word])].length > MAX_CUE_CHARS;
}

// CJK characters stand without spaces between them.
function joinWords(words) {
  return words.reduce((line, { text }) => {
    const needsSpace = line && !(CJK.test(text.charAt(0)) && CJK.test(line.at(-1)));
    return line + (needsSpace ? ' ' : '') + text;
  }, '');
}

function timeCode(sample, sampleRate, separator) {
  const total_ms = Math.round((sample * 1000) / sampleRate);
  const pad = (value, width = 2) => String(Math.floor(value)).padStart(width, '0');
  const clock = [total_ms / 3_600_000, (total_ms / 60_000) % 60, (total_ms / 1000) % 60];
  return clock.map((value) => pad(value)).join(':') + separator + pad(total_ms % 1000, 3);
}

function escapeMarkup(text) {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
}
