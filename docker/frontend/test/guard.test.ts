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

function form(...fields: [name: string, value: string][]): string {
  const parts = fields.map(
    ([name, value]) => `Content-Disposition: form-data; name="${name}"\r\n\r\n${value}`,
  );
  return [...parts.map((part) => `--${BOUNDARY}\r\n${part}\r\n`), `--${BOUNDARY}--\r\n`].join('');
}

const ID = '40'.repeat(21);

/** A form whose action has arguments, as React writes it. */
function bound(args: string, action = `{"id":"${ID}","bound":"$@1"}`): string {
  return form(
    ['$ACTION_REF_1', ''],
    ['$ACTION_1:0', action],
    ['$ACTION_1:1', args],
    ['$ACTION_KEY', 'k1'],
    ['email', 'ada@example.com'],
  );
}

const TEXT = { 'content-type': 'text/plain;charset=UTF-8' };

test('a form that a browser sends passes, with scripts and without', async () => {
  const plain = form([`$ACTION_ID_${ID}`, ''], ['notes', '$F1\r\n\r\n--$@']);
  assert.equal(await read(FORM, plain), undefined);
  assert.equal(await read(FORM, bound('[{"message":"","name":"$$F1"}]')), undefined);
  const call = form(['_1_$ACTION_REF_1', ''], ['_1_title', '$F1'], ['0', '[{"ok":true},"$K1"]']);
  assert.equal(await read({ ...FORM, ...ACTION }, call), undefined);
  for (const args of ['[]', '["an id",1]', '["an id","$undefined"]', '["$$F1",{"a":[null]}]']) {
    assert.equal(await read({ ...TEXT, ...ACTION }, args), undefined, args);
  }
  assert.equal(await read(TEXT, 'no form'), undefined);
});

test('a form of unknown length that is too large is refused once it is read', async () => {
  const chunk = new TextEncoder().encode(form(['notes', 'x'.repeat(MAX_BODY_BYTES)]));
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
  const whole = form(['0', '[]']);
  const part = (head: string) => whole.replace('name="0"', `name="0"${head}`);
  const call = { ...FORM, ...ACTION };
  for (const body of [
    'garbage',
    '',
    whole.slice(0, -BOUNDARY.length),
    `preamble${whole}`,
    whole.replace('Disposition:', ''),
    part('; filename="a"'),
    part('\r\nContent-Type: application/octet-stream'),
    part('\r\nContent-Transfer-Encoding: base64'),
    form(['1', '[]']),
    form(['0', '[]'], ['0', '[]']),
    form(['0', '[]'], ['', '[]']),
    form(['0', '[]'], ['0.0', '[]']),
    form(['0', '[]'], ['S0', 'C']),
    form(['0', '["$1"]'], ['1', '["$0"]']),
    form(['0', '[]'], ['\ufeff_1_a', '']),
  ]) {
    assert.equal(await read(call, body), 400, body);
    assert.equal(await read(FORM, body), 400, body);
  }
  const twice = { ...call, 'content-type': `${FORM['content-type']}; boundary=x` };
  assert.equal(await read(twice, whole), 400, 'two boundaries');
  const hidden = whole.replaceAll(BOUNDARY, 'undefined');
  const unread = {
    ...call,
    'content-type': `multipart/form-data; charset=a; boundary=${BOUNDARY}`,
  };
  assert.equal(await read(unread, hidden), 400, 'a boundary that is read by others alone');
  for (const type of ['multipart/form-data', 'application/x-www-form-urlencoded', 'a/b', '']) {
    assert.equal(await read({ ...ACTION, 'content-type': type }, '[]'), 400, type);
  }
});

test('arguments that no page of ours sends are refused before React decodes them', async () => {
  const deep = '['.repeat(10_000) + ']'.repeat(10_000);
  const marks =
    '$ $F $F1 $h1 $@ $@0 $@9 $0 $0:0 $0:__proto__:a $B $Bff $K $Kzz $Q1 $W0 $i0 $nzz $D $R1 $x1 $A1 $T $Z $H $-0';
  const references = marks.split(' ').flatMap((mark) => [`["${mark}"]`, `[{"a":["${mark}"]}]`]);
  const others = ['null', '5', '"x"', '{"length":1e9}', '{zz', '[1,1,1,1,1]', '\ufeff[]', deep];
  for (const args of [...references, ...others]) {
    const name = args.slice(0, 40);
    assert.equal(await read({ ...TEXT, ...ACTION }, args), 400, name);
    assert.equal(await read({ ...FORM, ...ACTION }, form(['0', args])), 400, `form: ${name}`);
    assert.equal(await read(FORM, bound(args)), 400, `bound: ${name}`);
  }
});

test('an action that a form names otherwise than React does is refused', async () => {
  for (const action of [
    `{"id":"${ID}","bound":"$F1"}`,
    `{"id":"${ID}","bound":null}`,
    `{"id":"${ID}","id":"nope","bound":"$@1"}`,
    '{"id":"nope","bound":"$@1"}',
    '{zz',
  ]) {
    assert.equal(await read(FORM, bound('[{}]', action)), 400, action);
  }
  for (const [name, ...rest] of [
    ['email'],
    ['$ACTION_ID_40'],
    ['$ACTION_REF_1'],
    ['$ACTION_REF_x', '$ACTION_x:0', '$ACTION_x:1'],
    [`$ACTION_ID_${ID}`, '$ACTION_other'],
    ['$ACTION_KEY'],
    [`$ACTION_ID_${ID}`, `$ACTION_ID_${'60'.repeat(21)}`],
  ] as [string, ...string[]][]) {
    const fields = [name, ...rest].map((field): [string, string] => [field, '[]']);
    assert.equal(await read(FORM, form(...fields)), 400, name);
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
