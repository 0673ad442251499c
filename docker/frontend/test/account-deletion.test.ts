import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { betterAuth } from 'better-auth';
import { getMigrations } from 'better-auth/db/migration';
import { authOptions } from '../lib/auth-options.ts';
import { createPool } from '../lib/database.ts';
import { newDatabase } from './new-database.ts';

process.env.LOG_LEVEL = 'error';
const origin = 'http://localhost:8080';
const account = { name: 'Ada', email: 'ada@example.com', password: 'thirty-two purple elephants' };
const TASK = `
  create table task (user_id text references "user" on delete cascade);
  insert into task select id from "user";`;
const FAILING = `
  create function fail() returns trigger language plpgsql as $$ begin raise 'no'; end $$;
  create trigger fail before delete on task for each row execute function fail();`;

/** A database with one account, which has a task. */
async function site(t: TestContext) {
  const { url, run } = await newDatabase(t, '');
  const pool = createPool(url);
  t.after(() => pool.end());
  const options = authOptions({
    secret: 'a-secret-for-tests-only-9f8e7d6c5b4a',
    frontendUrl: origin,
    secureCookies: false,
    attempts: { begin: async () => 0, forget: async () => {} },
    pool,
  });
  await (await getMigrations({ ...options, database: pool })).runMigrations();
  const auth = betterAuth({ ...options, database: pool });
  const post = (path: string, body: object, cookie = '') =>
    auth.handler(
      new Request(`${origin}/api/auth/${path}`, {
        method: 'POST',
        headers: { host: 'localhost:8080', origin, cookie, 'content-type': 'application/json' },
        body: JSON.stringify(body),
      }),
    );
  const signedUp = await post('sign-up/email', account);
  const cookie = signedUp.headers.getSetCookie()[0]?.split(';')[0];
  await run.query(TASK);
  const remove = (password: string) => post('delete-user', { password }, cookie);
  const rows = async () => {
    const counts: (number | null)[] = [];
    for (const table of ['user', 'account', 'session', 'task']) {
      counts.push((await run.query(`select from "${table}"`)).rowCount);
    }
    return counts;
  };
  return { remove, rows, run };
}

test('an account whose tasks cannot be deleted keeps its password and its session', async (t) => {
  const { remove, rows, run } = await site(t);
  await run.query(FAILING);
  await assert.rejects(remove(account.password), /no/);
  assert.deepEqual(await rows(), [1, 1, 1, 1]);
  await run.query('drop trigger fail on task');
  assert.equal((await remove(account.password)).status, 200, 'the same session can try again');
});

test('all of an account goes with it, and the browser is signed out; a wrong password deletes nothing', async (t) => {
  const { remove, rows } = await site(t);
  assert.equal((await remove('not the password')).status, 400);
  assert.deepEqual(await rows(), [1, 1, 1, 1]);
  const { status, headers } = await remove(account.password);
  assert.equal(status, 200);
  assert.match(headers.getSetCookie().join(), /session_token=;[^,]* Max-Age=0/);
  assert.deepEqual(await rows(), [0, 0, 0, 0]);
});
