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
    // Next shows what it remembers, and this component may be gone by then: it hears of it first and acts afterwards.
    const wentBack = () => setTimeout(refresh);
    const shown = ({ persisted }: PageTransitionEvent) => persisted && refresh();
    document.addEventListener('visibilitychange', changed);
    window.addEventListener('pageshow', shown);
    window.addEventListener('popstate', wentBack, { capture: true });
    window.addEventListener('online', refresh);
    return () => {
      document.removeEventListener('visibilitychange', changed);
      window.removeEventListener('pageshow', shown);
      window.removeEventListener('popstate', wentBack, { capture: true });
      window.removeEventListener('online', refresh);
    };
  }, [router]);
  return null;
}
