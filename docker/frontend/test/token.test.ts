import assert from 'node:assert/strict';
import { createHmac } from 'node:crypto';
import { test } from 'node:test';
import { backendToken } from '../lib/token.ts';

const secret = 'sécret-with-an-accent-0123456789abcdef';
const decode = (part: string) => JSON.parse(Buffer.from(part, 'base64url').toString());

test('the token is HS256 over the UTF-8 bytes of the secret, and lives for a minute', async () => {
  const [header = '', payload = '', signature] = (await backendToken('user-1', secret)).split('.');
  assert.equal(decode(header).alg, 'HS256');

  const claims = decode(payload);
  assert.equal(claims.sub, 'user-1');
  assert.equal(claims.iss, 'taskflow-frontend');
  assert.equal(claims.aud, 'taskflow-backend');
  assert.equal(claims.exp - claims.iat, 60);
  assert.ok(Math.abs(claims.iat - Date.now() / 1000) < 5, 'issued now');

  const hmac = createHmac('sha256', Buffer.from(secret, 'utf8'));
  assert.equal(signature, hmac.update(`${header}.${payload}`).digest('base64url'));
});
