import assert from 'node:assert/strict';
import { test } from 'node:test';
import { keepNotices, keptNotices } from '../app/tasks/kept-notices.ts';
import { newId, type Task } from '../lib/task.ts';
import { deleted, type Said, saidOf } from '../lib/undo.ts';

const moments = { created_at: '2030-05-01T00:00:00Z', updated_at: '2030-05-01T00:00:00Z' };
const before: Task = {
  id: newId(),
  title: 'Bread',
  notes: '',
  done: false,
  due: null,
  version: 1,
  priority: 'normal',
  ...moments,
};

function summary({ text, title, undo, lasting = false }: Said) {
  return { text, title, kind: undo?.kind, lasting };
}

test('what the assistant added, completed, changed or deleted has the undo of the same change by hand', () => {
  const title = 'Bread';
  assert.deepEqual(saidOf({ before: null, after: before }), [
    { text: 'Added', title, undo: { kind: 'add', id: before.id, version: 1 } },
  ]);
  assert.deepEqual(saidOf({ before, after: { ...before, done: true, version: 2 } }), [
    { text: 'Completed', title, undo: { kind: 'done', id: before.id, done: false } },
  ]);
  const after: Task = { ...before, title: 'Rye bread', version: 2 };
  assert.deepEqual(saidOf({ before, after }), [
    {
      text: 'Saved',
      title: 'Rye bread',
      undo: { kind: 'edit', task: after, former: { title: 'Bread' } },
    },
  ]);
  assert.deepEqual(saidOf({ before, after: null }).map(summary), [
    { text: 'Deleted', title, kind: 'delete', lasting: true },
  ]);
});

test('a task that the assistant edited and completed at once has an undo of each', () => {
  const after: Task = { ...before, notes: 'Rye', done: true, version: 2 };
  const kinds = saidOf({ before, after }).map(({ undo }) => undo?.kind);
  assert.deepEqual(kinds, ['edit', 'done']);
});

test('a task that was done already is not reopened by an undo', () => {
  const done = { ...before, done: true };
  assert.deepEqual(saidOf({ before: done, after: done }), []);
});

test('as many deletions keep their undo through a reload as the browser has room for', () => {
  const kept = new Map<string, string>();
  Object.assign(globalThis, {
    sessionStorage: {
      getItem: (key: string) => kept.get(key) ?? null,
      setItem: (key: string, value: string) => kept.set(key, value),
      removeItem: (key: string) => kept.delete(key),
    },
  });
  const notice = (notes: string) => ({ ...deleted({ ...before, notes }), key: newId(), ok: true });
  const short = Array.from({ length: 200 }, () => notice('Rye'));
  keepNotices('ada', short);
  assert.deepEqual(keptNotices('ada'), short);
  const long = Array.from({ length: 600 }, () => notice('x'.repeat(10_000)));
  keepNotices('ada', long);
  const found = keptNotices('ada');
  assert.ok(found.length > 100, `${found.length} are kept`);
  assert.deepEqual(found, long.slice(-found.length), 'the latest');
  assert.ok([...kept.values()].join('').length < 2_500_000);
  assert.deepEqual(keptNotices('bob'), []);
});
