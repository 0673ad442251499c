import { notAdmitted } from '@/lib/admission.ts';
import { sharedPool } from '@/lib/database.ts';
import { env } from '@/lib/env.ts';
import { log } from '@/lib/log.ts';

/** For the readiness probe: 503 only until the database has let this process in for the first time. */
export async function GET(): Promise<Response> {
  const reason = await notAdmitted(sharedPool(env.databaseUrl(), env.databaseCaFile()));
  if (reason) log.warn('Not ready', { reason });
  const body = reason ? { status: 'unavailable', reason } : { status: 'ok' };
  const headers = { 'Cache-Control': 'no-store' };
  return Response.json(body, { status: reason ? 503 : 200, headers });
}

export const dynamic = 'force-dynamic';
