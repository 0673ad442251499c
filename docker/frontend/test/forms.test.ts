import assert from 'node:assert/strict';
import { test } from 'node:test';
import { backendQuery, filterHref, PAGE_SIZE, readFilter } from '../lib/filter.ts';
import {
  changed,
  fieldsOf,
  newId,
  overlap,
  type Task,
  type TaskFields,
  taskFields,
  taskId,
} from '../lib/task.ts';

test('an address without sense shows the first page of open tasks', () => {
  const first = { show: 'open', search: '', page: 1 } as const;
  assert.deepEqual(readFilter({}), first);
  assert.deepEqual(readFilter({ show: 'evil', page: '-3', search: '   ' }), first);
  assert.deepEqual(readFilter({ page: '1e99' }), first);
});

test('an address beyond what the backend takes asks for as much as it takes', () => {
  const { page, search } = readFilter({ page: '99999', search: ' a\0b\0 ' });
  assert.equal(search, 'ab');
  assert.ok(page * PAGE_SIZE <= 1_000_000, `page ${page}`);
});

test('a filter survives its own address', () => {
  const filter = { show: 'done', search: 'milk & bread', page: 3 } as const;
  const { searchParams } = new URL(filterHref(filter), 'http://x');
  assert.deepEqual(readFilter(Object.fromEntries(searchParams)), filter);
});

test('a filter becomes a query for the backend', () => {
  assert.equal(backendQuery({ show: 'all', search: '', page: 1 }, 50, 0), 'limit=50&offset=0');
  assert.equal(
    backendQuery({ show: 'done', search: 'a b', page: 3 }, 50, 100),
    'limit=50&offset=100&done=true&search=a+b',
  );
  assert.equal(
    backendQuery({ show: 'open', search: '', page: 1 }, 100, '17.a'),
    'limit=100&after=17.a&done=false',
  );
});

test('a form that nobody has touched changes nothing, whatever white space its task has', () => {
  // As the assistant and clients of the API may write it, and as a browser sends it.
  const task = { title: ' Buy milk', notes: 'one\rtwo\r\n', due: null } as Task;
  const form = new FormData();
  form.set('title', ' Buy milk');
  form.set('notes', 'one\r\ntwo\r\n');
  assert.deepEqual(changed(fieldsOf(task), taskFields(form)), {});
});

test('a form becomes a task: trimmed, with plain newlines, and without a date if none was given', () => {
  const form = new FormData();
  form.set('title', '  Buy milk ');
  form.set('notes', 'one\r\ntwo');
  form.set('due', '');
  form.set('priority', 'high');
  const priority = 'high';
  assert.deepEqual(taskFields(form), { title: 'Buy milk', notes: 'one\ntwo', due: null, priority });
  const nothing = { title: '', notes: '', due: null, priority: 'normal' };
  assert.deepEqual(taskFields(new FormData()), nothing);
});

test('a new task has the id that its form names, if that is one', () => {
  const form = new FormData();
  const id = newId();
  form.set('id', id);
  assert.equal(taskId(form), id);
  form.set('id', '../admin');
  assert.equal(taskId(form), undefined);
  assert.notEqual(newId(), newId());
});

const bread: TaskFields = { title: 'Bread', notes: '', due: null, priority: 'normal' };

test('only what was changed is sent', () => {
  assert.deepEqual(changed(bread, { ...bread, notes: 'rye' }), { notes: 'rye' });
  assert.deepEqual(changed(bread, bread), {});
});

test('changes of two people collide in one field, not beside each other', () => {
  const theirs = { ...bread, title: 'Rye bread' };
  assert.equal(overlap(bread, theirs, { notes: 'two' }), false);
  assert.equal(overlap(bread, theirs, { title: 'White bread' }), true);
  assert.equal(overlap(bread, theirs, { title: 'Rye bread' }), false, 'both want the same');
});
