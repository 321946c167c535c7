// What a stream costs and how it feels, in numbers. Times are performance.now() milliseconds.

export class Measures {
  constructor() {
    this.begin_ms = performance.now();
    this.firstEvent_ms = null;
    this.firstChunk_ms = null;
    this.firstSound_ms = null;
    this.lastChunk_ms = null;
    this.firstChunkBytes = 0;
    this.numChunks = 0;
    this.numWireBytes = 0;
    this.numSamples = 0;
    this.numResumes = 0;
    this.sampleRate = 24_000;
    this.generation_s = null;
  }

  noteEvent() {
    this.firstEvent_ms ??= performance.now();
  }

  noteChunk(numSamples, numWireBytes, sampleRate) {
    const now_ms = performance.now();
    this.firstEvent_ms ??= now_ms;
    if (this.firstChunk_ms === null) {
      this.firstChunk_ms = now_ms;
      this.firstChunkBytes = numWireBytes;
    }
    this.lastChunk_ms = now_ms;
    this.numChunks += 1;
    this.numWireBytes += numWireBytes;
    this.numSamples += numSamples;
    this.sampleRate = sampleRate;
  }

  noteFirstSound(at_ms) {
    this.firstSound_ms ??= at_ms;
  }

  noteEnd(metadata) {
    this.generation_s = metadata?.generation_time ?? null;
  }

  get audio_s() {
    return this.numSamples / this.sampleRate;
  }

  get elapsed_s() {
    return this.lastChunk_ms === null ? 0 : (this.lastChunk_ms - this.begin_ms) / 1000;
  }

  // Seconds of work for a second of sound: the server's own number once it is known.
  get rtf() {
    if (!this.numSamples) return null;
    return (this.generation_s ?? this.elapsed_s) / this.audio_s;
  }

  // The list the page shows: [key of its label, text, whether it is one of the large ones].
  rows(player) {
    const { numStalls, stallSamples, numReceived, position } = player.state;
    const since = (at_ms) => (at_ms === null ? '–' : `${Math.round(at_ms - this.begin_ms)} ms`);
    const ahead_s = Math.max(0, numReceived - position) / this.sampleRate;
    const silence_ms = Math.round((stallSamples / this.sampleRate) * 1000);
    const meanBytes = this.numChunks ? this.numWireBytes / this.numChunks : 0;
    return [
      ['m_first_byte', since(this.firstChunk_ms), true],
      ['m_first_sound', since(this.firstSound_ms), true],
      ['m_rtf', this.rtf === null ? '–' : this.rtf.toFixed(3), true],
      ['m_stalls', numStalls ? `${numStalls} · ${silence_ms} ms` : '0', true],
      ['m_ahead', `${ahead_s.toFixed(1)} s`],
      ['m_audio', `${this.audio_s.toFixed(1)} s`],
      ['m_chunks', String(this.numChunks)],
      ['m_bytes', formatBytes(this.numWireBytes)],
      ['m_first_chunk', formatBytes(this.firstChunkBytes)],
      ['m_mean_chunk', formatBytes(meanBytes)],
      ['m_throughput', this.elapsed_s ? `${formatBytes(this.numWireBytes / this.elapsed_s)}/s` : '–'],
      ['m_resumes', String(this.numResumes)],
    ];
  }
}

export function formatBytes(num) {
  if (num < 1000) return `${Math.round(num)} B`;
  if (num < 1e6) return `${(num / 1000).toFixed(num < 1e4 ? 1 : 0)} kB`;
  return `${(num / 1e6).toFixed(num < 1e7 ? 2 : 1)} MB`;
}

export function formatTime(seconds) {
  const whole = Math.floor(seconds);
  return `${Math.floor(whole / 60)}:${String(whole % 60).padStart(2, '0')}`;
}
