"""Public linters pass rendered objects, Dockerfiles and workflows; every exception has its reason."""

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from components.config.check import check_file
from ops.config.render import render
from ops.paths import ROOT

OK = 10  # kube-score's best grade.
HERE = Path(__file__).parent

# kube-score's checks that may fail, by object and check.
EXCUSED = {
    # cert-manager makes the pod, when a certificate is due.
    ("NetworkPolicy", "taskflow-certificate", "networkpolicy-targets-pod"),
}
EXCUSED_ON_DEV = {
    # On Minikube a browser reaches the frontend by its node port.
    ("Service", "taskflow-frontend", "service-type"),
    # The images are in the node's own daemon under a content tag; no registry could be asked.
    ("Deployment", "taskflow-backend", "container-image-pull-policy"),
    ("Deployment", "taskflow-frontend", "container-image-pull-policy"),
    ("StatefulSet", "taskflow-postgres", "container-image-pull-policy"),
}


@pytest.fixture(scope="module")
def rendered(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with each committed stack's objects."""
    folder = tmp_path_factory.mktemp("rendered")
    for path in ROOT.glob("Pulumi.*.yaml"):
        file = check_file(path)
        (folder / f"{file.source.stack}.yaml").write_text(render(file.config, file.source))
    return folder


def run(*command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, capture_output=True, text=True, timeout=300)


def kube_score(path: Path) -> set[tuple[str, str, str]]:
    """Kind, name and check of every finding."""
    answer = run("kube-score", "score", "--output-format", "json", str(path))
    found: list[dict[str, Any]] = json.loads(answer.stdout)
    assert found, answer.stderr
    return {
        (item["type_meta"]["kind"], item["object_meta"]["name"], check["check"]["id"])
        for item in found
        for check in item["checks"]
        if not check["skipped"] and check["grade"] < OK
    }


@pytest.mark.parametrize("stack", ["staging", "prod"])
def test_kube_score_finds_what_is_excused_and_nothing_else(rendered: Path, stack: str) -> None:
    assert kube_score(rendered / f"{stack}.yaml") == EXCUSED


def test_kube_score_finds_on_dev_what_is_excused_and_nothing_else(rendered: Path) -> None:
    assert kube_score(rendered / "dev.yaml") == EXCUSED_ON_DEV


@pytest.mark.parametrize(
    ("stack", "exceptions"),
    [("dev", "checkov-dev.yaml"), ("staging", "checkov-staging.yaml"), ("prod", "checkov.yaml")],
)
def test_checkov_finds_nothing(rendered: Path, stack: str, exceptions: str) -> None:
    answer = run(
        *("checkov", "--framework", "kubernetes", "--output", "json", "--skip-download"),
        *("--config-file", str(HERE / exceptions), "--file", str(rendered / f"{stack}.yaml")),
    )
    report = json.loads(answer.stdout)
    failed = report["results"]["failed_checks"]
    assert [(check["check_id"], check["resource"]) for check in failed] == []
    assert report["summary"]["passed"] > 100, "it looked at the objects"


@pytest.mark.parametrize("component", ["backend", "frontend"])
def test_hadolint_finds_nothing(component: str) -> None:
    answer = run("hadolint", "--no-color", str(ROOT / "docker" / component / "Dockerfile"))
    assert answer.returncode == 0, answer.stdout + answer.stderr
    assert answer.stdout == ""


def test_actionlint_finds_nothing() -> None:
    workflows = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
    assert workflows
    answer = run("actionlint", "-no-color", *map(str, workflows))
    assert (answer.returncode, answer.stdout) == (0, ""), answer.stderr


def test_actionlint_looks_at_the_scripts_as_well(tmp_path: Path) -> None:
    """Without shellcheck beside it, it would silently skip them."""
    bad = tmp_path / "bad.yml"
    bad.write_text(
        "on: push\njobs:\n  one:\n    runs-on: ubuntu-24.04\n    steps: [{run: cd $HOME/x; ls}]\n"
    )
    answer = run("actionlint", "-no-color", str(bad))
    assert "shellcheck" in answer.stdout
