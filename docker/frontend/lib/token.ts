import { SignJWT } from 'jose';

/** Long enough for one call with clocks a little apart, too short to be worth stealing. */
const LIFETIME = '60s';

/** A token that lets the backend act for one user: HS256 over the shared secret. */
export function backendToken(userId: string, secret: string): Promise<string> {
  return sign(claims(userId).setAudience('taskflow-backend'), secret);
}

/** The same for the backend of the release before, which refuses every token that names an audience. */
export function formerToken(userId: string, secret: string): Promise<string> {
  return sign(claims(userId), secret);
}

function claims(userId: string): SignJWT {
  return new SignJWT()
    .setProtectedHeader({ alg: 'HS256', typ: 'JWT' })
    .setIssuer('taskflow-frontend')
    .setSubject(userId)
    .setIssuedAt()
    .setExpirationTime(LIFETIME);
}

function sign(token: SignJWT, secret: string): Promise<string> {
  return token.sign(new TextEncoder().encode(secret));
}
