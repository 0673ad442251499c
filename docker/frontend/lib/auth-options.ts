import type { BetterAuthOptions } from 'better-auth';
import { APIError, createAuthMiddleware } from 'better-auth/api';
import { nextCookies } from 'better-auth/next-js';
import { log } from './log.ts';
import { ownOrigin } from './origin.ts';
import { Throttle } from './throttle.ts';

const SESSION_SECONDS = 14 * 24 * 60 * 60;
const ATTEMPTS_PER_MINUTE = 10;

type Settings = { secret: string; frontendUrl: string | undefined; secureCookies: boolean };

/** How people sign in: all of Better Auth's configuration but the database. */
export function authOptions({ secret, frontendUrl, secureCookies }: Settings) {
  const signIns = new Throttle(ATTEMPTS_PER_MINUTE, 60_000);
  return {
    appName: 'TaskFlow',
    secret,
    // This address is trusted, and beside it the very one that a request was sent to.
    baseURL: frontendUrl,
    trustedOrigins: (request) => (request ? [ownOrigin(request.headers)] : []),
    // With the password; the account's tasks and sessions go with it.
    user: { deleteUser: { enabled: true } },
    emailAndPassword: { enabled: true, minPasswordLength: 8, maxPasswordLength: 128 },
    session: {
      expiresIn: SESSION_SECONDS,
      // Pages cannot set cookies, so a renewal would reach the database but not the browser.
      disableSessionRefresh: true,
    },
    hooks: {
      before: createAuthMiddleware(async (ctx) => {
        if (ctx.path === '/sign-in/email' && !signIns.allow(account(ctx.body))) {
          throw new APIError('TOO_MANY_REQUESTS', { code: 'TOO_MANY_ATTEMPTS' });
        }
      }),
      after: createAuthMiddleware(async (ctx) => {
        if (ctx.path === '/sign-in/email' && ctx.context.newSession) {
          signIns.forget(account(ctx.body));
        }
      }),
    },
    // Better Auth's own limit counts by address: behind a NodePort it would shut everyone out after
    // three sign-ins in ten seconds, and a forged x-forwarded-for would pass it. See Throttle.
    rateLimit: { enabled: false },
    advanced: {
      cookiePrefix: 'taskflow',
      useSecureCookies: secureCookies,
      ipAddress: { disableIpTracking: true },
      // The backend migrates the schema, perhaps after the first request here; a check would be
      // made once and remembered.
      database: { validateSchema: false },
    },
    // Whoever calls the handler writes one line about a failure, instead of a stack trace here.
    onAPIError: { throw: true },
    telemetry: { enabled: false },
    logger: {
      // At `info` it writes people's email addresses.
      level: 'warn',
      log: (level, message, ...details) => log[level](message, details.length ? { details } : {}),
    },
    plugins: [nextCookies()],
  } satisfies BetterAuthOptions;
}

function account(body: unknown): string {
  const email = typeof body === 'object' && body !== null && 'email' in body ? body.email : '';
  return String(email).trim().toLowerCase();
}
