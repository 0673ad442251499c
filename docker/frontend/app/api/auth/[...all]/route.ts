import { authFor } from '@/lib/auth.ts';
import { accountOf } from '@/lib/auth-options.ts';
import { bodyRefusal } from '@/lib/guard.ts';
import { guesserOf } from '@/lib/known-browser.ts';
import { log } from '@/lib/log.ts';
import { inTurn, isBusy, RETRY_SECONDS } from '@/lib/password-checks.ts';
import { refuse } from '@/lib/refusal.ts';

/** What programs may call; the pages use server actions. Everything else Better Auth has is shut. */
const offered = new Set([
  'POST /api/auth/sign-up/email',
  'POST /api/auth/sign-in/email',
  'POST /api/auth/sign-out',
  'POST /api/auth/delete-user',
  'GET /api/auth/get-session',
]);
/** Those that check a password wait for their turn. */
const checking = new Set([
  '/api/auth/sign-up/email',
  '/api/auth/sign-in/email',
  '/api/auth/delete-user',
]);
const MAX_BODY_BYTES = 16 * 1024;

async function handle(request: Request): Promise<Response> {
  const { pathname } = new URL(request.url);
  if (!offered.has(`${request.method} ${pathname}`)) return refuse(404, 'There is nothing here.');

  if (request.method === 'POST') {
    const refusal = bodyRefusal(request.headers, MAX_BODY_BYTES);
    if (refusal) return refuse(refusal.status, refusal.message);
  }
  try {
    const answer = () => authFor(request.headers).handler(request);
    const response = checking.has(pathname)
      ? await inTurn(await whose(request), answer)
      : await answer();
    if (response.status < 500) return response;
  } catch (error) {
    if (isBusy(error)) {
      return refuse(503, 'Many people are signing in.', { 'Retry-After': String(RETRY_SECONDS) });
    }
    log.error('The account database could not be used', { error });
  }
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

export { handle as GET, handle as POST };
