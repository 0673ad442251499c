'use server';

import { headers } from 'next/headers';
import { redirect } from 'next/navigation';
import { authFor } from '@/lib/auth.ts';
import { text } from '@/lib/form.ts';
import { guesserOf } from '@/lib/known-browser.ts';
import { inTurn } from '@/lib/password-checks.ts';
import { returnTo } from '@/lib/return-to.ts';
import { explainRefusal } from './refusals.ts';

/** What the form shows again when it was refused. The password is never sent back. */
export type AuthState = { message: string; name: string; email: string };

// Next itself refuses an action whose Origin is not the host that the request was sent to.

export async function signUp(_: AuthState, form: FormData): Promise<AuthState> {
  const { name, email, password } = credentials(form);
  return enter(form, (auth, requestHeaders) =>
    auth.api.signUpEmail({ body: { name, email, password }, headers: requestHeaders }),
  );
}

export async function signIn(_: AuthState, form: FormData): Promise<AuthState> {
  const { email, password } = credentials(form);
  return enter(form, (auth, requestHeaders) =>
    auth.api.signInEmail({ body: { email, password }, headers: requestHeaders }),
  );
}

export async function signOut(): Promise<{ ok: boolean; message: string }> {
  const requestHeaders = await headers();
  try {
    await authFor(requestHeaders).api.signOut({ headers: requestHeaders });
  } catch (error) {
    return { ok: false, message: explainRefusal(error) };
  }
  redirect('/sign-in');
}

type Entry = (auth: ReturnType<typeof authFor>, headers: Headers) => Promise<unknown>;

async function enter(form: FormData, entry: Entry): Promise<AuthState> {
  const { name, email } = credentials(form);
  const requestHeaders = await headers();
  try {
    const guesser = guesserOf(email, requestHeaders.get('cookie'));
    await inTurn(guesser, () => entry(authFor(requestHeaders), requestHeaders));
  } catch (error) {
    return { message: explainRefusal(error), name, email };
  }
  redirect(returnTo(text(form, 'next')));
}

function credentials(form: FormData) {
  return {
    name: text(form, 'name').trim(),
    email: text(form, 'email').trim(),
    password: text(form, 'password'),
  };
}
