import { parseAndValidateFlightRouterState as parse } from 'next/dist/server/app-render/parse-and-validate-flight-router-state.js';

/**
 * Whether Next can read what a page says of itself when it asks for a part of another. Next calls it an
 * error of the server (500) if it cannot; it is the client's. Asked of Next's own parser, so that the two agree.
 */
export function isRouterState(header: string | string[] | undefined): boolean {
  try {
    parse(header);
    return true;
  } catch {
    return false;
  }
}
