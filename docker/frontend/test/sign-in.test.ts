import assert from 'node:assert/strict';
import { test } from 'node:test';
import { betterAuth } from 'better-auth';
import { memoryAdapter } from 'better-auth/adapters/memory';
import type { Attempts } from '../lib/attempts.ts';
import { accountOf, authOptions } from '../lib/auth-options.ts';
import { guesserOf, knownBrowser } from '../lib/known-browser.ts';
import { isBusy, PasswordChecks } from '../lib/password-checks.ts';
import { type RequestContext, requests } from '../lib/request.ts';

process.env.LOG_LEVEL = 'error';
const secret = 'a-secret-for-tests-only-9f8e7d6c5b4a';
process.env.BETTER_AUTH_SECRET = secret;
const password = 'correct horse battery';
const local = { host: 'localhost:8080', origin: 'http://localhost:8080' };
let people = 0;

/** Lets ten attempts pass; `counts` are those that the password was not right for. */
function attempts(counts: Map<string, number> = new Map()): Attempts {
  return {
    async begin(key) {
      const count = counts.get(key) ?? 0;
      if (count >= 10) return 15;
      counts.set(key, count + 1);
      return 0;
    },
    async forget(key) {
      counts.delete(key);
    },
  };
}

function optionsOf(
  secureCookies = false,
  frontendUrl = 'http://tasks.example.com',
  query = async () => {},
) {
  return authOptions({
    secret,
    frontendUrl,
    secureCookies,
    attempts: attempts(),
    pool: { query } as never,
  });
}

function noTables() {
  const session: { createdAt: Date; token: string }[] = [];
  return { user: [], session, account: [], verification: [] };
}

function createAuth(options = optionsOf(), tables = noTables()) {
  return betterAuth({ ...options, database: memoryAdapter(tables) });
}

type Auth = ReturnType<typeof createAuth>;

/** What a browser sends; Next calls the handler with its own address in the URL, as here. */
function post(auth: Auth, path: string, headers: Record<string, string>, body: object) {
  const request = new Request(`http://0.0.0.0:3000/api/auth/${path}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body: JSON.stringify(body),
  });
  const context = requests.getStore() ?? { id: '1', kind: 'password' };
  return requests.run(context, () => auth.handler(request));
}

async function signUp(auth: Auth, headers: Record<string, string>) {
  people += 1;
  const email = `person${people}@example.com`;
  const response = await post(auth, 'sign-up/email', headers, { name: 'Person', email, password });
  const [cookie = '', ...others] = response.headers.getSetCookie();
  const [session = '', known = ''] = [cookie, ...others].map((text) => text.split(';')[0] ?? '');
  return { status: response.status, email, cookie, session, known };
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

test('the browser of somebody who has signed in is known, and no other', async () => {
  const { session, known } = await signUp(createAuth(), local);
  assert.ok(knownBrowser(`${session}; ${known}`));
  assert.equal(knownBrowser(session), undefined);
  assert.equal(knownBrowser(known.replace(/.{5}$/, '')), undefined);
});

test('a browser is known to one of two releases on its host, whichever cookie comes first', async () => {
  const { email, known } = await signUp(createAuth(), local);
  const neighbour = { ...optionsOf(false, 'http://tasks.example.com:81'), secret: `${secret}-2` };
  const other = await signUp(createAuth(neighbour), local);
  for (const cookies of [`${other.known}; ${known}`, `${known}; ${other.known}`]) {
    assert.equal(knownBrowser(cookies), knownBrowser(known));
    assert.ok(knownBrowser(cookies, email));
    assert.equal(knownBrowser(cookies, other.email), undefined, 'signed by the other release');
  }
});

test('guesses at one account do not keep its owner out, who signs in with a known browser', async () => {
  const { email, known } = await signUp(createAuth(), local);
  const other = await signUp(createAuth(), local);
  const checks = new PasswordChecks();
  const check = (cookies?: string) =>
    checks.run(guesserOf(email.toUpperCase(), cookies), async () => 'checked');
  const flood = Promise.allSettled(Array.from({ length: 40 }, () => check()));
  const [owner, stranger] = await Promise.allSettled([check(known), check(other.known)]);
  assert.equal(owner?.status, 'fulfilled');
  assert.ok(stranger?.status === 'rejected' && isBusy(stranger.reason), 'with an other account');
  const turns = (await flood).filter(({ status }) => status === 'fulfilled');
  assert.equal(turns.length, 2);
});

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
  const attempt = (email: string, guess: string, headers = {}) =>
    post(auth, 'sign-in/email', { ...local, ...headers }, { email, password: guess });
  const status = async (...given: Parameters<typeof attempt>) => (await attempt(...given)).status;

  for (let i = 0; i < 9; i += 1) assert.equal(await status(victim.email, 'wrong guess'), 401);
  assert.equal(await status(victim.email, password), 200);
  for (let i = 0; i < 10; i += 1) assert.equal(await status(victim.email, 'wrong guess'), 401);
  const request: RequestContext = { id: '1', kind: 'password' };
  const late = () => attempt(victim.email.toUpperCase(), password);
  const refused = await requests.run(request, late);
  assert.equal(refused.status, 429);
  assert.equal(request.refused, 429, 'the figures have it, also where a page explains it');
  assert.equal(refused.headers.get('retry-after'), '15');
  assert.equal(await status(other.email, password), 200);

  const known = { cookie: victim.known };
  assert.equal(await status(victim.email, password, known), 200, 'its owner is let in');
  const stranger = { cookie: other.known };
  assert.equal(
    await status(victim.email, password, stranger),
    429,
    'not everybody who has a cookie',
  );
  const forged = { cookie: `${victim.known}x` };
  assert.equal(await status(victim.email, password, forged), 429);
});

test('an open screen does not allow endless guesses at the password', async () => {
  const auth = createAuth();
  const { session } = await signUp(auth, local);
  const attempt = async (guess: string) => {
    const signedIn = { ...local, cookie: session };
    return (await post(auth, 'delete-user', signedIn, { password: guess })).status;
  };
  for (let i = 0; i < 10; i += 1) assert.equal(await attempt('wrong guess'), 400);
  assert.equal(await attempt(password), 429);
});

test('what Better Auth would let pass is refused: no name, a long one, NUL, leaving without a password', async () => {
  const auth = createAuth();
  const { email, session } = await signUp(auth, local);
  const code = async (path: string, body: object) => {
    const response = await post(auth, path, { ...local, cookie: session }, body);
    return response.status === 400 ? (await response.json()).code : response.status;
  };
  const other = { email: 'other@example.com', password };
  assert.equal(await code('sign-up/email', { ...other, name: 'n'.repeat(101) }), 'NAME_TOO_LONG');
  for (const name of ['', ' \u00a0']) {
    assert.equal(await code('sign-up/email', { ...other, name }), 'NAME_REQUIRED');
  }
  assert.equal(await code('sign-up/email', { ...other, name: 'a\0b' }), 'VALIDATION_ERROR');
  const long = { name: 'a', password, email: `${'a'.repeat(249)}@a.com` };
  assert.equal(await code('sign-up/email', long), 'INVALID_EMAIL');
  assert.equal(
    await code('sign-up/email', { ...other, name: 'a', image: '\0' }),
    'VALIDATION_ERROR',
  );
  assert.equal(await code('delete-user', {}), 'PASSWORD_REQUIRED');
  assert.equal(await code('delete-user', { password: 'wrong guess' }), 'INVALID_PASSWORD');
  assert.equal(await code('sign-in/email', { email, password }), 200, 'the account is still there');
  assert.equal(await code('delete-user', { password }), 200);
});

test('a field that is no text is the mistake of who sent it', async () => {
  const right = { name: 'Person', email: 'person@example.com', password };
  for (const field of Object.keys(right)) {
    for (const value of [{ toString: 1 }, ['x'], null]) {
      const { status } = await post(createAuth(), 'sign-up/email', local, {
        ...right,
        [field]: value,
      });
      assert.equal(status, 400, `${field}: ${JSON.stringify(value)}`);
    }
  }
  assert.equal(accountOf({ email: { toString: 1 } }), '');
});

test('who signs out while the database is away stays signed in, and no log says otherwise', async (t) => {
  let isAway = true;
  const query = async () => {
    if (isAway) throw new Error('away');
  };
  const tables = noTables();
  const auth = createAuth(optionsOf(false, undefined, query), tables);
  const { session } = await signUp(auth, local);
  const signOut = () => post(auth, 'sign-out', { ...local, cookie: session }, {});
  const { mock } = t.mock.method(process.stdout, 'write');
  await assert.rejects(signOut(), /away/);
  assert.equal(tables.session.length, 1);
  assert.ok(!mock.calls.some(({ arguments: [line] }) => String(line).includes('sign_out')));
  isAway = false;
  assert.equal((await signOut()).status, 200);
  assert.equal(tables.session.length, 0);
});

/** Somebody with one session, which changes the password; `signIn` still uses the old one, at any pod. */
async function person(options: ReturnType<typeof optionsOf>) {
  const tables = noTables();
  const auth = createAuth(options, tables);
  const { email, session } = await signUp(auth, local);
  const passwords = { currentPassword: password, newPassword: 'thirty-two purple elephants' };
  const body = { ...passwords, revokeOtherSessions: true };
  const change = () => post(auth, 'change-password', { ...local, cookie: session }, body);
  const signIn = (pod: Auth) => post(pod, 'sign-in/email', local, { email, password });
  return { tables, change, signIn };
}

test('a sign-in that began with the old password is refused when it has changed meanwhile', async () => {
  const { tables, change, signIn } = await person(optionsOf());
  const options = optionsOf();
  const { verify } = options.emailAndPassword.password;
  options.emailAndPassword.password.verify = async (checked) => {
    const isRight = await verify(checked);
    assert.equal((await change()).status, 200);
    return isRight;
  };
  const refused = await signIn(createAuth(options, tables));
  assert.equal(refused.status, 401);
  assert.equal((await refused.json()).code, 'INVALID_EMAIL_OR_PASSWORD');
  assert.deepEqual(refused.headers.getSetCookie(), []);
  assert.equal(tables.session.length, 1, 'who changed the password is signed in');
});

test('a sign-in with the old password while it is being replaced ends with the change', async () => {
  let meanwhile = async () => {};
  const databaseHooks = { account: { update: { before: () => meanwhile() } } };
  const { tables, change, signIn } = await person({ ...optionsOf(), databaseHooks } as never);
  meanwhile = async () => {
    const pod = createAuth(optionsOf(), tables);
    assert.equal((await signIn(pod)).status, 200);
  };
  const { token } = await (await change()).json();
  assert.deepEqual(
    tables.session.map((session) => session.token),
    [token],
  );
});

test('a body that names no account is no guess at anybody, however often it is sent', async () => {
  const auth = createAuth();
  for (let i = 0; i < 12; i += 1) {
    assert.equal((await post(auth, 'sign-in/email', local, { password })).status, 400);
  }
});

test('a session of last week does all that a new one does, and costs no account either', async () => {
  const tables = noTables();
  const auth = createAuth(optionsOf(), tables);
  const { email, session } = await signUp(auth, local);
  for (const row of tables.session) row.createdAt = new Date(Date.now() - 7 * 24 * 60 * 60 * 1000);

  const headers = new Headers({ ...local, cookie: session });
  assert.equal((await auth.api.listSessions({ headers })).length, 1);
  const gone = await post(auth, 'delete-user', { ...local, cookie: session }, {});
  assert.equal(gone.status, 400);
  assert.equal((await gone.json()).code, 'PASSWORD_REQUIRED');
  assert.equal((await post(auth, 'sign-in/email', local, { email, password })).status, 200);
});

test('a password that anybody would try first is refused', async () => {
  const auth = createAuth();
  const { session } = await signUp(auth, local);
  const email = 'margaret@example.com';
  const name = 'Margaret de Montgomery-Hamilton';
  const answerTo = async (guess: string) => {
    const response = await post(auth, 'sign-up/email', local, { name, email, password: guess });
    return response.ok ? 'accepted' : (await response.json()).code;
  };
  for (const guess of ['Passwort123!', 'qwertzui', email, 'HamiltonMargaret']) {
    assert.equal(await answerTo(guess), 'PASSWORD_TOO_COMMON', guess);
  }
  for (const newPassword of ['password', 'abcabcabc', 'PersonPerson']) {
    const change = { currentPassword: password, newPassword };
    const response = await post(auth, 'change-password', { ...local, cookie: session }, change);
    assert.equal(response.status, 400, 'nor can it be changed to one');
  }
});

test('no line of the log shows who tried to sign in or up', async (t) => {
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
  assert.match(lines, /"warn".*User not found.*gone/, 'an error is logged, and as a warning');
  assert.ok(!lines.includes(email), lines);
});

test('what happens to an account is logged at every level with its id, and without anything that a person wrote', async (t) => {
  const auth = createAuth();
  const { email, session } = await signUp(auth, local);
  const signedIn = { ...local, cookie: session };
  const { mock } = t.mock.method(process.stdout, 'write');
  await post(auth, 'sign-in/email', local, { email: email.toUpperCase(), password: 'wrong guess' });
  await post(auth, 'sign-in/email', local, { email: `nobody-${email}`, password });
  await post(auth, 'sign-in/email', local, { email, password });
  const newPassword = 'an other battery';
  await post(auth, 'change-password', signedIn, { currentPassword: password, newPassword });
  for (let i = 0; i < 11; i += 1) {
    await post(auth, 'sign-in/email', local, { email, password: 'wrong guess' });
  }
  await post(auth, 'sign-out', signedIn, {});
  const other = await signUp(auth, local);
  await post(auth, 'delete-user', { ...local, cookie: other.session }, { password });

  const text = mock.calls.map(({ arguments: [line] }) => String(line));
  const lines = text
    .map((line) => JSON.parse(line))
    .filter(({ message }) => message === 'Account event');
  const usersOf = (event: string) =>
    lines.filter((line) => line.event === event).map((line) => line.user);
  const [user] = usersOf('sign_in');
  assert.match(user, /^\w{20,}$/);
  assert.deepEqual(usersOf('sign_in_refused').slice(0, 2), [user, undefined]);
  for (const event of ['password_change', 'password_delayed', 'sign_out']) {
    assert.deepEqual([...new Set(usersOf(event))], [user], event);
  }
  const [another] = usersOf('sign_up');
  assert.notEqual(another, user);
  assert.deepEqual(usersOf('account_deletion'), [another]);
  assert.ok(!/example\.com|battery|Person/i.test(text.join('')), text.join(''));
});

test('two releases on one host keep their cookies apart, though cookies know no port', async () => {
  const cookie = async (frontendUrl: string) =>
    (await signUp(createAuth(optionsOf(false, frontendUrl)), local)).cookie.split('=')[0];
  assert.equal(await cookie('http://127.0.0.1:30080'), 'taskflow-127.0.0.1-30080.session_token');
  assert.equal(await cookie('http://[::1]:3000/'), 'taskflow--1-3000.session_token');
});
