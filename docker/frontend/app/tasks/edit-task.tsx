'use client';

import { type KeyboardEvent, useState } from 'react';
import { CHANGED, GONE, type Outcome } from '@/lib/outcome.ts';
import type { Edit } from '@/lib/sent.ts';
import { changed, fieldsOf, newId, type Task, type TaskChanges, taskFields } from '@/lib/task.ts';
import { saved } from '@/lib/undo.ts';
import { Alert } from '../alert.tsx';
import { useSubmit } from '../use-submit.ts';
import { UserInput, useUserId } from '../user.tsx';
import { addInstead, saveTask, saveTaskPlainly } from './actions.ts';
import { fill, forgetEdit, keepEdit, keptEdit } from './draft.ts';
import { LIST_FORM } from './list-form.tsx';
import { useNotify } from './notices.tsx';
import { DetailInputs, TitleInput } from './task-inputs.tsx';
import { Versions } from './versions.tsx';

type Props = {
  /** As it was when the editing began; the list may show a newer one meanwhile. */
  task: Task;
  /** Of an edit that the server has begun. */
  sent?: Edit | undefined;
  /** Goes on with another task in the place of this one. */
  onEdit: (base: Task) => void;
  onClose: () => void;
};

export function EditTask({ task, sent, onEdit, onClose }: Props) {
  const notify = useNotify();
  const userId = useUserId();
  // Of a reload, a session that ended, or another filter in between.
  const [first] = useState<Edit>(() => sent ?? keptEdit(userId, task.id) ?? { base: task });
  const initial = first.fields ?? fieldsOf(first.base);
  /** What is overwritten: after a conflict the other version, and what was saved if it is written on. */
  const [base, setBase] = useState(first.base);
  const [conflict, setConflict] = useState(first.conflict);
  const [isGone, setIsGone] = useState(first.nextId !== undefined);
  // Of the task that is added if this one is gone: a second try finds the task of the first.
  const [nextId, setNextId] = useState(first.nextId ?? newId);

  async function save(form: FormData): Promise<Outcome> {
    if (isGone) return addInstead(userId, { ...base, ...taskFields(form) }, nextId);
    const own = changed(fieldsOf(base), taskFields(form));
    if (!Object.keys(own).length) return { ok: true };
    const outcome = await saveTask(userId, base, own);
    if (outcome.ok) return outcome;
    if (outcome.isGone) {
      setConflict(undefined);
      setIsGone(true);
      return { ...outcome, message: GONE };
    }
    return outcome.conflict ? { ...outcome, message: CHANGED } : outcome;
  }

  const { problem, busy, submit } = useSubmit(save, (outcome, fields, form) => {
    const written = taskFields(new FormData(form));
    if (!outcome.ok) {
      if (!outcome.conflict) return;
      // The first try has arrived, and was changed elsewhere since: the next one is beside it.
      if (isGone) return setNextId(newId());
      const own = changed(fieldsOf(base), written);
      setConflict({ theirs: outcome.conflict, own });
      goOn(form, outcome.conflict, own);
      return;
    }
    const done = taskFields(fields);
    const { title } = done;
    const own = changed(fieldsOf(base), done);
    notify(outcome, isGone ? { text: 'Added', title } : saved(title, base, own, outcome.task));
    const later = changed(done, written);
    // Not what was cancelled meanwhile.
    if (!Object.keys(later).length || !keptEdit(userId, base.id)) return close();
    const { task: now = base } = outcome;
    setConflict(undefined);
    goOn(form, now, later);
    forgetEdit(userId, base.id);
    keepEdit(userId, now, form);
    if (now.id !== base.id) onEdit(now);
  });

  /** From a newer version; what else is written stays, also under somebody's hands. */
  function goOn(form: HTMLFormElement, now: Task, own: TaskChanges) {
    setBase(now);
    fill(form, changed(taskFields(new FormData(form)), { ...fieldsOf(now), ...own }));
  }

  function close() {
    forgetEdit(userId, base.id);
    onClose();
  }

  /** Escape loses nothing that was written. While a word is being composed, it is meant for the input method. */
  function closeOnEscape({ key, nativeEvent, currentTarget }: KeyboardEvent<HTMLFormElement>) {
    if (key !== 'Escape' || nativeEvent.isComposing) return;
    const written = changed(fieldsOf(base), taskFields(new FormData(currentTarget)));
    if (!Object.keys(written).length) close();
  }

  return (
    <form
      className="stack grow"
      aria-label={`Edit ${task.title}`}
      data-editing
      action={saveTaskPlainly}
      onInput={(event) => keepEdit(userId, base, event.currentTarget)}
      onSubmit={submit}
      onKeyDown={closeOnEscape}
    >
      <UserInput />
      <input type="hidden" name="task" value={JSON.stringify(base)} />
      {isGone && <input type="hidden" name="id" value={nextId} />}
      <TitleInput title={initial.title} focus={!first.fields} />
      <DetailInputs task={initial} />
      <Alert message={problem || (sent?.message ?? '')} />
      {conflict && <Versions {...conflict} />}
      <div className="button-row">
        <button type="submit" className="primary" aria-disabled={busy}>
          {isGone ? 'Add as a new task' : conflict ? 'Keep mine' : 'Save'}
        </button>
        <button
          type="submit"
          form={LIST_FORM}
          className="quiet"
          onClick={(event) => {
            event.preventDefault();
            close();
          }}
        >
          {conflict ? 'Keep the other' : 'Cancel'}
        </button>
      </div>
    </form>
  );
}
