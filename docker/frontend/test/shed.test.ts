import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { type AddressInfo, connect } from 'node:net';
import { test } from 'node:test';

/**
 * A server like Next's; only probes and `/_next/static/` are answered before it is told to go on.
 * Its clock runs five times as fast as ours.
 */
const program = `
  const wait = setTimeout;
  globalThis.setTimeout = (then, ms) => wait(then, ms / 5);
  const waiting = [];
  const quick = /^[/](healthz|_next)/;
  process.on('message', () => waiting.splice(0).forEach((answer) => answer()));
  const server = require('node:http').createServer((request, response) => {
    const answer = () => response.end('ok');
    quick.test(request.url) ? answer() : waiting.push(answer);
  });
  server.listen(0, '127.0.0.1', () => process.send(server.address()));
`;

async function pod(t: { after: (end: () => void) => void }) {
  const child = spawn(process.execPath, ['--require', './shed.cjs', '--eval', program], {
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
  });
  t.after(() => child.kill('SIGKILL'));
  const [{ port }] = (await once(child, 'message')) as [AddressInfo];
  return {
    port,
    // With an end: a request that was let in by mistake waits for ever.
    ask: (path: string, method = 'GET') =>
      fetch(`http://127.0.0.1:${port}${path}`, { method, signal: AbortSignal.timeout(5_000) }),
    answer: () => child.send('go on'),
  };
}

async function settled() {
  await new Promise((resolve) => setTimeout(resolve, 300));
}

test('who finds all places taken is told at once to come back', async (t) => {
  const { ask, answer } = await pod(t);
  const welcome = Array.from({ length: 8 }, () => ask('/tasks'));
  await settled();

  const refused = await ask('/tasks');
  assert.equal(refused.status, 503);
  assert.equal(refused.headers.get('retry-after'), '2');
  assert.match(await refused.text(), /very busy/);

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

test('conversations in plenty keep nobody from signing in, nor changes anybody from asking', async (t) => {
  const { ask, answer } = await pod(t);
  const conversations = Array.from({ length: 16 }, () => ask('/api/assistant', 'POST'));
  const changes = Array.from({ length: 15 }, () => ask('/tasks', 'POST'));
  await settled();
  assert.equal((await ask('/api/assistant', 'POST')).status, 503);
  const signIn = ask('/sign-in', 'POST');
  await settled();
  assert.equal((await ask('/sign-in', 'POST')).status, 503);
  answer();
  assert.equal((await signIn).status, 200);
  await Promise.all([...conversations, ...changes]);
});

test('who sends half a body and falls silent loses the place again', async (t) => {
  const { ask, answer, port } = await pod(t);
  const silent = Array.from({ length: 16 }, () => connect(port, '127.0.0.1'));
  for (const socket of silent) {
    t.after(() => socket.destroy());
    socket.write('POST /tasks HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\n{');
  }
  await settled();
  assert.equal((await ask('/tasks', 'POST')).status, 503);
  let change = ask('/tasks', 'POST');
  for (let tries = 0; tries < 20 && (await isRefused(change)); tries += 1) {
    await settled();
    change = ask('/tasks', 'POST');
  }
  answer();
  assert.equal((await change).status, 200);
});

/** Whoever is let in waits until it is told to go on. */
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
