import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { type AddressInfo, createServer as createSocketServer } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { createPool } from '../lib/database.ts';
import { PageFiles } from '../lib/page-files.ts';
import { newDatabase } from './new-database.ts';

process.env.LOG_LEVEL = 'error';
const TABLE =
  'create table page_file (path text primary key, content bytea not null, seen timestamptz not null default now())';

type Files = Record<string, string>;
const JS = { 'chunks/a1.js': 'alert("a")' };
const CSS = { 'chunks/b2.css': 'main {}' };
const MAX_BYTES = 4 * 1024 * 1024;

/** A pod whose image has these files; what it has no answer to is answered by `next`, with 404. */
async function pod(t: TestContext, url: string, own: Files) {
  const folder = await mkdtemp(join(tmpdir(), 'static-'));
  for (const [path, content] of Object.entries(own)) {
    await mkdir(dirname(join(folder, path)), { recursive: true });
    await writeFile(join(folder, path), content);
  }
  const pool = createPool(url);
  const files = new PageFiles(pool, folder);
  const server = createServer((request, response) => {
    const path = request.url?.split('?', 1)[0] ?? '';
    void files.answer(request, response, path, async () => {
      response.writeHead(404).end('next');
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(async () => {
    server.close();
    server.closeAllConnections();
    await pool.end();
    await rm(folder, { recursive: true });
  });
  const { port } = server.address() as AddressInfo;
  return {
    start: () => files.keep(),
    ask: (path: string, method = 'GET') => fetch(`http://127.0.0.1:${port}${path}`, { method }),
  };
}

async function started(t: TestContext, url: string, own: Files) {
  const started = await pod(t, url, own);
  await started.start();
  return started;
}

test('a pod has the files of another build once a pod of that build is ready', async (t) => {
  const { url } = await newDatabase(t, TABLE);
  const old = await started(t, url, JS);
  assert.equal((await old.ask('/_next/static/chunks/b2.css')).status, 404);
  const fresh = await started(t, url, CSS);

  const script = await fresh.ask('/_next/static/chunks/a1.js?dpl=1');
  assert.equal(script.status, 200);
  assert.equal(await script.text(), 'alert("a")');
  assert.equal(script.headers.get('content-type'), 'application/javascript; charset=UTF-8');
  assert.equal(script.headers.get('cache-control'), 'public, max-age=31536000, immutable');
  assert.equal(script.headers.get('x-content-type-options'), 'nosniff');

  const style = await old.ask('/_next/static/chunks/b2.css', 'HEAD');
  assert.equal(style.headers.get('content-type'), 'text/css; charset=UTF-8');
  assert.equal(style.headers.get('content-length'), '7');
  assert.equal(await style.text(), '');
});

test('what a pod has itself, what nobody has, and what is no file of a page is left to Next', async (t) => {
  const { url, run } = await newDatabase(t, TABLE);
  const own = await started(t, url, JS);
  await run.query(`update page_file set content = 'not asked'`);
  await run.query(`insert into page_file values ('/_next/static/../secret', '', now())`);
  const answers = await Promise.all([
    own.ask('/_next/static/chunks/a1.js'),
    own.ask('/_next/static/chunks/unknown.js'),
    own.ask(`/_next/static/${'a'.repeat(300)}.js`),
    own.ask('/_next/static/%2e%2e/secret'),
    own.ask('/tasks'),
    own.ask('/_next/static/chunks/a1.js', 'POST'),
  ]);
  assert.deepEqual(
    answers.map(({ status }) => status),
    Array(answers.length).fill(404),
  );
});

test('a build that is known is not written again, and stays for two weeks after its last pod', async (t) => {
  const { url, run } = await newDatabase(t, TABLE);
  await started(t, url, { ...JS, ...CSS });
  const age = `update page_file set content = 'as first stored', seen = now() - $1::interval where path like $2`;
  await run.query(age, ['6 days', '%a1.js']);
  await run.query(age, ['8 days', '%b2.css']);
  await run.query(
    `insert into page_file values ('/_next/static/gone.js', 'x', now() - interval '22 days'),
                                  ('/_next/static/open.js', 'x', now() - interval '20 days')`,
  );
  await started(t, url, { ...JS, ...CSS });
  const { rows } = await run.query(
    `select path, convert_from(content, 'utf8') as content, seen < now() - interval '5 days' as old
     from page_file order by path`,
  );
  assert.deepEqual(rows, [
    { path: '/_next/static/chunks/a1.js', content: 'as first stored', old: true },
    { path: '/_next/static/chunks/b2.css', content: 'as first stored', old: false },
    { path: '/_next/static/open.js', content: 'x', old: true },
  ]);
});

test('pods that start together store a build once', async (t) => {
  const { url, run } = await newDatabase(t, TABLE);
  const many = Object.fromEntries(Array.from({ length: 20 }, (_, i) => [`chunks/${i}.js`, `${i}`]));
  const pods = await Promise.all(Array.from({ length: 4 }, () => pod(t, url, many)));
  for (const _ of ['stored', 'found']) await Promise.all(pods.map(({ start }) => start()));
  const { rows } = await run.query('select count(*)::int as files from page_file');
  assert.deepEqual(rows, [{ files: 20 }]);
});

test('a file that is too large for the database is left out', async (t) => {
  const { url, run } = await newDatabase(t, TABLE);
  await started(t, url, { ...JS, 'media/film.mp4': 'x'.repeat(MAX_BYTES + 1) });
  const { rows } = await run.query('select path from page_file');
  assert.deepEqual(rows, [{ path: '/_next/static/chunks/a1.js' }]);
});

test('a build is stored when the table is there a moment later than the pod', async (t) => {
  const { url, run } = await newDatabase(t, TABLE);
  await run.query('alter table page_file rename to later');
  const start = started(t, url, JS);
  await new Promise((resolve) => setTimeout(resolve, 100));
  await run.query('alter table later rename to page_file');
  await start;
  const other = await started(t, url, CSS);
  assert.equal((await other.ask('/_next/static/chunks/a1.js')).status, 200);
});

test('a table or a database that is not there keeps no pod from starting', async (t) => {
  const { url, run } = await newDatabase(t, TABLE);
  await run.query('drop table page_file');
  const silent = createSocketServer().listen(0, '127.0.0.1');
  await once(silent, 'listening');
  t.after(() => silent.close());
  const { port } = silent.address() as AddressInfo;
  for (const address of [
    url,
    `postgresql://u:p@127.0.0.1:${port}/tasks`,
    'postgresql://u:p@127.0.0.1:1/tasks',
  ]) {
    const start = performance.now();
    const alone = await started(t, address, JS);
    assert.ok(performance.now() - start < 6_000, 'two attempts to connect take 2.1 s');
    assert.equal((await alone.ask('/_next/static/chunks/b2.css')).status, 404);
  }
});
