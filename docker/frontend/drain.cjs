'use strict';
/**
 * Lets this process leave without failing a request. Preloaded before the server:
 * `node --require ./drain.cjs server.js`.
 *
 * When Kubernetes ends a pod, clients and proxies still hold idle connections to it and some learn
 * late that it is going. Closing at once would cut a request that is just on its way. So on
 * SIGTERM every response first says `Connection: close` for a while, longer than the 4 s that Node's
 * own HTTP client keeps an idle connection; only then the listener closes.
 */
const { subscribe } = require('node:diagnostics_channel');

const DRAIN_MS = 5_000;
/** What still runs then (a slow answer of the assistant) is cut: the whole exit takes < 10 s. */
const LIMIT_MS = 9_000;

// Next's own handler would close the listener at once.
process.env.NEXT_MANUAL_SIG_HANDLE = '1';

const servers = new Set();
const running = new Set();
let draining = false;

subscribe('http.server.request.start', ({ server, response }) => {
  servers.add(server);
  running.add(response);
  response.once('close', () => running.delete(response));
  if (draining) closeAfter(response);
});

function closeAfter(response) {
  if (!response.headersSent) response.setHeader('Connection', 'close');
}

function drain() {
  if (draining) return;
  draining = true;
  running.forEach(closeAfter);
  setTimeout(() => process.exit(0), LIMIT_MS);
  setTimeout(close, DRAIN_MS);
}

/** Ends idle connections too; the callback comes when the last request is through. */
async function close() {
  await Promise.all([...servers].map((server) => new Promise((done) => server.close(done))));
  process.exit(0);
}

process.on('SIGTERM', drain);
// Ctrl-C in a terminal: somebody is waiting, and nobody else is connected.
process.on('SIGINT', () => process.exit(130));
