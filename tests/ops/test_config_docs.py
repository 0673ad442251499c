"""The schema and the reference match the models, and the committed copies are current."""

import json
from typing import Any

import jsonschema
import pytest
import yaml

from components.config.stack import StackConfig
from ops.paths import ROOT
from tests.edits.edits import ELSEWHERE, begins
from tests.machinery import config_docs
from tests.unit.test_every_key import keys_of

STACKS = sorted(ROOT.glob("Pulumi.*.yaml"))
TWO_LINES = 240
"""Characters of a cell, on a page as wide as GitHub's."""
SECURE = {"secure": "v1:abc="}


def complaints(config: dict[str, Any]) -> list[str]:
    validator = jsonschema.Draft7Validator(json.loads(config_docs.schema()))
    return [error.message for error in validator.iter_errors({"config": config})]


@pytest.mark.parametrize(
    ("path", "text"),
    [(config_docs.SCHEMA, config_docs.schema()), (config_docs.REFERENCE, config_docs.reference())],
    ids=["schema", "reference"],
)
def test_the_committed_copy_is_current(path: Any, text: str) -> None:
    assert path.read_text() == text, "run: python -m ops docs"


@pytest.mark.parametrize("path", STACKS, ids=lambda path: path.stem)
def test_the_committed_stacks_name_the_schema_and_follow_it(path: Any) -> None:
    first = path.read_text().splitlines()[0]
    assert first == "# yaml-language-server: $schema=schema/stack.schema.json"
    assert complaints(yaml.safe_load(path.read_text())["config"]) == []


def test_a_part_of_a_block_is_enough_where_the_rest_has_defaults() -> None:
    assert complaints({"taskflow:backend": {"service": {"type": "NodePort"}}}) == []
    assert complaints({"taskflow:backend": {"resources": {"requests": {"cpu": "1"}}}}) == []
    assert complaints({"taskflow:ingress": {}}) != [], "a host has no default"
    assert complaints({"taskflow:backend": {"autoscaling": {}}}) != []


@pytest.mark.parametrize(
    "config",
    [
        {"taskflow:backend": {"replica": 2}},
        {"taskflow:backend": {"replicas": "two"}},
        {"taskflow:backnd": {}},
        {"taskflow:frontend": {"service": {"nodePort": 80}}},
        {"taskflow:frontend": {"service": {"port": 65536}}},
        {"taskflow:frontend": {"egress": [{"cidr": "10.0.0.0/8", "ports": [0]}]}},
        {"taskflow:database": {"embedded": {"passwords": [0]}}},
        {"taskflow:databaseUrl": "postgresql://in-plain-text"},
    ],
)
def test_an_editor_marks_what_the_program_would_refuse(config: dict[str, Any]) -> None:
    assert complaints(config) != []


def test_encrypted_secrets_and_other_namespaces_are_no_mistake() -> None:
    assert complaints({"taskflow:databaseUrl": SECURE, "aws:region": "eu-central-1"}) == []


def test_every_key_has_its_meaning_in_two_lines_at_most() -> None:
    for line in config_docs.reference().splitlines():
        if line.startswith("| `"):
            cells = [cell.strip() for cell in line.strip("|").split("|")]
            assert all(cells), line
            assert max(map(len, cells)) <= TWO_LINES, line


def test_the_projects_own_keys_have_the_models_defaults_and_meanings() -> None:
    project = yaml.safe_load((ROOT / "Pulumi.yaml").read_text())
    fields = {field.alias: field for field in StackConfig.model_fields.values()}
    for key, declared in project["config"].items():
        assert declared["default"] == fields[key].default, "one without would be required"
        assert declared["description"] == fields[key].description


def test_every_key_with_a_helm_value_exists() -> None:
    rows = [
        line.split("`")[1] for line in config_docs.reference().splitlines() if line[:3] == "| `"
    ]
    for key in config_docs.helm_values():
        assert key in rows or key.partition(".")[2] in rows, key


def test_the_keys_that_no_live_edit_changes_are_as_many_as_the_document_says() -> None:
    text = (ROOT / "docs" / "operations.md").read_text()
    elsewhere = sum(bool(begins(key, ELSEWHERE)) for key in keys_of(StackConfig))
    assert f"; {elsewhere} keys are tested elsewhere\n" in text


def test_a_key_that_every_component_has_alike_is_documented_once() -> None:
    sections = {
        title: text.splitlines()
        for title, _, text in (
            part.partition("\n") for part in config_docs.reference().split("\n## ")
        )
    }
    common = {line for line in sections["Every component"] if line.startswith("| `")}
    own = [
        {line for line in sections[name] if line.startswith("| `")}
        for name in ("backend", "frontend")
    ]
    assert any(line.startswith("| `replicas` ") and "`replicaCount`" in line for line in common)
    for rows in own:
        assert any(line.startswith("| `resources.requests.cpu` ") for line in rows), "its default"
        assert not rows & common
    assert not own[0] & own[1]
