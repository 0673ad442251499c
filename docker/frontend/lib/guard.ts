import { ownOrigin } from './origin.ts';

/** The limit of next.config.ts. Far above the longest conversation with the assistant. */
const MAX_BODY_BYTES = 256 * 1024;

export type Refusal = { status: 403 | 413; message: string };

/**
 * Why a request to a page must not pass, if so. Next refuses the same requests, but as an error of
 * the server (500) and with a stack trace in the log; they are the client's.
 */
export function refusalOf(
  method: string,
  headers: Headers,
  frontendUrl: string | undefined,
): Refusal | undefined {
  if (method === 'GET' || method === 'HEAD') return undefined;

  const origin = headers.get('origin');
  const trusted = [ownOrigin(headers), frontendUrl && new URL(frontendUrl).origin];
  if (origin !== null && !trusted.includes(origin)) {
    return { status: 403, message: 'This request comes from another site, so it was refused.' };
  }
  if (Number(headers.get('content-length')) > MAX_BODY_BYTES) {
    return { status: 413, message: `Send at most ${MAX_BODY_BYTES} bytes.` };
  }
  return undefined;
}
