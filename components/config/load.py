"""`load()`, the one reader of `pulumi.Config`: a stack's configuration, and the secrets beside it.

Keys in `Pulumi.<stack>.yaml` are camelCase under the project's namespace (`taskflow:backend`); a block may be left out
whole, because every default is in the models and not in the stack files.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

import pulumi

from .check import parse_texts
from .secrets import ADDRESSES, SECRET_KEYS, Secret, field_of, key_in_cluster, secret_keys_in
from .stack import StackConfig
from .stack_file import PROJECT, StackFile


@dataclass(frozen=True, kw_only=True)
class StackSecrets:
    """Secret values, beside the models because a pydantic model would print them. None: not set on the stack.

    Attributes:
        named: those that `secretEnv` names, by their keys.
    """

    database_url: pulumi.Output[str] | None = None
    database_owner_url: pulumi.Output[str] | None = None
    frontend_database_url: pulumi.Output[str] | None = None
    better_auth_secret: pulumi.Output[str] | None = None
    better_auth_secret_next: pulumi.Output[str] | None = None
    better_auth_secret_former: pulumi.Output[str] | None = None
    openai_api_key: pulumi.Output[str] | None = None
    named: Mapping[str, pulumi.Output[str]] = field(default_factory=dict)

    @property
    def addresses(self) -> Mapping[str, pulumi.Output[str] | None]:
        """The database's addresses, by their keys in the Secret of a release."""
        return {key_in_cluster(key): getattr(self, field_of(key)) for key in ADDRESSES}


def load() -> tuple[StackConfig, StackSecrets]:
    """Read and check the current stack's configuration.

    Raises:
        ConfigError: with every mistake found.
    """
    source = StackFile.of_stack(pulumi.get_stack(), PROJECT, bare=pulumi.get_project())
    config = pulumi.Config(PROJECT)
    # The engine hands all keys over in one of two ways, and pulumi.Config cannot list them.
    full_keys = {*pulumi.runtime.get_config_env(), *pulumi.runtime.config.CONFIG.get()}
    keys = [key.removeprefix(f"{PROJECT}:") for key in full_keys if key.startswith(f"{PROJECT}:")]
    encrypted = {key for key in keys if pulumi.runtime.is_config_secret(f"{PROJECT}:{key}")}
    texts = {key: config.require(key) for key in keys}
    known = secret_keys_in(texts)
    stack_config = parse_texts(
        texts,
        secrets={
            key: Secret(encrypted=key in encrypted, text=texts[key])
            for key in known
            if key in texts
        },
        source=source,
        encrypted=sorted(encrypted.difference(known)),
    )
    return stack_config, StackSecrets(
        **{field_of(key): config.get_secret(key) for key in SECRET_KEYS},
        named={
            key: config.require_secret(key)
            for variables in stack_config.named_secrets.values()
            for key in variables.values()
        },
    )
