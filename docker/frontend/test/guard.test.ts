import assert from 'node:assert/strict';
import { test } from 'node:test';
import { bodyRefusal, isFrom, refusalOf } from '../lib/guard.ts';

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

test('a body of unknown length is not read by a route handler', () => {
  const body = (headers: Record<string, string>) => bodyRefusal(new Headers(headers), 9)?.status;
  assert.equal(body({ 'content-length': '9' }), undefined);
  assert.equal(body({ 'content-length': '10' }), 413);
  assert.equal(body({ 'transfer-encoding': 'chunked' }), 411);
});

test('only the whole origin of FRONTEND_URL stands for it', () => {
  const from = (origin: string) => isFrom('https://t.example/', new Headers({ origin }));
  assert.equal(from('https://t.example'), true);
  for (const other of ['http://t.example', 'https://t.example:8443', 'https://a.t.example', '']) {
    assert.equal(from(other), false, other);
  }
  assert.equal(isFrom(undefined, new Headers({ origin: 'undefined' })), false);
});
