'use server';

import { refresh } from 'next/cache';
import { redirect } from 'next/navigation';
import { type Backend, backend, type Result } from '@/lib/backend.ts';
import { filterHref, readFilter } from '@/lib/filter.ts';
import type { Outcome } from '@/lib/outcome.ts';
import { AWAY } from '@/lib/problem.ts';
import { currentSession } from '@/lib/session.ts';
import {
  changed,
  fieldsOf,
  type NewTask,
  type Task,
  type TaskChanges,
  type TaskFields,
  taskFields,
  taskId,
} from '@/lib/task.ts';

// Anyone can call these with anything: arguments are checked here or by the backend, never trusted.

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
  if (changes.title === '') return { ok: false, message: 'A task needs a title.' };
  return change((api) => api.changeTask(id, changes, version));
}

/** Its values win over whatever was there before: no version is required. */
export async function completeTask(id: string, done: boolean): Promise<Outcome> {
  return change((api) => api.changeTask(id, { done }));
}

export async function deleteTask(id: string): Promise<Outcome> {
  return change((api) => api.deleteTask(id));
}

/** Brings a deleted task back, with the content and the id that it had. */
export async function restoreTask(task: Task): Promise<Outcome> {
  const { id, done } = task;
  return change((api) => api.addTask({ ...fieldsOf(task), id, done }));
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
  const outcome = await completeTask(String(form.get('id')), form.get('done') === 'true');
  redirect(pageOf(form, outcome));
}

export async function deleteTaskPlainly(form: FormData): Promise<void> {
  redirect(pageOf(form, await deleteTask(String(form.get('id')))));
}

/** The part of the tasks that was shown, which says it when something failed. */
function pageOf(form: FormData, { ok }: { ok: boolean } = { ok: true }): string {
  const query = new URLSearchParams(String(form.get('filter') ?? ''));
  const href = filterHref(readFilter(Object.fromEntries(query)));
  return ok ? href : `${href}${href.includes('?') ? '&' : '?'}failed=1`;
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

async function change(run: (api: Backend) => Promise<Result<unknown>>): Promise<Outcome> {
  const api = await callersBackend();
  if (!api) return { ok: false, message: AWAY.message };
  const result = await run(api);
  // What is gone must not stay in the list. After a conflict the person decides first.
  if (result.ok || result.problem.kind === 'missing') refresh();
  if (result.ok) return { ok: true };
  const { message, present } = result.problem;
  return { ok: false, message, ...(present && { conflict: present }) };
}

/** Undefined when the database is away; without a session the person is sent to sign in. */
async function callersBackend(): Promise<Backend | undefined> {
  const session = await currentSession();
  if (session.state === 'signed-out') redirect('/sign-in');
  return session.state === 'signed-in' ? backend(session.user.id) : undefined;
}
