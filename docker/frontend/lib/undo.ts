import { changed, fieldsOf, newId, type Task, type TaskChanges } from './task.ts';

/** How a change is undone: as data, so that it outlives a reload and fits into a form. */
export type Undo =
  | { kind: 'add'; id: string; version?: number | undefined }
  /** `done`: as it was before. */
  | { kind: 'done'; id: string; done: boolean }
  /** `task`: as it was saved. `former`: the values that were overwritten. */
  | { kind: 'edit'; task: Task; former: TaskChanges }
  /** `id`: of the restored task; a second try finds the task of the first. */
  | { kind: 'delete'; task: Task; id: string };

/** What has just happened. The title is no part of the text: it can be of any direction. */
export type Said = {
  text: string;
  title?: string | undefined;
  undo?: Undo;
  /** Nothing else can undo it, so it is said until the person has decided. */
  lasting?: boolean;
};

/** A task that the assistant has changed: none before it was added, none after it was deleted. */
export type Change = { before: Task; after: Task | null } | { before: null; after: Task };

/** The same notices, with the same undo, as if the person had changed it. */
export function saidOf({ before, after }: Change): Said[] {
  if (!before) return [added(after)];
  if (!after) return [deleted(before)];
  const own = changed(fieldsOf(before), fieldsOf(after));
  return [
    ...(Object.keys(own).length ? [saved(after.title, before, own, after)] : []),
    ...(before.done !== after.done ? [completed(after, after.done)] : []),
  ];
}

type Added = Pick<Task, 'id' | 'title'> & { version?: number | undefined };

export function added({ id, title, version }: Added): Said {
  return { text: 'Added', title, undo: { kind: 'add', id, version } };
}

export function completed({ id, title }: Pick<Task, 'id' | 'title'>, done: boolean): Said {
  const undo: Undo = { kind: 'done', id, done: !done };
  return { text: done ? 'Completed' : 'Reopened', title, undo };
}

/** `own`: what was written over the task `over`. `task`: as it was saved; none if nothing was changed. */
export function saved(title: string, over: Task, own: TaskChanges, task: Task | undefined): Said {
  const former = changed({ ...fieldsOf(over), ...own }, fieldsOf(over));
  const canUndo = task && Object.keys(former).length > 0;
  return { text: 'Saved', title, ...(canUndo && { undo: { kind: 'edit', task, former } }) };
}

export function deleted(task: Task, id = newId()): Said {
  return { text: 'Deleted', title: task.title, undo: { kind: 'delete', task, id }, lasting: true };
}

/** `task`: as the undoing left it. */
export function undone(undo: Undo, task: Task | undefined): Said {
  if (undo.kind === 'done' && task) return completed(task, undo.done);
  if (undo.kind === 'delete') return { text: 'Restored', title: task?.title };
  return { text: undo.kind === 'add' ? 'Not added after all.' : 'Changed back.' };
}
