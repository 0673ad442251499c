'use client';

import { type SubmitEvent, useActionState, useEffect, useRef, useState } from 'react';
import { newId, taskFields } from '@/lib/task.ts';
import { Alert } from '../alert.tsx';
import { safely } from '../safely.ts';
import { useSubmit } from '../use-submit.ts';
import { addTask, addTaskPlainly, deleteTask } from './actions.ts';
import { forgetDraft, keepDraft, restoreDraft } from './draft.ts';
import { giveBack } from './give-back.ts';
import { useNotify } from './notices.tsx';
import { DetailInputs, TitleInput } from './task-inputs.tsx';

/** `id`: of the next task, made on the server, so that it is there before the scripts are. */
export function AddTask({ id: firstId, filter }: { id: string; filter: string }) {
  const notify = useNotify();
  // Before the scripts have loaded, the browser sends the form, and the page comes back with this.
  const [plain, addPlainly] = useActionState(addTaskPlainly, { message: '' });
  const [id, setId] = useState(plain.id ?? firstId);
  const form = useRef<HTMLFormElement>(null);
  useEffect(() => {
    if (!form.current) return;
    restoreDraft(form.current);
    fold(form.current);
  }, []);

  const { problem, busy, submit } = useSubmit(addTask, (outcome, fields, element) => {
    const sent = String(fields.get('id'));
    if (outcome.ok) {
      const undo = async () => notify(await safely(() => deleteTask(sent)), 'Not added after all.');
      return notify(outcome, `Added “${fields.get('title')}”.`, { undo });
    }
    // The same task is retried, unless another was begun meanwhile.
    if (!new FormData(element).get('title')) setId(sent);
    for (const field of element.querySelectorAll<HTMLInputElement>('[name]:not([type="hidden"])')) {
      giveBack(field, String(fields.get(field.name) ?? ''));
    }
    keepDraft(element);
    fold(element);
  });

  // Emptied at once, so that the next task can be written meanwhile.
  function send(event: SubmitEvent<HTMLFormElement>) {
    submit(event);
    setId(newId());
    event.currentTarget.reset();
    fold(event.currentTarget);
    forgetDraft();
    event.currentTarget.querySelector<HTMLInputElement>('input[name="title"]')?.focus();
  }

  return (
    <form
      ref={form}
      action={addPlainly}
      onSubmit={send}
      onInput={(event) => keepDraft(event.currentTarget)}
      className="card stack add"
      aria-label="New task"
    >
      <input type="hidden" name="id" value={id} />
      <input type="hidden" name="filter" value={filter} />
      <div className="line">
        <TitleInput title={plain.fields?.title} placeholder="New task" />
        <button type="submit" className="primary" disabled={busy}>
          Add task
        </button>
      </div>
      <details>
        <summary>Notes, date, priority</summary>
        <DetailInputs task={plain.fields} />
      </details>
      <Alert message={problem || plain.message} />
    </form>
  );
}

/** Details are open while there are some. */
function fold(form: HTMLFormElement) {
  const { notes, due, priority } = taskFields(new FormData(form));
  const details = form.querySelector('details');
  if (details) details.open = Boolean(notes || due || priority !== 'normal');
}
