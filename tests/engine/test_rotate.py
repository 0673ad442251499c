"""`make rotate` on stack files that the real engine encrypts: what each step does, and that any can be first."""

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import yaml

from ops.errors import OpsError
from ops.release import history
from ops.release.history import Update
from ops.release.record import Record
from ops.release.rotate import KEY, PASSWORDS, Rotation, Stage, in_steps, replaced
from tests.engine_stack import EngineStack

GIVEN, OTHER = "k" * 40, "sk-another-value"
NEXT, FORMER = "taskflow:betterAuthSecretNext", "taskflow:betterAuthSecretFormer"
SIGNING, GENERATIONS = "taskflow:betterAuthSecret", "taskflow:secrets"
PLAIN = Update(1, "update", True, datetime.now(UTC), "make up", Record(), {}, {})


class KilledError(Exception):
    """Replaces an update."""


class Deployments:
    """A stack whose updates are only recorded; the newest may be killed."""

    def __init__(self, stack: EngineStack, monkeypatch: pytest.MonkeyPatch) -> None:
        self.stack = stack
        self.updates: list[Update] = []
        self.killed_at = ""
        monkeypatch.setattr(history, "updates", lambda _: self.updates[::-1])
        monkeypatch.setattr(history, "with_secrets", lambda _, update: update)
        self.up("make up")

    @property
    def config(self) -> dict[str, Any]:
        config: dict[str, Any] = yaml.safe_load(self.stack.config_file.read_text())["config"]
        return config

    def up(self, title: str) -> None:
        if self.killed_at and self.killed_at in title:
            raise KilledError
        stack = self.stack.of_ops
        shown = ("config", "--json", "--show-secrets", "--config-file", str(self.stack.config_file))
        config = json.loads(stack.query(*shown))
        self.updates.append(replace(PLAIN, title=title, config=config))

    def rotate(
        self, finish: int | None = None, *, killed_at: str = "", rotation: Rotation = KEY
    ) -> Stage | None:
        self.killed_at = killed_at
        try:
            return in_steps(rotation, self.stack.of_ops, self.up, finish)
        except KilledError:
            return None

    @property
    def steps(self) -> list[str]:
        return [update.title.partition(", ")[2][:1] for update in self.updates[1:]]


Make = Callable[[bool], Deployments]


@pytest.fixture
def make(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Make:
    def make(generated: bool) -> Deployments:
        values: dict[str, Any] = {"logLevel": "info"}
        if generated:
            values |= {"secrets": {"generate": True}, "database": {"embedded": {}}}
        stack = EngineStack.create("dev", tmp_path, values)
        if not generated:
            stack.set_secret("betterAuthSecret", GIVEN)
        return Deployments(stack, monkeypatch)

    return make


def test_a_given_key_moves_encrypted_from_next_to_signing_to_former(make: Make) -> None:
    it = make(False)
    first = it.config
    assert it.rotate(killed_at="1 of 3") is None
    announced = it.config
    assert announced == first | {NEXT: announced[NEXT]}
    assert it.rotate() is Stage.FORMER
    assert it.config == first | {SIGNING: announced[NEXT], FORMER: first[SIGNING]}
    assert it.rotate(0) is Stage.ONE
    assert it.config == first | {SIGNING: announced[NEXT]}
    assert it.steps == ["1", "2", "2", "3"]


def test_generated_keys_are_counted_on(make: Make) -> None:
    it = make(True)
    seen = [it.config[GENERATIONS]]
    for finish in (None, 0, None, 0):
        it.rotate(finish)
        seen.append(it.config[GENERATIONS])
    assert seen == [
        {"generate": True, **numbers}
        for numbers in (
            {},
            {"generations": [2, 1]},
            {"generations": [2]},
            {"generations": [3, 2]},
            {"generations": [3]},
        )
    ]
    assert "encryptionsalt" not in it.config, "nothing was encrypted for it"


def test_the_embedded_databases_passwords_are_counted_on_in_two_steps(make: Make) -> None:
    it = make(True)
    before = it.config
    assert it.rotate(rotation=PASSWORDS) is Stage.FORMER
    assert it.config == before | {"taskflow:database": {"embedded": {"passwords": [2, 1]}}}
    assert it.rotate(0, rotation=PASSWORDS) is Stage.ONE
    assert it.config == before | {"taskflow:database": {"embedded": {"passwords": [2]}}}
    assert it.steps == ["1", "1", "2"]


def test_one_command_can_do_it_all(make: Make) -> None:
    it = make(True)
    assert it.rotate(0) is Stage.ONE
    assert it.steps == ["1", "2", "3"]


@pytest.mark.parametrize(
    ("generated", "killed_at"),
    [(True, "1 of 3"), (True, "2 of 3"), (True, "3 of 3"), (False, "2 of 3")],
)
def test_a_killed_run_continues_with_the_step_that_it_was_at(
    make: Make, generated: bool, killed_at: str
) -> None:
    it = make(generated)
    assert it.rotate(0, killed_at=killed_at) is None
    done = it.steps
    assert it.rotate(0) is Stage.ONE
    assert it.steps == [*done, *["1", "2", "3"][len(done) :]], "no step twice, none left out"
    assert NEXT not in it.config
    assert FORMER not in it.config


@pytest.mark.parametrize("generated", [True, False])
@pytest.mark.parametrize("finish", [None, 0], ids=["the former one is accepted", "finished"])
@pytest.mark.parametrize("rotation", [KEY, PASSWORDS], ids=["key", "passwords"])
def test_a_checkout_that_is_behind_does_not_go_back(
    make: Make, generated: bool, finish: int | None, rotation: Rotation
) -> None:
    it = make(generated)
    behind = it.stack.config_file.read_text()
    it.rotate(finish, rotation=rotation)
    it.stack.config_file.write_text(behind)
    done = len(it.updates)
    with pytest.raises(OpsError, match="nothing was changed") as refused:
        it.rotate(finish, rotation=rotation)
    assert refused.value.fix == "git pull, then run the same command again"
    assert it.stack.config_file.read_text() == behind
    assert len(it.updates) == done


def test_a_stack_that_was_never_up_has_nothing_to_rotate(make: Make) -> None:
    it = make(True)
    it.updates.clear()
    with pytest.raises(OpsError, match="has no revision yet"):
        it.rotate()
    assert it.config[GENERATIONS] == {"generate": True}


def test_another_secret_is_set_and_brought_up(make: Make) -> None:
    it = make(False)
    replaced(it.stack.of_ops, "openaiApiKey", OTHER, it.up)
    assert set(it.config["taskflow:openaiApiKey"]) == {"secure"}
    assert OTHER not in it.stack.config_file.read_text()
    assert it.updates[-1].title == "rotate openaiApiKey"


def test_a_secret_that_does_not_come_up_is_not_left_in_the_stack_file(make: Make) -> None:
    it = make(False)
    before = it.stack.config_file.read_text()

    def fail(_: str) -> None:
        raise OpsError("the new pods are not ready")

    with pytest.raises(OpsError, match="not ready"):
        replaced(it.stack.of_ops, "openaiApiKey", OTHER, fail)
    assert it.stack.config_file.read_text() == before
