import type { IncomingHttpHeaders } from 'node:http';
import { parseAndValidateFlightRouterState as parse } from 'next/dist/server/app-render/parse-and-validate-flight-router-state.js';

/**
 * Whether the scripts of a page send such headers when they ask for another. What Next cannot read is an
 * error of the server (500) to it; it is the client's. Asked of Next's own parser, so that the two agree.
 * And no page prefetches: Next would break off a page at each wait, as if all that it waits for were away.
 */
export function isOfRouter(headers: IncomingHttpHeaders): boolean {
  try {
    parse(headers['next-router-state-tree']);
    return headers['next-router-prefetch'] !== '2';
  } catch {
    return false;
  }
}
