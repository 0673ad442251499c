'use client';

import {
  createContext,
  type Dispatch,
  type ReactNode,
  type SetStateAction,
  type SubmitEvent,
  use,
  useEffect,
  useState,
} from 'react';
import type { Outcome } from '@/lib/outcome.ts';
import { newId } from '@/lib/task.ts';
import { type Said, type Undo, undone } from '@/lib/undo.ts';
import { Alert } from '../alert.tsx';
import { timesForgotten } from '../forget-all.ts';
import { safely } from '../safely.ts';
import { UserInput, useUserId } from '../user.tsx';
import { undoChange, undoPlainly } from './actions.ts';
import { focusTasks } from './focus-tasks.ts';
import { keepNotices, keptNotices, type Notice } from './kept-notices.ts';
import { Title } from './title.tsx';

/** Says what has happened, which can be several things at once, or why it failed. */
type Notify = (outcome: Outcome, ...said: Said[]) => void;

const NotifyContext = createContext<Notify>(() => {});

/** For saying what has just happened. A notice outlives the row that it speaks about. */
export const useNotify = () => use(NotifyContext);

const SHOWN_MS = 12_000;

/** An answer can come after its own page was left and shown again. */
let onScreen: { userId: string; set: Dispatch<SetStateAction<Notice[]>> } | undefined;

type Props = {
  /** Of a form without scripts. */
  said?: Said | undefined;
  children: ReactNode;
};

/** Those that last, those of several changes at once, and the latest one. */
export function Notices({ said, children }: Props) {
  const userId = useUserId();
  const [notices, setNotices] = useState<Notice[]>(
    // A key of its own: those that are kept can be of such a form, too.
    said ? [{ ...said, key: newId(), ok: true }] : [],
  );
  const [began] = useState(timesForgotten);
  const latest = notices.at(-1);
  /** The first of those that go by themselves. */
  const ending = notices.find(({ until }) => until);

  useEffect(() => {
    onScreen = { userId, set: setNotices };
    return () => {
      onScreen = undefined;
    };
  }, [userId]);
  useEffect(() => {
    if (userId) setNotices((all) => [...keptNotices(userId), ...all]);
  }, [userId]);
  useEffect(() => {
    if (userId && began === timesForgotten()) keepNotices(userId, notices);
  }, [userId, began, notices]);

  useEffect(() => {
    // https://www.w3.org/WAI/WCAG22/Understanding/timing-adjustable
    if (!ending?.until) return;
    const timer = setTimeout(() => setNotices(without(ending)), ending.until - Date.now());
    return () => clearTimeout(timer);
  }, [ending]);

  /** Also when the page has been left before the answer came: they are there when it is shown again. */
  const update = (change: (all: Notice[]) => Notice[]) => {
    if (onScreen?.set === setNotices) return setNotices(change);
    if (began !== timesForgotten()) return;
    if (onScreen?.userId === userId) onScreen.set(change);
    else if (userId) keepNotices(userId, change(keptNotices(userId)));
  };

  const notify: Notify = (outcome, ...successes) => {
    const until = Date.now() + SHOWN_MS;
    // The undo of one must not take that of another away.
    const isOneOfMany = successes.length > 1;
    const added: Notice[] = outcome.ok
      ? successes.map((said) => ({
          ...said,
          key: newId(),
          ok: true,
          isOneOfMany,
          ...(!said.lasting && { until }),
        }))
      : [{ key: newId(), ok: false, text: outcome.message }];
    update((all) => [...all.filter((notice) => notice.lasting || notice.isOneOfMany), ...added]);
  };

  /** The buttons go with the notice: the keyboard continues at the list. */
  const close = (notice: Notice) => {
    if (document.activeElement?.closest('.notice')) focusTasks();
    update(without(notice));
  };

  const keep = (notice: Notice) => {
    const lasting = { ...notice, lasting: true, until: undefined };
    setNotices((all) => all.map((other) => (other.key === notice.key ? lasting : other)));
  };

  async function undo(event: SubmitEvent, notice: Notice, change: Undo) {
    event.preventDefault();
    // It stays until it is undone, also if the session has ended, which leads to signing in.
    keep(notice);
    const outcome = await safely(() => undoChange(userId, change));
    if (outcome.ok) close(notice);
    notify(outcome, undone(change, outcome.ok ? outcome.task : undefined));
  }

  return (
    <NotifyContext value={notify}>
      {children}
      {/* The latest first: of many, the oldest ones are reached by scrolling. */}
      <div className="notices">
        <Alert message={latest && !latest.ok ? latest.text : ''} />
        <div role="status" aria-atomic="false">
          {notices.toReversed().map(
            (notice) =>
              notice.ok && (
                <div key={notice.key} className="notice">
                  <p>
                    <Sentence {...notice} />
                  </p>
                  {notice.undo && (
                    <form
                      action={undoPlainly}
                      // Its buttons must not go from under the keyboard.
                      onFocus={() => keep(notice)}
                      onSubmit={(event) => notice.undo && undo(event, notice, notice.undo)}
                    >
                      <UserInput />
                      <input type="hidden" name="undo" value={JSON.stringify(notice.undo)} />
                      <button type="submit" className="quiet">
                        Undo
                      </button>
                      <button
                        type="button"
                        className="quiet scripted"
                        onClick={() => close(notice)}
                      >
                        Dismiss
                      </button>
                    </form>
                  )}
                </div>
              ),
          )}
        </div>
      </div>
    </NotifyContext>
  );
}

function Sentence({ text, title }: Said) {
  if (title === undefined) return text;
  return (
    <>
      {text} “<Title of={title} />
      ”.
    </>
  );
}

function without(notice: Notice) {
  return (all: Notice[]) => all.filter(({ key }) => key !== notice.key);
}
