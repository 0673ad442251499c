import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { getAuthTables } from 'better-auth/db';
import { authOptions } from '../lib/auth-options.ts';

type Column = [name: string, type: string, nullable: boolean, fallback: string | null];
type Table = { columns: Column[]; indexes: [string][]; references: [string][] };

/** What the backend's migrations are held to, seen from here. */
const SCHEMA = '../backend/tests/better_auth_schema.json';
const TYPES: Record<string, string> = {
  string: 'text',
  boolean: 'boolean',
  date: 'timestamp with time zone',
};

const settings = {
  secret: 'a-secret-for-tests-only-9f8e7d6c5b4a',
  frontendUrl: 'http://tasks.example.com',
  secureCookies: false,
  attempts: { begin: async () => 0, forget: async () => {} },
  pool: { query: async () => {} } as never,
};
const wanted = Object.values(getAuthTables(authOptions(settings)));
const migrated: Record<string, Table> = JSON.parse(readFileSync(SCHEMA, 'utf8'));

test('the backend migrates the tables that Better Auth wants', () => {
  assert.deepEqual(Object.keys(migrated).sort(), wanted.map((table) => table.modelName).sort());
});

for (const { modelName, fields } of wanted) {
  const columns = Object.entries(fields).map(([key, field]) => ({
    ...field,
    name: field.fieldName ?? key,
  }));
  const table = migrated[modelName] ?? { columns: [], indexes: [], references: [] };
  const indexed = (start: string) =>
    table.indexes
      .map(([definition]) => definition)
      .filter((definition) => definition.startsWith(start))
      .map((definition) => definition.match(/\("?(\w+)"?\)$/)?.[1])
      .filter((name) => name !== 'id')
      .sort();
  const names = (found: typeof columns) => found.map(({ name }) => name).sort();

  test(`the columns of ${modelName} are those that Better Auth writes`, () => {
    const own = columns.map(({ name, type, required }) => [name, TYPES[String(type)], !required]);
    assert.deepEqual(
      table.columns.map(([name, type, nullable]) => [name, type, nullable]).sort(),
      [['id', 'text', false], ...own].sort(),
    );
  });

  test(`the indexes and references of ${modelName} are those that Better Auth wants`, () => {
    assert.deepEqual(indexed('CREATE UNIQUE INDEX'), names(columns.filter(({ unique }) => unique)));
    assert.deepEqual(indexed('CREATE INDEX'), names(columns.filter(({ index }) => index)));
    assert.deepEqual(
      table.references.map(([definition]) => definition),
      columns.flatMap(({ name, references: to }) =>
        to
          ? `FOREIGN KEY ("${name}") REFERENCES "${to.model}"(${to.field}) ON DELETE ${to.onDelete?.toUpperCase()}`
          : [],
      ),
    );
  });
}
