"""What a failed `up` does if it must bring back the last revision, and what no rollback does: lose data."""

import json
from contextlib import nullcontext
from io import StringIO
from pathlib import Path
from types import SimpleNamespace

import pytest
from rich.console import Console

from ops import cli
from ops.errors import OpsError
from ops.prepare import setup
from ops.release import reach, record, rollback, smoke
from ops.release.record import Record
from ops.review import command as review
from ops.review.command import Outlook
from ops.steps import Steps
from tests.ops.conftest import Cluster
from tests.ops.machines import DEV, set_up
from tests.ops.test_history import BREAKING, Team, entry
from tests.ops.test_risk import PREVIEWS, Previewed


class Ups:
    """Records which revisions are brought back, instead of doing it: that is for the live tests."""

    def __init__(self, team: Team, monkeypatch: pytest.MonkeyPatch) -> None:
        self.team = team
        self.brought_back: list[int] = []

        def bring_back(target: rollback.Target, *_: object) -> str:
            self.brought_back.append(target.revision.number)
            return ""

        monkeypatch.setattr(rollback, "bring_back", bring_back)

    def run(self, failure: BaseException | None) -> None:
        stack = self.team.stack
        chosen = set_up(stack.env)
        with rollback.atomic(stack, chosen, Steps("test", Console(file=StringIO()))):
            if failure:
                raise failure


@pytest.fixture
def ups(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Ups:
    return Ups(Team(tmp_path), monkeypatch)


def failure() -> OpsError:
    return OpsError("a pod does not start", where="backend", fix="mend it", code=7)


def test_the_last_revision_comes_back_and_the_failure_is_still_reported(ups: Ups) -> None:
    ups.team.remembers(entry(), entry() | {"result": "failed"}, entry())
    with pytest.raises(OpsError, match="a pod does not start; revision 2 is back") as caught:
        ups.run(failure())
    assert ups.brought_back == [2]
    assert (caught.value.where, caught.value.fix, caught.value.code) == ("backend", "mend it", 7)


def test_an_up_that_works_is_left_alone(ups: Ups) -> None:
    ups.team.remembers(entry())
    ups.run(None)
    assert ups.brought_back == []


def test_an_interrupt_is_no_failure_of_the_release(ups: Ups) -> None:
    ups.team.remembers(entry())
    with pytest.raises(KeyboardInterrupt):
        ups.run(KeyboardInterrupt())
    assert ups.brought_back == []


def test_the_first_up_has_nothing_to_go_back_to(ups: Ups) -> None:
    ups.team.remembers()
    with pytest.raises(OpsError, match="a pod does not start") as caught:
        ups.run(failure())
    assert "no earlier revision" in caught.value.fix


def test_both_failures_are_reported_when_the_rollback_is_refused(ups: Ups) -> None:
    ups.team.remembers(entry(BREAKING) | {"result": "failed"}, entry())
    with pytest.raises(OpsError, match=r"a pod does not start; and then: revision 1 .* 0003_drop"):
        ups.run(failure())
    assert ups.brought_back == []


STEPS = Steps("test", Console(file=StringIO()))


@pytest.fixture
def loses(tmp_path: Path, cluster: Cluster, monkeypatch: pytest.MonkeyPatch) -> Team:
    """A stack whose last revision has no embedded database: the way back deletes the volume."""
    cluster.has()
    for command in ("apply", "create"):
        cluster.answer(command, "")
    previewed = Previewed("external.json")
    monkeypatch.setattr(rollback, "ready_stack", lambda *_: previewed)
    monkeypatch.setattr(rollback, "require_images", lambda *_: None)
    monkeypatch.setattr(setup, "require_free_port", lambda *_: None)
    team = Team(tmp_path)
    team.remembers(entry())
    return team


def test_a_rollback_that_would_lose_data_changes_nothing_without_consent(loses: Team) -> None:
    with pytest.raises(OpsError, match=r"^nothing was changed: .* data would be lost") as refused:
        rollback.bring_back(loses.target(1), set_up({}), STEPS)
    assert "PersistentVolumeClaim taskflow-postgres-data" in refused.value.where
    assert "make rollback TO=1 STACK=dev CONFIRM=data-loss" in refused.value.fix
    options = loses.target(1, secrets=rollback.CURRENT, ignored=("0003", "0004"))
    with pytest.raises(OpsError, match="data would be lost") as refused:
        rollback.bring_back(options, set_up({}), STEPS)
    command = 'make rollback TO=1 SECRETS=current IGNORE_MIGRATIONS="0003 0004" STACK=dev CONFIRM'
    assert command in refused.value.fix


def test_a_rollback_that_would_be_refused_does_not_blame_todays_stack_file(
    loses: Team, monkeypatch: pytest.MonkeyPatch
) -> None:
    shrinks = json.loads((PREVIEWS / "volume-grows.json").read_text())
    for step in shrinks["steps"]:
        step["oldState"], step["newState"] = step.get("newState"), step.get("oldState")
    monkeypatch.setattr(rollback, "ready_stack", lambda *_: Previewed(shrinks))
    with pytest.raises(OpsError, match=r"^nothing was changed: these steps") as refused:
        rollback.bring_back(loses.target(1), set_up({}), STEPS)
    assert refused.value.fix == "choose another revision (make history), or go forward by make up"


def test_a_failed_up_loses_no_data_on_its_way_back(loses: Team) -> None:
    changed = "and then: nothing was changed: on stack dev data would be lost"
    with (
        pytest.raises(OpsError, match=f"^a pod does not start; {changed}") as refused,
        rollback.atomic(loses.stack, set_up({}), STEPS),
    ):
        raise failure()
    assert "make rollback TO=1 STACK=dev CONFIRM=data-loss" in refused.value.fix


def test_an_up_after_one_that_was_killed_waits_for_its_pods(
    cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing changes any more, and what answers may be a pod of the revision before."""
    healthy: list[str] = []
    monkeypatch.setattr(cli, "deployable", lambda _: None)
    monkeypatch.setattr(cli, "ready_stack", lambda *_: SimpleNamespace())
    monkeypatch.setattr(setup, "require_space", lambda: None)
    monkeypatch.setattr(setup, "provide_tools", lambda _: set_up({}))
    monkeypatch.setattr(setup, "require_free_port", lambda *_: None)
    outlook = Outlook("no changes", changes=False)
    monkeypatch.setattr(review, "guard_up", lambda *_: outlook)
    monkeypatch.setattr(record, "of_checkout", lambda _: Record())
    access = reach.Access("http://127.0.0.1:30080")
    monkeypatch.setattr(reach, "access_to", lambda *_: nullcontext(access))
    monkeypatch.setattr(smoke, "require_healthy", lambda url, _: healthy.append(url))
    cluster.has()
    cluster.answer("rollout", "deployment exceeded its progress deadline", code=1)
    with pytest.raises(OpsError, match="the new pods do not become ready"):
        cli.bring_up(DEV, message="make up")
    assert healthy == []
    cluster.answer("rollout", "successfully rolled out")
    assert cli.bring_up(DEV, message="make up")["url"] == access.url
    assert healthy == [access.url]
