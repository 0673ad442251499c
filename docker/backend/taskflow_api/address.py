"""Reads DATABASE_URL. Refuses at start what the two services' drivers would understand differently.

The promises: asyncpg here and node-postgres in the frontend come to the same verdict on every address, and no log ever
shows a password. So the drivers never get the text itself: asyncpg's own reader splits at the first @, and would
print a password that contains one. `tests/database_addresses.json` has an example of every rule.
"""

import re
import ssl
import string
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import SplitResult, parse_qsl, quote, unquote, urlsplit

SHAPE = "must look like postgresql://user:password@host:5432/database"
ENCODE = (
    "has characters that must be percent-encoded in the user, the password and the database name: "
    "@ as %40, : as %3A, / as %2F, ? as %3F, # as %23, % as %25, [ as %5B, ] as %5D"
)
NUL = "has %00, which Postgres takes in no name and no password: remove it"
WEAK_ROOTS = "has sslrootcert=system, which libpq takes with sslmode=verify-full alone: use that"
BLANK = " \t\r\n\v\f"  # What may stand around an address; it comes from files, too.
CONTROL_OR_BRACKET = re.compile(r"[\x00-\x1f\x7f-\x9f]|[\[\]].*@")
HOST = re.compile(
    r"(?!.*\.\.|.*[^.:]{64})"  # Name servers know no empty part, and none above 63 characters.
    r"([A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?\.?|\[[0-9A-Fa-f:]*:[0-9A-Fa-f:.]*\])(:[0-9]*)?"
)

# https://www.postgresql.org/docs/current/libpq-ssl.html
SSL_MODES = ("disable", "allow", "prefer", "require", "verify-ca", "verify-full")
VERIFYING = ("verify-ca", "verify-full")

# Options that other clients and poolers read; neither driver needs them.
IGNORED = {
    # libpq: https://www.postgresql.org/docs/current/libpq-connect.html#LIBPQ-PARAMKEYWORDS
    "application_name",
    "channel_binding",
    "client_encoding",
    "connect_timeout",
    "fallback_application_name",
    "gssdelegation",
    "gssencmode",
    "gsslib",
    "keepalives",
    "keepalives_count",
    "keepalives_idle",
    "keepalives_interval",
    "krbsrvname",
    "load_balance_hosts",
    "max_protocol_version",
    "min_protocol_version",
    "options",
    "require_auth",
    "requirepeer",
    "ssl_max_protocol_version",
    "ssl_min_protocol_version",
    "sslcertmode",
    "sslcompression",
    "sslnegotiation",
    "sslsni",
    "target_session_attrs",
    "tcp_user_timeout",
    # Prisma, and the addresses that hosted Postgres offers for it: https://www.prisma.io/docs/orm/overview/databases/postgresql
    "connection_limit",
    "pgbouncer",
    "pool_timeout",
    "socket_timeout",
    "statement_cache_size",
    # node-postgres
    "uselibpqcompat",
}


class AddressError(ValueError):
    """The address cannot be used; the message repeats only the names of its options."""


@dataclass(frozen=True, kw_only=True)
class DatabaseAddress:
    """Where Postgres is.

    Args:
        database: None for the database that is named like the user.
        tls: a mode of libpq that verifies nothing, or the context to verify with.
    """

    host: str
    port: int
    user: str
    password: str | None = field(repr=False)
    database: str | None
    tls: str | ssl.SSLContext


def read_address(url: str, ca_file: Path | None) -> DatabaseAddress:
    """Raises AddressError.

    Args:
        ca_file: certificates (PEM) to verify the server with, in place of the system's.
    """
    parts = _split(url.strip(BLANK))
    assert parts.hostname is not None
    return DatabaseAddress(
        host=parts.hostname.removesuffix("."),  # Certificates are for names without the root's dot.
        port=parts.port or 5432,
        user=_decoded(parts.username or ""),
        password=None if parts.password is None else _decoded(parts.password),
        database=_decoded(parts.path[1:]) or None,
        tls=_tls(_options(parts.query), ca_file),
    )


def _split(url: str) -> SplitResult:
    # Checked first: urlsplit drops tabs and newlines, and may take brackets of a password for an IPv6 address.
    if CONTROL_OR_BRACKET.search(url):
        raise AddressError(ENCODE)
    try:
        # Encoded first: urlsplit refuses letters that resemble a delimiter, such as a full-width question mark.
        parts = urlsplit(quote(url, safe=string.punctuation + " "))
    except ValueError:  # square brackets without an IPv6 address
        raise AddressError(SHAPE) from None
    if parts.scheme not in ("postgresql", "postgres") or not parts.netloc:
        raise AddressError(SHAPE)
    # Checked first: the host would be a part of the password.
    if parts.netloc.count("@") > 1 or "@" in parts.path + parts.query + parts.fragment:
        raise AddressError(ENCODE)
    if "#" in url or "/" in parts.path[1:] or re.search("%(?![0-9A-Fa-f]{2})", url):
        raise AddressError(ENCODE)
    if "%00" in url:
        raise AddressError(NUL)
    try:
        complete = (
            HOST.fullmatch(parts.netloc.rpartition("@")[2]) and parts.username and parts.port != 0
        )
    except ValueError:  # a port that is no number, or too large
        complete = False
    if not complete:
        raise AddressError(SHAPE)
    return parts


def _decoded(text: str) -> str:
    try:
        return unquote(text, errors="strict")
    except UnicodeDecodeError:
        raise AddressError(ENCODE) from None


def _options(query: str) -> dict[str, str]:
    """The options that are used here."""
    options: dict[str, str] = {}
    for name, value in parse_qsl(query, keep_blank_values=True):
        if name in IGNORED:
            continue
        if name not in ("sslmode", "sslrootcert"):
            raise AddressError(f"has an unknown option {_shown(name)}: remove it")
        if name in options:
            raise AddressError(f"has {name} twice: remove one")
        options[name] = value
    return options


def _shown(name: str) -> str:
    """Part of a password may have come here."""
    return name if re.fullmatch("[A-Za-z_]{1,40}", name) else "(its name is not shown)"


def _tls(options: dict[str, str], ca_file: Path | None) -> str | ssl.SSLContext:
    roots, mode = options.get("sslrootcert"), options.get("sslmode")
    if roots == "system" and mode is None:  # As in libpq, which then verifies by the system's.
        mode = "verify-full"
    if roots not in (None, "system"):
        raise AddressError(
            "names a certificate file by sslrootcert: remove it, and mount the file as DATABASE_CA_FILE"
        )
    if mode is None:
        return "prefer"
    if mode not in SSL_MODES:
        raise AddressError(f"has an unknown sslmode: use one of {', '.join(SSL_MODES)}")
    if roots and mode != "verify-full":
        raise AddressError(WEAK_ROOTS)
    if mode not in VERIFYING:
        return mode
    if mode == "verify-ca" and ca_file is None:
        raise AddressError(
            "asks for sslmode=verify-ca, which needs the authority's certificate in DATABASE_CA_FILE; "
            "with a certificate of a public authority use verify-full"
        )
    return _verifying(mode, ca_file)


def _verifying(mode: str, ca_file: Path | None) -> ssl.SSLContext:
    try:
        context = ssl.create_default_context(cafile=ca_file)
    except (OSError, ssl.SSLError):
        raise AddressError(
            "asks to verify by DATABASE_CA_FILE, which has no certificates"
        ) from None
    context.check_hostname = mode == "verify-full"
    # Since Python 3.13 authorities need extensions that many private ones lack; Node and libpq do not ask for them.
    context.verify_flags &= ~ssl.VERIFY_X509_STRICT
    return context
