import assert from 'node:assert/strict';
import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';
import { test } from 'node:test';
import { forTheReleaseBefore, isConnectionError, problemOf } from '../lib/problem.ts';

test('a field that the backend refuses is named', () => {
  const body = {
    detail: [{ loc: ['body', 'title'], msg: 'String should have at most 200 characters' }],
  };
  const problem = problemOf(422, body);
  assert.equal(problem.kind, 'invalid');
  assert.equal(problem.message, 'Title: String should have at most 200 characters.');
});

test('a sentence of the backend is shown as it is, and a strange body does no harm', () => {
  assert.equal(problemOf(422, { detail: 'Too late.' }).message, 'Too late.');
  for (const body of [undefined, null, 'text', { detail: 3 }, { detail: [null, {}] }]) {
    assert.equal(problemOf(422, body).message, 'This was not accepted.');
  }
});

test('an outage and a bug are distinguished, and neither shows what the server said', () => {
  assert.equal(problemOf(503, { detail: 'pg: 10.0.0.3 refused' }).kind, 'away');
  assert.equal(problemOf(500, { detail: 'Traceback' }).kind, 'unexpected');
  for (const status of [500, 503])
    assert.doesNotMatch(problemOf(status, { detail: 'Traceback' }).message, /Trace/);
});

test('a refused connection may be tried again at once, a timeout may not', async () => {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  const refused = await fetch(`http://127.0.0.1:${port}`).catch((error: unknown) => error);
  assert.equal(isConnectionError(refused), true);
  assert.equal(isConnectionError(new DOMException('timeout', 'TimeoutError')), false);
});

test('a task that was changed elsewhere comes with what it is now', () => {
  const task = { id: '1', title: 'Rye bread', version: 3 };
  const problem = problemOf(412, { detail: 'the task has changed', task });
  assert.equal(problem.kind, 'conflict');
  assert.deepEqual(problem.present, task);
});

test('a field that an older backend does not know is not sent again', () => {
  const errors = [
    { type: 'extra_forbidden', loc: ['body', 'id'], msg: 'Extra inputs are not permitted' },
    { type: 'string_too_long', loc: ['body', 'title'], msg: 'too long' },
  ];
  const body = { id: '1', title: 'Rye bread' };
  for (const refusal of [{ detail: 'Id: no.', errors }, { detail: errors }]) {
    assert.deepEqual(forTheReleaseBefore(422, refusal, body), { title: 'Rye bread' });
  }
});

test('a refused call that would be sent unchanged is not sent again', () => {
  const extra = (...loc: unknown[]) => ({ errors: [{ type: 'extra_forbidden', loc }] });
  const body = { messages: [{ role: 'user', content: 'x', foo: 1, messages: 2 }] };
  for (const refusal of [
    extra('body', 'messages', 0, 'foo'),
    extra('body', 'messages', 0, 'messages'),
    extra('body', 'another'),
    { errors: [{ type: 'missing', loc: ['body', 'messages'] }] },
    { detail: 'Too late.' },
  ]) {
    assert.equal(forTheReleaseBefore(422, refusal, body), undefined, JSON.stringify(refusal));
  }
  assert.equal(forTheReleaseBefore(409, extra('body', 'messages'), body), undefined);
  assert.equal(forTheReleaseBefore(422, extra('body', 'messages')), undefined, 'without a body');
});
