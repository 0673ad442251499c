import type { Metadata } from 'next';
import { redirect } from 'next/navigation';
import { backend } from '@/lib/backend.ts';
import { filterHref, filterQuery, readFilter } from '@/lib/filter.ts';
import { text } from '@/lib/form.ts';
import { formAnswer } from '@/lib/form-answer.ts';
import { listTasks } from '@/lib/list.ts';
import { signInHref } from '@/lib/return-to.ts';
import { sentAddition, sentEdit, sentUndo } from '@/lib/sent.ts';
import { currentSession, isOther } from '@/lib/session.ts';
import { newId } from '@/lib/task.ts';
import { Alert } from '../alert.tsx';
import { SessionEnded } from '../session-ended.tsx';
import { Top } from '../top.tsx';
import { UserPage } from '../user.tsx';
import { AddTask } from './add-task.tsx';
import { Board } from './board.tsx';
import { Conflict } from './conflict.tsx';
import { FilterBar } from './filter-bar.tsx';
import { Notices } from './notices.tsx';
import { TaskList } from './task-list.tsx';
import { Unavailable } from './unavailable.tsx';

export const metadata: Metadata = { title: 'Tasks' };

export default async function TasksPage({ searchParams }: PageProps<'/tasks'>) {
  const params = await searchParams;
  const filter = readFilter(params);
  const href = filterHref(filter);
  const query = String(filterQuery(filter));
  const session = await currentSession();
  const sent = formAnswer();
  const sender = text(sent.fields, 'user');
  // What another account has written is not shown in this one's page.
  const answer = sender && isOther(session, sender) ? { message: sent.message ?? '' } : sent;
  const { said = sentUndo(answer), message = '', conflict } = answer;
  const addition = sentAddition(answer);
  const edit = sentEdit(answer);
  const alert = message && !addition && !edit && <Alert message={message} />;
  const serverToday = new Date().toISOString().slice(0, 10);
  if (session.state === 'signed-out' && !message) redirect(signInHref(href));
  if (session.state !== 'signed-in') {
    return (
      <UserPage userId={sender}>
        <Notices said={said}>
          <main id="main" className="entry-page">
            {session.state === 'unknown' ? (
              <>
                <h1>TaskFlow is away</h1>
                <Unavailable message="TaskFlow cannot reach its database right now. Your tasks are safe." />
              </>
            ) : (
              <SessionEnded message={addition || edit ? '' : message} href={href} />
            )}
            {addition && <AddTask id={newId()} filter={query} sent={addition} />}
            {edit && (
              <TaskList list={undefined} filter={filter} serverToday={serverToday} edit={edit} />
            )}
          </main>
        </Notices>
      </UserPage>
    );
  }

  const api = backend(session.user.id);
  const [list, assistant] = await Promise.all([listTasks(api, filter), api.assistant()]);
  // A task to edit without scripts; the answer to a form closes it.
  const asked = message || said ? undefined : [params.edit].flat()[0];
  const base = list.ok ? list.value.tasks.find(({ id }) => id === asked) : undefined;
  // Not configured: one line on the account page says so.
  const hasAssistant = assistant.ok ? assistant.value.available : undefined;

  return (
    <UserPage userId={session.user.id}>
      <Top user={session.user} />
      <Notices said={said}>
        <Board hasAssistant={hasAssistant}>
          <section className="stack" aria-labelledby="tasks-title">
            <h1 id="tasks-title" tabIndex={-1}>
              Tasks
            </h1>
            <AddTask id={newId()} filter={query} sent={addition} />
            {alert}
            {conflict && !edit && <Conflict {...conflict} href={href} />}
            <FilterBar filter={filter} counts={list.ok ? list.value.counts : undefined} />
            {!list.ok && <Unavailable message={list.problem.message} />}
            {/* Also without a list: a task may be being edited. */}
            <TaskList
              key={filter.show}
              list={list.ok ? list.value : undefined}
              filter={filter}
              serverToday={serverToday}
              edit={edit ?? (base && { base })}
            />
          </section>
        </Board>
      </Notices>
    </UserPage>
  );
}
