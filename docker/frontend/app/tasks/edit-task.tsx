'use client';

import { type SubmitEvent, useState, useTransition } from 'react';
import type { Task } from '@/lib/task.ts';
import { Alert } from '../alert.tsx';
import { saveTask } from './actions.ts';
import { useNotify } from './notices.tsx';
import { safely } from './safely.ts';
import { TaskInputs } from './task-inputs.tsx';

export function EditTask({ task, onClose }: { task: Task; onClose: () => void }) {
  const notify = useNotify();
  const [problem, setProblem] = useState('');
  const [busy, start] = useTransition();

  function submit(event: SubmitEvent<HTMLFormElement>) {
    event.preventDefault();
    const fields = new FormData(event.currentTarget);
    start(async () => {
      const outcome = await safely(() => saveTask(task.id, fields));
      setProblem(outcome.ok ? '' : outcome.message);
      if (!outcome.ok) return;
      notify(outcome, `Saved “${fields.get('title')}”.`);
      onClose();
    });
  }

  return (
    <form
      className="stack grow"
      aria-label={`Edit ${task.title}`}
      onSubmit={submit}
      onKeyDown={(event) => event.key === 'Escape' && onClose()}
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
