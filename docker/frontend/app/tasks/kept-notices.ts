import type { Said } from '../../lib/undo.ts';

/** Without `until` a notice stays until the person has decided. */
export type Notice = Said & {
  key: string;
  ok: boolean;
  until?: number | undefined;
  isOneOfMany?: boolean;
};

/** A browser keeps five million for a site, also of drafts; a task can have ten thousand. */
const MOST_CHARACTERS = 2_000_000;

const keyOf = (userId: string) => `notices-${userId}`;

/** What can be undone is kept for this tab and this person, through reloads and other pages. */
export function keepNotices(userId: string, notices: Notice[]): void {
  const kept = notices.filter(({ undo }) => undo);
  while (JSON.stringify(kept).length > MOST_CHARACTERS) kept.shift();
  if (kept.length) sessionStorage.setItem(keyOf(userId), JSON.stringify(kept));
  else sessionStorage.removeItem(keyOf(userId));
}

export function keptNotices(userId: string): Notice[] {
  const kept: Notice[] = JSON.parse(sessionStorage.getItem(keyOf(userId)) ?? '[]');
  return kept.filter(({ until }) => until === undefined || until > Date.now());
}
