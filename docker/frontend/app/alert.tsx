'use client';

import { OTHER_ACCOUNT, UPDATED } from '@/lib/outcome.ts';

/** The live region is there before it has something to say, so that it is read out. */
export function Alert({ message }: { message: string }) {
  return (
    <div role="alert">
      {message && <p className="alert">{message}</p>}
      {(message === UPDATED || message === OTHER_ACCOUNT) && (
        <button type="button" onClick={() => window.location.reload()}>
          Reload
        </button>
      )}
    </div>
  );
}
