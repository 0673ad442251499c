"""`make render`: a stack's objects without engine and cluster, the same every time, and without a secret."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pulumi
import pytest
import yaml

from components.config.check import check_file
from components.config.kinds import ReleaseName, of_annotation
from ops.config.render import Recorder, render
from ops.config.validate import checked, verdict
from ops.errors import OpsError
from ops.paths import ROOT
from tests.ops.machines import LOCAL
from tests.unit.conftest import PUBLIC_KEY

STACKS = sorted(ROOT.glob("Pulumi.*.yaml"))


def rendered(path: Path) -> str:
    file = check_file(path)
    return render(file.config, file.source)


def objects(path: Path) -> list[dict[str, Any]]:
    return list(yaml.safe_load_all(rendered(path)))


@pytest.fixture
def stack(tmp_path: Path) -> Path:
    """The file of a stack on a Minikube."""
    path = tmp_path / "Pulumi.local.yaml"
    path.write_text(LOCAL)
    return path


@pytest.fixture(scope="module")
def local(tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, Any]]:
    """The objects of a stack on a Minikube, for tests that only read them."""
    path = tmp_path_factory.mktemp("local") / "Pulumi.local.yaml"
    path.write_text(LOCAL)
    return objects(path)


TEXTS = ("1e6", "0o17", "08", "-.5", "1.5e3", "y", "N", "on", "1:30")


@pytest.fixture(scope="module")
def with_texts(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A stack whose backend has a variable HINT_<number> for each of TEXTS."""
    env = {f"HINT_{number}": text for number, text in enumerate(TEXTS)}
    path = tmp_path_factory.mktemp("texts") / "Pulumi.local.yaml"
    path.write_text(f"{LOCAL}  taskflow:backend: {{env: {json.dumps(env)}}}\n")
    return rendered(path)


@pytest.mark.parametrize("path", STACKS, ids=lambda path: path.stem)
def test_a_committed_stack_renders_whole_objects_with_references_that_hold(path: Path) -> None:
    found = objects(path)
    names = {(item["kind"], item["metadata"]["name"]) for item in found}
    assert len(names) == len(found), "no object comes twice"
    for item in found:
        assert item["apiVersion"], item
        assert item["kind"] == "Namespace" or item["metadata"]["namespace"] == "taskflow"
    for item in found:
        if item["kind"] == "Deployment":
            (container,) = item["spec"]["template"]["spec"]["containers"]
            (source,) = container["envFrom"]
            assert ("ConfigMap", source["configMapRef"]["name"]) in names
            for variable in container["env"]:
                secret = variable.get("valueFrom", {}).get("secretKeyRef")
                assert secret is None or ("Secret", secret["name"]) in names


def test_the_longest_release_name_leaves_room_for_what_is_added_to_it(stack: Path) -> None:
    kind_of_name = of_annotation(ReleaseName)
    assert kind_of_name
    assert kind_of_name.most
    longest = "a" * kind_of_name.most
    lines = f"  taskflow:release: {longest}\n  taskflow:backup: {{publicKey: {PUBLIC_KEY}}}\n"
    stack.write_text(LOCAL + lines)
    most = {"Service": 63, "CronJob": 52, "StatefulSet": 63 - len("-0123456789")}
    seen = set()
    for item in objects(stack):
        kind, name = item["kind"], item["metadata"]["name"]
        assert len(name) <= most.get(kind, 253), f"{kind} {name}"
        seen.add(kind)
    assert seen >= most.keys()


def test_the_text_is_the_same_every_time(stack: Path) -> None:
    assert rendered(stack) == rendered(stack)


@pytest.mark.parametrize(("number", "text"), list(enumerate(TEXTS)))
def test_a_text_that_looks_like_a_number_to_go_is_in_quotes(
    with_texts: str, number: int, text: str
) -> None:
    assert f"- name: HINT_{number}\n          value: '{text}'\n" in with_texts


def test_the_order_is_that_of_applying(local: list[dict[str, Any]]) -> None:
    kinds = [item["kind"] for item in local]
    assert kinds == [
        "Namespace",
        *["NetworkPolicy"] * 4,
        "ConfigMap",
        "Secret",
        "Secret",
        "PersistentVolumeClaim",
        *["Service"] * 4,
        "StatefulSet",
        "Deployment",
        "Deployment",
        "PodDisruptionBudget",
        "PodDisruptionBudget",
    ]


def test_a_change_of_configuration_shows_as_another_config_map(
    stack: Path, local: list[dict[str, Any]]
) -> None:
    before = {item["metadata"]["name"] for item in local}
    stack.write_text(f"{LOCAL}  taskflow:logLevel: debug\n")
    after = {item["metadata"]["name"] for item in objects(stack)}
    (gone,), (come,) = before - after, after - before
    assert gone.startswith("taskflow-config-")
    assert come.startswith("taskflow-config-")


def test_secrets_are_masked(local: list[dict[str, Any]]) -> None:
    for item in local:
        if item["kind"] == "Secret":
            assert set(item["stringData"].values()) == {"masked"}
            assert "data" not in item


def test_a_secret_that_strays_into_another_object_is_masked_too() -> None:
    recorder = Recorder()
    pulumi.runtime.set_mocks(recorder, project="taskflow", stack="test", preview=False)
    wrapped = {
        "4dabf18193072939515e22adb298388d": "1b47061264138c4ac30d75fd1eb44270",
        "value": {"deep": ["canary"]},
    }
    inputs = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "x"}, "data": wrapped}
    recorder.new_resource(
        pulumi.runtime.MockResourceArgs(typ="kubernetes:core/v1:ConfigMap", name="x", inputs=inputs)
    )
    assert recorder.objects[0]["data"] == {"deep": ["masked"]}


def test_an_existing_secret_needs_no_cluster(tmp_path: Path) -> None:
    path = tmp_path / "Pulumi.hand.yaml"
    path.write_text(
        "config:\n  taskflow:cluster: {minikube: minikube}\n  taskflow:createNamespace: false\n"
        "  taskflow:secrets: {existing: by-hand}\n"
    )
    kinds = [item["kind"] for item in objects(path)]
    assert "Secret" not in kinds
    assert kinds.count("Deployment") == 2


@pytest.mark.parametrize(
    ("line", "encoding", "said"),
    [
        ("  taskflow:logLevel: loud\n", "utf-8", "taskflow:logLevel: got "),
        ("# Größe\n", "latin-1", "is not UTF-8: byte 0xf6 "),
    ],
)
def test_a_mistake_in_the_file_is_reported_as_validate_reports_it(
    stack: Path, line: str, encoding: str, said: str
) -> None:
    stack.write_bytes(f"{LOCAL}{line}".encode(encoding))
    with pytest.raises(OpsError, match=f"^Pulumi.local.yaml:5: {said}") as caught:
        checked(stack)
    assert caught.value.what == "\n".join(verdict(stack).errors)
    assert caught.value.code == 2


@pytest.mark.exhaustive
def test_nothing_but_the_objects_is_written(root: Path) -> None:
    """Left to itself, the SDK leaves event loops open, and the interpreter says so when it ends."""
    command = [sys.executable, "-W", "always::ResourceWarning", "-m", "ops", "render"]
    result = subprocess.run(command, cwd=root, capture_output=True, text=True)
    assert result.stderr == ""
