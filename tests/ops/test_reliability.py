"""The figures of `make test-reliability` in docs/reliability.md."""

from pathlib import Path

import pytest

from ops.errors import OpsError
from tests.machinery.reliability import BEGIN, DOCUMENT, END, promises, updated

REPORT = """<testsuites><testsuite>
<testcase name="test_no_request_fails_when_a_pod_is_deleted[backend]"><properties>
<property name="done" value="5 x a backend pod deleted"/>
<property name="measured" value="0 of 700 failed"/>
<property name="measured" value="0 restarts"/>
</properties></testcase>
<testcase name="test_a_person_signs_in_at_every_host_of_a_route[ingress]"/>
<testcase name="test_a_form_waits_no_longer_than_a_page"/>
<testcase name="test_a_person_signs_in_at_every_host_of_a_route[gateway]"/>
<testcase name="test_no_request_fails_when_a_pod_is_deleted[frontend]"><properties>
<property name="done" value="5 x a frontend pod deleted"/>
<property name="measured" value="0 of 400 failed"/>
</properties></testcase></testsuite></testsuites>"""


def test_a_line_says_what_was_promised_done_and_measured(tmp_path: Path) -> None:
    report = tmp_path / "report.xml"
    report.write_text(REPORT)
    assert promises(report).splitlines() == [
        "- **no request fails when a pod is deleted**: 5 x a backend pod deleted: 0 of 700 failed; 0 restarts. "
        "5 x a frontend pod deleted: 0 of 400 failed",
        "- **a person signs in at every host of a route**: ingress. gateway",
        "- **a form waits no longer than a page**: passed",
    ]


def test_only_the_measured_part_of_the_document_is_replaced() -> None:
    old = f"# Title\n{BEGIN}\nold\n{END}\nWhy.\n"
    assert (
        updated(old, "| new |", "Today.") == f"# Title\n{BEGIN}\nToday.\n\n| new |\n{END}\nWhy.\n"
    )


def test_a_document_without_a_place_for_figures_is_an_error() -> None:
    with pytest.raises(OpsError, match="no place for the figures"):
        updated("# Title\n", "", "")


def test_the_document_has_the_place() -> None:
    assert updated(DOCUMENT.read_text(), "", "")
