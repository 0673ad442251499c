"""The workflows keep their safety rules, and name only what the project has."""

import os
import re
import subprocess
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml
from typer.testing import CliRunner

from ops.main import app
from ops.paths import ROOT

FILES = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
PINNED = re.compile(r"^\s*(?:- )?uses: [\w.-]+/[\w.-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+$")


def workflow(name: str) -> dict[str, Any]:
    # YAML 1.1 reads the key `on` as true.
    content: dict[str, Any] = yaml.safe_load((FILES[0].parent / name).read_text())
    return content


def jobs(path: Path) -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = workflow(path.name)["jobs"]
    return found


def steps() -> list[tuple[str, dict[str, Any]]]:
    return [
        (f"{path.name}: {name}", step)
        for path in FILES
        for name, job in jobs(path).items()
        for step in job["steps"]
    ]


def test_there_are_the_three_workflows() -> None:
    assert [path.name for path in FILES] == ["checks.yml", "deploy.yml", "preview.yml"]


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_actions_are_pinned_by_commit_with_their_version_beside_it(path: Path) -> None:
    used = [line for line in path.read_text().splitlines() if "uses:" in line]
    assert used
    assert [line for line in used if not PINNED.match(line)] == []


def test_one_action_has_one_version() -> None:
    used = {step["uses"] for _, step in steps() if "uses" in step}
    assert len(used) == len({action.partition("@")[0] for action in used})


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_rights_are_the_least_and_named(path: Path) -> None:
    content = workflow(path.name)
    assert content["permissions"] in ({}, {"contents": "read"})
    held = [content, *jobs(path).values()]
    assert any("concurrency" in part for part in held), "two runs at once disturb each other"
    assert "pull_request_target" not in path.read_text(), "it gives a fork's code the secrets"
    rights = {
        (name, scope)
        for name, job in jobs(path).items()
        for scope, right in job.get("permissions", {}).items()
        if right == "write"
    }
    expected = {
        "checks.yml": set(),
        "preview.yml": {("preview", "pull-requests")},
        "deploy.yml": {
            ("staging", "packages"),
            *(("images", scope) for scope in ("packages", "id-token", "attestations")),
            ("record", "contents"),
        },
    }
    assert rights == expected[path.name]


def test_the_token_is_left_behind_only_where_it_pushes() -> None:
    for place, step in steps():
        if step.get("uses", "").startswith("actions/checkout@"):
            kept = step.get("with", {}).get("persist-credentials", True)
            assert kept == (place == "deploy.yml: record"), place


def test_secrets_are_given_to_steps_and_not_to_whole_jobs() -> None:
    """Another action of the job would get them too."""
    for path in FILES:
        for name, job in jobs(path).items():
            given = [key for key, value in job.get("env", {}).items() if "secrets." in str(value)]
            assert given in ([], ["HAS_STATE"]), f"{path.name}: {name}"
            assert "env" not in workflow(path.name)
    readers = {place for place, step in steps() if "secrets." in str(step.get("env"))}
    assert readers == {"preview.yml: preview", "deploy.yml: staging", "deploy.yml: prod"}


def test_every_step_that_reads_a_state_can_read_one_in_a_bucket() -> None:
    """An empty variable is as none for the engine: Pulumi Cloud needs only its token."""
    names = {"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_REGION"}
    readers = [(at, step) for at, step in steps() if "PULUMI_BACKEND_URL" in step.get("env", {})]
    assert len(readers) == 5
    assert [place for place, step in readers if not names <= step["env"].keys()] == []
    for name in ("deploy.yml", "preview.yml"):
        header = (FILES[0].parent / name).read_text().partition("\nname: ")[0]
        assert {word for word in names if word in header} == names


@pytest.mark.parametrize(
    ("given", "previewed"),
    [
        ({"KUBECONFIG", "PULUMI_ACCESS_TOKEN"}, True),
        ({"KUBECONFIG", "PULUMI_BACKEND_URL", "PULUMI_CONFIG_PASSPHRASE"}, True),
        ({"KUBECONFIG", "PULUMI_BACKEND_URL"}, True),  # A key service has no passphrase.
        ({"PULUMI_BACKEND_URL"}, False),  # A fork gets variables, but no secrets.
        ({"KUBECONFIG"}, False),
    ],
)
def test_a_pull_request_is_previewed_against_the_state_wherever_that_is(
    given: set[str], previewed: bool
) -> None:
    (job,) = workflow("preview.yml")["jobs"].values()
    expression = job["env"]["HAS_STATE"].removeprefix("${{").removesuffix("}}").strip()
    for name, operator in {"&&": "and", "||": "or"}.items():
        expression = expression.replace(name, operator)
    known = re.sub(r"(?:secrets|vars)\.(\w+) != ''", lambda one: str(one[1] in given), expression)
    assert set(re.findall(r"\w+", known)) <= {"and", "or", "True", "False"}
    assert eval(known) is previewed  # noqa: S307 - the words above


def test_no_expression_is_in_a_shell_script() -> None:
    """Their values come from the environment, where text from outside stays text."""
    scripts = [(place, step["run"]) for place, step in steps() if "run" in step]
    assert len(scripts) > 5
    assert [place for place, script in scripts if "${{" in script] == []


def test_every_make_target_and_command_of_theirs_exists() -> None:
    text = "\n".join(step["run"] for _, step in steps() if "run" in step)
    targets = re.findall(r"^make (?:-s )?(\S+)", text, re.MULTILINE)
    assert targets
    makefile = (ROOT / "Makefile").read_text()
    assert [target for target in targets if f"\n{target}: " not in makefile] == []
    commands = re.findall(r"-m ops (\S+)", text)
    shown = CliRunner().invoke(app, ["--help"]).stdout
    assert commands
    assert [command for command in commands if f" {command} " not in shown] == []
    assert "./.ci/run" in text


def test_no_workflow_reads_text_for_people() -> None:
    """Its words may change: what a script takes from a command of `ops` is JSON, or a whole file."""
    scripts = [(place, step["run"]) for place, step in steps() if "run" in step]
    taken = [
        (place, command)
        for place, script in scripts
        for command in re.findall(r"(?:\$\(|<\().*-m ops [^)|]*|-m ops [^\n]*\|.*", script)
        if "--json" not in command
    ]
    assert taken == []
    assert [place for place, script in scripts if re.search(r"\bgrep\b|\bsed\b", script)] == []


def test_the_job_that_builds_from_go_modules_keeps_what_it_built() -> None:
    found = jobs(FILES[0])["test"]["steps"]
    run = next(index for index, step in enumerate(found) if step.get("run") == "./.ci/run")
    by_action = {step["uses"].partition("@")[0]: step["with"] for step in found[:run]}
    go, built = by_action["actions/setup-go"], by_action["actions/cache"]
    assert built["path"] == "~/.cache/taskflow-infra/programs"
    assert "hashFiles('airgap/go/**')" in built["key"]
    graphs = [*(ROOT / "airgap" / "go").rglob("go.mod")]
    assert {*graphs} == {
        file.with_name("go.mod") for file in ROOT.glob(go["cache-dependency-path"])
    }

    def version(path: Path) -> tuple[int, ...]:
        (text,) = re.findall(r"^go (\S+)$", path.read_text(), re.MULTILINE)
        return tuple(map(int, text.split(".")))

    newest = max(map(version, graphs))
    assert version(ROOT / go["go-version-file"]) == newest, "an older Go refuses to build it"


def test_a_pull_request_is_previewed_once_for_each_stack_and_reported_in_one_comment() -> None:
    (job,) = workflow("preview.yml")["jobs"].values()
    (engine,) = [s for s in job["steps"] if s.get("uses", "").startswith("pulumi/actions@")]
    assert "command" not in engine["with"], "it installs the engine; the report previews"
    reports = [s["run"] for s in job["steps"] if "pr-report" in s.get("run", "")]
    assert ["--deployed" in script for script in reports] == [True]
    comments = [step for step in job["steps"] if "sticky-pull-request-comment" in str(step)]
    (comment,) = comments
    assert "head.repo.full_name == github.repository" in comment["if"], "a fork's token may not"
    assert comment["with"]["path"] in next(
        s["run"] for s in job["steps"] if s.get("name") == "Report"
    )


def test_an_approval_that_is_waited_for_keeps_nobody_from_staging() -> None:
    content = workflow("deploy.yml")
    assert "concurrency" not in content, "a run that waits would hold it for all of its jobs"
    groups = {job["concurrency"]["group"] for job in content["jobs"].values()}
    assert len(groups) == len(content["jobs"])


def test_only_main_is_deployed_also_by_hand() -> None:
    assert workflow("deploy.yml")["jobs"]["staging"]["if"] == "github.ref == 'refs/heads/main'"


def test_prod_follows_staging_with_its_images_after_approval() -> None:
    deploy = workflow("deploy.yml")["jobs"]
    assert (deploy["staging"]["environment"], deploy["prod"]["environment"]) == ("staging", "prod")
    assert deploy["prod"]["needs"] == ["staging", "images"]
    scripts = [step["run"] for step in deploy["prod"]["steps"] if "run" in step]
    order = [
        next(index for index, script in enumerate(scripts) if text in script)
        for text in ("gh attestation verify", "images.backend.ref", "make up STACK=prod")
    ]
    assert order == sorted(order), "else it would deploy the images of the last time"


def test_what_prod_runs_is_recorded_on_top_of_what_main_says_by_then() -> None:
    """Edits of the same lines in an earlier commit conflict with the record of a release before it."""
    record = workflow("deploy.yml")["jobs"]["record"]
    assert record["needs"] == ["staging", "prod"]
    checkout, commit = record["steps"]
    assert checkout["with"]["ref"] == "main"
    for component in ("backend", "frontend"):
        variable = component.upper()
        assert commit["env"][variable] == f"${{{{ needs.staging.outputs.{component} }}}}"
        assert f".{component}.ref = strenv({variable})" in commit["run"]


@pytest.mark.parametrize(
    ("deployed", "recorded", "code"),
    [
        ("older", None, 0),
        ("newer", "older", 0),
        ("newer", "newer", 0),  # Its approval, again.
        ("older", "newer", 1),
    ],
)
def test_a_run_of_an_older_commit_than_prod_runs_is_refused(
    tmp_path: Path, deployed: str, recorded: str | None, code: int
) -> None:
    """A person can start its failed jobs again, and its job `staging`, with its images, is not one of them."""
    prod, record = (workflow("deploy.yml")["jobs"][name]["steps"] for name in ("prod", "record"))
    assert prod[0]["with"]["fetch-depth"] == 0, "the record is in the history of main"
    (recorder,) = re.findall(r"git config user\.name '(.+)'", record[1]["run"])
    (message,) = re.findall(r'--message "(.+)\$\{GITHUB_SHA::12\}"', record[1]["run"])

    def git(*arguments: str) -> str:
        command = ["git", "-c", "user.name=Ada", "-c", "user.email=ada@example.com", *arguments]
        return subprocess.check_output(command, cwd=tmp_path, text=True).strip()

    def commit(text: str, author: str = "Ada") -> str:
        stack = tmp_path / "Pulumi.prod.yaml"
        stack.write_text(text)
        git("add", stack.name)
        git("commit", "--quiet", "--message", text, "--author", f"{author} <{author}@example.com>")
        return git("rev-parse", "HEAD")

    git("init", "--quiet")
    commits = {name: commit(name) for name in ("older", "newer")}
    if recorded:
        commit(message + commits[recorded][:12], recorder)
    commit(f"Edit what the other commit wrote\n\n{message}prod")
    git("update-ref", "refs/remotes/origin/main", "HEAD")
    done = subprocess.run(
        ["bash", "-e", "-c", prod[1]["run"]],
        cwd=tmp_path,
        env=os.environ | {"GITHUB_SHA": commits[deployed]},
        capture_output=True,
        text=True,
    )
    assert done.returncode == code, done.stdout + done.stderr
    assert (commits["newer"][:12] in done.stdout) == bool(code)


def used(job: str, action: str, name: str = "deploy.yml") -> list[dict[str, Any]]:
    """The inputs of a job's steps that use an action, in order."""
    found = workflow(name)["jobs"][job]["steps"]
    return [step["with"] for step in found if step.get("uses", "").startswith(f"{action}@")]


def test_a_known_critical_vulnerability_stops_lock_files_before_staging_and_images_before_prod() -> (
    None
):
    (lock_files,) = used("staging", TRIVY)
    image, _ = used("images", TRIVY)
    assert REFUSING.items() <= lock_files.items()
    assert REFUSING.items() <= image.items()
    order = [str(step) for step in workflow("deploy.yml")["jobs"]["staging"]["steps"]]
    (scan,) = (index for index, step in enumerate(order) if TRIVY in step)
    (up,) = (index for index, step in enumerate(order) if "make up STACK=staging" in step)
    assert scan < up


def test_an_image_that_passes_is_attested_with_its_provenance_and_what_is_in_it() -> None:
    *_, bill = used("images", TRIVY)
    provenance, contents = used("images", "actions/attest")
    assert bill["format"] == "spdx-json"
    assert contents["sbom-path"] == bill["output"]
    for attested in (provenance, contents):
        assert attested["subject-digest"] == "${{ steps.image.outputs.digest }}"
        assert attested["push-to-registry"]
    assert "sbom-path" not in provenance, "without one the action attests the build"


def test_prod_accepts_only_attestations_that_this_workflow_signed_on_main() -> None:
    """A workflow of any branch can attest an image of its own."""
    found = workflow("deploy.yml")["jobs"]["prod"]["steps"]
    (script,) = (step["run"] for step in found if "gh attestation verify" in step.get("run", ""))
    assert '--signer-workflow "$GITHUB_REPOSITORY/.github/workflows/deploy.yml"' in script
    assert f"--source-ref {MAIN}" in script
    assert MAIN in workflow("deploy.yml")["jobs"]["staging"]["if"], "else nothing would pass"
    assert '--predicate-type "$predicate"' in script
    assert "https://slsa.dev/provenance/v1 https://spdx.dev/Document/v2.3" in script


def test_checks_audit_every_lock_file_of_what_is_deployed() -> None:
    scripts = {
        step["name"]: step["run"] for step in jobs(FILES[0])["audit"]["steps"] if "run" in step
    }
    python, node = scripts["pip-audit"], scripts["npm audit"]
    assert "pipx run pip-audit==" in python
    for name in ("requirements.txt", "requirements-dev.txt", "docker/backend/requirements.txt"):
        assert (ROOT / name).is_file()
        assert f" {name}" in python
    assert "npm audit --prefix docker/frontend --package-lock-only" in node
    assert 'select(.severity == "critical")' in node
    assert all(EXCEPTIONS.name in script for script in (python, node))
    (packages,) = used("audit", TRIVY, "checks.yml")
    assert REFUSING.items() <= packages.items(), "a pull request has the exceptions of a deployment"
    assert (ROOT / packages["scan-ref"] / "package-lock.json").is_file()


MAIN = "refs/heads/main"
TRIVY = "aquasecurity/trivy-action"
EXCEPTIONS = ROOT / ".trivyignore.yaml"
REFUSING = {"severity": "CRITICAL", "exit-code": "1", "trivyignores": EXCEPTIONS.name}
LONGEST = timedelta(days=92)


def faults(text: str, today: date) -> list[str]:
    """What is wrong with exceptions from known vulnerabilities."""
    found = []
    for entry in yaml.safe_load(text)["vulnerabilities"]:
        end, name = entry.get("expired_at"), entry.get("id", "an entry")
        if not entry.get("statement"):
            found.append(f"{name} has no statement why it is accepted")
        if not isinstance(end, date):
            found.append(f"{name} has no date expired_at")
        elif not today <= end <= today + LONGEST:
            found.append(f"{name} ends on {end}: remove it, or give a day within three months")
    return found


def test_each_exception_has_a_reason_and_an_end() -> None:
    assert faults(EXCEPTIONS.read_text(), date.today()) == []


@pytest.mark.parametrize(
    ("entry", "fault"),
    [
        ("{id: A, statement: why, expired_at: 2026-03-01}", ""),
        ("{id: A, statement: why}", "A has no date expired_at"),
        ("{id: A, expired_at: 2026-03-01}", "A has no statement"),
        ("{id: A, statement: why, expired_at: 2026-01-31}", "A ends on 2026-01-31: remove it"),
        ("{id: A, statement: why, expired_at: 2027-01-31}", "A ends on 2027-01-31: remove it"),
    ],
)
def test_an_exception_without_reason_or_end_is_found(entry: str, fault: str) -> None:
    found = faults(f"vulnerabilities: [{entry}]", date(2026, 2, 1))
    assert [text.startswith(fault) for text in found] == ([True] if fault else [])
