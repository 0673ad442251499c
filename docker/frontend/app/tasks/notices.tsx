'use client';

import { createContext, type ReactNode, use, useEffect, useState } from 'react';
import type { Outcome } from '@/lib/outcome.ts';
import { Alert } from '../alert.tsx';
import { focusTasks } from './focus-tasks.ts';

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
    // What somebody may want to use stays until they have decided.
    // https://www.w3.org/WAI/WCAG22/Understanding/timing-adjustable
    if (!notice?.ok || notice.undo) return;
    const timer = setTimeout(() => setNotice(undefined), SHOWN_MS);
    return () => clearTimeout(timer);
  }, [notice]);

  const notify: Notify = (outcome, success, undo) =>
    setNotice(outcome.ok ? { ok: true, message: success, undo } : outcome);

  const undo = notice?.undo;
  /** The buttons go with the notice: the keyboard continues at the list. */
  const close = () => {
    setNotice(undefined);
    focusTasks();
  };
  return (
    <NotifyContext value={notify}>
      {children}
      <div className="notices">
        <div role="status">
          {notice?.ok && (
            <p className="notice">
              {notice.message}
              {undo && (
                <>
                  <button
                    type="button"
                    className="quiet"
                    onClick={() => {
                      close();
                      undo();
                    }}
                  >
                    Undo
                  </button>
                  <button type="button" className="quiet" onClick={close}>
                    Dismiss
                  </button>
                </>
              )}
            </p>
          )}
        </div>
        <Alert message={notice && !notice.ok ? notice.message : ''} />
      </div>
    </NotifyContext>
  );
}
