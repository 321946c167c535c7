// The text as it was sent, in which words light up while they are spoken.

// A word that is written differently from how it is spoken is looked for no further than this.
const SEARCH_CHARS = 200;

export class Transcript {
  #element;
  #onSeek;
  #words = []; // {start, span}
  #rest = '';
  #tail = document.createTextNode('');
  #current = -1;

  constructor(element, onSeek) {
    this.#element = element;
    this.#onSeek = onSeek;
    element.addEventListener('click', ({ target }) => this.#playFrom(target));
    element.addEventListener('keydown', (event) => this.#onKey(event));
  }

  reset(text) {
    this.#words = [];
    this.#rest = text;
    this.#current = -1;
    this.#tail.data = text;
    this.#element.replaceChildren(this.#tail);
    this.#element.hidden = false;
    this.#element.scrollTop = 0;
  }

  push(words) {
    const fresh = document.createDocumentFragment();
    for (const word of words) this.#place(word, fresh);
    this.#tail.data = this.#rest;
    this.#element.insertBefore(fresh, this.#tail);
  }

  // Light up the word that contains this sample; after the end (Infinity) all are only heard.
  show(position) {
    const index = this.#indexAt(position);
    if (index === this.#current && position !== Infinity) return;
    this.#words[this.#current]?.span.classList.remove('now');
    const [from, to] = [Math.max(0, this.#current), Math.max(0, index)];
    for (let i = Math.min(from, to); i <= Math.max(from, to); i += 1) {
      this.#words[i]?.span.classList.toggle('heard', i <= index);
    }
    this.#current = index;
    const span = this.#words[index]?.span;
    if (!span || position === Infinity) return;
    span.classList.add('now');
    // Whoever chooses a word by keyboard looks there, not at what is spoken.
    if (!this.#element.querySelector('.word:focus-visible')) this.#keepVisible(span);
  }

  #playFrom(element) {
    const word = this.#words.find(({ span }) => span === element);
    if (word) this.#onSeek(word.start);
  }

  // All words are one tab stop: left and right go from one to the next, Enter plays from it.
  #onKey(event) {
    if (event.altKey || event.ctrlKey || event.metaKey) return;
    if (event.key === 'Enter') this.#playFrom(event.target);
    const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (step === undefined) return;
    event.preventDefault();
    const focused = this.#words.findIndex(({ span }) => span === event.target);
    this.#focus((focused < 0 ? this.#current : focused) + step);
  }

  #focus(index) {
    const word = this.#words[Math.max(0, Math.min(index, this.#words.length - 1))];
    if (!word) return;
    word.span.focus({ preventScroll: true });
    this.#keepVisible(word.span);
  }

  // Not scrollIntoView: that would move the page under the reader as well.
  #keepVisible(span) {
    const { scrollTop, clientHeight, offsetTop } = this.#element;
    const top = span.offsetTop - offsetTop;
    if (top < scrollTop || top + span.offsetHeight > scrollTop + clientHeight) {
      this.#element.scrollTop = top - clientHeight / 3;
    }
  }

  #place(word, fragment) {
    const at = this.#rest.slice(0, SEARCH_CHARS + word.text.length).indexOf(word.text);
    if (at < 0) return;
    const span = document.createElement('span');
    span.textContent = word.text;
    span.className = 'word';
    span.tabIndex = -1;
    fragment.append(this.#rest.slice(0, at), span);
    this.#rest = this.#rest.slice(at + word.text.length);
    this.#words.push({ start: word.start_sample, span });
  }

  #indexAt(position) {
    let [low, high] = [0, this.#words.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.#words[middle].start <= position) low = middle + 1;
      else high = middle;
    }
    return position > 0 ? low - 1 : -1;
  }
}
