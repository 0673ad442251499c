'use client';

import { type SubmitEvent, useRef, useState, useTransition } from 'react';
import { Alert } from '../alert.tsx';
import { addTask } from './actions.ts';
import { useNotify } from './notices.tsx';
import { safely } from './safely.ts';
import { TaskInputs } from './task-inputs.tsx';

export function AddTask() {
  const notify = useNotify();
  const form = useRef<HTMLFormElement>(null);
  const [problem, setProblem] = useState('');
  const [busy, start] = useTransition();

  // Not a form action: React would empty the form even when the task was refused.
  function submit(event: SubmitEvent<HTMLFormElement>) {
    event.preventDefault();
    const fields = new FormData(event.currentTarget);
    start(async () => {
      const outcome = await safely(() => addTask(fields));
      setProblem(outcome.ok ? '' : outcome.message);
      if (!outcome.ok) return;
      notify(outcome, `Added “${fields.get('title')}”.`);
      form.current?.reset();
      form.current?.querySelector('input')?.focus();
    });
  }

  return (
    <form ref={form} onSubmit={submit} className="card stack" aria-label="New task">
      <TaskInputs>
        <button type="submit" className="primary" disabled={busy}>
          Add task
        </button>
      </TaskInputs>
      <Alert message={problem} />
    </form>
  );
}
