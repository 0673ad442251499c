import { groupOf } from '@/lib/agenda.ts';

const format = new Intl.DateTimeFormat('en', { dateStyle: 'medium', timeZone: 'UTC' });

export function DueDate({ day, done, today }: { day: string; done: boolean; today: string }) {
  const group = groupOf(day, today);
  const isOverdue = !done && group === 'Overdue';
  const isNear = group === 'Today' || group === 'Tomorrow';
  return (
    <p className="due" data-overdue={isOverdue || undefined}>
      {isOverdue ? 'Overdue: ' : 'Due '}
      {isNear ? (
        group.toLowerCase()
      ) : (
        <time dateTime={day}>{format.format(new Date(`${day}T00:00:00Z`))}</time>
      )}
    </p>
  );
}
