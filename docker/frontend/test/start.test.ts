import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { cp, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { promisify } from 'node:util';

test('a server that starts writes JSON only, also when Node itself has a warning', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'start-'));
  t.after(() => rm(folder, { recursive: true }));
  await cp('start.mjs', join(folder, 'start.mjs'));
  const server = `
    console.log('Ready in %dms', 300);
    process.emitWarning('old ways', 'DeprecationWarning', 'DEP0001');
    new (require('node:events'))().setMaxListeners(1).on('a', console.log).on('a', console.log);
  `;
  await writeFile(join(folder, 'server.js'), server);
  const run = promisify(execFile);
  const env = { ...process.env, NODE_OPTIONS: '--no-warnings' }; // as in the image
  const { stdout, stderr } = await run(process.execPath, ['start.mjs'], { cwd: folder, env });
  assert.equal(stderr, '');
  const lines = stdout
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line));
  assert.deepEqual(
    lines.map(({ level, message }) => [level, message.slice(0, 31)]),
    [
      ['info', 'Ready in 300ms'],
      ['warn', 'DeprecationWarning: old ways'],
      ['warn', 'MaxListenersExceededWarning: Po'],
    ],
  );
});
