'use client';

import { useRouter } from 'next/navigation';
import { useEffect } from 'react';

/** Shorter absences change nothing worth a request. */
const AWAY_MS = 5_000;

/** Fetches the page anew when somebody comes back to it, but not under the hands of who is editing. */
export function Freshen() {
  const router = useRouter();
  useEffect(() => {
    let left = Date.now();
    const refresh = () => {
      if (navigator.onLine && !document.querySelector('[data-editing]')) router.refresh();
    };
    const changed = () => {
      if (document.hidden) left = Date.now();
      else if (Date.now() - left >= AWAY_MS) refresh();
    };
    // Next shows what it remembers, once it has heard of it.
    const wentBack = () => setTimeout(refresh);
    const shown = ({ persisted }: PageTransitionEvent) => persisted && refresh();
    document.addEventListener('visibilitychange', changed);
    window.addEventListener('pageshow', shown);
    window.addEventListener('popstate', wentBack);
    window.addEventListener('online', refresh);
    return () => {
      document.removeEventListener('visibilitychange', changed);
      window.removeEventListener('pageshow', shown);
      window.removeEventListener('online', refresh);
      // The Back button takes this page away before its own listener has heard of it.
      setTimeout(() => window.removeEventListener('popstate', wentBack));
    };
  }, [router]);
  return null;
}
