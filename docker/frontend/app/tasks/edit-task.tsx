'use client';

import { type KeyboardEvent, useState } from 'react';
import { CHANGED, GONE, type Outcome } from '@/lib/outcome.ts';
import type { Edit } from '@/lib/sent.ts';
import { changed, fieldsOf, newId, type Task, taskFields } from '@/lib/task.ts';
import { saved } from '@/lib/undo.ts';
import { Alert } from '../alert.tsx';
import { useSubmit } from '../use-submit.ts';
import { UserInput, useUserId } from '../user.tsx';
import { restoreTask, saveTask, saveTaskPlainly } from './actions.ts';
import { keepEdit, keptEdit } from './draft.ts';
import { LIST_FORM } from './list-form.tsx';
import { useNotify } from './notices.tsx';
import { DetailInputs, TitleInput } from './task-inputs.tsx';
import { Versions } from './versions.tsx';

type Props = {
  /** As it was when the editing began; the list may show a newer one meanwhile. */
  task: Task;
  /** Of an edit that the server has begun. */
  sent?: Edit | undefined;
  onClose: () => void;
};

export function EditTask({ task: base, sent, onClose }: Props) {
  const notify = useNotify();
  const userId = useUserId();
  // Of a reload, a session that ended, or another filter in between.
  const [kept] = useState(() => (sent ? sent.fields : keptEdit(base.id)?.fields));
  const [conflict, setConflict] = useState(sent?.conflict);
  const [isGone, setIsGone] = useState(sent?.nextId !== undefined);
  // Of the task that is added if this one is gone: a second try finds the task of the first.
  const [nextId] = useState(sent?.nextId ?? newId);
  /** What is overwritten. */
  const over = conflict?.theirs ?? base;

  async function save(form: FormData): Promise<Outcome> {
    if (isGone) return restoreTask(userId, { ...base, ...taskFields(form) }, nextId);
    const own = changed(fieldsOf(base), taskFields(form));
    if (!Object.keys(own).length) return { ok: true };
    const outcome = await saveTask(userId, over, own);
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
      message: CHANGED,
    };
  }

  const { problem, busy, submit } = useSubmit(save, (outcome, form) => {
    if (!outcome.ok) return;
    const fields = taskFields(form);
    const { title } = fields;
    const own = changed(fieldsOf(base), fields);
    notify(outcome, isGone ? { text: 'Added', title } : saved(title, over, own, outcome.task));
    onClose();
  });

  /** Escape loses nothing that was written. While a word is being composed, it is meant for the input method. */
  function close({ key, nativeEvent, currentTarget }: KeyboardEvent<HTMLFormElement>) {
    if (key !== 'Escape' || nativeEvent.isComposing) return;
    const written = changed(fieldsOf(base), taskFields(new FormData(currentTarget)));
    if (!Object.keys(written).length) onClose();
  }

  return (
    <form
      className="stack grow"
      aria-label={`Edit ${base.title}`}
      data-editing
      action={saveTaskPlainly}
      onInput={(event) => keepEdit(base, event.currentTarget)}
      onSubmit={submit}
      onKeyDown={close}
    >
      <UserInput />
      <input type="hidden" name="task" value={JSON.stringify(over)} />
      {isGone && <input type="hidden" name="id" value={nextId} />}
      <TitleInput title={kept?.title ?? base.title} focus={!kept} />
      <DetailInputs task={kept ?? fieldsOf(base)} />
      <Alert message={problem || (sent?.message ?? '')} />
      {conflict && <Versions {...conflict} />}
      <div className="button-row">
        <button type="submit" className="primary" disabled={busy}>
          {isGone ? 'Add as a new task' : conflict ? 'Keep mine' : 'Save'}
        </button>
        <button
          type="submit"
          form={LIST_FORM}
          className="quiet"
          onClick={(event) => {
            event.preventDefault();
            onClose();
          }}
        >
          {conflict ? 'Keep the other' : 'Cancel'}
        </button>
      </div>
    </form>
  );
}
