import { type NextRequest, NextResponse } from 'next/server';
import { contentSecurityPolicy } from './lib/csp.ts';
import { refusalOf } from './lib/guard.ts';

/**
 * Stands before every page: refuses what other sites send, and gives each view a nonce of its own.
 * Next reads it back from the request's policy and puts it on the scripts it writes.
 */
export function proxy(request: NextRequest): NextResponse {
  const refusal = refusalOf(request.method, request.headers, process.env.FRONTEND_URL);
  if (refusal) return new NextResponse(refusal.message, { status: refusal.status });

  const nonce = crypto.randomUUID();
  const policy = contentSecurityPolicy(nonce, process.env.NODE_ENV === 'development');

  const headers = new Headers(request.headers);
  headers.set('Content-Security-Policy', policy);
  const response = NextResponse.next({ request: { headers } });
  response.headers.set('Content-Security-Policy', policy);
  return response;
}

export const config = { matcher: '/((?!_next/|api/|healthz|icon.svg$|robots.txt$).*)' };
