import 'server-only';
import { env } from './env.ts';
import { backendQuery, type Filter } from './filter.ts';
import { log } from './log.ts';
import { fetchPatiently } from './patience.ts';
import { AWAY, type Problem, problemOf } from './problem.ts';
import type { NewTask, Task, TaskFields, TaskPage } from './task.ts';
import { backendToken } from './token.ts';

export type Result<T> = { ok: true; value: T } | { ok: false; problem: Problem };

/** A page waits for this, so it ends before people think that the page hangs. */
const TIMEOUT_MS = 1_500;
/** A language model with tools takes its time. */
const CHAT_TIMEOUT_MS = 60_000;

export type Reply = { reply: string; changed: boolean };

type Call = {
  method?: 'GET' | 'POST' | 'PATCH' | 'DELETE';
  body?: unknown;
  timeoutMs?: number;
};

export type Backend = ReturnType<typeof backend>;

/** The backend, acting for one user. */
export function backend(userId: string) {
  const call = <T>(path: string, options: Call = {}) => request<T>(userId, path, options);
  const taskPath = (id: string) => `/api/tasks/${encodeURIComponent(id)}`;
  return {
    listTasks: (filter: Filter) => call<TaskPage>(`/api/tasks?${backendQuery(filter)}`),
    addTask: (task: NewTask) => call<Task>('/api/tasks', { method: 'POST', body: task }),
    changeTask: (id: string, changes: Partial<TaskFields & Pick<Task, 'done'>>) =>
      call<Task>(taskPath(id), { method: 'PATCH', body: changes }),
    deleteTask: (id: string) => call<undefined>(taskPath(id), { method: 'DELETE' }),
    assistant: () => call<{ available: boolean }>('/api/chat'),
    chat: (conversation: unknown) =>
      call<Reply>('/api/chat', {
        method: 'POST',
        body: conversation,
        timeoutMs: CHAT_TIMEOUT_MS,
      }),
  };
}

async function request<T>(userId: string, path: string, call: Call): Promise<Result<T>> {
  const { method = 'GET', body, timeoutMs = TIMEOUT_MS } = call;
  // The backend's log lines have the same id.
  const line = { method, path: pathOf(path), request_id: crypto.randomUUID() };
  try {
    const headers = new Headers({
      Authorization: `Bearer ${await backendToken(userId, env.secret())}`,
      'X-Request-ID': line.request_id,
    });
    if (body !== undefined) headers.set('Content-Type', 'application/json');
    const init = {
      method,
      headers,
      cache: 'no-store' as const,
      signal: AbortSignal.timeout(timeoutMs),
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    };
    const response = await fetchPatiently(`${env.backendUrl()}${path}`, init);
    if (response.ok) {
      const value = response.status === 204 ? undefined : await response.json();
      return { ok: true, value: value as T };
    }
    const problem = problemOf(response.status, await response.json().catch(() => undefined));
    log.warn('The backend refused a call', { ...line, status: response.status });
    return { ok: false, problem };
  } catch (error) {
    log.error('The backend could not be reached', { ...line, error });
    return { ok: false, problem: AWAY };
  }
}

/** What a person searches for does not belong in a log. */
function pathOf(path: string): string {
  return path.split('?')[0] ?? path;
}
