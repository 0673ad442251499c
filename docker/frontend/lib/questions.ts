import type { Pool } from 'pg';

/** More than anyone reads; each costs whoever pays the model's provider. */
const PER_MINUTE = 20;

const KIND = 'questions';
const COUNT = `
  insert into verification as seen (id, identifier, value, "expiresAt", "createdAt", "updatedAt")
  values ($1, '${KIND}', '1', now() + interval '1 minute', now(), now())
  on conflict (id) do update set
    value = case when seen."expiresAt" > now() then (seen.value::int + 1)::text else '1' end,
    "expiresAt" = case when seen."expiresAt" > now() then seen."expiresAt" else excluded."expiresAt" end,
    "updatedAt" = now()
  returning value::int as count, ceil(extract(epoch from "expiresAt" - now()))::int as seconds`;
const FORGET = `delete from verification where identifier = '${KIND}' and "expiresAt" <= now()`;

/**
 * Counts a person's question to the assistant, as attempts.ts counts, so that all pods agree. The
 * seconds to wait instead, 0 if it may be asked now.
 */
export async function countQuestion(pool: Pool, userId: string): Promise<number> {
  const { rows } = await pool.query<{ count: number; seconds: number }>(COUNT, [
    `${KIND}:${userId}`,
  ]);
  const [{ count, seconds } = { count: 1, seconds: 1 }] = rows;
  if (count === 1) await pool.query(FORGET);
  return count > PER_MINUTE ? seconds : 0;
}
