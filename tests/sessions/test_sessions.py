"""A clone of this repository prints what the documents show of commands without a cluster, one by one."""

import pytest

from tests.documents import OFFLINE, Checkout, Command, documents

SESSIONS = [command for document in documents() for command in document.commands(OFFLINE)]


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Checkout:
    return Checkout.make(tmp_path_factory.mktemp("documents") / "clone")


@pytest.mark.parametrize("command", SESSIONS, ids=lambda command: f"{command.place}-{command.line}")
def test_a_session_prints_what_is_shown(command: Command, checkout: Checkout) -> None:
    checkout.run(command)
