import { type NextRequest, NextResponse } from 'next/server';
import { contentSecurityPolicy, NONCE_HEADER } from './lib/csp.ts';
import { isFrom, refusalOf } from './lib/guard.ts';
import { isHttps } from './lib/origin.ts';

const HSTS = 'max-age=31536000';

/**
 * Stands before every page: refuses what other sites send, and gives each view a nonce of its own.
 * Next reads it back from the request's policy and puts it on the scripts it writes.
 */
export function proxy(request: NextRequest): NextResponse {
  const frontendUrl = process.env.FRONTEND_URL || undefined;
  const refusal = refusalOf(request.method, request.headers, frontendUrl);
  if (refusal) return new NextResponse(refusal.message, { status: refusal.status });

  const nonce = crypto.randomUUID();
  const policy = contentSecurityPolicy(nonce, process.env.NODE_ENV === 'development');

  const headers = new Headers(request.headers);
  headers.set('Content-Security-Policy', policy);
  headers.set(NONCE_HEADER, nonce);
  // Next compares an action's Origin with the host alone, which not every proxy passes on.
  if (frontendUrl && isFrom(frontendUrl, headers)) {
    headers.set('X-Forwarded-Host', new URL(frontendUrl).host);
  }
  const response = NextResponse.next({ request: { headers } });
  response.headers.set('Content-Security-Policy', policy);
  if (isHttps(request.headers)) response.headers.set('Strict-Transport-Security', HSTS);
  return response;
}

export const config = { matcher: '/((?!_next/|api/|healthz|icon.svg$|robots.txt$).*)' };
