"""`make validate`: the files that it checks, its output and its exit code."""

import resource
import subprocess
import sys
from pathlib import Path

import pytest
import typer

from ops.config import command, validate
from ops.paths import ROOT
from tests.ops.machines import LOCAL


def test_every_stack_file_of_the_folder_is_checked(tmp_path: Path) -> None:
    (tmp_path / "Pulumi.one.yaml").write_text(LOCAL)
    (tmp_path / "Pulumi.two.yaml").write_text(f"{LOCAL}  taskflow:logLevel: loud\n")
    (tmp_path / "Pulumi.yaml").write_text("name: taskflow\n")
    one, two = validate.verdicts(tmp_path)
    assert (one.file, one.errors) == ("Pulumi.one.yaml", ())
    assert two.errors == (
        "Pulumi.two.yaml:5: taskflow:logLevel: got \"loud\", expected one of 'debug', 'info', 'warning' or 'error'",
    )


@pytest.mark.parametrize(
    ("url", "named", "valid"),
    [
        ("file:///state", "[one]", False),
        ("s3://team", "{imports: []}", False),
        ("file:///state", "{}", False),
        ("file:///state", "[]", True),
        ("file:///state", "", True),
        ("https://api.pulumi.com", "[one]", True),
    ],
)
def test_environments_are_valid_only_where_the_engine_has_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, url: str, named: str, valid: bool
) -> None:
    monkeypatch.setenv("PULUMI_BACKEND_URL", url)
    (tmp_path / "Pulumi.x.yaml").write_text(f"{LOCAL}  taskflow:protect: 5\nenvironment: {named}\n")
    other, *errors = validate.verdict(tmp_path / "Pulumi.x.yaml").errors
    assert other.startswith("Pulumi.x.yaml:5: taskflow:protect: ")
    assert [error.partition(";")[0] for error in errors] == [
        "Pulumi.x.yaml:6: environment: only Pulumi Cloud has environments, and this stack's state is not there"
    ] * (not valid)


def test_the_committed_stack_files_are_valid() -> None:
    assert [verdict.errors for verdict in validate.verdicts(ROOT)] == [(), (), ()]


def test_it_takes_less_than_a_second() -> None:
    def used() -> float:
        children = resource.getrusage(resource.RUSAGE_CHILDREN)
        return children.ru_utime + children.ru_stime

    before = used()
    subprocess.run([sys.executable, "-m", "ops", "validate"], cwd=ROOT, check=True, timeout=60)
    assert used() - before < 1, "of processor time, which other work does not lengthen"


def test_a_mistake_exits_with_two_and_is_reported_on_stderr(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(
        command, "verdicts", lambda: [validate.Verdict("Pulumi.x.yaml", errors=("wrong",))]
    )
    with pytest.raises(typer.Exit) as left:
        command.validate()
    assert left.value.exit_code == 2
    assert capsys.readouterr().err == "wrong\n"


def test_a_missing_secret_is_reported_and_exits_with_zero(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(
        command, "verdicts", lambda: [validate.Verdict("Pulumi.x.yaml", missing=("set it",))]
    )
    command.validate()
    assert "before its first up: set it" in capsys.readouterr().out
