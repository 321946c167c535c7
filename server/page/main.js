// The page: what the controls do and what the eye sees. Sound, streams and numbers live elsewhere.

import { ApiError } from './api.js';
import { themeOf, watchTheme } from './appearance.js';
import { save, subtitleFile, wavFile } from './files.js';
import { applyLanguage, currentLanguage, setLanguage, t } from './i18n.js';
import { formValues, limitGuidance, watchKnobs } from './knobs.js';
import { formatTime } from './measures.js';
import { Player } from './player.js';
import { watchSeekKeys } from './seekbar.js';
import { Session } from './session.js';
import { Spectrum } from './spectrum.js';
import { showMeasures } from './tiles.js';
import { Transcript } from './transcript.js';
import { OwnVoice, VoicePicker } from './voices.js';
import { samples } from './words.js';

const SAMPLE_RATE = 24_000;
const DROP_MS = 1500;
const ICON_PLAY = 'M8 5.5v13l11-6.5z';
const ICON_PAUSE = 'M7.5 5.5h3v13h-3zM13.5 5.5h3v13h-3z';
const POLL_MS = 1500;
const FORMS = ['wav', 'srt', 'vtt'];

const byId = (id) => document.getElementById(id);
const picker = new VoicePicker();
const spectrum = new Spectrum(byId('spectrum'));
const transcript = new Transcript(byId('transcript'), (sample) => seek(sample));
let player = null;
let session = null;
let state = 'idle';
let lost = null; // {at_ms} while the connection is away
let problem = null; // ApiError or null

function show(next) {
  state = next;
  byId('status').dataset.state = next;
  byId('status').firstElementChild.textContent = t(`status_${next}`);
  const isBusy = ['preparing', 'playing', 'paused', 'waiting', 'lost', 'dropped'].includes(next);
  const label = isBusy && next !== 'preparing' ? (next === 'paused' ? 'resume' : 'pause') : 'play';
  byId('play-label').dataset.i18n = label;
  byId('play-label').textContent = t(label);
  byId('play-icon').setAttribute('d', label === 'pause' ? ICON_PAUSE : ICON_PLAY);
  byId('play').disabled = next === 'preparing';
  byId('stop').disabled = !isBusy;
  byId('drop').disabled = !session?.isReceiving || next === 'dropped';
}

function complain(error) {
  problem = error;
  byId('problem').hidden = error === null;
  byId('problem').textContent = error?.message ?? '';
}

function note(key, values = {}) {
  const line = document.createElement('li');
  line.textContent = t(key, values);
  byId('journal').hidden = false;
  byId('journal').prepend(line);
}

// Needs a gesture; the first one on the page will do, so that Play finds everything loaded.
function wakePlayer() {
  try {
    player ??= new Player(SAMPLE_RATE);
  } catch {
    return false;
  }
  return true;
}

async function play() {
  session?.stop();
  complain(null);
  byId('journal').replaceChildren();
  byId('journal').hidden = true;
  for (const form of FORMS) byId(`save-${form}`).disabled = true;
  lost = null;
  const text = byId('text').value;
  if (!wakePlayer()) {
    complain(new Error(t('no_sound')));
    return;
  }
  const mine = new Session(player, makeView(text, () => mine === session));
  session = mine;
  show('preparing');
  try {
    await mine.start({ gen_text: text, ...picker.fields, ...formValues() });
  } catch (error) {
    if (mine !== session || error.name === 'AbortError') return;
    if (!(error instanceof ApiError)) throw error;
    mine.stop();
    complain(error);
    show('failed');
  }
}

// What a session tells the page; nothing once another session has begun.
function makeView(text, isCurrent) {
  let hasBegun = false;
  const handlers = {
    onEstimate(estimate) {
      if (hasBegun) return;
      hasBegun = true;
      spectrum.reset(estimate.total_samples, estimate.sample_rate);
      transcript.reset(text);
      byId('stage-empty').hidden = true;
    },
    onChunk(pcm, words) {
      spectrum.push(pcm);
      transcript.push(words);
      if (state === 'preparing') show('playing');
    },
    onConnection: showConnection,
    onDone(isVerified) {
      spectrum.settle();
      for (const form of FORMS) byId(`save-${form}`).disabled = false;
      const numSamples = session.measures.numSamples.toLocaleString(currentLanguage());
      if (isVerified !== null) note(isVerified ? 'log_verified' : 'log_unequal', { samples: numSamples });
      show(state);
    },
    onFailure(error) {
      complain(error);
      show('failed');
    },
    onEnd: () => show(problem ? 'failed' : 'done'),
  };
  const guard = (handler) => (...values) => isCurrent() && handler(...values);
  return Object.fromEntries(Object.entries(handlers).map(([name, handler]) => [name, guard(handler)]));
}

// Where a stream is that nothing holds up.
function flowing() {
  return session.measures.numSamples > 0 ? 'playing' : 'preparing';
}

function showConnection(how) {
  const at = session.measures.audio_s.toFixed(2);
  const hasSound = session.measures.numSamples > 0; // before, there is nothing to lose or resume
  if (how === 'lost' || how === 'dropped') {
    const { numReceived } = player.state;
    const ahead = Math.max(0, (numReceived - player.position) / SAMPLE_RATE).toFixed(1);
    lost = { at_ms: performance.now() };
    if (hasSound) note(`log_${how}`, { at, ahead });
    show(state === 'paused' ? state : how);
  } else if (how === 'resumed') {
    const away = ((performance.now() - lost.at_ms) / 1000).toFixed(1);
    lost = null;
    if (hasSound) {
      spectrum.mark();
      note('log_resumed', { at, away, repeated: session.numRepeated });
    }
    show(state === 'paused' ? state : flowing());
  }
}

async function togglePlay() {
  if (['playing', 'waiting', 'lost', 'dropped'].includes(state)) {
    await player.pause();
    show('paused');
  } else if (state === 'paused') {
    await player.resume();
    show(flowing());
  } else {
    await play();
  }
}

function stop() {
  if (!session || byId('stop').disabled) return;
  session.stop();
  show('stopped');
}

function seek(sample) {
  if (!player || player.state.numReceived === 0) return;
  player.seek(sample);
  if (state === 'done' || state === 'paused') show('playing');
}

let painted = '';

function frame() {
  requestAnimationFrame(frame);
  const position = player?.position ?? 0;
  const numReceived = player?.state.numReceived ?? 0;
  const canvas = byId('spectrum');
  const theme = themeOf();
  const now = [position, numReceived, spectrum.numSamples, canvas.width, state, theme].join();
  if (now === painted && !spectrum.isBehind) return;
  painted = now;
  spectrum.paint(position, theme);
  transcript.show(state === 'done' ? Infinity : position);
  showClock(position);
  const isStarved = numReceived > 0 && !player.state.isRunning && session?.isReceiving;
  if (isStarved && state === 'playing') show('waiting');
  if (!isStarved && state === 'waiting') show('playing');
}

function showClock(position) {
  const total = session?.estimate ? spectrum.numSamples : 0;
  const bar = byId('seek');
  bar.disabled = (player?.state.numReceived ?? 0) === 0;
  bar.max = String(Math.max(1, total));
  if (!bar.matches(':active')) bar.value = String(position);
  bar.setAttribute('aria-valuetext', `${formatTime(position / SAMPLE_RATE)} / ${formatTime(total / SAMPLE_RATE)}`);
  byId('clock-now').textContent = formatTime(position / SAMPLE_RATE);
  byId('clock-total').textContent = ` / ${session?.isComplete ? '' : '~'}${formatTime(total / SAMPLE_RATE)}`;
}

function refreshWords() {
  applyLanguage();
  byId('language').textContent = currentLanguage() === 'zh' ? 'English' : '中文';
  byId('language').lang = currentLanguage() === 'zh' ? 'en' : 'zh';
  countCharacters();
  picker.render();
  show(state);
}

function countCharacters() {
  const count = [...byId('text').value].length.toLocaleString(currentLanguage());
  byId('text-length').textContent = t('characters', { count });
}

function useSample(name) {
  byId('text').value = samples[name].text;
  picker.chooseLanguage(samples[name].language);
  countCharacters();
}

function download(form) {
  if (!session?.isComplete) return;
  const rate = session.estimate.sample_rate;
  const blob = form === 'wav'
    ? wavFile(session.pcm, rate)
    : subtitleFile(session.words, rate, session.measures.numSamples, form);
  save(blob, `jetvoice-${session.streamId.slice(0, 8)}.${form}`);
}

// The page may be open before the model is: wait in words, then load what it offers.
async function greet() {
  const health = await fetch('/v1/health').then((answer) => answer.json()).catch(() => null);
  if (health?.is_live !== 'True') {
    if (state === 'idle') show('starting');
    setTimeout(greet, POLL_MS);
    return;
  }
  const { platform = '', devices = 1, max_guidance: maxGuidance } = health.engine;
  limitGuidance(maxGuidance);
  byId('engine').textContent = platform.toUpperCase() + (devices > 1 ? ` × ${devices}` : '');
  byId('engine').hidden = !platform;
  if (state === 'starting') show('idle');
}

async function loadVoices() {
  try {
    await picker.load();
    picker.chooseLanguage(samples[currentLanguage() === 'zh' ? 'chinese' : 'hello'].language);
  } catch (error) {
    complain(error);
  }
}

function wire() {
  byId('play').addEventListener('click', togglePlay);
  byId('stop').addEventListener('click', stop);
  byId('drop').addEventListener('click', () => session?.drop(DROP_MS));
  byId('seek').addEventListener('change', ({ target }) => seek(Number(target.value)));
  watchSeekKeys(byId('seek'), (by_s) => seek(player.position + by_s * SAMPLE_RATE));
  watchTheme(byId('theme'));
  byId('language').addEventListener('click', () => {
    setLanguage(currentLanguage() === 'zh' ? 'en' : 'zh');
    refreshWords();
  });
  byId('text').addEventListener('input', countCharacters);
  for (const button of document.querySelectorAll('[data-sample]')) {
    button.addEventListener('click', () => useSample(button.dataset.sample));
  }
  for (const form of FORMS) {
    byId(`save-${form}`).addEventListener('click', () => download(form));
  }
  document.addEventListener('pointerdown', wakePlayer, { once: true });
  document.addEventListener('keydown', wakePlayer, { once: true });
  document.addEventListener('keydown', (event) => {
    if (event.key === 'Escape') stop();
    if (event.key === 'Enter' && (event.ctrlKey || event.metaKey)) play();
  });
  window.addEventListener('pagehide', () => session?.stop());
  new OwnVoice(picker);
  watchKnobs();
}

// For tests: what the audio graph received and played, and how the connection fared.
window.jetvoice = {
  stats: () => ({
    ...player?.state, state, problem: problem?.code ?? null, sha256: session?.sha256 ?? null,
    sampleRate: player?.sampleRate, isComplete: session?.isComplete ?? false,
    numOpened: session?.numOpened ?? 0, numRepeated: session?.numRepeated ?? 0,
    streamId: session?.streamId ?? '', measures: { ...session?.measures },
  }),
};

wire();
useSample(currentLanguage() === 'zh' ? 'chinese' : 'hello');
refreshWords();
loadVoices();
greet();
setInterval(() => player && session && showMeasures(session.measures.rows(player)), 120);
requestAnimationFrame(frame);
