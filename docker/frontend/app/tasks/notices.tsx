'use client';

import { createContext, type ReactNode, use, useEffect, useState } from 'react';
import type { Outcome } from '@/lib/outcome.ts';
import { Alert } from '../alert.tsx';
import { focusTasks } from './focus-tasks.ts';

type Options = {
  /** Undoes the success. */
  undo?: () => void;
  /** Nothing else can undo it, so it stays until the person has decided. */
  lasting?: boolean;
};
/** Shows `success`, or why it failed. */
type Notify = (outcome: Outcome, success: string, options?: Options) => void;
type Notice = Options & { ok: boolean; message: string };

const NotifyContext = createContext<Notify>(() => {});

/** For saying what has just happened. A notice outlives the row that it speaks about. */
export const useNotify = () => use(NotifyContext);

const SHOWN_MS = 12_000;

export function Notices({ children }: { children: ReactNode }) {
  const [notice, setNotice] = useState<Notice>();

  useEffect(() => {
    // https://www.w3.org/WAI/WCAG22/Understanding/timing-adjustable
    if (!notice?.ok || notice.lasting) return;
    const timer = setTimeout(() => setNotice(undefined), SHOWN_MS);
    return () => clearTimeout(timer);
  }, [notice]);

  const notify: Notify = (outcome, success, options) =>
    setNotice(outcome.ok ? { ok: true, message: success, ...options } : outcome);

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
              <span dir="auto">{notice.message}</span>
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
