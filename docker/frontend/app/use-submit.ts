import { type SubmitEvent, useState, useTransition } from 'react';
import type { Outcome } from '@/lib/outcome.ts';
import { safely } from './safely.ts';

type Refused = Extract<Outcome, { ok: false }>;
type Then<T> = (outcome: T | Refused, fields: FormData, form: HTMLFormElement) => void;

/**
 * Sends a form, once at a time. Not as its action: React would empty it even when it was refused. A
 * button that is disabled meanwhile would lose the focus: it has `aria-disabled`.
 */
export function useSubmit<T extends { ok: boolean; message?: string }>(
  action: (fields: FormData) => Promise<T>,
  then?: Then<T>,
) {
  const [outcome, setOutcome] = useState<T | Refused>();
  const [busy, start] = useTransition();

  function submit(event: SubmitEvent<HTMLFormElement>) {
    event.preventDefault();
    if (busy) return;
    const form = event.currentTarget;
    const fields = new FormData(form);
    start(async () => {
      const found = await safely(() => action(fields));
      setOutcome(found);
      then?.(found, fields, form);
    });
  }
  const problem = outcome && !outcome.ok ? (outcome.message ?? '') : '';
  return { outcome, problem, busy, submit };
}
