import assert from 'node:assert/strict';
import { test } from 'node:test';
import { betterAuth } from 'better-auth';
import { memoryAdapter } from 'better-auth/adapters/memory';
import { authOptions } from '../lib/auth-options.ts';

process.env.LOG_LEVEL = 'error';
const secret = 'a-secret-for-tests-only-9f8e7d6c5b4a';
const password = 'correct horse battery';
let people = 0;

function createAuth(secureCookies = false) {
  const tables = { user: [], session: [], account: [], verification: [] };
  const settings = { secret, frontendUrl: 'http://tasks.example.com', secureCookies };
  return betterAuth({ ...authOptions(settings), database: memoryAdapter(tables) });
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
    const auth = createAuth(headers['x-forwarded-proto'] === 'https');
    const { status, session } = await signUp(auth, headers);
    assert.equal(status, 200);
    const out = await post(auth, 'sign-out', { ...headers, cookie: session }, {});
    assert.equal(out.status, 200, 'the Origin is trusted with a cookie, too');
  });
}

test('a page of another site is refused, with and without a session', async () => {
  const auth = createAuth();
  const own = { host: 'localhost:8080', origin: 'http://localhost:8080' };
  const { session } = await signUp(auth, own);
  const foreign = { ...own, origin: 'http://evil.example' };

  assert.equal((await signUp(auth, foreign)).status, 403);
  assert.equal((await post(auth, 'sign-out', { ...foreign, cookie: session }, {})).status, 403);
  const neighbour = { ...own, origin: 'http://localhost:8081', cookie: session };
  assert.equal((await post(auth, 'sign-out', neighbour, {})).status, 403, 'another port');
  const plain = { host: 'a.example', 'x-forwarded-proto': 'https', origin: 'http://a.example' };
  assert.equal((await signUp(auth, plain)).status, 403, 'the same host over plain HTTP');
});

test('the session cookie is Secure exactly when the request came by HTTPS', async () => {
  const headers = { host: 'localhost:8080', origin: 'http://localhost:8080' };
  const plain = await signUp(createAuth(false), headers);
  assert.match(plain.cookie, /^taskflow\.session_token=/);
  assert.doesNotMatch(plain.cookie, /Secure/);
  const secure = await signUp(createAuth(true), headers);
  assert.match(secure.cookie, /^__Secure-taskflow\.session_token=.*Secure/);
  for (const { cookie } of [plain, secure]) assert.match(cookie, /HttpOnly.*SameSite=Lax/i);
});

test('guessing a password is slowed down for that account only, and success starts anew', async () => {
  const auth = createAuth();
  const headers = { host: 'localhost:8080', origin: 'http://localhost:8080' };
  const [victim, other] = [await signUp(auth, headers), await signUp(auth, headers)];
  const attempt = async (email: string, guess: string) =>
    (await post(auth, 'sign-in/email', headers, { email, password: guess })).status;

  for (let i = 0; i < 9; i += 1) assert.equal(await attempt(victim.email, 'wrong guess'), 401);
  assert.equal(await attempt(victim.email, password), 200);
  for (let i = 0; i < 10; i += 1) assert.equal(await attempt(victim.email, 'wrong guess'), 401);
  assert.equal(await attempt(victim.email.toUpperCase(), password), 429);
  assert.equal(await attempt(other.email, password), 200);
});
