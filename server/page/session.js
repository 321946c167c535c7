// One press of Play: a stream, its sound, its words and its numbers. Knows nothing of the page.

import { Measures } from './measures.js';
import { createStream, StreamReader } from './stream.js';

export class Session {
  #player;
  #view;
  #abort = new AbortController();
  #reader = null;
  #isOver = false;

  // view: onEstimate, onChunk, onConnection, onDone, onFailure, onEnd; all optional in effect.
  constructor(player, view) {
    this.#player = player;
    this.#view = view;
    this.measures = new Measures();
    this.pcm = []; // Int16Array of each chunk, kept for downloads
    this.words = []; // {text, start_sample, end_sample}
    this.estimate = null;
    this.streamId = '';
    this.isComplete = false;
    this.hasFailed = false;
    this.sha256 = null;
  }

  get isReceiving() {
    return this.#reader !== null && !this.isComplete && !this.hasFailed && !this.#isOver;
  }

  get numOpened() {
    return this.#reader?.numOpened ?? 0;
  }

  get numRepeated() {
    return this.#reader?.numRepeated ?? 0;
  }

  // Rejects with an ApiError when the server refuses the request.
  async start(body) {
    const [made] = await Promise.all([
      createStream(body, this.#abort.signal),
      this.#player.start({
        onFirstSound: (at_ms) => this.measures.noteFirstSound(at_ms),
        onOver: () => this.#over(),
      }),
    ]);
    if (this.#isOver) return;
    this.streamId = made.stream_id;
    this.#estimate(made.estimate);
    this.#reader = new StreamReader(made.stream_url, {
      onEstimate: (estimate) => this.#estimate(estimate),
      onChunk: (chunk) => this.#chunk(chunk),
      onDone: (metadata) => this.#complete(metadata),
      onFailure: (error) => this.#fail(error),
      onConnection: (state) => this.#connection(state),
    });
    this.#reader.open();
  }

  drop(pause_ms) {
    this.#reader?.drop(pause_ms);
  }

  // Ends the sound and the work behind it.
  stop() {
    if (this.#isOver) return;
    const wasReceiving = this.isReceiving;
    this.#isOver = true;
    this.#abort.abort();
    this.#reader?.close();
    this.#player.close();
    if (wasReceiving) {
      fetch(`/v1/streams/${this.streamId}`, { method: 'DELETE', keepalive: true }).catch(() => {});
    }
  }

  #estimate(estimate) {
    if (this.#reader) this.measures.noteEvent();
    this.estimate = estimate;
    this.#view.onEstimate(estimate);
  }

  #chunk({ pcm, metadata, numBytes }) {
    this.measures.noteChunk(pcm.length, numBytes, this.estimate.sample_rate);
    this.pcm.push(pcm);
    this.words.push(...metadata.words);
    this.#player.push(pcm);
    this.#view.onChunk(pcm, metadata.words, metadata.words_exact);
  }

  #connection(state) {
    if (state === 'resumed') this.measures.numResumes += 1;
    this.#view.onConnection(state);
  }

  async #complete(metadata) {
    this.isComplete = true;
    this.#player.finish();
    this.measures.noteEnd(metadata);
    this.sha256 = await digestOf(this.pcm);
    const isVerified = metadata && this.sha256 ? this.sha256 === metadata.pcm_sha256 : null;
    this.#view.onDone(isVerified);
  }

  // What has arrived is still played to its end.
  #fail(error) {
    this.hasFailed = true;
    this.#player.finish();
    this.#view.onFailure(error);
  }

  #over() {
    this.#view.onEnd();
  }
}

// Hex SHA-256 of the PCM as sent, or null where the browser keeps crypto from the page.
async function digestOf(chunks) {
  if (!globalThis.crypto?.subtle) return null;
  const hash = await crypto.subtle.digest('SHA-256', await new Blob(chunks).arrayBuffer());
  return Array.from(new Uint8Array(hash), (byte) => byte.toString(16).padStart(2, '0')).join('');
}
