// The choice of a voice: stored ones with a preview, and one's own by file or microphone.

import { ApiError, request } from './api.js';
import { translateName, t } from './i18n.js';
import { canRecord, MIN_REFERENCE_S, Recorder, toReference } from './recorder.js';

const ONCE = '\u0000once'; // no stored voice can be called that

const byId = (id) => document.getElementById(id);

export class VoicePicker {
  #list = byId('voices');
  #voices = [];
  #chosen = null;
  #preview = new Audio();
  #once = null; // {base64, text}

  constructor() {
    this.#preview.addEventListener('ended', () => this.#showPreview(null));
    this.#list.addEventListener('change', ({ target }) => {
      this.#chosen = target.value;
    });
  }

  // Loads the list. Rejects with an ApiError.
  async load() {
    const answer = await request('/v1/voices');
    this.#voices = (await answer.json()).voices;
    this.#chosen ??= this.#voices.find((voice) => voice.is_default)?.id ?? this.#voices[0]?.id;
    this.render();
  }

  // The part of a request's body that says who speaks.
  get fields() {
    if (this.#chosen === ONCE) {
      return { ref_audio_base64: this.#once.base64, ref_text: this.#once.text };
    }
    return this.#chosen ? { voice: this.#chosen } : {};
  }

  choose(id) {
    this.#chosen = id;
    this.render();
  }

  // A voice for this language, unless the chosen one already speaks it.
  chooseLanguage(language) {
    const speaks = (voice) => voice.language.startsWith(language);
    const chosen = this.#voices.find((voice) => voice.id === this.#chosen);
    if (!chosen || (chosen.language && !speaks(chosen))) {
      const match = this.#voices.find((voice) => speaks(voice) && voice.is_default)
        ?? this.#voices.find(speaks);
      if (match) this.choose(match.id);
    }
  }

  useOnce(reference) {
    this.#once = reference;
    this.choose(ONCE);
  }

  render() {
    const cards = this.#voices.map((voice) => this.#card(voice));
    if (this.#once) cards.push(this.#card({ id: ONCE, name: t('own_recording'), language: '', gender: '' }));
    this.#list.replaceChildren(...cards);
  }

  #card(voice) {
    const card = element('div', 'voice');
    const label = element('label');
    const radio = Object.assign(element('input'), {
      type: 'radio', name: 'voice', value: voice.id, checked: voice.id === this.#chosen,
    });
    const about = [voice.language, voice.gender].filter(Boolean).map(translateName).join(' · ');
    const words = element('span', 'voice-words');
    words.append(element('b', '', voice.name), element('small', '', about || voice.description || ''));
    label.append(radio, words);
    card.append(voice.preview_url ? this.#previewButton(voice) : element('span', 'round', '●'), label);
    if (voice.is_builtin === false) card.append(this.#deleteButton(voice));
    return card;
  }

  #previewButton(voice) {
    const button = element('button', 'round', '▶');
    button.type = 'button';
    button.dataset.preview = voice.id;
    button.setAttribute('aria-label', t('preview', { name: voice.name }));
    button.addEventListener('click', () => this.#togglePreview(voice));
    return button;
  }

  #deleteButton(voice) {
    const button = element('button', 'mini', '✕');
    button.type = 'button';
    button.setAttribute('aria-label', t('delete_voice', { name: voice.name }));
    button.addEventListener('click', async () => {
      if (!window.confirm(t('delete_voice', { name: voice.name }))) return;
      await request(`/v1/voices/${encodeURIComponent(voice.id)}`, { method: 'DELETE' }).catch(() => {});
      if (this.#chosen === voice.id) this.#chosen = null;
      await this.load().catch(() => {});
    });
    return button;
  }

  #togglePreview(voice) {
    const isPlaying = !this.#preview.paused && this.#preview.dataset.voice === voice.id;
    this.#preview.pause();
    if (isPlaying) {
      this.#showPreview(null);
      return;
    }
    this.#preview.src = voice.preview_url;
    this.#preview.dataset.voice = voice.id;
    this.#showPreview(voice.id);
    this.#preview.play().catch(() => this.#showPreview(null));
  }

  #showPreview(id) {
    for (const button of this.#list.querySelectorAll('[data-preview]')) {
      button.textContent = button.dataset.preview === id ? '■' : '▶';
    }
  }
}

// The form for one's own voice.
export class OwnVoice {
  #picker;
  #recorder = new Recorder();
  #wav = null;

  constructor(picker) {
    this.#picker = picker;
    byId('own-open').addEventListener('click', () => this.#toggle());
    byId('own-file').addEventListener('change', ({ target }) => this.#take(target.files[0]));
    byId('own-record').addEventListener('click', () => this.#record());
    byId('own-once').addEventListener('click', () => this.#attempt(() => this.#useOnce()));
    byId('own-save').addEventListener('click', () => this.#attempt(() => this.#save()));
    byId('own').addEventListener('submit', (event) => event.preventDefault());
    byId('own').addEventListener('input', () => this.#refresh());
  }

  #toggle() {
    const isOpen = byId('own').toggleAttribute('hidden') === false;
    byId('own-open').setAttribute('aria-expanded', String(isOpen));
  }

  async #record() {
    if (this.#recorder.isRecording) {
      this.#recorder.stop();
      return;
    }
    await this.#attempt(async () => {
      if (!canRecord()) throw new Error(t('no_microphone_here'));
      try {
        await this.#recorder.start((blob) => this.#take(blob));
      } catch {
        throw new Error(t('no_microphone'));
      }
    });
    this.#refresh();
  }

  async #take(blob) {
    this.#wav = null;
    if (blob) await this.#attempt(() => this.#decode(blob));
    this.#refresh();
  }

  async #decode(blob) {
    const reference = await toReference(blob).catch(() => {
      throw new Error(t('not_decodable'));
    });
    if (reference.duration_s < MIN_REFERENCE_S) throw new Error(t('too_short'));
    this.#wav = reference.wav;
    byId('own-state').textContent = t('seconds', { seconds: reference.duration_s.toFixed(1) });
    const listen = byId('own-listen');
    URL.revokeObjectURL(listen.src);
    listen.src = URL.createObjectURL(reference.wav);
  }

  async #useOnce() {
    const bytes = new Uint8Array(await this.#wav.arrayBuffer());
    let text = '';
    for (let i = 0; i < bytes.length; i += 8192) {
      text += String.fromCharCode(...bytes.subarray(i, i + 8192));
    }
    this.#picker.useOnce({ base64: btoa(text), text: byId('own-text').value.trim() });
  }

  async #save() {
    const form = new FormData();
    form.append('name', byId('own-name').value.trim().toLowerCase());
    form.append('text', byId('own-text').value.trim());
    form.append('consent', t('consent'));
    form.append('audio', this.#wav, 'voice.wav');
    const answer = await request('/v1/voices', { method: 'POST', body: form });
    const voice = await answer.json();
    await this.#picker.load();
    this.#picker.choose(voice.id);
  }

  async #attempt(action) {
    const problem = byId('own-problem');
    problem.textContent = '';
    try {
      await action();
    } catch (error) {
      if (!(error instanceof ApiError) && error.constructor !== Error) throw error;
      problem.textContent = error.message;
    }
  }

  #refresh() {
    const { isRecording } = this.#recorder;
    byId('own-record').setAttribute('aria-pressed', String(isRecording));
    byId('own-record-label').textContent = t(isRecording ? 'record_stop' : 'record');
    byId('own-listen').hidden = this.#wav === null;
    if (this.#wav === null) byId('own-state').textContent = '';
    const isAllowed = this.#wav !== null && byId('own-consent').checked;
    byId('own-once').disabled = !isAllowed;
    byId('own-save').disabled = !isAllowed || !byId('own-name').value.trim();
  }
}

function element(tag, className = '', text = '') {
  const made = document.createElement(tag);
  if (className) made.className = className;
  if (text) made.textContent = text;
  return made;
}
