'use client';

import Link from 'next/link';
import { grouped } from '@/lib/agenda.ts';
import { type Filter, filterHref } from '@/lib/filter.ts';
import type { Task } from '@/lib/task.ts';
import { TaskRow } from './task-row.tsx';
import { useToday } from './today.ts';

type Props = { tasks: Task[]; filter: Filter; pages: number; serverToday: string };

/** Open tasks by when they are due; others newest first. */
export function TaskList({ tasks, filter, pages, serverToday }: Props) {
  const today = useToday(serverToday);
  const link = (page: number, label: string) => (
    <Link href={filterHref({ ...filter, page })} prefetch={false}>
      {label}
    </Link>
  );
  const list = (members: Task[], label: string) => (
    // biome-ignore lint/a11y/noRedundantRoles: Safari drops the role of a list without bullets.
    <ul role="list" className="tasks" aria-label={label}>
      {members.map((task) => (
        <TaskRow key={task.id} task={task} today={today} filter={filterHref(filter)} />
      ))}
    </ul>
  );
  return (
    <>
      {tasks.length === 0 && <p className="empty">{emptyText(filter)}</p>}
      {filter.show === 'open'
        ? grouped(tasks, today).map(([group, members]) => (
            <section key={group} className="group">
              <h2>{group}</h2>
              {list(members, group)}
            </section>
          ))
        : tasks.length > 0 && list(tasks, 'Tasks')}
      {pages > 1 && (
        <nav className="pages" aria-label="Pages">
          {filter.page > 1 && link(filter.page - 1, 'Previous')}
          <span>
            Page {filter.page} of {pages}
          </span>
          {filter.page < pages && link(filter.page + 1, 'Next')}
        </nav>
      )}
    </>
  );
}

function emptyText({ show, search }: Filter): string {
  if (search) return `No task matches “${search}”.`;
  if (show === 'open') return 'Nothing left to do. Add a task above, or enjoy it.';
  if (show === 'done') return 'Nothing completed yet.';
  return 'No tasks yet. Add your first one above.';
}
