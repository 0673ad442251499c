"""When the cluster is left alone, started, repaired or refused. kubectl and minikube are scripts."""

import json
import os
import socket
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from ops.config.stacks import StackFile
from ops.errors import OpsError
from ops.prepare import cluster
from ops.prepare.tools import Origin
from tests.ops.machines import DEV, minikube_profile

PROD = StackFile("prod", Path("Pulumi.prod.yaml"), "taskflow-prod", None, None, True)


def item(kind: str, name: str, app: str = "", *, ready: bool = True) -> dict[str, Any]:
    condition = {"type": "Ready", "status": "True" if ready else "False"}
    labels = {"k8s-app": app} if app else {}
    metadata = {"name": name, "labels": labels}
    return {"kind": kind, "metadata": metadata, "status": {"conditions": [condition]}}


NODE = item("Node", "minikube")
PROXY = item("Pod", "kube-proxy-1", "kube-proxy")
DNS = item("Pod", "coredns-1", "kube-dns")
OTHER = item("Pod", "storage-provisioner", ready=False)
STORAGE: dict[str, Any] = {"kind": "StorageClass", "metadata": {"name": "standard"}}


class World:
    """A PATH with a kubectl that answers from a file and a minikube that makes that answer healthy."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.answer = folder / "answer.json"
        self.healthy = folder / "healthy.json"
        self.healthy.write_text(json.dumps({"items": [NODE, PROXY, DNS, OTHER, STORAGE]}))
        self.program("kubectl", f'cat "{self.answer}"')
        self.program(
            "minikube", f'echo "$@" >> "{folder}/calls"; cp "{self.healthy}" "{self.answer}"'
        )
        self.program("docker", "echo Debian GNU/Linux")
        self.env = {
            **os.environ,
            "PATH": f"{folder}{os.pathsep}{os.environ['PATH']}",
            "MINIKUBE_HOME": str(folder / ".minikube"),
        }

    def program(self, name: str, script: str) -> None:
        (self.folder / name).write_text(f"#!/bin/sh\n{script}\n")
        (self.folder / name).chmod(0o755)

    def finds(self, *items: dict[str, Any]) -> None:
        self.answer.write_text(json.dumps({"items": list(items)}))

    @property
    def minikube_calls(self) -> list[str]:
        calls = self.folder / "calls"
        return calls.read_text().splitlines() if calls.exists() else []


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


def test_a_healthy_cluster_is_left_alone(world: World) -> None:
    world.finds(NODE, PROXY, DNS, OTHER, STORAGE)
    assert cluster.ensure(DEV, Origin.OFFICIAL, env=world.env) == "running already"
    assert world.minikube_calls == [], "even a minikube start without work takes seconds"


@pytest.mark.parametrize(
    ("items", "wrong"),
    [
        ([item("Node", "minikube", ready=False), PROXY, DNS, STORAGE], "not ready: minikube"),
        (
            [NODE, PROXY, item("Pod", "coredns-1", "kube-dns", ready=False), STORAGE],
            "not ready: coredns-1",
        ),
        ([NODE, DNS, STORAGE], "not ready: kube-proxy"),
        ([NODE, PROXY, DNS], "not ready: StorageClass"),
    ],
    ids=["node", "names do not resolve", "no service addresses", "no volumes"],
)
def test_a_cluster_that_would_fail_the_release_is_not_called_healthy(
    world: World, items: list[dict[str, Any]], wrong: str
) -> None:
    world.finds(*items)
    assert cluster.trouble("minikube", world.env) == wrong


def test_a_laptop_gets_a_cluster_of_two_cpus_and_four_gigabytes_in_docker(world: World) -> None:
    assert cluster.ensure(DEV, Origin.OFFICIAL, env=world.env) == "started"
    [call] = world.minikube_calls
    assert call.startswith(
        "start --profile minikube --driver=docker --container-runtime=docker --cpus=2 --memory=4g"
    )
    assert "--ports" not in call, "the node's own address answers"


@pytest.mark.parametrize("status", ["enabled", "disabled"])
def test_the_metrics_server_is_enabled_where_it_is_off(world: World, status: str) -> None:
    addons = world.folder / "addons.json"
    addons.write_text(json.dumps({"metrics-server": {"Status": status}}))
    world.program("minikube", f'echo "$@" >> "{world.folder}/calls"; cat "{addons}"')
    assert cluster.enable_metrics("minikube", env=world.env) is (status == "disabled")
    enabled = "addons enable metrics-server --profile minikube" in world.minikube_calls
    assert enabled is (status == "disabled")


def test_a_metrics_server_that_cannot_be_enabled_is_an_error_with_a_fix(world: World) -> None:
    world.program(
        "minikube", '[ $2 = enable ] && exit 1; echo \'{"metrics-server": {"Status": ""}}\''
    )
    with pytest.raises(OpsError, match="metrics-server") as error:
        cluster.enable_metrics("minikube", env=world.env)
    assert "replicas in place of autoscaling" in str(error.value.fix)


def test_on_a_mac_the_node_port_is_published(world: World) -> None:
    cluster.ensure(DEV, Origin.OFFICIAL, env=world.env, system="darwin")
    [call] = world.minikube_calls
    assert call.endswith("--ports=127.0.0.1:30080:30080")


def test_docker_desktop_on_linux_publishes_the_node_port_too(world: World) -> None:
    world.program("docker", "echo Docker Desktop")
    cluster.ensure(DEV, Origin.OFFICIAL, env=world.env)
    [call] = world.minikube_calls
    assert call.endswith("--ports=127.0.0.1:30080:30080")


def test_a_profile_that_exists_keeps_its_own_driver_and_size(world: World) -> None:
    minikube_profile(world.folder, "kvm2")
    cluster.ensure(DEV, Origin.PATH, env=world.env)
    assert world.minikube_calls == ["start --profile minikube"]


def test_a_minikube_built_here_is_started_by_what_built_it(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []

    def airgap(step: str, *, env: object) -> None:
        asked.append(step)
        world.finds(NODE, PROXY, DNS, STORAGE)

    monkeypatch.setattr(cluster, "airgap", airgap)
    cluster.ensure(DEV, Origin.BUILT, env=world.env)
    assert asked == ["cluster"]
    assert world.minikube_calls == []


@pytest.mark.parametrize(("driver", "expected"), [("none", ["cluster"]), ("docker", [])])
def test_what_started_a_cluster_here_sees_it_also_when_it_answers(
    world: World, monkeypatch: pytest.MonkeyPatch, driver: str, expected: list[str]
) -> None:
    """It records, before a reboot, that an interrupted first start succeeded."""
    asked: list[str] = []
    monkeypatch.setattr(cluster, "airgap", lambda step, *, env: asked.append(step))
    minikube_profile(world.folder, driver)
    world.finds(NODE, PROXY, DNS, STORAGE)
    assert cluster.ensure(DEV, Origin.BUILT, env=world.env) == "running already"
    assert asked == expected


def test_a_minikube_that_does_not_start_is_one_clear_error(world: World) -> None:
    world.program("minikube", "echo 'X Exiting due to PROVIDER_DOCKER_NOT_RUNNING'; exit 69")
    with pytest.raises(OpsError, match="could not start profile minikube"):
        cluster.ensure(DEV, Origin.OFFICIAL, env=world.env)


def test_a_cluster_elsewhere_is_never_started(world: World) -> None:
    world.program("kubectl", "echo minikube; echo taskflow-prod")
    assert cluster.ensure(PROD, Origin.OFFICIAL, env=world.env) == "context taskflow-prod"
    assert world.minikube_calls == []


@pytest.mark.parametrize("stack", [PROD, replace(DEV, context="minikub")])
def test_a_context_that_nothing_will_make_is_refused_at_once(
    world: World, stack: StackFile
) -> None:
    world.program("kubectl", "echo minikube; echo other")
    with pytest.raises(OpsError, match=f"no kubectl context '{stack.context}'"):
        cluster.ensure(stack, Origin.OFFICIAL, env=world.env)
    assert world.minikube_calls == []


def test_a_node_port_that_another_program_listens_on_is_refused() -> None:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        port = listener.getsockname()[1]
        with pytest.raises(OpsError, match=f"port {port} is in use") as error:
            cluster.require_free_port(port)
        assert "nodePort" in error.value.fix
    cluster.require_free_port(port)
