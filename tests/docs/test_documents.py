"""The documents are correct: links work, names exist, and something runs or checks every block."""

import json
import re
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml
from rich.console import Console

from ops.prepare import setup
from tests.documents import (
    LIVE,
    OFFLINE,
    PRODUCTION,
    ROOT,
    Checkout,
    Command,
    Document,
    differs,
    documents,
)
from tests.machinery import checks, everything, suites
from tests.machinery.suites import Count, Outcome, Suite

DOCUMENTS = documents()
TARGETS = frozenset(re.findall(r"^([a-z-]+):.*## ", (ROOT / "Makefile").read_text(), re.MULTILINE))
SHOWN = "console test"  # What `make test` printed at its end.
# Each is run or checked by something: console by tests/sessions and tests/live, python by tests/packaging, sh by
# tests/live, sql by tests/reliability, the others below; text is a drawing or a quotation.
LANGUAGES = {OFFLINE, LIVE, PRODUCTION, SHOWN, "python", "sh", "sql", "yaml", "diff", "text"}
SCHEMA: dict[str, Any] = json.loads((ROOT / "schema" / "stack.schema.json").read_text())
FOLDERS = "|".join(path.name for path in ROOT.iterdir() if path.is_dir() and path.name[0] != ".")

each_document = pytest.mark.parametrize(
    "document", DOCUMENTS, ids=[document.name for document in DOCUMENTS]
)


@each_document
def test_every_block_is_of_a_kind_that_something_runs_or_checks(document: Document) -> None:
    strange = [fence for fence in document.fences if fence.language not in LANGUAGES]
    assert not strange, f"{strange[0].document}:{strange[0].line}: one of {sorted(LANGUAGES)}"
    hidden = [fence for fence in document.fences if fence.language in ("yaml", "text")]
    assert not [fence for fence in hidden if fence.text.startswith("$ ")], "a command nobody runs"


@each_document
def test_python_blocks_are_where_they_are_run(document: Document) -> None:
    assert document.name == "docs/library.md" or "python" not in {
        fence.language for fence in document.fences
    }


@each_document
def test_links_lead_somewhere(document: Document) -> None:
    known = {other.name: other for other in DOCUMENTS}
    for link in document.links:
        if "://" in link:
            continue
        name, _, anchor = link.partition("#")
        target = (ROOT / document.name).parent / name if name else ROOT / document.name
        assert target.exists(), f"{document.name}: {link}"
        if anchor:
            there = known[target.resolve().relative_to(ROOT).as_posix()]
            assert anchor in there.anchors, f"{document.name}: {link} is none of {there.anchors}"


@each_document
def test_make_targets_exist(document: Document) -> None:
    named = {
        target
        for code in document.code
        for target in re.findall(r"(?:^|[\s(;|&])make (?:-s )?([a-z][a-z-]+)", code)
    }
    assert named <= TARGETS, f"{document.name} names targets that the Makefile does not have"


@each_document
def test_files_exist(document: Document) -> None:
    """All code that looks like a path from the root, `*` and alternatives included."""
    paths = {
        path
        for code in document.code
        if re.fullmatch(rf"({FOLDERS})/[\w.*/-]*", code)
        for path in [code]
    }
    missing = [path for path in paths if not list(ROOT.glob(path.rstrip("/")))]
    assert not missing, f"{document.name} names files that do not exist"


@each_document
def test_configuration_keys_exist(document: Document) -> None:
    named = {
        code for code in document.code if re.fullmatch(r"taskflow:[a-zA-Z]+(\.[a-zA-Z]+)*", code)
    }
    keys = SCHEMA["properties"]["config"]
    unknown = {key for key in named if not _has(keys, key.split("."))}
    assert not unknown, f"{document.name} names keys that no stack file can have"


def _has(block: dict[str, Any], path: Sequence[str]) -> bool:
    """Whether a block of the schema has a key, behind references and alternatives."""
    if not path:
        return True
    if "$ref" in block:
        return _has(SCHEMA["definitions"][block["$ref"].rpartition("/")[2]], path)
    alternatives = [*block.get("anyOf", ()), *block.get("allOf", ())]
    inner = block.get("properties", {}).get(path[0])
    return bool(inner and _has(inner, path[1:])) or any(_has(one, path) for one in alternatives)


@each_document
def test_yaml_blocks_are_valid_configuration(document: Document) -> None:
    for fence in document.fences:
        if fence.language == "yaml":
            content = yaml.safe_load(fence.text)
            jsonschema.validate(content if "config" in content else {"config": content}, SCHEMA)


@each_document
def test_diffs_apply_to_this_checkout(document: Document) -> None:
    for fence in document.fences:
        if fence.language == "diff":
            command = ["git", "apply", "--check", "-"]
            done = subprocess.run(
                command, input=fence.text, cwd=ROOT, capture_output=True, text=True
            )
            assert done.returncode == 0, f"{fence.document}:{fence.line}: {done.stderr}"


def test_every_target_is_described_in_operations() -> None:
    (operations,) = (item for item in DOCUMENTS if item.name == "docs/operations.md")
    text = "\n".join(operations.code)
    assert {target for target in TARGETS if not re.search(rf"make (-s )?{target}\b", text)} == set()


def test_every_folder_of_ops_has_its_row() -> None:
    text = (ROOT / "ops" / "README.md").read_text()
    folders = {f"{path.parent.name}/" for path in (ROOT / "ops").rglob("__init__.py")}
    assert folders <= set(re.findall(r"^\| `([\w/]+)` \|", text, re.MULTILINE))


def test_every_module_of_ops_says_in_its_first_line_what_it_does() -> None:
    """The command that the README gives for it prints these lines."""
    modules = [path for path in (ROOT / "ops").rglob("*.py") if path.name[0] != "_"]
    assert [path for path in modules if not path.read_text().startswith('"""')] == []


def test_the_readme_shows_what_make_test_prints_at_its_end(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The suites themselves are left out here: `make test` runs this test among them."""

    def run(suite: Suite, _: Console) -> Outcome:
        return Outcome(suite.name, Count(passed=1), 1.0)

    for module in (checks, everything):
        monkeypatch.setattr(module, "run", run)
    monkeypatch.setattr(setup, "provide_tools", lambda _: setup.choose())
    monkeypatch.setattr(everything, "set_up", lambda _: {})
    console = Console(width=120)
    assert suites.summarise(everything.outcomes(console), console)
    fences = [fence for document in DOCUMENTS for fence in document.fences]
    (shown,) = (fence.text for fence in fences if fence.language == SHOWN)
    command, _, output = shown.partition("\n")
    assert command == "$ make test"
    assert differs(output, capsys.readouterr().out) == ""


def test_the_readme_is_short() -> None:
    assert len((ROOT / "README.md").read_text().splitlines()) < 150


@pytest.mark.parametrize(
    ("documented", "printed", "same"),
    [
        ("a\nb", "a\nb\n", True),
        ("a\n...\nd", "a\nb\nc\nd", True),
        ("took ... s", "took 3.5 s", True),
        ("a", "a\nb", False),
        ("a\n...", "b\na", False),
    ],
)
def test_dots_stand_for_anything_and_nothing_else_does(
    documented: str, printed: str, same: bool
) -> None:
    assert (differs(documented, printed) == "") is same


def test_a_failure_that_the_document_does_not_show_is_one(tmp_path: Path) -> None:
    checkout = Checkout(tmp_path)
    with pytest.raises(AssertionError, match="exited with 3"):
        checkout.run(Command("a.md:1", "exit 3", ""))
    checkout.run(Command("a.md:1", "echo error: no; exit 3", "error: no"))
