"""The real engine previews every committed stack without a cluster, and reports what is wrong with a bad one."""

import json
import os
import secrets
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from ops.config.stacks import StackFile
from ops.engine.backend import Backend
from ops.engine.stack import Stack
from ops.review import plan, risk
from tests.engine_stack import EngineError, EngineStack, kubeconfig_to_nowhere
from tests.unit.conftest import merged, stack_values

ROOT = Path(__file__).resolve().parents[2]
STACKS = {path.stem.removeprefix("Pulumi."): path for path in sorted(ROOT.glob("Pulumi.*.yaml"))}

LATE_MISTAKE = """
import asyncio
import pulumi, pulumi_random

async def later(): await asyncio.sleep(0.3)
def refuse(_): raise pulumi.RunError("the Secret lacks a key")

length = pulumi.Output.from_input(later()).apply(refuse)
first = [pulumi_random.RandomPassword(f"a{i}", length=length, special=False) for i in range(3)]
for i, one in enumerate(first):
    pulumi_random.RandomPassword(f"b{i}", length=one.length, special=False)
"""


@pytest.fixture(autouse=True)
def no_cluster(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    contexts = {
        stack_values(path).get("cluster", {}).get("context", "minikube") for path in STACKS.values()
    }
    monkeypatch.setenv("KUBECONFIG", str(kubeconfig_to_nowhere(tmp_path, contexts)))
    monkeypatch.setenv("MINIKUBE_HOME", str(tmp_path))


def stack_of(
    name: str, folder: Path, values: dict[str, Any], *, with_secrets: bool = True
) -> EngineStack:
    stack = EngineStack.create(name, folder, values)
    if with_secrets and not values.get("secrets"):
        stack.set_secret(
            "databaseUrl",
            f"postgresql://taskflow:{secrets.token_hex(8)}@db.example.com/t?sslmode=require",
        )
        stack.set_secret("betterAuthSecret", secrets.token_hex(32))
    return stack


@pytest.mark.parametrize("name", STACKS)
def test_the_stack_previews_without_a_cluster(name: str, tmp_path: Path) -> None:
    steps = stack_of(name, tmp_path, stack_values(STACKS[name])).preview()
    assert {step["op"] for step in steps} == {"create"}
    types = [step["newState"]["type"] for step in steps]
    assert types.count("kubernetes:apps/v1:Deployment") == 2
    images = stack_values(STACKS[name]).get("images", {})
    built = [part for part in ("backend", "frontend") if "ref" not in images.get(part, {})]
    assert types.count("docker:index/image:Image") == len(built)


def test_image_references_are_known_at_preview(tmp_path: Path) -> None:
    steps = stack_of("dev", tmp_path, stack_values(STACKS["dev"])).preview()
    deployments = [
        step["newState"]
        for step in steps
        if step["newState"]["type"] == "kubernetes:apps/v1:Deployment"
    ]
    for deployment in deployments:
        (container,) = deployment["inputs"]["spec"]["template"]["spec"]["containers"]
        assert container["image"].startswith("taskflow-"), (
            "else no preview could show what a source edit rolls"
        )


def protected(name: str, folder: Path, **changes: Any) -> set[str]:
    """The kinds of objects that the engine will refuse to delete or replace."""
    steps = stack_of(name, folder, merged(stack_values(STACKS[name]), changes)).preview()
    states = [step["newState"] for step in steps if step["newState"].get("protect")]
    return {state["type"].rpartition(":")[2] for state in states}


def test_what_holds_data_is_protected_on_staging_and_not_on_minikube(tmp_path: Path) -> None:
    (tmp_path / "dev").mkdir()
    assert protected("dev", tmp_path / "dev") == set()
    with_volume: dict[str, Any] = {"embedded": {}, "external": None}
    (tmp_path / "staging").mkdir()
    found = protected("staging", tmp_path / "staging", database=with_volume)
    assert found == {"Namespace", "PersistentVolumeClaim", "RandomPassword"}


def test_a_stack_file_elsewhere_is_the_only_one_read_whatever_is_beside_the_program(
    tmp_path: Path,
) -> None:
    stack = stack_of("elsewhere", tmp_path, stack_values(STACKS["dev"]))
    # A copy of it: a killed run would leave the broken file in the checkout.
    program = tmp_path / "program"
    for folder in ("components", "docker"):
        left_out = shutil.ignore_patterns("node_modules", ".next")
        shutil.copytree(ROOT / folder, program / folder, ignore=left_out)
    for file in ("Pulumi.yaml", "__main__.py"):
        shutil.copy(ROOT / file, program)
    (program / ".venv").symlink_to(sys.prefix)
    (program / stack.config_file.name).write_text("<<<<<<< HEAD\n")
    result = stack.of_ops.engine("preview", "--cwd", str(program), quiet=True)
    assert result.code == 0, result.output
    assert "deployment" in result.output


def refused(name: str, folder: Path, values: dict[str, Any], *, with_secrets: bool = True) -> str:
    stack = stack_of(name, folder, values, with_secrets=with_secrets)
    with pytest.raises(EngineError) as caught:
        stack.preview()
    message = str(caught.value)
    assert "Traceback" not in message, "a mistake in a stack file is no crash of the program"
    return message


def test_an_unknown_key_is_named_with_the_nearest_known_one(tmp_path: Path) -> None:
    message = refused(
        "dev", tmp_path, merged(stack_values(STACKS["dev"]), {"backend": {"replica": 3}})
    )
    assert "taskflow:backend.replica: unknown key; did you mean replicas?" in message


def test_a_wrong_type_says_what_was_expected(tmp_path: Path) -> None:
    message = refused(
        "dev", tmp_path, merged(stack_values(STACKS["dev"]), {"backend": {"replicas": "two"}})
    )
    assert 'taskflow:backend.replicas: got \\"two\\", expected an integer' in message


def test_a_mistake_at_a_key_of_the_project_itself_is_reported_in_our_own_words(
    tmp_path: Path,
) -> None:
    message = refused(
        "dev", tmp_path, merged(stack_values(STACKS["dev"]), {"createNamespace": "maybe"})
    )
    assert 'taskflow:createNamespace: got \\"maybe\\", expected true or false' in message


def test_a_missing_secret_on_prod_names_the_command_that_sets_it(tmp_path: Path) -> None:
    stack = stack_of("prod", tmp_path, stack_values(STACKS["prod"]), with_secrets=False)
    with pytest.raises(EngineError) as caught:
        stack.preview()
    message = str(caught.value)
    line = "pulumi config set --secret --stack prod taskflow:databaseUrl"
    assert f"run: {line}" in message
    url = "postgresql://u:p@db.example.com/t?sslmode=require"
    shell = ["bash", "-c", line]
    subprocess.run(shell, cwd=tmp_path, env=dict(stack.env), input=url, text=True, check=True)
    set_now = stack.transcript("config", "get", "taskflow:databaseUrl").strip()
    assert set_now == url, "the printed line works without make, too"


def test_prod_as_committed_asks_for_the_digests_of_a_release(tmp_path: Path) -> None:
    ref = f"ghcr.io/acme/api@sha256:{'0' * 64}"
    values = merged(stack_values(STACKS["prod"]), {"images": {"backend": {"ref": ref}}})
    message = refused("prod", tmp_path, values)
    assert "taskflow:images.backend.ref: its digest is a placeholder" in message
    assert "run: pulumi config set --stack prod --path 'taskflow:images.backend.ref'" in message


def test_a_context_that_does_not_exist_lists_those_that_do(tmp_path: Path) -> None:
    values = merged(stack_values(STACKS["dev"]), {"cluster": {"context": "elsewhere"}})
    message = refused("dev", tmp_path, values)
    assert "no kubectl context 'elsewhere'" in message
    assert "minikube" in message


POLICY = ROOT / "policy"
ALONE = {"frontend": {"replicas": 1}}


def test_a_broken_policy_stops_a_preview(tmp_path: Path) -> None:
    stack = stack_of("staging", tmp_path, merged(stack_values(STACKS["staging"]), ALONE))
    with pytest.raises(EngineError, match="rollouts-keep-serving"):
        stack.check_policies(POLICY)


def test_a_broken_policy_only_warns_where_the_stack_says_so(tmp_path: Path) -> None:
    stack = stack_of("dev", tmp_path, merged(stack_values(STACKS["dev"]), ALONE))
    advisory = ("--policy-pack-config", str(POLICY / "advisory.json"))
    printed = stack.check_policies(POLICY, *advisory)
    assert "[advisory]  rollouts-keep-serving" in printed
    assert "images-by-digest" not in printed


def test_an_image_by_tag_is_refused_where_the_stack_asks_for_digests(tmp_path: Path) -> None:
    stack = stack_of("staging", tmp_path, stack_values(STACKS["staging"]))
    stack.check_policies(POLICY)
    with pytest.raises(EngineError, match="images-by-digest"):
        stack.check_policies(POLICY, "--policy-pack-config", str(POLICY / "digests.json"))


def test_the_event_log_that_ops_reads_says_what_the_json_document_says(tmp_path: Path) -> None:
    state = tmp_path / ".state"
    state.mkdir()
    shutil.copy(STACKS["dev"], tmp_path)
    backend = Backend(f"file://{state}", ours=True)
    env = os.environ | {
        "PULUMI_BACKEND_URL": backend.url,
        "PULUMI_CONFIG_PASSPHRASE": secrets.token_hex(16),
        "PULUMI_FALLBACK_TO_STATE_SECRETS_MANAGER": "true",
    }
    stack = Stack(StackFile.read("dev", tmp_path), backend, env, state)
    assert stack.select()
    logged = plan.read(stack.preview(quiet=True))

    (tmp_path / "json").mkdir()
    document = stack_of("dev", tmp_path / "json", stack_values(STACKS["dev"])).preview()
    described = plan.read(json.dumps({"steps": document}))
    assert {(step.action, step.type, step.resource) for step in logged} == {
        (step.action, step.type, step.resource) for step in described
    }
    assert {str(effect.risk) for effect in risk.judge(logged)} == {"none"}


def test_a_mistake_that_is_found_late_is_one_line(tmp_path: Path) -> None:
    """Also where tasks still wait for the value that is not to be had."""
    (tmp_path / ".venv").symlink_to(ROOT / ".venv")
    (tmp_path / "__main__.py").write_text(LATE_MISTAKE)
    stack = EngineStack.create("late", tmp_path, {}, tmp_path)
    said = stack.transcript("preview", fails=True)
    assert "error: the Secret lacks a key\n" in said
    assert "Traceback" not in said
