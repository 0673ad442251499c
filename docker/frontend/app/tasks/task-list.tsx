import Link from 'next/link';
import { type Filter, filterHref, pagesOf } from '@/lib/filter.ts';
import type { TaskPage } from '@/lib/task.ts';
import { TaskRow } from './task-row.tsx';

export function TaskList({ tasks, filter }: { tasks: TaskPage; filter: Filter }) {
  const pages = pagesOf(tasks.total);
  const link = (page: number, label: string) => (
    <Link href={filterHref({ ...filter, page })} prefetch={false}>
      {label}
    </Link>
  );
  return (
    <>
      {tasks.items.length ? (
        // biome-ignore lint/a11y/noRedundantRoles: Safari drops the role of a list without bullets.
        <ul role="list" className="tasks" aria-label="Tasks">
          {tasks.items.map((task) => (
            <TaskRow key={task.id} task={task} />
          ))}
        </ul>
      ) : (
        <p className="empty">{emptyText(filter)}</p>
      )}
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
  if (show === 'open') return 'Nothing left to do. Enjoy it.';
  if (show === 'done') return 'Nothing completed yet.';
  return 'No tasks yet. Add your first one above.';
}
