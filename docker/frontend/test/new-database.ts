import type { TestContext } from 'node:test';
import pg from 'pg';

const database = process.env.TEST_DATABASE_URL;
if (!database) throw new Error('set TEST_DATABASE_URL to a Postgres for these tests alone');

/** A database of the test's own with one table, as the backend's migrations make it. */
export async function newDatabase(
  t: TestContext,
  table: string,
): Promise<{ url: string; run: pg.Client }> {
  const name = `test_${process.hrtime.bigint()}`;
  const server = new pg.Client(database);
  await server.connect();
  await server.query(`create database ${name}`);
  const url = new URL(String(database));
  url.pathname = name;
  const run = new pg.Client(url.href);
  await run.connect();
  await run.query(table);
  t.after(async () => {
    await run.end();
    await server.query(`drop database ${name} with (force)`);
    await server.end();
  });
  return { url: url.href, run };
}
