'use client';

import type { KeyboardEvent } from 'react';
import type { Task } from '@/lib/task.ts';
import { Alert } from '../alert.tsx';
import { useSubmit } from '../use-submit.ts';
import { saveTask } from './actions.ts';
import { useNotify } from './notices.tsx';
import { TaskInputs } from './task-inputs.tsx';

export function EditTask({ task, onClose }: { task: Task; onClose: () => void }) {
  const notify = useNotify();
  const save = (fields: FormData) => saveTask(task.id, fields);
  const { problem, busy, submit } = useSubmit(save, (outcome, fields) => {
    if (!outcome.ok) return;
    notify(outcome, `Saved “${fields.get('title')}”.`);
    onClose();
  });

  /** While a word is being composed, Escape is meant for the input method. */
  function close({ key, nativeEvent }: KeyboardEvent) {
    if (key === 'Escape' && !nativeEvent.isComposing) onClose();
  }

  return (
    <form
      className="stack grow"
      aria-label={`Edit ${task.title}`}
      onSubmit={submit}
      onKeyDown={close}
    >
      <TaskInputs task={task} focusTitle />
      <Alert message={problem} />
      <div className="button-row">
        <button type="submit" className="primary" disabled={busy}>
          Save
        </button>
        <button type="button" className="quiet" onClick={onClose}>
          Cancel
        </button>
      </div>
    </form>
  );
}
