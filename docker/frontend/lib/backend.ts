import 'server-only';
import { env } from './env.ts';
import { backendQuery, type Filter } from './filter.ts';
import { log } from './log.ts';
import { fetchPatiently } from './patience.ts';
import { AWAY, forTheReleaseBefore, type Problem, problemOf } from './problem.ts';
import { noteAway, requests } from './request.ts';
import type { NewTask, Task, TaskChanges, TaskPage } from './task.ts';
import { backendToken } from './token.ts';
import type { Change } from './undo.ts';

export type Result<T> = { ok: true; value: T } | { ok: false; problem: Problem };

/** A page waits for this, so it ends before people think that the page hangs. */
const TIMEOUT_MS = 1_500;
/** A language model with tools takes its time. */
const CHAT_TIMEOUT_MS = 60_000;

/** The backend of the release before sends no `changes`. */
export type Reply = { reply: string; changed: boolean; changes?: Change[] };

type Call = {
  method?: 'GET' | 'POST' | 'PATCH' | 'DELETE';
  body?: object;
  /** The task's version that is meant to be changed: another one is a conflict. */
  version?: number | undefined;
  timeoutMs?: number;
};

export type Backend = ReturnType<typeof backend>;

/** The backend, acting for one user. */
export function backend(userId: string) {
  const call = async <T>(path: string, options: Call = {}) => {
    const result = await request<T>(userId, path, options);
    if (!result.ok && result.problem.kind === 'away') noteAway('backend');
    return result;
  };
  const taskPath = (id: string) => `/api/tasks/${encodeURIComponent(id)}`;
  return {
    /** `from`: how many to skip, or `next` of the page before, which skips exactly those before it. */
    listTasks: (filter: Filter, limit: number, from: number | string) =>
      call<TaskPage>(`/api/tasks?${backendQuery(filter, limit, from)}`),
    addTask: (task: NewTask) => call<Task>('/api/tasks', { method: 'POST', body: task }),
    changeTask: (id: string, changes: TaskChanges, version?: number) =>
      call<Task>(taskPath(id), { method: 'PATCH', body: changes, version }),
    deleteTask: (id: string, version?: number) =>
      call<undefined>(taskPath(id), { method: 'DELETE', version }),
    assistant: () => call<{ available: boolean }>('/api/chat'),
    chat: (conversation: object) =>
      call<Reply>('/api/chat', {
        method: 'POST',
        body: conversation,
        timeoutMs: CHAT_TIMEOUT_MS,
      }),
  };
}

async function request<T>(userId: string, path: string, call: Call): Promise<Result<T>> {
  // The backend's log lines have the same id.
  const id = requests.getStore()?.id ?? crypto.randomUUID();
  const line = { method: call.method ?? 'GET', path: pathOf(path), request_id: id };
  const signal = AbortSignal.timeout(call.timeoutMs ?? TIMEOUT_MS);
  const send = (token: string, body?: object) =>
    fetchPatiently(`${env.backendUrl()}${path}`, {
      method: line.method,
      headers: headers(id, token, body !== undefined, call.version),
      cache: 'no-store',
      signal,
      ...(body && { body: JSON.stringify(body) }),
    });
  try {
    const token = await backendToken(userId, env.secret());
    let body = call.body;
    for (;;) {
      const response = await send(token, body);
      if (response.ok) {
        const value = response.status === 204 ? undefined : await response.json();
        return { ok: true, value: value as T };
      }
      const refusal: unknown = await response.json().catch(() => undefined);
      const former = forTheReleaseBefore(response.status, refusal, body);
      if (!former) {
        log.warn('The backend refused a call', { ...line, status: response.status });
        return { ok: false, problem: problemOf(response.status, refusal) };
      }
      body = former;
    }
  } catch (error) {
    log.error('The backend could not be reached', { ...line, error });
    return { ok: false, problem: AWAY };
  }
}

function headers(id: string, token: string, hasBody: boolean, version?: number): Headers {
  return new Headers({
    Authorization: `Bearer ${token}`,
    'X-Request-ID': id,
    ...(hasBody && { 'Content-Type': 'application/json' }),
    ...(version !== undefined && { 'If-Match': `"${version}"` }),
  });
}

/** What a person searches for does not belong in a log. */
function pathOf(path: string): string {
  return path.split('?')[0] ?? path;
}
