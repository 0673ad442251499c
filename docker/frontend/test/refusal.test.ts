import assert from 'node:assert/strict';
import { test } from 'node:test';
import { refuse } from '../lib/refusal.ts';

test('a route handler refuses with problem details', async () => {
  const response = refuse(429, 'Wait 9 s.', { 'Retry-After': '9' });
  assert.equal(response.status, 429);
  assert.equal(response.headers.get('content-type'), 'application/problem+json');
  assert.equal(response.headers.get('retry-after'), '9');
  assert.equal(response.headers.get('cache-control'), 'no-store');
  assert.deepEqual(await response.json(), {
    type: 'about:blank',
    title: 'Too Many Requests',
    status: 429,
    detail: 'Wait 9 s.',
    code: 'TOO_MANY_REQUESTS',
    message: 'Wait 9 s.',
  });
});
