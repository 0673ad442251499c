"""A Secret that a person made with kubectl: read, and checked before anything that needs it is deployed."""

from collections.abc import Mapping
from dataclasses import dataclass

import pulumi
from pulumi_kubernetes import core

from .workload import SecretKey

REQUIRED = ("database-url", "better-auth-secret")
OPTIONAL = ("openai-api-key",)


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
    name: str, namespace: str, secret: str, opts: pulumi.ResourceOptions
) -> ExistingSecret:
    """Read the Secret, at preview and at up; one that is not there at all is the cluster's own error, which names it.

    Args:
        name: resource name for the engine.

    Raises:
        RunError: (in the outputs) with the keys that it lacks.
    """
    found = core.v1.Secret.get(
        name,
        f"{namespace}/{secret}",
        # Its values pass through the state; there they are encrypted, like all secrets.
        opts=pulumi.ResourceOptions.merge(
            opts, pulumi.ResourceOptions(additional_secret_outputs=["data", "stringData"])
        ),
    )
    whole = found.data.apply(lambda data: _require_keys(namespace, secret, data))
    return ExistingSecret(
        namespace=pulumi.Output.unsecret(whole),
        version=found.metadata.apply(lambda metadata: str(metadata.resource_version)),
        keys={
            key: SecretKey(name=secret, key=key, optional=key in OPTIONAL)
            for key in (*REQUIRED, *OPTIONAL)
        },
    )


def _require_keys(namespace: str, secret: str, data: Mapping[str, str] | None) -> str:
    missing = [key for key in REQUIRED if key not in (data or {})]
    if missing:
        what = f"lacks {', '.join(missing)}; make it again" if data else "is not there; make it"
        literals = " ".join(f"--from-literal={key}=..." for key in (*REQUIRED, *OPTIONAL))
        raise pulumi.RunError(
            f"taskflow:secrets.existing: Secret {secret} in namespace {namespace} {what} with: kubectl --namespace "
            f"{namespace} create secret generic {secret} {literals}"
        )
    return namespace
