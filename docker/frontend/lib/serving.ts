/**
 * What this process does around Next's request handler. Each part keeps a promise:
 * - places (places.ts): more requests than a pod can answer restart no pod and fail no probe,
 * - draining (drain.ts): a rollout fails no request,
 * - files of other builds (page-files.ts): no page lacks a script while a release rolls out,
 * - request ids, log lines and figures: a person's click is found in the log of both services.
 *
 * Next has no hook between its server and its handler. Node announces each request on a diagnostics
 * channel before the server emits it; the first one says which server this is, and from then on
 * our listener runs before Next's.
 */
import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import type { IncomingMessage, RequestListener, Server, ServerResponse } from 'node:http';
import type { Pool } from 'pg';
import { openAll, sharedPool } from './database.ts';
import { databaseConfig } from './database-url.ts';
import { Drain } from './drain.ts';
import { log, logConsole } from './log.ts';
import { isAnswered, methodsOf } from './methods.ts';
import { count, serveMetrics } from './metrics.ts';
import { PageFiles } from './page-files.ts';
import { Places } from './places.ts';
import { refuseEarly } from './refusal.ts';
import { type RequestContext, requestId, requests } from './request.ts';
import { isOfRouter } from './router-headers.ts';

const CHANNEL = 'http.server.request.start';

/** Where the standalone server, whose folder is the current one, has what its pages name. */
const STATIC_FOLDER = '.next/static';

/** Settles when this pod may be called ready. */
export async function serve(): Promise<void> {
  logConsole();
  checkDatabaseUrl();
  const metrics = serveMetrics();
  const drain = new Drain();
  const places = new Places();
  const pool = productionPool();
  const files = pool && new PageFiles(pool, STATIC_FOLDER);

  const first = (message: unknown) => {
    const { server } = message as { server: Server };
    if (server === metrics) return;
    unsubscribe(CHANNEL, first);
    drain.serves(server);
    // Without a listener Node makes an upgrade a request like any other; Next's own, which only
    // `next dev` needs, would leave the connection open.
    if (process.env.NODE_ENV === 'production') server.removeAllListeners('upgrade');
    const listeners = server.listeners('request') as RequestListener[];
    server.removeAllListeners('request');
    server.on('request', (request, response) => {
      drain.follow(response);
      // Next's listener is async.
      const next = async () => {
        await Promise.all(listeners.map((listener) => listener.call(server, request, response)));
      };
      answer(request, response, places, (path) =>
        files ? files.answer(request, response, path, next) : next(),
      );
    });
  };
  subscribe(CHANNEL, first);
  await files?.keep();
  if (pool) await openAll(pool);
}

/** `next dev` makes its files when they are asked for, and starts for one person. */
function productionPool(): Pool | undefined {
  const { DATABASE_URL, DATABASE_CA_FILE, NODE_ENV } = process.env;
  if (!DATABASE_URL || NODE_ENV !== 'production') return undefined;
  return sharedPool(DATABASE_URL, DATABASE_CA_FILE || undefined);
}

/** An address that can never work stops the rollout here, not each person later. */
function checkDatabaseUrl(): void {
  const { DATABASE_URL, DATABASE_CA_FILE } = process.env;
  try {
    if (DATABASE_URL) databaseConfig(DATABASE_URL, DATABASE_CA_FILE || undefined);
  } catch (error) {
    log.error('The configuration cannot be used', { error });
    process.exit(1);
  }
}

function answer(
  request: IncomingMessage,
  response: ServerResponse,
  places: Places,
  next: (path: string) => Promise<void>,
): void {
  const started = performance.now();
  const id = requestId(request.headers['x-request-id']);
  // Pages read it from here; a client's own that is no id is replaced.
  request.headers['x-request-id'] = id;
  response.setHeader('X-Request-ID', id);
  const { method = '', url = '/' } = request;
  const path = url.split('?', 1)[0] ?? url;

  const refuse = (status: number, detail: string, headers?: Record<string, string>) => {
    refuseEarly(request, response, status, detail, headers);
    log.info(`${method} ${status}`, { method, status, request_id: id });
    count('other', status, 0);
  };
  if (!isAnswered(method, path)) {
    const allowed = methodsOf(path);
    if (!allowed || allowed.includes(method)) refuse(404, 'There is nothing here.');
    else refuse(405, `Nothing here answers ${method}.`, { Allow: allowed.join(', ') });
    return;
  }
  if (!isOfRouter(request.headers)) {
    refuse(400, 'No page sends such headers.');
    return;
  }
  const kind = places.kindOf(method, path);
  const isForm =
    method === 'POST' && !path.startsWith('/api/') && !('next-action' in request.headers);
  const context: RequestContext = { id, kind: kind.name, ...(isForm && { form: response }) };
  response.once('close', () => {
    const ms = Math.round(performance.now() - started);
    // Closed before it was answered: the client has gone.
    const status = response.writableFinished ? response.statusCode : 499;
    const { refused } = context;
    count(kind.name, status, ms, refused, context.away);
    const explained = refused && refused !== status && { refused };
    const line = { method, path, status, ms, request_id: id, ...explained };
    log[kind.quiet ? 'debug' : 'info'](`${method} ${status}`, line);
  });
  const enter = () => requests.run(context, () => next(path));
  places.admit(kind, request, response, enter);
}
