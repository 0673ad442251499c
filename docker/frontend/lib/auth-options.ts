import type { BetterAuthOptions } from 'better-auth';
import { APIError, createAuthMiddleware, getSessionFromCtx } from 'better-auth/api';
import { nextCookies } from 'better-auth/next-js';
import { NAME_MAX, PASSWORD_MAX, PASSWORD_MIN } from './account.ts';
import { log } from './log.ts';
import { ownOrigin } from './origin.ts';
import { Throttle } from './throttle.ts';

const SESSION_SECONDS = 14 * 24 * 60 * 60;
const ATTEMPTS_PER_MINUTE = 10;
/** One for the process: pages and routes have a copy of this module each, and HTTPS an instance. */
const shared: typeof globalThis & { signIns?: Throttle } = globalThis;
shared.signIns ??= new Throttle(ATTEMPTS_PER_MINUTE, 60_000);
const signIns = shared.signIns;

type MiddlewareContext = Parameters<Parameters<typeof createAuthMiddleware>[0]>[0];
type Settings = { secret: string; frontendUrl: string | undefined; secureCookies: boolean };

/** How people sign in: all of Better Auth's configuration but the database. */
export function authOptions({ secret, frontendUrl, secureCookies }: Settings) {
  return {
    appName: 'TaskFlow',
    secret,
    // This address is trusted, and beside it the very one that a request was sent to.
    baseURL: frontendUrl,
    trustedOrigins: (request) => (request ? [ownOrigin(request.headers)] : []),
    // With the password; the account's tasks and sessions go with it.
    user: { deleteUser: { enabled: true } },
    emailAndPassword: {
      enabled: true,
      minPasswordLength: PASSWORD_MIN,
      maxPasswordLength: PASSWORD_MAX,
    },
    session: {
      expiresIn: SESSION_SECONDS,
      // Pages cannot set cookies, so a renewal would reach the database but not the browser.
      disableSessionRefresh: true,
    },
    hooks: {
      before: createAuthMiddleware(async (ctx) => {
        const code = mistake(ctx.path, ctx.body);
        if (code) throw new APIError('BAD_REQUEST', { code });
        const whose = await guessed(ctx);
        if (whose !== undefined && !signIns.allow(whose)) {
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
      cookiePrefix: cookiePrefix(frontendUrl),
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
      // At `info` it writes people's email addresses, and objects may hold some at any level.
      level: 'warn',
      log: (_, message, ...details) => {
        const errors = details.filter((detail) => detail instanceof Error);
        log.warn(message, errors.length ? { errors } : {});
      },
    },
    plugins: [nextCookies()],
  } satisfies BetterAuthOptions;
}

/** Cookies know no port, so releases beside each other on one host need different names for them. */
function cookiePrefix(frontendUrl: string | undefined): string {
  return frontendUrl
    ? `taskflow-${new URL(frontendUrl).host.replace(/[^\w.-]+/g, '-')}`
    : 'taskflow';
}

/** The code of what Better Auth would let pass, if there is something. */
function mistake(path: string, body: unknown): string | undefined {
  const fields = fieldsOf(body);
  const texts = Object.values(fields).filter((value) => typeof value === 'string');
  // Postgres' text knows every character but this one.
  if (texts.some((text) => text.includes('\0'))) return 'VALIDATION_ERROR';
  if (path === '/sign-up/email' && String(fields.name).length > NAME_MAX) return 'NAME_TOO_LONG';
  // On its first day a session alone would do: an unlocked screen must not cost an account.
  if (path === '/delete-user' && !fields.password) return 'PASSWORD_REQUIRED';
  return undefined;
}

/** Whose password a request could be a guess at. */
async function guessed(ctx: MiddlewareContext): Promise<string | undefined> {
  if (ctx.path === '/sign-in/email') return account(ctx.body);
  if (ctx.path === '/delete-user') return (await getSessionFromCtx(ctx))?.user.email;
  return undefined;
}

function account(body: unknown): string {
  return String(fieldsOf(body).email ?? '')
    .trim()
    .toLowerCase();
}

/** The body as it was sent: nobody has checked it yet. */
function fieldsOf(body: unknown): Record<string, unknown> {
  return typeof body === 'object' && body !== null ? { ...body } : {};
}
