import type { Task } from './task.ts';

/** Why something did not work, in words for the person who asked for it. */
export type Problem = {
  kind: 'away' | 'refused' | 'missing' | 'invalid' | 'conflict' | 'unexpected';
  message: string;
  /** As the task is now, where somebody else has changed it. */
  present?: Task;
};

export const AWAY: Problem = {
  kind: 'away',
  message: 'TaskFlow cannot reach its server right now. Nothing is lost; try again in a moment.',
};

/**
 * The session is good but the backend refuses its token, so the two do not share one secret or one
 * database. Sending the person to sign in would only send them back.
 */
const REFUSED: Problem = {
  kind: 'refused',
  message: 'TaskFlow does not recognise your account here. Sign out, then sign in again.',
};

/**
 * Reads the backend's refusal: problem details, whose `detail` is a sentence. In the release before
 * it is a list of field errors, where fields are refused.
 */
export function problemOf(status: number, body: unknown): Problem {
  if (status === 401) return REFUSED;
  if (status === 404) return { kind: 'missing', message: 'This task no longer exists.' };
  if (status === 412) {
    const present = property(body, 'task') as Task;
    return { kind: 'conflict', message: 'This task was changed elsewhere.', present };
  }
  if (status === 422 || status === 413 || status === 409) {
    return { kind: 'invalid', message: detail(body) ?? 'This was not accepted.' };
  }
  if (status === 502 || status === 503 || status === 504) return AWAY;
  return { kind: 'unexpected', message: 'Something went wrong. Please try again.' };
}

function detail(body: unknown): string | undefined {
  const found = property(body, 'detail');
  if (typeof found === 'string') return found;
  if (!Array.isArray(found)) return undefined;
  const sentences = found.flatMap((error: unknown) => {
    const message = property(error, 'msg');
    const field = [property(error, 'loc')].flat().at(-1);
    return typeof message === 'string' ? `${capitalised(String(field))}: ${message}.` : [];
  });
  return sentences.length ? sentences.join(' ') : undefined;
}

/**
 * While a release is rolled out, the backend can be of the one before: then the same call without
 * the fields that it does not know. Undefined if nothing else would be sent: a field inside another
 * one stays where it is, and the same call again would be refused again. A call that was refused has
 * changed nothing.
 */
export function forTheReleaseBefore(
  status: number,
  refusal: unknown,
  body: object = {},
): object | undefined {
  const unknown = status === 422 ? unknownFields(refusal) : [];
  const known = Object.entries(body).filter(([name]) => !unknown.includes(name));
  return known.length < Object.keys(body).length ? Object.fromEntries(known) : undefined;
}

/** In the release before, `detail` has the errors. */
function unknownFields(refusal: unknown): string[] {
  const errors = property(refusal, 'errors') ?? property(refusal, 'detail');
  if (!Array.isArray(errors)) return [];
  return errors
    .filter((error: unknown) => property(error, 'type') === 'extra_forbidden')
    .map((error: unknown) => [property(error, 'loc')].flat())
    .flatMap(([, name, ...inner]) => (inner.length ? [] : String(name)));
}

function property(value: unknown, name: string): unknown {
  return typeof value === 'object' && value !== null
    ? (value as Record<string, unknown>)[name]
    : undefined;
}

function capitalised(word: string): string {
  return word.charAt(0).toUpperCase() + word.slice(1);
}

/** Whether a failed fetch broke on the connection, so that a read may be asked again at once. */
export function isConnectionError(error: unknown): boolean {
  const cause = error instanceof Error ? error.cause : undefined;
  const code = property(cause, 'code');
  return typeof code === 'string' && /^(ECONN|EPIPE|UND_ERR_SOCKET)/.test(code);
}
