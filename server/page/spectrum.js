// A spectrogram that grows with the stream. Columns are computed once, as sound arrives, and
// drawn into a mask whose alpha is loudness; colour comes from the theme when a frame is painted.

const FFT_SAMPLES = 512;
const NUM_BINS = 72;
const MIN_HZ = 70;
const MAX_HZ = 10_000;
const FLOOR_DB = -78;
const CEILING_DB = -18;
const FRAME_BUDGET_MS = 8;

export class Spectrum {
  #canvas;
  #mask = document.createElement('canvas');
  #queue = []; // chunks not yet analysed
  #columns = []; // Uint8Array(NUM_BINS), lowest frequency first
  #pending = new Float32Array(FFT_SAMPLES);
  #numPending = 0;
  #numDrawn = 0;
  #columnSamples = FFT_SAMPLES / 2;
  #bands = [];
  #expected = 1; // samples
  #numSamples = 0;
  #marks = []; // samples at which the stream was resumed
  #colours = { theme: null };

  constructor(canvas) {
    this.#canvas = canvas;
    new ResizeObserver(() => this.#resize()).observe(canvas);
    this.reset(1, 24_000);
  }

  get numSamples() {
    return Math.max(this.#expected, this.#numSamples);
  }

  // A new stream of about `expected` samples.
  reset(expected, sampleRate) {
    this.#expected = Math.max(1, expected);
    this.#columnSamples = Math.max(FFT_SAMPLES / 2, Math.ceil(expected / 1600));
    this.#bands = makeBands(sampleRate);
    this.#queue = [];
    this.#columns = [];
    this.#numPending = 0;
    this.#numSamples = 0;
    this.#marks = [];
    this.#redraw();
  }

  // The estimate gave way to the truth.
  settle() {
    this.#expected = this.#numSamples;
    this.#redraw();
  }

  mark() {
    this.#marks.push(this.#numSamples);
  }

  // Only takes note: chunks that came together reach the player before any is analysed.
  push(pcm) {
    this.#queue.push(pcm);
    this.#numSamples += pcm.length;
    if (this.#numSamples > this.#expected) {
      this.#expected = Math.round(this.#numSamples * 1.1);
      this.#redraw();
    }
  }

  get isBehind() {
    return this.#queue.length > 0;
  }

  #analyseSome() {
    const end_ms = performance.now() + FRAME_BUDGET_MS;
    while (this.#queue.length > 0 && performance.now() < end_ms) this.#analyse(this.#queue.shift());
  }

  #analyse(pcm) {
    for (let i = 0; i < pcm.length; i += 1) {
      if (this.#numPending < FFT_SAMPLES) this.#pending[this.#numPending] = pcm[i] / 32768;
      this.#numPending += 1;
      if (this.#numPending >= FFT_SAMPLES && this.#numPending >= this.#columnSamples) this.#close();
    }
  }

  // One frame: what was heard in the accent colour, what waits in a quiet one.
  paint(position, theme) {
    const { width, height } = this.#canvas;
    const colours = this.#palette(theme);
    const context = this.#canvas.getContext('2d');
    this.#analyseSome();
    this.#drawNew();
    const heard = (position / this.numSamples) * width;
    context.globalCompositeOperation = 'source-over';
    context.clearRect(0, 0, width, height);
    context.drawImage(this.#mask, 0, 0);
    context.globalCompositeOperation = 'source-atop';
    context.fillStyle = colours.accent;
    context.fillRect(0, 0, heard, height);
    context.fillStyle = colours.waiting;
    context.fillRect(heard, 0, width - heard, height);
    context.globalCompositeOperation = 'source-over';
    this.#paintMarks(context, colours, heard);
  }

  #paintMarks(context, colours, heard) {
    const { width, height } = this.#canvas;
    const unit = devicePixelRatio;
    context.fillStyle = colours.ink;
    for (const sample of this.#marks) {
      const x = (sample / this.numSamples) * width;
      for (let y = 0; y < height; y += 7 * unit) context.fillRect(x, y, unit, 3 * unit);
    }
    if (heard <= 0) return;
    context.fillStyle = colours.accent;
    context.fillRect(Math.min(heard, width - 2 * unit), 0, 2 * unit, height);
  }

  #close() {
    this.#columns.push(analyse(this.#pending, this.#bands));
    const overlap = this.#columnSamples < FFT_SAMPLES ? FFT_SAMPLES - this.#columnSamples : 0;
    this.#pending.copyWithin(0, FFT_SAMPLES - overlap);
    this.#numPending = overlap;
  }

  #resize() {
    const box = this.#canvas.getBoundingClientRect();
    this.#canvas.width = this.#mask.width = Math.max(1, Math.round(box.width * devicePixelRatio));
    this.#canvas.height = this.#mask.height = Math.max(1, Math.round(box.height * devicePixelRatio));
    this.#redraw();
  }

  #redraw() {
    this.#mask.getContext('2d').clearRect(0, 0, this.#mask.width, this.#mask.height);
    this.#numDrawn = 0;
  }

  #drawNew() {
    const context = this.#mask.getContext('2d');
    const { width, height } = this.#mask;
    const columnWidth = (this.#columnSamples / this.numSamples) * width;
    const cellHeight = height / NUM_BINS;
    for (; this.#numDrawn < this.#columns.length; this.#numDrawn += 1) {
      const column = this.#columns[this.#numDrawn];
      const left = Math.floor(this.#numDrawn * columnWidth);
      const right = Math.max(left + 1, Math.floor((this.#numDrawn + 1) * columnWidth));
      context.clearRect(left, 0, right - left, height);
      for (let bin = 0; bin < NUM_BINS; bin += 1) {
        if (column[bin] < 8) continue;
        context.fillStyle = `rgb(0 0 0 / ${column[bin] / 255})`;
        const top = Math.floor(height - (bin + 1) * cellHeight);
        context.fillRect(left, top, right - left, Math.ceil(cellHeight));
      }
    }
  }

  #palette(theme) {
    if (this.#colours.theme !== theme) {
      const read = (name) => this.#colourOf(`var(--${name})`);
      this.#colours = { theme, accent: read('accent'), waiting: read('waiting'), ink: read('ink') };
    }
    return this.#colours;
  }

  // What fillStyle understands: it takes no var() and may not take light-dark().
  #colourOf(value) {
    this.#canvas.style.color = value;
    return getComputedStyle(this.#canvas).color;
  }
}

// First and last FFT line of each band; bands are spaced evenly in mel.
function makeBands(sampleRate) {
  const mel = (hz) => 1127 * Math.log(1 + hz / 700);
  const hertz = (value) => 700 * (Math.exp(value / 1127) - 1);
  const low = mel(MIN_HZ);
  const step = (mel(Math.min(MAX_HZ, sampleRate / 2)) - low) / NUM_BINS;
  const line = (value) => Math.round((hertz(value) * FFT_SAMPLES) / sampleRate);
  return Array.from({ length: NUM_BINS }, (_, index) => {
    const first = line(low + index * step);
    const last = line(low + (index + 1) * step) - 1;
    return [first, Math.min(Math.max(first, last), FFT_SAMPLES / 2)];
  });
}

const WINDOW = Float32Array.from(
  { length: FFT_SAMPLES },
  (_, index) => 0.5 - 0.5 * Math.cos((2 * Math.PI * index) / FFT_SAMPLES),
);

function analyse(samples, bands) {
  const real = new Float32Array(FFT_SAMPLES);
  const imaginary = new Float32Array(FFT_SAMPLES);
  for (let i = 0; i < FFT_SAMPLES; i += 1) real[i] = samples[i] * WINDOW[i];
  transform(real, imaginary);
  const power = (line) => real[line] ** 2 + imaginary[line] ** 2;
  return Uint8Array.from(bands, ([first, last]) => {
    let peak = 0;
    for (let line = first; line <= last; line += 1) peak = Math.max(peak, power(line));
    // A full-scale sine peaks at (N / 4)^2 under this window.
    const level_db = 10 * Math.log10(peak / (FFT_SAMPLES / 4) ** 2 + 1e-12);
    const loudness = (level_db - FLOOR_DB) / (CEILING_DB - FLOOR_DB);
    return 255 * Math.min(1, Math.max(0, loudness)) ** 1.6;
  });
}

// In-place radix-2 FFT.
function transform(real, imaginary) {
  const size = real.length;
  for (let i = 1, j = 0; i < size; i += 1) {
    let bit = size >> 1;
    for (; j & bit; bit >>= 1) j ^= bit;
    j ^= bit;
    if (i < j) [real[i], real[j]] = [real[j], real[i]];
  }
  for (let span = 2; span <= size; span <<= 1) {
    const angle = (-2 * Math.PI) / span;
    for (let k = 0; k < span / 2; k += 1) {
      const cosine = Math.cos(angle * k);
      const sine = Math.sin(angle * k);
      for (let a = k; a < size; a += span) {
        const b = a + span / 2;
        const re = real[b] * cosine - imaginary[b] * sine;
        const im = real[b] * sine + imaginary[b] * cosine;
        real[b] = real[a] - re;
        imaginary[b] = imaginary[a] - im;
        real[a] += re;
        imaginary[a] += im;
      }
    }
  }
}
