'use client';

import { createContext, type ReactNode, use } from 'react';

const UserContext = createContext('');

/** Of the person whose page this is. Empty while it cannot be known who it is. */
export const useUserId = () => use(UserContext);

type Props = { userId: string; children: ReactNode };

/** A page for one person: of another one who signs in in this browser it keeps nothing. */
export function UserPage({ userId, children }: Props) {
  return (
    <UserContext key={userId} value={userId}>
      {children}
    </UserContext>
  );
}

/** Says with a form whose page it was written in. */
export function UserInput() {
  return <input type="hidden" name="user" value={useUserId()} />;
}
