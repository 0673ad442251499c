import type { Show } from './filter.ts';
import type { Task } from './task.ts';

/** When a task is due, in words; in this order. */
export const GROUPS = [
  'Overdue',
  'Today',
  'Tomorrow',
  'This week',
  'Later',
  'Without a date',
] as const;
export type Group = (typeof GROUPS)[number];

const RANK = { high: 0, normal: 1, low: 2 };
const DAY_MS = 24 * 60 * 60 * 1_000;

/** Dates are YYYY-MM-DD, which sort as text. A week ends with its Sunday. */
export function groupOf(due: string | null, today: string): Group {
  if (due === null) return 'Without a date';
  if (due < today) return 'Overdue';
  if (due === today) return 'Today';
  if (due === later(today, 1)) return 'Tomorrow';
  const weekday = new Date(`${today}T00:00:00Z`).getUTCDay();
  return due <= later(today, (7 - weekday) % 7) ? 'This week' : 'Later';
}

function later(day: string, days: number): string {
  return new Date(Date.parse(`${day}T00:00:00Z`) + days * DAY_MS).toISOString().slice(0, 10);
}

/**
 * By due day, then priority, then title, then age: nothing that a deleted and restored task has
 * lost, so it comes back in its place.
 */
export function byDue(tasks: Task[]): Task[] {
  const day = ({ due }: Task) => due ?? '9999';
  const rank = ({ priority = 'normal' }: Task) => RANK[priority];
  return tasks.toSorted(
    (a, b) =>
      compare(day(a), day(b)) ||
      rank(a) - rank(b) ||
      a.title.localeCompare(b.title, 'en', { numeric: true }) ||
      compare(a.created_at, b.created_at),
  );
}

/**
 * The list of a filter with the tasks that are being edited as they were, in their places: whatever
 * happens to them elsewhere, a form that somebody writes in neither moves nor leaves.
 */
export function withEdited(tasks: Task[], edited: Task[], show: Show): Task[] {
  if (!edited.length) return tasks;
  const others = tasks.filter(({ id }) => !edited.some((task) => task.id === id));
  const all = [...others, ...edited];
  return show === 'open' ? byDue(all) : all.toSorted((a, b) => compare(b.created_at, a.created_at));
}

function compare(a: string, b: string): number {
  return a < b ? -1 : Number(a > b);
}

/** Tasks that are sorted by due day, as groups in words. */
export function grouped(tasks: Task[], today: string): [Group, Task[]][] {
  return GROUPS.map((group): [Group, Task[]] => [
    group,
    tasks.filter(({ due }) => groupOf(due, today) === group),
  ]).filter(([, members]) => members.length > 0);
}
