import { SignJWT } from 'jose';

/** Long enough for one call with clocks a little apart, too short to be worth stealing. */
const LIFETIME = '60s';

/** A token that lets the backend act for one user: HS256 over the shared secret. */
export function backendToken(userId: string, secret: string): Promise<string> {
  return new SignJWT()
    .setProtectedHeader({ alg: 'HS256', typ: 'JWT' })
    .setIssuer('taskflow-frontend')
    .setAudience('taskflow-backend')
    .setSubject(userId)
    .setIssuedAt()
    .setExpirationTime(LIFETIME)
    .sign(new TextEncoder().encode(secret));
}
