import { accountOf } from './auth-options.ts';
import { bodyRefusal } from './guard.ts';
import { guesserOf } from './known-browser.ts';
import { log } from './log.ts';
import { methodsOf } from './methods.ts';
import { inTurn, isBusy } from './password-checks.ts';
import { refuse } from './refusal.ts';
import { noteAway, RETRY_SECONDS } from './request.ts';

type Handler = (request: Request) => Promise<Response>;

/** Those that check a password wait for their turn. */
const CHECKING = new Set([
  '/api/auth/sign-up/email',
  '/api/auth/sign-in/email',
  '/api/auth/delete-user',
]);
const MAX_BODY_BYTES = 16 * 1024;

/** Better Auth's answer, in the way of the other routes: HEAD like GET, errors as problem details, nothing for a cache. */
export async function answerAuth(request: Request, betterAuth: Handler): Promise<Response> {
  const { url, method, headers } = request;
  const { pathname } = new URL(url);
  if (!methodsOf(pathname)?.includes(method)) return refuse(404, 'There is nothing here.');

  if (method === 'POST') {
    const refusal = bodyRefusal(headers, MAX_BODY_BYTES);
    if (refusal) return refuse(refusal.status, refusal.message);
  }
  try {
    const answer = () => betterAuth(method === 'HEAD' ? new Request(url, { headers }) : request);
    const response = CHECKING.has(pathname)
      ? await inTurn(await whose(request), answer)
      : await answer();
    if (response.status < 400) {
      response.headers.set('Cache-Control', 'no-store');
      return response;
    }
    if (response.status < 500) return await asProblem(response);
  } catch (error) {
    if (isBusy(error)) {
      return refuse(503, 'Many people are signing in.', { 'Retry-After': String(RETRY_SECONDS) });
    }
    log.error('The account database could not be used', { error });
  }
  noteAway('database');
  const later = { 'Retry-After': String(RETRY_SECONDS) };
  return refuse(503, 'The database cannot be reached. Try again.', later);
}

/** Whose guess it is: of a body that names no account, the session's. */
async function whose(request: Request): Promise<string> {
  const body: unknown = await request
    .clone()
    .json()
    .catch(() => undefined);
  const account = accountOf(body);
  const cookies = request.headers.get('cookie') ?? '';
  return account ? guesserOf(account, cookies) : cookies;
}

/** A refusal of Better Auth. Its client reads `code` and `message`, so they are members of the problem. */
async function asProblem(response: Response): Promise<Response> {
  const { message, ...members } = await response.json();
  return refuse(response.status, message, response.headers, members);
}
