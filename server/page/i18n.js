// The page's words. The English ones in index.html are only there until this has run.

import { recall, remember } from './storage.js';
import { en, zh } from './words.js';

const TABLES = { en, zh };
let language = initialLanguage();

function initialLanguage() {
  const stored = recall('language');
  if (stored in TABLES) return stored;
  return navigator.language.startsWith('zh') ? 'zh' : 'en';
}

export function currentLanguage() {
  return language;
}

export function setLanguage(value) {
  language = value;
  remember('language', value);
  applyLanguage();
}

// The words for a key, with {name} replaced from `values`.
export function t(key, values = {}) {
  const words = TABLES[language][key] ?? en[key] ?? key;
  return words.replace(/\{(\w+)\}/g, (_, name) => values[name] ?? '');
}

// Languages, genders and the like, which the server names in English.
export function translateName(name) {
  const key = `name_${name}`;
  return key in en ? t(key) : name;
}

// The server speaks English: where the page knows the problem, it says it in the chosen language.
export function translateProblem(code, message, fix) {
  const key = `problem_${code}`;
  if (language !== 'en' && key in TABLES[language]) return t(key);
  if (key in en) return t(key);
  const sentence = message.charAt(0).toUpperCase() + message.slice(1);
  return [sentence.replace(/[.;]?$/, '.'), fix].filter(Boolean).join(' ');
}

export function applyLanguage() {
  document.documentElement.lang = language === 'zh' ? 'zh-CN' : 'en';
  for (const element of document.querySelectorAll('[data-i18n]')) {
    element.textContent = t(element.dataset.i18n);
  }
  for (const element of document.querySelectorAll('[data-i18n-label]')) {
    element.setAttribute('aria-label', t(element.dataset.i18nLabel));
  }
}
