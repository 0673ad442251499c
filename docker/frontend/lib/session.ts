import 'server-only';
import { cookies, headers } from 'next/headers';
import { redirect } from 'next/navigation';
import { cache } from 'react';
import { authFor } from './auth.ts';
import { log } from './log.ts';
import { SIGNED_OUT } from './outcome.ts';
import { noteOutage, noteSignedOut, requests } from './request.ts';
import { signInHref } from './return-to.ts';

export type User = { id: string; name: string; email: string };

export type Session =
  | { state: 'signed-in'; user: User; sessionId: string }
  | { state: 'signed-out' }
  /** The database is away: whether anyone is signed in cannot be known. */
  | { state: 'unknown' };

/** The request's headers with the cookies as they are now: an action may have set others. */
export async function sessionHeaders(): Promise<Headers> {
  const found = new Headers(await headers());
  found.set('cookie', (await cookies()).toString());
  return found;
}

/** Who sent this request; asked once per request, however many components want to know. */
export const currentSession = cache(async (): Promise<Session> => {
  // An action and the page that answers it ask apart: who sent the form waits for the database once.
  if (requests.getStore()?.away === 'database') return { state: 'unknown' };
  const requestHeaders = await sessionHeaders();
  try {
    const found = await authFor(requestHeaders).api.getSession({ headers: requestHeaders });
    if (!found) return { state: 'signed-out' };
    const { id, name, email } = found.user;
    return { state: 'signed-in', user: { id, name, email }, sessionId: found.session.id };
  } catch (error) {
    noteOutage('database');
    log.error('The session could not be read', { error });
    return { state: 'unknown' };
  }
});

/** Whether somebody else has signed in since the page of `userId` was loaded. */
export function isOther(session: Session, userId: unknown): boolean {
  return session.state === 'signed-in' && session.user.id !== userId;
}

/**
 * What a form leads to whose session has ended: scripts go to sign in, and back to `href`. Without scripts
 * the form alone has what was written: its page shows it again.
 */
export function signedOut(href: string): { ok: false; message: string } {
  if (!requests.getStore()?.form) redirect(signInHref(href));
  noteSignedOut();
  return { ok: false, message: SIGNED_OUT };
}
