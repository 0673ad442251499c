import assert from 'node:assert/strict';
import { test } from 'node:test';
import { serializeSignedCookie } from 'better-call';
import { type Keys, renewCookies } from '../lib/signatures.ts';

const [old, fresh, foreign] = ['o', 'f', 'x'].map((letter) => letter.repeat(32)) as [
  string,
  string,
  string,
];
const NAME = 'taskflow-localhost.session_token';
const signed = (key: string, name = NAME) => serializeSignedCookie(name, 'token', key);

async function after(cookie: string, keys: Keys) {
  const headers = new Headers({ cookie });
  const renewed = renewCookies(headers, keys);
  return { cookie: headers.get('cookie'), renewed };
}

test('a cookie of the former key is signed anew, for the code behind and for the browser', async () => {
  const { cookie, renewed } = await after(`theme=dark; ${await signed(old)}; last=1`, {
    secret: fresh,
    former: old,
  });
  assert.equal(cookie, `theme=dark; ${await signed(fresh)}; last=1`, 'as Better Auth writes it');
  assert.deepEqual(
    renewed.map(({ name, value }) => `${name}=${encodeURIComponent(value)}`),
    [await signed(fresh)],
  );
});

test('every cookie of the former key is signed anew: the session, and that a browser is known', async () => {
  const names = [NAME, 'taskflow-localhost.known_browser'];
  const both = async (key: string) =>
    (await Promise.all(names.map((n) => signed(key, n)))).join('; ');
  const { cookie, renewed } = await after(await both(old), { secret: fresh, former: old });
  assert.equal(cookie, await both(fresh));
  assert.deepEqual(
    renewed.map(({ name }) => name),
    names,
  );
});

test('a cookie of the next key is accepted, but the browser keeps it as it is', async () => {
  const { cookie, renewed } = await after(await signed(fresh), { secret: old, next: fresh });
  assert.equal(cookie, await signed(old));
  assert.deepEqual(renewed, []);
});

test('a cookie of the key that signs stays, and so does one that no key of ours signed', async () => {
  for (const keys of [
    { secret: fresh, former: old },
    { secret: fresh, next: old },
    { secret: fresh },
  ]) {
    for (const cookie of [
      await signed(fresh),
      await signed(foreign),
      `${NAME}=%`,
      `${NAME}=`,
      'a',
    ]) {
      assert.deepEqual(await after(cookie, keys), { cookie, renewed: [] });
    }
  }
});

test('after a rotation a cookie of the old key is left as it is, for Better Auth to refuse', async () => {
  const cookie = await signed(old);
  assert.deepEqual(await after(cookie, { secret: fresh }), { cookie, renewed: [] });
});

test('a renewed cookie lives as long as a new one, and is sent over HTTPS alone if it was', async () => {
  const day = 24 * 60 * 60;
  const renew = async (...names: string[]) => {
    const cookies = await Promise.all(names.map((name) => signed(old, name)));
    return (await after(cookies.join('; '), { secret: fresh, former: old })).renewed;
  };
  const [session] = await renew(NAME);
  assert.deepEqual(
    { ...session, value: '' },
    {
      name: NAME,
      value: '',
      path: '/',
      httpOnly: true,
      sameSite: 'lax',
      secure: false,
      maxAge: 14 * day,
    },
  );
  assert.equal((await renew('taskflow.known_browser'))[0]?.maxAge, 180 * day);
  assert.equal((await renew(`__Secure-${NAME}`))[0]?.secure, true);
  const brief = await renew(NAME, 'taskflow-localhost.dont_remember');
  assert.deepEqual(
    brief.map(({ maxAge }) => maxAge),
    [undefined, undefined],
    'not to be remembered',
  );
});
