import type { Metadata } from 'next';
import { redirect } from 'next/navigation';
import { backend } from '@/lib/backend.ts';
import { filterHref, readFilter } from '@/lib/filter.ts';
import { formAnswer } from '@/lib/form-answer.ts';
import { listTasks } from '@/lib/list.ts';
import { signInHref } from '@/lib/return-to.ts';
import { currentSession } from '@/lib/session.ts';
import { newId, taskFields, taskId } from '@/lib/task.ts';
import { Alert } from '../alert.tsx';
import { Top } from '../top.tsx';
import { AddTask } from './add-task.tsx';
import { Assistant } from './assistant.tsx';
import { Conflict } from './conflict.tsx';
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
  const query = href.split('?')[1] ?? '';
  const { said, message = '', fields, conflict } = formAnswer();
  const sent = fields?.has('title')
    ? { id: taskId(fields), fields: taskFields(fields), message }
    : undefined;
  const session = await currentSession();
  if (session.state === 'signed-out') redirect(signInHref(href));
  if (session.state === 'unknown') {
    return (
      <Notices said={said}>
        <main id="main" className="entry-page">
          <h1>TaskFlow is away</h1>
          <Unavailable message="TaskFlow cannot reach its database right now. Your tasks are safe." />
          {sent && <AddTask id={newId()} filter={query} sent={sent} />}
        </main>
      </Notices>
    );
  }

  const api = backend(session.user.id);
  const [list, assistant] = await Promise.all([listTasks(api, filter), api.assistant()]);
  // Not configured: one line on the account page says so.
  const hasAssistant = assistant.ok && assistant.value.available;

  return (
    <>
      <Top user={session.user} />
      <Notices userId={session.user.id} said={said}>
        <Freshen />
        <main id="main" className={hasAssistant ? 'board with-assistant' : 'board'}>
          <section className="stack" aria-labelledby="tasks-title">
            <h1 id="tasks-title" tabIndex={-1}>
              Tasks
            </h1>
            <AddTask id={newId()} filter={query} userId={session.user.id} sent={sent} />
            {message && !sent && <Alert message={message} />}
            {conflict && <Conflict {...conflict} href={href} />}
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
