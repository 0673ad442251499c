"""The database roles of each connection: the owner only for migrations, and a role for each service."""

from typing import Any

import pytest

from components.config.check import parse
from components.config.errors import ConfigError
from components.config.workload import RESERVED_VARIABLES
from tests.cases import more
from tests.unit.conftest import (
    AUTO_NAME_SUFFIX,
    DEPLOYED,
    LOCAL,
    PROD_SECRETS,
    Deploy,
    Engine,
    env_of,
    merged,
    source_of,
)
from tests.unit.test_app import BY_HAND, VALID, with_secret_by_hand

OWNER = "postgresql://owner:canary@db.example.com/taskflow?sslmode=require"
FRONTEND = "postgresql://frontend:canary@db.example.com/taskflow?sslmode=require"
MADE, FOUND = f"taskflow-secrets{AUTO_NAME_SUFFIX}", "taskflow-secrets"


def steps_of(engine: Engine) -> list[dict[str, Any]]:
    """The containers that run before the backend's."""
    spec = engine.pod("backend")
    found: list[dict[str, Any]] = spec.get("initContainers", [])
    return found


def keys(container: dict[str, Any], secret: str = MADE) -> dict[str, str]:
    """The keys of the Secret by the variables that have the database's addresses."""
    references = {
        name: value["secretKeyRef"]
        for name, value in env_of(container).items()
        if name.endswith("_URL") and isinstance(value, dict)
    }
    assert {reference["name"] for reference in references.values()} == {secret}
    return {name: reference["key"] for name, reference in references.items()}


ROLES = {
    "DATABASE_OWNER_URL": "database-owner-url",
    "DATABASE_URL": "database-url",
    "FRONTEND_DATABASE_URL": "frontend-database-url",
}


def test_the_embedded_database_has_a_role_and_a_password_for_the_owner_and_each_service(
    deploy: Deploy,
) -> None:
    data = deploy(LOCAL).of_kind("Secret")["taskflow-secrets"]["stringData"]["value"]
    users = {
        key: data[key].removeprefix("postgresql://").partition(":")[0] for key in ROLES.values()
    }
    assert users == {
        "database-owner-url": "taskflow",
        "database-url": "taskflow_backend",
        "frontend-database-url": "taskflow_frontend",
    }
    assert {data[key].rpartition("@")[2] for key in users} == {"taskflow-postgres:5432/taskflow"}


def test_only_the_step_before_the_backend_gets_the_owners_address(deploy: Deploy) -> None:
    engine = deploy(LOCAL)
    (step,) = steps_of(engine)
    assert keys(step) == ROLES
    assert keys(engine.container("backend")) == {"DATABASE_URL": "database-url"}
    assert keys(engine.container("frontend")) == {"DATABASE_URL": "frontend-database-url"}
    assert "initContainers" not in engine.pod("frontend")


def test_the_step_runs_as_the_backend_does_and_costs_the_pod_nothing(deploy: Deploy) -> None:
    engine = deploy(merged(LOCAL, {"backend": {"resources": {"requests": {"cpu": "123m"}}}}))
    (step,), main = steps_of(engine), engine.container("backend")
    for field in ("image", "resources", "securityContext", "volumeMounts", "envFrom"):
        assert step[field] == main[field], field


def test_another_volume_makes_other_pods_which_migrate_it(deploy: Deploy) -> None:
    (step,) = steps_of(deploy(LOCAL))
    assert env_of(step)["DATABASE_VOLUME"], "the claim's uid"


def test_an_external_database_with_one_address_has_one_role_and_no_step(deploy: Deploy) -> None:
    engine = deploy(DEPLOYED, PROD_SECRETS)
    assert steps_of(engine) == []
    for component in ("backend", "frontend"):
        container = engine.container(component)
        assert keys(container) == {"DATABASE_URL": "database-url"}


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"databaseOwnerUrl": OWNER, "frontendDatabaseUrl": FRONTEND}, ROLES),
        *more(
            ({"databaseOwnerUrl": OWNER}, ROLES | {"FRONTEND_DATABASE_URL": "database-url"}),
            ({"frontendDatabaseUrl": FRONTEND}, ROLES | {"DATABASE_OWNER_URL": "database-url"}),
        ),
    ],
    ids=["both", "owner", "frontend"],
)
def test_the_addresses_of_an_external_database_are_taken_and_one_that_lacks_is_the_backends(
    deploy: Deploy, given: dict[str, str], expected: dict[str, str]
) -> None:
    engine = deploy(DEPLOYED, PROD_SECRETS | given)
    (step,) = steps_of(engine)
    assert keys(step) == expected
    assert keys(engine.container("frontend")) == {"DATABASE_URL": expected["FRONTEND_DATABASE_URL"]}


@pytest.mark.parametrize(
    ("more", "expected"),
    [
        ({}, dict.fromkeys(ROLES, "database-url")),
        ({"database-owner-url": OWNER, "frontend-database-url": FRONTEND}, ROLES),
    ],
    ids=["one address", "three"],
)
def test_an_existing_secret_may_have_the_addresses(
    deploy: Deploy, more: dict[str, str], expected: dict[str, str]
) -> None:
    engine = with_secret_by_hand(VALID | more)
    deploy(merged(DEPLOYED, BY_HAND), engine=engine)
    (step,) = steps_of(engine)
    assert keys(step, FOUND) == expected
    assert keys(engine.container("frontend"), FOUND) == {
        "DATABASE_URL": expected["FRONTEND_DATABASE_URL"]
    }


def named(data: dict[str, str]) -> dict[str, str]:
    """The password of each connection, by the Secret's keys; generated passwords name their resource."""
    logins = {
        key: url.removeprefix("postgresql://").partition("@")[0]
        for key, url in data.items()
        if key.endswith(("-url", "-initial", "-former"))
    }
    return {
        key: login.rstrip("x").replace("taskflow-postgres-", "") for key, login in logins.items()
    }


@pytest.mark.parametrize(
    ("passwords", "owner", "service", "former_owners", "dropped"),
    [
        ([2, 1], "-2", "2", {"initial": ""}, None),
        *more(
            ([2], "-2", "2", {"initial": ""}, "taskflow_backend taskflow_frontend"),
            (
                [3, 2],
                "-3",
                "3",
                {"initial": "", "former": "-2"},
                "taskflow_backend taskflow_frontend",
            ),
        ),
    ],
    ids=["the former is accepted", "the former is refused", "the next one"],
)
def test_another_password_of_a_service_goes_with_another_role(
    deploy: Deploy,
    passwords: list[int],
    owner: str,
    service: str,
    former_owners: dict[str, str],
    dropped: str | None,
) -> None:
    engine = deploy(merged(LOCAL, {"database": {"embedded": {"passwords": passwords}}}))
    data = engine.of_kind("Secret")["taskflow-secrets"]["stringData"]["value"]
    assert named(data) == {
        "database-owner-url": f"taskflow:password{owner}",
        "database-url": f"taskflow_backend_{service}:backend-password-{service}",
        "frontend-database-url": f"taskflow_frontend_{service}:frontend-password-{service}",
        **{
            f"database-owner-url-{which}": f"taskflow:password{number}"
            for which, number in former_owners.items()
        },
    }
    (step,) = steps_of(engine)
    assert env_of(step).get("DATABASE_DROPPED_ROLES") == dropped
    assert [name for name in env_of(step) if name.startswith("DATABASE_OWNER_URL_")] == [
        f"DATABASE_OWNER_URL_{number}" for number in range(1, 1 + len(former_owners))
    ]
    kept = engine.of_kind("Secret")["taskflow-postgres-secret"]["stringData"]["value"]
    assert kept["password"].rstrip("x") == "taskflow-postgres-password", (
        "that of a new volume: another one would restart the database"
    )


def test_a_password_does_not_give_way_to_an_earlier_one() -> None:
    values = merged(LOCAL, {"database": {"embedded": {"passwords": [1, 2]}}})
    with pytest.raises(ConfigError, match=r"passwords: 2 was not before 1"):
        parse(values, secrets={}, source=source_of("dev"))


def test_every_variable_that_the_program_sets_is_reserved(deploy: Deploy) -> None:
    assistant = {"assistant": {"model": "m", "baseUrl": "https://ai.example.com"}}
    embedded = merged(LOCAL, {"database": {"embedded": {"passwords": [3, 2]}, "poolSize": 2}})
    external = {"database": {"external": {"ca": {"configMap": "authority"}}}}
    secrets = {**PROD_SECRETS, "databaseOwnerUrl": OWNER, "frontendDatabaseUrl": FRONTEND}
    keys = {"openaiApiKey": "k", "betterAuthSecretNext": "n" * 32}
    former = {**secrets, "betterAuthSecretFormer": "f" * 32}
    engines = (
        deploy(merged(embedded, assistant), {"openaiApiKey": "k"}),
        deploy(merged(DEPLOYED, external), {**secrets, **keys}),
        deploy(DEPLOYED, former),
        deploy(merged(LOCAL, {"backend": {"logLevel": "debug"}})),
    )
    found: set[str] = set()
    for engine in engines:
        for config_map in engine.of_kind("ConfigMap").values():
            found |= config_map["data"].keys()
        for deployment in engine.of_kind("Deployment").values():
            pod = deployment["spec"]["template"]["spec"]
            for container in (*pod["containers"], *pod.get("initContainers", [])):
                names = [variable["name"] for variable in container["env"]]
                assert len({*names}) == len(names)
                found |= {*names}
    assert found == RESERVED_VARIABLES
