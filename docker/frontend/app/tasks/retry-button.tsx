'use client';

import { useRouter } from 'next/navigation';
import { useTransition } from 'react';

export function RetryButton() {
  const router = useRouter();
  const [busy, start] = useTransition();
  return (
    <button
      type="button"
      className="scripted"
      aria-disabled={busy}
      onClick={() => busy || start(() => router.refresh())}
    >
      Try again
    </button>
  );
}
