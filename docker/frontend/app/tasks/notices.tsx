'use client';

import { createContext, type ReactNode, use, useEffect, useRef, useState } from 'react';
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
type Notice = Options & { key: number; ok: boolean; message: string };

const NotifyContext = createContext<Notify>(() => {});

/** For saying what has just happened. A notice outlives the row that it speaks about. */
export const useNotify = () => use(NotifyContext);

const SHOWN_MS = 12_000;

/** Those that last, and the latest one. */
export function Notices({ children }: { children: ReactNode }) {
  const [notices, setNotices] = useState<Notice[]>([]);
  const count = useRef(0);
  const latest = notices.at(-1);

  useEffect(() => {
    // https://www.w3.org/WAI/WCAG22/Understanding/timing-adjustable
    if (!latest?.ok || latest.lasting) return;
    const timer = setTimeout(() => setNotices(without(latest)), SHOWN_MS);
    return () => clearTimeout(timer);
  }, [latest]);

  const notify: Notify = (outcome, success, options) => {
    count.current += 1;
    const notice: Notice = outcome.ok
      ? { key: count.current, ok: true, message: success, ...options }
      : { key: count.current, ok: false, message: outcome.message };
    setNotices((all) => [...all.filter(({ lasting }) => lasting), notice]);
  };

  /** The buttons go with the notice: the keyboard continues at the list. */
  const close = (notice: Notice) => {
    setNotices(without(notice));
    focusTasks();
  };
  return (
    <NotifyContext value={notify}>
      {children}
      {/* The latest first: of many, the oldest ones are reached by scrolling. */}
      <div className="notices">
        <Alert message={latest && !latest.ok ? latest.message : ''} />
        <div role="status" aria-atomic="false">
          {notices.toReversed().map((notice) => {
            const { key, ok, message, undo } = notice;
            return (
              ok && (
                <p key={key} className="notice">
                  <span dir="auto">{message}</span>
                  {undo && (
                    <>
                      <button
                        type="button"
                        className="quiet"
                        onClick={() => {
                          close(notice);
                          undo();
                        }}
                      >
                        Undo
                      </button>
                      <button type="button" className="quiet" onClick={() => close(notice)}>
                        Dismiss
                      </button>
                    </>
                  )}
                </p>
              )
            );
          })}
        </div>
      </div>
    </NotifyContext>
  );
}

function without(notice: Notice) {
  return (all: Notice[]) => all.filter((other) => other !== notice);
}
