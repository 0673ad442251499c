import type { Pool } from 'pg';

/**
 * First characters of the SQLSTATEs for a missing role, right or table of this service: until a
 * backend's pod has migrated the database, when a release is new or brings roles.
 * https://www.postgresql.org/docs/current/errcodes-appendix.html
 */
const REFUSALS = /^(28|3D|3F|42501|42P01)/;

/** Whether the database has accepted this process once: from then on it does not wait for an outage. */
let admitted = false;

/**
 * Why a pod that has just started must not get requests yet, if so. A database that is away is no reason:
 * a page explains it.
 */
export async function notAdmitted(pool: Pick<Pool, 'query'>): Promise<string | undefined> {
  if (admitted) return undefined;
  try {
    await pool.query('select from session limit 0');
    admitted = true;
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : '';
    if (REFUSALS.test(code)) return `the database refuses with ${code}`;
  }
  return undefined;
}
