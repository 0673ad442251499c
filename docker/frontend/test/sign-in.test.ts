import assert from 'node:assert/strict';
import { test } from 'node:test';
import { betterAuth } from 'better-auth';
import { memoryAdapter } from 'better-auth/adapters/memory';
import * as own from '../lib/auth-options.ts';

process.env.LOG_LEVEL = 'error';
const secret = 'a-secret-for-tests-only-9f8e7d6c5b4a';
const password = 'correct horse battery';
const local = { host: 'localhost:8080', origin: 'http://localhost:8080' };
let people = 0;

function optionsOf(secureCookies = false, frontendUrl = 'http://tasks.example.com') {
  return own.authOptions({ secret, frontendUrl, secureCookies });
}

function createAuth(options = optionsOf()) {
  const tables = { user: [], session: [], account: [], verification: [] };
  return betterAuth({ ...options, database: memoryAdapter(tables) });
}

type Auth = ReturnType<typeof createAuth>;

/** What a browser sends; Next calls the handler with its own address in the URL, as here. */
function post(auth: Auth, path: string, headers: Record<string, string>, body: object) {
  return auth.handler(
    new Request(`http://0.0.0.0:3000/api/auth/${path}`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', ...headers },
      body: JSON.stringify(body),
    }),
  );
}

async function signUp(auth: Auth, headers: Record<string, string>) {
  people += 1;
  const email = `person${people}@example.com`;
  const response = await post(auth, 'sign-up/email', headers, { name: 'Person', email, password });
  const cookie = response.headers.get('set-cookie') ?? '';
  return { status: response.status, email, cookie, session: cookie.split(';')[0] ?? '' };
}

const addresses: [string, Record<string, string>][] = [
  ['a NodePort', { host: '192.168.49.2:30080', origin: 'http://192.168.49.2:30080' }],
  ['a port-forward', { host: 'localhost:8080', origin: 'http://localhost:8080' }],
  [
    'an Ingress',
    { host: 'other.example', 'x-forwarded-proto': 'https', origin: 'https://other.example' },
  ],
  ['FRONTEND_URL behind a proxy', { host: 'inner:3000', origin: 'http://tasks.example.com' }],
];

for (const [name, headers] of addresses) {
  test(`a person signs up and out through ${name}`, async () => {
    const auth = createAuth(optionsOf(headers['x-forwarded-proto'] === 'https'));
    const { status, session } = await signUp(auth, headers);
    assert.equal(status, 200);
    const out = await post(auth, 'sign-out', { ...headers, cookie: session }, {});
    assert.equal(out.status, 200, 'the Origin is trusted with a cookie, too');
  });
}

test('a page of another site is refused, with and without a session', async () => {
  const auth = createAuth();
  const { session } = await signUp(auth, local);
  const foreign = { ...local, origin: 'http://evil.example' };

  assert.equal((await signUp(auth, foreign)).status, 403);
  assert.equal((await post(auth, 'sign-out', { ...foreign, cookie: session }, {})).status, 403);
  const neighbour = { ...local, origin: 'http://localhost:8081', cookie: session };
  assert.equal((await post(auth, 'sign-out', neighbour, {})).status, 403, 'another port');
  const plain = { host: 'a.example', 'x-forwarded-proto': 'https', origin: 'http://a.example' };
  assert.equal((await signUp(auth, plain)).status, 403, 'the same host over plain HTTP');
});

test('the session cookie is Secure exactly when the request came by HTTPS', async () => {
  const plain = await signUp(createAuth(), local);
  assert.match(plain.cookie, /^taskflow-tasks\.example\.com\.session_token=/);
  assert.doesNotMatch(plain.cookie, /Secure/);
  const secure = await signUp(createAuth(optionsOf(true)), local);
  assert.match(secure.cookie, /^__Secure-taskflow-tasks\.example\.com\.session_token=.*Secure/);
  for (const { cookie } of [plain, secure]) assert.match(cookie, /HttpOnly.*SameSite=Lax/i);
});

test('guessing a password is slowed down for that account only, and success starts anew', async () => {
  const auth = createAuth();
  const [victim, other] = [await signUp(auth, local), await signUp(auth, local)];
  const attempt = async (email: string, guess: string) =>
    (await post(auth, 'sign-in/email', local, { email, password: guess })).status;

  for (let i = 0; i < 9; i += 1) assert.equal(await attempt(victim.email, 'wrong guess'), 401);
  assert.equal(await attempt(victim.email, password), 200);
  for (let i = 0; i < 10; i += 1) assert.equal(await attempt(victim.email, 'wrong guess'), 401);
  assert.equal(await attempt(victim.email.toUpperCase(), password), 429);

  // As Next has it, one for pages and one for routes.
  const copy: typeof own = await import(
    new URL('../lib/auth-options.js?copy', import.meta.url).href
  );
  const settings = { secret, frontendUrl: undefined, secureCookies: true };
  const another = createAuth(copy.authOptions(settings));
  const account = { email: victim.email, password };
  const status = (await post(another, 'sign-in/email', local, account)).status;
  assert.equal(status, 429, 'neither is another scheme a way around it, nor the other copy');
  assert.equal(await attempt(other.email, password), 200);
});

test('an open screen is no way to guess the password without end', async () => {
  const auth = createAuth();
  const { session } = await signUp(auth, local);
  const attempt = async (guess: string) => {
    const signedIn = { ...local, cookie: session };
    return (await post(auth, 'delete-user', signedIn, { password: guess })).status;
  };
  for (let i = 0; i < 10; i += 1) assert.equal(await attempt('wrong guess'), 400);
  assert.equal(await attempt(password), 429);
});

test('what Better Auth would let pass is refused: long names, NUL, leaving without a password', async () => {
  const auth = createAuth();
  const { email, session } = await signUp(auth, local);
  const code = async (path: string, body: object) => {
    const response = await post(auth, path, { ...local, cookie: session }, body);
    return response.status === 400 ? (await response.json()).code : response.status;
  };
  const other = { email: 'other@example.com', password };
  assert.equal(await code('sign-up/email', { ...other, name: 'n'.repeat(101) }), 'NAME_TOO_LONG');
  assert.equal(await code('sign-up/email', { ...other, name: 'a\0b' }), 'VALIDATION_ERROR');
  assert.equal(
    await code('sign-up/email', { ...other, name: 'a', image: '\0' }),
    'VALIDATION_ERROR',
  );
  assert.equal(await code('delete-user', {}), 'PASSWORD_REQUIRED');
  assert.equal(await code('delete-user', { password: 'wrong guess' }), 'INVALID_PASSWORD');
  assert.equal(await code('sign-in/email', { email, password }), 200, 'the account is still there');
  assert.equal(await code('delete-user', { password }), 200);
});

test('no line of the log tells who tried to sign in or up', async (t) => {
  const auth = createAuth();
  const { email } = await signUp(auth, local);
  const { mock } = t.mock.method(process.stdout, 'write');
  process.env.LOG_LEVEL = 'debug';
  await post(auth, 'sign-in/email', local, { email, password: 'wrong guess' });
  await post(auth, 'sign-in/email', local, { email: `not-${email}`, password });
  await post(auth, 'sign-up/email', local, { name: 'Again', email, password });
  optionsOf().logger.log('error', 'User not found', { email }, new Error('gone'));
  process.env.LOG_LEVEL = 'error';
  const lines = mock.calls.map(({ arguments: [line] }) => String(line)).join('');
  assert.match(lines, /"warn".*Invalid password/);
  assert.match(lines, /"warn".*User not found.*gone/, 'an error is told, and as a warning');
  assert.ok(!lines.includes(email), lines);
});

test('two releases on one host keep their cookies apart, though cookies know no port', async () => {
  const cookie = async (frontendUrl: string) =>
    (await signUp(createAuth(optionsOf(false, frontendUrl)), local)).cookie.split('=')[0];
  assert.equal(await cookie('http://127.0.0.1:30080'), 'taskflow-127.0.0.1-30080.session_token');
  assert.equal(await cookie('http://[::1]:3000/'), 'taskflow--1-3000.session_token');
});
