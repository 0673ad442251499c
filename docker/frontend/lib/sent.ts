import { json } from './form.ts';
import type { FormAnswer } from './form-answer.ts';
import {
  changed,
  fieldsOf,
  type Task,
  type TaskChanges,
  type TaskFields,
  taskFields,
  taskId,
  taskOf,
} from './task.ts';

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
