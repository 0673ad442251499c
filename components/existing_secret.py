"""A Secret made with kubectl: read, and checked before anything that needs it is deployed."""

import base64
import json
import shlex
from collections.abc import Mapping
from dataclasses import dataclass

import pulumi
from pulumi_kubernetes import core

from .config.secrets import SECRET_KEYS, SIGNING_KEYS, key_in_cluster, mistakes_in_values
from .config.stack import StackConfig
from .workload import SecretKey

SIGNING_KEY, NEXT_KEY, FORMER_KEY = map(key_in_cluster, SIGNING_KEYS)
REQUIRED = ("database-url", SIGNING_KEY)
OPTIONAL = ("openai-api-key", NEXT_KEY, FORMER_KEY)
# If they are missing, all use the address of the backend's role.
ROLES = ("database-owner-url", "frontend-database-url")
NO_TEXT = "is not UTF-8 text: save it as UTF-8, or make a key with: openssl rand -base64 32"


@dataclass(frozen=True, kw_only=True)
class ExistingSecret:
    """A Secret that was found in the cluster.

    Attributes:
        namespace: where it is, known only once the Secret is complete: whatever takes it as an input waits.
        version: changes with the Secret, so that pods can be rolled by it.
        keys: the keys of its values.
    """

    namespace: pulumi.Output[str]
    version: pulumi.Output[str]
    keys: Mapping[str, SecretKey]


def existing_secret(
    name: str, config: StackConfig, opts: pulumi.ResourceOptions
) -> ExistingSecret | None:
    """Read the Secret, at preview and at up; if it does not exist, the cluster's own error names it.

    Args:
        name: resource name for the engine.

    Returns:
        None if the stack names none.

    Raises:
        RunError: (in the outputs) with the keys that it lacks, or with what is wrong with its values, never the values.
    """
    secret = config.secrets.existing
    if not secret:
        return None
    found = core.v1.Secret.get(
        name,
        f"{config.namespace_name}/{secret}",
        # Its values pass through the state; there they are encrypted, like all secrets. So is its metadata, where
        # `kubectl apply` keeps the values once more.
        opts=pulumi.ResourceOptions.merge(
            opts,
            pulumi.ResourceOptions(additional_secret_outputs=["data", "stringData", "metadata"]),
        ),
    )
    whole = found.data.apply(lambda data: _checked(config, data or {}))

    def own(role: str) -> SecretKey:
        key = found.data.apply(lambda data: role if role in (data or {}) else "database-url")
        return SecretKey(name=secret, key=pulumi.Output.unsecret(key))

    return ExistingSecret(
        namespace=pulumi.Output.unsecret(whole),
        version=pulumi.Output.unsecret(
            found.metadata.apply(lambda metadata: str(metadata.resource_version))
        ),
        keys={
            key: SecretKey(name=secret, key=key, optional=key in OPTIONAL)
            for key in (*REQUIRED, *OPTIONAL)
        }
        | {role: own(role) for role in ROLES},
    )


def _checked(config: StackConfig, data: Mapping[str, str]) -> str:
    """The namespace of a Secret that is complete and valid."""
    namespace, secret = config.namespace_name, config.secrets.existing
    missing = [key for key in REQUIRED if key not in data]
    if missing:
        patch = json.dumps({"stringData": dict.fromkeys(missing, "...")})
        raise pulumi.RunError(
            f"taskflow:secrets.existing: Secret {secret} in namespace {namespace} lacks {', '.join(missing)}; "
            f"add them with: kubectl --context {shlex.quote(config.cluster.context)} --namespace {namespace} patch "
            f"secret {secret} --patch '{patch}'"
        )
    given = [key for key in SECRET_KEYS if key_in_cluster(key) in data]
    values: dict[str, str] = {}
    wrong: list[str] = []
    for key in given:
        try:
            values[key] = base64.b64decode(data[key_in_cluster(key)]).decode()
        except UnicodeDecodeError:  # The services' languages would read different texts.
            wrong.append(f"its {key_in_cluster(key)} {NO_TEXT}")
    wrong += [
        f"its {key_in_cluster(mistake.path[0])} {mistake.text}"
        for mistake in mistakes_in_values(values, config, given)
    ]
    if wrong:
        raise pulumi.RunError(
            f"taskflow:secrets.existing: Secret {secret} in namespace {namespace}: {'; '.join(wrong)}"
        )
    return namespace
