import { type IncomingMessage, type ServerResponse, STATUS_CODES } from 'node:http';

/**
 * How `/api/*` refuses, whatever refuses: with problem details (RFC 9457), as the backend does.
 * `message` is for pages that are open, which read no other member. Better Auth's own answers keep its shape.
 */
const MEDIA_TYPE = 'application/problem+json';

type Headers = Record<string, string>;

/** The answer of a route handler. */
export function refuse(status: number, detail: string, headers: Headers = {}): Response {
  return new Response(problem(status, detail), {
    status,
    headers: { 'Content-Type': MEDIA_TYPE, 'Cache-Control': 'no-store', ...headers },
  });
}

/** The answer before Next gets the request. A page's is a text. */
export function refuseEarly(
  { url = '' }: IncomingMessage,
  response: ServerResponse,
  status: number,
  detail: string,
  headers: Headers = {},
): void {
  const isApi = url.startsWith('/api/');
  response.writeHead(status, {
    'Content-Type': isApi ? MEDIA_TYPE : 'text/plain; charset=utf-8',
    'Cache-Control': 'no-store',
    ...headers,
  });
  response.end(isApi ? problem(status, detail) : detail);
}

function problem(status: number, detail: string): string {
  const title = STATUS_CODES[status];
  return JSON.stringify({ type: 'about:blank', title, status, detail, message: detail });
}
