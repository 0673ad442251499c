"""`make test` runs every suite that can run, and reports why the others cannot."""

import pytest

from ops.errors import OpsError
from tests.machinery.everything import Stage, set_up, unless_blocked
from tests.machinery.suites import Count, Suite


def fails() -> None:
    raise OpsError("no Docker engine", fix="install one")


def test_a_stage_that_fails_stops_only_those_that_need_it() -> None:
    done: list[str] = []
    blocked = set_up(
        [
            Stage("tools", lambda: done.append("tools")),
            Stage("docker", fails, ("tools",)),
            Stage("cluster", lambda: done.append("cluster"), ("docker",)),
            Stage("browser", lambda: done.append("browser")),
        ]
    )
    assert done == ["tools", "browser"]
    assert blocked.keys() == {"docker", "cluster"}
    assert blocked["cluster"].what == "no Docker engine", "the cause, not the consequence"


def test_a_suite_whose_needs_are_met_is_run() -> None:
    suite = Suite("engine", lambda: Count(passed=3))
    assert unless_blocked(suite, ("tools",), {"docker": OpsError("x")}).run() == Count(passed=3)


def test_a_suite_that_cannot_run_fails_with_the_reason_and_the_fix() -> None:
    suite = Suite("live", lambda: Count(passed=3))
    blocked = {"cluster": OpsError("no cluster", fix="start one")}
    with pytest.raises(OpsError, match="could not run: no cluster") as error:
        unless_blocked(suite, ("cluster",), blocked).run()
    assert error.value.fix == "start one"
