import { createHmac, timingSafeEqual } from 'node:crypto';

export const SESSION_SECONDS = 14 * 24 * 60 * 60;
/** How long a browser that has signed in is known; see known-browser.ts. */
export const KNOWN_SECONDS = 180 * 24 * 60 * 60;

/**
 * The key that signs, and the other one that is accepted while keys rotate: the key that signs
 * next, or the one that signed before. Better Auth has several keys for what it encrypts, but only
 * one for cookies: https://better-auth.com/docs/reference/security#secret-rotation
 */
export type Keys = { secret: string; next?: string | undefined; former?: string | undefined };

/**
 * Signs those cookies of a request anew that the other key signed, so that the code behind needs
 * one key only. Returns what the browser should store: cookies of the former key. A cookie of the
 * next key stays there as it is, because pods that sign with that key are being rolled out.
 */
export function renewCookies(headers: Headers, { secret, next, former }: Keys) {
  const other = former ?? next;
  const header = headers.get('cookie');
  if (!other || !header) return [];
  const renewed: { name: string; value: string }[] = [];
  const cookies = header.split('; ').map((pair) => {
    const [name = '', text = ''] = pair.split(/=(.*)/s);
    const value = valueSignedBy(other, text);
    if (value === undefined) return pair;
    const cookie = { name, value: `${value}.${signature(secret, value)}` };
    renewed.push(cookie);
    return `${name}=${encodeURIComponent(cookie.value)}`;
  });
  headers.set('cookie', cookies.join('; '));
  // Somebody who is not to be remembered has cookies that end with the browser.
  const ends = renewed.some(({ name }) => name.endsWith('.dont_remember'));
  return former ? renewed.map((cookie) => ({ ...cookie, ...attributes(cookie.name, ends) })) : [];
}

/** As Better Auth sets its cookies. A session ends in the database, whatever its cookie says. */
function attributes(name: string, endsWithBrowser: boolean) {
  const isKnown = name.endsWith('.known_browser');
  return {
    path: '/',
    httpOnly: true,
    sameSite: 'lax',
    secure: name.startsWith('__Secure-'),
    ...((isKnown || !endsWithBrowser) && { maxAge: isKnown ? KNOWN_SECONDS : SESSION_SECONDS }),
  } as const;
}

/** What a cookie says, if this key signed it. */
export function valueSignedBy(key: string, text: string): string | undefined {
  const decoded = decode(text);
  const end = decoded.lastIndexOf('.');
  if (end < 1) return undefined;
  const value = decoded.slice(0, end);
  const found = Buffer.from(decoded.slice(end + 1));
  const expected = Buffer.from(signature(key, value));
  return found.length === expected.length && timingSafeEqual(found, expected) ? value : undefined;
}

function signature(key: string, value: string): string {
  return createHmac('sha256', key).update(value).digest('base64');
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
