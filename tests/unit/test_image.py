"""Content tags: the same content has the same tag, everything that can change the image changes it."""

import os
from pathlib import Path

import pytest

from components.build_context import BuildArgs, content_tag, context_files


@pytest.fixture
def context(tmp_path: Path) -> Path:
    """A small build context with an allow-list."""
    (tmp_path / ".dockerignore").write_text(
        "*\n!app\n!requirements.txt\napp/**/*.log\n**/__pycache__\n"
    )
    (tmp_path / "Dockerfile").write_text("FROM scratch\nCOPY app /app\n")
    (tmp_path / "requirements.txt").write_text("fastapi\n")
    (tmp_path / "app" / "deep").mkdir(parents=True)
    (tmp_path / "app" / "main.py").write_text("print(1)\n")
    (tmp_path / "app" / "deep" / "inner.py").write_text("print(2)\n")
    return tmp_path


def tag(context: Path) -> str:
    return content_tag(BuildArgs(context=context))


def test_only_what_the_allow_list_names_is_in_the_context(context: Path) -> None:
    (context / "app" / "deep" / "debug.log").write_text("noise")
    (context / "app" / "__pycache__").mkdir()
    (context / "app" / "__pycache__" / "main.pyc").write_bytes(b"\0")
    (context / "secrets.env").write_text("KEY=1")
    names = [path.relative_to(context).as_posix() for path in context_files(context)]
    assert names == ["app/deep/inner.py", "app/main.py", "requirements.txt"]


def test_an_ignored_file_does_not_change_the_tag(context: Path) -> None:
    before = tag(context)
    (context / "notes.txt").write_text("not sent to the daemon")
    (context / "app" / "run.log").write_text("not sent either")
    assert tag(context) == before


@pytest.mark.parametrize(
    "name", ["app/main.py", "app/deep/inner.py", "requirements.txt", "Dockerfile"]
)
def test_a_source_edit_changes_the_tag(context: Path, name: str) -> None:
    before = tag(context)
    (context / name).write_text((context / name).read_text() + "# edited\n")
    assert tag(context) != before


def test_a_rename_changes_the_tag(context: Path) -> None:
    before = tag(context)
    (context / "app" / "main.py").rename(context / "app" / "start.py")
    assert tag(context) != before


def test_the_executable_bit_changes_the_tag(context: Path) -> None:
    before = tag(context)
    (context / "app" / "main.py").chmod(0o755)
    assert tag(context) != before


def test_a_fresh_checkout_has_the_same_tag(context: Path) -> None:
    before = tag(context)
    for path in context_files(context):
        os.utime(path, (0, 0))
    assert tag(context) == before, "file times differ between checkouts and must not count"


def test_build_arguments_target_and_platform_change_the_tag(context: Path) -> None:
    tags = {
        content_tag(BuildArgs(context=context)),
        content_tag(BuildArgs(context=context, args={"BASE_IMAGE": "mirror/python:3.13"})),
        content_tag(BuildArgs(context=context, target="test")),
        content_tag(BuildArgs(context=context, platform="linux/arm64")),
    }
    assert len(tags) == 4


def test_a_later_exclusion_wins_over_an_earlier_exception(tmp_path: Path) -> None:
    (tmp_path / ".dockerignore").write_text("*\n!src\nsrc/private\n")
    (tmp_path / "src" / "private").mkdir(parents=True)
    (tmp_path / "src" / "private" / "key").write_text("x")
    (tmp_path / "src" / "public").write_text("x")
    assert [path.name for path in context_files(tmp_path)] == ["public"]


def test_an_exception_below_an_excluded_folder_is_found(tmp_path: Path) -> None:
    (tmp_path / ".dockerignore").write_text("vendor\n!vendor/keep/this.txt\n")
    (tmp_path / "vendor" / "keep").mkdir(parents=True)
    (tmp_path / "vendor" / "keep" / "this.txt").write_text("x")
    (tmp_path / "vendor" / "other.txt").write_text("x")
    names = [path.relative_to(tmp_path).as_posix() for path in context_files(tmp_path)]
    assert names == [".dockerignore", "vendor/keep/this.txt"]
