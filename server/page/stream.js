// One stream by EventSource: it survives cuts, delivers each chunk once, and ends exactly once.

import { ApiError, networkError, postJson, readProblem } from './api.js';

const RETRY_DELAYS_MS = [500, 1000, 2000, 4000, 8000, 8000, 8000];
// Pings are comments, which pages never see, so silence alone does not prove a dead connection.
// Asking again is harmless: the stream resumes exactly after the last event.
const SILENCE_MS = 25_000;

export function createStream(body, signal) {
  return postJson('/v1/streams', { ...body, response_format: 'pcm' }, signal);
}

// PCM16 of a chunk's base64. Typed arrays are little-endian on every machine browsers run on.
export function decodePcm(base64) {
  const text = atob(base64);
  const bytes = new Uint8Array(text.length);
  for (let i = 0; i < text.length; i += 1) bytes[i] = text.charCodeAt(i);
  return new Int16Array(bytes.buffer);
}

// handlers: onEstimate(fields), onChunk({pcm, metadata, numBytes}), onDone(metadata or null),
// onFailure(ApiError), onConnection('open' | 'lost' | 'dropped' | 'resumed').
export class StreamReader {
  #url;
  #handlers;
  #source = null;
  #timer = 0;
  #numRetries = 0;
  #isOver = false;
  #isLost = false;
  #isHeld = false;

  constructor(streamUrl, handlers) {
    this.#url = streamUrl;
    this.#handlers = handlers;
    this.lastEventId = '';
    this.numSamples = 0;
    this.numRepeated = 0; // samples that came twice and were left out; stays 0 with this server
    this.numOpened = 0;
    window.addEventListener('online', this.#reopenNow);
  }

  open() {
    if (this.#isOver) return;
    this.#source?.close();
    this.#isHeld = false;
    const source = new EventSource(this.#address());
    this.#source = source;
    source.addEventListener('open', () => this.#opened());
    source.addEventListener('estimate', (event) => this.#take(event, this.#handlers.onEstimate));
    source.addEventListener('message', (event) => this.#take(event, (data) => this.#chunk(data, event)));
    source.addEventListener('status', (event) => this.#take(event, () => {}));
    for (const name of ['cancelled', 'shutdown']) {
      source.addEventListener(name, (event) => this.#take(event, (data) => this.#fail(data)));
    }
    // The server's own `event: error` has data; a lost connection has none.
    source.addEventListener('error', (event) => {
      if (event.data) this.#take(event, (data) => this.#fail(data));
      else this.#lost(source);
    });
    this.#watch();
  }

  // Cuts the connection on purpose and comes back after a while.
  drop(pause_ms) {
    if (this.#isOver) return;
    this.#source?.close();
    this.#isLost = true;
    this.#isHeld = true;
    this.#handlers.onConnection('dropped');
    this.#later(() => this.open(), pause_ms);
  }

  close() {
    this.#isOver = true;
    clearTimeout(this.#timer);
    this.#source?.close();
    window.removeEventListener('online', this.#reopenNow);
  }

  #reopenNow = () => {
    if (!this.#isHeld) this.open();
  };

  #address() {
    if (!this.lastEventId) return this.#url;
    const url = new URL(this.#url, location.href);
    url.searchParams.set('last_event_id', this.lastEventId);
    return url.href;
  }

  #opened() {
    this.numOpened += 1;
    const how = this.#isLost ? 'resumed' : 'open';
    this.#isLost = false;
    this.#handlers.onConnection(how);
  }

  #take(event, use) {
    this.#numRetries = 0;
    if (event.lastEventId) this.lastEventId = event.lastEventId;
    this.#watch();
    use(JSON.parse(event.data));
  }

  #chunk(data, event) {
    const { metadata } = data;
    if (metadata.start_sample > this.numSamples) {
      this.#fail({ code: 'gap', message: `sample ${this.numSamples} never arrived` });
      return;
    }
    const numKnown = this.numSamples - metadata.start_sample;
    this.numRepeated += numKnown;
    const pcm = decodePcm(data.audio_chunk).subarray(numKnown);
    this.numSamples += pcm.length;
    this.#handlers.onChunk({ pcm, metadata, numBytes: event.data.length });
    if (data.is_final) this.#end(metadata);
  }

  // Closing here is what keeps the browser from reconnecting after the last event.
  #end(metadata) {
    this.close();
    this.#handlers.onDone(metadata);
  }

  #fail(problem) {
    this.close();
    this.#handlers.onFailure(problem instanceof Error ? problem : new ApiError(problem));
  }

  #lost(source) {
    if (source !== this.#source || this.#isOver || this.#isHeld) return;
    if (!this.#isLost) this.#handlers.onConnection('lost');
    this.#isLost = true;
    if (source.readyState === EventSource.CLOSED) this.#diagnose();
  }

  // EventSource says only "closed". The same address, fetched, says why.
  async #diagnose() {
    let answer;
    const leave = new AbortController();
    try {
      const headers = { Accept: 'text/event-stream' };
      answer = await fetch(this.#address(), { headers, signal: leave.signal });
    } catch {
      this.#retry(networkError());
      return;
    }
    if (this.#isOver) return;
    if (answer.status === 204) this.#end(null);
    else if (answer.ok || [429, 502, 503, 504].includes(answer.status)) this.#retry(networkError());
    else this.#fail(await readProblem(answer));
    leave.abort();
  }

  #retry(problem) {
    const delay_ms = RETRY_DELAYS_MS[this.#numRetries];
    this.#numRetries += 1;
    if (delay_ms === undefined) this.#fail(problem);
    else this.#later(() => this.open(), delay_ms);
  }

  // Not counted as a loss: the server may only be busy, and then nothing was lost.
  #watch() {
    this.#later(() => this.open(), SILENCE_MS);
  }

  #later(action, delay_ms) {
    clearTimeout(this.#timer);
    if (!this.#isOver) this.#timer = setTimeout(action, delay_ms);
  }
}
