import { json } from './form.ts';
import type { FormAnswer } from './form-answer.ts';
import {
  changed,
  fieldsOf,
  isTaskId,
  type Task,
  type TaskChanges,
  type TaskFields,
  taskFields,
  taskId,
  taskOf,
} from './task.ts';
import { deleted, type Said, saved } from './undo.ts';

/** A new task that a form without scripts has sent in vain. */
export type Addition = { id?: string | undefined; fields: TaskFields; message: string };

/** A task that is being edited without scripts; the rest is there if it was sent in vain. */
export type Edit = {
  base: Task;
  fields?: TaskFields;
  message?: string;
  conflict?: { theirs: Task; own: TaskChanges };
  /** Of the task that is added instead, because this one is gone. */
  nextId?: string | undefined;
};

export function sentAddition({ message = '', fields }: FormAnswer): Addition | undefined {
  if (!fields?.has('title') || fields.has('task')) return undefined;
  return { id: taskId(fields), fields: taskFields(fields), message };
}

/** After a conflict it is based on the other version, with the person's own changes. */
export function sentEdit({ message = '', fields, conflict }: FormAnswer): Edit | undefined {
  const seen = taskOf(json(fields, 'task'));
  if (!seen || !fields?.has('title')) return undefined;
  const written = taskFields(fields);
  if (!conflict) return { base: seen, fields: written, message, nextId: taskId(fields) };
  const theirs = conflict.present;
  const own = changed(fieldsOf(seen), written);
  return {
    base: theirs,
    fields: { ...fieldsOf(theirs), ...own },
    message,
    conflict: { theirs, own },
  };
}

/** What a form without scripts would have undone: what it brings back is nowhere else. */
export function sentUndo({ fields }: FormAnswer): Said | undefined {
  const undo = json(fields, 'undo') as Record<string, unknown> | null | undefined;
  const task = taskOf(undo?.task);
  if (!undo || !task) return undefined;
  if (undo.kind === 'delete') return isTaskId(undo.id) ? deleted(task, undo.id) : undefined;
  const former = taskOf({ ...task, ...(undo.former as object) });
  return former && saved(task.title, former, changed(fieldsOf(former), fieldsOf(task)), task);
}
