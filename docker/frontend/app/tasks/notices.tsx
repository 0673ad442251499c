'use client';

import { createContext, type ReactNode, use, useEffect, useState } from 'react';
import { Alert } from '../alert.tsx';

type Notice = { ok: boolean; message: string; undo?: () => void };

const NoticeContext = createContext<(notice: Notice) => void>(() => {});

/** Says what has just happened. It outlives the row that it speaks about. */
export const useNotify = () => use(NoticeContext);

const SHOWN_MS = 8_000;

export function Notices({ children }: { children: ReactNode }) {
  const [notice, setNotice] = useState<Notice>();

  useEffect(() => {
    if (!notice?.ok) return;
    const timer = setTimeout(() => setNotice(undefined), SHOWN_MS);
    return () => clearTimeout(timer);
  }, [notice]);

  const undo = notice?.undo;
  return (
    <NoticeContext value={setNotice}>
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
    </NoticeContext>
  );
}
