import assert from 'node:assert/strict';
import { test } from 'node:test';
import { notAdmitted } from '../lib/admission.ts';

/** Answers each query with the next of these codes; with a row where there is none. */
function pool(...codes: (string | undefined)[]) {
  return {
    asked: 0,
    async query() {
      this.asked += 1;
      const code = codes.shift();
      if (code) throw Object.assign(new Error(code), { code });
      return { rows: [] };
    },
  };
}

test('a pod waits for its role, its rights and its tables, and for nothing else', async () => {
  const waits = ['28P01', '28000', '3D000', '42501', '42P01'];
  // Away, out of connections, starting up: a page says so.
  const serves = ['ECONNREFUSED', 'ETIMEDOUT', '53300', '57P03'];
  const database = pool(...waits, ...serves, undefined);
  const ask = () => notAdmitted(database as never);
  for (const code of waits) assert.equal(await ask(), `the database refuses with ${code}`);
  for (const code of serves) assert.equal(await ask(), undefined, code);

  assert.equal(await ask(), undefined);
  const { asked } = database;
  const refusing = pool('28P01');
  assert.equal(await notAdmitted(refusing as never), undefined, 'it has been let in before');
  assert.equal(refusing.asked, 0);
  assert.equal(database.asked, asked);
});
