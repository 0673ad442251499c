import assert from 'node:assert/strict';
import { test } from 'node:test';
import { inTurn, isBusy, PasswordChecks } from '../lib/password-checks.ts';
import { type RequestContext, requests } from '../lib/request.ts';

test('passwords are checked one after the other', async () => {
  const checks = new PasswordChecks();
  let running = 0;
  let most = 0;
  const one = async () => {
    running += 1;
    most = Math.max(most, running);
    await new Promise((resolve) => setTimeout(resolve, 5));
    running -= 1;
  };
  await Promise.all(Array.from({ length: 20 }, (_, i) => checks.run(`person ${i}`, one)));
  assert.equal(most, 1);
});

test('a failed check gives its turn on', async () => {
  const checks = new PasswordChecks();
  await assert.rejects(
    checks.run('a', () => Promise.reject(new Error('wrong'))),
    /wrong/,
  );
  assert.equal(await checks.run('a', async () => 'right'), 'right');
});

test('of many guesses at one account few are checked at once', async () => {
  const checks = new PasswordChecks();
  const guesses = Array.from({ length: 40 }, () => checks.run('victim', async () => 'checked'));
  const results = await Promise.allSettled(guesses);
  const refused = results.flatMap((result) => (result.status === 'rejected' ? result.reason : []));
  assert.equal(refused.length, 38);
  assert.ok(refused.every(isBusy));
  assert.equal(await checks.run('victim', async () => 'checked'), 'checked');
});

test('a password that is sent to a page for other things is not checked', async () => {
  const run = () => inTurn('a', async () => 'in');
  const change: RequestContext = { id: '1', kind: 'change' };
  await assert.rejects(requests.run(change, run), isBusy);
  assert.equal(change.refused, 503, 'the figures have it');
  const signIn: RequestContext = { id: '1', kind: 'password' };
  assert.equal(await requests.run(signIn, run), 'in');
  assert.equal(signIn.refused, undefined);
});
