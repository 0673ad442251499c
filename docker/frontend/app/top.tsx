import Link from 'next/link';
import type { User } from '@/lib/session.ts';
import { Freshen } from './freshen.tsx';
import { SignOut } from './sign-out.tsx';

export function Top({ user }: { user: User }) {
  return (
    <header className="top">
      <Freshen />
      <Link className="brand" href="/tasks" prefetch={false}>
        TaskFlow
      </Link>
      <Link className="who" href="/account" prefetch={false} title={user.email}>
        <span className="hidden">Account of </span>
        <span dir="auto">{user.name}</span>
      </Link>
      <SignOut />
    </header>
  );
}
