// Stands in for the worklet where browsers offer none (a page that came over plain http from
// another machine): every chunk is an AudioBufferSourceNode that starts at its exact sample time.

const LEAD_S = 0.03;
const REPORT_MS = 40;

export class ScheduledSource {
  #context;
  #onMessage;
  #chunks = []; // {pcm, start}
  #nodes = new Set();
  #anchors = []; // {time, sample}: from this time on, this sample and those after it
  #next = { time: 0, index: 0 };
  #numReceived = 0;
  #stats = { numStalls: 0, stallSamples: 0 };
  #hasEnd = false;
  #isOver = false;
  #timer;

  constructor(context, onMessage) {
    this.#context = context;
    this.#onMessage = onMessage;
    this.#timer = setInterval(() => this.#report(), REPORT_MS);
  }

  push(pcm) {
    this.#chunks.push({ pcm, start: this.#numReceived });
    this.#numReceived += pcm.length;
    this.#schedule();
  }

  finish() {
    this.#hasEnd = true;
  }

  seek(sample) {
    this.#silence();
    const target = Math.max(0, Math.min(sample, this.#numReceived));
    const after = this.#chunks.findIndex(({ pcm, start }) => start + pcm.length > target);
    this.#next = { time: 0, index: after < 0 ? this.#chunks.length : after };
    this.#anchors = [{ time: this.#context.currentTime, sample: target }];
    this.#isOver = false;
    this.#schedule(target);
  }

  close() {
    clearInterval(this.#timer);
    this.#silence();
    this.#chunks = [];
  }

  #silence() {
    for (const node of this.#nodes) node.stop();
    this.#nodes.clear();
  }

  #schedule(from = 0) {
    for (; this.#next.index < this.#chunks.length; this.#next.index += 1) {
      const { pcm, start } = this.#chunks[this.#next.index];
      const skipped = Math.max(0, from - start);
      if (skipped < pcm.length) this.#play(pcm.subarray(skipped), start + skipped);
    }
  }

  #play(pcm, start) {
    const { currentTime, sampleRate } = this.#context;
    if (this.#next.time < currentTime) this.#startAgain(currentTime + LEAD_S, start);
    const buffer = this.#context.createBuffer(1, pcm.length, sampleRate);
    buffer.copyToChannel(Float32Array.from(pcm, (sample) => sample / 32768), 0);
    const node = new AudioBufferSourceNode(this.#context, { buffer });
    node.connect(this.#context.destination);
    node.onended = () => this.#nodes.delete(node);
    node.start(this.#next.time);
    this.#nodes.add(node);
    this.#next.time += pcm.length / sampleRate;
  }

  #startAgain(time, sample) {
    if (this.#next.time > 0) {
      this.#stats.numStalls += 1;
      this.#stats.stallSamples += Math.round((time - this.#next.time) * this.#context.sampleRate);
    } else if (sample === 0 && this.#anchors.length === 0) {
      this.#onMessage({ kind: 'first', time });
    }
    this.#next.time = time;
    this.#anchors.push({ time, sample });
  }

  #report() {
    const time = this.#context.currentTime;
    const anchor = this.#anchors.findLast((each) => each.time <= time);
    const isRunning = anchor !== undefined && time < this.#next.time;
    const end = this.#chunks[this.#next.index - 1];
    const limit = end ? end.start + end.pcm.length : 0;
    const elapsed = anchor ? Math.round((time - anchor.time) * this.#context.sampleRate) : 0;
    const position = Math.min(limit, (anchor?.sample ?? 0) + elapsed);
    this.#onMessage({
      kind: 'state', time, position, isRunning, ...this.#stats,
      numReceived: this.#numReceived, numPlayed: position, digest: null,
    });
    if (this.#hasEnd && !isRunning && !this.#isOver) {
      this.#isOver = true;
      this.#onMessage({ kind: 'over', time });
    }
  }
}
