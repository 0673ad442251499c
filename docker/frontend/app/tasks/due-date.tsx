'use client';

import { useSyncExternalStore } from 'react';

const never = () => () => {};

/** Today where the person is, as YYYY-MM-DD. */
function today(): string {
  const now = new Date();
  return new Date(now.getTime() - now.getTimezoneOffset() * 60_000).toISOString().slice(0, 10);
}

/** A due date has no time zone; whether it has passed depends on the one of the browser. */
export function DueDate({ day, done }: { day: string; done: boolean }) {
  const now = useSyncExternalStore(never, today, () => undefined);
  const overdue = !done && now !== undefined && day < now;
  const text = new Intl.DateTimeFormat('en', { dateStyle: 'medium', timeZone: 'UTC' });
  return (
    <p className="due" data-overdue={overdue || undefined}>
      {overdue ? 'Overdue: ' : 'Due '}
      {day === now ? (
        'today'
      ) : (
        <time dateTime={day}>{text.format(new Date(`${day}T00:00:00Z`))}</time>
      )}
    </p>
  );
}
