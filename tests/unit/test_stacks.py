"""Every committed stack file, run as a whole on the recording engine."""

from pathlib import Path

import pytest

from components.config.check import check_file
from ops.config.render import render
from tests.unit.conftest import PROD_SECRETS, Deploy, source_of, stack_values

ROOT = Path(__file__).resolve().parents[2]
STACKS = {path.stem.removeprefix("Pulumi."): path for path in sorted(ROOT.glob("Pulumi.*.yaml"))}


def test_the_documented_stacks_are_there() -> None:
    assert {"dev", "staging", "prod"} <= set(STACKS)


@pytest.mark.parametrize("stack", STACKS)
def test_the_stack_makes_both_services(deploy: Deploy, stack: str) -> None:
    values = stack_values(STACKS[stack])
    engine = deploy(values, {} if values.get("secrets", {}).get("generate") else PROD_SECRETS)
    assert len(engine.of_kind("Deployment")) == 2
    assert engine.inputs["outputs"]["url"].startswith("http")


@pytest.mark.parametrize("stack", STACKS)
def test_no_secret_value_is_in_a_stack_file(stack: str) -> None:
    for line in STACKS[stack].read_text().splitlines():
        key, _, value = line.partition(":")
        assert "postgresql://" not in line, "a database address belongs in an encrypted config key"
        if key.strip().endswith(("betterAuthSecret", "databaseUrl", "openaiApiKey")):
            assert value.strip().startswith("secure"), f"{key} is in plain text"


@pytest.mark.exhaustive
@pytest.mark.parametrize("stack", STACKS)
def test_the_name_of_a_stack_decides_nothing(stack: str) -> None:
    config = check_file(STACKS[stack]).config
    assert render(config, source_of("dev")) == render(config, source_of("anything"))


def test_dev_answers_on_its_node_port(deploy: Deploy) -> None:
    engine = deploy(stack_values(STACKS["dev"]))
    assert engine.only("Service", "frontend")["spec"]["ports"][0]["nodePort"] == 30080
    assert engine.inputs["outputs"]["url"] == "http://127.0.0.1:30080"


def test_prod_never_stops_a_pod_before_its_successor_is_ready(deploy: Deploy) -> None:
    engine = deploy(stack_values(STACKS["prod"]), PROD_SECRETS)
    for name, workload in engine.of_kind("Deployment").items():
        assert workload["spec"]["strategy"]["rollingUpdate"]["maxUnavailable"] == 0, name


def test_prod_runs_prebuilt_images_by_digest(deploy: Deploy) -> None:
    engine = deploy(stack_values(STACKS["prod"]), PROD_SECRETS)
    assert engine.of_kind("Image") == {}, "production builds nothing"
    for name, workload in engine.of_kind("Deployment").items():
        (container,) = workload["spec"]["template"]["spec"]["containers"]
        assert "@sha256:" in container["image"], name


def test_prod_survives_the_loss_of_a_node(deploy: Deploy) -> None:
    engine = deploy(stack_values(STACKS["prod"]), PROD_SECRETS)
    assert len(engine.of_kind("PodDisruptionBudget")) == 2
    for name, workload in engine.of_kind("Deployment").items():
        (spread,) = workload["spec"]["template"]["spec"]["topologySpreadConstraints"]
        assert spread["whenUnsatisfiable"] == "DoNotSchedule", name


def test_staging_pushes_its_images(deploy: Deploy) -> None:
    engine = deploy(stack_values(STACKS["staging"]), PROD_SECRETS)
    assert len(engine.of_kind("Image")) == 2
    for name, image in engine.of_kind("Image").items():
        assert image["skipPush"] is False, name


def test_dev_pushes_nothing(deploy: Deploy) -> None:
    engine = deploy(stack_values(STACKS["dev"]))
    for name, image in engine.of_kind("Image").items():
        assert image["skipPush"] is True, name
