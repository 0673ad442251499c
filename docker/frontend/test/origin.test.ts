import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isHttps, ownOrigin } from '../lib/origin.ts';

const origin = (headers: Record<string, string>) => ownOrigin(new Headers(headers));

test('a request through a NodePort or a port-forward names its own address', () => {
  assert.equal(origin({ host: '192.168.49.2:30080' }), 'http://192.168.49.2:30080');
  assert.equal(origin({ host: 'localhost:8080' }), 'http://localhost:8080');
  assert.equal(origin({ host: '[::1]:8080' }), 'http://[::1]:8080');
});

test('behind an Ingress the forwarded host and scheme count, and default ports vanish', () => {
  assert.equal(
    origin({
      host: '10.0.0.7:3000',
      'x-forwarded-host': 'tasks.example.com:443',
      'x-forwarded-proto': 'https',
    }),
    'https://tasks.example.com',
  );
});

test('of several proxies the first, the one the browser talked to, counts', () => {
  const headers = { host: 'a.example', 'x-forwarded-proto': 'https, http' };
  assert.equal(origin(headers), 'https://a.example');
  assert.equal(isHttps(new Headers(headers)), true);
});

test('a host that is none, or reads as a pattern, is no origin', () => {
  for (const host of ['', '*', '*.example.com', 'a?b', 'evil.example/path', 'a b', 'user@host']) {
    assert.equal(origin({ 'x-forwarded-host': host || ' ', host }), undefined, `host ${host}`);
  }
});
