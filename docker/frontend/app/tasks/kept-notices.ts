import type { Said } from '@/lib/undo.ts';

/** Without `until` a notice stays until the person has decided. */
export type Notice = Said & {
  key: string;
  ok: boolean;
  until?: number | undefined;
  isOneOfMany?: boolean;
};

/** A browser keeps five million characters for a site, and a task can have ten thousand. */
const MOST = 20;

const keyOf = (userId: string) => `notices-${userId}`;

/** What can be undone is kept for this tab and this person, through reloads and other pages. */
export function keepNotices(userId: string, notices: Notice[]): void {
  const kept = notices.filter(({ undo }) => undo).slice(-MOST);
  if (kept.length) sessionStorage.setItem(keyOf(userId), JSON.stringify(kept));
  else sessionStorage.removeItem(keyOf(userId));
}

export function keptNotices(userId: string): Notice[] {
  const kept: Notice[] = JSON.parse(sessionStorage.getItem(keyOf(userId)) ?? '[]');
  return kept.filter(({ until }) => until === undefined || until > Date.now());
}
