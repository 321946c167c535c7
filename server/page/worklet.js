// The end of the line: an AudioWorklet that plays PCM16 sample after sample and says what it did.
//
// It keeps every chunk of the stream, so seeking needs no help from the page. A stall is silence
// put in although speech was still to come; it is counted in samples, so that "no gap" is a number.

const REPORT_FRAMES = 1024;
// The first sound waits for this much speech, or this long after the first chunk: a page that
// is still busy with the beginning would otherwise run dry after it.
const START_BUFFER_S = 0.4;
const START_WAIT_S = 0.04;
const FIRST_REBUFFER_S = 0.3;
const MAX_REBUFFER_S = 4;

class SpeechSource extends AudioWorkletProcessor {
  constructor() {
    super();
    this.chunks = []; // {pcm: Int16Array, start: samples before it}
    this.numReceived = 0;
    this.position = 0; // next sample to play
    this.chunkIndex = 0; // the chunk that holds it
    this.hasEnd = false;
    this.hasStarted = false;
    this.isWaiting = true;
    this.firstTime = null; // of the context's clock, when the first chunk came
    this.isOver = false;
    this.isClosed = false;
    this.numStalls = 0;
    this.stallSamples = 0;
    this.numPlayed = 0;
    this.digest = 0; // of everything played, in order: h = 31 h + sample, modulo 2^32
    this.sinceReport = 0;
    this.port.onmessage = ({ data }) => this[data.verb](data);
  }

  push({ pcm }) {
    this.firstTime ??= currentTime;
    this.chunks.push({ pcm, start: this.numReceived });
    this.numReceived += pcm.length;
  }

  finish() {
    this.hasEnd = true;
    this.isOver = false;
  }

  seek({ sample }) {
    this.position = Math.max(0, Math.min(sample, this.numReceived));
    const after = this.chunks.findIndex(({ pcm, start }) => start + pcm.length > this.position);
    this.chunkIndex = after < 0 ? this.chunks.length : after;
    this.isOver = false;
    this.report();
  }

  close() {
    this.isClosed = true;
    this.chunks = [];
  }

  process(_, [[out]]) {
    if (this.isClosed) return false;
    if (this.isReady()) {
      this.play(out);
    } else if (this.hasStarted && !this.hasEnd) {
      this.stallSamples += out.length;
    }
    this.sinceReport += out.length;
    if (this.sinceReport >= REPORT_FRAMES) this.report();
    this.noticeEnd();
    return true;
  }

  noticeEnd() {
    if (!this.hasEnd || this.isOver || this.position < this.numReceived) return;
    this.isOver = true;
    this.isWaiting = true;
    this.report();
    this.port.postMessage({ kind: 'over', time: currentTime });
  }

  isReady() {
    const numBuffered = this.numReceived - this.position;
    if (this.isWaiting) this.isWaiting = numBuffered <= 0 || (numBuffered < this.needed() && !this.hasEnd);
    return !this.isWaiting;
  }

  // After each stall more is gathered before going on, so that a slow engine stutters rarely.
  needed() {
    if (!this.hasStarted && currentTime < this.firstTime + START_WAIT_S) {
      return sampleRate * START_BUFFER_S;
    }
    if (this.numStalls === 0) return 1;
    return sampleRate * Math.min(FIRST_REBUFFER_S * 2 ** (this.numStalls - 1), MAX_REBUFFER_S);
  }

  play(out) {
    const num = this.fill(out);
    if (num > 0 && !this.hasStarted) {
      this.hasStarted = true;
      this.port.postMessage({ kind: 'first', time: currentTime });
    }
    this.numPlayed += num;
    if (num === out.length || this.hasEnd) return;
    this.isWaiting = true;
    this.numStalls += 1;
    this.stallSamples += out.length - num;
  }

  fill(out) {
    let num = 0;
    while (num < out.length && this.chunkIndex < this.chunks.length) {
      const { pcm, start } = this.chunks[this.chunkIndex];
      const at = this.position - start;
      const count = Math.min(out.length - num, pcm.length - at);
      for (let i = 0; i < count; i += 1) {
        const sample = pcm[at + i];
        out[num + i] = sample / 32768;
        this.digest = (Math.imul(this.digest, 31) + sample) | 0;
      }
      num += count;
      this.position += count;
      if (at + count === pcm.length) this.chunkIndex += 1;
    }
    return num;
  }

  report() {
    this.sinceReport = 0;
    this.port.postMessage({
      kind: 'state',
      time: currentTime,
      position: this.position,
      isRunning: !this.isWaiting,
      numReceived: this.numReceived,
      numPlayed: this.numPlayed,
      numStalls: this.numStalls,
      stallSamples: this.stallSamples,
      digest: this.digest >>> 0,
    });
  }
}

registerProcessor('speech-source', SpeechSource);
