"""The report on a pull request: what it says of a change, and that the change cannot inject text."""

import json
import re
import shutil
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace

import pytest
from typer.testing import CliRunner

from ops.config.footprint import Amount, Row, of_config, to_json
from ops.config.render import render
from ops.config.validate import checked
from ops.engine.backend import Backend
from ops.engine.stack import Stack
from ops.errors import OpsError
from ops.paths import ROOT
from ops.prepare import setup
from ops.review import command as review
from ops.review import needs, pr_report, rendered, risk
from ops.review.needs import Unmet
from ops.review.plan import Step
from ops.review.pr_markdown import StackReport, annotation, document
from ops.review.risk import Effect, Risk
from tests.ops.conftest import Cluster
from tests.ops.machines import LOCAL
from tests.ops.test_footprint import commit
from tests.ops.test_risk import PREVIEWS

pytestmark = pytest.mark.exhaustive

STACK = f'{LOCAL}  taskflow:images: {{backend: {{ref: "one:1"}}, frontend: {{ref: "two:1"}}}}\n'


class InProcess:
    """Replaces a commit: the stack files that it had, read here and not in a process of its own."""

    name = "HEAD"

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def has(self, stack: str) -> bool:
        return (self.folder / f"Pulumi.{stack}.yaml").is_file()

    @property
    def stacks(self) -> list[str]:
        return [file.name.split(".")[1] for file in self.folder.glob("Pulumi.*.yaml")]

    def output(self, command: str, _: str, stack: str, *__: str) -> str:
        file = checked(self.folder / f"Pulumi.{stack}.yaml")
        if command == "footprint":
            return to_json(of_config(file.config))
        return render(file.config, file.source)


@dataclass(frozen=True)
class Checkout:
    """A stack file as it was and as it is."""

    now: Path
    then: Path

    def section(self, text: str) -> StackReport:
        (self.now / "Pulumi.local.yaml").write_text(text)
        (one,) = pr_report.report("HEAD", self.now, deployed=False)
        return one

    def run(self, *flags: str) -> tuple[int, str]:
        answer = CliRunner().invoke(pr_report.commands, ["--against", "HEAD", *flags])
        return answer.exit_code, answer.stdout


@pytest.fixture
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Checkout:
    """The stack `local`, unchanged."""
    one = Checkout(tmp_path / "now", tmp_path / "then")
    for folder in (one.now, one.then):
        folder.mkdir()
        shutil.copy(ROOT / "Pulumi.yaml", folder)
        (folder / "Pulumi.local.yaml").write_text(STACK)
    for variable in ("STACK", "GITHUB_ACTIONS"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setattr(pr_report, "ROOT", one.now)
    monkeypatch.setattr(pr_report, "unpacked", lambda *_: nullcontext(InProcess(one.then)))
    return one


def risks(one: StackReport) -> dict[str, Risk]:
    return {f"{effect.step.kind} {effect.step.resource}": effect.risk for effect in one.effects}


def test_a_change_is_judged_by_its_rendered_objects(checkout: Checkout) -> None:
    one = checkout.section(f"{STACK}  taskflow:logLevel: debug\n")
    assert risks(one) == {
        "ConfigMap taskflow-config": Risk.NONE,
        "Deployment taskflow-backend": Risk.ROLLING,
        "Deployment taskflow-frontend": Risk.ROLLING,
    }
    assert (one.outcome, one.before) == ("rolling restart", one.after)


def test_a_volume_of_another_class_is_a_loss(checkout: Checkout) -> None:
    one = checkout.section(STACK.replace("embedded: {}", "embedded: {storageClass: fast}"))
    assert risks(one) == {"PersistentVolumeClaim taskflow-postgres-data": Risk.LOSS}
    assert "CONFIRM=data-loss" in document([one], "HEAD")


def test_the_footprint_is_shown_where_it_changes(checkout: Checkout) -> None:
    text = document([checkout.section(f"{STACK}  taskflow:backend: {{replicas: 1}}\n")], "HEAD")
    assert "| backend, at rest | 2 → 1 | 500m → 250m | 512Mi → 256Mi | 0Mi |" in text
    assert "postgres, at rest" not in text


def test_a_stack_that_is_new_is_all_new(checkout: Checkout) -> None:
    (checkout.then / "Pulumi.local.yaml").unlink()
    one = checkout.section(STACK)
    assert {effect.step.action for effect in one.effects} == {"create"}
    assert (one.outcome, one.before) == ("none", ())


def test_mistakes_are_reported_with_their_lines_and_annotated_on_github_only(
    checkout: Checkout, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (checkout.now / "Pulumi.local.yaml").write_text(f"{STACK}  taskflow:backend: {{replica: 3}}\n")
    code, shown = checkout.run()
    assert code == 2
    assert "### local: configuration errors" in shown
    assert "- Pulumi.local.yaml:6: taskflow:backend.replica: unknown key" in shown
    assert "::error" not in shown

    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    file = tmp_path / "report.md"
    code, shown = checkout.run("--output", str(file))
    (line,) = shown.splitlines()
    assert line.startswith("::error file=Pulumi.local.yaml,line=6::taskflow:backend.replica: ")
    assert "configuration errors" in file.read_text()


def test_no_change_is_reported_and_exits_with_zero(checkout: Checkout) -> None:
    code, shown = checkout.run()
    assert code == 0
    assert "No object changes (rendered here and at HEAD)." in shown
    assert "Footprint: unchanged." in shown


REMOTE = STACK.replace("minikube: minikube", "context: far-away").replace(
    ':1"', f'@sha256:{"1" * 64}"'
)


@pytest.fixture
def remote(checkout: Checkout, monkeypatch: pytest.MonkeyPatch) -> Checkout:
    """With a stack on a cluster elsewhere, for which the engine previews a rolling update."""
    log = (PREVIEWS / "log-level.events").read_text()
    monkeypatch.setattr(Stack, "preview", lambda *_, quiet: log)
    monkeypatch.setattr(review, "require_context", lambda *_: None)
    chosen = SimpleNamespace(backend=Backend("", ours=False), env={})
    monkeypatch.setattr(setup, "choose", lambda: chosen)
    for folder in (checkout.now, checkout.then):
        (folder / "Pulumi.remote.yaml").write_text(REMOTE)
    return checkout


def test_a_deployed_stack_is_previewed_by_the_engine_and_a_minikube_is_not(
    remote: Checkout, cluster: Cluster
) -> None:
    cluster.has()
    cluster.answer("--dry-run=server", "")
    code, shown = remote.run("--deployed")
    assert code == 0
    assert "No object changes (rendered here and at HEAD)." in shown, "the Minikube"
    assert "Steps, compared with what is deployed:" in shown
    assert "| rolling restart | update | Deployment taskflow-backend |" in shown
    assert {kubectl.context for kubectl in cluster.asked} == {"far-away"}


def test_a_preview_that_fails_is_reported_and_not_guessed(
    remote: Checkout, cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    def preview(stack: Stack, *, quiet: bool) -> str:
        raise OpsError("pulumi preview failed", where="the cluster")

    monkeypatch.setattr(Stack, "preview", preview)
    cluster.has()
    code, shown = remote.run("--deployed")
    assert code == 1
    assert "### remote: unknown\n\n> pulumi preview failed where: the cluster" in shown


def test_what_the_cluster_would_refuse_or_lacks_is_in_the_report_as_in_diff(
    remote: Checkout, cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    cluster.has()
    refused = '(Forbidden): deployments.apps "taskflow-backend" is forbidden: exceeded quota'
    cluster.answer("apply --dry-run=server", f"Error from server {refused}", code=1)
    cluster.answer("create --dry-run=server", "")
    warned = Unmet(warnings=["install a metrics server"])
    monkeypatch.setattr(needs, "unmet", lambda *_: warned)
    _, shown = remote.run("--deployed")
    assert "### remote: refused" in shown
    assert "| **refused** | update | Deployment taskflow-backend | the API server ref" in shown
    assert "> warning: install a metrics server" in shown


def test_a_cluster_that_could_not_be_asked_is_reported(remote: Checkout, cluster: Cluster) -> None:
    cluster.answer("get", "error: You must be logged in to the server (Unauthorized)", code=1)
    code, shown = remote.run("--deployed")
    assert code == 0
    assert "| rolling restart | update | Deployment taskflow-backend |" in shown
    assert "context far-away refuses the credentials" in shown


def test_a_stack_that_lacks_what_its_first_up_needs_is_not_asked_of_the_engine(
    checkout: Checkout, monkeypatch: pytest.MonkeyPatch
) -> None:
    def preview(stack: Stack, *, quiet: bool) -> str:
        raise AssertionError(f"{stack.name} was never deployed")

    monkeypatch.setattr(Stack, "preview", preview)
    lacking = REMOTE.replace("  taskflow:secrets: {generate: true}\n", "")
    for folder in (checkout.now, checkout.then):
        (folder / "Pulumi.remote.yaml").write_text(lacking)
    code, shown = checkout.run("--deployed")
    assert code == 0
    assert "Before its first `up`:\n\n- Pulumi.remote.yaml: taskflow:betterAuthSecret" in shown


def test_another_encrypted_value_is_reported_though_objects_are_rendered_without_it(
    checkout: Checkout,
) -> None:
    line = "  taskflow:openaiApiKey: {{secure: v1:{}}}\n"
    (checkout.then / "Pulumi.local.yaml").write_text(STACK + line.format("old"))
    one = checkout.section(STACK + line.format("new"))
    assert (one.outcome, one.effects) == ("rolling restart", ())
    assert "Encrypted values change" in document([one], "HEAD")


def test_a_deleted_stack_file_is_reported(checkout: Checkout) -> None:
    (checkout.then / "Pulumi.old.yaml").write_text(STACK)
    code, shown = checkout.run()
    assert code == 0
    assert "| old | **stack file deleted** | 0 |" in shown
    assert "`make down` needs the deleted file" in shown


def test_programs_get_one_stack_as_json(checkout: Checkout) -> None:
    (checkout.now / "Pulumi.other.yaml").write_text(STACK)
    (checkout.now / "Pulumi.local.yaml").write_text(f"{STACK}  taskflow:backend: {{replicas: 1}}\n")
    code, shown = checkout.run("--json", "--stack", "local")
    (one,) = json.loads(shown)
    assert (code, one["stack"], one["outcome"]) == (0, "local", "none")
    (step,) = one["steps"]
    assert (step["name"], step["risk"]) == ("taskflow-backend", "none")
    before, after = one["footprint"]["before"][-1], one["footprint"]["after"][-1]
    assert before["at_rest"]["pods"] - after["at_rest"]["pods"] == 1


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """A real checkout with the program, one commit, and a stack in it that cannot be rendered."""
    commit(tmp_path, f"{STACK}  taskflow:no-such-key: 1\n")
    return tmp_path


def test_a_commit_that_cannot_be_rendered_is_reported_and_not_guessed(repository: Path) -> None:
    (repository / "Pulumi.local.yaml").write_text(STACK)
    (one,) = pr_report.report("HEAD", repository, deployed=False)
    assert one.outcome == "unknown"
    assert "commit HEAD cannot run its own render" in document([one], "HEAD")


def test_an_unknown_commit_is_named(repository: Path) -> None:
    for name in ("nowhere", "--output=/tmp/x"):
        with pytest.raises(OpsError, match="there is no commit"):
            pr_report.report(name, repository, deployed=False)


def effect(level: Risk, name: str, reason: str) -> Effect:
    old = {"metadata": {"name": name}}
    return Effect(
        Step(action="update", type="k:v1:Deployment", resource="r", old=old), level, reason
    )


def test_the_markdown_as_a_whole() -> None:
    row = Row("all", Amount(2, 100, 256, 0), Amount(3, 150, 384, 0))
    more = Row("all", Amount(3, 150, 384, 0), Amount(4, 200, 512, 0))
    sections = [
        StackReport(
            "prod",
            basis="compared with what is deployed",
            effects=(
                effect(Risk.NONE, "web", "replicas"),
                effect(Risk.ROLLING, "api", "image: 2 pods one by one"),
            ),
            before=(row,),
            after=(more,),
            missing=("set it",),
        ),
        StackReport("staging", errors=("Pulumi.staging.yaml:3: is wrong",)),
    ]
    assert document(sections, "main") == (
        """## What this change does

| stack | worst step | changes |
| --- | --- | --- |
| prod | rolling restart | 2 |
| staging | **configuration errors** | 0 |

### prod: rolling restart

Steps, compared with what is deployed:

| risk | step | object | why |
| --- | --- | --- | --- |
| rolling restart | update | Deployment api | image: 2 pods one by one |

<details><summary>without risk: 1</summary>

| risk | step | object | why |
| --- | --- | --- | --- |
| none | update | Deployment web | replicas |

</details>

Footprint:

|  | pods | CPU requests | memory requests | storage |
| --- | --- | --- | --- | --- |
| all, at rest | 2 → 3 | 100m → 150m | 256Mi → 384Mi | 0Mi |
| all, at most | 3 → 4 | 150m → 200m | 384Mi → 512Mi | 0Mi |

Before its first `up`:

- set it

### staging: configuration errors

- Pulumi.staging.yaml:3: is wrong

Compared with `main`.
"""
    )


def test_what_comes_from_the_change_is_text_and_nothing_else() -> None:
    evil = "x | **b** <img src=x> [a](http://e) `c` @everyone\n# heading"
    text = document([StackReport("s", effects=(effect(Risk.OUTAGE, evil, evil),))], "`main`\n# x")
    (row,) = [line for line in text.splitlines() if line.startswith("| short outage")]
    assert len(re.findall(r"(?<!\\)\|", row)) == 5, "four cells"
    for mark in ("<img", "[a]", " **b", "@everyone", "`c`"):
        assert mark not in row
    assert [line for line in text.splitlines() if line.startswith("#")] == [
        "## What this change does",
        "### s: short outage",
    ]


def test_an_annotation_cannot_start_another_command() -> None:
    assert annotation("Pulumi.dev.yaml:7: 50% of\n::set-output name=x::y") == (
        "::error file=Pulumi.dev.yaml,line=7::50%25 of%0A::set-output name=x::y"
    )
    assert annotation("Pulumi.dev.yaml: is missing") == (
        "::error file=Pulumi.dev.yaml,line=1::is missing"
    )
    assert annotation("something else") == "::error::something else"


def test_rendered_objects_of_a_made_up_name_are_one_object() -> None:
    before = {
        "apiVersion": "v1",
        "kind": "Secret",
        "immutable": True,
        "metadata": {"name": "keys-0a1b2c3d"},
    }
    after = before | {"metadata": {"name": "keys-4e5f6a7b"}}
    (step,) = rendered.steps([before], [after])
    assert (step.action, step.forced_by) == ("replace", ("metadata.name",))
    assert [one.action for one in rendered.steps([before], [])] == ["delete"]
    mutable = [one | {"immutable": False} for one in (before, after)]
    assert {one.action for one in rendered.steps(mutable[:1], mutable[1:])} == {"delete", "create"}


def test_a_field_that_the_api_server_fixes_makes_a_replacement() -> None:
    before = {
        "apiVersion": "apps/v1",
        "kind": "StatefulSet",
        "metadata": {"name": "db"},
        "spec": {"serviceName": "a", "replicas": 1},
    }
    moved = before | {"spec": {"serviceName": "b", "replicas": 1}}
    (step,) = rendered.steps([before], [moved])
    assert (step.action, step.forced_by) == ("replace", ("spec.serviceName",))
    scaled = before | {"spec": {"serviceName": "a", "replicas": 2}}
    assert rendered.steps([before], [scaled])[0].action == "update"
    assert risk.judge(rendered.steps([before], [before])) == []
