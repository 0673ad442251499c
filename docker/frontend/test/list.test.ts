import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Backend } from '../lib/backend.ts';
import { type Filter, readFilter } from '../lib/filter.ts';
import { listTasks } from '../lib/list.ts';
import { NOTES_MAX, type Task } from '../lib/task.ts';

const OPEN = readFilter({});
const LIMIT = 100;

/** Open tasks, newest first; the oldest one is due first. */
function tasks(count: number): Task[] {
  return Array.from({ length: count }, (_, index) => {
    const id = `${count - index}`;
    const due = index === count - 1 ? '2020-01-01' : null;
    const moments = { created_at: id, updated_at: id };
    return { id, title: `Task ${id}`, notes: '', done: false, due, ...moments };
  });
}

/** A backend with these open tasks; `between` runs after each of its answers. */
function fake(stored: Task[], { cursors = true, between = () => {} } = {}): Backend {
  const listed = async ({ show }: Filter, limit: number, from: number | string) => {
    const all = show === 'done' ? [] : [...stored];
    const last = all.findIndex(({ id }) => Number(id) < Number(from));
    const start = typeof from === 'number' ? from : last < 0 ? all.length : last;
    const items = all.slice(start, start + limit);
    if (limit > 1) between();
    const more = start + limit < all.length;
    const next = cursors ? { next: more ? (items.at(-1)?.id ?? null) : null } : {};
    return { ok: true, value: { items, total: all.length, ...next } };
  };
  return { listTasks: listed } as unknown as Backend;
}

async function list(api: Backend, page = 1) {
  const listed = await listTasks(api, { ...OPEN, page });
  assert.ok(listed.ok);
  return listed.value;
}

test('open tasks of many answers are sorted by due day', async () => {
  const { tasks: shown, counts, isPart } = await list(fake(tasks(250)));
  assert.equal(shown[0]?.id, '1', 'the oldest one, which is due');
  assert.equal(counts.open, 250);
  assert.equal(isPart, false);
});

test('a task that is deleted between two answers hides no other', async () => {
  const seen = new Set<string>();
  for (let page = 1; page <= 5; page += 1) {
    const stored = tasks(2 * LIMIT + 1);
    const deleteNewest = () => stored.shift();
    for (const { id } of (await list(fake(stored, { between: deleteNewest }), page)).tasks) {
      seen.add(id);
    }
  }
  assert.equal(seen.size, 2 * LIMIT + 1);
});

test('more open tasks than are sorted: the list says that it is a part', async () => {
  assert.equal((await list(fake(tasks(1_000)))).isPart, false);
  const { isPart, counts, pages } = await list(fake(tasks(1_001)));
  assert.equal(isPart, true);
  assert.equal(counts.open, 1_001);
  assert.equal(pages, 20);
});

test('of open tasks with long notes fewer are sorted, and the list says that it is a part', async () => {
  const stored = tasks(1_000).map((task) => ({ ...task, notes: 'x'.repeat(NOTES_MAX) }));
  const { tasks: shown, isPart, counts, pages } = await list(fake(stored), 4);
  assert.equal(isPart, true);
  assert.equal(counts.open, 1_000);
  assert.equal(pages, 4);
  assert.equal(shown.length, 50);
});

test('a backend without cursors is asked by offset', async () => {
  assert.equal((await list(fake(tasks(250), { cursors: false }))).tasks[0]?.id, '1');
});
