// Light or dark: as the system says until somebody chooses. theme.js applies the choice early.

import { remember } from './storage.js';

const system = matchMedia('(prefers-color-scheme: dark)');

export function themeOf() {
  return document.documentElement.dataset.theme ?? (system.matches ? 'dark' : 'light');
}

export function watchTheme(button) {
  button.addEventListener('click', () => {
    const next = themeOf() === 'dark' ? 'light' : 'dark';
    document.documentElement.dataset.theme = next;
    remember('theme', next);
  });
}
