"""The secrets of a stack: which there are, and what is wrong with them, in words that never show a value."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from urllib.parse import parse_qs, urlsplit

from .config_errors import Mistake
from .config_models import StackConfig
from .stack_file import StackFile

SECRET_KEYS = ("databaseUrl", "betterAuthSecret", "openaiApiKey")
# An HS256 key shorter than its 256-bit hash weakens it (RFC 7518, section 3.2).
BETTER_AUTH_SECRET_LENGTH = 32
# The modes that refuse a connection in plain text: https://www.postgresql.org/docs/current/libpq-ssl.html
TLS_MODES = ("require", "verify-ca", "verify-full")


@dataclass(frozen=True, kw_only=True)
class Secret:
    """A secret as a stack has it.

    Args:
        text: None where it is encrypted and the passphrase is not here.
    """

    encrypted: bool
    text: str | None = field(default=None, repr=False)


def secrets_in(source: StackFile) -> dict[str, Secret]:
    """The secrets of a stack file, without their encrypted values."""
    found: dict[str, Secret] = {}
    for key in SECRET_KEYS:
        if key in source.values:
            value = source.values[key]
            encrypted = isinstance(value, dict) and set(value) == {"secure"}
            text = None if encrypted or isinstance(value, (dict, list)) else str(value)
            found[key] = Secret(encrypted=encrypted, text=text)
    return found


def misplaced(source: StackFile, encrypted: Iterable[str]) -> Iterable[Mistake]:
    """Encrypted values under keys that are no secrets: their text would end in plain sight.

    Args:
        encrypted: top-level keys that hold an encrypted value somewhere.
    """
    places = [
        path[:-1] for path in source.lines if path[-1] == "secure" and path[0] not in SECRET_KEYS
    ]
    known = {path[0] for path in places}
    for path in (*places, *((key,) for key in encrypted if key not in known)):
        if path[0] not in SECRET_KEYS:
            yield Mistake.at(
                path,
                "an encrypted value would be written out in plain here; secrets are the keys "
                + ", ".join(SECRET_KEYS),
            )


def mistakes_in(
    secrets: Mapping[str, Secret], config: StackConfig | None, source: StackFile
) -> Iterable[Mistake]:
    """What is wrong with the secrets that are there.

    Args:
        config: None where the rest of the stack file is beyond repair; the rules that need it are then left out.
    """
    for key, secret in secrets.items():
        if not secret.encrypted:
            yield Mistake.at(key, f"is in plain text; {source.how_to_set(key)}")
    known = {key: secret.text for key, secret in secrets.items() if secret.text is not None}
    yield from mistakes_in_values(known, config)


def mistakes_in_values(values: Mapping[str, str], config: StackConfig | None) -> Iterable[Mistake]:
    """What is wrong with secret values, by their keys, wherever they come from."""
    signing_key = values.get("betterAuthSecret")
    if signing_key is not None:
        length = len(signing_key)
        if length < BETTER_AUTH_SECRET_LENGTH:
            yield Mistake.at(
                "betterAuthSecret",
                f"has {length} characters, expected at least {BETTER_AUTH_SECRET_LENGTH}; make one with: "
                "openssl rand -base64 32",
            )
    address = values.get("databaseUrl")
    if address is not None:
        yield from _address_mistakes(address, config)


def _address_mistakes(url: str, config: StackConfig | None) -> Iterable[Mistake]:
    try:
        parts = urlsplit(url)
        complete = parts.scheme in ("postgresql", "postgres") and bool(parts.hostname)
        port = parts.port or 5432
    except ValueError:
        complete = False
    if not complete:
        yield Mistake.at(
            "databaseUrl",
            "is no Postgres address; expected postgresql://user:password@host:5432/name",
        )
        return
    outside = config.database.outside if config else None
    if not config or not outside:
        return
    mode = parse_qs(parts.query).get("sslmode", ["none"])[-1]
    if outside.tls and mode not in TLS_MODES:
        shown = mode if mode in ("disable", "allow", "prefer", "none") else "an unknown one"
        yield _about_address(
            f"asks for no TLS (sslmode: {shown}); append ?sslmode=require, or set database.external.tls to false where "
            "plain text on the way is acceptable",
            "tls",
        )
    if config.network_policies.enabled and port != outside.port:
        yield _about_address(
            f"has port {port}, but network policies open database.external.port {outside.port}; make them equal",
            "port",
        )


def _about_address(text: str, external_key: str) -> Mistake:
    reads = (("databaseUrl",), ("database", "external", external_key))
    return Mistake(path=("databaseUrl",), text=text, reads=reads)


def missing(secrets: Iterable[str], config: StackConfig, source: StackFile) -> Iterable[Mistake]:
    """Secrets that the stack needs and does not have."""
    if config.secrets.existing:
        return
    if config.database.outside and "databaseUrl" not in secrets:
        yield _missing(
            "databaseUrl",
            "without database.embedded the application needs an external Postgres",
            ("database", "embedded"),
            source,
        )
    if not config.secrets.generate and "betterAuthSecret" not in secrets:
        yield _missing(
            "betterAuthSecret",
            "it signs sessions and tokens, and secrets.generate is off",
            ("secrets", "generate"),
            source,
        )


def _missing(key: str, why: str, choice: tuple[str, ...], source: StackFile) -> Mistake:
    reads = ((key,), choice, ("secrets", "existing"))
    return Mistake(path=(key,), text=f"is missing: {why}; {source.how_to_set(key)}", reads=reads)
