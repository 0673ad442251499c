import { type NextRequest, NextResponse } from 'next/server';
import { contentSecurityPolicy } from './lib/csp.ts';
import { answerForm } from './lib/form-answer.ts';
import { formRefusal, isFrom, refusalOf } from './lib/guard.ts';
import { formOfAnotherBuild } from './lib/known-actions.ts';
import { isHttps } from './lib/origin.ts';
import { SEND_AGAIN } from './lib/outcome.ts';
import { renewCookies } from './lib/signatures.ts';

const HSTS = 'max-age=31536000';

/** Stands before every page and route handler: while keys rotate, they see cookies of one key. */
export async function proxy(request: NextRequest): Promise<NextResponse> {
  const headers = new Headers(request.headers);
  const renewed = renewCookies(headers, {
    secret: process.env.BETTER_AUTH_SECRET ?? '',
    next: process.env.BETTER_AUTH_SECRET_NEXT || undefined,
    former: process.env.BETTER_AUTH_SECRET_FORMER || undefined,
  });
  const isPage = !request.nextUrl.pathname.startsWith('/api/');
  const response = isPage
    ? await page(request, headers)
    : NextResponse.next({ request: { headers } });
  // A form's action may have changed these cookies: keep that.
  if (request.method === 'GET') {
    for (const cookie of renewed) response.cookies.set(cookie);
  }
  return response;
}

/**
 * Refuses what other sites send, and gives each view a nonce of its own. Next reads it back from
 * the request's policy and puts it on the scripts it writes.
 */
async function page(request: NextRequest, headers: Headers): Promise<NextResponse> {
  const frontendUrl = process.env.FRONTEND_URL || undefined;
  const refusal =
    refusalOf(request.method, request.headers, frontendUrl) ?? (await formRefusal(request));
  if (refusal) return new NextResponse(refusal.message, { status: refusal.status });

  const fields = await formOfAnotherBuild(request);
  if (fields) {
    answerForm({ message: SEND_AGAIN, fields, isUnknown: true });
    // Without it Next finds no action, and shows the page.
    headers.delete('content-type');
  }

  const nonce = crypto.randomUUID();
  const policy = contentSecurityPolicy(nonce, process.env.NODE_ENV === 'development');

  headers.set('Content-Security-Policy', policy);
  // Next compares an action's Origin with the host alone, which not every proxy passes on.
  if (frontendUrl && isFrom(frontendUrl, headers)) {
    headers.set('X-Forwarded-Host', new URL(frontendUrl).host);
  }
  const response = NextResponse.next({ request: { headers } });
  response.headers.set('Content-Security-Policy', policy);
  if (isHttps(request.headers)) response.headers.set('Strict-Transport-Security', HSTS);
  return response;
}

export const config = {
  matcher: '/((?!_next/static/|healthz$|healthz/live$|icon\\.svg$|robots\\.txt$).*)',
};
