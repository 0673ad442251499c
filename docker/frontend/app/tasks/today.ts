import { useSyncExternalStore } from 'react';

/** The day of a page that is open at midnight changes, too. */
function eachMinute(look: () => void): () => void {
  const timer = setInterval(look, 60_000);
  return () => clearInterval(timer);
}

/** A day as YYYY-MM-DD, where the person is. */
export function today(): string {
  const now = new Date();
  return new Date(now.getTime() - now.getTimezoneOffset() * 60_000).toISOString().slice(0, 10);
}

/** Due dates have no time zone; whether one has passed depends on the browser's. Until it says so, the server's counts. */
export function useToday(onServer: string): string {
  return useSyncExternalStore(eachMinute, today, () => onServer);
}
