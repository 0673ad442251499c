import { AsyncLocalStorage } from 'node:async_hooks';
import type { ServerResponse } from 'node:http';
import type { FormAnswer } from './form-answer.ts';
import type { Kind } from './places.ts';

/** After this many the next try may have a chance. */
export const RETRY_SECONDS = 5;

export type Away = 'backend' | 'database';

/** What is known of the request that is being answered. */
export type RequestContext = {
  id: string;
  kind: Kind['name'];
  /** The status of a refusal that a page explains; where scripts asked, it is answered with 200. */
  refused?: 429 | 503;
  /** What answers a form that a browser has sent itself, without scripts. */
  form?: ServerResponse;
  answer?: FormAnswer;
  /** What the request needed and did not reach. */
  away?: Away;
};

// Next gives the hook, the pages and the routes a copy of each module; they share this one store.
const shared: typeof globalThis & { taskflowRequests?: AsyncLocalStorage<RequestContext> } =
  globalThis;
shared.taskflowRequests ??= new AsyncLocalStorage();

export const requests = shared.taskflowRequests;

/** Says to the figures and the log that a form was refused for now. */
export function noteRefusal(status: 429 | 503, seconds: number): void {
  const request = requests.getStore();
  if (!request) return;
  request.refused = status;
  answerWith(request, status, seconds);
}

/** Says to the figures that something is away. */
export function noteAway(away: Away): void {
  const request = requests.getStore();
  if (request) request.away ??= away;
}

/** Says that something is away; a form that needs it could not be handled. */
export function noteOutage(away: Away): void {
  noteAway(away);
  answerWith(requests.getStore() ?? {}, 503, RETRY_SECONDS);
}

/** Says that a form needs a session, and that the one it was written in has ended. */
export function noteSignedOut(): void {
  answerWith(requests.getStore() ?? {}, 401);
}

/** Next has no status for an action's result, but keeps one that the response has already. */
function answerWith(
  { form }: Pick<RequestContext, 'form'>,
  status: number,
  seconds?: number,
): void {
  if (!form) return;
  form.statusCode = status;
  if (seconds && !form.headersSent) form.setHeader('Retry-After', seconds);
}

/** The client's id if it is one, so that a proxy's log and ours agree. */
export function requestId(given: string | string[] | undefined): string {
  return typeof given === 'string' && /^[\w.-]{1,128}$/.test(given) ? given : crypto.randomUUID();
}
