import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { test } from 'node:test';
import { promisify } from 'node:util';

const program = `
  import { log, logConsole } from './.test/lib/log.js';
  import { requests } from './.test/lib/request.js';
  logConsole();
  console.log('\\u001b[32m ✓ Ready in %dms', 300);
  console.error(new Error('first line', { cause: new Error('why') }));
  console.error('⨯', { stack: 1 });
  console.warn(new Error('Failed to find Server Action "x".\\nRead more: https://nextjs.org'));
  requests.run({ id: 'abc', kind: 'page' }, () => log.info('within'));
`;

test('every line is JSON, also what frameworks write, and a stack trace is not repeated', async () => {
  const run = promisify(execFile);
  const command = ['--input-type=module', '--eval', program];
  const { stdout, stderr } = await run(process.execPath, command);
  const lines = stdout
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line));
  assert.equal(stderr, '');
  assert.deepEqual(
    lines.map(({ level, message }) => [level, message]),
    [
      ['info', '✓ Ready in 300ms'],
      ['error', 'first line: why'],
      ['error', '⨯ { stack: 1 }'],
      ['warn', 'Failed to find Server Action "x".\nRead more: https://nextjs.org'],
      ['info', 'within'],
    ],
  );
  assert.equal(lines[4].request_id, 'abc');
});
