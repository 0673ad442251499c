import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { createHmac } from 'node:crypto';
import { once } from 'node:events';
import { type AddressInfo, connect } from 'node:net';
import { test } from 'node:test';

/**
 * A server like Next's; only probes and `/_next/static/` are answered before the test lets it go on.
 * Its clock runs five times as fast as ours.
 */
const program = `
  import { createServer } from 'node:http';
  import { serve } from './.test/lib/serving.js';
  const wait = setTimeout;
  globalThis.setTimeout = (then, ms) => wait(then, ms / 5);
  serve();
  const waiting = [];
  const quick = /^[/](healthz|_next)/;
  process.on('message', () => waiting.splice(0).forEach((answer) => answer()));
  const server = createServer(async (request, response) => {
    if (!quick.test(request.url)) await new Promise((goOn) => waiting.push(goOn));
    // Like Next, which waits for the reader.
    if (request.headers.accept === 'much' && !response.write(Buffer.alloc(3e7))) {
      await new Promise((goOn) => response.once('drain', goOn).once('close', goOn));
    }
    response.end('ok');
  });
  server.on('upgrade', () => {});
  server.listen(0, '127.0.0.1', () => process.send(server.address()));
`;

const SECRET = 'a-secret-for-tests-only-9f8e7d6c5b4a';

async function pod(t: { after: (end: () => void) => void }) {
  const child = spawn(process.execPath, ['--input-type=module', '--eval', program], {
    env: {
      ...process.env,
      NODE_ENV: 'production',
      DATABASE_URL: '',
      LOG_LEVEL: 'info',
      METRICS_PORT: '0',
      BETTER_AUTH_SECRET: SECRET,
    },
    stdio: ['ignore', 'pipe', 'inherit', 'ipc'],
  });
  let log = '';
  child.stdout?.setEncoding('utf8').on('data', (text) => {
    log += text;
  });
  t.after(() => child.kill('SIGKILL'));
  const [{ port }] = (await once(child, 'message')) as [AddressInfo];
  return {
    port,
    // With an end: a request that was let in by mistake waits for ever.
    ask: (path: string, method = 'GET', headers: Record<string, string> = {}) =>
      fetch(`http://127.0.0.1:${port}${path}`, {
        method,
        headers,
        signal: AbortSignal.timeout(5_000),
      }),
    answer: () => child.send('go on'),
    logged: () =>
      log
        .split('\n')
        .filter(Boolean)
        .map((line) => JSON.parse(line)),
  };
}

async function settled() {
  await new Promise((resolve) => setTimeout(resolve, 300));
}

test('a request that finds all places taken is refused at once, with Retry-After', async (t) => {
  const { ask, answer } = await pod(t);
  const welcome = Array.from({ length: 8 }, () => ask('/tasks'));
  await settled();

  const refused = await ask('/tasks');
  assert.equal(refused.status, 503);
  assert.equal(refused.headers.get('retry-after'), '2');
  assert.equal(refused.headers.get('refresh'), '2', 'the browser tries again');
  assert.match(await refused.text(), /very busy.*tries again/);

  answer();
  assert.deepEqual([...new Set((await Promise.all(welcome)).map(({ status }) => status))], [200]);
  const later = ask('/tasks');
  await settled();
  answer();
  assert.equal((await later).status, 200, 'a place that was left is free again');
});

test('pages in plenty keep neither probes, files nor changes out', async (t) => {
  const { ask, answer } = await pod(t);
  const pages = Array.from({ length: 8 }, () => ask('/sign-in'));
  await settled();
  assert.equal((await ask('/healthz')).status, 200);
  assert.equal((await ask('/healthz/live')).status, 200);
  assert.equal((await ask('/_next/static/chunks/a.js')).status, 200);
  const change = ask('/tasks', 'POST');
  await settled();
  answer();
  assert.equal((await change).status, 200);
  await Promise.all(pages);
});

test('conversations and passwords in plenty keep nobody from changing a task', async (t) => {
  const { ask, answer, logged } = await pod(t);
  const conversations = Array.from({ length: 16 }, () => ask('/api/assistant', 'POST'));
  const passwords = Array.from({ length: 4 }, () => ask('/sign-in', 'POST'));
  const changes = Array.from({ length: 15 }, () => ask('/tasks', 'POST'));
  await settled();
  const question = await ask('/api/assistant', 'POST');
  assert.equal(question.status, 503);
  assert.equal(question.headers.get('content-type'), 'application/problem+json');
  const { title, detail, message } = await question.json();
  assert.equal(title, 'Service Unavailable');
  assert.match(detail, /very busy/);
  assert.equal(message, detail, 'what open pages read');
  const change = ask('/tasks', 'POST');
  await settled();
  const form = await ask('/tasks', 'POST');
  assert.equal(form.status, 503);
  assert.equal(form.headers.get('retry-after'), '2');
  assert.equal(form.headers.get('refresh'), null, 'a browser would ask for the page instead');
  assert.match(await form.text(), /very busy.*go back, and send it again/);
  await settled();
  const lines = logged().map(({ level, message }) => `${level}: ${message}`);
  assert.deepEqual(lines, Array(2).fill('info: POST 503'), 'nothing else is blamed');
  answer();
  assert.equal((await change).status, 200);
  await Promise.all([...conversations, ...passwords, ...changes]);
});

test('in a flood of passwords the newest is next, and the oldest gets a 503', async (t) => {
  const { ask, answer } = await pod(t);
  const flood = Array.from({ length: 44 }, () => ask('/api/auth/sign-in/email', 'POST'));
  void Promise.allSettled(flood); // Most of them are cut with the pod.
  await settled();
  const last = ask('/sign-in', 'POST');
  const refused = await Promise.race(flood);
  assert.equal(refused.status, 503);
  assert.equal(refused.headers.get('retry-after'), '5');
  answer();
  await settled();
  answer();
  assert.equal((await last).status, 200);
});

/** As Better Auth signs the cookie that auth-options.ts sets. */
function signedIn(browser: string, secret = SECRET) {
  const value = `${browser}.whose`;
  const signature = createHmac('sha256', secret).update(value).digest('base64');
  return { Cookie: `a=b; taskflow.known_browser=${encodeURIComponent(`${value}.${signature}`)}` };
}

test('in a flood of passwords a browser that has signed in before is next, but only once', async (t) => {
  const { ask, answer } = await pod(t);
  const signIn = (headers?: Record<string, string>) => ask('/sign-in', 'POST', headers);
  const order: string[] = [];
  const note = (name: string) => (response: Response) => order.push(`${name} ${response.status}`);
  const first = Array.from({ length: 4 }, () => signIn());
  await settled();
  const waiting = [signIn(signedIn('home')).then(note('home'))];
  await settled();
  for (const [name, headers] of [
    ['again', signedIn('home')],
    ['forged', signedIn('other', 'another secret')],
    ['stranger', {}],
  ] as const) {
    waiting.push(...Array.from({ length: 2 }, () => signIn(headers).then(note(name))));
    await settled();
  }
  answer();
  await Promise.all(first);
  await settled();
  answer();
  await settled();
  assert.deepEqual(order.sort(), ['forged 200', 'home 200', 'stranger 200', 'stranger 200']);
  answer();
  await Promise.all(waiting);
});

for (const [request, allowed] of [
  ['OPTIONS *', 'GET, HEAD, POST'],
  ['POST /_next/static/chunks/a.js', 'GET, HEAD'],
  ['POST /healthz', 'GET, HEAD'],
  ['TRACE /', 'GET, HEAD'],
  ['PUT /robots.txt', 'GET, HEAD'],
  ['OPTIONS /icon.svg', 'GET, HEAD'],
  ['DELETE /tasks?done=true', 'GET, HEAD, POST'],
  ['OPTIONS /sign-in', 'GET, HEAD, POST'],
  ['GET /api/assistant', 'POST'],
  ['OPTIONS /api/auth/sign-in/email', 'POST'],
  ['POST /api/auth/get-session', 'GET, HEAD'],
]) {
  test(`${request} is refused with the methods that are answered there`, async (t) => {
    const { port, logged } = await pod(t);
    const socket = connect(port, '127.0.0.1').setEncoding('utf8');
    t.after(() => socket.destroy());
    socket.write(`${request} HTTP/1.1\r\nHost: a\r\n\r\n`);
    const [head] = await once(socket, 'data', { signal: AbortSignal.timeout(5_000) });
    assert.match(String(head), new RegExp(`^HTTP/1.1 405 .*\\r\\nAllow: ${allowed}\\r\\n`, 's'));
    await settled();
    const lines = logged().map(({ level, message }) => `${level}: ${message}`);
    assert.deepEqual(lines, [`info: ${request?.split(' ')[0]} 405`], 'one line in the log');
  });
}

test('a path that cannot be decoded is not found, in the words of each kind of path', async (t) => {
  const { ask } = await pod(t);
  for (const [path, type] of [
    ['/api/auth/%', 'application/problem+json'],
    ['/api/auth/%FF', 'application/problem+json'],
    ['/%', 'text/plain; charset=utf-8'],
  ] as const) {
    const refused = await ask(path);
    assert.equal(refused.status, 404, path);
    assert.equal(refused.headers.get('content-type'), type, path);
  }
});

test('headers of the router that no page sends are refused', async (t) => {
  const { ask } = await pod(t);
  const send = async (headers: Record<string, string>) =>
    (await ask('/healthz', 'GET', { RSC: '1', ...headers })).status;
  const say = (state: string) => send({ 'Next-Router-State-Tree': encodeURIComponent(state) });
  for (const state of ['', 'garbage', '[]', '{}', '[5,{}]', '["",{"children":[]}]', '["",{},5]']) {
    assert.equal(await say(state), 400, state);
  }
  assert.equal(await send({ 'Next-Router-Prefetch': '2' }), 400);
  const own = '["",{"children":["tasks",{"children":["__PAGE__",{}]}]},null,"refetch"]';
  assert.equal(await say(own), 200);
  assert.equal(await send({}), 200);
});

test('where there is nothing, no method is allowed', async (t) => {
  const { ask } = await pod(t);
  for (const path of ['/nowhere', '/apidocs', '/tasks/1']) {
    const refused = await ask(path, 'DELETE');
    assert.equal(refused.status, 404, path);
    assert.equal(refused.headers.get('allow'), null, path);
    assert.equal(refused.headers.get('content-type'), 'text/plain; charset=utf-8', path);
  }
});

test('a program gets the same refusal as problem details', async (t) => {
  const { ask } = await pod(t);
  for (const [path, expected] of [
    ['/api/auth/sign-in/email', 405],
    ['/api/nowhere', 404],
    ['/api', 404],
    ['/api?x', 404],
  ] as const) {
    const refused = await ask(path, 'PUT');
    assert.equal(refused.status, expected, path);
    assert.equal(refused.headers.get('content-type'), 'application/problem+json', path);
    assert.equal(refused.headers.get('cache-control'), 'no-store', path);
    const { title, status, code, detail, message } = await refused.json();
    assert.equal(status, expected);
    assert.equal(code, title.toUpperCase().replaceAll(' ', '_'));
    assert.equal(message, detail);
  }
});

test('a request for another protocol is a request like any other', async (t) => {
  const { ask, answer, port } = await pod(t);
  await ask('/healthz');
  const socket = connect(port, '127.0.0.1').setEncoding('utf8');
  t.after(() => socket.destroy());
  socket.write('GET /unknown HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n');
  await settled();
  answer();
  const [head] = await once(socket, 'data', { signal: AbortSignal.timeout(5_000) });
  assert.match(String(head), /^HTTP\/1.1 200 .*\r\nX-Request-ID: /s);
});

test('an answer names its request, by the id that it came with if that is one', async (t) => {
  const { port } = await pod(t);
  const idOf = async (given: string) => {
    const headers = { 'X-Request-ID': given };
    return (await fetch(`http://127.0.0.1:${port}/healthz`, { headers })).headers.get(
      'x-request-id',
    );
  };
  assert.equal(await idOf('from-the-proxy.1'), 'from-the-proxy.1');
  assert.match((await idOf('no id')) ?? '', /^[\da-f-]{36}$/);
});

for (const [does, leaves] of [
  ['falls silent', false],
  ['hangs up', true],
] as const) {
  test(`who sends half a body and ${does} loses the place again`, async (t) => {
    const { ask, answer, port } = await pod(t);
    const silent = Array.from({ length: 16 }, () => connect(port, '127.0.0.1'));
    for (const socket of silent) {
      t.after(() => socket.destroy());
      socket.write('POST /tasks HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\n{');
    }
    await settled();
    if (leaves) for (const socket of silent) socket.destroy();
    assert.equal((await ask('/tasks', 'POST')).status, 503);
    let change = ask('/tasks', 'POST');
    for (let tries = 0; tries < 20 && (await isRefused(change)); tries += 1) {
      await settled();
      change = ask('/tasks', 'POST');
    }
    answer();
    assert.equal((await change).status, 200);
  });
}

test('who does not read an answer loses the place again', async (t) => {
  const { ask, answer, port, logged } = await pod(t);
  const silent = Array.from({ length: 8 }, () => connect(port, '127.0.0.1'));
  for (const socket of silent) {
    t.after(() => socket.destroy());
    socket.write('GET /tasks HTTP/1.1\r\nHost: a\r\nAccept: much\r\n\r\n');
  }
  await settled();
  answer();
  await settled();
  assert.equal((await ask('/tasks')).status, 503);
  await new Promise((resolve) => setTimeout(resolve, 6_000));
  const page = ask('/tasks');
  assert.equal(await isRefused(page), false);
  answer();
  assert.equal((await page).status, 200);
  const cut = logged().filter(({ status }) => status === 499);
  assert.equal(cut.length, 8, 'logged like those of who has left');
});

test('who hangs up keeps the place until the work is done', async (t) => {
  const { ask, answer, port } = await pod(t);
  const gone = Array.from({ length: 16 }, () => connect(port, '127.0.0.1'));
  for (const socket of gone) {
    socket.write('POST /tasks HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\n{}');
  }
  await settled();
  for (const socket of gone) socket.destroy();
  await settled();
  assert.equal((await ask('/tasks', 'POST')).status, 503);
  answer();
  await settled();
  const change = ask('/tasks', 'POST');
  assert.equal(await isRefused(change), false);
  answer();
  assert.equal((await change).status, 200);
});

/** An admitted request waits until the test lets it go on. */
async function isRefused(request: Promise<Response>): Promise<boolean> {
  const answered = request.then(({ status }) => status === 503);
  return Promise.race([answered, settled().then(() => false)]);
}

test('what only begins like a probe is a page', async (t) => {
  const { ask, answer } = await pod(t);
  const pages = Array.from({ length: 8 }, () => ask('/tasks'));
  await settled();
  assert.equal((await ask('/healthz/other')).status, 503);
  answer();
  await Promise.all(pages);
});
