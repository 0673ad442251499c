"""How results are counted and summed up."""

from pathlib import Path

import pytest
from rich.console import Console

from ops.errors import OpsError
from tests.machinery.suites import Count, Outcome, Suite, read_junit, read_tap, run, summarise


def test_a_report_counts_each_kind_of_result(tmp_path: Path) -> None:
    report = tmp_path / "report.xml"
    report.write_text(
        "<testsuites><testsuite>"
        '<testcase name="a"/><testcase name="b"/>'
        '<testcase name="c"><failure/></testcase><testcase name="d"><error/></testcase>'
        '<testcase name="e"><skipped/></testcase>'
        "</testsuite></testsuites>"
    )
    assert read_junit(report, 1) == Count(passed=2, failed=2, skipped=1)


@pytest.mark.parametrize("content", [None, "<testsuites/>", "not XML"])
def test_a_suite_without_results_is_an_error_and_not_a_success(
    tmp_path: Path, content: str | None
) -> None:
    report = tmp_path / "report.xml"
    if content is not None:
        report.write_text(content)
    with pytest.raises(OpsError):
        read_junit(report, 0)


def test_a_report_of_nodes_test_runner_is_counted() -> None:
    output = "ok 1\n# tests 7\n# pass 4\n# fail 1\n# cancelled 1\n# skipped 1\n"
    assert read_tap(output, 1) == Count(passed=4, failed=2, skipped=1)
    with pytest.raises(OpsError):
        read_tap("sh: tsc: not found\n", 127)


def test_a_run_that_fails_beside_its_tests_is_an_error(tmp_path: Path) -> None:
    """As when pytest is interrupted or crashes: the counts until then are incomplete."""
    report = tmp_path / "report.xml"
    report.write_text('<testsuites><testcase name="a"/></testsuites>')
    assert read_junit(report, 0) == Count(passed=1)
    with pytest.raises(OpsError, match="exited with 3, although none of its tests failed"):
        read_junit(report, 3)
    with pytest.raises(OpsError, match="exited with 1, although"):
        read_tap("# pass 4\n", 1)


def test_a_suite_that_cannot_run_counts_as_failed_and_says_why() -> None:
    def broken() -> Count:
        raise OpsError("no cluster")

    outcome = run(Suite("live", broken), Console(quiet=True))

    assert outcome.count == Count(failed=1)
    assert outcome.reason == "no cluster"


def test_the_last_line_sums_up_all_suites(capsys: pytest.CaptureFixture[str]) -> None:
    outcomes = [
        Outcome("unit", Count(passed=40), 1.0),
        Outcome("live", Count(passed=2, failed=1, skipped=3), 9.0),
    ]
    assert not summarise(outcomes, Console())
    assert capsys.readouterr().out.splitlines()[-1] == "42 passed, 1 failed, 3 skipped"


def test_all_passed_is_a_success(capsys: pytest.CaptureFixture[str]) -> None:
    assert summarise([Outcome("unit", Count(passed=1), 1.0)], Console())
    assert capsys.readouterr().out.splitlines()[-1] == "1 passed, 0 failed"


def test_the_summary_names_the_slowest_tests_of_all_suites(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    counts = []
    for suite in ("unit", "live"):
        report = tmp_path / f"{suite}.xml"
        cases = "".join(
            f'<testcase classname="tests.{suite}" name="case{number}" time="{number}.5"/>'
            for number in range(8)
        )
        report.write_text(f"<testsuites>{cases}</testsuites>")
        counts.append(read_junit(report, 0))

    summarise([Outcome("", count, 1.0) for count in counts], Console())

    printed = [line.split() for line in capsys.readouterr().out.splitlines() if " case" in line]
    assert len(printed) == 10
    assert printed[0] == ["7.5", "s", "unit:", "case7"]
    assert printed[-1] == ["3.5", "s", "live:", "case3"]
