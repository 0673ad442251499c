'use server';

import { refresh } from 'next/cache';
import { headers } from 'next/headers';
import { redirect } from 'next/navigation';
import { type Backend, backend, type Result } from '@/lib/backend.ts';
import { filterHref, readFilter } from '@/lib/filter.ts';
import { json, text } from '@/lib/form.ts';
import { answerForm } from '@/lib/form-answer.ts';
import { CHANGED, GONE, OTHER_ACCOUNT, type Outcome } from '@/lib/outcome.ts';
import { AWAY } from '@/lib/problem.ts';
import { noteOutage } from '@/lib/request.ts';
import { currentSession, isOther, signedOut } from '@/lib/session.ts';
import {
  changed,
  fieldsOf,
  isTaskId,
  type NewTask,
  newId,
  overlap,
  type Task,
  type TaskChanges,
  type TaskFields,
  taskFields,
  taskId,
  taskOf,
} from '@/lib/task.ts';
import { completed, deleted, saved, type Undo, undone } from '@/lib/undo.ts';

// Anyone can call these with anything, whatever the types say: arguments are checked here or by the
// backend, never trusted. `userId` is of the person whose page calls.

const NOT_ACCEPTED = 'This was not accepted.';
const ADDED_BEFORE =
  'This task was added before, and changed elsewhere since. To add yours beside it, send it again.';
const REFUSED: Outcome = { ok: false, message: NOT_ACCEPTED };

export async function addTask(form: FormData): Promise<Outcome> {
  const fields = taskFields(form);
  if (!fields.title) return { ok: false, message: 'Give the task a title.' };
  const id = taskId(form);
  return change(text(form, 'user'), (api) => add(api, fields, id));
}

/** Saves changes to a version. Both changes stay if somebody else has changed other fields since. */
export async function saveTask(userId: string, over: Task, own: TaskChanges): Promise<Outcome> {
  if (!taskOf(over) || !isObject(own)) return REFUSED;
  if (own.title === '') return { ok: false, message: 'A task needs a title.' };
  return change(userId, async (api) => {
    const saved = await api.changeTask(over.id, own, over.version);
    const theirs = saved.ok ? undefined : saved.problem.present;
    if (!theirs || overlap(fieldsOf(over), fieldsOf(theirs), own)) return saved;
    return api.changeTask(over.id, own, theirs.version);
  });
}

/** No version is required: who else has changed this, from the same value, wanted the same. */
export async function completeTask(userId: string, id: string, done: boolean): Promise<Outcome> {
  if (!isTaskId(id)) return REFUSED;
  return change(userId, (api) => api.changeTask(id, { done }));
}

/**
 * Only the version that the person has seen: what was written since would be lost with it. A task that is gone
 * counts as deleted: the answer to a first try may have been lost, and its undo is offered nowhere else.
 */
export async function deleteTask(
  userId: string,
  id: string,
  version: number | undefined,
): Promise<Outcome> {
  if (!isTaskId(id) || !isVersion(version)) return REFUSED;
  const outcome = await change(userId, (api) => api.deleteTask(id, version));
  return !outcome.ok && outcome.isGone ? { ok: true } : outcome;
}

/**
 * Brings a deleted task back, with the content and the place that it had. `id` is a new one: who
 * still edits the deleted task hears that it is gone, not that they hold a version of this one.
 */
export async function restoreTask(userId: string, task: Task, id: string): Promise<Outcome> {
  if (!taskOf(task) || !isTaskId(id)) return REFUSED;
  return change(userId, (api) => api.addTask({ ...fieldsOf(task), ...placeOf(task), id }));
}

/** Adds what was written into a task that is gone, in its place. */
export async function addInstead(userId: string, task: Task, id: string): Promise<Outcome> {
  if (!taskOf(task) || !isTaskId(id)) return REFUSED;
  return change(userId, (api) => add(api, fieldsOf(task), id, placeOf(task)));
}

function placeOf({ done, created_at }: Task) {
  return { done, created_at };
}

export async function undoChange(userId: string, undo: Undo): Promise<Outcome> {
  if (!isObject(undo)) return REFUSED;
  switch (undo.kind) {
    case 'add':
      return deleteTask(userId, undo.id, undo.version);
    case 'done':
      return completeTask(userId, undo.id, undo.done);
    case 'edit':
      return saveTask(userId, undo.task, undo.former);
    case 'delete':
      return restoreTask(userId, undo.task, undo.id);
    default:
      return REFUSED;
  }
}

// Without scripts a browser sends the forms themselves, and shows the page that answers them. To send
// one again, as a reload does, changes nothing more.

export async function addTaskPlainly(form: FormData): Promise<void> {
  const outcome = await addTask(form);
  // To another page: a reload must not add the task anew that was deleted since.
  if (outcome.ok) redirect(filteredHref(new URLSearchParams(text(form, 'filter'))));
  if (outcome.conflict) form.delete('id');
  answerForm({ message: outcome.message, fields: form });
}

/** The form's `id` is of the task that is added if the edited one is gone. */
export async function saveTaskPlainly(form: FormData): Promise<void> {
  const userId = text(form, 'user');
  const seen = taskOf(json(form, 'task'));
  if (!seen) return answerForm({ message: NOT_ACCEPTED, fields: form });
  const fields = taskFields(form);
  const id = taskId(form);
  const own = changed(fieldsOf(seen), fields);
  let outcome: Outcome = { ok: true };
  if (id) outcome = await addInstead(userId, { ...seen, ...fields }, id);
  else if (Object.keys(own).length) outcome = await saveTask(userId, seen, own);
  if (outcome.ok) {
    const said = id
      ? { text: 'Added', title: fields.title }
      : saved(fields.title, seen, own, outcome.task);
    return answerForm({ said });
  }
  const { message, conflict: present, isGone } = outcome;
  // Another one if that of the first try was changed elsewhere, as its message says.
  if (isGone || (id && present)) form.set('id', newId());
  answerForm({
    message: isGone ? GONE : present && !id ? CHANGED : message,
    fields: form,
    ...(present && !id && { conflict: { seen, present } }),
  });
}

export async function completeTaskPlainly(form: FormData): Promise<void> {
  const done = text(form, 'done') === 'true';
  const outcome = await completeTask(text(form, 'user'), text(form, 'id'), done);
  if (!outcome.ok) answerForm({ message: outcome.message });
  else if (outcome.task) answerForm({ said: completed(outcome.task, done) });
}

export async function deleteTaskPlainly(form: FormData): Promise<void> {
  const seen = taskOf(json(form, 'task'));
  if (!seen) return answerForm({ message: NOT_ACCEPTED });
  const outcome = await deleteTask(text(form, 'user'), seen.id, seen.version);
  if (outcome.ok) return answerForm({ said: deleted(seen) });
  const { message, conflict: present } = outcome;
  answerForm({ message, ...(present && { conflict: { seen, present } }) });
}

export async function undoPlainly(form: FormData): Promise<void> {
  const undo = json(form, 'undo') as Undo;
  const outcome = await undoChange(text(form, 'user'), undo);
  if (outcome.ok) return answerForm({ said: undone(undo, outcome.task) });
  answerForm({ message: outcome.message, fields: form });
}

function filteredHref(query: URLSearchParams): string {
  return filterHref(readFilter(Object.fromEntries(query)));
}

/**
 * A first try may have arrived although its answer was lost. What was written since is kept, too, unless
 * somebody has changed the task meanwhile: the first version is the one that was sent.
 */
async function add(
  api: Backend,
  fields: TaskFields,
  id: string | undefined,
  place: Partial<ReturnType<typeof placeOf>> = {},
): Promise<Result<Task>> {
  const task: NewTask = { ...fields, ...place, ...(id && { id }) };
  const added = await api.addTask(task);
  if (!added.ok || added.value.id !== id) return added;
  const missing = changed(fieldsOf(added.value), fields);
  if (added.value.priority === undefined) delete missing.priority;
  if (!Object.keys(missing).length) return added;
  const { version = 1 } = added.value;
  return version === 1
    ? api.changeTask(id, missing, added.value.version)
    : { ok: false, problem: { kind: 'conflict', message: ADDED_BEFORE, present: added.value } };
}

async function change(
  userId: string,
  run: (api: Backend) => Promise<Result<Task | undefined>>,
): Promise<Outcome> {
  const session = await currentSession();
  if (session.state === 'signed-out') return signedOut(await shownHref());
  if (isOther(session, userId)) return { ok: false, message: OTHER_ACCOUNT };
  const result: Result<Task | undefined> =
    session.state === 'signed-in'
      ? await run(backend(session.user.id))
      : { ok: false, problem: AWAY };
  if (result.ok) {
    refresh();
    return { ok: true, ...(result.value && { task: result.value }) };
  }
  const { kind, message, present } = result.problem;
  if (kind === 'away') noteOutage('backend');
  // The list shows what others did; who is editing keeps what they wrote.
  if (kind === 'missing' || kind === 'conflict') refresh();
  return {
    ok: false,
    message: present ? `${message} The list shows it as it is now.` : message,
    ...(present && { conflict: present }),
    ...(kind === 'missing' && { isGone: true }),
  };
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
