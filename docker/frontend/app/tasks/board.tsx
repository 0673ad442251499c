'use client';

import { type ReactNode, useState } from 'react';
import { Assistant } from './assistant.tsx';

type Props = {
  /** Undefined while the backend is away, when it cannot be known. */
  hasAssistant: boolean | undefined;
  children: ReactNode;
};

/** The tasks, and beside them the assistant: an outage does not take its conversation away. */
export function Board({ hasAssistant, children }: Props) {
  const [isThere, setIsThere] = useState(hasAssistant);
  if (hasAssistant !== undefined && hasAssistant !== isThere) setIsThere(hasAssistant);
  return (
    <main id="main" className={isThere ? 'board with-assistant' : 'board'}>
      {children}
      {isThere && (
        <section className="card stack assistant" aria-labelledby="assistant-title">
          <h2 id="assistant-title">Assistant</h2>
          <Assistant />
        </section>
      )}
    </main>
  );
}
