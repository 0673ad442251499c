'use client';

import type { SubmitEvent } from 'react';
import { Alert } from '../alert.tsx';
import { useSubmit } from '../use-submit.ts';
import { addTask } from './actions.ts';
import { giveBack } from './give-back.ts';
import { useNotify } from './notices.tsx';
import { TaskInputs } from './task-inputs.tsx';

export function AddTask() {
  const notify = useNotify();
  const { problem, busy, submit } = useSubmit(addTask, (outcome, fields, form) => {
    if (outcome.ok) return notify(outcome, `Added “${fields.get('title')}”.`);
    for (const field of form.querySelectorAll<HTMLInputElement>('[name]')) {
      giveBack(field, String(fields.get(field.name) ?? ''));
    }
  });

  // Emptied at once, so that the next task can be written meanwhile.
  function send(event: SubmitEvent<HTMLFormElement>) {
    submit(event);
    event.currentTarget.reset();
    event.currentTarget.querySelector('input')?.focus();
  }

  return (
    <form onSubmit={send} className="card stack" aria-label="New task">
      <TaskInputs>
        <button type="submit" className="primary" disabled={busy}>
          Add task
        </button>
      </TaskInputs>
      <Alert message={problem} />
    </form>
  );
}
