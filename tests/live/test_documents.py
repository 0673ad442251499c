"""What the documents show of a cluster is what a clone of this repository prints there, one command after another."""

from collections.abc import Iterator

import pytest
import yaml

from tests import live_release
from tests.documents import LIVE, Checkout, Command, documents

# As long as what the documents show, so that columns stand where they do there.
RELEASE, FRONTEND_PORT = "livedocs", 30085
SHOWN = {RELEASE: "taskflow", str(FRONTEND_PORT): "30080"}
SESSIONS = [command for document in documents() for command in document.commands(LIVE)]


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Checkout]:
    """A clone whose dev stack is a small release beside others, under a name that the documents do not have."""
    clone = Checkout.make(tmp_path_factory.mktemp("documents") / "clone", SHOWN)
    stack_file = clone.folder / "Pulumi.dev.yaml"
    values = live_release.values(RELEASE, frontend_port=FRONTEND_PORT, backend_port=0)
    del values["backend"]["service"]  # As in the committed stack: for the cluster alone.
    config = yaml.safe_load(stack_file.read_text())["config"]
    config |= {f"taskflow:{key}": value for key, value in values.items()}
    stack_file.write_text(yaml.safe_dump({"config": config}))
    clone.commit("The tests' release")  # What `git checkout` brings back in a session.
    kubectl = live_release.Kubectl(RELEASE)
    kubectl("delete", "namespace", RELEASE, "--ignore-not-found", "--wait", timeout=180)
    yield clone
    clone.run(Command("at the end", "make down", ""))


@pytest.mark.parametrize("command", SESSIONS, ids=lambda command: f"{command.place}-{command.line}")
def test_a_session_prints_what_is_shown(command: Command, checkout: Checkout) -> None:
    checkout.run(command)
