/** For the liveness probe, which restarts a pod: an address of its own, so that what readiness asks can grow. */
export { GET } from '../route.ts';

export const dynamic = 'force-dynamic';
