import { createHash } from 'node:crypto';
import type { Pool } from 'pg';

/** Guesses at one password, from one place. */
export interface Attempts {
  /** Counts an attempt; the seconds to wait instead, 0 if it may be made now. */
  begin(key: string): Promise<number>;
  /** The right password was given: start again from nothing. */
  forget(key: string): Promise<void>;
}

const KIND = 'password-attempts';
/** Six attempts are free; before the next lie 1, 3, 7, 15, 31 s, then always 60. An hour's rest forgets them. */
const PAUSE = `least(60, power(2, least(greatest(seen.value::int - 5, 0), 6)) - 1) * interval '1 second'`;
const BEGIN = `
  insert into verification as seen (id, identifier, value, "expiresAt", "createdAt", "updatedAt")
  values ($1, '${KIND}', '1', now() + interval '1 hour', now(), now())
  on conflict (id) do update set
    value = case when seen."expiresAt" > now() then (seen.value::int + 1)::text else '1' end,
    "expiresAt" = excluded."expiresAt",
    "updatedAt" = now()
  where seen."expiresAt" <= now() or seen."updatedAt" + ${PAUSE} <= now()`;
const REMAINING = `
  select ceil(extract(epoch from seen."updatedAt" + ${PAUSE} - now()))::int as seconds
  from verification as seen where id = $1`;
const FORGET = `
  delete from verification
  where id = $1 or (identifier = '${KIND}' and "expiresAt" <= now())`;

/**
 * Counted in Better Auth's table for short-lived things, so that all pods agree. An attempt is counted
 * before the password is checked: many at once are as many attempts. The keys hold email addresses,
 * the table only their digests.
 */
export function attemptsIn(pool: Pool): Attempts {
  const rowOf = (key: string) => `${KIND}:${createHash('sha256').update(key).digest('hex')}`;
  return {
    async begin(key) {
      const counted = await pool.query(BEGIN, [rowOf(key)]);
      if (counted.rowCount) return 0;
      const { rows } = await pool.query<{ seconds: number }>(REMAINING, [rowOf(key)]);
      return Math.max(rows[0]?.seconds ?? 1, 1);
    },
    async forget(key) {
      await pool.query(FORGET, [rowOf(key)]);
    },
  };
}
