import { backend } from '@/lib/backend.ts';
import { NOT_CONFIGURED, UNFINISHED } from '@/lib/chat.ts';
import { sharedPool } from '@/lib/database.ts';
import { env } from '@/lib/env.ts';
import { bodyRefusal, refusalOf } from '@/lib/guard.ts';
import { log } from '@/lib/log.ts';
import { OTHER_ACCOUNT } from '@/lib/outcome.ts';
import { AWAY } from '@/lib/problem.ts';
import { countQuestion } from '@/lib/questions.ts';
import { refuse } from '@/lib/refusal.ts';
import { noteAway } from '@/lib/request.ts';
import { currentSession, isOther } from '@/lib/session.ts';

/** The backend's limit. */
const MAX_BODY_BYTES = 128 * 1024;

/**
 * A question to the assistant. Not a server action: those of one page run one after the other, so
 * that nothing else could be changed while the model thinks.
 */
export async function POST(request: Request): Promise<Response> {
  const { method, headers } = request;
  const refusal =
    refusalOf(method, headers, env.frontendUrl()) ?? bodyRefusal(headers, MAX_BODY_BYTES);
  if (refusal) return refuse(refusal.status, refusal.message);

  const session = await currentSession();
  if (session.state === 'signed-out') return refuse(401, 'Sign in again.');
  if (session.state === 'unknown') return refuse(503, AWAY.message);
  const seconds = await secondsToWait(session.user.id);
  if (seconds === undefined) return refuse(503, AWAY.message);
  if (seconds) {
    const message = `That was a lot of questions. Wait ${seconds} s, then go on.`;
    return refuse(429, message, { 'Retry-After': String(seconds) });
  }
  const asked: unknown = await request.json().catch(() => undefined);
  if (typeof asked !== 'object' || asked === null)
    return refuse(400, 'Send a conversation as JSON.');
  // `user`: of the person whose page asks.
  const { user = session.user.id, ...conversation } = asked as { user?: unknown };
  if (isOther(session, user)) return refuse(409, OTHER_ACCOUNT);

  const api = backend(session.user.id);
  // Answers take long, so whether there is anyone to answer is asked first, with a short timeout.
  const assistant = await api.assistant();
  if (!assistant.ok) return refuse(503, assistant.problem.message);
  if (!assistant.value.available) return refuse(503, NOT_CONFIGURED);

  const answer = await api.chat(conversation);
  if (answer.ok) {
    return Response.json(answer.value, { headers: { 'Cache-Control': 'no-store' } });
  }
  const { kind, message } = answer.problem;
  return kind === 'invalid' ? refuse(422, message) : refuse(502, UNFINISHED);
}

/** Undefined if the database is away. */
async function secondsToWait(userId: string): Promise<number | undefined> {
  try {
    return await countQuestion(sharedPool(env.databaseUrl(), env.databaseCaFile()), userId);
  } catch (error) {
    noteAway('database');
    log.error('A question could not be counted', { error });
    return undefined;
  }
}
