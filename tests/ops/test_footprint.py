"""`make footprint`: the sums, and the change since a commit."""

import shutil
from io import StringIO
from pathlib import Path

import pytest
from rich.console import Console

from components.config.check import check_file
from ops.config.commits import unpacked
from ops.config.footprint import Amount, Row, of_commit, of_config, table
from ops.paths import ROOT
from tests.ops.machines import LOCAL, committed
from tests.unit.conftest import PUBLIC_KEY


def rows(folder: Path, text: str) -> dict[str, Row]:
    path = folder / "Pulumi.local.yaml"
    path.write_text(text)
    return {row.name: row for row in of_config(check_file(path).config)}


def test_each_component_is_summed_at_rest_and_at_most(tmp_path: Path) -> None:
    found = rows(tmp_path, LOCAL)
    assert found["backend"].at_rest == Amount(2, 500, 512, 0)
    assert found["backend"].at_most == Amount(3, 750, 768, 0)
    assert found["postgres"].at_most == Amount(1, 100, 192, 1024), "1Gi on the volume"
    assert found["all"].at_rest == Amount(5, 800, 960, 1024)
    assert found["all"].at_most == Amount(7, 1150, 1344, 1024)


def test_scheduled_backups_are_a_volume_and_a_pod_at_times(tmp_path: Path) -> None:
    found = rows(tmp_path, f"{LOCAL}  taskflow:backup: {{publicKey: {PUBLIC_KEY}}}\n")
    assert found["backup"].at_rest == Amount(0, 0, 0, 5 * 1024)
    assert found["backup"].at_most == Amount(1, 20, 96, 5 * 1024)
    assert found["all"].at_most == Amount(8, 1170, 1440, 6 * 1024)


def test_autoscaling_counts_its_minimum_at_rest_and_its_maximum_at_most(tmp_path: Path) -> None:
    text = f"{LOCAL}  taskflow:frontend:\n    autoscaling: {{min: 1, max: 3}}\n"
    found = rows(tmp_path, text)
    assert (found["frontend"].at_rest.pods, found["frontend"].at_most.pods) == (1, 4)


def test_changes_are_shown_beside_the_figures_that_changed(tmp_path: Path) -> None:
    before = list(rows(tmp_path, LOCAL).values())
    after = list(rows(tmp_path, f"{LOCAL}  taskflow:backend: {{replicas: 1}}\n").values())
    text = StringIO()
    Console(file=text, width=200).print(table(after, before))
    lines = text.getvalue().splitlines()
    backend = next(line for line in lines if line.startswith("backend"))
    assert "1 (-1)" in backend
    assert "250m (-250m)" in backend
    assert "256Mi (-256Mi)" in backend
    assert "(" not in next(line for line in lines if line.startswith("postgres"))


def commit(folder: Path, stack: str) -> None:
    """Commit the program with a stack `local`, by a repository of its own."""
    for name in ("components", "ops", "policy"):
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in (".pulumi.version", "Pulumi.yaml"):
        shutil.copy(ROOT / name, folder)
    (folder / "Pulumi.local.yaml").write_text(stack)
    (folder / "link").symlink_to("/elsewhere")  # A repository may have one.
    committed(folder)


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """A checkout with one commit, in which the stack `local` has one backend pod."""
    commit(tmp_path, f"{LOCAL}  taskflow:backend: {{replicas: 1}}\n")
    return tmp_path


@pytest.mark.exhaustive
def test_a_commit_is_computed_by_its_own_program(repository: Path) -> None:
    (repository / "Pulumi.local.yaml").write_text(LOCAL)
    with unpacked("HEAD", repository) as then:
        before = {row.name: row for row in of_commit("local", then)}
    assert before["backend"].at_rest.pods == 1


@pytest.mark.usefixtures("tarfile_of")
def test_a_stack_that_did_not_exist_had_no_footprint(repository: Path) -> None:
    with unpacked("HEAD", repository) as then:
        assert of_commit("newer", then) == []
