import 'server-only';

/**
 * A setting of the running container. It is read when it is needed, never while the image is
 * built: one image serves every stack.
 */
function required(name: string): string {
  const value = process.env[name];
  if (!value) {
    throw new Error(`${name} is not set: add it to the environment of the frontend container.`);
  }
  return value;
}

export const env = {
  backendUrl: () => required('BACKEND_URL').replace(/\/+$/, ''),
  databaseUrl: () => required('DATABASE_URL'),
  /** The authority of the database's certificate; by default those that Node trusts. */
  databaseCaFile: () => process.env.DATABASE_CA_FILE || undefined,
  /** Signs the sessions and the tokens for the backend, which holds the same value. */
  secret: () => required('BETTER_AUTH_SECRET'),
  /** The official address; others work as well (see origin.ts). */
  frontendUrl: () => process.env.FRONTEND_URL || undefined,
};
