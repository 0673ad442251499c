'use client';

import { type SubmitEvent, useEffect, useRef, useState, useTransition } from 'react';
import { type ChatMessage, remembered } from '@/lib/chat.ts';
import { Alert } from '../alert.tsx';
import { askAssistant } from './actions.ts';
import { safely } from './safely.ts';

export function Assistant() {
  const [messages, setMessages] = useState<ChatMessage[]>([]);
  const [problem, setProblem] = useState('');
  const [busy, start] = useTransition();
  const log = useRef<HTMLDivElement>(null);
  // biome-ignore lint/correctness/useExhaustiveDependencies: each new message scrolls into view.
  useEffect(() => {
    log.current?.scrollTo({ top: log.current.scrollHeight });
  }, [messages]);

  function submit(event: SubmitEvent<HTMLFormElement>) {
    event.preventDefault();
    const form = event.currentTarget;
    const content = String(new FormData(form).get('message') ?? '').trim();
    if (!content) return;
    const asked: ChatMessage[] = [...messages, { role: 'user', content }];
    start(async () => {
      const answer = await safely(() => askAssistant(remembered(asked)));
      setProblem(answer.ok ? '' : answer.message);
      if (!answer.ok) return;
      setMessages([...asked, { role: 'assistant', content: answer.reply }]);
      form.reset();
    });
  }

  return (
    <>
      <div ref={log} role="log" aria-label="Conversation" className="messages">
        {messages.length === 0 && (
          <p className="hint">Try “What is due this week?” or “Add: call the bank on Friday”.</p>
        )}
        {messages.map((message, index) => (
          // biome-ignore lint/suspicious/noArrayIndexKey: messages are only ever appended.
          <p key={index} className="message" data-role={message.role}>
            {message.content}
          </p>
        ))}
      </div>
      <form onSubmit={submit} className="stack">
        <label className="field">
          <span>Message</span>
          <textarea name="message" rows={2} required maxLength={2000} />
        </label>
        <Alert message={problem} />
        <button type="submit" disabled={busy}>
          {busy ? 'Thinking…' : 'Send'}
        </button>
      </form>
    </>
  );
}
