import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { test } from 'node:test';

const program = `import { serve } from './.test/lib/serving.js'; serve();`;

test('an address that can never work ends the start with one line, without the password', () => {
  const { status, stdout, stderr } = spawnSync(
    process.execPath,
    ['--input-type=module', '--eval', program],
    {
      encoding: 'utf8',
      env: { ...process.env, DATABASE_URL: 'postgresql://ada@tenant:S3cret@host/tasks' },
    },
  );
  assert.equal(status, 1);
  assert.equal(stderr, '');
  const lines = stdout.trim().split('\n');
  assert.equal(lines.length, 1);
  assert.match(JSON.parse(stdout).error, /^DATABASE_URL .* percent-encoded/);
  assert.doesNotMatch(stdout, /S3cret/);
});
