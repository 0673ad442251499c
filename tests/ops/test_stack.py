"""Stack files, the copy that the engine reads, and what a killed run left behind.

The engine is a small script on PATH that records how it was called: the tests check what `ops`
asks for. Whether the real engine agrees is for the engine and live tests.
"""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from components.config.stack_file import StackFile as Source
from ops import cli, session
from ops.config.stacks import StackFile
from ops.engine.backend import Backend
from ops.engine.recovery import IMAGE, recover
from ops.engine.stack import NOT_ROLLED_OUT, Stack
from ops.errors import OpsError
from ops.paths import POLICY, ROOT
from ops.prepare import setup
from tests.ops.conftest import Cluster
from tests.ops.machines import LOCAL, minikube_profile, set_up

ENGINE = """
import json, os, pathlib, sys
here = pathlib.Path(__file__).parent
state = here.parent / ".state/.pulumi/stacks/taskflow/dev.json"
with (here / "calls").open("a") as calls:
    print(*sys.argv[1:], file=calls)
if "export" in sys.argv:
    latest = json.loads(state.read_text())["checkpoint"]["latest"]
    if os.environ.get("OTHERS_WRITE") == "yes":
        latest["manifest"] = {"time": (here / "calls").read_text().count("export")}
    print(json.dumps({"version": 3, "deployment": latest}))
if "refresh" in sys.argv and os.environ.get("REFRESH") == "fails":
    sys.exit("error: the engine's own words")
if "refresh" in sys.argv and state.exists() and os.environ.get("REFRESH") != "skips":
    content = json.loads(state.read_text())
    for resource in content["checkpoint"]["latest"]["resources"]:
        if resource["urn"] in sys.argv:
            resource["outputs"] = {"__inputs": {}}
    state.write_text(json.dumps(content))
if "import" in sys.argv:
    (here / "imported").write_text(pathlib.Path(sys.argv[sys.argv.index("--file") + 1]).read_text())
if "--event-log" in sys.argv:
    pathlib.Path(sys.argv[sys.argv.index("--event-log") + 1]).write_text("events")
    print("what the engine shows")
    sys.exit(os.environ.get("ENGINE_FAILS") == "yes")
if "--preview-only" in sys.argv:
    print("what the engine shows")
    sys.exit(os.environ.get("ENGINE_FAILS") == "yes")
if "init" in sys.argv:
    folder = pathlib.Path(sys.argv[sys.argv.index("--cwd") + 1])
    with (folder / "Pulumi.dev.yaml").open("a") as file:
        print("encryptionsalt: v1:made-by-the-engine", file=file)
"""

SLOW_ENGINE = """
import pathlib, signal, sys, time
notes = pathlib.Path(__file__).parent / "notes"
def stop(*_):
    time.sleep(0.5)  # Longer than Python itself gives a child.
    notes.write_text("state written")
    sys.exit(0)
signal.signal(signal.SIGINT, stop)
notes.touch()
time.sleep(60)
"""

CALLER = """
import os, pathlib, signal
# A shell's background job ignores it from its start, and so would this one.
signal.signal(signal.SIGINT, signal.default_int_handler)
from ops.config.stacks import StackFile
from ops.engine.backend import Backend
from ops.engine.stack import Stack
folder = pathlib.Path({folder!r})
backend = Backend((folder / ".state").as_uri(), ours=True)
stack = Stack(StackFile.read("dev", folder), backend, os.environ, folder / ".state")
stack.{command}
"""


@pytest.fixture
def rolled_out(cluster: Cluster) -> None:
    """The cluster says that every rollout is done."""
    cluster.answer("rollout", "successfully rolled out")


class Checkout:
    """A stack with its own state folder and an engine that only records calls."""

    def __init__(self, folder: Path, committed: str = "config: {}\n") -> None:
        self.folder = folder
        self.committed = folder / "Pulumi.dev.yaml"
        self.committed.write_text(committed)
        (folder / "bin").mkdir()
        self.program("pulumi", f"#!{sys.executable}{ENGINE}")
        self.state = folder / ".state"
        self.state.mkdir()
        env = {**os.environ, "PATH": f"{folder / 'bin'}{os.pathsep}{os.environ['PATH']}"}
        backend = Backend(f"file://{self.state}", ours=True)
        self.stack = Stack(StackFile.read("dev", folder), backend, env, self.state)

    def program(self, name: str, text: str) -> None:
        path = self.folder / "bin" / name
        path.write_text(text)
        path.chmod(0o755)

    @property
    def calls(self) -> list[str]:
        notes = self.folder / "bin" / "calls"
        return notes.read_text().splitlines() if notes.exists() else []

    @property
    def copy(self) -> Path:
        return self.state / "config" / "Pulumi.dev.yaml"

    def lock(self, pid: int) -> Path:
        path = self.state / ".pulumi/locks/organization/taskflow/dev/1.json"
        path.parent.mkdir(parents=True)
        owner = {"pid": pid, "username": "someone", "hostname": socket.gethostname()}
        path.write_text(json.dumps({**owner, "timestamp": "2026-01-01T00:00:00Z"}))
        return path

    def checkpoint(self, pending: Sequence[object] = (), resources: Sequence[object] = ()) -> None:
        path = self.state / ".pulumi/stacks/taskflow/dev.json"
        path.parent.mkdir(parents=True)
        latest = {"resources": resources, "pending_operations": pending}
        path.write_text(json.dumps({"checkpoint": {"latest": latest}}))

    @property
    def imported(self) -> dict[str, Any]:
        """The state that the engine was given to import."""
        state = json.loads((self.folder / "bin" / "imported").read_text())
        deployment: dict[str, Any] = state["deployment"]
        return deployment


@pytest.fixture
def checkout(tmp_path: Path) -> Checkout:
    return Checkout(tmp_path)


def test_a_missing_stack_file_is_named_with_those_that_exist(tmp_path: Path) -> None:
    for name in ("dev", "prod"):
        (tmp_path / f"Pulumi.{name}.yaml").touch()
    with pytest.raises(OpsError, match="no stack 'staging'") as error:
        StackFile.read("staging", tmp_path)
    assert error.value.fix == "use one of STACK=dev, STACK=prod"


@pytest.mark.parametrize(
    "committed",
    [None, b"<<<<<<< HEAD\n", "# Größe\n".encode("latin-1")],
    ids=["gone", "in a conflict", "not UTF-8"],
)
def test_what_is_deployed_is_known_though_the_stack_file_cannot_be_read(
    checkout: Checkout, committed: bytes | None
) -> None:
    checkout.stack.select()
    if committed:
        checkout.committed.write_bytes(committed)
    else:
        checkout.committed.unlink()
    known = replace(checkout.stack, file=StackFile.known("dev", checkout.folder, checkout.state))
    assert known.config_file() == checkout.copy
    assert "encryptionsalt" in checkout.copy.read_text()


def test_a_stack_that_nobody_brought_up_here_is_not_known(checkout: Checkout) -> None:
    with pytest.raises(OpsError, match="no stack 'qa'"):
        StackFile.known("qa", checkout.folder, checkout.state)


def test_the_committed_dev_stack_is_on_minikube_with_a_fixed_port() -> None:
    dev = StackFile.read("dev")
    assert (dev.profile, dev.context, dev.node_port) == ("minikube", "minikube", 30080)
    assert (dev.autoscales, StackFile.read("prod").autoscales) == (False, True)
    assert dev.builds_images


def test_a_stack_of_prebuilt_images_builds_none(tmp_path: Path) -> None:
    ref = f"{{ref: ghcr.io/acme/x@sha256:{'1' * 64}}}"
    checkout = Checkout(
        tmp_path, f"config:\n  taskflow:images: {{backend: {ref}, frontend: {ref}}}\n"
    )
    assert not checkout.stack.file.builds_images


def test_wrong_types_in_a_stack_file_are_left_to_the_program(tmp_path: Path) -> None:
    checkout = Checkout(tmp_path, "config:\n  taskflow:cluster: 7\n  taskflow:frontend: []\n")
    assert checkout.stack.file.profile is None


def test_making_a_stack_leaves_the_committed_file_alone(checkout: Checkout) -> None:
    assert checkout.stack.select()
    assert checkout.committed.read_text() == "config: {}\n"
    assert "encryptionsalt: v1:made-by-the-engine" in checkout.copy.read_text()


@pytest.mark.usefixtures("rolled_out")
def test_the_engine_reads_later_edits_together_with_the_salt(checkout: Checkout) -> None:
    checkout.stack.select()
    checkout.committed.write_text("config:\n  taskflow:release: blue\n")

    checkout.stack.up("a message")

    assert f"--config-file {checkout.copy}" in checkout.calls[-1]
    assert "--message a message" in checkout.calls[-1], "the history must have the title"
    assert checkout.copy.read_text() == (
        "config:\n  taskflow:release: blue\nencryptionsalt: v1:made-by-the-engine\n"
    )


def others_texts(folder: Path) -> Mapping[str, str]:
    """The values under another namespace."""
    return Source.of_stack("dev", "other", folder, bare="taskflow").texts


@pytest.mark.parametrize(
    "text",
    [
        "{config: {taskflow:release: blue}}\n",
        "config:\n  taskflow:release: blue\n...\n",
        "  config:\n    taskflow:release: blue\n",
        "config:\n  taskflow:release: blue\n  other:text: |+\n    a\n\n",
        "config:\r\n  taskflow:release: blue",
    ],
)
def test_the_salt_changes_nothing_else_however_the_file_is_written(
    tmp_path: Path, text: str
) -> None:
    checkout = Checkout(tmp_path, text)
    written = others_texts(tmp_path)
    checkout.copy.parent.mkdir()
    checkout.copy.write_text("config: {}\nencryptionsalt: v1:made-by-the-engine\n")
    for _ in range(2):
        checkout.stack.config_file()
        copy = Source.of_stack("dev", "taskflow", checkout.copy.parent)
        assert copy.texts["release"] == "blue"
        assert copy.settings == {"encryptionsalt": "v1:made-by-the-engine"}
        assert others_texts(checkout.copy.parent) == written


@pytest.mark.usefixtures("rolled_out")
def test_a_stack_file_with_its_own_salt_is_read_as_it_is(tmp_path: Path) -> None:
    checkout = Checkout(tmp_path, "encryptionsalt: v1:of-the-team\nconfig: {}\n")
    checkout.stack.up("a message")
    assert f"--config-file {checkout.committed}" in checkout.calls[-1]


def test_an_update_that_the_engine_calls_done_fails_where_a_rollout_gets_stuck(
    checkout: Checkout, cluster: Cluster
) -> None:
    cluster.answer("rollout", "successfully rolled out")
    cluster.answer("get", {"items": []})
    cluster.answer("rollout statefulset", "error: timed out waiting for the condition", code=1)
    with pytest.raises(OpsError, match="the new pods do not become ready"):
        checkout.stack.up("a message")
    update, withdrawal = checkout.calls[-2:]
    assert update.startswith("up ")
    assert withdrawal.startswith("refresh ")
    assert f"--message {NOT_ROLLED_OUT}a message" in withdrawal


@pytest.mark.usefixtures("rolled_out")
def test_preview_and_up_run_with_the_policies_and_destroy_without(checkout: Checkout) -> None:
    checkout.stack.preview()
    checkout.stack.up("a message")
    checkout.stack.destroy()
    preview, up, before, destroy = checkout.calls
    for call in (preview, up):
        assert f"--policy-pack {POLICY}" in call
        assert "--policy-pack-config" not in call, "a broken rule stops the engine"
    assert "--preview-only" in before
    assert "--preview-only" not in destroy
    assert "--policy-pack" not in destroy


def test_nothing_is_deleted_where_a_preview_says_that_not_all_can_be(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ENGINE_FAILS", "yes")
    checkout = Checkout(tmp_path)
    with pytest.raises(OpsError, match="pulumi destroy failed"):
        checkout.stack.destroy()
    [before] = checkout.calls
    assert before.startswith("destroy --preview-only")


@pytest.mark.usefixtures("rolled_out")
@pytest.mark.parametrize("policies", ["advisory", "digests"])
def test_a_stack_chooses_how_broken_rules_count(tmp_path: Path, policies: str) -> None:
    checkout = Checkout(tmp_path, f"config:\n  taskflow:policies: {policies}\n")
    checkout.stack.up("a message")
    config = POLICY / f"{policies}.json"
    assert config.is_file()
    assert f"--policy-pack-config {config}" in checkout.calls[-1]


def test_a_stack_that_exists_is_not_made_again(checkout: Checkout) -> None:
    checkout.checkpoint()
    assert not checkout.stack.select()
    assert checkout.calls == []


@pytest.mark.parametrize("name", ["dev", "organization/taskflow/dev"])
def test_the_lock_of_a_killed_run_is_released(checkout: Checkout, name: str) -> None:
    gone = subprocess.Popen(["true"])
    gone.wait()
    checkout.lock(gone.pid)
    stack = replace(checkout.stack, file=StackFile.read(name, checkout.folder))
    assert "released the lock" in recover(stack)
    assert checkout.calls == [f"cancel --yes --stack {name} --non-interactive"]


def test_the_lock_of_a_process_that_got_the_same_number_is_released(checkout: Checkout) -> None:
    checkout.lock(os.getpid())  # alive, but not pulumi
    assert "released the lock" in recover(checkout.stack)


def test_the_lock_of_a_running_update_is_respected(checkout: Checkout, tmp_path: Path) -> None:
    runs = tmp_path / "pulumi"
    runs.symlink_to("/bin/sleep")
    running = subprocess.Popen([str(runs), "60"])
    try:
        checkout.lock(running.pid)
        with pytest.raises(OpsError, match=f"changed by process {running.pid} of someone"):
            recover(checkout.stack)
    finally:
        running.kill()
        running.wait()
    assert checkout.calls == [], "a lock in use must not be broken"


def test_the_lock_of_another_machine_is_respected(checkout: Checkout) -> None:
    lock = checkout.lock(1)
    lock.write_text(lock.read_text().replace(socket.gethostname(), "elsewhere"))
    with pytest.raises(OpsError, match="@elsewhere"):
        recover(checkout.stack)


def test_nothing_is_recovered_where_nothing_was_left(checkout: Checkout) -> None:
    checkout.checkpoint()
    assert recover(checkout.stack) == ""
    assert checkout.calls == []


NOT_FOUND = 'Error from server (NotFound): namespaces "taskflow" not found'


def creating(kind: str, inputs: Mapping[str, object]) -> dict[str, Any]:
    urn = f"urn:pulumi:dev::taskflow::{kind}::it"
    return {"type": "creating", "resource": {"urn": urn, "type": kind, "inputs": inputs}}


NAMESPACED = {
    "apiVersion": "apps/v1",
    "kind": "Deployment",
    "metadata": {"name": "web", "namespace": "taskflow"},
}
DEPLOYMENT = creating("kubernetes:apps/v1:Deployment", NAMESPACED)
CLOUD = Backend("https://api.pulumi.com", ours=False)


def test_an_object_that_a_killed_run_made_is_taken_into_the_state(
    checkout: Checkout, cluster: Cluster
) -> None:
    cluster.answer("get", "deployment.apps/web")
    checkout.checkpoint([DEPLOYMENT])

    recover(checkout.stack)

    [resource] = checkout.imported["resources"]
    assert resource["id"] == "taskflow/web"
    assert resource["outputs"] == NAMESPACED
    assert cluster.asked[0].namespace == "taskflow"
    assert "pending_operations" not in checkout.imported
    assert f"--target {resource['urn']}" in checkout.calls[-1], "it is read as it really is"


def test_what_a_killed_run_left_is_settled_in_a_backend_that_is_no_folder_too(
    checkout: Checkout, cluster: Cluster
) -> None:
    cluster.answer("get", "deployment.apps/web")
    checkout.checkpoint([DEPLOYMENT])
    assert "settled 1 operations" in recover(replace(checkout.stack, backend=CLOUD))
    assert [found["id"] for found in checkout.imported["resources"]] == ["taskflow/web"]


def test_what_an_update_elsewhere_is_about_to_end_is_left_to_it(
    checkout: Checkout, cluster: Cluster
) -> None:
    cluster.answer("get", "deployment.apps/web")
    checkout.checkpoint([DEPLOYMENT])
    shared = replace(checkout.stack, backend=CLOUD)
    assert recover(shared, changing=False) == "", (
        "a reader cannot know whether that update still runs"
    )
    busy = replace(shared, env={**shared.env, "OTHERS_WRITE": "yes"})
    with pytest.raises(OpsError, match="is being changed by another update"):
        recover(busy)
    assert not any("import" in call for call in checkout.calls)


def test_incomplete_attributes_are_deleted_and_complete_ones_stay(checkout: Checkout) -> None:
    checkout.checkpoint()
    folder = checkout.state / ".pulumi/stacks/taskflow"
    (folder / "dev.json.attrs").write_text("")
    (folder / "other.json.attrs").write_text("{}")
    recover(checkout.stack)
    assert [file.name for file in folder.glob("*.attrs")] == ["other.json.attrs"]


def test_a_killed_engine_whose_parent_has_not_noticed_holds_no_lock(
    checkout: Checkout, monkeypatch: pytest.MonkeyPatch
) -> None:
    checkout.lock(pid=1)
    says = "case \"$*\" in *stat=*) echo 'Z    pulumi <defunct>';; *) echo pulumi;; esac"
    checkout.program("ps", f"#!/bin/sh\n{says}\n")
    monkeypatch.setenv("PATH", str(checkout.stack.env["PATH"]))
    assert "released the lock" in recover(checkout.stack)


def test_a_lock_is_respected_if_its_process_cannot_be_checked(
    checkout: Checkout, monkeypatch: pytest.MonkeyPatch
) -> None:
    checkout.lock(pid=1)
    monkeypatch.setenv("PATH", "")
    with pytest.raises(OpsError, match="is being changed by process 1"):
        recover(checkout.stack)


@pytest.mark.parametrize(
    ("known", "expected"),
    [
        ({}, [(None, "taskflow/old"), (True, "taskflow/web")]),
        ({"pendingReplacement": True}, [(None, "taskflow/web")]),
    ],
    ids=["the old one is still there", "the old one was deleted first"],
)
def test_an_object_that_was_to_replace_one_joins_the_state_without_breaking_it(
    checkout: Checkout,
    cluster: Cluster,
    known: dict[str, bool],
    expected: list[tuple[bool | None, str]],
) -> None:
    """The engine refuses a state with two resources of one name, unless all but one are marked for deletion."""
    cluster.answer("get", "deployment.apps/web")
    operation = creating("kubernetes:core/v1:ConfigMap", NAMESPACED)
    urn = operation["resource"]["urn"]
    checkout.checkpoint([operation], [{"urn": urn, "id": "taskflow/old", **known}])
    recover(checkout.stack)
    resources = checkout.imported["resources"]
    assert [(found.get("delete"), found["id"]) for found in resources] == expected


@pytest.mark.parametrize(
    "operation",
    [
        DEPLOYMENT,
        creating("random:index/randomPassword:RandomPassword", {"length": 32}),
    ],
    ids=["object that never came to be", "generated value"],
)
def test_what_a_killed_run_did_not_make_is_made_by_the_next(
    checkout: Checkout, cluster: Cluster, operation: dict[str, object]
) -> None:
    cluster.answer("get", NOT_FOUND, code=1)
    checkout.checkpoint([operation])
    recover(checkout.stack)
    assert checkout.imported == {"resources": []}
    assert "refresh" not in checkout.calls[-1]


MINIKUBE = "config:\n  taskflow:cluster: {context: minikube, minikube: minikube}\n"


def resource(kind: str, identity: str) -> dict[str, Any]:
    return {"urn": f"urn:pulumi:dev::taskflow::{kind}::{identity}", "type": kind, "id": identity}


DEPLOYED = (
    resource("kubernetes:core/v1:Namespace", "taskflow"),
    resource("kubernetes:apps/v1:Deployment", "taskflow/web"),
    resource("random:index/randomPassword:RandomPassword", "none"),
)


def test_the_state_forgets_the_objects_of_a_cluster_that_was_made_anew(
    tmp_path: Path, cluster: Cluster
) -> None:
    checkout = Checkout(tmp_path, MINIKUBE)
    cluster.answer("get", NOT_FOUND, code=1)
    checkout.checkpoint(resources=DEPLOYED)

    assert "no longer has namespace taskflow" in recover(checkout.stack)

    [refresh] = checkout.calls
    assert refresh.startswith("refresh --yes")
    assert all(f"--target {found['urn']}" in refresh for found in DEPLOYED[:2])
    assert "RandomPassword" not in refresh, "generated secrets stay"


@pytest.mark.parametrize(
    ("committed", "finds", "says"),
    [
        (MINIKUBE, True, "namespace/taskflow"),
        (MINIKUBE, False, "Unable to connect to the server"),
        ("config:\n  taskflow:cluster: {context: far}\n", False, NOT_FOUND),
    ],
    ids=["still there", "no answer", "a cluster elsewhere"],
)
def test_the_state_keeps_what_may_still_be_there(
    tmp_path: Path, cluster: Cluster, committed: str, finds: bool, says: str
) -> None:
    checkout = Checkout(tmp_path, committed)
    cluster.answer("get", says, code=0 if finds else 1)
    checkout.checkpoint(resources=DEPLOYED)
    assert recover(checkout.stack) == ""
    assert checkout.calls == []


def test_a_shared_state_forgets_nothing_that_only_this_minikube_lacks(
    tmp_path: Path, cluster: Cluster
) -> None:
    """Another machine that shares the state has a Minikube of its own, where the release may run."""
    checkout = Checkout(tmp_path, MINIKUBE)
    cluster.answer("get", NOT_FOUND, code=1)
    checkout.checkpoint(resources=DEPLOYED)
    shared = replace(checkout.stack, backend=CLOUD)
    assert recover(shared, changing=False) == ""
    with pytest.raises(OpsError, match="namespace taskflow, which this Minikube lacks") as refused:
        recover(shared)
    assert "pulumi refresh --yes --stack dev" in refused.value.fix
    assert not any("refresh" in call for call in checkout.calls)


def test_an_object_whose_state_another_provider_wrote_is_read_anew_and_so_not_replaced(
    checkout: Checkout,
) -> None:
    custom: dict[str, Any] = {"custom": True}
    foreign = resource("kubernetes:apps/v1:Deployment", "taskflow/web") | custom
    own = resource("kubernetes:core/v1:Service", "taskflow/web") | custom
    own["outputs"] = {"__inputs": {}}
    marked = foreign | {"id": "taskflow/old", "delete": True}
    gone = foreign | {"id": "taskflow/gone", "pendingReplacement": True}
    looked_up = resource("kubernetes:core/v1:Secret", "taskflow/keys") | custom
    looked_up["external"] = True
    checkout.checkpoint(resources=(foreign, own, marked, gone, looked_up))

    assert "were read again: 1" in recover(checkout.stack)

    [refresh] = checkout.calls
    assert refresh.startswith("refresh --yes --skip-preview")
    assert refresh.count("--target") == 1
    assert f"--target {foreign['urn']}" in refresh
    assert recover(checkout.stack) == "", "the provider knows it now"


@pytest.mark.parametrize(
    ("refresh", "says", "where", "fix"),
    [
        (
            "fails",
            "cannot read the objects of the stack",
            "stack dev",
            "run the same command again",
        ),
        ("skips", "read again: 1. .* volumes with their data, too", "web", "the cluster answers"),
    ],
)
def test_make_up_refuses_where_the_provider_cannot_read_what_another_wrote(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
    refresh: str,
    says: str,
    where: str,
    fix: str,
) -> None:
    checkout = Checkout(tmp_path, LOCAL)
    foreign = resource("kubernetes:apps/v1:Deployment", "taskflow/web") | {"custom": True}
    checkout.checkpoint(resources=(foreign,))
    chosen = replace(
        set_up({**checkout.stack.env, "REFRESH": refresh}),
        backend=replace(checkout.stack.backend, ours=False),
    )
    monkeypatch.setattr(setup, "require_space", lambda: None)
    monkeypatch.setattr(setup, "provide_tools", lambda _: chosen)
    monkeypatch.setattr(session, "provide_cluster", lambda *_: None)

    with pytest.raises(OpsError, match=says) as refused:
        cli.bring_up(checkout.stack.file, message="make up")

    assert where in refused.value.where
    assert fix in refused.value.fix
    [call] = checkout.calls
    assert call.startswith("refresh "), "neither a preview nor an update follows"
    assert ("the engine's own words" in capfd.readouterr().out) is (refresh == "fails")


@pytest.mark.parametrize(
    ("says", "built_again"),
    [
        ("Error response from daemon: No such image: taskflow-backend:1", True),
        ("Cannot connect to the Docker daemon", False),
        ("", False),
    ],
    ids=["gone", "no answer", "still there"],
)
def test_an_image_that_the_node_no_longer_has_is_built_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, says: str, built_again: bool
) -> None:
    minikube_profile(tmp_path)
    monkeypatch.setenv("MINIKUBE_HOME", str(tmp_path))
    checkout = Checkout(tmp_path, MINIKUBE)
    checkout.program("docker", f"#!/bin/sh\necho '{says}' >&2; test -z '{says}'\n")
    local, pushed = (
        resource(IMAGE, name) | {"inputs": {"imageName": name, "skipPush": "/" not in name}}
        for name in ("taskflow-backend:1", "registry/it:1")
    )
    checkout.checkpoint(resources=(local, pushed))

    assert ("taskflow-backend:1: it will be built again" in recover(checkout.stack)) is built_again

    tainted = [f"state taint {local['urn']} --yes --stack dev --non-interactive"]
    assert checkout.calls == (tainted if built_again else [])

    recover(replace(checkout.stack, backend=CLOUD), changing=False)
    assert [call for call in checkout.calls if "taint" in call] == (
        tainted if built_again else []
    ), "a reader changes no shared state"


@pytest.mark.parametrize("loaded", ["1", "2"])
def test_an_image_that_a_node_with_containerd_no_longer_has_is_built_and_loaded_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, loaded: str
) -> None:
    minikube_profile(tmp_path, runtime="containerd")
    monkeypatch.setenv("MINIKUBE_HOME", str(tmp_path))
    checkout = Checkout(tmp_path, MINIKUBE)
    listed = json.dumps([{"repoTags": [f"docker.io/library/taskflow-backend:{loaded}"]}])
    checkout.program("minikube", f"#!/bin/sh\necho '{listed}'\n")
    checkout.program("docker", "#!/bin/sh\n")  # This machine's own daemon still has it.
    local = resource(IMAGE, "taskflow-backend:1") | {
        "inputs": {"imageName": "taskflow-backend:1", "skipPush": True}
    }
    checkout.checkpoint(resources=(local,))

    is_gone = loaded == "2"
    assert ("taskflow-backend:1: it will be built again" in recover(checkout.stack)) is is_gone
    tainted = [f"state taint {local['urn']} --yes --stack dev --non-interactive"]
    assert checkout.calls == (tainted if is_gone else [])


@pytest.mark.parametrize("quiet", [False, True])
def test_a_preview_gives_its_events_back_and_shows_itself_unless_it_is_quiet(
    checkout: Checkout, capfd: pytest.CaptureFixture[str], quiet: bool
) -> None:
    assert checkout.stack.preview(quiet=quiet) == "events"
    assert ("what the engine shows" in capfd.readouterr().out) is not quiet
    assert str(POLICY) in checkout.calls[-1], (
        "what breaks a policy fails before anything is applied"
    )


def test_a_quiet_preview_that_fails_shows_what_the_engine_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("ENGINE_FAILS", "yes")
    with pytest.raises(OpsError, match="pulumi preview failed"):
        Checkout(tmp_path).stack.preview(quiet=True)
    assert "what the engine shows" in capfd.readouterr().out


@pytest.mark.exhaustive
@pytest.mark.parametrize("command", ["refresh()", "change_state('state', 'taint', 'urn', '--yes')"])
def test_an_engine_that_writes_the_state_quietly_is_not_killed_by_an_interrupt(
    checkout: Checkout, command: str
) -> None:
    checkout.program("pulumi", f"#!{sys.executable}{SLOW_ENGINE}")
    notes = checkout.folder / "bin" / "notes"
    script = CALLER.format(folder=str(checkout.folder), command=command)
    run = subprocess.Popen(
        [sys.executable, "-c", script],
        cwd=ROOT,
        env=checkout.stack.env,
        stderr=subprocess.PIPE,
        start_new_session=True,
    )
    deadline = time.monotonic() + 60
    while not notes.exists():
        assert time.monotonic() < deadline, "the engine does not start"
        time.sleep(0.05)
    run.send_signal(signal.SIGINT)
    _, errors = run.communicate(timeout=20)
    assert errors.endswith(b"KeyboardInterrupt\n")
    assert notes.read_text() == "state written"
