import assert from 'node:assert/strict';
import { test } from 'node:test';
import pg from 'pg';
import { libpqUrl } from '../lib/database-url.ts';

const ssl = (mode: string) => {
  const url = libpqUrl(`postgresql://u:p%40ss@db:5432/tasks?sslmode=${mode}`);
  return new pg.Client({ connectionString: url }).ssl;
};

test('sslmode means what it means to libpq', () => {
  assert.deepEqual(ssl('require'), { rejectUnauthorized: false }, 'encrypted, any certificate');
  assert.deepEqual(ssl('verify-full'), {}, 'encrypted, certificate checked');
  for (const mode of ['disable', 'allow', 'prefer']) assert.equal(ssl(mode), false, mode);
});

test('a URL without sslmode is left as it is', () => {
  const url = 'postgresql://u:p%40ss@db:5432/tasks';
  assert.equal(libpqUrl(url), url);
});
