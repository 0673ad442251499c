"""What an update's message records of a revision."""

from pathlib import Path

import pytest
import yaml

from ops.errors import OpsError
from ops.release import record
from ops.release.record import Record
from tests.ops.machines import committed

FULL = Record(
    images={
        "backend": "taskflow-backend:0123456789ab",
        "frontend": "ghcr.io/acme/f@sha256:" + "a" * 64,
    },
    commit="f" * 40,
    changed=True,
    schema="0003_due",
    breaking=("0002_drop", "0003_due"),
    secrets="abc",
    by="A Person <person@example.com>",
    rollback_to=4,
)
DEV = {"taskflow:cluster": {"minikube": "minikube"}, "taskflow:database": {"embedded": {}}}


@pytest.mark.parametrize(
    "noted", [FULL, Record(), Record(images={"backend": "a:1"}, commit="e" * 40)]
)
def test_what_is_written_is_read_back(noted: Record) -> None:
    assert record.read(noted.message("make up: a title")) == noted


def test_the_title_stays_the_first_line() -> None:
    assert FULL.message("make up").splitlines()[:2] == ["make up", ""]


@pytest.mark.parametrize("message", ["", "Fix: the title of a commit", "By: hand"])
def test_a_message_of_someone_else_holds_no_record(message: str) -> None:
    assert record.read(message) == Record()


def checkout(folder: Path, config: dict[str, object]) -> Path:
    for component in ("backend", "frontend"):
        (folder / "docker" / component).mkdir(parents=True)
        (folder / "docker" / component / "Dockerfile").write_text("FROM scratch\n")
    file = folder / "Pulumi.dev.yaml"
    file.write_text(yaml.safe_dump({"config": config}))
    committed(folder)
    return file


def test_a_checkout_is_its_commit_until_it_is_edited(tmp_path: Path) -> None:
    file = checkout(tmp_path, dict(DEV))
    before = record.of_checkout(file, tmp_path)
    (tmp_path / "docker" / "backend" / "app.py").write_text("print(1)\n")
    after = record.of_checkout(file, tmp_path)

    assert len(before.commit) == 40
    assert after.commit == before.commit
    assert (before.changed, after.changed) == (False, True)
    assert after.images["backend"] != before.images["backend"]
    assert after.images["frontend"] == before.images["frontend"]


def test_another_secret_is_another_checksum_and_no_part_of_the_record(tmp_path: Path) -> None:
    secret = {"taskflow:openaiApiKey": {"secure": "v1:one"}}
    file = checkout(tmp_path, DEV | secret)
    before = record.of_checkout(file, tmp_path)
    file.write_text(file.read_text().replace("v1:one", "v1:two"))
    after = record.of_checkout(file, tmp_path)
    assert before.secrets != after.secrets
    assert "v1:" not in before.message("title")


@pytest.mark.parametrize(
    "spelling", ["{secure: v1:one}", '{"secure": "v1:one"}', "\n    'secure': 'v1:one'"]
)
def test_a_secret_is_the_same_however_it_is_written(tmp_path: Path, spelling: str) -> None:
    file = tmp_path / "Pulumi.dev.yaml"
    file.write_text("config:\n  taskflow:openaiApiKey:\n    secure: v1:one\n")
    usual = record.secrets_of(file)
    file.write_text(f"config:\n  taskflow:openaiApiKey: {spelling}\n# secure: v1:two\n")
    assert record.secrets_of(file) == usual != ""


def test_a_mistake_in_the_stack_file_is_told_before_anything_is_done(tmp_path: Path) -> None:
    file = checkout(tmp_path, DEV | {"taskflow:backend": {"replicas": "two"}})
    with pytest.raises(OpsError, match=r"taskflow:backend.replicas: got \"two\""):
        record.of_checkout(file, tmp_path)


def test_a_pipeline_says_whose_change_it_deploys(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GITHUB_ACTOR", "somebody")
    assert record.who() == "somebody"
