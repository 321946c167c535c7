// A reference recording: from the microphone or a file of any kind the browser can decode, to a
// WAV, because servers cannot read what MediaRecorder writes (WebM or MP4).

import { wavFile } from './files.js';

const RATE = 24_000;
export const MAX_REFERENCE_S = 60;
export const MIN_REFERENCE_S = 1;

// {wav: Blob, duration_s}. Rejects when the browser cannot decode the file.
export async function toReference(blob) {
  // An offline context decodes to its own rate, which spares a resampler here.
  const context = new OfflineAudioContext(1, 1, RATE);
  const audio = await context.decodeAudioData(await blob.arrayBuffer());
  const numSamples = Math.min(audio.length, MAX_REFERENCE_S * RATE);
  const pcm = new Int16Array(numSamples);
  const channels = Array.from({ length: audio.numberOfChannels }, (_, i) => audio.getChannelData(i));
  for (let i = 0; i < numSamples; i += 1) {
    const mean = channels.reduce((sum, channel) => sum + channel[i], 0) / channels.length;
    pcm[i] = Math.round(32767 * Math.max(-1, Math.min(1, mean)));
  }
  return { wav: wavFile([pcm], RATE), duration_s: numSamples / RATE };
}

export function canRecord() {
  return Boolean(navigator.mediaDevices?.getUserMedia && globalThis.MediaRecorder);
}

export class Recorder {
  #recorder = null;
  #parts = [];
  #timer = 0;

  get isRecording() {
    return this.#recorder !== null;
  }

  // Resolves once sound is being taken; `onDone(blob)` follows stop() or the longest duration.
  async start(onDone) {
    // The voice is to be heard as it is: the browser's cleaning would change it.
    const audio = { channelCount: 1, echoCancellation: false, noiseSuppression: false, autoGainControl: true };
    const stream = await navigator.mediaDevices.getUserMedia({ audio });
    this.#parts = [];
    this.#recorder = new MediaRecorder(stream);
    this.#recorder.ondataavailable = ({ data }) => this.#parts.push(data);
    this.#recorder.onstop = () => {
      for (const track of stream.getTracks()) track.stop();
      this.#recorder = null;
      onDone(new Blob(this.#parts));
    };
    this.#recorder.start();
    this.#timer = setTimeout(() => this.stop(), MAX_REFERENCE_S * 1000);
  }

  stop() {
    clearTimeout(this.#timer);
    this.#recorder?.stop();
  }
}
