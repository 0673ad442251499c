"""The cluster behind a stack: its context must exist, and its Minikube decides where images and NodePorts are."""

import json
import os
from pathlib import Path

import pulumi
import pytest
import yaml

from components.build_context import build_of, reference
from components.cluster import kubernetes_provider
from components.config.stack import Cluster, Images
from components.image_build import built_image, docker_provider
from components.minikube import ClusterError, Minikube
from tests.unit.conftest import Engine


@pytest.fixture
def kubeconfig(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A kubeconfig with two contexts."""
    path = tmp_path / "config"
    path.write_text(yaml.safe_dump({"contexts": [{"name": "minikube"}, {"name": "staging"}]}))
    monkeypatch.setenv("KUBECONFIG", str(path))
    return path


def write_profile(home: Path, driver: str) -> None:
    folder = home / ".minikube" / "profiles" / "minikube"
    folder.mkdir(parents=True)
    nodes = [{"IP": "192.168.49.2", "ControlPlane": True}]
    (folder / "config.json").write_text(json.dumps({"Driver": driver, "Nodes": nodes}))


@pytest.mark.parametrize(
    ("context", "fix"),
    [
        ("production", "get that cluster's credentials"),
        ("stagin", "did you mean staging? Correct taskflow:cluster.context in Pulumi.test.yaml"),
        ("taskflow", "make up STACK=test starts Minikube"),
    ],
)
def test_an_unknown_context_is_named_with_those_that_exist_and_the_fix(
    kubeconfig: Path, context: str, fix: str
) -> None:
    pulumi.runtime.set_mocks(Engine(), project="taskflow", stack="test", preview=False)
    with pytest.raises(ClusterError) as caught:
        kubernetes_provider("cluster", Cluster(context=context, minikube="taskflow"))
    said = f"no kubectl context {context!r}; the kubeconfig has minikube, staging; {fix}"
    assert said in str(caught.value)


def test_without_a_kubeconfig_the_error_says_that_there_is_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KUBECONFIG", str(tmp_path / "absent"))
    pulumi.runtime.set_mocks(Engine(), project="taskflow", stack="test", preview=False)
    with pytest.raises(ClusterError, match="has none"):
        kubernetes_provider("cluster", Cluster(context="minikube"))


def test_the_provider_is_bound_to_the_stacks_context(kubeconfig: Path) -> None:
    engine = Engine()
    pulumi.runtime.set_mocks(engine, project="taskflow", stack="test", preview=False)

    @pulumi.runtime.test  # type: ignore[untyped-decorator]
    def program() -> pulumi.Output[str]:
        return kubernetes_provider("cluster", Cluster(context="staging")).urn

    program()
    assert engine.inputs["cluster"]["context"] == "staging"
    assert engine.inputs["cluster"]["kubeconfig"] == "", (
        "a path of one person's, or several files, in all colleagues' states"
    )


def test_a_profile_that_was_never_made_is_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MINIKUBE_HOME", str(tmp_path))
    assert Minikube.find("minikube") is None


def test_driver_none_answers_on_loopback_and_builds_in_this_machines_daemon(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MINIKUBE_HOME", str(tmp_path))
    write_profile(tmp_path, "none")
    minikube = Minikube.find("minikube")
    assert minikube is not None
    assert minikube.host == "127.0.0.1"
    assert docker_provider("docker", minikube) is None


def test_driver_docker_answers_on_the_nodes_address(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MINIKUBE_HOME", str(tmp_path))
    write_profile(tmp_path, "docker")
    minikube = Minikube.find("minikube")
    assert minikube is not None
    assert minikube.host == "192.168.49.2"


@pytest.fixture
def minikube_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A `minikube` on PATH whose answer a test decides."""
    path = tmp_path / "bin" / "minikube"
    path.parent.mkdir()
    monkeypatch.setenv("PATH", str(path.parent), prepend=":")
    return path


def answer(command: Path, script: str) -> None:
    command.write_text(f"#!/bin/sh\n{script}\n")
    command.chmod(0o755)


def test_other_drivers_build_in_the_daemon_inside_the_cluster(minikube_command: Path) -> None:
    environment = {
        "DOCKER_TLS_VERIFY": "1",
        "DOCKER_HOST": "tcp://127.0.0.1:32770",
        "DOCKER_CERT_PATH": "/certs",
        "MINIKUBE_ACTIVE_DOCKERD": "minikube",
    }
    # For a shell it prints export lines, whatever output is asked for.
    answer(
        minikube_command,
        f"""case "$*" in *"--shell none"*) echo '{json.dumps(environment)}';; *) echo 'export X=...';; esac""",
    )
    engine = Engine()
    pulumi.runtime.set_mocks(engine, project="taskflow", stack="test", preview=False)
    profile = Minikube(profile="minikube", driver="docker", node_ip="192.168.49.2")

    @pulumi.runtime.test  # type: ignore[untyped-decorator]
    def program() -> pulumi.Output[str]:
        provider = docker_provider("docker", profile)
        assert provider is not None
        return provider.urn

    program()
    assert engine.inputs["docker"]["host"] == "tcp://127.0.0.1:32770"
    assert engine.inputs["docker"]["certPath"] == "/certs"
    found = profile.docker_environment(os.environ)
    assert found["DOCKER_TLS_VERIFY"] == "1", "the docker command line would not use TLS"


def test_a_profile_that_a_start_left_unfinished_says_how_to_remove_it(tmp_path: Path) -> None:
    config = tmp_path / ".minikube" / "profiles" / "minikube" / "config.json"
    config.parent.mkdir(parents=True)
    config.touch()
    with pytest.raises(ClusterError, match=r"config\.json.*minikube delete --profile minikube"):
        Minikube.find("minikube", {"MINIKUBE_HOME": str(tmp_path)})


def test_a_stopped_minikube_says_how_to_start_it(minikube_command: Path) -> None:
    answer(minikube_command, "echo 'the control-plane node is not running' >&2; exit 85")
    profile = Minikube(profile="minikube", driver="docker", node_ip="")
    with pytest.raises(
        ClusterError, match=r"not running; start it with: minikube start --profile minikube"
    ):
        docker_provider("docker", profile)


# A node on containerd, as https://minikube.sigs.k8s.io/docs/commands/image/ documents it. Its images are in one file,
# the calls in another. A node that runs has Kubernetes' own images.
PAUSE = '{"id": "sha256:0", "repoTags": ["registry.k8s.io/pause:3.10"]}'
CONTAINERD = """echo "$*" >> "{folder}/calls"
case "$*" in
"image ls --format json --profile dev") echo "[$(cat "{folder}/images")]" ;;
"image load taskflow-backend:1a2b --profile dev")
    echo ', {{"id": "sha256:1", "repoTags": ["docker.io/library/taskflow-backend:1a2b"]}}' >> "{folder}/images" ;;
*) exit 64 ;;
esac"""


@pytest.fixture
def containerd(minikube_command: Path) -> Minikube:
    (minikube_command.parent / "images").write_text(PAUSE)
    answer(minikube_command, CONTAINERD.format(folder=minikube_command.parent))
    return Minikube(profile="dev", driver="docker", node_ip="192.168.49.2", runtime="containerd")


def calls(command: Path) -> list[str]:
    return [line.split()[1] for line in (command.parent / "calls").read_text().splitlines()]


def test_a_profile_of_todays_default_runs_containerd(tmp_path: Path) -> None:
    folder = tmp_path / ".minikube" / "profiles" / "minikube"
    folder.mkdir(parents=True)
    settings = {"Driver": "docker", "KubernetesConfig": {"ContainerRuntime": "containerd"}}
    (folder / "config.json").write_text(json.dumps(settings))
    found = Minikube.find("minikube", {"MINIKUBE_HOME": str(tmp_path)})
    assert found is not None
    assert found.needs_loading
    assert found.docker_environment({}) == {}, "this machine's own Docker builds"


def test_an_image_is_loaded_into_a_node_on_containerd_once(
    containerd: Minikube, minikube_command: Path
) -> None:
    containerd.load("taskflow-backend:1a2b")
    containerd.load("taskflow-backend:1a2b")
    assert calls(minikube_command) == ["ls", "load", "ls", "ls"], "its tag was there"


def test_a_load_that_failed_silently_is_an_error_with_the_command(
    containerd: Minikube, minikube_command: Path
) -> None:
    answer(minikube_command, f"[ $2 != ls ] || echo '[{PAUSE}]'")
    with pytest.raises(ClusterError, match="minikube image load --profile dev taskflow-backend:9"):
        containerd.load("taskflow-backend:9")


@pytest.mark.parametrize(
    "said",
    ["echo 'Profile \"dev\" not found'; exit 85", "echo '[]'"],
    ids=["no profile", "stopped"],
)
def test_a_node_that_does_not_answer_is_reported_before_anything_is_loaded(
    containerd: Minikube, minikube_command: Path, said: str
) -> None:
    """Minikube lists no image of a stopped profile, and exits with 0."""
    answer(minikube_command, f'echo "$*" >> "{minikube_command.parent}/calls"; {said}')
    with pytest.raises(ClusterError, match=r"does not list.*minikube start --profile dev"):
        containerd.load("taskflow-backend:1a2b")
    assert calls(minikube_command) == ["ls"]


def test_pods_wait_for_the_load_and_a_preview_loads_nothing(
    containerd: Minikube, sources: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    done: list[str] = []
    monkeypatch.setattr(Minikube, "load", lambda self, image: done.append(f"loaded {image}"))
    images = Images()
    build = build_of(images, "backend", sources)

    @pulumi.runtime.test  # type: ignore[untyped-decorator]
    def program() -> pulumi.Output[None]:
        opts = pulumi.ResourceOptions()
        image = built_image("taskflow", "backend", build, images, opts, node=containerd)
        return pulumi.Output.from_input(image.reference).apply(done.append)

    wanted = reference("taskflow-backend", build)
    pulumi.runtime.set_mocks(Engine(), project="taskflow", stack="test", preview=True)
    program()
    assert done == [wanted], "known in the preview, where nothing is built that could be loaded"
    pulumi.runtime.set_mocks(Engine(), project="taskflow", stack="test", preview=False)
    program()
    assert done[1:] == [f"loaded {wanted}", wanted]


def test_an_image_that_is_not_loaded_ends_the_update_without_a_traceback(
    containerd: Minikube, sources: Path, minikube_command: Path
) -> None:
    answer(minikube_command, "exit 85")
    images = Images()
    build = build_of(images, "backend", sources)

    @pulumi.runtime.test  # type: ignore[untyped-decorator]
    def program() -> pulumi.Output[str]:
        opts = pulumi.ResourceOptions()
        image = built_image("taskflow", "backend", build, images, opts, node=containerd)
        return pulumi.Output.from_input(image.reference)

    pulumi.runtime.set_mocks(Engine(), project="taskflow", stack="test", preview=False)
    with pytest.raises(pulumi.RunError, match="minikube start --profile dev"):
        program()
