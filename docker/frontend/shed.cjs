'use strict';
/**
 * Lets this process say no before it drowns. Preloaded before the server:
 * `node --require ./shed.cjs server.js`.
 *
 * A pod with a quarter of a core renders about 8 pages a second. Whatever more is let in makes
 * everything slower, until nobody gets an answer in time, the probes neither, and Kubernetes
 * restarts a pod that only had too much to do. So each kind of request has as many places as about
 * one second's work; who finds them taken is told at once to come back.
 */
const { Server } = require('node:http');

const PROBES = new Set(['/healthz', '/healthz/live']);
/** The largest body takes a slow phone a second or two; whoever needs longer must not keep a place. */
const BODY_MS = 10_000;

/** A request is of the first kind that fits. */
const KINDS = [
  { fits: ({ url }) => PROBES.has(url), places: Number.POSITIVE_INFINITY },
  // 3.5 ms each; a browser's first visit asks for ten, six at a time.
  { fits: ({ url }) => url.startsWith('/_next/static/'), places: 48 },
  // 30 ms each.
  { fits: ({ method }) => method === 'GET' || method === 'HEAD', places: 8 },
  // They wait for up to a minute and work little, and must keep nobody from signing in.
  { fits: ({ url }) => url === '/api/assistant', places: 16 },
  // Changes.
  { fits: () => true, places: 16 },
].map((kind) => ({ ...kind, taken: 0 }));

const emit = Server.prototype.emit;

Server.prototype.emit = function admit(event, ...given) {
  if (event !== 'request') return emit.call(this, event, ...given);
  const [request, response] = given;
  const kind = KINDS.find(({ fits }) => fits(request));
  if (kind.taken >= kind.places) return refuse(response);
  kind.taken += 1;
  // Node itself would wait for five minutes.
  const timer = setTimeout(() => request.complete || request.destroy(), BODY_MS);
  response.once('close', () => {
    clearTimeout(timer);
    kind.taken -= 1;
  });
  return emit.call(this, event, ...given);
};

function refuse(response) {
  response.writeHead(503, {
    'Content-Type': 'text/plain; charset=utf-8',
    'Cache-Control': 'no-store',
    'Retry-After': '2',
    // A browser does by itself what Retry-After asks for.
    Refresh: '2',
  });
  return response.end('TaskFlow is very busy. This page tries again in two seconds.');
}
