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
      disabled={busy}
      onClick={() => start(() => router.refresh())}
    >
      Try again
    </button>
  );
}
