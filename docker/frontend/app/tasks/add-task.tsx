'use client';

import { type SubmitEvent, useEffect, useRef, useState } from 'react';
import type { Outcome } from '@/lib/outcome.ts';
import type { Addition } from '@/lib/sent.ts';
import { newId, taskFields } from '@/lib/task.ts';
import { added } from '@/lib/undo.ts';
import { Alert } from '../alert.tsx';
import { safely } from '../safely.ts';
import { useSubmit } from '../use-submit.ts';
import { UserInput, useUserId } from '../user.tsx';
import { addTask, addTaskPlainly } from './actions.ts';
import { keepDraft, restoreDraft } from './draft.ts';
import { giveBack } from './give-back.ts';
import { useNotify } from './notices.tsx';
import { DetailInputs, TitleInput } from './task-inputs.tsx';

type Props = {
  /** Of the next task, made on the server, so that it is there before the scripts are. */
  id: string;
  filter: string;
  /** What a form without scripts has sent in vain. */
  sent?: Addition | undefined;
};

export function AddTask({ id: firstId, filter, sent }: Props) {
  const userId = useUserId();
  const notify = useNotify();
  const [id, setId] = useState(sent?.id ?? firstId);
  /** `id`, if it was sent already: a second try finds the task of the first. */
  const sentId = useRef('');
  const form = useRef<HTMLFormElement>(null);
  useEffect(() => {
    if (!form.current) return;
    sentId.current = restoreDraft(form.current, userId);
    if (sentId.current) setId(sentId.current);
    fold(form.current);
  }, [userId]);

  const { problem, busy, submit } = useSubmit(add, (outcome, fields, element) => {
    if (!outcome.ok) return;
    keepDraft(element, userId);
    const [id, title] = [String(fields.get('id')), String(fields.get('title'))];
    notify(outcome, added({ id, title, version: outcome.task?.version }));
  });

  async function add(fields: FormData): Promise<Outcome> {
    let outcome: Outcome | undefined;
    try {
      outcome = await safely(() => addTask(fields));
      return outcome;
    } finally {
      // Also if the session has ended, which leads to signing in.
      if (!outcome?.ok && form.current) {
        takeBack(fields, form.current, outcome?.conflict !== undefined);
      }
    }
  }

  function takeBack(fields: FormData, element: HTMLFormElement, isAdded: boolean) {
    // The same task is retried, unless another was begun meanwhile, or somebody has changed this one.
    if (!isAdded && !new FormData(element).get('title')) {
      sentId.current = String(fields.get('id'));
      setId(sentId.current);
    }
    for (const field of element.querySelectorAll<HTMLInputElement>('[name]:not([type="hidden"])')) {
      giveBack(field, String(fields.get(field.name) ?? ''));
    }
    keepDraft(element, userId, sentId.current);
    fold(element);
  }

  // Emptied at once, so that the next task can be written meanwhile.
  function send(event: SubmitEvent<HTMLFormElement>) {
    submit(event);
    keepDraft(event.currentTarget, userId, id);
    sentId.current = '';
    setId(newId());
    event.currentTarget.reset();
    fold(event.currentTarget);
    event.currentTarget.querySelector<HTMLInputElement>('input[name="title"]')?.focus();
  }

  return (
    <form
      ref={form}
      action={addTaskPlainly}
      onSubmit={send}
      onInput={(event) => keepDraft(event.currentTarget, userId, sentId.current)}
      className="card stack add"
      aria-label="New task"
    >
      <UserInput />
      <input type="hidden" name="id" value={id} />
      <input type="hidden" name="filter" value={filter} />
      <div className="line">
        <TitleInput title={sent?.fields.title} placeholder="New task" />
        <button type="submit" className="primary" disabled={busy}>
          Add task
        </button>
      </div>
      {/* The browser shows what does not fit only in a field that can be seen. */}
      <details
        onInvalidCapture={(event) => {
          event.currentTarget.open = true;
        }}
      >
        <summary>Notes, date, priority</summary>
        <DetailInputs task={sent?.fields} />
      </details>
      <Alert message={problem || (sent?.message ?? '')} />
    </form>
  );
}

/** Details are open while there are some. */
function fold(form: HTMLFormElement) {
  const { notes, due, priority } = taskFields(new FormData(form));
  const details = form.querySelector('details');
  if (details) details.open = Boolean(notes || due || priority !== 'normal');
}
