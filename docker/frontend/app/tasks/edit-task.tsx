'use client';

import { useRouter } from 'next/navigation';
import { type KeyboardEvent, useRef, useState } from 'react';
import type { Outcome } from '@/lib/outcome.ts';
import { changed, fieldsOf, overlap, type Task, type TaskChanges, taskFields } from '@/lib/task.ts';
import { Alert } from '../alert.tsx';
import { safely } from '../safely.ts';
import { useSubmit } from '../use-submit.ts';
import { saveTask } from './actions.ts';
import { useNotify } from './notices.tsx';
import { DetailInputs, TitleInput } from './task-inputs.tsx';

export function EditTask({ task, onClose }: { task: Task; onClose: () => void }) {
  const notify = useNotify();
  const router = useRouter();
  // As it was when the editing began: the list may show a newer one meanwhile.
  const [base] = useState(task);
  const version = useRef(task.version);
  const [conflict, setConflict] = useState<{ theirs: Task; own: TaskChanges }>();

  async function save(form: FormData): Promise<Outcome> {
    const own = changed(fieldsOf(base), taskFields(form));
    if (!Object.keys(own).length) return { ok: true };
    const outcome = await saveTask(base.id, version.current, own);
    if (outcome.ok || !outcome.conflict) return outcome;
    const theirs = outcome.conflict;
    version.current = theirs.version;
    // Other fields than one's own: both changes can stay.
    if (!overlap(fieldsOf(base), fieldsOf(theirs), own)) {
      return saveTask(base.id, theirs.version, own);
    }
    setConflict({ theirs, own });
    return {
      ok: false,
      message: 'This task was changed elsewhere. Which version do you want to keep?',
    };
  }

  const { problem, busy, submit } = useSubmit(save, (outcome, form) => {
    if (!outcome.ok) return;
    const before = changed(taskFields(form), fieldsOf(base));
    const undo = async () =>
      notify(await safely(() => saveTask(base.id, undefined, before)), 'Changed back.');
    notify(outcome, `Saved “${form.get('title')}”.`, Object.keys(before).length ? { undo } : {});
    onClose();
  });

  function cancel() {
    if (conflict) router.refresh();
    onClose();
  }

  /** While a word is being composed, Escape is meant for the input method. */
  function close({ key, nativeEvent }: KeyboardEvent) {
    if (key === 'Escape' && !nativeEvent.isComposing) cancel();
  }

  return (
    <form
      className="stack grow"
      aria-label={`Edit ${base.title}`}
      data-editing
      onSubmit={submit}
      onKeyDown={close}
    >
      <TitleInput title={base.title} focus />
      <DetailInputs task={fieldsOf(base)} />
      <Alert message={problem} />
      {conflict && <Versions {...conflict} />}
      <div className="button-row">
        <button type="submit" className="primary" disabled={busy}>
          {conflict ? 'Keep mine' : 'Save'}
        </button>
        <button type="button" className="quiet" onClick={cancel}>
          {conflict ? 'Keep the other' : 'Cancel'}
        </button>
      </div>
    </form>
  );
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
