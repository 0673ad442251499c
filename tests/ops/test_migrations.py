"""Which migrations a checkout has, and which of them break older code."""

from pathlib import Path

import pytest

from ops.release import migrations

SAYS_SO = "import alembic\n\nolder_code_works = True\n"


def checkout(folder: Path, **files: str) -> Path:
    (folder / migrations.FOLDER).mkdir(parents=True)
    for name, text in files.items():
        (folder / migrations.FOLDER / f"{name.removeprefix('m')}.py").write_text(text)
    return folder


def test_the_newest_is_the_head(tmp_path: Path) -> None:
    root = checkout(tmp_path, m0002_b=SAYS_SO, m0010_c=SAYS_SO, m0001_a=SAYS_SO)
    assert migrations.of_checkout(root) == migrations.Migrations("0010_c", ())


@pytest.mark.parametrize(
    "text", ["", "older_code_works = False\n", "def upgrade():\n    older_code_works = True\n"]
)
def test_one_that_does_not_say_that_older_code_works_cannot_be_undone(
    tmp_path: Path, text: str
) -> None:
    root = checkout(tmp_path, m0001_a=SAYS_SO, m0002_drop=text)
    assert migrations.of_checkout(root).breaking == ("0002_drop",)


def test_a_checkout_without_a_backend_has_none(tmp_path: Path) -> None:
    assert migrations.of_checkout(tmp_path) == migrations.Migrations("", ())


def test_older_code_works_after_all_that_are_committed(root: Path) -> None:
    found = migrations.of_checkout(root)
    assert found.head >= "0002_task"
    assert found.breaking == ()
