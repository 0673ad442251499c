'use client';

import { createContext, type ReactNode, use, useEffect, useState } from 'react';
import type { Outcome } from '@/lib/outcome.ts';
import { Alert } from '../alert.tsx';

/** Shows `success`, or why it failed. With `undo`, a success can be taken back. */
type Notify = (outcome: Outcome, success: string, undo?: () => void) => void;
type Notice = { ok: boolean; message: string; undo?: (() => void) | undefined };

const NotifyContext = createContext<Notify>(() => {});

/** For saying what has just happened. A notice outlives the row that it speaks about. */
export const useNotify = () => use(NotifyContext);

const SHOWN_MS = 8_000;

export function Notices({ children }: { children: ReactNode }) {
  const [notice, setNotice] = useState<Notice>();

  useEffect(() => {
    if (!notice?.ok) return;
    const timer = setTimeout(() => setNotice(undefined), SHOWN_MS);
    return () => clearTimeout(timer);
  }, [notice]);

  const notify: Notify = (outcome, success, undo) =>
    setNotice(outcome.ok ? { ok: true, message: success, undo } : outcome);

  const undo = notice?.undo;
  return (
    <NotifyContext value={notify}>
      {children}
      <div className="notices">
        <div role="status">
          {notice?.ok && (
            <p className="notice">
              {notice.message}
              {undo && (
                <button
                  type="button"
                  className="quiet"
                  onClick={() => {
                    setNotice(undefined);
                    undo();
                  }}
                >
                  Undo
                </button>
              )}
            </p>
          )}
        </div>
        <Alert message={notice && !notice.ok ? notice.message : ''} />
      </div>
    </NotifyContext>
  );
}
