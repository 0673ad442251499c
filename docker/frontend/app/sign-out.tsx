'use client';

import { useActionState } from 'react';
import { signOut } from './(auth)/actions.ts';
import { Alert } from './alert.tsx';
import { leaving } from './forget-all.ts';
import { useSubmit } from './use-submit.ts';

export function SignOut() {
  // Before the scripts have loaded, the browser sends the form, and the page comes back with this.
  const [plain, send] = useActionState(signOut, { ok: true, message: '' });
  const { problem, busy, submit } = useSubmit(() => leaving(signOut));
  return (
    <>
      <form action={send} onSubmit={submit}>
        <button type="submit" className="quiet" aria-disabled={busy}>
          Sign out
        </button>
      </form>
      <Alert message={busy ? '' : problem || plain.message} />
    </>
  );
}
