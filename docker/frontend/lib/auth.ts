import 'server-only';
import { betterAuth } from 'better-auth';
import type { Pool } from 'pg';
import { attemptsIn } from './attempts.ts';
import { authOptions } from './auth-options.ts';
import { sharedPool } from './database.ts';
import { env } from './env.ts';
import { isHttps } from './origin.ts';

function createAuth(database: Pool, secureCookies: boolean) {
  const settings = {
    secret: env.secret(),
    frontendUrl: env.frontendUrl(),
    secureCookies,
    attempts: attemptsIn(database),
    pool: database,
  };
  return betterAuth({ ...authOptions(settings), database });
}

export type Auth = ReturnType<typeof createAuth>;

const instances: { http?: Auth; https?: Auth } = {};

/**
 * Better Auth fixes the Secure attribute of its cookies once, but one pod serves plain HTTP
 * (NodePort, port-forward) and HTTPS (Ingress): hence one instance for each, over one pool.
 */
export function authFor(headers: Headers): Auth {
  const scheme = isHttps(headers) ? 'https' : 'http';
  const pool = sharedPool(env.databaseUrl(), env.databaseCaFile());
  instances[scheme] ??= createAuth(pool, scheme === 'https');
  return instances[scheme];
}
