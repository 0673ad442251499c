import assert from 'node:assert/strict';
import { test } from 'node:test';
import { bodyRefusal, formRefusal, isFrom, MAX_BODY_BYTES, refusalOf } from '../lib/guard.ts';

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

const BOUNDARY = '----formBoundary7MA4YWxkTrZu0gW';
const FORM = { 'content-type': `multipart/form-data; boundary=${BOUNDARY}` };
const ACTION = { 'next-action': 'a'.repeat(42) };

async function read(headers: Record<string, string>, body: string, method = 'POST') {
  const request = new Request('http://localhost:8080/tasks', { method, headers, body });
  return (await formRefusal(request))?.status;
}

function form(name: string, value: string): string {
  const head = `Content-Disposition: form-data; name="${name}"`;
  return `--${BOUNDARY}\r\n${head}\r\n\r\n${value}\r\n--${BOUNDARY}--\r\n`;
}

test('a form that a browser sends passes, with scripts and without', async () => {
  assert.equal(await read(FORM, form('email', 'ada@example.com')), undefined);
  assert.equal(await read({ ...FORM, ...ACTION }, form('0', '["$K1"]')), undefined);
  assert.equal(await read({ ...ACTION, 'content-type': 'text/plain' }, '["an id"]'), undefined);
  assert.equal(await read({ 'content-type': 'text/plain' }, 'no form'), undefined);
});

test('a form of unknown length that is too large is refused once it is read', async () => {
  const chunk = new TextEncoder().encode(form('notes', 'x'.repeat(MAX_BODY_BYTES)));
  const body = new ReadableStream({
    start(stream) {
      stream.enqueue(chunk);
      stream.close();
    },
  });
  const sent = { method: 'POST', headers: FORM, body, duplex: 'half' } as const;
  const request = new Request('http://localhost:8080/tasks', sent);
  assert.equal((await formRefusal(request))?.status, 413);
});

test('a form that nobody can read is the fault of who sent it', async () => {
  const whole = form('0', '[]');
  const cut = whole.slice(0, -BOUNDARY.length);
  for (const body of ['garbage', '', cut, whole.replace('Disposition:', '')]) {
    assert.equal(await read(FORM, body), 400, body);
    assert.equal(await read({ ...FORM, ...ACTION }, body), 400, body);
  }
  assert.equal(await read({ 'content-type': 'multipart/form-data' }, form('0', '[]')), 400);
  assert.equal(await read({ ...FORM, ...ACTION }, form('1', '[]')), 400, 'without arguments');
  assert.equal(await read({ ...FORM, ...ACTION }, form('0', '{zz')), 400);
  assert.equal(await read({ ...ACTION, 'content-type': 'text/plain' }, '[garbage'), 400);
  for (const other of ['null', '5', '"x"', '{"length":1e9}']) {
    assert.equal(await read({ ...FORM, ...ACTION }, form('0', other)), 400, `no list: ${other}`);
  }
});

test('only the whole origin of FRONTEND_URL matches', () => {
  const from = (origin: string) => isFrom('https://t.example/', new Headers({ origin }));
  assert.equal(from('https://t.example'), true);
  for (const other of ['http://t.example', 'https://t.example:8443', 'https://a.t.example', '']) {
    assert.equal(from(other), false, other);
  }
  assert.equal(isFrom(undefined, new Headers({ origin: 'undefined' })), false);
});
