"""What a failed `up` does if it must bring back the last revision."""

from io import StringIO
from pathlib import Path

import pytest
from rich.console import Console

from ops.errors import OpsError
from ops.release import rollback
from ops.steps import Steps
from tests.ops.machines import set_up
from tests.ops.test_history import BREAKING, Team, entry


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
