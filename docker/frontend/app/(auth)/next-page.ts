import { redirect } from 'next/navigation';
import { returnTo } from '@/lib/return-to.ts';
import { currentSession } from '@/lib/session.ts';

/** Where to go after signing in, as `next` says it. Who has signed in already goes there at once. */
export async function nextPage(searchParams: Promise<{ next?: unknown }>): Promise<string> {
  const next = returnTo((await searchParams).next);
  const session = await currentSession();
  if (session.state === 'signed-in') redirect(next);
  return next;
}
