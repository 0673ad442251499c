import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { attemptsIn } from '../lib/attempts.ts';
import { createPool } from '../lib/database.ts';
import { countQuestion } from '../lib/questions.ts';
import { newDatabase } from './new-database.ts';

const TABLE = `
  create table verification (
    id text primary key, identifier text not null, value text not null, "expiresAt" timestamptz not null,
    "createdAt" timestamptz not null, "updatedAt" timestamptz not null
  );`;
/** In place of Postgres' own: tests on a busy machine lose no second. */
const CLOCK = `
  create schema clock;
  create table clock.time (at timestamptz);
  insert into clock.time values (pg_catalog.now());
  create function clock.now() returns timestamptz language sql stable as 'select at from clock.time';
  do $$ begin
    execute format('alter database %I set search_path = clock, public, pg_catalog', current_database());
  end $$`;
const KEY = 'account ada@example.com';
const FREE = [0, 0, 0, 0, 0, 0];

/** Two pods' pools on one database; `pass` lets seconds pass. */
async function pods(t: TestContext) {
  const { url, run } = await newDatabase(t, TABLE + CLOCK);
  const pools = [createPool(url), createPool(url)] as const;
  t.after(() => Promise.all(pools.map((pool) => pool.end())));
  const pass = (seconds: number) =>
    run.query(`update clock.time set at = at + $1 * interval '1 second'`, [seconds]);
  const [one, other] = [attemptsIn(pools[0]), attemptsIn(pools[1])];
  return { pools, run, pass, one, other };
}

async function times(count: number, ask: () => Promise<number>): Promise<number[]> {
  const answers: number[] = [];
  for (let i = 0; i < count; i += 1) answers.push(await ask());
  return answers;
}

test('six guesses are free; then the pauses grow to a minute, in all pods', async (t) => {
  const { pass, one, other } = await pods(t);
  assert.deepEqual(await times(6, () => one.begin(KEY)), FREE);
  const pauses: number[] = [];
  for (let i = 0; i < 8; i += 1) {
    const pause = await other.begin(KEY);
    pauses.push(pause);
    assert.equal(await one.begin(KEY), pause, 'who must wait is not counted');
    await pass(pause);
    assert.equal(await one.begin(KEY), 0);
  }
  assert.deepEqual(pauses, [1, 3, 7, 15, 31, 60, 60, 60]);
  assert.equal(await other.begin('account grace@example.com'), 0, 'another account is free');
});

test('many guesses at once are as many as one after the other', async (t) => {
  const { one, other } = await pods(t);
  const answers = await Promise.all(
    Array.from({ length: 20 }, (_, i) => (i % 2 ? one : other).begin(KEY)),
  );
  assert.equal(answers.filter((seconds) => seconds === 0).length, 6);
  assert.ok(answers.every((seconds) => seconds === 0 || seconds === 1));
});

test('an hour of rest forgets the guesses, a minute less does not', async (t) => {
  const { pass, one } = await pods(t);
  await times(7, () => one.begin(KEY));
  await pass(59 * 60);
  assert.deepEqual(await times(2, () => one.begin(KEY)), [0, 3]);
  await pass(60 * 60);
  assert.deepEqual(await times(7, () => one.begin(KEY)), [...FREE, 1]);
});

test('the right password starts anew, and takes along what has expired', async (t) => {
  const { pass, run, one, other } = await pods(t);
  await one.begin('account of long ago');
  await pass(60 * 60);
  await times(7, () => one.begin(KEY));
  await times(7, () => one.begin('another'));
  await other.forget(KEY);
  assert.deepEqual(await times(7, () => one.begin(KEY)), [...FREE, 1]);
  assert.equal(await one.begin('another'), 1);
  const { rows } = await run.query('select * from verification');
  assert.equal(rows.length, 2);
  assert.doesNotMatch(JSON.stringify(rows), /ada|another/, 'only digests are stored');
});

test('a person asks the assistant twenty questions a minute, of all pods together', async (t) => {
  const { pools, pass, run } = await pods(t);
  const [first, second] = pools;
  assert.deepEqual(await times(10, () => countQuestion(first, 'ada')), Array(10).fill(0));
  assert.deepEqual(await times(11, () => countQuestion(second, 'ada')), [...Array(10).fill(0), 60]);
  await pass(50);
  assert.equal(await countQuestion(first, 'ada'), 10, 'a refused one does not prolong the minute');
  assert.equal(await countQuestion(first, 'grace'), 0);
  await pass(10);
  assert.equal(await countQuestion(second, 'ada'), 0);
  await pass(60);
  await countQuestion(second, 'grace');
  const { rows } = await run.query('select id from verification');
  assert.deepEqual(rows, [{ id: 'questions:grace' }], 'what has expired is gone');
});
