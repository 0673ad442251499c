"""Checks `databaseUrl` with the rules of both services' drivers, so that a mistake is found before the start.

docker/backend/taskflow_api/address.py and docker/frontend/lib/database-url.ts have the same rules, and backup_pod.sh
reads what they accept; docker/backend/tests/database_addresses.json has examples that all four are held to.
"""

import re
import string
from dataclasses import dataclass
from urllib.parse import SplitResult, parse_qsl, quote, unquote, urlsplit

SHAPE = "must look like postgresql://user:password@host:5432/database"
ENCODE = (
    "has characters that must be percent-encoded in the user, the password and the database name: "
    "@ as %40, : as %3A, / as %2F, ? as %3F, # as %23, % as %25, [ as %5B, ] as %5D"
)
NUL = "has %00, which Postgres takes in no name and no password: remove it"
WEAK_ROOTS = "has sslrootcert=system, which libpq takes with sslmode=verify-full alone: use that"
BLANK = " \t\r\n\v\f"  # What may stand around an address; it comes from files, too.
_CONTROL_OR_BRACKET = re.compile(r"[\x00-\x1f\x7f-\x9f]|[\[\]].*@")
_HOST = re.compile(
    r"(?!.*\.\.|.*[^.:]{64})"  # Name servers know no empty part, and none above 63 characters.
    r"([A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?\.?|\[[0-9A-Fa-f:]*:[0-9A-Fa-f:.]*\])(:[0-9]*)?"
)

# https://www.postgresql.org/docs/current/libpq-ssl.html
SSL_MODES = ("disable", "allow", "prefer", "require", "verify-ca", "verify-full")
TLS_MODES = SSL_MODES[3:]
"""Those that refuse a connection in plain text."""

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
    # Prisma, and the addresses that hosted Postgres offers for it; node-postgres
    "connection_limit",
    "pgbouncer",
    "pool_timeout",
    "socket_timeout",
    "statement_cache_size",
    "uselibpqcompat",
}
"""Options that other clients and poolers read from an address; the services drop them."""


class AddressError(ValueError):
    """The address cannot be used; the message repeats only the names of its options."""


@dataclass(frozen=True)
class DatabaseAddress:
    """The parts of an address that the rest of the configuration must agree with.

    Attributes:
        ssl_mode: None where the address names none.
    """

    port: int
    ssl_mode: str | None


def read_address(url: str) -> DatabaseAddress:
    """Read an address of Postgres.

    Raises:
        AddressError: if a driver could not use it, or the two would understand it differently.
    """
    parts = _split(url.strip(BLANK))
    options = _options(parts.query)
    roots, mode = options.get("sslrootcert"), options.get("sslmode")
    if roots not in (None, "system"):
        raise AddressError(
            "names a certificate file by sslrootcert: remove it, and give database.external.ca, which mounts the file "
            "as DATABASE_CA_FILE"
        )
    if roots and mode is None:  # As in libpq, which then verifies by the system's.
        mode = "verify-full"
    if mode is not None and mode not in SSL_MODES:
        raise AddressError(f"has an unknown sslmode: use one of {', '.join(SSL_MODES)}")
    if roots and mode != "verify-full":
        raise AddressError(WEAK_ROOTS)
    return DatabaseAddress(port=parts.port or 5432, ssl_mode=mode)


def _split(url: str) -> SplitResult:
    # Checked first: urlsplit drops tabs and newlines, and may take brackets of a password for an IPv6 address.
    if _CONTROL_OR_BRACKET.search(url):
        raise AddressError(ENCODE)
    try:
        # Encoded first: urlsplit refuses letters that resemble a delimiter, such as a full-width question mark.
        parts = urlsplit(quote(url, safe=string.punctuation + " "))
    except ValueError:  # Square brackets without an IPv6 address.
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
        for part in (parts.username, parts.password, parts.path):
            unquote(part or "", errors="strict")
    except UnicodeDecodeError:
        raise AddressError(ENCODE) from None
    try:
        complete = (
            _HOST.fullmatch(parts.netloc.rpartition("@")[2]) and parts.username and parts.port != 0
        )
    except ValueError:  # A port that is not a number, or too large.
        complete = False
    if not complete:
        raise AddressError(SHAPE)
    return parts


def _options(query: str) -> dict[str, str]:
    options: dict[str, str] = {}
    for name, value in parse_qsl(query, keep_blank_values=True):
        if name in IGNORED:
            continue
        if name not in ("sslmode", "sslrootcert"):
            # Part of a password may have come here.
            shown = name if re.fullmatch("[A-Za-z_]{1,40}", name) else "(its name is not shown)"
            raise AddressError(f"has an unknown option {shown}: remove it")
        if name in options:
            raise AddressError(f"has {name} twice: remove one")
        options[name] = value
    return options
