'use server';

import { APIError } from 'better-auth/api';
import { headers } from 'next/headers';
import { redirect } from 'next/navigation';
import { authFor } from '@/lib/auth.ts';
import { log } from '@/lib/log.ts';
import { explainRefusal } from './refusals.ts';

/** What the form shows again when it was refused. The password is never sent back. */
export type AuthState = { message: string; name: string; email: string };

// Next itself refuses an action whose Origin is not the host that the request was sent to.

export async function signUp(_: AuthState, form: FormData): Promise<AuthState> {
  const { name, email, password } = credentials(form);
  if (!name) return { message: 'Tell us your name.', name, email };
  return enter(name, email, (auth, requestHeaders) =>
    auth.api.signUpEmail({ body: { name, email, password }, headers: requestHeaders }),
  );
}

export async function signIn(_: AuthState, form: FormData): Promise<AuthState> {
  const { email, password } = credentials(form);
  return enter('', email, (auth, requestHeaders) =>
    auth.api.signInEmail({ body: { email, password }, headers: requestHeaders }),
  );
}

export async function signOut(): Promise<void> {
  const requestHeaders = await headers();
  await authFor(requestHeaders).api.signOut({ headers: requestHeaders });
  redirect('/sign-in');
}

type Entry = (auth: ReturnType<typeof authFor>, headers: Headers) => Promise<unknown>;

async function enter(name: string, email: string, entry: Entry): Promise<AuthState> {
  const requestHeaders = await headers();
  try {
    await entry(authFor(requestHeaders), requestHeaders);
  } catch (error) {
    const known = error instanceof APIError && error.statusCode < 500;
    if (!known) log.error('The account database could not be used', { error });
    return { message: explainRefusal(known ? error.body?.code : undefined), name, email };
  }
  redirect('/tasks');
}

function credentials(form: FormData) {
  const text = (field: string) => String(form.get(field) ?? '');
  return { name: text('name').trim(), email: text('email').trim(), password: text('password') };
}
