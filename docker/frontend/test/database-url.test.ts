import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { rootCertificates } from 'node:tls';
import pg from 'pg';
import { databaseConfig } from '../lib/database-url.ts';

const caFile = join(tmpdir(), `ca-${process.pid}.pem`);
const certificate = rootCertificates[0] ?? '';
writeFileSync(caFile, certificate);

const address = (query = '') => `postgresql://u:p%40ss@db:5432/tasks${query}`;
const ssl = (query: string, ca?: string) => new pg.Client(databaseConfig(address(query), ca)).ssl;

test('sslmode means what it means to libpq', () => {
  for (const mode of ['disable', 'allow', 'prefer']) assert.equal(ssl(`?sslmode=${mode}`), false);
  assert.deepEqual(ssl('?sslmode=require'), { rejectUnauthorized: false }, 'any certificate');
  assert.deepEqual(ssl('?sslmode=verify-full'), {}, 'by whom Node trusts');
  assert.deepEqual(ssl('?sslrootcert=system'), {}, 'which means verify-full');
  assert.deepEqual(ssl('?sslmode=verify-full', caFile), { ca: certificate });
  const byAuthority = databaseConfig(address('?sslmode=verify-ca'), caFile).ssl;
  assert.ok(typeof byAuthority === 'object');
  assert.equal(byAuthority.ca, certificate);
  assert.equal(byAuthority.checkServerIdentity?.('other', {} as never), undefined, 'any name');
});

test('an address is read as it is written, with the defaults of libpq', () => {
  const { ssl: _, ...parts } = databaseConfig(`${address()}\n`);
  const expected = { host: 'db', port: 5432, user: 'u', password: 'p@ss', database: 'tasks' };
  assert.deepEqual(parts, expected);
  const { host, port, database } = databaseConfig('postgres://ada@[::1]');
  assert.deepEqual({ host, port, database }, { host: '::1', port: 5432, database: 'ada' });
});

test('what poolers and libpq add is left out', () => {
  const known = '?pgbouncer=true&connection_limit=1&channel_binding=require&connect_timeout=5';
  assert.equal(ssl(known), false);
});

type Parts = pg.ClientConfig & { mode?: string };
type Example = { why: string; url: string; ca?: boolean; says?: string; reads?: Parts };
/** What the backend's reader is held to as well. */
const EXAMPLES = '../backend/tests/database_addresses.json';
const examples: { reads: Parts; usable: Example[]; refused: Example[] } = JSON.parse(
  readFileSync(EXAMPLES, 'utf8'),
);

for (const { why, url, ca, reads } of examples.usable) {
  test(`an address is used: ${why}`, () => {
    const { mode, ...expected } = { ...examples.reads, ...reads };
    const authority = ca ? caFile : undefined;
    const { ssl: found, ...parts } = databaseConfig(url, authority);
    assert.deepEqual(parts, expected);
    const alike = databaseConfig(address(`?sslmode=${mode}`), authority).ssl;
    assert.equal(JSON.stringify(found), JSON.stringify(alike));
  });
}

for (const { why, url, says = '' } of examples.refused) {
  test(`an address is refused without repeating it: ${why}`, () => {
    assert.throws(
      () => databaseConfig(url),
      ({ message }: Error) => message.includes(says) && !/S3|\n/.test(message),
    );
  });
}

test('a file without certificates is refused', () => {
  const broken = join(tmpdir(), `broken-${process.pid}.pem`);
  writeFileSync(broken, certificate.replace(/\nMII.*/, '\ncut off'));
  for (const file of ['/nowhere', broken]) {
    assert.throws(() => databaseConfig(address('?sslmode=verify-full'), file), /DATABASE_CA_FILE/);
  }
});
