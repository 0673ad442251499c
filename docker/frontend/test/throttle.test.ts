import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Throttle } from '../lib/throttle.ts';

test('a window lets through as many attempts as the limit says, and then ends', () => {
  const throttle = new Throttle(2, 1000);
  assert.deepEqual(
    [0, 10, 20, 999].map((now) => throttle.allow('a', now)),
    [true, true, false, false],
  );
  assert.equal(throttle.allow('b', 30), true, 'another key has its own window');
  assert.equal(throttle.allow('a', 1000), true);
});

test('a flood of keys pushes out the oldest and never grows the memory', () => {
  const throttle = new Throttle(1, 1000, 2);
  for (const key of ['a', 'b', 'c']) assert.equal(throttle.allow(key, 0), true);
  assert.equal(throttle.allow('c', 1), false, 'the newest is remembered');
  assert.equal(throttle.allow('a', 1), true, 'the oldest is forgotten');
});
