import assert from 'node:assert/strict';
import { test } from 'node:test';
import { backendQuery, filterHref, readFilter } from '../lib/filter.ts';
import { taskFields } from '../lib/task.ts';

test('an address without sense shows the first page of all tasks', () => {
  const all = { show: 'all', search: '', page: 1 } as const;
  assert.deepEqual(readFilter({}), all);
  assert.deepEqual(readFilter({ show: 'evil', page: '-3', search: '   ' }), all);
  assert.deepEqual(readFilter({ page: '1e99' }), all);
});

test('an address beyond what the backend takes asks for as much as it takes', () => {
  const { page, search } = readFilter({ page: '99999', search: ' a\0b\0 ' });
  assert.equal(search, 'ab');
  const query = new URLSearchParams(backendQuery({ show: 'all', search, page }));
  assert.ok(Number(query.get('offset')) <= 1_000_000, `offset ${query.get('offset')}`);
});

test('a filter survives its own address', () => {
  const filter = { show: 'open', search: 'milk & bread', page: 3 } as const;
  const { searchParams } = new URL(filterHref(filter), 'http://x');
  assert.deepEqual(readFilter(Object.fromEntries(searchParams)), filter);
});

test('a page becomes a limit and an offset for the backend', () => {
  assert.equal(backendQuery({ show: 'all', search: '', page: 1 }), 'limit=50&offset=0');
  assert.equal(
    backendQuery({ show: 'done', search: 'a b', page: 3 }),
    'limit=50&offset=100&done=true&search=a+b',
  );
});

test('a form becomes a task: trimmed, with plain newlines, and without a date if none was given', () => {
  const form = new FormData();
  form.set('title', '  Buy milk ');
  form.set('notes', 'one\r\ntwo');
  form.set('due', '');
  assert.deepEqual(taskFields(form), { title: 'Buy milk', notes: 'one\ntwo', due: null });
  assert.deepEqual(taskFields(new FormData()), { title: '', notes: '', due: null });
});
