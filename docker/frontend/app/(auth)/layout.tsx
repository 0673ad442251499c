import type { ReactNode } from 'react';
import { currentSession } from '@/lib/session.ts';
import { Alert } from '../alert.tsx';
import { AWAY } from './refusals.ts';

export default async function EntryLayout({ children }: { children: ReactNode }) {
  const session = await currentSession();
  return (
    <main id="main" className="entry-page">
      <p className="brand" aria-hidden="true">
        TaskFlow
      </p>
      {session.state === 'unknown' && <Alert message={AWAY} />}
      {children}
    </main>
  );
}
