"""The commands read from a stack file what the program and the engine read."""

import re
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from ops.backup import archive
from ops.config.stacks import StackFile
from ops.dev.command import session_folder
from ops.drift.command import show
from ops.drift.drift import Drift
from ops.errors import OpsError
from ops.paths import ROOT
from ops.review.command import refuse
from ops.review.risk import Effect, Risk

# Every module that parses YAML, and what it reads. Stack files have one reader.
READERS = {
    "bench/program.py": "the name in Pulumi.yaml",
    "components/config/go_yaml.py": "stack files",
    "components/contexts.py": "kubeconfigs",
    "ops/config/stacks.py": "the name in Pulumi.yaml",
    "ops/review/pr_report.py": "rendered objects",
    "tests/machinery/config_docs.py": "docs/from-helm.yaml",
}

WITH = """\
config:
  taskflow:cluster: {context: mine, minikube: profile}
  taskflow:frontend: {service: {type: NodePort, nodePort: 30180}, autoscaling: {max: 3}}
  taskflow:release: blue
  taskflow:namespace: elsewhere
  taskflow:policies: advisory
"""
AS_JSON = """\
config:
  taskflow:cluster: '{"context": "mine", "minikube": "profile"}'
  taskflow:frontend: '{"service": {"type": "NodePort", "nodePort": 30180}, "autoscaling": {"max": 3}}'
  taskflow:release: blue
  taskflow:namespace: elsewhere
  taskflow:policies: advisory
"""
SPELLINGS = {
    "keys of the project": WITH,
    "bare keys": WITH.replace("taskflow:", ""),
    "blocks as JSON": AS_JSON,
    "a number in quotes": WITH.replace("30180", '"30180"'),
}


@pytest.mark.parametrize("text", SPELLINGS.values(), ids=SPELLINGS)
def test_what_the_commands_need_is_read_from_the_file(tmp_path: Path, text: str) -> None:
    (tmp_path / "Pulumi.x.yaml").write_text(text)
    file = StackFile.read("x", tmp_path)
    assert (file.context, file.profile, file.node_port) == ("mine", "profile", 30180)
    assert (file.release, file.namespace) == ("blue", "elsewhere")
    assert (file.policies, file.autoscales, file.builds_images) == ("advisory", True, True)


def test_the_slowest_workload_says_how_long_an_update_may_take(tmp_path: Path) -> None:
    slow = "  taskflow:backend: {replicas: 4, rolloutDeadlineSeconds: 200}\n"
    (tmp_path / "Pulumi.x.yaml").write_text(f"{WITH}{slow}")
    assert StackFile.read("x", tmp_path).rollout_seconds == 2 * 200, "two pods at a time"


def test_the_default_of_a_key_is_that_of_the_program(tmp_path: Path) -> None:
    (tmp_path / "Pulumi.x.yaml").write_text("config: {}\n")
    file = StackFile.read("x", tmp_path)
    assert (file.context, file.profile, file.node_port) == ("minikube", None, None)
    assert (file.release, file.namespace, file.policies) == ("taskflow", "taskflow", "mandatory")


def test_a_file_that_cannot_be_read_is_refused_with_its_line(tmp_path: Path) -> None:
    (tmp_path / "Pulumi.x.yaml").write_text("config: {release: a, taskflow:release: b}\n")
    with pytest.raises(OpsError, match="is given a second time") as caught:
        StackFile.read("x", tmp_path)
    assert caught.value.what.startswith("Pulumi.x.yaml:1: ")
    assert caught.value.code == 2


def test_a_stack_may_have_a_dot_in_its_name(tmp_path: Path) -> None:
    (tmp_path / "Pulumi.my.stack.yaml").write_text("config: {}\n")
    assert StackFile.read("my.stack", tmp_path).path.name == "Pulumi.my.stack.yaml"
    with pytest.raises(OpsError) as caught:
        StackFile.read("my", tmp_path)
    assert caught.value.fix == "use one of STACK=my.stack"


@pytest.mark.parametrize("name", ["acme/dev", "acme/taskflow/dev"])
def test_the_full_name_of_a_stack_is_the_engines_and_its_last_part_names_the_file(
    tmp_path: Path, name: str
) -> None:
    (tmp_path / "Pulumi.dev.yaml").write_text("config: {}\n")
    file = StackFile.read(name, tmp_path)
    assert (file.name, file.path.name) == (name, "Pulumi.dev.yaml")


@pytest.mark.parametrize("name", ["acme/dev", "acme/taskflow/dev"])
def test_the_last_part_of_a_full_name_names_all_files(
    tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert archive.new_file(tmp_path, name).parent == tmp_path

    monkeypatch.setattr("ops.dev.command.STATE", tmp_path)
    with session_folder(name) as (folder, _):
        assert folder == tmp_path / "dev" / "dev"

    step: Any = SimpleNamespace(title="Service taskflow-frontend")
    with pytest.raises(OpsError) as refused:
        refuse([Effect(step, Risk.REFUSED, "its port is in use")], name)
    assert refused.value.fix.startswith("correct Pulumi.dev.yaml, ")

    show([Drift("Service x", "spec.port", "1", "2", "kubectl")], 1, name)
    assert "Pulumi.dev.yaml" in capsys.readouterr().out.replace("\n", "")


def test_the_key_of_a_stacks_encryption_is_found(tmp_path: Path) -> None:
    path = tmp_path / "Pulumi.x.yaml"
    path.write_text("config: {}\nencryptionsalt: v1:x\n")
    assert StackFile.read("x", tmp_path).names_its_encryption
    path.write_text("config: {}\n# encryptionsalt: v1:x\n")
    assert not StackFile.read("x", tmp_path).names_its_encryption


def test_nobody_else_reads_a_stack_file() -> None:
    folders = ("airgap", "bench", "components", "ops", "policy", "tests/machinery")
    modules = [
        ROOT / "__main__.py",
        *(path for name in folders for path in (ROOT / name).rglob("*.py")),
    ]
    found = {
        path.relative_to(ROOT).as_posix()
        for path in modules
        if re.search(r"\byaml\.(?:\w*load|parse|compose|scan)|\bimport ruamel", path.read_text())
    }
    assert found == READERS.keys()
    for name in ("bench/program.py", "ops/config/stacks.py"):
        (call,) = re.findall(r"yaml\.safe_load\(.*", (ROOT / name).read_text())
        assert '["name"]' in call, "of the project file"
