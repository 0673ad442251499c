import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import { test } from 'node:test';
import { isAnswered, methodsOf } from '../lib/methods.ts';

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

test('Next gets what it serves, what only `next dev` has, and what it answers with its own 404', () => {
  for (const path of ['/tasks', '/_next/static/x', '/__nextjs_font/x', '/_next/hmr', '/nowhere']) {
    assert.ok(isAnswered('GET', path), path);
  }
  assert.ok(isAnswered('POST', '/__nextjs_original-stack-frames'));
});

test('it does not get what is no path, or what nobody can decode', () => {
  for (const path of ['*', 'http://a.example/tasks', '', '/%', '/api/auth/%', '/api/auth/%FF']) {
    for (const method of ['GET', 'POST']) assert.ok(!isAnswered(method, path), path);
  }
  for (const path of ['/%2F', '/%C3%A9', '/tasks%20']) assert.ok(isAnswered('GET', path), path);
});

test('it does not get the path of an image service that it would look for a folder for', () => {
  for (const method of ['GET', 'HEAD', 'POST']) assert.ok(!isAnswered(method, '/_next/image'));
});
