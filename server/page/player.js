// Gap-free playback of PCM16 that is still arriving, and an honest account of it.

import { ScheduledSource } from './scheduled.js';

const START_STATE = {
  time: 0, position: 0, isRunning: false, numReceived: 0, numPlayed: 0,
  numStalls: 0, stallSamples: 0, digest: 0,
};

export class Player {
  #context;
  #source = null;
  #worklet;
  #state = START_STATE;
  #handlers = {};
  #run = 0;

  // Call from a user's gesture: browsers keep a context silent that was made without one.
  constructor(sampleRate) {
    this.#context = new AudioContext({ sampleRate, latencyHint: 'interactive' });
    const { audioWorklet } = this.#context;
    this.#worklet = audioWorklet
      ? audioWorklet.addModule('/page/worklet.js').then(() => true, () => false)
      : Promise.resolve(false);
  }

  get sampleRate() {
    return this.#context.sampleRate;
  }

  get isPaused() {
    return this.#context.state !== 'running';
  }

  // What the audio graph reported last: samples received, played and inserted, and the digest.
  get state() {
    return this.#state;
  }

  // The sample that is audible now.
  get position() {
    const { position, time, isRunning, numReceived } = this.#state;
    if (!isRunning) return position;
    const heard = this.#context.currentTime - (this.#context.outputLatency || 0);
    const elapsed = Math.round((heard - time) * this.sampleRate);
    return Math.max(0, Math.min(position + elapsed, numReceived));
  }

  // A new stream; `handlers` are onFirstSound(performance time in ms) and onOver().
  async start(handlers) {
    this.close();
    this.#run += 1;
    const run = this.#run;
    this.#handlers = handlers;
    const [hasWorklet] = await Promise.all([this.#worklet, this.#context.resume()]);
    if (run !== this.#run) return;
    const listen = (message) => run === this.#run && this.#hear(message);
    this.#source = hasWorklet
      ? new WorkletSource(this.#context, listen)
      : new ScheduledSource(this.#context, listen);
  }

  push(pcm) {
    this.#source?.push(pcm);
  }

  finish() {
    this.#source?.finish();
  }

  seek(sample) {
    this.#source?.seek(sample);
    this.resume();
  }

  pause() {
    return this.#context.suspend();
  }

  resume() {
    return this.#context.resume();
  }

  close() {
    this.#run += 1;
    this.#source?.close();
    this.#source = null;
    this.#state = START_STATE;
  }

  #hear(message) {
    if (message.kind === 'state') this.#state = message;
    if (message.kind === 'first') this.#handlers.onFirstSound?.(this.#audibleAt(message.time));
    if (message.kind === 'over') this.#handlers.onOver?.();
  }

  // When a moment of the context's clock reaches the ear, on the clock of performance.now().
  #audibleAt(time) {
    const { contextTime, performanceTime } = this.#context.getOutputTimestamp();
    if (performanceTime > 0) return performanceTime + (time - contextTime) * 1000;
    const latency_s = this.#context.outputLatency || 0;
    return performance.now() + (time - this.#context.currentTime + latency_s) * 1000;
  }
}

class WorkletSource {
  #node;

  constructor(context, onMessage) {
    this.#node = new AudioWorkletNode(context, 'speech-source', {
      numberOfInputs: 0, outputChannelCount: [1],
    });
    this.#node.port.onmessage = ({ data }) => onMessage(data);
    this.#node.connect(context.destination);
  }

  push(pcm) {
    this.#node.port.postMessage({ verb: 'push', pcm });
  }

  finish() {
    this.#node.port.postMessage({ verb: 'finish' });
  }

  seek(sample) {
    this.#node.port.postMessage({ verb: 'seek', sample });
  }

  close() {
    this.#node.port.postMessage({ verb: 'close' });
    this.#node.disconnect();
  }
}
