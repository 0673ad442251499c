/**
 * What a request says about the address it was sent to. The same pod is reached through a NodePort,
 * a port-forward and an Ingress, so no fixed address can be configured.
 *
 * Next fills in the x-forwarded headers from Host and the socket when no proxy has set them.
 */

export function isHttps(headers: Headers): boolean {
  return first(headers.get('x-forwarded-proto')) === 'https';
}

/**
 * The origin of the site that this request was sent to, or undefined if its host makes no sense.
 *
 * Trusting exactly this origin is the same-origin rule: a page elsewhere cannot make a browser send
 * another Host or any x-forwarded header, so its Origin never matches.
 */
export function ownOrigin(headers: Headers): string | undefined {
  const host = first(headers.get('x-forwarded-host')) ?? first(headers.get('host'));
  // Better Auth reads `*` and `?` in a trusted origin as wildcards.
  if (!host || !/^[a-z0-9.:[\]_-]+$/i.test(host)) return undefined;
  try {
    return new URL(`${isHttps(headers) ? 'https' : 'http'}://${host}`).origin;
  } catch {
    return undefined;
  }
}

/** Each proxy appends its own value; the first one is what the browser used. */
function first(value: string | null): string | undefined {
  return value?.split(',')[0]?.trim() || undefined;
}
