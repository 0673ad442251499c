import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import * as fs from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { promisify } from 'node:util';

const run = promisify(execFile);
const answer = (word: string) => `const word = '${word}'; exports.answer = () => word;`;
const files = {
  'answer.cjs': answer('morning'),
  'imports.cjs': `exports.base = async () => (await import('node:path')).basename('/a/b');`,
  'server.js': `
    const { answer } = require('./answer.cjs');
    const { base } = require('./imports.cjs');
    const { createServer } = require('node:http');
    createServer(async (_, response) => response.end(answer() + (await base())))
      .listen(process.env.PORT, process.env.HOSTNAME);`,
  'ask.cjs': `
    const { answer } = require('./answer.cjs');
    require('./imports.cjs').base().then((base) => process.stdout.write(answer() + base));`,
};

/** A folder like the image's /app, whose server has been started once to fill `code-cache`. */
async function app(t: { after: (end: () => void) => void }) {
  const folder = fs.mkdtempSync(join(tmpdir(), 'code-cache-'));
  t.after(() => fs.rmSync(folder, { recursive: true }));
  for (const [name, content] of Object.entries(files))
    fs.writeFileSync(join(folder, name), content);
  for (const name of ['code-cache.cjs', 'make-code-cache.cjs']) {
    fs.copyFileSync(name, join(folder, name));
  }
  const cache = join(folder, 'code-cache');
  fs.mkdirSync(cache);
  await run(process.execPath, ['make-code-cache.cjs'], { cwd: folder });
  return { folder, cache };
}

/** What the server's modules say, and which of them came from the cache. */
async function ask(cwd: string, ...flags: string[]) {
  // The second is for Node 22 and later, which have a cache of their own.
  const debug = { NODE_DEBUG: 'code-cache', NODE_DEBUG_NATIVE: 'COMPILE_CACHE' };
  const command = [...flags, '--require', './code-cache.cjs', 'ask.cjs'];
  const { stdout, stderr } = await run(process.execPath, command, {
    cwd,
    env: { ...process.env, ...debug },
  });
  const found = (name: string) =>
    new RegExp(`: found .*/${name}$|${name} was accepted`, 'm').test(stderr);
  return { stdout, found };
}

test('a module is taken from the cache, and one that imports works as ever', async (t) => {
  const { folder } = await app(t);
  const { stdout, found } = await ask(folder);
  assert.equal(stdout, 'morningb');
  assert.ok(found('answer.cjs'));
});

test('a module whose source changed is compiled, even if it is as long as before', async (t) => {
  const { folder } = await app(t);
  fs.writeFileSync(join(folder, 'answer.cjs'), answer('evening'));
  const { stdout, found } = await ask(folder);
  assert.equal(stdout, 'eveningb');
  assert.ok(!found('answer.cjs'));
});

/** All files of the cache: Node 22 and later have one for each module. */
function change(cache: string, edit: (content: Buffer) => Buffer) {
  for (const name of fs.readdirSync(cache, { recursive: true, encoding: 'utf8' })) {
    const file = join(cache, name);
    if (fs.statSync(file).isFile()) fs.writeFileSync(file, edit(fs.readFileSync(file)));
  }
}

const replace = (word: string, other: string) => (content: Buffer) =>
  Buffer.from(content.toString('latin1').replaceAll(word, other), 'latin1');

const harm: [string, (cache: string) => void][] = [
  ['missing', (cache) => fs.rmSync(cache, { recursive: true })],
  ['empty', (cache) => change(cache, () => Buffer.alloc(0))],
  ['cut short', (cache) => change(cache, (content) => content.subarray(0, content.length / 2))],
  // V8 itself would run it.
  ['changed in its code', (cache) => change(cache, replace('morning', 'evening'))],
];

for (const [name, spoil] of harm) {
  test(`a cache that is ${name} keeps no process from starting`, async (t) => {
    const { folder, cache } = await app(t);
    spoil(cache);
    const { stdout, found } = await ask(folder);
    assert.equal(stdout, 'morningb');
    assert.ok(!found('answer.cjs'));
  });
}

test('code that V8 made with other flags is not taken', async (t) => {
  const { folder } = await app(t);
  const { stdout, found } = await ask(folder, '--no-opt');
  assert.equal(stdout, 'morningb');
  assert.ok(!found('answer.cjs'));
});
