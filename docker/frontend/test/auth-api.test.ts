import assert from 'node:assert/strict';
import { test } from 'node:test';
import { betterAuth } from 'better-auth';
import { memoryAdapter } from 'better-auth/adapters/memory';
import { answerAuth } from '../lib/auth-api.ts';
import { authOptions } from '../lib/auth-options.ts';
import { log } from '../lib/log.ts';
import { type RequestContext, requests } from '../lib/request.ts';

process.env.LOG_LEVEL = 'error';
const origin = 'http://localhost:8080';
const account = { name: 'Ada', email: 'ada@example.com', password: 'thirty-two purple elephants' };
const signUp = 'POST sign-up/email';
const signIn = 'POST sign-in/email';

/** Better Auth with one account; a second attempt at a password has to wait. */
async function site() {
  let attempts = 0;
  const auth = betterAuth({
    ...authOptions({
      secret: 'a-secret-for-tests-only-9f8e7d6c5b4a',
      frontendUrl: origin,
      secureCookies: false,
      attempts: { begin: async () => (attempts++ ? 7 : 0), forget: async () => {} },
      pool: { query: async () => {} } as never,
    }),
    database: memoryAdapter({ user: [], session: [], account: [], verification: [] }),
  });
  const send = (what: string, body?: unknown, headers = {}, handler = auth.handler) => {
    const [method = '', path = ''] = what.split(' ');
    const text = typeof body === 'string' ? body : JSON.stringify(body);
    const given = {
      host: 'localhost:8080',
      origin,
      ...(text && { 'content-type': 'application/json', 'content-length': String(text.length) }),
      ...headers,
    };
    const request = { method, headers: given, ...(text && { body: text }) };
    return answerAuth(new Request(`http://0.0.0.0:3000/api/auth/${path}`, request), handler);
  };
  const signedUp = await send(signUp, account);
  return { send, signedUp };
}

type Send = Awaited<ReturnType<typeof site>>['send'];

const errors: [
  name: string,
  status: number,
  code: string,
  act: (send: Send) => Promise<Response>,
][] = [
  ['malformed JSON', 400, 'BAD_REQUEST', (send) => send(signIn, '{')],
  ['a field is missing', 400, 'VALIDATION_ERROR', (send) => send(signIn, {})],
  [
    'a common password',
    400,
    'PASSWORD_TOO_COMMON',
    (send) => send(signUp, { ...account, password: 'passwort' }),
  ],
  [
    'a short password',
    400,
    'PASSWORD_TOO_SHORT',
    (send) => send(signUp, { ...account, email: 'b@example.com', password: 'kJ8#' }),
  ],
  ['no name', 400, 'NAME_REQUIRED', (send) => send(signUp, { ...account, name: ' ' })],
  [
    'a wrong password',
    401,
    'INVALID_EMAIL_OR_PASSWORD',
    (send) => send(signIn, { ...account, password: 'not the password' }),
  ],
  [
    'no session',
    401,
    'UNAUTHORIZED',
    (send) => send('POST delete-user', { password: account.password }),
  ],
  [
    'another site',
    403,
    'INVALID_ORIGIN',
    (send) => send(signIn, account, { origin: 'http://evil.example' }),
  ],
  ['what is not offered', 404, 'NOT_FOUND', (send) => send('GET list-sessions')],
  ['no length', 411, 'LENGTH_REQUIRED', (send) => send('POST sign-out')],
  ['a large body', 413, 'PAYLOAD_TOO_LARGE', (send) => send(signIn, 'x'.repeat(20_000))],
  [
    'XML',
    415,
    'UNSUPPORTED_MEDIA_TYPE',
    (send) => send(signIn, '<a/>', { 'content-type': 'text/xml' }),
  ],
  [
    'an account that exists',
    422,
    'USER_ALREADY_EXISTS_USE_ANOTHER_EMAIL',
    (send) => send(signUp, account),
  ],
  [
    'many attempts',
    429,
    'TOO_MANY_ATTEMPTS',
    async (send) => {
      await send(signIn, account);
      return send(signIn, account);
    },
  ],
  [
    'many people',
    503,
    'SERVICE_UNAVAILABLE',
    (send) => requests.run({ id: '1', kind: 'change' }, () => send(signIn, account)),
  ],
  [
    'an outage',
    503,
    'SERVICE_UNAVAILABLE',
    (send) => send(signIn, account, {}, async () => Response.json({}, { status: 500 })),
  ],
  [
    'an outage that is thrown',
    503,
    'SERVICE_UNAVAILABLE',
    (send) =>
      send('GET get-session', undefined, {}, () => Promise.reject(new Error('ECONNREFUSED'))),
  ],
];

for (const [name, status, code, act] of errors) {
  test(`${name}: ${status} as problem details, with the code and the message that Better Auth's client reads`, async (t) => {
    const failures = t.mock.method(log, 'error', () => {});
    const response = await act((await site()).send);
    assert.equal(response.status, status);
    assert.equal(response.headers.get('content-type'), 'application/problem+json');
    assert.equal(response.headers.get('cache-control'), 'no-store');
    const { type, title, detail, message, ...others } = await response.json();
    assert.equal(type, 'about:blank');
    assert.match(title, /^[A-Z][A-Za-z -]+$/);
    assert.match(detail, /^.{5,}$/);
    assert.equal(message, detail);
    const wait = status === 429 && { seconds: 7 };
    assert.deepEqual(others, { status, code, ...wait });
    assert.equal(response.headers.has('retry-after'), status === 429 || status === 503);
    // Better Auth itself logs the errors that it answers.
    const failed = name === 'an outage that is thrown' ? 1 : 0;
    assert.equal(failures.mock.callCount(), failed, 'nothing else is blamed on the database');
  });
}

test('HEAD of a session is answered as GET is', async () => {
  const { send, signedUp } = await site();
  const cookie = signedUp.headers
    .getSetCookie()
    .map((text) => text.split(';')[0])
    .join('; ');
  for (const headers of [{ cookie }, {}]) {
    const [head, get] = [
      await send('HEAD get-session', undefined, headers),
      await send('GET get-session', undefined, headers),
    ];
    assert.equal(head.status, 200);
    assert.deepEqual([...head.headers], [...get.headers]);
  }
});

test('no cache keeps a session', async () => {
  const { send, signedUp } = await site();
  assert.equal(signedUp.status, 200);
  for (const answer of [signedUp, await send(signIn, account), await send('GET get-session')]) {
    assert.equal(answer.headers.get('cache-control'), 'no-store');
  }
});

test('an outage of the database is counted as one', async (t) => {
  t.mock.method(log, 'error', () => {});
  const { send } = await site();
  const context: RequestContext = { id: '1', kind: 'change' };
  const away = () => Promise.reject(new Error('ECONNREFUSED'));
  await requests.run(context, () => send('GET get-session', undefined, {}, away));
  assert.equal(context.away, 'database');
});
