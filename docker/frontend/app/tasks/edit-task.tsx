'use client';

import { type KeyboardEvent, useState } from 'react';
import type { Outcome } from '@/lib/outcome.ts';
import { changed, fieldsOf, newId, type Task, type TaskChanges, taskFields } from '@/lib/task.ts';
import type { Undo } from '@/lib/undo.ts';
import { Alert } from '../alert.tsx';
import { useSubmit } from '../use-submit.ts';
import { restoreTask, saveTask } from './actions.ts';
import { keepEdit, keptEdit } from './draft.ts';
import { useNotify } from './notices.tsx';
import { DetailInputs, TitleInput } from './task-inputs.tsx';
import { Versions } from './versions.tsx';

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
    const outcome = await saveTask(over, own);
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
    const title = String(form.get('title'));
    const canUndo = !isGone && saved && Object.keys(former).length > 0;
    const undo: { undo?: Undo } = canUndo ? { undo: { kind: 'edit', task: saved, former } } : {};
    notify(outcome, { text: isGone ? 'Added' : 'Saved', title, ...undo });
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
