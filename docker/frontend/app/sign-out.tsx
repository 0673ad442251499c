'use client';

import { signOut } from './(auth)/actions.ts';
import { forgetAll } from './forget-all.ts';

export function SignOut() {
  return (
    <form action={signOut} onSubmit={forgetAll}>
      <button type="submit" className="quiet">
        Sign out
      </button>
    </form>
  );
}
