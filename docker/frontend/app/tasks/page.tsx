import type { Metadata } from 'next';
import { redirect } from 'next/navigation';
import { backend } from '@/lib/backend.ts';
import { readFilter } from '@/lib/filter.ts';
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
        <Unavailable message="TaskFlow cannot reach its database right now. Your tasks are safe." />
      </main>
    );
  }

  const api = backend(session.user.id);
  const [tasks, assistant] = await Promise.all([api.listTasks(filter), api.assistant()]);

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
              <TaskList tasks={tasks.value} filter={filter} />
            ) : (
              <Unavailable message={tasks.problem.message} />
            )}
          </section>
          <aside className="card stack assistant" aria-labelledby="assistant-title">
            <h2 id="assistant-title">Assistant</h2>
            {assistant.ok && assistant.value.available ? (
              <Assistant />
            ) : (
              <p className="hint">
                {assistant.ok
                  ? 'The assistant is not configured. It needs an OpenAI API key, which whoever runs TaskFlow can add to its configuration.'
                  : 'The assistant is away right now.'}
              </p>
            )}
          </aside>
        </main>
      </Notices>
    </>
  );
}
