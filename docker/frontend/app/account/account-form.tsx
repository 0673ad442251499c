'use client';

import { type ReactNode, useActionState } from 'react';
import { Alert } from '../alert.tsx';
import { leaving } from '../forget-all.ts';
import { safely } from '../safely.ts';
import { useSubmit } from '../use-submit.ts';
import { UserInput } from '../user.tsx';
import type { AccountState } from './actions.ts';

type Props = {
  label: string;
  action: (state: AccountState, form: FormData) => Promise<AccountState>;
  submit: string;
  /** Deletes the account. */
  danger?: boolean;
  children: ReactNode;
};

const NOTHING: AccountState = { ok: true, message: '' };

export function AccountForm({ label, action, submit: submitLabel, danger, children }: Props) {
  // Before the scripts have loaded, the browser sends the form, and the page comes back with this.
  const [plain, send] = useActionState(action, NOTHING);
  const run = danger ? leaving : safely;
  const { outcome, busy, submit } = useSubmit(
    (fields) => run(() => action(NOTHING, fields)),
    (result, _, form) => {
      if (result.ok && form.querySelector('[type="password"]')) form.reset();
    },
  );

  const { ok, message } = outcome ?? plain;
  return (
    <form action={send} onSubmit={submit} className="stack" aria-label={label}>
      <UserInput />
      {children}
      <p role="status">{!busy && ok ? message : ''}</p>
      <Alert message={busy || ok ? '' : message} />
      <button type="submit" className={danger ? 'danger' : undefined} aria-disabled={busy}>
        {submitLabel}
      </button>
    </form>
  );
}
