"""The secrets of a stack: which there are, and what is wrong with them. No text shows a value."""

from collections.abc import Container, Iterable, Mapping
from dataclasses import dataclass, field

from pydantic.alias_generators import to_snake

from .database_address import TLS_MODES, AddressError, read_address
from .errors import Mistake
from .go_yaml import KeyPath
from .stack import StackConfig
from .stack_file import StackFile, decoded

ADDRESSES = ("databaseUrl", "databaseOwnerUrl", "frontendDatabaseUrl")
# Of components that connect by another address than databaseUrl where it is given.
OWN_ADDRESSES = {"frontend": "frontendDatabaseUrl", "backup": "databaseOwnerUrl"}
# While signing keys rotate, the one that signs next, or the one that signed before, is accepted too.
ROTATING = ("betterAuthSecretNext", "betterAuthSecretFormer")
SIGNING_KEYS = ("betterAuthSecret", *ROTATING)
SECRET_KEYS = (*ADDRESSES, *SIGNING_KEYS, "openaiApiKey")
OTHER_KEYS = frozenset(str(field.alias) for field in StackConfig.model_fields.values())
NUL = "has a NUL character, which no process can be given"
NO_HEADER = "has characters that no HTTP header may contain: expected printable ASCII"
OPTION = "(after its ?, or & where it has options, in place of another sslmode)"
# An HS256 key shorter than its 256-bit hash weakens it (RFC 7518, section 3.2).
BETTER_AUTH_SECRET_LENGTH = 32


def field_of(key: str) -> str:
    """The field of StackSecrets for a key of the stack file: database_url for databaseUrl."""
    return to_snake(key)


def key_in_cluster(key: str) -> str:
    """The same value's key in a Secret of the cluster: database-url for databaseUrl."""
    return to_snake(key).replace("_", "-")


def variable_of(key: str) -> str:
    """The variable that pods get it by: DATABASE_URL for databaseUrl."""
    return to_snake(key).upper()


@dataclass(frozen=True, kw_only=True)
class Secret:
    """A secret as a stack has it.

    Args:
        text: None if it is encrypted and the passphrase is unknown.
    """

    encrypted: bool
    text: str | None = field(default=None, repr=False)


def secret_keys_in(texts: Mapping[str, str]) -> tuple[str, ...]:
    """The keys of a stack that are secrets: those of every stack, and those that its `secretEnv` blocks name.

    Args:
        texts: the stack's values as the engine hands them over.
    """
    values = map(decoded, texts.values())
    blocks = [block.get("secretEnv") for block in values if isinstance(block, dict)]
    variables = [
        variable
        for block in blocks
        if isinstance(block, dict)
        for variable in block.values()
        if isinstance(variable, dict)
    ]
    keys = [variable.get("config") for variable in variables]
    named = {key for key in keys if isinstance(key, str) and key}
    return (*SECRET_KEYS, *sorted(named - OTHER_KEYS - {*SECRET_KEYS}))


def secrets_in(source: StackFile) -> dict[str, Secret]:
    """The secrets of a stack file, without their encrypted values."""
    found: dict[str, Secret] = {}
    for key in secret_keys_in(source.texts):
        if key in source.texts:
            encrypted = any(path[0] == key for path in source.encrypted)
            text = None if encrypted else source.texts[key]
            found[key] = Secret(encrypted=encrypted, text=text)
    return found


def misplaced(
    source: StackFile, encrypted: Iterable[str], keys: Iterable[str]
) -> Iterable[Mistake]:
    """Encrypted values under keys that are not secrets, whose text would appear in plain, and within a secret.

    Args:
        encrypted: top-level keys that hold an encrypted value somewhere.
        keys: those that are secrets.
    """
    known = {path[0] for path in source.encrypted}
    for path in (*sorted(source.encrypted), *((key,) for key in encrypted if key not in known)):
        if path[0] not in keys:
            yield Mistake.at(
                path,
                "an encrypted value would be written out in plain here; secrets are the keys "
                f"{', '.join(keys)}, and what secretEnv.<VARIABLE>.config names",
            )
        elif len(path) > 1:
            yield Mistake.at(
                path, f"a secret is one text, not a block or a list; {source.how_to_set(path[0])}"
            )


def mistakes_in(
    secrets: Mapping[str, Secret], config: StackConfig | None, source: StackFile
) -> Iterable[Mistake]:
    """The mistakes in the secrets that the stack has.

    Args:
        config: None if the rest of the stack file cannot be read; the rules that need it are then left out.
    """
    for key, secret in secrets.items():
        if not secret.encrypted:
            yield Mistake.at(key, f"is in plain text; {source.how_to_set(key)}")
    yield from _rotation_mistakes(secrets, config)
    known = {key: secret.text for key, secret in secrets.items() if secret.text is not None}
    yield from mistakes_in_values(known, config, secrets)


def _rotation_mistakes(
    secrets: Mapping[str, Secret], config: StackConfig | None
) -> Iterable[Mistake]:
    given = [key for key in ROTATING if key in secrets]
    if len(given) > 1:
        text = "give betterAuthSecretNext or betterAuthSecretFormer: one key is accepted beside the one that signs"
        yield Mistake.at(given[0], text)
    if config and len(config.secrets.generations) > 1 and secrets.keys() & set(SIGNING_KEYS):
        text = "names two generated secrets, but the stack has signing keys of its own: give one number"
        yield Mistake.at(("secrets", "generations"), text)


def mistakes_in_values(
    values: Mapping[str, str], config: StackConfig | None, given: Container[str] = ADDRESSES
) -> Iterable[Mistake]:
    """The mistakes in secret values, by their keys, wherever the values come from.

    Args:
        given: the keys of all secrets, also of those whose values are unknown.
    """
    for key, value in values.items():
        if "\0" in value:
            yield Mistake.at(key, NUL)
    # Around it, the backend removes what a file adds: docker/backend/taskflow_api/settings.py.
    provider = values.get("openaiApiKey", "").strip().removeprefix("\ufeff")
    if not (provider.isascii() and provider.isprintable()):
        yield Mistake.at("openaiApiKey", NO_HEADER)
    for key in SIGNING_KEYS:
        length = len(values.get(key, ""))
        if key in values and length < BETTER_AUTH_SECRET_LENGTH:
            yield Mistake.at(
                key,
                f"has {length} characters, expected at least {BETTER_AUTH_SECRET_LENGTH}; make one with: "
                "openssl rand -base64 32",
            )
    for key in ADDRESSES:
        if key in values:
            yield from _address_mistakes(key, values[key], config, given)


def _address_mistakes(
    key: str, url: str, config: StackConfig | None, given: Container[str]
) -> Iterable[Mistake]:
    try:
        address = read_address(url)
    except AddressError as error:
        yield Mistake.at(key, str(error))
        return
    external = config.database.external_settings if config else None
    if not config or not external:
        return
    mode = address.ssl_mode
    if external.tls and mode not in TLS_MODES:
        yield _about_address(
            key,
            f"asks for no TLS (sslmode: {mode or 'none'}); give it sslmode=require {OPTION}, or where plain text on "
            "the way is acceptable sslmode=disable, and set database.external.tls to false",
            "tls",
        )
    elif not external.tls and mode in (None, "allow", "prefer"):
        yield _about_address(
            key,
            f"leaves TLS to the driver (sslmode: {mode or 'none'}), and only the backend's would use it; give it "
            f"sslmode=require {OPTION}, or sslmode=disable for plain text",
            "tls",
        )
    if mode == "verify-ca" and not external.ca:
        yield _about_address(
            key,
            "asks for sslmode=verify-ca, which needs the authority's certificate as DATABASE_CA_FILE: give "
            "database.external.ca; with a certificate of a public authority use verify-full",
            "ca",
        )
    closed = [
        (name, "egress")
        for name, block in config.clients.items()
        if _connects(name, key, given)
        and address.port not in (external.port, *(port for to in block.egress for port in to.ports))
    ]
    if config.network_policies.enabled and closed:
        yield _about_address(
            key,
            f"has port {address.port}, but network policies open database.external.port {external.port}; make them "
            f"equal, or list the port in {' and '.join(map('.'.join, closed))}",
            "port",
            *closed,
        )


def _connects(component: str, key: str, given: Container[str]) -> bool:
    """Whether the pods of a component connect by an address; the backend's migrations try every one."""
    own = OWN_ADDRESSES.get(component, "databaseUrl")
    return component == "backend" or key == (own if own in given else "databaseUrl")


def _about_address(key: str, text: str, external_key: str, *others: KeyPath) -> Mistake:
    reads = ((key,), ("database", "external", external_key), *others)
    return Mistake(path=(key,), text=text, reads=reads)


def missing_secrets(
    secrets: Iterable[str], config: StackConfig, source: StackFile
) -> Iterable[Mistake]:
    """Secrets that the stack needs and does not have."""
    for component, variables in config.named_secrets.items():
        for variable, key in variables.items():
            if key not in secrets and key not in OTHER_KEYS:
                place = (component, "secretEnv", variable)
                yield _missing(key, f"{'.'.join(place)} names it", place, source)
    if config.secrets.existing:
        return
    if config.database.external_settings and "databaseUrl" not in secrets:
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
