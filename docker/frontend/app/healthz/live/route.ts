/** For the liveness probe: this process answers. It asks nobody else, so no outage restarts the pod. */
export function GET(): Response {
  return Response.json({ status: 'ok' }, { headers: { 'Cache-Control': 'no-store' } });
}

export const dynamic = 'force-dynamic';
