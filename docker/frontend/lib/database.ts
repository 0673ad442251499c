import 'server-only';
import { Pool } from 'pg';
import { libpqUrl } from './database-url.ts';
import { env } from './env.ts';
import { log } from './log.ts';

/** A person waits for these: better a kind message after two seconds than a page that hangs. */
const CONNECT_TIMEOUT_MS = 800;
const QUERY_TIMEOUT_MS = 1_500;

export function createPool(): Pool {
  const pool = new Pool({
    connectionString: libpqUrl(env.databaseUrl()),
    // Sessions are looked up by primary key; five connections serve far more than one pod can.
    max: 5,
    connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
    query_timeout: QUERY_TIMEOUT_MS,
    statement_timeout: QUERY_TIMEOUT_MS,
    // A connection whose peer vanished without a word only ever times out: it must not stay long.
    maxLifetimeSeconds: 60,
    keepAlive: true,
    application_name: 'taskflow-frontend',
  });
  // Without a listener a connection that breaks while idle would end the process.
  pool.on('error', (error) => log.warn('An idle database connection broke', { error }));
  return pool;
}
