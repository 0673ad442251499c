"""A Secret that a person made with kubectl: read, and checked before anything that needs it is deployed."""

import base64
from collections.abc import Mapping
from dataclasses import dataclass

import pulumi
from pulumi_kubernetes import core

from .config import StackConfig
from .config_secrets import mistakes_in_values
from .workload import SecretKey

REQUIRED = ("database-url", "better-auth-secret")
OPTIONAL = ("openai-api-key",)
# The configuration's names for the same values, under which the rules know them.
CONFIG_KEYS = {"database-url": "databaseUrl", "better-auth-secret": "betterAuthSecret"}


@dataclass(frozen=True, kw_only=True)
class ExistingSecret:
    """A Secret that was found in the cluster.

    Attributes:
        namespace: where it is, known only once the Secret has been found whole: whatever takes it as an input waits.
        version: another one after every change of the Secret, so that pods can be rolled by it.
        keys: where its values stand.
    """

    namespace: pulumi.Output[str]
    version: pulumi.Output[str]
    keys: Mapping[str, SecretKey]


def existing_secret(
    name: str, secret: str, config: StackConfig, opts: pulumi.ResourceOptions
) -> ExistingSecret:
    """Read the Secret, at preview and at up; one that is not there at all is the cluster's own error, which names it.

    Args:
        name: resource name for the engine.
        secret: its name in the stack's namespace.

    Raises:
        RunError: (in the outputs) with the keys that it lacks, or with what is wrong with its values, never the values.
    """
    namespace = config.namespace_name
    found = core.v1.Secret.get(
        name,
        f"{namespace}/{secret}",
        # Its values pass through the state; there they are encrypted, like all secrets. So is its metadata, where
        # `kubectl apply` keeps the values once more.
        opts=pulumi.ResourceOptions.merge(
            opts,
            pulumi.ResourceOptions(additional_secret_outputs=["data", "stringData", "metadata"]),
        ),
    )
    whole = found.data.apply(lambda data: _checked(config, secret, data))
    return ExistingSecret(
        namespace=pulumi.Output.unsecret(whole),
        version=pulumi.Output.unsecret(
            found.metadata.apply(lambda metadata: str(metadata.resource_version))
        ),
        keys={
            key: SecretKey(name=secret, key=key, optional=key in OPTIONAL)
            for key in (*REQUIRED, *OPTIONAL)
        },
    )


def _checked(config: StackConfig, secret: str, data: Mapping[str, str] | None) -> str:
    """The namespace of a Secret that is whole and sound."""
    namespace = config.namespace_name
    missing = [key for key in REQUIRED if key not in (data or {})]
    if missing:
        what = f"lacks {', '.join(missing)}; make it again" if data else "is not there; make it"
        literals = " ".join(f"--from-literal={key}=..." for key in (*REQUIRED, *OPTIONAL))
        raise pulumi.RunError(
            f"taskflow:secrets.existing: Secret {secret} in namespace {namespace} {what} with: kubectl --namespace "
            f"{namespace} create secret generic {secret} {literals}"
        )
    values = {
        config_key: base64.b64decode((data or {})[key]).decode(errors="replace")
        for key, config_key in CONFIG_KEYS.items()
    }
    names = {config_key: key for key, config_key in CONFIG_KEYS.items()}
    wrong = [
        f"its {names[mistake.path[0]]} {mistake.text}"
        for mistake in mistakes_in_values(values, config)
    ]
    if wrong:
        raise pulumi.RunError(
            f"taskflow:secrets.existing: Secret {secret} in namespace {namespace}: {'; '.join(wrong)}"
        )
    return namespace
