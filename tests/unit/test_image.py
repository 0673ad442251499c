"""Content tags: the same content has the same tag, everything that can change the image changes it."""

import errno
import os
import shutil
import socket
from pathlib import Path

import pytest

from components.build_context import BuildArgs, content_tag, context_names
from components.config.errors import ConfigError
from ops.paths import SOURCES


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
    names = context_names(context)
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


@pytest.mark.parametrize("name", [b"Gr\xf6\xdfe.py", b"line\nbreak.py", "Größe.py".encode()])
def test_a_file_with_any_name_counts(staged: Path, name: bytes) -> None:
    path = staged / "app" / os.fsdecode(name)
    path.write_text("1")
    (staged / "app" / "link").symlink_to(path.name)
    before = tag(staged)
    path.write_text("2")
    assert tag(staged) != before


def test_the_executable_bit_changes_the_tag(context: Path) -> None:
    before = tag(context)
    (context / "app" / "main.py").chmod(0o755)
    assert tag(context) != before


def test_a_fresh_checkout_has_the_same_tag(context: Path) -> None:
    before = tag(context)
    for name in context_names(context):
        os.utime(context / name, (0, 0))
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
    assert context_names(tmp_path) == ["src/public"]


def test_files_are_in_the_order_of_their_folders_which_a_tag_depends_on(tmp_path: Path) -> None:
    (tmp_path / "dir").mkdir()
    for name in ("dir-b", "dir/a", "dir.c"):
        (tmp_path / name).write_text("x")
    names = context_names(tmp_path)
    assert names == ["dir/a", "dir-b", "dir.c"], "another order would roll every pod once"


def test_an_exception_below_an_excluded_folder_is_found(tmp_path: Path) -> None:
    (tmp_path / ".dockerignore").write_text("vendor\n!vendor/keep/this.txt\n")
    (tmp_path / "vendor" / "keep").mkdir(parents=True)
    (tmp_path / "vendor" / "keep" / "this.txt").write_text("x")
    (tmp_path / "vendor" / "other.txt").write_text("x")
    names = context_names(tmp_path)
    assert names == [".dockerignore", "vendor/keep/this.txt"]


FILES = ["a", "b.py", "dir/a", "dir/sub/a", "dir/sub/c.md", "xdir/a", "README.md"]


@pytest.mark.parametrize(
    ("rules", "sent"),
    [
        ("dir/s*\n!dir/s*/a", ["README.md", "a", "b.py", "dir/a", "dir/sub/a", "xdir/a"]),
        ("*\n!?ir/a", ["dir/a"]),
        ("*\n![d]ir/a", ["dir/a"]),
        ("*\n!dir/*/c.md", ["dir/sub/c.md"]),
        ("*\n!**/*.md", ["README.md", "dir/sub/c.md"]),
        ("*\n!dir/../a", ["a"]),
        ("d**r/a\n*.*", ["a", "dir/a", "dir/sub/a", "dir/sub/c.md", "xdir/a"]),
        ("**dir\n*.*", ["a"]),
        ("dir/**\nxdir", ["README.md", "a", "b.py"]),
        ("*\r\n!a\r\n", ["a"]),
        ("*\n!a\rb.py\n", []),
        ("*\n!a\u2028!b.py\n", []),
        ("  *  \n ! a \t\n # no comment\n#!b.py\n", ["a"]),
        ("[!a-c]*", ["README.md", "dir/a", "dir/sub/a", "dir/sub/c.md", "xdir/a"]),
        ("[^a-c]*", ["a", "b.py"]),
        ("**\n![[b]*", ["b.py"]),
    ],
)
def test_rules_mean_what_they_mean_to_docker(tmp_path: Path, rules: str, sent: list[str]) -> None:
    """Compared with github.com/moby/patternmatcher."""
    for name in FILES:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("x")
    (tmp_path / ".dockerignore").write_bytes(f"{rules}\n.dockerignore".encode())
    assert context_names(tmp_path) == sent


@pytest.mark.parametrize("rule", ["[a", "[]a]", "[a-]", "[^]", "[z-a]", "a\\", "!", "! ", "!/"])
def test_a_rule_that_docker_refuses_is_one_line(tmp_path: Path, rule: str) -> None:
    (tmp_path / ".dockerignore").write_text(f"b\n{rule}\n")
    with pytest.raises(ConfigError, match=r"/\.dockerignore:2: .* is not a pattern for Docker$"):
        context_names(tmp_path)


def test_a_file_that_cannot_be_read_is_one_line(
    context: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(path: Path) -> bytes:
        raise PermissionError(errno.EACCES, "Permission denied", str(path))

    monkeypatch.setattr(Path, "read_bytes", refused)
    with pytest.raises(ConfigError, match="Dockerfile: cannot be read: Permission denied"):
        tag(context)


@pytest.mark.parametrize(
    "lines", ["FROM", "FROM --platform=x", "COPY app /app\nFROM scratch", "RUN make"]
)
def test_a_dockerfile_without_a_stage_to_begin_with_is_one_line(context: Path, lines: str) -> None:
    (context / "Dockerfile").write_text(f"ARG VERSION=1\n{lines}\n")
    with pytest.raises(ConfigError, match=r"/Dockerfile: got [A-Z]+, expected FROM with an image$"):
        tag(context)


STAGES = """\
# syntax=docker/dockerfile:1
ARG BASE_IMAGE=python:3.13-slim
FROM ${BASE_IMAGE} AS builder
COPY requirements.txt ./
RUN pip install \\
    -r requirements.txt
COPY app app
FROM builder AS test
COPY tests tests
FROM ${BASE_IMAGE} AS runner
COPY --from=builder --chown=0:0 /app /app
COPY start*.sh /
"""


@pytest.fixture
def staged(context: Path) -> Path:
    """A context; the runner's stages use a part of it."""
    (context / ".dockerignore").unlink()
    (context / "Dockerfile").write_text(STAGES)
    (context / "tests").mkdir()
    (context / "tests" / "test_app.py").write_text("assert 1\n")
    (context / "start-it.sh").write_text("exec app\n")
    return context


@pytest.mark.parametrize("name", ["tests/test_app.py", "unused.txt", "tests/new.py"])
def test_a_file_that_only_other_stages_copy_does_not_change_the_tag(
    staged: Path, name: str
) -> None:
    before, of_tests = tag(staged), content_tag(BuildArgs(context=staged, target="test"))
    (staged / name).write_text("edited\n")
    assert tag(staged) == before
    tested = content_tag(BuildArgs(context=staged, target="test"))
    assert (tested != of_tests) is name.startswith("tests/")


@pytest.mark.parametrize(
    "name", ["requirements.txt", "app/main.py", "app/new.py", "start-it.sh", "Dockerfile"]
)
def test_a_file_that_the_targets_stages_copy_changes_the_tag(staged: Path, name: str) -> None:
    before = tag(staged)
    (staged / name).write_text(f"{STAGES if name == 'Dockerfile' else ''}# edited\n")
    assert tag(staged) != before


@pytest.mark.parametrize(
    "line",
    [
        "COPY . /app",
        "COPY ./ /app",
        'COPY ["unused.txt", "/"]',
        "ARG FILE\nCOPY $FILE /",
        "RUN --mount=type=bind,target=/src make",
        "ONBUILD COPY unused.txt /",
        "COPY <<one /two\nFROM x\none",
        "COPY .. /app",
        "COPY app/../../ /app",
        "FROM scratch AS more\nCOPY unused.txt /\nFROM ${STAGE} AS runner",
        "ARG STAGE=more\nFROM scratch AS more\nCOPY unused.txt /\nFROM $STAGE AS runner",
        "FROM scratch\nCOPY unused.txt /\nFROM scratch AS runner\nCOPY --from=3 /unused.txt /",
    ],
)
def test_where_it_is_not_certain_what_a_stage_uses_every_file_counts(
    staged: Path, line: str
) -> None:
    (staged / "unused.txt").write_text("x\n")
    (staged / "Dockerfile").write_text(f"{STAGES}{line}\n")
    before = tag(staged)
    (staged / "unused.txt").write_text("edited\n")
    assert tag(staged) != before


def test_another_character_that_continues_lines_is_seen_after_other_directives(
    staged: Path,
) -> None:
    lines = (
        "# syntax=docker/dockerfile:1\n# Escape = `\nFROM x AS runner\nCOPY app `\n  unused.txt /\n"
    )
    (staged / "Dockerfile").write_text(lines)
    (staged / "unused.txt").write_text("x\n")
    before = tag(staged)
    (staged / "unused.txt").write_text("edited\n")
    assert tag(staged) != before


@pytest.mark.parametrize(
    ("source", "link"), [("linked", "linked"), ("linked/file", "linked"), ("lin*", "linked")]
)
def test_the_target_of_a_link_that_a_stage_copies_counts(
    staged: Path, source: str, link: str
) -> None:
    (staged / "Dockerfile").write_text(f"FROM x AS runner\nCOPY {source} /\n")
    (staged / "elsewhere").mkdir()
    (staged / "elsewhere" / "file").write_text("x\n")
    (staged / link).symlink_to("elsewhere")
    before = tag(staged)
    (staged / "elsewhere" / "file").write_text("edited\n")
    assert tag(staged) != before


def test_a_pipe_and_a_socket_are_no_part_of_the_context(tmp_path: Path) -> None:
    (tmp_path / "Dockerfile").write_text("FROM scratch AS runner\nCOPY . /\n")
    before = tag(tmp_path)
    os.mkfifo(tmp_path / "pipe")
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(os.path.relpath(tmp_path / "socket"))
        assert tag(tmp_path) == before


def test_a_byte_order_mark_hides_no_rule(tmp_path: Path) -> None:
    (tmp_path / ".dockerignore").write_bytes(b"\xef\xbb\xbf*.log\n.dockerignore\n")
    (tmp_path / "a.log").write_text("x")
    (tmp_path / "a.txt").write_text("x")
    assert context_names(tmp_path) == ["a.txt"]


def test_a_dockerignore_of_the_dockerfiles_own_comes_first(tmp_path: Path) -> None:
    (tmp_path / ".dockerignore").write_text("*\n")
    (tmp_path / "Dockerfile.dockerignore").write_text("*\n!a.txt\n")
    (tmp_path / "a.txt").write_text("x")
    assert context_names(tmp_path) == ["a.txt"]


@pytest.mark.parametrize("component", ["backend", "frontend"])
@pytest.mark.parametrize(
    "name", [".DS_Store", ".main.py.swp", "main.py~", "#main.py#", ".#main.py", "x.orig"]
)
def test_what_editors_leave_is_not_in_our_images(component: str, name: str, tmp_path: Path) -> None:
    ours = SOURCES / component
    for file in ("Dockerfile", ".dockerignore"):
        shutil.copy(ours / file, tmp_path)
    sources = {"backend": "taskflow_api/routes", "frontend": "app/tasks"}[component]
    (tmp_path / sources).mkdir(parents=True)
    (tmp_path / sources / "main.py").write_text("x")
    before = tag(tmp_path)
    (tmp_path / sources / name).write_text("x")
    assert tag(tmp_path) == before
    (tmp_path / sources / "main.py").write_text("y")
    assert tag(tmp_path) != before


def test_a_test_of_the_backend_is_not_in_its_images_tag(tmp_path: Path) -> None:
    for file in ("Dockerfile", ".dockerignore"):
        shutil.copy(SOURCES / "backend" / file, tmp_path)
    (tmp_path / "tests").mkdir()
    before = tag(tmp_path)
    (tmp_path / "tests" / "test_new.py").write_text("x")
    assert tag(tmp_path) == before
