import { createHmac } from 'node:crypto';

/** Set by auth-options.ts and signed as Better Auth signs cookies; its prefix is the release's. */
const COOKIE = /known_browser=([\w-]+)\.([\w-]+)\.([\w%]+)/;

/** The id of the browser that sent these cookies, if somebody has signed in with it before. */
export function knownBrowser(cookies = ''): string | undefined {
  const [, browser = '', whose, signature = ''] = COOKIE.exec(cookies) ?? [];
  if (!browser) return undefined;
  // While keys rotate, the cookie may be of the next or the former one.
  const { BETTER_AUTH_SECRET, BETTER_AUTH_SECRET_NEXT, BETTER_AUTH_SECRET_FORMER } = process.env;
  const keys = [BETTER_AUTH_SECRET, BETTER_AUTH_SECRET_NEXT, BETTER_AUTH_SECRET_FORMER];
  const isRight = (key?: string) => key && signed(key, `${browser}.${whose}`) === signature;
  return keys.some(isRight) ? browser : undefined;
}

function signed(key: string, value: string): string {
  return encodeURIComponent(createHmac('sha256', key).update(value).digest('base64'));
}
