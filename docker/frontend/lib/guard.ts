import { isCall, isForm } from './action-body.ts';
import { ownOrigin } from './origin.ts';

/** Far above a task with the longest notes. */
export const MAX_BODY_BYTES = 256 * 1024;

export type Refusal = { status: 400 | 403 | 411 | 413; message: string };

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
  if (origin !== null && origin !== ownOrigin(headers) && !isFrom(frontendUrl, headers)) {
    return { status: 403, message: 'This request comes from another site, so it was refused.' };
  }
  return tooLarge(Number(headers.get('content-length')), MAX_BODY_BYTES);
}

/** Why a form, or the arguments of a server action, must not reach Next, if so. */
export async function formRefusal(request: Request): Promise<Refusal | undefined> {
  const type = request.headers.get('content-type') ?? '';
  const isAction = request.headers.has('next-action');
  const isRead = isAction || type.startsWith('multipart/form-data');
  if (request.method !== 'POST' || !isRead) return undefined;
  // Not every client says how much it sends.
  const body = Buffer.from(await request.clone().arrayBuffer());
  const refusal = tooLarge(body.byteLength, MAX_BODY_BYTES);
  if (refusal) return refusal;
  const isReadable = isAction ? isCall : isForm;
  return isReadable(type, body.toString())
    ? undefined
    : { status: 400, message: 'This form cannot be read.' };
}

/** Why a body must not be read, if so. A route handler reads all of it, so its length must be known. */
export function bodyRefusal(headers: Headers, maxBytes: number): Refusal | undefined {
  const length = Number(headers.get('content-length') ?? Number.NaN);
  if (Number.isNaN(length)) return { status: 411, message: 'Send a Content-Length header.' };
  return tooLarge(length, maxBytes);
}

/** Whether a browser sent this from the official address. */
export function isFrom(frontendUrl: string | undefined, headers: Headers): boolean {
  return frontendUrl !== undefined && headers.get('origin') === new URL(frontendUrl).origin;
}

function tooLarge(length: number, maxBytes: number): Refusal | undefined {
  return length > maxBytes
    ? { status: 413, message: `Send at most ${maxBytes} bytes.` }
    : undefined;
}
