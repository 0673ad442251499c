import { redirect } from 'next/navigation';
import type { ReactNode } from 'react';
import { currentSession } from '@/lib/session.ts';
import { Alert } from '../alert.tsx';

export default async function EntryLayout({ children }: { children: ReactNode }) {
  const session = await currentSession();
  if (session.state === 'signed-in') redirect('/tasks');
  return (
    <main id="main" className="entry-page">
      <p className="brand" aria-hidden="true">
        TaskFlow
      </p>
      {session.state === 'unknown' && (
        <Alert message="TaskFlow cannot reach its database right now. Try again in a moment." />
      )}
      {children}
    </main>
  );
}
