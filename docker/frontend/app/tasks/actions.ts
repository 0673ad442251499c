'use server';

import { refresh } from 'next/cache';
import { headers } from 'next/headers';
import { redirect } from 'next/navigation';
import { type Backend, backend, type Result } from '@/lib/backend.ts';
import { filterHref, readFilter } from '@/lib/filter.ts';
import { text } from '@/lib/form.ts';
import type { Outcome } from '@/lib/outcome.ts';
import { AWAY } from '@/lib/problem.ts';
import { signInHref } from '@/lib/return-to.ts';
import { currentSession } from '@/lib/session.ts';
import {
  changed,
  fieldsOf,
  isTaskId,
  type NewTask,
  type Task,
  type TaskChanges,
  type TaskFields,
  taskFields,
  taskId,
} from '@/lib/task.ts';

// Anyone can call these with anything, whatever the types say: arguments are checked here or by the
// backend, never trusted.

const REFUSED: Outcome = { ok: false, message: 'This was not accepted.' };

export async function addTask(form: FormData): Promise<Outcome> {
  const fields = taskFields(form);
  if (!fields.title) return { ok: false, message: 'Give the task a title.' };
  const id = taskId(form);
  return change((api) => add(api, fields, id));
}

export async function saveTask(
  id: string,
  version: number | undefined,
  changes: TaskChanges,
): Promise<Outcome> {
  if (!isTaskId(id) || !isVersion(version) || !isObject(changes)) return REFUSED;
  if (changes.title === '') return { ok: false, message: 'A task needs a title.' };
  return change((api) => api.changeTask(id, changes, version));
}

/** No version is required: who else has changed this, from the same value, wanted the same. */
export async function completeTask(id: string, done: boolean): Promise<Outcome> {
  if (!isTaskId(id)) return REFUSED;
  return change((api) => api.changeTask(id, { done }));
}

/** Only the version that the person has seen: what was written since would be lost with it. */
export async function deleteTask(id: string, version: number | undefined): Promise<Outcome> {
  if (!isTaskId(id) || !isVersion(version)) return REFUSED;
  return change((api) => api.deleteTask(id, version));
}

/**
 * Brings a deleted task back, with the content and the place that it had. `id` is a new one: who
 * still edits the deleted task hears that it is gone, not that they hold a version of this one.
 */
export async function restoreTask(task: Task, id: string): Promise<Outcome> {
  if (!isObject(task) || !isTaskId(id)) return REFUSED;
  const { done, created_at } = task;
  return change((api) => api.addTask({ ...fieldsOf(task), id, done, created_at }));
}

/** What the form shows again when a task was not added without scripts. */
export type AddState = { message: string; id?: string | undefined; fields?: TaskFields };

// Without scripts a browser sends the forms themselves, and shows the page that they lead to.

export async function addTaskPlainly(_: AddState, form: FormData): Promise<AddState> {
  const outcome = await addTask(form);
  if (!outcome.ok) return { message: outcome.message, id: taskId(form), fields: taskFields(form) };
  redirect(pageOf(form));
}

export async function completeTaskPlainly(form: FormData): Promise<void> {
  const outcome = await completeTask(text(form, 'id'), text(form, 'done') === 'true');
  redirect(pageOf(form, outcome));
}

export async function deleteTaskPlainly(form: FormData): Promise<void> {
  const version = Number(text(form, 'version')) || undefined;
  redirect(pageOf(form, await deleteTask(text(form, 'id'), version)));
}

/** The part of the tasks that was shown, which says it when something failed. */
function pageOf(form: FormData, { ok }: { ok: boolean } = { ok: true }): string {
  const href = filteredHref(new URLSearchParams(text(form, 'filter')));
  return ok ? href : `${href}${href.includes('?') ? '&' : '?'}failed=1`;
}

function filteredHref(query: URLSearchParams): string {
  return filterHref(readFilter(Object.fromEntries(query)));
}

/** A first try may have arrived although its answer was lost; what was written since is kept, too. */
async function add(
  api: Backend,
  fields: TaskFields,
  id: string | undefined,
): Promise<Result<Task>> {
  const task: NewTask = id ? { ...fields, id } : fields;
  const added = await api.addTask(task);
  if (!added.ok || added.value.id !== id) return added;
  const missing = changed(fieldsOf(added.value), fields);
  if (added.value.priority === undefined) delete missing.priority;
  return Object.keys(missing).length ? api.changeTask(id, missing, added.value.version) : added;
}

async function change(run: (api: Backend) => Promise<Result<Task | undefined>>): Promise<Outcome> {
  const api = await callersBackend();
  if (!api) return { ok: false, message: AWAY.message };
  const result = await run(api);
  if (result.ok) {
    refresh();
    return { ok: true, ...(result.value && { task: result.value }) };
  }
  const { kind, message, present } = result.problem;
  // The list shows what others did; who is editing keeps what they wrote.
  if (kind === 'missing' || kind === 'conflict') refresh();
  return {
    ok: false,
    message: present ? `${message} The list shows it as it is now.` : message,
    ...(present && { conflict: present }),
    ...(kind === 'missing' && { isGone: true }),
  };
}

/** Undefined when the database is away; without a session the person is sent to sign in. */
async function callersBackend(): Promise<Backend | undefined> {
  const session = await currentSession();
  if (session.state === 'signed-out') redirect(signInHref(await shownHref()));
  return session.state === 'signed-in' ? backend(session.user.id) : undefined;
}

/** The part of the tasks that the person is looking at. */
async function shownHref(): Promise<string> {
  const page = (await headers()).get('referer') ?? '';
  return filteredHref(URL.canParse(page) ? new URL(page).searchParams : new URLSearchParams());
}

/** Undefined: of a backend without versions. */
function isVersion(value: unknown): boolean {
  return value === undefined || Number.isSafeInteger(value);
}

function isObject(value: unknown): boolean {
  return typeof value === 'object' && value !== null;
}
