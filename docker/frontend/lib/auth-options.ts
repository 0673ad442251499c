import { BASE_ERROR_CODES, type BetterAuthOptions } from 'better-auth';
import { APIError, createAuthMiddleware, getSessionFromCtx } from 'better-auth/api';
import { verifyPassword } from 'better-auth/crypto';
import { nextCookies } from 'better-auth/next-js';
import type { Pool } from 'pg';
import { EMAIL_MAX, NAME_MAX, PASSWORD_MAX, PASSWORD_MIN } from './account.ts';
import type { Attempts } from './attempts.ts';
import { guesserOf, knownBrowserValue } from './known-browser.ts';
import { log } from './log.ts';
import { ownOrigin } from './origin.ts';
import { isEasilyGuessed } from './password-rules.ts';
import { noteRefusal, type RequestContext, requests } from './request.ts';
import { KNOWN_SECONDS, SESSION_SECONDS } from './signatures.ts';

type MiddlewareContext = Parameters<Parameters<typeof createAuthMiddleware>[0]>[0];
type Settings = {
  secret: string;
  frontendUrl: string | undefined;
  secureCookies: boolean;
  attempts: Attempts;
  pool: Pick<Pool, 'query'>;
};

/** How people sign in: all of Better Auth's configuration but the database. */
export function authOptions({ secret, frontendUrl, secureCookies, attempts, pool }: Settings) {
  return {
    appName: 'TaskFlow',
    secret,
    // This address is trusted, and beside it the very one that a request was sent to.
    baseURL: frontendUrl,
    trustedOrigins: (request) => (request ? [ownOrigin(request.headers)] : []),
    user: {
      // With the password.
      deleteUser: {
        enabled: true,
        // Better Auth deletes sessions, password and user one after the other: a failure in between
        // would leave tasks that nobody can reach. This statement takes them all, or none.
        beforeDelete: async ({ id }) => {
          await pool.query('delete from "user" where id = $1', [id]);
        },
      },
    },
    emailAndPassword: {
      enabled: true,
      minPasswordLength: PASSWORD_MIN,
      maxPasswordLength: PASSWORD_MAX,
      password: {
        verify: (checked: { hash: string; password: string }) => {
          const request = requests.getStore();
          if (request) checkedHashes.set(request, checked.hash);
          return verifyPassword(checked);
        },
      },
    },
    session: {
      expiresIn: SESSION_SECONDS,
      // Pages cannot set cookies, so a renewal would reach the database but not the browser.
      disableSessionRefresh: true,
      // The account page is for every session; by default Better Auth shows it to those of today.
      freshAge: 0,
    },
    hooks: {
      before: createAuthMiddleware(async (ctx) => {
        const code = await mistake(ctx);
        if (code) throw new APIError('BAD_REQUEST', { code, message: MISTAKES[code] });
        if (ctx.path === '/sign-out') await endSession(ctx, pool);
        const whose = await guessed(ctx);
        const seconds = whose === undefined ? 0 : await attempts.begin(whose);
        if (seconds) {
          await audit('password_delayed', ctx);
          noteRefusal(429, seconds);
          const message = `Wait ${seconds} s before the next attempt.`;
          const body = { code: 'TOO_MANY_ATTEMPTS', message, seconds };
          throw new APIError('TOO_MANY_REQUESTS', body, { 'Retry-After': String(seconds) });
        }
      }),
      after: createAuthMiddleware(async (ctx) => {
        const event = EVENTS[ctx.path];
        if (!event) return;
        const overtaken = await endSessionsOfFormerPassword(ctx);
        const refused = overtaken || ctx.context.returned instanceof Error;
        await audit(refused ? `${event}_refused` : event, ctx);
        if (overtaken) {
          throw APIError.from('UNAUTHORIZED', BASE_ERROR_CODES.INVALID_EMAIL_OR_PASSWORD);
        }
        if (refused) return;
        const whose = await guessed(ctx);
        if (whose !== undefined) await attempts.forget(whose);
        if (ctx.context.newSession) await rememberBrowser(ctx, ctx.context.newSession.user.email);
      }),
    },
    // Better Auth's own limit counts by address: behind a NodePort it would shut everyone out after
    // three sign-ins in ten seconds, and a forged x-forwarded-for would pass it. See attempts.ts.
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

/** What is worth a line of its own in the log, without anything that a person wrote. */
const EVENTS: Record<string, string> = {
  '/sign-in/email': 'sign_in',
  '/sign-up/email': 'sign_up',
  '/sign-out': 'sign_out',
  '/change-password': 'password_change',
  '/delete-user': 'account_deletion',
};

async function audit(event: string, ctx: MiddlewareContext): Promise<void> {
  log.audit('Account event', { event, path: ctx.path, user: await userOf(ctx) });
}

/** The id of the account that a request is about, if there is one. */
async function userOf(ctx: MiddlewareContext): Promise<string | undefined> {
  const session = ctx.context.newSession ?? ctx.context.session;
  if (session) return session.user.id;
  if (ctx.path !== '/sign-in/email') return undefined;
  return (await ctx.context.internalAdapter.findUserByEmail(accountOf(ctx.body)))?.user.id;
}

/** What Better Auth would let pass, with a sentence for programs; pages have their own. */
const MISTAKES = {
  VALIDATION_ERROR: 'A field contains the character NUL.',
  NAME_REQUIRED: 'Give a name.',
  NAME_TOO_LONG: `Choose a name of at most ${NAME_MAX} characters.`,
  INVALID_EMAIL: `Give an email address of at most ${EMAIL_MAX} characters.`,
  PASSWORD_TOO_COMMON: 'This password is easy to guess.',
  PASSWORD_REQUIRED: 'Give the password.',
};

/** The code of one of these, if there is one. */
async function mistake(ctx: MiddlewareContext): Promise<keyof typeof MISTAKES | undefined> {
  const fields = fieldsOf(ctx.body);
  // Postgres' text knows every character but this one.
  if (Object.values(fields).some((text) => text.includes('\0'))) return 'VALIDATION_ERROR';
  const { name, email = '', password, newPassword } = fields;
  if (name !== undefined && !name.trim()) return 'NAME_REQUIRED';
  if (name !== undefined && name.length > NAME_MAX) return 'NAME_TOO_LONG';
  if (email.length > EMAIL_MAX) return 'INVALID_EMAIL';
  if (ctx.path === '/sign-up/email' && password !== undefined) {
    return isEasilyGuessed(password, email, name) ? 'PASSWORD_TOO_COMMON' : undefined;
  }
  if (ctx.path === '/change-password' && newPassword !== undefined) {
    const user = (await getSessionFromCtx(ctx))?.user;
    const easy = isEasilyGuessed(newPassword, user?.email ?? '', user?.name);
    return easy ? 'PASSWORD_TOO_COMMON' : undefined;
  }
  // To Better Auth a session alone would do: an unlocked screen must not cost an account.
  if (ctx.path === '/delete-user' && !password) return 'PASSWORD_REQUIRED';
  return undefined;
}

/**
 * Better Auth takes the cookie even if the session cannot be deleted, which then lives on. Afterwards
 * there may be none to say whose it was.
 */
async function endSession(ctx: MiddlewareContext, pool: Settings['pool']): Promise<void> {
  await getSessionFromCtx(ctx);
  const { authCookies, secret } = ctx.context;
  const token = await ctx.getSignedCookie(authCookies.sessionToken.name, secret);
  if (token) await pool.query('delete from session where token = $1', [token]);
}

/** The hash that the password of a request was compared with. */
const checkedHashes = new WeakMap<RequestContext, string>();

/**
 * A check takes half a second, and the password may change meanwhile. A session that begins after the
 * change ends here at once, and the sign-in is refused; one that begins before it ends with the change.
 */
async function endSessionsOfFormerPassword(ctx: MiddlewareContext): Promise<boolean> {
  const { newSession, adapter, internalAdapter } = ctx.context;
  if (!newSession) return false;
  const { token, userId } = newSession.session;
  if (ctx.path === '/change-password') {
    // Better Auth ended those that were there before it stored the new password.
    const others = [
      { field: 'userId', value: userId },
      { field: 'token', operator: 'ne' as const, value: token },
    ];
    await adapter.deleteMany({ model: 'session', where: others });
  }
  if (ctx.path !== '/sign-in/email') return false;
  const request = requests.getStore();
  const account = await internalAdapter.findCredentialAccount(userId);
  if (account?.password === (request && checkedHashes.get(request))) return false;
  await internalAdapter.deleteSession(token);
  ctx.context.responseHeaders?.delete('set-cookie');
  return true;
}

/**
 * Whose password a request could be a guess at, and from where. A session has a count of its own, so
 * that an open screen is no way to guess without end.
 */
async function guessed(ctx: MiddlewareContext): Promise<string | undefined> {
  if (ctx.path === '/sign-in/email') {
    const account = accountOf(ctx.body);
    return account ? guesserOf(account, ctx.headers?.get('cookie')) : undefined;
  }
  if (ctx.path === '/delete-user' || ctx.path === '/change-password') {
    const user = (await getSessionFromCtx(ctx))?.user;
    return user && `session ${user.id}`;
  }
  return undefined;
}

async function rememberBrowser(ctx: MiddlewareContext, email: string): Promise<void> {
  const { name, attributes } = ctx.context.createAuthCookie('known_browser', {
    maxAge: KNOWN_SECONDS,
  });
  await ctx.setSignedCookie(name, knownBrowserValue(email), ctx.context.secret, attributes);
}

/** The account that a body names. */
export function accountOf(body: unknown): string {
  return (fieldsOf(body).email ?? '').trim().toLowerCase();
}

type Fields = Partial<Record<'name' | 'email' | 'password' | 'newPassword', string>>;

/** The texts of a body as they were sent: nobody has checked it yet. */
function fieldsOf(body: unknown): Fields {
  const entries = Object.entries(body ?? {});
  return Object.fromEntries(entries.filter(([, value]) => typeof value === 'string'));
}
