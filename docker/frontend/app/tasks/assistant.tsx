'use client';

import { useRouter } from 'next/navigation';
import { type SubmitEvent, useEffect, useRef, useState } from 'react';
import type { Reply } from '@/lib/backend.ts';
import { type ChatMessage, remembered, UNFINISHED } from '@/lib/chat.ts';
import type { Outcome } from '@/lib/outcome.ts';
import { saidOf } from '@/lib/undo.ts';
import { Alert } from '../alert.tsx';
import { useUserId } from '../user.tsx';
import { giveBack } from './give-back.ts';
import { useNotify } from './notices.tsx';
import { today } from './today.ts';

export function Assistant() {
  const router = useRouter();
  const notify = useNotify();
  const userId = useUserId();
  const [messages, setMessages] = useState<ChatMessage[]>([]);
  const [problem, setProblem] = useState('');
  const [busy, setBusy] = useState(false);
  const log = useRef<HTMLDivElement>(null);
  const question = useRef<HTMLTextAreaElement>(null);
  // biome-ignore lint/correctness/useExhaustiveDependencies: each new message scrolls into view.
  useEffect(() => {
    log.current?.scrollTo({ top: log.current.scrollHeight });
  }, [messages]);

  async function submit(event: SubmitEvent<HTMLFormElement>) {
    event.preventDefault();
    const field = question.current;
    const content = field?.value.trim();
    if (!field || !content) return;
    // Emptied at once, so that the next question can be written meanwhile.
    field.value = '';
    field.focus();
    const asked: ChatMessage[] = [...messages, { role: 'user', content }];
    setMessages(asked);
    setProblem('');
    setBusy(true);
    const answer = await ask(userId, remembered(asked));
    setBusy(false);
    if (answer.ok) {
      setMessages([...asked, { role: 'assistant', content: answer.reply }]);
      const said = (answer.changes ?? []).flatMap(saidOf);
      if (said.length) notify({ ok: true }, ...said);
    } else {
      setMessages(messages);
      giveBack(field, content);
      setProblem(answer.message);
    }
    if (answer.changed) router.refresh();
  }

  return (
    <>
      <div
        ref={log}
        role="log"
        aria-label="Conversation"
        className="messages"
        // biome-ignore lint/a11y/noNoninteractiveTabindex: the keyboard can scroll it, too.
        tabIndex={0}
      >
        {messages.length === 0 && (
          <p className="hint">Try “What is due this week?” or “Add: call the bank on Friday”.</p>
        )}
        {messages.map((message, index) => (
          // biome-ignore lint/suspicious/noArrayIndexKey: messages are only ever appended.
          <p key={index} className="message" data-role={message.role} dir="auto">
            {message.content}
          </p>
        ))}
      </div>
      <form onSubmit={submit} className="stack">
        <label className="field">
          <span>Message</span>
          <textarea ref={question} name="message" dir="auto" rows={2} required maxLength={2000} />
        </label>
        <Alert message={problem} />
        <button type="submit" disabled={busy}>
          {busy ? 'Thinking…' : 'Send'}
        </button>
      </form>
    </>
  );
}

type Answer = ({ ok: true } & Reply) | (Extract<Outcome, { ok: false }> & { changed: boolean });

async function ask(user: string, messages: ChatMessage[]): Promise<Answer> {
  try {
    const response = await fetch('/api/assistant', {
      method: 'POST',
      headers: { 'Content-Type': 'application/json' },
      body: JSON.stringify({ user, messages, today: today() }),
    });
    // A conversation that failed half-way may have changed something, too; a refused one has not.
    return { ok: response.ok, changed: response.status === 502, ...(await response.json()) };
  } catch {
    return { ok: false, changed: true, message: UNFINISHED };
  }
}
