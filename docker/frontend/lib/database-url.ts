import { X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import type { ClientConfig } from 'pg';

/**
 * DATABASE_URL as libpq, and so the backend, understands it: an address works in both services or in neither
 * (the backend's `address.py` has the same rules). node-postgres by itself takes `require` for `verify-full`.
 */
const SHAPE = 'must look like postgresql://user:password@host:5432/database';
const ENCODE =
  'has characters that must be percent-encoded in the user, the password and the database name: ' +
  '@ as %40, : as %3A, / as %2F, ? as %3F, # as %23, % as %25, [ as %5B, ] as %5D';
const NUL = 'has %00, which Postgres takes in no name and no password: remove it';
const WEAK_ROOTS =
  'has sslrootcert=system, which libpq takes with sslmode=verify-full alone: use that';
/** What may stand around an address; it comes from files, too. */
const BLANK = /^[ \t\r\n\v\f]+|[ \t\r\n\v\f]+$/g;
/** Name servers know no empty part, and none above 63 characters. */
const HOST =
  /^(?!.*\.\.|.*[^.:]{64})([A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?\.?|[0-9A-Fa-f:]*:[0-9A-Fa-f:.]*)$/;

/** Options that other clients and poolers read; neither driver needs them. */
const IGNORED = new Set([
  // libpq: https://www.postgresql.org/docs/current/libpq-connect.html#LIBPQ-PARAMKEYWORDS
  'application_name',
  'channel_binding',
  'client_encoding',
  'connect_timeout',
  'fallback_application_name',
  'gssdelegation',
  'gssencmode',
  'gsslib',
  'keepalives',
  'keepalives_count',
  'keepalives_idle',
  'keepalives_interval',
  'krbsrvname',
  'load_balance_hosts',
  'max_protocol_version',
  'min_protocol_version',
  'options',
  'require_auth',
  'requirepeer',
  'ssl_max_protocol_version',
  'ssl_min_protocol_version',
  'sslcertmode',
  'sslcompression',
  'sslnegotiation',
  'sslsni',
  'target_session_attrs',
  'tcp_user_timeout',
  // Prisma, and the addresses that hosted Postgres offers for it
  'connection_limit',
  'pgbouncer',
  'pool_timeout',
  'socket_timeout',
  'statement_cache_size',
  // node-postgres
  'uselibpqcompat',
]);

/** Says what is wrong with the address; repeats only the names of its options. */
export class DatabaseUrlError extends Error {
  constructor(what: string) {
    super(`DATABASE_URL ${what}`);
  }
}

/** @param caFile certificates (PEM) to verify the server by, in place of those that Node trusts */
export function databaseConfig(databaseUrl: string, caFile?: string): ClientConfig {
  const { url, path } = parse(databaseUrl.replace(BLANK, ''));
  const user = decoded(url.username);
  return {
    // Certificates are for names without the root's dot.
    host: url.hostname.replace(/^\[|[\].]$/g, ''),
    port: Number(url.port || 5432),
    user,
    password: decoded(url.password),
    database: decoded(path.slice(1)) || user,
    ssl: ssl(url.searchParams, caFile),
  };
}

/** The path beside the URL, which would drop a `..` in it. */
function parse(text: string): { url: URL; path: string } {
  const parts = /^postgres(?:ql)?:\/\/([^/?#]+)(\/?[^?#]*)/i.exec(text);
  if (!parts) throw new DatabaseUrlError(SHAPE);
  const [, authority = '', path = ''] = parts;
  // Checked first: the host would be a part of the password.
  const at = text.split('@').length - 1;
  const misplaced = at > 1 || (at === 1 && !authority.includes('@'));
  if (
    misplaced ||
    text.includes('#') ||
    path.slice(1).includes('/') ||
    /%(?![\da-f]{2})/i.test(text) ||
    // URL drops tabs and newlines, and encodes a password's brackets.
    /\p{Cc}|[[\]].*@/u.test(text)
  ) {
    throw new DatabaseUrlError(ENCODE);
  }
  if (text.includes('%00')) throw new DatabaseUrlError(NUL);
  const url = URL.canParse(text) ? new URL(text) : undefined;
  const host = url?.hostname.replace(/^\[|\]$/g, '') ?? '';
  if (!url?.username || !HOST.test(host) || url.port === '0') throw new DatabaseUrlError(SHAPE);
  return { url, path };
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    throw new DatabaseUrlError(ENCODE);
  }
}

/** https://www.postgresql.org/docs/current/libpq-ssl.html */
function ssl(options: URLSearchParams, caFile: string | undefined): ClientConfig['ssl'] {
  for (const name of options.keys()) {
    if (IGNORED.has(name)) continue;
    if (name !== 'sslmode' && name !== 'sslrootcert') {
      // Part of a password may have come here.
      const shown = /^[A-Za-z_]{1,40}$/.test(name) ? name : '(its name is not shown)';
      throw new DatabaseUrlError(`has an unknown option ${shown}: remove it`);
    }
    if (options.getAll(name).length > 1) {
      throw new DatabaseUrlError(`has ${name} twice: remove one`);
    }
  }
  const roots = options.get('sslrootcert');
  if (roots !== null && roots !== 'system') {
    throw new DatabaseUrlError(
      'names a certificate file by sslrootcert: remove it, and mount the file as DATABASE_CA_FILE',
    );
  }
  // As in libpq, which then verifies by the system's.
  const mode = options.get('sslmode') ?? (roots ? 'verify-full' : 'prefer');
  if (roots && mode !== 'verify-full') throw new DatabaseUrlError(WEAK_ROOTS);
  switch (mode) {
    // There is no falling back here, so the two modes that prefer something take plain text.
    case 'disable':
    case 'allow':
    case 'prefer':
      return false;
    case 'require':
      return { rejectUnauthorized: false };
    case 'verify-ca':
      if (caFile !== undefined) {
        return { ca: certificates(caFile), checkServerIdentity: () => undefined };
      }
      throw new DatabaseUrlError(
        "asks for sslmode=verify-ca, which needs the authority's certificate in DATABASE_CA_FILE; " +
          'with a certificate of a public authority use verify-full',
      );
    case 'verify-full':
      return caFile === undefined ? {} : { ca: certificates(caFile) };
    default:
      throw new DatabaseUrlError(
        'has an unknown sslmode: use one of disable, allow, prefer, require, verify-ca, verify-full',
      );
  }
}

function certificates(caFile: string): string {
  try {
    const text = readFileSync(caFile, 'utf8');
    // Throws. TLS itself would only find later that no server can be verified.
    new X509Certificate(text);
    return text;
  } catch {
    // Said below.
  }
  throw new DatabaseUrlError('asks to verify by DATABASE_CA_FILE, which has no certificates');
}
