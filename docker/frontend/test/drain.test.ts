import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import http from 'node:http';
import type { AddressInfo } from 'node:net';
import { test } from 'node:test';

/** A server like Next's: it knows nothing of signals. `/slow` answers after 6 s. */
const program = `
  import { createServer } from 'node:http';
  import { serve } from './.test/lib/serving.js';
  serve();
  const server = createServer((request, response) => {
    setTimeout(() => response.end('ok'), request.url === '/slow' ? 6000 : 0);
  });
  server.listen(0, '127.0.0.1', () => process.send(server.address()));
`;

test('a pod serves for 5 s after SIGTERM, says so, and exits with 0', async (t) => {
  const child = spawn(process.execPath, ['--input-type=module', '--eval', program], {
    env: { ...process.env, LOG_LEVEL: 'error', METRICS_PORT: '0' },
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
  });
  t.after(() => child.kill('SIGKILL'));
  const [{ port }] = (await once(child, 'message')) as [AddressInfo];
  const agent = new http.Agent({ keepAlive: true });
  const get = (path: string) =>
    new Promise<http.IncomingMessage>((resolve, reject) => {
      http
        .get({ port, path, agent }, (response) => {
          response.resume().once('end', () => resolve(response));
        })
        .once('error', reject);
    });

  assert.equal((await get('/')).headers.connection, 'keep-alive');
  const slow = get('/slow');
  await new Promise((resolve) => setTimeout(resolve, 100));

  const signalled = Date.now();
  child.kill('SIGTERM');
  while (Date.now() - signalled < 4_500) {
    const { statusCode, headers } = await get('/');
    assert.equal(statusCode, 200);
    if (Date.now() - signalled > 200) assert.equal(headers.connection, 'close');
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  assert.equal(await exitCode(child), 0);
  const took = Date.now() - signalled;
  assert.ok(took > 5_000 && took < 10_000, `left after ${took} ms`);
  assert.equal((await slow).headers.connection, 'close', 'a request that was running is finished');
});

async function exitCode(child: ChildProcess): Promise<number | null> {
  if (child.exitCode === null) await once(child, 'exit');
  return child.exitCode;
}
