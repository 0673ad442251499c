import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import { test } from 'node:test';
import { methodsOf } from '../lib/methods.ts';

test('what Next serves from app/ is known: of the rest no method is allowed', () => {
  const served = readdirSync('app', { recursive: true, encoding: 'utf8' })
    .filter((file) => /(^|\/)(page\.tsx|route\.ts|[^/]+\.(txt|svg))$/.test(file))
    .map((file) => `/${file.replace(/\([^)]*\)\/|\/?(page\.tsx|route\.ts)$/g, '')}`)
    // These answer for several paths, of which they serve those that the list has.
    .filter((path) => !path.includes('[...'));
  assert.ok(served.includes('/sign-in') && served.includes('/icon.svg'), served.join(' '));
  assert.deepEqual(
    served.filter((path) => !methodsOf(path)),
    [],
  );
});

test('where there is nothing, or something else below a page, no method is allowed', () => {
  for (const path of ['/nowhere', '/tasks/1', '/api', '/api/auth', '/api/auth/list-sessions']) {
    assert.equal(methodsOf(path), undefined, path);
  }
});
