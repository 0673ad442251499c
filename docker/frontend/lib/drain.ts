import type { Server, ServerResponse } from 'node:http';

/** Longer than the 4 s that Node's own HTTP client keeps an idle connection. */
const DRAIN_MS = 5_000;
/** What still runs then (a slow answer of the assistant) is cut: the whole exit takes < 10 s. */
const LIMIT_MS = 9_000;

/**
 * Ends this process without failing a request.
 *
 * When Kubernetes ends a pod, clients and proxies still hold idle connections to it and some learn
 * late that it is going. Closing at once, as Next does by itself, would cut a request that is just
 * on its way. So on SIGTERM every response first says `Connection: close` for a while; only then
 * the listener closes. `NEXT_MANUAL_SIG_HANDLE` keeps Next's own handler away.
 */
export class Drain {
  readonly #running = new Set<ServerResponse>();
  #server: Server | undefined;
  #draining = false;

  constructor() {
    process.on('SIGTERM', () => this.#begin());
    // Ctrl-C in a terminal: somebody is waiting, and nobody else is connected.
    process.on('SIGINT', () => process.exit(130));
  }

  serves(server: Server): void {
    this.#server = server;
  }

  follow(response: ServerResponse): void {
    this.#running.add(response);
    response.once('close', () => this.#running.delete(response));
    if (this.#draining) closeAfter(response);
  }

  #begin(): void {
    if (this.#draining) return;
    this.#draining = true;
    this.#running.forEach(closeAfter);
    setTimeout(() => process.exit(0), LIMIT_MS);
    setTimeout(() => this.#close(), DRAIN_MS);
  }

  /** Ends idle connections too; the callback comes when the last request is through. */
  #close(): void {
    if (this.#server) this.#server.close(() => process.exit(0));
    else process.exit(0);
  }
}

function closeAfter(response: ServerResponse): void {
  if (!response.headersSent) response.setHeader('Connection', 'close');
}
