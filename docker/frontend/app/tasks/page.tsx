import type { Metadata } from 'next';
import { redirect } from 'next/navigation';
import { backend } from '@/lib/backend.ts';
import { filterHref, readFilter } from '@/lib/filter.ts';
import { listTasks } from '@/lib/list.ts';
import { signInHref } from '@/lib/return-to.ts';
import { currentSession } from '@/lib/session.ts';
import { newId } from '@/lib/task.ts';
import { Alert } from '../alert.tsx';
import { Top } from '../top.tsx';
import { AddTask } from './add-task.tsx';
import { Assistant } from './assistant.tsx';
import { FilterBar } from './filter-bar.tsx';
import { Freshen } from './freshen.tsx';
import { Notices } from './notices.tsx';
import { TaskList } from './task-list.tsx';
import { Unavailable } from './unavailable.tsx';

export const metadata: Metadata = { title: 'Tasks' };

export default async function TasksPage({ searchParams }: PageProps<'/tasks'>) {
  const params = await searchParams;
  const filter = readFilter(params);
  const href = filterHref(filter);
  const session = await currentSession();
  if (session.state === 'signed-out') redirect(signInHref(href));
  if (session.state === 'unknown') {
    return (
      <main id="main" className="entry-page">
        <h1>TaskFlow is away</h1>
        <Unavailable message="TaskFlow cannot reach its database right now. Your tasks are safe." />
      </main>
    );
  }

  const api = backend(session.user.id);
  const [list, assistant] = await Promise.all([listTasks(api, filter), api.assistant()]);
  // Not configured: one line on the account page says so.
  const hasAssistant = assistant.ok && assistant.value.available;

  return (
    <>
      <Top user={session.user} />
      <Notices>
        <Freshen />
        <main id="main" className={hasAssistant ? 'board with-assistant' : 'board'}>
          <section className="stack" aria-labelledby="tasks-title">
            <h1 id="tasks-title" tabIndex={-1}>
              Tasks
            </h1>
            <AddTask id={newId()} filter={href.split('?')[1] ?? ''} userId={session.user.id} />
            {/* After a change without scripts, whose page this is. */}
            {params.failed && <Alert message="That did not work. The list shows how things are." />}
            <FilterBar filter={filter} counts={list.ok ? list.value.counts : undefined} />
            {!list.ok && <Unavailable message={list.problem.message} />}
            {/* Also without a list: a task may be being edited. */}
            <TaskList
              key={filter.show}
              list={list.ok ? list.value : undefined}
              filter={filter}
              serverToday={new Date().toISOString().slice(0, 10)}
            />
          </section>
          {hasAssistant && (
            <section className="card stack assistant" aria-labelledby="assistant-title">
              <h2 id="assistant-title">Assistant</h2>
              <Assistant />
            </section>
          )}
        </main>
      </Notices>
    </>
  );
}
