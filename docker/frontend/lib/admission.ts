import type { Pool } from 'pg';

/**
 * How SQLSTATEs begin by which Postgres says that this service's role, its rights or its tables are not
 * there: until a backend's pod has migrated the database, when a release is new or brings roles.
 * https://www.postgresql.org/docs/current/errcodes-appendix.html
 */
const REFUSALS = /^(28|3D|3F|42501|42P01)/;

/** Whether this process has been let into the database once: from then on an outage is nothing to wait for. */
let admitted = false;

/**
 * Why a pod that has just started must not get requests yet, if so. A database that is away is no reason:
 * a page says so kindly.
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
