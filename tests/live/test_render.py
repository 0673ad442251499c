"""The real API server accepts every object that `make render` writes, field by field, and every one made up.

And what it writes for a release is what the engine deploys.
"""

import subprocess
from collections.abc import Iterable, Iterator
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, assume, given, settings

from components.config.check import check_file, parse
from components.config.errors import ConfigError
from components.config.secrets import secrets_in
from components.config.stack_file import StackFile
from components.minikube import THIS_MACHINE
from ops.config.render import render
from ops.drift.command import find
from ops.drift.drift import compare, expected_objects
from ops.paths import ROOT
from tests.generated import configs
from tests.live import outside
from tests.live.conftest import CONTEXT, FRONTEND_PORT, VALUES, LiveRelease
from tests.live_release import node_port
from tests.unit.conftest import PROD_SECRETS, encrypted, source_of, stack_values

NAMESPACE = "rendertest"
STACKS = ("dev", "staging", "prod")


@pytest.fixture(scope="module", autouse=True)
def namespace() -> Iterator[None]:
    """Where the objects would go: an empty namespace, because a dry run needs one that exists."""
    with outside.new_namespace(NAMESPACE):
        yield


def asked(text: str) -> subprocess.CompletedProcess[str]:
    """The API server's answer to a dry run: it admits, defaults and validates, and keeps nothing."""
    command = ["kubectl", "--context", CONTEXT, "--namespace", NAMESPACE, "create", "--filename=-"]
    command += ["--dry-run=server", "--validate=strict", "--output=yaml"]
    return subprocess.run(command, input=text, capture_output=True, text=True, timeout=120)


def accepted(text: str) -> list[dict[str, Any]]:
    """The objects as the API server would keep them, with every field as it is rendered."""
    objects = [item for item in yaml.safe_load_all(text) if item["kind"] != "Namespace"]
    for item in objects:
        for port in item["spec"].get("ports", []) if item["kind"] == "Service" else []:
            port.pop("nodePort", None)  # Another release may have it.
    answer = asked(yaml.safe_dump_all(objects))
    assert answer.returncode == 0, answer.stderr
    kept: list[dict[str, Any]] = list(yaml.safe_load_all(answer.stdout))
    assert compare(expected_objects(state_of(objects)), kept, []) == []
    assert len(kept) == len(objects)
    return kept


def state_of(objects: list[dict[str, Any]]) -> dict[str, Any]:
    """The state after a deployment of rendered objects, as far as `make drift` reads it."""
    resources = [
        {
            "custom": True,
            "type": f"kubernetes:{item['apiVersion']}:{item['kind']}",
            "id": "/".join(filter(None, map(item["metadata"].get, ("namespace", "name")))),
            "inputs": item,
        }
        for item in objects
    ]
    return {"deployment": {"resources": resources}}


def of_stack(stack: str) -> list[dict[str, Any]]:
    """The objects of a committed stack, as the API server would keep them."""
    source = StackFile.of_stack(stack, "taskflow", ROOT)
    secrets = encrypted(PROD_SECRETS) | secrets_in(source)
    values = {**stack_values(ROOT / source.name), "namespace": NAMESPACE}
    return accepted(render(parse(values, secrets=secrets, source=source), source))


@pytest.mark.parametrize("stack", STACKS)
def test_a_committed_stack_would_be_accepted(stack: str) -> None:
    assert {"Deployment", "Service"} <= {item["kind"] for item in of_stack(stack)}


def test_resources_and_services_that_no_stack_file_names_are_those_of_the_decisions() -> None:
    objects = {(item["kind"], item["metadata"]["name"]): item for item in of_stack("dev")}
    resources, services = {}, {}
    for component in ("backend", "frontend"):
        name = f"taskflow-{component}"
        (container,) = objects["Deployment", name]["spec"]["template"]["spec"]["containers"]
        requests, limits = (container["resources"][kind] for kind in ("requests", "limits"))
        resources[component] = [(each["memory"], each["cpu"]) for each in (requests, limits)]
        service = objects["Service", name]["spec"]
        services[component] = (service["type"], service["ports"][0]["port"])
    assert resources == {
        "frontend": [("128Mi", "100m"), ("256Mi", "250m")],
        "backend": [("256Mi", "250m"), ("512Mi", "500m")],
    }
    assert services == {"backend": ("ClusterIP", 8000), "frontend": ("NodePort", 3000)}


def with_names_of(names: Iterable[str], text: str) -> str:
    """Rendered objects with the endings that the engine gave its names: it draws them by lot."""
    ended = {name.rpartition("-")[0]: name for name in names}
    for item in yaml.safe_load_all(text):
        name = item["metadata"]["name"]
        if name not in names:
            text = text.replace(name, ended[name.rpartition("-")[0]])
    return text


def test_what_render_prints_is_what_is_deployed(release: LiveRelease) -> None:
    stack = release.stack
    stack.configure(VALUES)
    stack.up()
    deployment = expected_objects(stack.of_ops.export(secrets=True))
    file = check_file(stack.config_file)
    text = with_names_of({one.name for one in deployment}, render(file.config, file.source))
    # It knows no Minikube, so that its text is the same on every machine.
    text = text.replace(f"http://{THIS_MACHINE}:{FRONTEND_PORT}", node_port(FRONTEND_PORT))
    # The cluster draws the claim's id.
    (claim,) = release.kubectl.get("pvc")["items"]
    text = text.replace("uid-of-the-claim", claim["metadata"]["uid"])
    objects = list(yaml.safe_load_all(text))
    keys = {one.title: one.manifest["data"].keys() for one in deployment if "data" in one.manifest}
    for item in objects:
        if item["kind"] == "Secret":  # Its values are masked.
            assert item.pop("stringData").keys() == keys[f"Secret {item['metadata']['name']}"]
    rendered = expected_objects(state_of(objects))
    assert {one.title for one in rendered} == {one.title for one in deployment}
    assert find(rendered, CONTEXT, stack.env) == []


@settings(
    max_examples=12,
    derandomize=True,
    database=None,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)
@given(configs())
def test_whatever_the_models_accept_the_api_server_accepts(values: dict[str, Any]) -> None:
    source = source_of("made-up")
    # The cluster has no CRDs of the Gateway API here; tests/reliability/test_routes.py has them.
    values = {key: value for key, value in values.items() if key != "gateway"}
    try:
        config = parse(
            {**values, "namespace": NAMESPACE}, secrets=encrypted(PROD_SECRETS), source=source
        )
    except ConfigError:
        assume(False)
    accepted(render(config, source))


def test_the_api_server_would_refuse_a_field_that_does_not_exist() -> None:
    text = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: x}\ndatta: {a: b}\n"
    answer = asked(text)
    assert answer.returncode != 0
    assert "datta" in answer.stderr
