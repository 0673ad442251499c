import { text } from './form.ts';

export const PRIORITIES = ['low', 'normal', 'high'] as const;
export type Priority = (typeof PRIORITIES)[number];

/** A task as the backend sends it. Dates are ISO 8601; `due` is a day without a time. */
export type Task = {
  id: string;
  title: string;
  notes: string;
  done: boolean;
  due: string | null;
  /** Grows with each change. The release before has neither it nor priorities. */
  version?: number;
  priority?: Priority;
  created_at: string;
  updated_at: string;
};

/** `next` leads to the page after this one. The release before has none. */
export type TaskPage = { items: Task[]; total: number; next?: string | null };

/** What a person can write into a task. */
export type TaskFields = Pick<Task, 'title' | 'notes' | 'due'> & { priority: Priority };
export type TaskChanges = Partial<TaskFields & Pick<Task, 'done'>>;
export type NewTask = TaskFields & Partial<Pick<Task, 'id' | 'done' | 'created_at'>>;

/** The backend's limits, so that the form says so before it is sent. */
export const TITLE_MAX = 200;
export const NOTES_MAX = 10_000;
export const DUE_MIN = '1900-01-01';
export const DUE_MAX = '2999-12-31';

const UUID = /^[\da-f]{8}(-[\da-f]{4}){3}-[\da-f]{12}$/i;

/** As a form sends a task that nobody has touched: browsers and `taskFields` change its white space. */
export function fieldsOf({ title, notes, due, priority = 'normal' }: Task): TaskFields {
  return {
    title: title.replace(/[\r\n]/g, '').trim(),
    notes: notes.replace(/\r\n?/g, '\n').trim(),
    due,
    priority,
  };
}

export function taskFields(form: unknown): TaskFields {
  return {
    title: text(form, 'title').trim(),
    notes: text(form, 'notes').replaceAll('\r\n', '\n').trim(),
    due: text(form, 'due') || null,
    priority: PRIORITIES.find((priority) => priority === text(form, 'priority')) ?? 'normal',
  };
}

/** The id that the page chose for a new task, so that a second try finds the task of the first. */
export function taskId(form: unknown): string | undefined {
  const id = text(form, 'id');
  return isTaskId(id) ? id : undefined;
}

export function isTaskId(value: unknown): value is string {
  return typeof value === 'string' && UUID.test(value);
}

const isText = (value: unknown) => typeof value === 'string';

/** Which values a task can have, as far as a page shows them; the backend knows more of them. */
const FITS: Record<keyof Task, (value: unknown) => boolean> = {
  id: isTaskId,
  title: isText,
  notes: isText,
  done: (value) => typeof value === 'boolean',
  due: (value) => value === null || isText(value),
  version: (value) => value === undefined || Number.isSafeInteger(value),
  priority: (value) => value === undefined || isText(value),
  created_at: isText,
  updated_at: isText,
};

/**
 * The task that a form carries, without anything beside it, or undefined: a form can carry anything in
 * its place, and a page that shows a list in a list, 10,000 deep, would never end.
 */
export function taskOf(value: unknown): Task | undefined {
  if (typeof value !== 'object' || value === null) return undefined;
  const sent = new Map(Object.entries(value));
  const fields = Object.entries(FITS);
  if (!fields.every(([name, fits]) => fits(sent.get(name)))) return undefined;
  const known = fields.filter(([name]) => sent.has(name)).map(([name]) => [name, sent.get(name)]);
  return Object.fromEntries(known) as Task;
}

/** `crypto.randomUUID` exists only on HTTPS, and a NodePort has none. */
export function newId(): string {
  const bytes = Array.from(crypto.getRandomValues(new Uint8Array(16)));
  const hex = bytes.map((byte) => byte.toString(16).padStart(2, '0')).join('');
  const part = (start: number, end: number) => hex.slice(start, end);
  return `${part(0, 8)}-${part(8, 12)}-4${part(13, 16)}-a${part(17, 20)}-${part(20, 32)}`;
}

/** Those of `wanted` that differ: what nobody changed must not overwrite what others did. */
export function changed(from: TaskFields, wanted: TaskFields): TaskChanges {
  const keys = Object.keys(wanted) as (keyof TaskFields)[];
  return Object.fromEntries(
    keys.filter((key) => from[key] !== wanted[key]).map((key) => [key, wanted[key]]),
  );
}

/** Whether somebody else changed, since `base`, what one wants to change oneself. */
export function overlap(base: TaskFields, present: TaskFields, own: TaskChanges): boolean {
  const theirs = changed(base, present);
  return Object.keys(own).some(
    (key) => key in theirs && own[key as 'title'] !== theirs[key as 'title'],
  );
}
