import assert from 'node:assert/strict';
import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';
import { type TestContext, test } from 'node:test';
import { createPool, openAll } from '../lib/database.ts';
import { newDatabase } from './new-database.ts';

/** https://www.postgresql.org/docs/current/protocol-message-formats.html */
function message(type: string, body: string): Buffer {
  const length = Buffer.alloc(4);
  length.writeUInt32BE(4 + body.length);
  return Buffer.concat([Buffer.from(type), length, Buffer.from(body)]);
}

const READY = message('Z', 'I');
const WELCOME = Buffer.concat([message('R', '\0\0\0\0'), READY]);
const DONE = Buffer.concat([message('C', 'SELECT 0\0'), READY]);

/**
 * A pool, and how many connections it has made; the server answers queries on those alone that `answers` names, and
 * on the others only the first, which is the pool's own.
 */
async function served(t: TestContext, answers: (connection: number) => boolean) {
  const made = { connections: 0 };
  const server = createServer((socket) => {
    made.connections += 1;
    let speaks = true;
    const goesOn = answers(made.connections);
    socket.once('data', () => {
      socket.write(WELCOME);
      socket.on('data', (asked) => {
        if (speaks && asked.toString('latin1', 0, 1) === 'Q') socket.write(DONE);
        speaks = goesOn;
      });
    });
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const pool = createPool(`postgresql://u:p@127.0.0.1:${port}/tasks`);
  t.after(async () => {
    await pool.end();
    server.close();
  });
  return { pool, made };
}

test('a connection whose query timed out is not given to anybody else', async (t) => {
  const { pool, made } = await served(t, (connection) => connection > 1);
  const client = await pool.connect();
  await assert.rejects(client.query('select 1'), /timeout/);
  client.release();
  await pool.query('select 1');
  assert.equal(made.connections, 2);

  await pool.query('select 1');
  assert.equal(made.connections, 2, 'one that answered is used again');
});

test('what follows the opening of all connections makes no further one', async (t) => {
  const { pool, made } = await served(t, () => true);
  await openAll(pool);
  assert.equal(made.connections, 5);
  await Promise.all(Array.from({ length: 20 }, () => pool.query('select 1')));
  assert.equal(made.connections, 5);
});

test('a database that is away keeps no pod from its start', async (t) => {
  const pool = createPool('postgresql://u:p@127.0.0.1:1/tasks');
  t.after(() => pool.end());
  await openAll(pool);
});

test('a connection is made with the password of the address, and only parameters that PgBouncer knows', async (t) => {
  let given = '';
  let parameters: string[] = [];
  const askForPassword = message('R', '\0\0\0\u0003');
  const server = createServer((socket) => {
    socket.once('data', (start) => {
      parameters = start.toString('utf8', 8).split('\0');
      socket.write(askForPassword);
      socket.once('data', (answer) => {
        given = answer.toString('utf8', 5, answer.length - 1);
        socket.write(WELCOME);
        socket.once('data', () => socket.write(DONE));
      });
    });
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const pool = createPool(`postgresql://u:p%40ss@127.0.0.1:${port}/tasks`);
  t.after(async () => {
    await pool.end();
    server.close();
  });
  (await pool.connect()).release();
  assert.equal(given, 'p@ss');
  // https://www.pgbouncer.org/config.html#ignore_startup_parameters
  const names = parameters.filter((text, index) => index % 2 === 0 && text);
  assert.deepEqual(names.sort(), ['application_name', 'client_encoding', 'database', 'user']);
});

test('Postgres ends a statement that nobody waits for, by its own limit if it has one', async (t) => {
  const { url, run } = await newDatabase(t, 'select 1');
  const limit = async () => {
    const pool = createPool(url);
    const { rows } = await pool.query('show statement_timeout');
    await pool.end();
    return rows[0].statement_timeout;
  };
  assert.equal(await limit(), '2s');
  const name = new URL(url).pathname.slice(1);
  await run.query(`alter database ${name} set statement_timeout = '1s'`);
  assert.equal(await limit(), '1s');
});
