'use client';

import Link from 'next/link';
import { type ReactNode, useEffect, useEffectEvent, useState } from 'react';
import { grouped, withEdited } from '@/lib/agenda.ts';
import { type Filter, filterHref } from '@/lib/filter.ts';
import type { Listed } from '@/lib/list.ts';
import type { Edit } from '@/lib/sent.ts';
import type { Task } from '@/lib/task.ts';
import { useUserId } from '../user.tsx';
import { keptEdits } from './draft.ts';
import { focusTasks } from './focus-tasks.ts';
import { useIsOnline } from './is-online.ts';
import { ListForm } from './list-form.tsx';
import { TaskRow } from './task-row.tsx';
import { useToday } from './today.ts';

type Props = {
  /** None while the backend is away. */
  list: Listed | undefined;
  filter: Filter;
  serverToday: string;
  /** What is edited without scripts. */
  edit?: Edit | undefined;
};

/** Open tasks by when they are due; others newest first. */
export function TaskList({ list, filter, serverToday, edit: asked }: Props) {
  const userId = useUserId();
  const today = useToday(serverToday);
  const isOnline = useIsOnline();
  // As they were when their editing began.
  const [edited, setEdited] = useState<Task[]>(asked ? [asked.base] : []);
  const tasks = withEdited(list?.tasks ?? [], edited, filter.show);
  const edit = (id: string, base?: Task) =>
    setEdited((all) => [...all.filter((other) => other.id !== id), ...(base ? [base] : [])]);
  // Also of a task that has left the list: what was written is nowhere else.
  const editOn = useEffectEvent(() => {
    const written = asked?.fields && asked.base.id;
    for (const { base } of keptEdits(userId)) if (base.id !== written) edit(base.id, base);
  });
  useEffect(() => editOn(), []);
  const page = list?.page ?? filter.page;
  const pages = list?.pages ?? 1;
  // At the first and the last page, the link that has the focus goes.
  const turn = (event: { preventDefault: () => void }) =>
    isOnline() ? focusTasks() : event.preventDefault();
  const link = (target: Partial<Filter>, label: string) => (
    <Link href={filterHref({ ...filter, ...target })} prefetch={false} onNavigate={turn}>
      {label}
    </Link>
  );
  const rows = (members: Task[], label: string) => (
    // biome-ignore lint/a11y/noRedundantRoles: Safari drops the role of a list without bullets.
    <ul role="list" className="tasks" aria-label={label}>
      {members.map((task) => (
        <TaskRow
          key={task.id}
          task={task}
          today={today}
          isEdited={edited.includes(task)}
          sent={task === asked?.base ? asked : undefined}
          onEdit={(base) => edit(task.id, base)}
        />
      ))}
    </ul>
  );
  return (
    <>
      <ListForm filter={filter} />
      {list && tasks.length === 0 && <p className="empty">{emptyText(filter)}</p>}
      {filter.show === 'open'
        ? grouped(tasks, today).map(([group, members]) => (
            <section key={group} className="group">
              <h2>{group}</h2>
              {rows(members, group)}
            </section>
          ))
        : tasks.length > 0 && rows(tasks, 'Tasks')}
      {pages > 1 && (
        <nav className="pages" aria-label="Pages">
          {page > 1 && link({ page: page - 1 }, 'Previous')}
          <span>
            Page {page} of {pages}
          </span>
          {page < pages && link({ page: page + 1 }, 'Next')}
        </nav>
      )}
      {list?.isPart && (
        <p className="hint">
          These are the newest open tasks. Older ones are in the list of{' '}
          {link({ show: 'all', page: 1 }, 'all tasks')}.
        </p>
      )}
    </>
  );
}

function emptyText({ show, search }: Filter): ReactNode {
  if (search) {
    return (
      <>
        No task matches “<span dir="auto">{search}</span>”.
      </>
    );
  }
  if (show === 'open') return 'Nothing left to do. Add a task above, or enjoy it.';
  if (show === 'done') return 'Nothing completed yet.';
  return 'No tasks yet. Add your first one above.';
}
