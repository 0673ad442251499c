import { Client, type ClientConfig, Pool } from 'pg';
import { databaseConfig } from './database-url.ts';
import { log } from './log.ts';

/**
 * A person waits for a database that is away or hangs: better a message after two seconds. Not sooner: the
 * first pages keep a new pod so busy that it reads an answer, which came at once, a second late or more.
 */
const TIMEOUT_MS = 2_000;
/** One that is there but busy is worth a longer wait: a sign-up keeps its connection while it hashes. */
const QUEUE_TIMEOUT_MS = 10_000;

/** Ends what nobody waits for, where the role has no limit of its own (the backend's `roles.py`). */
const LIMIT = `
  select set_config('statement_timeout', '${TIMEOUT_MS}', false)
  where current_setting('statement_timeout') = '0'`;

/** The pool has one timeout for connecting and for queueing; only connecting must be quick. */
class QuickClient extends Client {
  constructor(config?: ClientConfig) {
    // The pool hides the password from loops over its options, and so from `...`.
    const password = config?.password ?? '';
    super({ ...config, password, connectionTimeoutMillis: TIMEOUT_MS });
  }
}

export function createPool(databaseUrl: string, caFile?: string): Pool {
  const pool = new Pool({
    Client: QuickClient,
    ...databaseConfig(databaseUrl, caFile),
    // Sessions are looked up by primary key; five connections serve far more than one pod can.
    max: 5,
    connectionTimeoutMillis: QUEUE_TIMEOUT_MS,
    query_timeout: TIMEOUT_MS,
    // A statement, because PgBouncer refuses it as a parameter of the connection.
    onConnect: async (client) => void (await client.query(LIMIT)),
    // A connection whose peer vanished silently only times out: it must not stay long.
    maxLifetimeSeconds: 60,
    keepAlive: true,
    application_name: 'taskflow-frontend',
  });
  // Without a listener a connection that breaks while idle would end the process.
  pool.on('error', (error) => log.warn('An idle database connection broke', { error }));
  // A query that timed out still occupies its connection, whoever gets it next would wait behind it.
  // https://github.com/brianc/node-postgres/issues/3399
  pool.on('release', (_, client) => {
    if ('readyForQuery' in client && !client.readyForQuery) void client.end();
  });
  return pool;
}

/**
 * Opens all connections of a pool. The first pages keep a new pod so busy that it reads the database's
 * answers late: a connection that is only made then takes longer than its timeout.
 */
export async function openAll(pool: Pool): Promise<void> {
  const queries = Array.from({ length: pool.options.max }, () => pool.query('select 1'));
  // A database that is away is the requests' trouble, not the start's.
  await Promise.allSettled(queries);
}

// Next gives pages and routes a copy of each module; the pool is one for the process.
const shared: typeof globalThis & { taskflowPool?: Pool } = globalThis;

export function sharedPool(databaseUrl: string, caFile?: string): Pool {
  shared.taskflowPool ??= createPool(databaseUrl, caFile);
  return shared.taskflowPool;
}
