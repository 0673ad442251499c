import 'server-only';
import { betterAuth } from 'better-auth';
import { APIError, createAuthMiddleware } from 'better-auth/api';
import { nextCookies } from 'better-auth/next-js';
import type { Pool } from 'pg';
import { createPool } from './database.ts';
import { env } from './env.ts';
import { log, logLevel } from './log.ts';
import { isHttps, ownOrigin } from './origin.ts';
import { Throttle } from './throttle.ts';

const SESSION_SECONDS = 14 * 24 * 60 * 60;
const signIns = new Throttle(10, 60_000);

function createAuth(database: Pool, secureCookies: boolean) {
  return betterAuth({
    appName: 'TaskFlow',
    secret: env.secret(),
    baseURL: env.frontendUrl(),
    // Beside FRONTEND_URL, each request may come from the very address it was sent to.
    trustedOrigins: (request) => (request ? [ownOrigin(request.headers)] : []),
    database,
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
    },
    telemetry: { enabled: false },
    logger: {
      level: logLevel(),
      log: (level, message, ...details) => log[level](message, details.length ? { details } : {}),
    },
    plugins: [nextCookies()],
  });
}

export type Auth = ReturnType<typeof createAuth>;

function account(body: unknown): string {
  const email = typeof body === 'object' && body !== null && 'email' in body ? body.email : '';
  return String(email).trim().toLowerCase();
}

let instances: { http: Auth; https: Auth } | undefined;

/**
 * Better Auth fixes the Secure attribute of its cookies once, but one pod serves plain HTTP
 * (NodePort, port-forward) and HTTPS (Ingress): hence one instance for each, over one pool.
 */
export function authFor(headers: Headers): Auth {
  if (!instances) {
    const pool = createPool();
    instances = { http: createAuth(pool, false), https: createAuth(pool, true) };
  }
  return isHttps(headers) ? instances.https : instances.http;
}
