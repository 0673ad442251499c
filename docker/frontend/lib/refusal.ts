import { type IncomingMessage, type ServerResponse, STATUS_CODES } from 'node:http';

/**
 * How `/api/*` refuses, whatever refuses: with problem details (RFC 9457), as the backend does. Of its two
 * own members `code` is for programs; `message` is `detail`. Better Auth's client reads no others, nor do
 * pages that are open.
 */
const MEDIA_TYPE = 'application/problem+json';

/** The answer of a route handler. */
export function refuse(
  status: number,
  detail: string,
  given: HeadersInit = {},
  members: object = {},
): Response {
  const headers = new Headers(given);
  headers.set('Content-Type', MEDIA_TYPE);
  headers.set('Cache-Control', 'no-store');
  return new Response(problem(status, detail, members), { status, headers });
}

/** The answer before Next gets the request. A page's is a text. */
export function refuseEarly(
  { url = '' }: IncomingMessage,
  response: ServerResponse,
  status: number,
  detail: string,
  headers: Record<string, string> = {},
): void {
  const isApi = /^\/api(?![^/?])/.test(url);
  response.writeHead(status, {
    'Content-Type': isApi ? MEDIA_TYPE : 'text/plain; charset=utf-8',
    'Cache-Control': 'no-store',
    ...headers,
  });
  response.end(isApi ? problem(status, detail) : detail);
}

function problem(status: number, detail: string, members: object = {}): string {
  const title = STATUS_CODES[status] ?? '';
  const code = title.toUpperCase().replace(/\W+/g, '_');
  const own = { code, message: detail, ...members };
  return JSON.stringify({ type: 'about:blank', title, status, detail, ...own });
}
