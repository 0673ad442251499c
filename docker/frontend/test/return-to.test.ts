import assert from 'node:assert/strict';
import { test } from 'node:test';
import { returnTo, signInHref } from '../lib/return-to.ts';

test('who signs in comes to where they wanted to go', () => {
  const href = signInHref('/tasks?show=done&search=a+b');
  const next = new URL(href, 'http://x').searchParams.get('next');
  assert.equal(returnTo(next), '/tasks?show=done&search=a+b');
  assert.equal(signInHref('/tasks'), '/sign-in');
});

test('nobody is led to another site', () => {
  const elsewhere = [
    'https://evil.example',
    '//evil.example',
    '/\\evil.example',
    '/\t/evil.example',
    '/..//evil.example',
    '/.//evil.example',
    '/a/%2e%2e//evil.example',
    '/x/../..//evil.example',
  ];
  for (const next of [...elsewhere, 'javascript:alert(1)', '', undefined, ['/account']]) {
    assert.equal(returnTo(next), '/tasks', String(next));
  }
});
