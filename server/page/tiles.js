// The numbers under the player: one tile each, made when first shown, written when changed.

import { t } from './i18n.js';

const list = document.getElementById('measures');
const values = new Map();

// `rows` as Measures.rows() gives them.
export function showMeasures(rows) {
  for (const [key, text, isLarge] of rows) {
    if (!values.has(key)) values.set(key, addTile(key, isLarge));
    const value = values.get(key);
    if (value.textContent !== text) value.textContent = text;
  }
}

function addTile(key, isLarge) {
  const tile = document.createElement('div');
  tile.className = isLarge ? 'tile large' : 'tile';
  const name = document.createElement('dt');
  name.dataset.i18n = key;
  name.textContent = t(key);
  const value = document.createElement('dd');
  value.dataset.measure = key;
  tile.append(name, value);
  list.append(tile);
  return value;
}
