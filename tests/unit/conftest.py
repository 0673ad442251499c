"""A recording engine, so that components run without a cluster, and small factories for stack configurations."""

import copy
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pulumi
import pytest
import yaml
from pulumi.runtime.mocks import MockMonitor
from pulumi.runtime.proto.source_pb2 import StackTrace

from components.app import TaskflowApp, TaskflowAppArgs
from components.config.check import parse
from components.config.load import StackSecrets
from components.config.secrets import SECRET_KEYS, Secret, field_of
from components.config.stack import PLACEHOLDER_DIGEST, Images
from components.config.stack_file import StackFile

AUTO_NAME_SUFFIX = "-0a1b2c3d"


@dataclass
class Engine(pulumi.runtime.Mocks):
    """Records every resource that a program registers, by its resource name."""

    existing: dict[str, Any] = field(default_factory=dict)
    """Objects that are in the cluster already, by namespace/name."""
    inputs: dict[str, dict[str, Any]] = field(default_factory=dict)
    types: dict[str, str] = field(default_factory=dict)
    options: dict[str, dict[str, Any]] = field(default_factory=dict)
    """Resource options by resource name; Pulumi's mocks do not get them."""

    def new_resource(
        self, args: pulumi.runtime.MockResourceArgs
    ) -> tuple[str | None, dict[Any, Any]]:
        if args.resource_id:
            return args.resource_id, self.existing[args.resource_id]
        assert args.name not in self.inputs, f"two resources are named {args.name}"
        self.inputs[args.name] = args.inputs
        self.types[args.name] = args.typ
        outputs = json.loads(json.dumps(args.inputs))
        if args.typ.startswith("kubernetes:") and args.typ != "pulumi:providers:kubernetes":
            outputs["metadata"].setdefault("name", args.name + AUTO_NAME_SUFFIX)
        if args.typ == "random:index/randomPassword:RandomPassword":
            outputs["result"] = args.name.ljust(int(args.inputs["length"]), "x")
        return f"{args.name}-id", outputs

    def call(
        self, args: pulumi.runtime.MockCallArgs
    ) -> tuple[dict[Any, Any], list[tuple[str, str]] | None]:
        raise AssertionError(f"the program calls {args.token}, which needs a cluster")

    def of_kind(self, kind: str) -> dict[str, dict[str, Any]]:
        """Inputs of all resources of a kind, such as "Deployment", by resource name."""
        return {
            name: self.inputs[name] for name, typ in self.types.items() if typ.endswith(f":{kind}")
        }

    def only(self, kind: str, component: str) -> dict[str, Any]:
        """Inputs of the one resource of a kind that carries the component's label."""
        found = [
            inputs
            for inputs in self.of_kind(kind).values()
            if inputs["metadata"]["labels"]["app.kubernetes.io/component"] == component
        ]
        assert len(found) == 1, (
            f"{len(found)} resources of kind {kind} for {component}, expected one"
        )
        return found[0]

    def pod(self, component: str) -> dict[str, Any]:
        """The specification of a component's pods."""
        kind = "StatefulSet" if component == "postgres" else "Deployment"
        return dict(self.only(kind, component)["spec"]["template"]["spec"])

    def container(self, component: str) -> dict[str, Any]:
        """The container of a component's pods."""
        containers = self.pod(component)["containers"]
        assert len(containers) == 1, "a sidecar would need its own checks here"
        return dict(containers[0])

    def env(self, component: str) -> dict[str, Any]:
        """The container's variables: their values, or where they come from."""
        return env_of(self.container(component))


def env_of(container: dict[str, Any]) -> dict[str, Any]:
    """A container's variables: their values, or where they come from."""
    return {entry["name"]: entry.get("value", entry.get("valueFrom")) for entry in container["env"]}


# The example of age's own documentation.
PUBLIC_KEY = "age1ql3z7hjy54pw3hyww5ayyfg7zqgvc7w3j2elw8zmrj2kg5sfn9aqmcac8p"
LOCAL: dict[str, Any] = {
    "cluster": {"minikube": "minikube"},
    "database": {"embedded": {}},
    "secrets": {"generate": True},
}
DEPLOYED: dict[str, Any] = {
    "cluster": {"context": "production"},
    "images": {"registry": "ghcr.io/example"},
    "ingress": {"host": "taskflow.example.com", "tls": {"secret": "taskflow-tls"}},
}


def source_of(stack: str, text: str = "") -> StackFile:
    """The stack file that errors refer to, from its text."""
    return StackFile.from_text(f"Pulumi.{stack}.yaml", stack, "taskflow", text)


def encrypted(values: Mapping[str, str]) -> dict[str, Secret]:
    """Secrets as the engine hands them over."""
    return {key: Secret(encrypted=True, text=value) for key, value in values.items()}


def merged(base: Mapping[str, Any], overrides: Mapping[str, Any]) -> dict[str, Any]:
    """`base` with blocks of `overrides` laid over it, key by key."""
    result = dict(base)
    for key, value in overrides.items():
        inner = result.get(key)
        both_blocks = isinstance(inner, Mapping) and isinstance(value, Mapping)
        result[key] = merged(inner, value) if both_blocks and inner is not None else value
    return result


Deploy = Callable[..., Engine]


@pytest.fixture(scope="session", autouse=True)
def _resources_without_stack_traces() -> Iterator[None]:
    """The SDK sends the engine the stack frames of each resource: a third of the time here."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("pulumi.runtime.resource._get_stack_trace", StackTrace)
        yield


@pytest.fixture(scope="session")
def sources(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What images are built from."""
    folder = tmp_path_factory.mktemp("sources")
    for component in Images.components():
        (folder / component).mkdir()
        (folder / component / "Dockerfile").write_text(
            "ARG BASE_IMAGE=scratch:1\nFROM ${BASE_IMAGE}\nCOPY . /\n"
        )
    return folder


@pytest.fixture(scope="session")
def deployed() -> dict[str, Engine]:
    """Engines after a run of the program, by what it was given: many tests look at the same release."""
    return {}


@pytest.fixture
def deploy(sources: Path, deployed: dict[str, Engine], monkeypatch: pytest.MonkeyPatch) -> Deploy:
    """Run the whole program on a recording engine and hand that engine back, once everything is registered.

    It runs anew on an engine that the test brings along; else tests with the same arguments share one run.
    """
    _record_options(monkeypatch)
    # Not this machine's own profile.
    monkeypatch.setenv("MINIKUBE_HOME", str(sources))

    def run(
        values: Mapping[str, Any],
        secrets: Mapping[str, str] | None = None,
        engine: Engine | None = None,
    ) -> Engine:
        if engine is not None:
            return _run_program(values, secrets or {}, sources, engine)
        given = str((values, secrets))
        if given not in deployed:
            deployed[given] = _run_program(values, secrets or {}, sources, Engine())
        return copy.deepcopy(deployed[given])

    return run


def _run_program(
    values: Mapping[str, Any], secrets: Mapping[str, str], sources: Path, engine: Engine
) -> Engine:
    config = parse(values, secrets=encrypted(secrets), source=source_of("test"))
    pulumi.runtime.set_mocks(engine, project="taskflow", stack="test", preview=False)

    @pulumi.runtime.test  # type: ignore[untyped-decorator]
    def program() -> pulumi.Output[Any]:
        made = {key: pulumi.Output.secret(value) for key, value in secrets.items()}
        given = StackSecrets(
            **{field_of(key): made[key] for key in SECRET_KEYS if key in made},
            named={key: made[key] for key in made if key not in SECRET_KEYS},
        )
        args = TaskflowAppArgs(config=config, secrets=given, sources=sources)
        app = TaskflowApp(config.release, args)
        return pulumi.Output.all(
            app.url, app.namespace, app.backend_image, app.frontend_image
        ).apply(
            lambda outputs: engine.inputs.update(outputs=dict(zip(OUTPUTS, outputs, strict=True)))
        )

    program()
    return engine


def _record_options(monkeypatch: pytest.MonkeyPatch) -> None:
    register = MockMonitor.RegisterResource

    def recording(monitor: Any, request: Any) -> Any:
        if request.type != "pulumi:pulumi:Stack":  # Once in a process, whichever test comes first.
            monitor.mocks.options[request.name] = {
                "protect": request.protect,
                "retainOnDelete": request.retainOnDelete,
                "update_timeout": request.customTimeouts.update,
            }
        return register(monitor, request)  # type: ignore[no-untyped-call]

    monkeypatch.setattr(MockMonitor, "RegisterResource", recording)


OUTPUTS = ("url", "namespace", "backend_image", "frontend_image")


PROD_SECRETS = {
    "databaseUrl": "postgresql://u:p@db.example.com/taskflow?sslmode=require",
    "betterAuthSecret": "s" * 32,
}


def stack_values(path: Path) -> dict[str, Any]:
    """The plain values of a committed stack file, without their namespace, and with digests as a release sets them."""
    released = path.read_text().replace(PLACEHOLDER_DIGEST, f"@sha256:{'0123456789abcdef' * 4}")
    config = yaml.safe_load(released)["config"]
    values = {key.removeprefix("taskflow:"): value for key, value in config.items()}
    return {key: value for key, value in values.items() if key not in SECRET_KEYS}
