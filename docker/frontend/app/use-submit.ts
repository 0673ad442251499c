import { type SubmitEvent, useState, useTransition } from 'react';
import type { Outcome } from '@/lib/outcome.ts';
import { safely } from './safely.ts';

type Then = (outcome: Outcome, fields: FormData, form: HTMLFormElement) => void;

/** Sends a form. Not as its action: React would empty it even when it was refused. */
export function useSubmit(action: (fields: FormData) => Promise<Outcome>, then?: Then) {
  const [problem, setProblem] = useState('');
  const [busy, start] = useTransition();

  function submit(event: SubmitEvent<HTMLFormElement>) {
    event.preventDefault();
    const form = event.currentTarget;
    const fields = new FormData(form);
    start(async () => {
      const outcome = await safely(() => action(fields));
      setProblem(outcome.ok ? '' : outcome.message);
      then?.(outcome, fields, form);
    });
  }
  return { problem, busy, submit };
}
