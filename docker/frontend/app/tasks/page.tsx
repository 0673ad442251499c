import type { Metadata } from 'next';
import { redirect } from 'next/navigation';
import { type Backend, backend } from '@/lib/backend.ts';
import { NOT_CONFIGURED } from '@/lib/chat.ts';
import { type Filter, pagesOf, readFilter } from '@/lib/filter.ts';
import { currentSession } from '@/lib/session.ts';
import { signOut } from '../(auth)/actions.ts';
import { AddTask } from './add-task.tsx';
import { Assistant } from './assistant.tsx';
import { FilterBar } from './filter-bar.tsx';
import { Notices } from './notices.tsx';
import { TaskList } from './task-list.tsx';
import { Unavailable } from './unavailable.tsx';

export const metadata: Metadata = { title: 'Tasks' };

export default async function TasksPage({ searchParams }: PageProps<'/tasks'>) {
  const filter = readFilter(await searchParams);
  const session = await currentSession();
  if (session.state === 'signed-out') redirect('/sign-in');
  if (session.state === 'unknown') {
    return (
      <main id="main" className="entry-page">
        <h1>TaskFlow is away</h1>
        <Unavailable message="TaskFlow cannot reach its database right now. Your tasks are safe." />
      </main>
    );
  }

  const api = backend(session.user.id);
  const [{ tasks, page }, assistant] = await Promise.all([list(api, filter), api.assistant()]);

  return (
    <>
      <header className="top">
        <p className="brand">TaskFlow</p>
        <p className="who" title={session.user.email}>
          {session.user.name}
        </p>
        <form action={signOut}>
          <button type="submit" className="quiet">
            Sign out
          </button>
        </form>
      </header>
      <Notices>
        <main id="main" className="board">
          <section className="stack" aria-labelledby="tasks-title">
            <h1 id="tasks-title" tabIndex={-1}>
              Tasks
            </h1>
            <AddTask />
            <FilterBar filter={filter} />
            {tasks.ok ? (
              <TaskList tasks={tasks.value} filter={{ ...filter, page }} />
            ) : (
              <Unavailable message={tasks.problem.message} />
            )}
          </section>
          <section className="card stack assistant" aria-labelledby="assistant-title">
            <h2 id="assistant-title">Assistant</h2>
            {assistant.ok && !assistant.value.available ? (
              <p className="hint">{NOT_CONFIGURED}</p>
            ) : (
              <Assistant away={!assistant.ok} />
            )}
          </section>
        </main>
      </Notices>
    </>
  );
}

/** The page that was asked for, or the last one: with its last task a page ceases to be. */
async function list(api: Backend, filter: Filter) {
  const tasks = await api.listTasks(filter);
  const last = tasks.ok ? pagesOf(tasks.value.total) : filter.page;
  if (filter.page <= last) return { tasks, page: filter.page };
  return { tasks: await api.listTasks({ ...filter, page: last }), page: last };
}
