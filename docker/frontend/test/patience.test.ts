import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:http';
import { type AddressInfo, createServer as createTcpServer } from 'node:net';
import { test } from 'node:test';
import { fetchPatiently } from '../lib/patience.ts';

/** A server that hangs up on the first so many requests. */
async function moody(hangUps: number) {
  let connections = 0;
  const server = createServer((_request, response) => response.end('ok'));
  const door = createTcpServer((socket) => {
    connections += 1;
    if (connections <= hangUps) socket.once('data', () => socket.destroy());
    else server.emit('connection', socket);
  });
  door.listen(0, '127.0.0.1');
  await once(door, 'listening');
  const { port } = door.address() as AddressInfo;
  const close = () => {
    server.closeAllConnections();
    door.close();
  };
  return { url: `http://127.0.0.1:${port}`, connections: () => connections, close };
}

test('a read goes on over broken connections until it is answered', async (t) => {
  const server = await moody(4);
  t.after(server.close);
  const signal = AbortSignal.timeout(10_000);
  const response = await fetchPatiently(server.url, { method: 'GET', signal });
  assert.equal(await response.text(), 'ok');
  assert.equal(server.connections(), 5);
});

test('a read that nobody answers ends with its signal', async (t) => {
  const server = await moody(Number.POSITIVE_INFINITY);
  t.after(server.close);
  const began = Date.now();
  const signal = AbortSignal.timeout(500);
  await assert.rejects(fetchPatiently(server.url, { method: 'GET', signal }));
  const took = Date.now() - began;
  assert.ok(took > 400 && took < 1_000, `gave up after ${took} ms`);
});

test('a change is never sent twice', async (t) => {
  const server = await moody(1);
  t.after(server.close);
  const signal = AbortSignal.timeout(1_500);
  await assert.rejects(fetchPatiently(server.url, { method: 'POST', body: '{}', signal }));
  assert.equal(server.connections(), 1);
});
