import 'server-only';
import { Client, type ClientConfig, Pool } from 'pg';
import { libpqUrl } from './database-url.ts';
import { env } from './env.ts';
import { log } from './log.ts';

/** A person waits for these: better a kind message after two seconds than a page that hangs. */
const CONNECT_TIMEOUT_MS = 800;
const QUERY_TIMEOUT_MS = 1_500;
/** Under load waiting pays: a sign-up keeps its connection while its password is being hashed. */
const QUEUE_TIMEOUT_MS = 10_000;

/** The pool has one timeout for connecting and for queueing; only connecting must be quick. */
class QuickClient extends Client {
  constructor(config?: ClientConfig) {
    super({ ...config, connectionTimeoutMillis: CONNECT_TIMEOUT_MS });
  }
}

export function createPool(): Pool {
  const pool = new Pool({
    Client: QuickClient,
    connectionString: libpqUrl(env.databaseUrl()),
    // Sessions are looked up by primary key; five connections serve far more than one pod can.
    max: 5,
    connectionTimeoutMillis: QUEUE_TIMEOUT_MS,
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
