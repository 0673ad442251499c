"""The steps from a bare machine to one that is ready, and how they are reported."""

from __future__ import annotations

from pathlib import Path

import pytest
from rich.console import Console

from ops.errors import OpsError
from ops.prepare import setup
from ops.steps import Steps, clock


def test_a_full_disk_is_found_before_anything_is_written(tmp_path: Path) -> None:
    setup.require_space(tmp_path, needed=1)
    with pytest.raises(OpsError, match="the disk is almost full") as error:
        setup.require_space(tmp_path, needed=10**18)
    assert error.value.where == str(tmp_path)


def test_every_step_is_listed_with_its_time_also_the_one_that_failed(
    capsys: pytest.CaptureFixture[str],
) -> None:
    steps = Steps("make up", Console(width=100))
    with steps.step("tools") as step:
        step.note = "all on PATH"
    with pytest.raises(OpsError), steps.step("cluster"):
        raise OpsError("no cluster")

    steps.table()

    shown = capsys.readouterr().out
    assert [step.state for step in steps.taken] == ["done", "failed"]
    assert "all on PATH" in shown
    assert "cluster" in shown


def test_times_are_given_the_way_people_say_them() -> None:
    assert [clock(3.21), clock(59.9), clock(125.4)] == ["3.2 s", "59.9 s", "2 min 05 s"]
