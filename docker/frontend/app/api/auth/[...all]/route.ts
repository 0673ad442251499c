import { authFor } from '@/lib/auth.ts';
import { bodyRefusal } from '@/lib/guard.ts';
import { log } from '@/lib/log.ts';

/** What programs may call; the pages use server actions. Everything else Better Auth has is shut. */
const offered = new Set([
  'POST /api/auth/sign-up/email',
  'POST /api/auth/sign-in/email',
  'POST /api/auth/sign-out',
  'POST /api/auth/delete-user',
  'GET /api/auth/get-session',
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
    const response = await authFor(request.headers).handler(request);
    if (response.status < 500) return response;
  } catch (error) {
    log.error('The account database could not be used', { error });
  }
  return refuse(503, 'The database cannot be reached. Try again.');
}

function refuse(status: number, message: string): Response {
  return Response.json({ message }, { status });
}

export { handle as GET, handle as POST };
