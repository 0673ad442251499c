"""A clone of this repository prints on a cluster what the documents show, one command after another.

Then, in the same clone, how `make up` fails on an obstacle.
"""

import os
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

import httpx
import pytest
import yaml

from ops.errors import pasteable
from tests import fixes, live_release
from tests.documents import LIVE, Checkout, Command, documents

# As long as what the documents show, so that columns are where they are there.
RELEASE, FRONTEND_PORT = "livedocs", 30085
# Kubernetes gives a rollout up after so long; a session shows one that must fail.
DEADLINE_SECONDS = 30
SHOWN = {
    live_release.node_port(FRONTEND_PORT): "http://127.0.0.1:30080",
    RELEASE: "taskflow",
    str(FRONTEND_PORT): "30080",
}
KUBECTL = live_release.Kubectl(RELEASE)
BARE, BARE_PORT = "livebare", 30086
AGAIN_SECONDS = 15
SESSIONS = [command for document in documents() for command in document.commands(LIVE)]


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Checkout]:
    """A clone whose dev stack is a small release beside others, under a name that the documents do not have."""
    clone = Checkout.make(tmp_path_factory.mktemp("documents") / "clone", SHOWN)
    stack_file = clone.folder / "Pulumi.dev.yaml"
    values = live_release.values(RELEASE, frontend_port=FRONTEND_PORT, backend_port=0)
    del values["backend"]["service"]  # As in the committed stack: for the cluster alone.
    values["backend"]["rolloutDeadlineSeconds"] = DEADLINE_SECONDS
    config = yaml.safe_load(stack_file.read_text())["config"]
    config |= {f"taskflow:{key}": value for key, value in values.items()}
    stack_file.write_text(yaml.safe_dump({"config": config}))
    clone.commit("The tests' release")  # What `git checkout` brings back in a session.
    KUBECTL.delete_namespace(wait=True)
    yield clone
    KUBECTL.delete_namespace(wait=False)  # A session has shown `make down`.


@pytest.mark.parametrize("command", SESSIONS, ids=lambda command: f"{command.place}-{command.line}")
def test_a_session_prints_what_is_shown(command: Command, checkout: Checkout) -> None:
    checkout.run(command)


# The log level of each, in this order: the second finds a release that has another.
KILLED = {"while it makes everything": "info", "while it rolls an edit out": "debug"}


@pytest.mark.parametrize("when", KILLED)
def test_make_up_is_killed_and_the_next_one_completes_it(checkout: Checkout, when: str) -> None:
    edit = f"echo '  taskflow:logLevel: {KILLED[when]}' >>Pulumi.dev.yaml"
    checkout.kill(
        f"git checkout -q Pulumi.dev.yaml; {edit}; make up",
        once=f"Deployment {RELEASE}-backend-deployment",
    )
    printed = checkout.run(
        Command(when, "make up", "...\nTaskFlow is up: http://127.0.0.1:30080\n...")
    )
    assert "released the lock of a run that was killed" in printed
    (pod, *_) = KUBECTL.pods("backend").values()
    level = KUBECTL("exec", pod["metadata"]["name"], "--", "printenv", "LOG_LEVEL").strip()
    assert level == KILLED[when]


def test_make_up_again_takes_seconds_and_restarts_nothing(checkout: Checkout) -> None:
    before, restarts = pods(), KUBECTL.restarts()
    began = time.monotonic()
    checkout.run(Command("again", "make up", ""))
    assert time.monotonic() - began < AGAIN_SECONDS
    assert pods() == before
    assert KUBECTL.restarts_since(restarts) == 0


@pytest.mark.parametrize("line", sorted(fixes.RUN_LIVE))
def test_a_printed_fix_that_changes_nothing_works_when_pasted(
    line: str, checkout: Checkout
) -> None:
    filled = {"--context x": f"--context {live_release.CONTEXT}", "STACK=x": "STACK=dev"}
    filled |= {"namespace x": f"namespace {RELEASE}"}  # Also of --namespace.
    before = pods()
    pasted = pasteable(f"run: {_replaced(line, filled)}").removeprefix("run: ")
    assert checkout.run(Command("printed fix", pasted, "")).strip()
    assert pods() == before


def test_the_commands_without_make_bring_the_page_up(tmp_path: Path) -> None:
    """The README's, with a state of their own. `minikube start` is not run: the tests' cluster is up already."""
    (readme,) = (document for document in documents() if document.name == "README.md")
    (fence,) = (fence for fence in readme.fences if fence.language == "sh")
    start, *commands = fence.text.strip().splitlines()
    assert start == "minikube start"
    clone = Checkout.make(tmp_path / "clone")
    (clone.folder / ".venv").unlink()  # Of the checkout that runs this test.
    values = live_release.values(BARE, frontend_port=BARE_PORT, backend_port=0)
    del values["backend"]["service"]
    stack_file = clone.folder / "Pulumi.dev.yaml"
    config = {f"taskflow:{key}": value for key, value in values.items()}
    stack_file.write_text(yaml.safe_dump({"config": config}))
    (tmp_path / "state").mkdir()
    instead = {"--local": f"file://{tmp_path / 'state'}", "pulumi up": "pulumi up --yes"}
    lines = [_replaced(line, instead) for line in commands]
    env = {
        **clone.env,
        "PATH": os.environ["PATH"],
        "PULUMI_CONFIG_PASSPHRASE": "of this test",
        "PULUMI_SKIP_UPDATE_CHECK": "1",
    }

    def run(*lines: str) -> str:
        script = ["bash", "-ec", "\n".join(lines)]
        done = subprocess.run(script, cwd=clone.folder, env=env, capture_output=True, text=True)
        assert done.returncode == 0, f"{done.stdout[-2000:]}{done.stderr[-2000:]}"
        return done.stdout

    bare = live_release.Kubectl(BARE)
    bare.delete_namespace(wait=True)
    try:
        printed = run(*lines)
        address = live_release.node_port(BARE_PORT)
        assert address in printed, "the address is printed at the end"
        live_release.wait_until_it_answers(f"{address}/healthz", f"{address}/sign-in")
        page = httpx.get(f"{address}/sign-in", trust_env=False)
        assert "Sign in" in page.text
    finally:
        bare.delete_namespace(wait=False)


def _replaced(line: str, words: Mapping[str, str]) -> str:
    for old, new in words.items():
        line = line.replace(old, new)
    return line


def pods() -> set[str]:
    """All that stay, by uid."""
    return {uid for part in ("backend", "frontend", "postgres") for uid in KUBECTL.pods(part)}


@pytest.mark.skipif(
    bool(live_release.NODE and not live_release.NODE.on_this_machine),
    reason="a port of this machine is in the way only of a node that is this machine",
)
def test_a_port_in_use_is_the_one_error_of_make_up(checkout: Checkout) -> None:
    error = "error: port 30080 is in use by another program on this machine"
    with socket.create_server(("", FRONTEND_PORT)):
        printed = checkout.run(
            Command("a port in use", "make up", f"...\n{error}\n...\nmake: *** ...")
        )
    assert printed.count("error: ") == 1
