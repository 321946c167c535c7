// The sliders: a place at the low end of some means "as the model recommends" and sends nothing.

import { t } from './i18n.js';

const byId = (id) => document.getElementById(id);

const KNOBS = {
  speed: { field: 'speed_factor', isAuto: () => false, show: (value) => `${value.toFixed(2)}×` },
  steps: { field: 'num_inference_steps', isAuto: (value) => value < 1, show: String },
  guidance: { field: 'guidance_scale', isAuto: (value) => value < 0, show: (value) => value.toFixed(2) },
};

// The fields of a request that the knobs decide.
export function formValues() {
  const fields = {};
  for (const [id, knob] of Object.entries(KNOBS)) {
    const value = Number(byId(id).value);
    if (!knob.isAuto(value)) fields[knob.field] = value;
  }
  const seed = byId('seed').valueAsNumber;
  if (Number.isInteger(seed)) fields.seed = seed;
  const policy = document.querySelector('input[name=policy]:checked').value;
  if (policy) fields.chunk_policy = policy;
  return fields;
}

export function watchKnobs() {
  for (const id of Object.keys(KNOBS)) byId(id).addEventListener('input', () => refresh(id));
  byId('tune-reset').addEventListener('click', reset);
  // Words such as "Auto" follow the language of the page.
  new MutationObserver(refreshAll).observe(document.documentElement, { attributeFilter: ['lang'] });
  refreshAll();
}

// The largest scale the model takes, or null where any will do and the slider stays as it is.
export function limitGuidance(limit) {
  if (limit === null) return;
  byId('guidance').max = limit; // the browser also brings a larger value down to it
  refresh('guidance');
}

function reset() {
  for (const id of [...Object.keys(KNOBS), 'seed']) byId(id).value = byId(id).defaultValue;
  document.querySelector('input[name=policy][value=""]').checked = true;
  refreshAll();
}

function refreshAll() {
  for (const id of Object.keys(KNOBS)) refresh(id);
}

function refresh(id) {
  const value = Number(byId(id).value);
  const text = KNOBS[id].isAuto(value) ? t('auto') : KNOBS[id].show(value);
  byId(`${id}-value`).textContent = text;
  byId(id).setAttribute('aria-valuetext', text);
}
