import assert from 'node:assert/strict';
import { test } from 'node:test';
import { refusalOf } from '../lib/guard.ts';

const status = (method: string, headers: Record<string, string>) =>
  refusalOf(method, new Headers({ host: 'localhost:8080', ...headers }), 'https://t.example/')
    ?.status;

test('a form of this site passes, whichever address it was opened at', () => {
  assert.equal(status('POST', { origin: 'http://localhost:8080' }), undefined);
  assert.equal(status('POST', { origin: 'https://t.example' }), undefined, 'FRONTEND_URL');
});

test('a form of another site is refused, reading a page is not', () => {
  for (const origin of ['http://evil.example', 'null', 'https://localhost:8080']) {
    assert.equal(status('POST', { origin }), 403, origin);
    assert.equal(status('GET', { origin }), undefined);
  }
});

test('a body that nobody could have typed is refused', () => {
  assert.equal(status('POST', { 'content-length': '262145' }), 413);
  assert.equal(status('POST', { 'content-length': '262144' }), undefined);
});
