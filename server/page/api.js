// Requests to the server, and every failure as one kind of error with words for people.

import { t, translateProblem } from './i18n.js';

export class ApiError extends Error {
  constructor({ code, message, field = null, fix = '', retriable = false }, status = 0) {
    super(translateProblem(code, message, fix));
    this.name = 'ApiError';
    Object.assign(this, { code, field, retriable, status });
  }
}

export function networkError() {
  return new ApiError({ code: 'network', message: t('problem_network'), retriable: true });
}

// The answer, or an ApiError with the server's own words where it sent some.
export async function request(url, options = {}) {
  let answer;
  try {
    answer = await fetch(url, options);
  } catch (error) {
    if (error.name === 'AbortError') throw error;
    throw networkError();
  }
  if (!answer.ok) throw await readProblem(answer);
  return answer;
}

export async function postJson(url, body, signal) {
  const headers = { 'Content-Type': 'application/json' };
  const answer = await request(url, { method: 'POST', headers, body: JSON.stringify(body), signal });
  return answer.json();
}

export async function readProblem(answer) {
  const body = await answer.json().catch(() => ({}));
  const unknown = { code: `http_${answer.status}`, message: t('problem_status', { status: answer.status }) };
  return new ApiError(body.error ?? unknown, answer.status);
}
