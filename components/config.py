"""The stack configuration: its models, and `load()`, the one reader of `pulumi.Config`.

Keys in `Pulumi.<stack>.yaml` are camelCase under the project's namespace (`taskflow:backend`); a block may be left out
whole, because every default stands in the models and not in the stack files.
"""

from dataclasses import dataclass

import pulumi

from .config_base import DnsLabel, Model
from .config_check import PROJECT, CheckedFile, check_file, parse
from .config_errors import ConfigError
from .config_models import (
    Assistant,
    Cluster,
    ComponentImage,
    EmbeddedPostgres,
    ExternalPostgres,
    Images,
    Ingress,
    NetworkPolicies,
    StackConfig,
)
from .config_secrets import SECRET_KEYS, Secret
from .config_workload import (
    Backend,
    Compute,
    Frontend,
    ProbeTiming,
    Resources,
    Service,
    TopologySpread,
    Workload,
)
from .stack_file import StackFile, decoded

__all__ = [
    "PROJECT",
    "SECRET_KEYS",
    "Assistant",
    "Backend",
    "CheckedFile",
    "Cluster",
    "ComponentImage",
    "Compute",
    "ConfigError",
    "DnsLabel",
    "EmbeddedPostgres",
    "ExternalPostgres",
    "Frontend",
    "Images",
    "Ingress",
    "Model",
    "NetworkPolicies",
    "ProbeTiming",
    "Resources",
    "Secret",
    "Service",
    "StackConfig",
    "StackSecrets",
    "TopologySpread",
    "Workload",
    "check_file",
    "load",
    "parse",
]


@dataclass(frozen=True, kw_only=True)
class StackSecrets:
    """Secret values, beside the models because a pydantic model would print them. None: not set on the stack."""

    database_url: pulumi.Output[str] | None = None
    better_auth_secret: pulumi.Output[str] | None = None
    openai_api_key: pulumi.Output[str] | None = None


def load() -> tuple[StackConfig, StackSecrets]:
    """Read and check the current stack's configuration.

    Raises:
        ConfigError: with every mistake found.
    """
    source = StackFile.of_stack(pulumi.get_stack(), PROJECT)
    config = pulumi.Config(PROJECT)
    # The engine hands all keys over in one of two ways, and pulumi.Config cannot list them.
    full_keys = {*pulumi.runtime.get_config_env(), *pulumi.runtime.config.CONFIG.get()}
    keys = [key.removeprefix(f"{PROJECT}:") for key in full_keys if key.startswith(f"{PROJECT}:")]
    encrypted = {key for key in keys if pulumi.runtime.is_config_secret(f"{PROJECT}:{key}")}
    stack_config = parse(
        {key: decoded(config.require(key)) for key in keys if key not in SECRET_KEYS},
        secrets={
            key: Secret(encrypted=key in encrypted, text=config.require(key))
            for key in SECRET_KEYS
            if key in keys
        },
        source=source,
        encrypted=sorted(encrypted.difference(SECRET_KEYS)),
    )
    return stack_config, StackSecrets(
        database_url=config.get_secret("databaseUrl"),
        better_auth_secret=config.get_secret("betterAuthSecret"),
        openai_api_key=config.get_secret("openaiApiKey"),
    )
