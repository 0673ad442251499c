import assert from 'node:assert/strict';
import { test } from 'node:test';
import { byDue, grouped, groupOf, withEdited } from '../lib/agenda.ts';
import type { Task } from '../lib/task.ts';

const WEDNESDAY = '2026-12-30';

test('a day is called what people call it', () => {
  const days: [string | null, string][] = [
    ['2026-12-29', 'Overdue'],
    ['2026-12-30', 'Today'],
    ['2026-12-31', 'Tomorrow'],
    ['2027-01-01', 'This week'],
    ['2027-01-03', 'This week'],
    ['2027-01-04', 'Later'],
    [null, 'Without a date'],
  ];
  for (const [due, group] of days) assert.equal(groupOf(due, WEDNESDAY), group, String(due));
  assert.equal(groupOf('2027-01-04', '2027-01-03'), 'Tomorrow', 'of a Sunday');
  assert.equal(groupOf('2027-01-05', '2027-01-03'), 'Later', 'a Sunday ends its week');
});

let made = 0;
function task(title: string, due: string | null, priority?: Task['priority']): Task {
  made += 1;
  const moments = { created_at: `${made}`, updated_at: `${made}` };
  const rest = priority === undefined ? {} : { priority };
  return { id: `${made}`, title, notes: '', done: false, due, ...rest, ...moments };
}

test('tasks are sorted by day, then by priority, then by title', () => {
  const tasks = [
    task('No day', null),
    task('Item 10', '2026-12-30'),
    task('Item 9', '2026-12-30', 'normal'),
    task('Whenever', '2026-12-30', 'low'),
    task('Urgent', '2026-12-30', 'high'),
    task('Late', '2026-12-01', 'low'),
  ];
  const titles = byDue(tasks).map(({ title }) => title);
  assert.deepEqual(titles, ['Late', 'Urgent', 'Item 9', 'Item 10', 'Whenever', 'No day']);
  const again = byDue(tasks.toReversed()).map(({ title }) => title);
  assert.deepEqual(again, titles, 'however they arrive');
});

test('groups are in the order of time, and only those with tasks', () => {
  const tasks = byDue([task('b', null), task('a', '2026-12-30'), task('c', '2026-01-01')]);
  const groups = grouped(tasks, WEDNESDAY).map(([group, members]) => [group, members.length]);
  assert.deepEqual(groups, [
    ['Overdue', 1],
    ['Today', 1],
    ['Without a date', 1],
  ]);
});

test('a task that is being edited stays as it was, also when it was moved or deleted elsewhere', () => {
  const edited = task('Edited', '2026-12-30');
  const other = task('Other', '2026-12-31');
  const titles = (tasks: Task[]) => tasks.map(({ title, due }) => `${title} ${due}`);
  const kept = ['Edited 2026-12-30', 'Other 2026-12-31'];
  const moved = { ...edited, title: 'Moved', due: '2027-12-31' };
  assert.deepEqual(titles(withEdited([other, moved], [edited], 'open')), kept);
  assert.deepEqual(titles(withEdited([other], [edited], 'open')), kept, 'deleted');
  assert.deepEqual(titles(withEdited([other], [edited], 'all')), kept.toReversed(), 'newest first');
});
