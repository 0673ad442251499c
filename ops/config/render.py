"""The Kubernetes objects of a stack as YAML, from the program itself run on a stand-in for the engine.

The text holds no secret: the program gets the word `masked` in place of each secret, and so does every value of the
Secrets that it makes. The names that Pulumi makes up end in a checksum of the content here.
"""

import asyncio
import hashlib
import json
import os
from base64 import b64encode
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from tempfile import TemporaryDirectory
from typing import Any
from unittest.mock import patch

import pulumi
import yaml

from components.app import TaskflowApp, TaskflowAppArgs
from components.config.go_yaml import scalar
from components.config.load import StackSecrets
from components.config.secrets import (
    BETTER_AUTH_SECRET_LENGTH,
    SECRET_KEYS,
    field_of,
    missing_secrets,
    secrets_in,
)
from components.config.stack import StackConfig
from components.config.stack_file import StackFile
from components.existing_secret import OPTIONAL, REQUIRED
from ops.drift.drift import SIGNATURE
from ops.paths import SOURCES

MASKED = "masked"
YES_AND_NO = ("y", "Y", "n", "N")
KINDS = (
    # In the order in which kubectl could apply them.
    "Namespace",
    "NetworkPolicy",
    "ConfigMap",
    "Secret",
    "PersistentVolumeClaim",
    "Service",
    "StatefulSet",
    "Deployment",
    "HorizontalPodAutoscaler",
    "PodDisruptionBudget",
    "Ingress",
    "Gateway",
    "HTTPRoute",
)
Manifest = dict[str, Any]
# The value of SIGNATURE for a secret.
SECRET = "1b47061264138c4ac30d75fd1eb44270"  # noqa: S105 - a mark


@dataclass
class Recorder(pulumi.runtime.Mocks):
    """Replaces the engine: records every object and knows no cluster."""

    objects: list[Manifest] = field(default_factory=list)
    by_hand: dict[str, str] = field(default_factory=dict)
    """The data of a Secret made by hand."""

    def new_resource(self, args: pulumi.runtime.MockResourceArgs) -> tuple[str, Manifest]:
        inputs = _masked(args.inputs)
        if args.resource_id:  # A Secret made by hand.
            metadata = {"name": args.resource_id.partition("/")[2], "resourceVersion": MASKED}
            return args.resource_id, {
                "metadata": metadata,
                "data": self.by_hand,
            }
        if args.typ.startswith("kubernetes:"):
            inputs = self._recorded(inputs, args.name)
        if args.typ.startswith("random:"):
            inputs["result"] = MASKED
        return args.name, inputs

    def call(self, args: pulumi.runtime.MockCallArgs) -> tuple[dict[Any, Any], None]:
        raise NotImplementedError(f"{args.token} needs an engine")

    def _recorded(self, inputs: Manifest, resource_name: str) -> Manifest:
        manifest: Manifest = _sorted(inputs)
        if manifest["kind"] == "Secret":
            manifest["stringData"] = dict.fromkeys(manifest["stringData"], MASKED)
        if "name" not in manifest["metadata"]:
            text = json.dumps(manifest, sort_keys=True)
            checksum = hashlib.sha256(text.encode()).hexdigest()[:8]
            manifest["metadata"] = {"name": f"{resource_name}-{checksum}"} | manifest["metadata"]
        self.objects.append(manifest)
        return manifest


def render(config: StackConfig, source: StackFile) -> str:
    """All objects of the stack, in an order that only a change of the stack changes."""
    return "".join(
        f"---\n{yaml.dump(manifest, Dumper=_ForKubectl, sort_keys=False)}"
        for manifest in manifests(config, source)
    )


class _ForKubectl(yaml.SafeDumper):
    """Texts that kubectl would take for a number or a boolean are in quotes: 1e6, 0o17 and y are texts to PyYAML."""


_ForKubectl.add_representer(
    str,
    lambda dumper, text: dumper.represent_scalar(
        "tag:yaml.org,2002:str",
        text,
        style=None if isinstance(scalar(text), str) and text not in YES_AND_NO else "'",
    ),
)


def manifests(config: StackConfig, source: StackFile) -> list[Manifest]:
    """The objects as the API server would get them."""
    recorder = Recorder(by_hand=_valid_secret(config))

    def program() -> None:
        named = [key for variables in config.named_secrets.values() for key in variables.values()]
        secrets = StackSecrets(
            **{field_of(key): pulumi.Output.secret(MASKED) for key in _secrets(config, source)},
            named={key: pulumi.Output.secret(MASKED) for key in named},
        )
        TaskflowApp(
            config.release, TaskflowAppArgs(config=config, secrets=secrets, sources=SOURCES)
        )

    # No Minikube is found, so that the text is the same on all machines: nodes answer at 127.0.0.1.
    with TemporaryDirectory() as folder, patch.dict(os.environ, MINIKUBE_HOME=folder):
        pulumi.runtime.set_mocks(
            recorder, project=source.project, stack=source.stack, preview=False
        )
        pulumi.runtime.test(program)()  # type: ignore[no-untyped-call]
    return sorted(recorder.objects, key=_place)


@contextmanager
def closed_event_loops() -> Iterator[None]:
    """The loops that the SDK would make, for itself and for each of its threads, closed at the end.

    The SDK closes none, so the interpreter complains on stderr at exit, sometimes with a traceback. Only for a process
    that renders and exits: the SDK would go on using the closed loops.
    """
    loops: list[asyncio.AbstractEventLoop] = []

    def begin() -> None:
        loop = asyncio.new_event_loop()
        asyncio.set_event_loop(loop)
        loops.append(loop)

    begin()
    try:
        with ThreadPoolExecutor(initializer=begin) as threads:
            loops[0].set_default_executor(threads)
            yield
    finally:
        asyncio.set_event_loop(None)
        for loop in loops:
            loop.close()


def _secrets(config: StackConfig, source: StackFile) -> set[str]:
    """The keys of the secrets that the stack has, or still needs."""
    known = secrets_in(source)
    missing = {mistake.path[0] for mistake in missing_secrets(known, config, source)}
    return (missing | known.keys()) & {*SECRET_KEYS}


def _valid_secret(config: StackConfig) -> dict[str, str]:
    """A valid Secret made by hand: only the cluster knows what the real one holds."""
    port = config.database.external_settings.port if config.database.external_settings else 5432
    values = dict.fromkeys((*REQUIRED, *OPTIONAL), MASKED * BETTER_AUTH_SECRET_LENGTH)
    values["database-url"] = f"postgresql://{MASKED}@{MASKED}:{port}/{MASKED}?sslmode=require"
    return {key: b64encode(value.encode()).decode() for key, value in values.items()}


def _place(manifest: Manifest) -> tuple[int, str]:
    kind = manifest["kind"]
    return KINDS.index(kind) if kind in KINDS else len(KINDS), manifest["metadata"]["name"]


def _masked(value: Any, secret: bool = False) -> Any:
    """A copy in which everything is masked that the engine would treat as a secret."""
    if isinstance(value, dict):
        if value.get(SIGNATURE) == SECRET:
            return _masked(value["value"], secret=True)
        return {key: _masked(item, secret) for key, item in value.items()}
    if isinstance(value, list):
        return [_masked(item, secret) for item in value]
    return MASKED if secret else value


def _sorted(value: Any) -> Any:
    """Keys sorted, after kind and name; whole numbers as integers (the engine's protocol has only fractions)."""
    if isinstance(value, dict):
        first = [key for key in ("apiVersion", "kind", "metadata", "name") if key in value]
        rest = sorted(key for key in value if key not in first)
        return {key: _sorted(value[key]) for key in (*first, *rest)}
    if isinstance(value, list):
        return [_sorted(item) for item in value]
    return int(value) if isinstance(value, float) and value.is_integer() else value
