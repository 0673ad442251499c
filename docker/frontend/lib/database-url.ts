/**
 * Makes node-postgres read `sslmode` the way libpq, and so the backend, does.
 *
 * By itself node-postgres takes `require` for `verify-full` and refuses the self-signed
 * certificates that `require` is meant to accept. It also cannot fall back to plain text, so the
 * two modes that prefer a fallback become plain text.
 * https://www.postgresql.org/docs/current/libpq-ssl.html
 */
export function libpqUrl(databaseUrl: string): string {
  const url = new URL(databaseUrl);
  const mode = url.searchParams.get('sslmode');
  if (mode === 'allow' || mode === 'prefer') url.searchParams.delete('sslmode');
  else if (mode !== null) url.searchParams.set('uselibpqcompat', 'true');
  return url.toString();
}
