import { createHash } from 'node:crypto';
import { valueSignedBy } from './signatures.ts';

/** Set by auth-options.ts. Its prefix is the release's: those beside each other on one host send all. */
const COOKIES = /known_browser=([^;]+)/g;

/** What the cookie of a browser says that has signed in to an account. */
export function knownBrowserValue(email: string): string {
  return `${crypto.randomUUID()}.${digest(email)}`;
}

/** The id of the browser that sent these cookies, if somebody (or this account) has signed in with it. */
export function knownBrowser(cookies?: string | null, email?: string): string | undefined {
  // While keys rotate, a cookie may be of the next or the former one.
  const { BETTER_AUTH_SECRET, BETTER_AUTH_SECRET_NEXT, BETTER_AUTH_SECRET_FORMER } = process.env;
  const keys = [BETTER_AUTH_SECRET, BETTER_AUTH_SECRET_NEXT, BETTER_AUTH_SECRET_FORMER];
  for (const [, text = ''] of (cookies ?? '').matchAll(COOKIES)) {
    const signed = keys.map((key) => key && valueSignedBy(key, text)).find(Boolean);
    const [browser, whose] = signed?.split('.') ?? [];
    if (whose && (email === undefined || whose === digest(email))) return browser;
  }
  return undefined;
}

/**
 * Who tries a password of this account. Strangers are one; a browser that has signed in to it is
 * another, so nobody can keep its owner out.
 * https://owasp.org/www-community/Slow_Down_Online_Guessing_Attacks_with_Device_Cookies
 */
export function guesserOf(email: string, cookies?: string | null): string {
  const browser = knownBrowser(cookies, email);
  return browser ? `browser ${browser}` : `account ${normal(email)}`;
}

function digest(email: string): string {
  return createHash('sha256').update(normal(email)).digest('base64url');
}

function normal(email: string): string {
  return email.trim().toLowerCase();
}
