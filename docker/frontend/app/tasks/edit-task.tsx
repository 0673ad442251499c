'use client';

import { type KeyboardEvent, useState } from 'react';
import type { Outcome } from '@/lib/outcome.ts';
import {
  changed,
  fieldsOf,
  newId,
  overlap,
  type Task,
  type TaskChanges,
  taskFields,
} from '@/lib/task.ts';
import { Alert } from '../alert.tsx';
import { safely } from '../safely.ts';
import { useSubmit } from '../use-submit.ts';
import { restoreTask, saveTask } from './actions.ts';
import { keepEdit, keptEdit } from './draft.ts';
import { useNotify } from './notices.tsx';
import { DetailInputs, TitleInput } from './task-inputs.tsx';

const GONE =
  'This task was deleted elsewhere. What you wrote is still here, and can be added as a new task.';

/** `base`: the task as it was when the editing began; the list may show a newer one meanwhile. */
export function EditTask({ task: base, onClose }: { task: Task; onClose: () => void }) {
  const notify = useNotify();
  // Of a reload, a session that ended, or another filter in between.
  const [kept] = useState(() => keptEdit(base.id)?.fields);
  const [conflict, setConflict] = useState<{ theirs: Task; own: TaskChanges }>();
  const [isGone, setIsGone] = useState(false);
  // Of the task that is added if this one is gone: a second try finds the task of the first.
  const [nextId] = useState(newId);
  /** What is overwritten. */
  const over = conflict?.theirs ?? base;

  async function save(form: FormData): Promise<Outcome> {
    if (isGone) return restoreTask({ ...base, ...taskFields(form) }, nextId);
    const own = changed(fieldsOf(base), taskFields(form));
    if (!Object.keys(own).length) return { ok: true };
    const outcome = await saveBeside(over, own);
    if (outcome.ok) return outcome;
    if (outcome.isGone) {
      setConflict(undefined);
      setIsGone(true);
      return { ...outcome, message: GONE };
    }
    if (!outcome.conflict) return outcome;
    setConflict({ theirs: outcome.conflict, own });
    return {
      ...outcome,
      message: 'This task was changed elsewhere. Which version do you want to keep?',
    };
  }

  const { problem, busy, submit } = useSubmit(save, (outcome, form) => {
    if (!outcome.ok) return;
    const saved = outcome.task;
    const own = changed(fieldsOf(base), taskFields(form));
    const former = changed({ ...fieldsOf(over), ...own }, fieldsOf(over));
    const undo = async () =>
      saved && notify(await safely(() => saveBeside(saved, former)), 'Changed back.');
    const done = isGone ? 'Added' : 'Saved';
    const canUndo = !isGone && saved && Object.keys(former).length > 0;
    notify(outcome, `${done} “${form.get('title')}”.`, canUndo ? { undo } : {});
    onClose();
  });

  /** While a word is being composed, Escape is meant for the input method. */
  function close({ key, nativeEvent }: KeyboardEvent) {
    if (key === 'Escape' && !nativeEvent.isComposing) onClose();
  }

  return (
    <form
      className="stack grow"
      aria-label={`Edit ${base.title}`}
      data-editing
      onInput={(event) => keepEdit(base, event.currentTarget)}
      onSubmit={submit}
      onKeyDown={close}
    >
      <TitleInput title={kept?.title ?? base.title} focus={!kept} />
      <DetailInputs task={kept ?? fieldsOf(base)} />
      <Alert message={problem} />
      {conflict && <Versions {...conflict} />}
      <div className="button-row">
        <button type="submit" className="primary" disabled={busy}>
          {isGone ? 'Add as a new task' : conflict ? 'Keep mine' : 'Save'}
        </button>
        <button type="button" className="quiet" onClick={onClose}>
          {conflict ? 'Keep the other' : 'Cancel'}
        </button>
      </div>
    </form>
  );
}

/** Saves changes to a version. Both changes stay if somebody else has changed other fields since. */
async function saveBeside(over: Task, own: TaskChanges): Promise<Outcome> {
  const outcome = await saveTask(over.id, over.version, own);
  if (outcome.ok || !outcome.conflict) return outcome;
  const theirs = outcome.conflict;
  if (overlap(fieldsOf(over), fieldsOf(theirs), own)) return outcome;
  return saveTask(over.id, theirs.version, own);
}

const NAMES = {
  title: 'Title',
  notes: 'Notes',
  due: 'Due date',
  priority: 'Priority',
  done: 'Done',
};

/** The local edit and the saved version, field by field. */
function Versions({ theirs, own }: { theirs: Task; own: TaskChanges }) {
  const names = Object.keys(own) as (keyof TaskChanges)[];
  return (
    <table className="versions">
      <thead>
        <tr>
          <td />
          <th scope="col">Yours</th>
          <th scope="col">Elsewhere</th>
        </tr>
      </thead>
      <tbody>
        {names.map((name) => (
          <tr key={name}>
            <th scope="row">{NAMES[name]}</th>
            <td dir="auto">{String(own[name] ?? '') || 'none'}</td>
            <td dir="auto">{String(theirs[name] ?? '') || 'none'}</td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}
