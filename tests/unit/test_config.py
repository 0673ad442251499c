"""The stack configuration: what it accepts, what it refuses, and its errors."""

import shlex
from typing import Any

import pytest

from components.config.check import parse
from components.config.errors import ConfigError
from components.config.secrets import Secret, mistakes_in_values
from components.config.stack import StackConfig
from tests.unit.conftest import (
    DEPLOYED,
    LOCAL,
    PROD_SECRETS,
    PUBLIC_KEY,
    encrypted,
    merged,
    source_of,
)

NO_SECRETS: dict[str, Secret] = {}
ALL_SECRETS = {key: Secret(encrypted=True) for key in ("databaseUrl", "betterAuthSecret")}


def errors(
    values: dict[str, Any], text: str = "", secrets: dict[str, Secret] = ALL_SECRETS
) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        parse(values, secrets=secrets, source=source_of("prod", text))
    return list(caught.value.messages)


def accept(values: dict[str, Any], secrets: dict[str, Secret] = ALL_SECRETS) -> StackConfig:
    return parse(values, secrets=secrets, source=source_of("prod"))


def test_an_error_names_file_line_key_value_and_expectation() -> None:
    text = "config:\n  taskflow:backend:\n    # how many\n    replicas: two\n"
    found = errors(merged(LOCAL, {"backend": {"replicas": "two"}}), text)
    assert found == [
        'Pulumi.prod.yaml:4: taskflow:backend.replicas: got "two", expected an integer'
    ]


def test_all_errors_come_at_once_in_the_order_of_the_file() -> None:
    text = "config:\n  taskflow:frontend:\n    replicas: 0\n  taskflow:backend:\n    colour: red\n    replicas: x\n"
    values = {"frontend": {"replicas": 0}, "backend": {"colour": "red", "replicas": "x"}}
    found = errors(merged(LOCAL, values), text)
    assert [line.split(" ")[0] for line in found] == [
        "Pulumi.prod.yaml:3:",
        "Pulumi.prod.yaml:5:",
        "Pulumi.prod.yaml:6:",
    ]


@pytest.mark.parametrize(
    ("values", "suggestion"),
    [
        ({"backnd": {}}, "taskflow:backnd: unknown key; did you mean backend?"),
        (
            {"backend": {"replica": 2}},
            "taskflow:backend.replica: unknown key; did you mean replicas?",
        ),
        (
            {"ingress": {"host": "a.example.com", "clas": "x"}},
            "taskflow:ingress.clas: unknown key; did you mean class?",
        ),
        ({"databaseURL": "x"}, "taskflow:databaseURL: unknown key; did you mean databaseUrl?"),
    ],
)
def test_an_unknown_key_suggests_the_nearest_known_one(
    values: dict[str, Any], suggestion: str
) -> None:
    assert any(suggestion in line for line in errors(merged(LOCAL, values)))


@pytest.mark.parametrize(
    ("values", "reason"),
    [
        (
            {"backend": {"replicas": 2, "autoscaling": {"max": 4}}},
            "replicas or autoscaling, not both",
        ),
        ({"backend": {"autoscaling": {"min": 5, "max": 4}}}, "min 5 exceeds max 4"),
        ({"ingress": {"class": "nginx"}}, "taskflow:ingress.host: is missing"),
        (
            {
                "frontend": {
                    "service": {
                        "type": "NodePort",
                        "nodePort": 80,
                    }
                }
            },
            "at least 30000",
        ),
        (
            {"frontend": {"service": {"port": 3000, "targetPort": 3000, "nodePort": 30080}}},
            "set type to NodePort",
        ),
        (
            {
                "backend": {
                    "resources": {
                        "requests": {"cpu": "1", "memory": "1Gi"},
                        "limits": {"cpu": "500m", "memory": "1Gi"},
                    }
                }
            },
            "requests.cpu 1 exceeds limits.cpu 500m",
        ),
        (
            {"backend": {"strategy": {"maxUnavailable": 0, "maxSurge": 0}}},
            "could never replace a pod",
        ),
        ({"backend": {"gracePeriodSeconds": 12}}, "killed while they still serve"),
        ({"secrets": {"existing": "mine", "generate": True}}, "existing or generate, not both"),
        ({"images": {"backend": {"ref": "a:1", "baseImage": "b:1"}}}, "ref or baseImage, not both"),
        (
            {"images": {"backend": {"ref": "untagged"}}},
            "expected an image reference with a tag or digest",
        ),
        (
            {"backend": {"disruptionBudget": {"minAvailable": 2}}},
            "minAvailable 2 of 2 pods allows no eviction",
        ),
        (
            {"backend": {"disruptionBudget": {"minAvailable": "51%"}}},
            "minAvailable 51% of 2 pods allows no eviction",
        ),
        (
            {
                "cluster": {"node": {"cpu": "4"}},
                "backend": {
                    "autoscaling": {"min": 1, "max": 4},
                    "disruptionBudget": {"minAvailable": 1},
                },
            },
            "minAvailable 1 of 1 pods allows no eviction",
        ),
        (
            {"backend": {"disruptionBudget": {"maxUnavailable": "0%"}}},
            "no node with such a pod could ever be drained",
        ),
        ({"backend": {"disruptionBudget": {}}}, "give one of minAvailable and maxUnavailable"),
        ({"database": {"external": {}}}, "embedded or external, not both"),
        ({"database": {"poolSize": 50}}, "the pools do not fit: backend (50 pool + 1 migration)"),
        (
            {"secrets": {"existing": "mine", "generate": False}, "createNamespace": False},
            "no existing Secret can hold its address",
        ),
        ({"ingress": {"host": "a.example.com", "tls": {}}}, "give secret, issuer, or both"),
        (
            {"ingress": {"host": "a.example.com", "hosts": ["b.example.com"]}},
            "taskflow:ingress.hosts: give host or hosts, not both",
        ),
        (
            {"ingress": {"hosts": ["*.example.com", "a.example.com"]}},
            "a wildcard is not an address: put a plain name before it",
        ),
        (
            {"ingress": {"hosts": ["a.example.com", "a.example.com"]}},
            "taskflow:ingress.hosts: a.example.com is listed more than once",
        ),
        (
            {"ingress": {"host": "a.example.com"}, "gateway": {"host": "b.c", "class": "x"}},
            "taskflow:gateway: give ingress or gateway, not both",
        ),
        ({"gateway": {"host": "a.example.com"}}, "taskflow:gateway.parentRef: give one of"),
        (
            {"gateway": {"host": "a.b", "parentRef": {"name": "shared"}, "tls": {"secret": "x"}}},
            "taskflow:gateway.tls: a Gateway that exists has certificates of its own; drop tls",
        ),
        (
            {"gateway": {"host": "a.b", "parentRef": {"name": "x", "redirectSectionName": "http"}}},
            "taskflow:gateway.parentRef.redirectSectionName: needs the listener for https as sectionName",
        ),
        (
            {
                "gateway": {
                    "host": "a.b",
                    "parentRef": {
                        "name": "x",
                        "sectionName": "https",
                        "redirectSectionName": "http",
                        "tls": False,
                    },
                }
            },
            "taskflow:gateway.parentRef.redirectSectionName: leads to https, but tls is false",
        ),
        (
            {"gateway": {"host": "a.b", "class": "x", "httpsPort": 8443}},
            "taskflow:gateway.httpsPort: is the port of listeners with TLS: give tls, too",
        ),
        (
            {"gateway": {"host": "a.b", "parentRef": {"name": "x"}, "httpPort": 8000}},
            "taskflow:gateway.httpPort: a Gateway that exists has ports of its own",
        ),
        (
            {"gateway": {"host": "a.b", "parentRef": {"name": "x"}, "httpsPort": 8443}},
            "taskflow:gateway.httpsPort: a Gateway that exists has ports of its own; drop httpsPort",
        ),
        (
            {
                "gateway": {
                    "host": "a.b",
                    "class": "x",
                    "httpPort": 443,
                    "tls": {"secret": "mine"},
                }
            },
            "taskflow:gateway.httpPort: 443 is the port of both",
        ),
        (
            {"gateway": {"hosts": [f"a{n}.example.com" for n in range(17)], "class": "x"}},
            "17 names, but an HTTPRoute takes 16",
        ),
        (
            {
                "frontend": {"publicUrl": "https://a.example.com"},
                "ingress": {"host": "a.example.com"},
            },
            "taskflow:frontend.publicUrl: taskflow:ingress sets the public address already",
        ),
        (
            {
                "frontend": {"publicUrl": "https://a.example.com"},
                "gateway": {"host": "a.example.com", "class": "x"},
            },
            "taskflow:frontend.publicUrl: taskflow:gateway sets the public address already",
        ),
        (
            {
                "networkPolicies": {"ingressNamespace": "edge"},
                "gateway": {"host": "a.example.com", "class": "x"},
            },
            "taskflow:networkPolicies.ingressNamespace: is for ingress; use gateway.namespace",
        ),
        (
            {"database": {"embedded": {"user": 65536, "hostUsers": False}}},
            "taskflow:database.embedded.user: 65536 is not in a pod's user namespace",
        ),
        ({"backend": {"env": {"DATABASE_URL": "x"}}}, "taskflow:backend.env.DATABASE_URL: is set"),
        (
            {
                "backend": {
                    "env": {"A": "x"},
                    "secretEnv": {"A": {"secret": "mine", "key": "a"}},
                }
            },
            "taskflow:backend.secretEnv.A: is in env too; drop one of the two",
        ),
        (
            {"backup": {"publicKey": PUBLIC_KEY, "bucket": {"address": "s3://backups"}}},
            "taskflow:backup.secretEnv: the bucket needs AWS_ACCESS_KEY_ID: give {secret: <name>",
        ),
        (
            {
                "backup": {
                    "publicKey": PUBLIC_KEY,
                    "secretEnv": {"AWS_ACCESS_KEY_ID": {"config": "keyId"}},
                }
            },
            "taskflow:backup.secretEnv.AWS_ACCESS_KEY_ID: is for a bucket: give bucket, too",
        ),
        (
            {"backup": {"publicKey": PUBLIC_KEY, "bucket": {"address": "backups/dev"}}},
            'taskflow:backup.bucket.address: got "backups/dev", expected a bucket\'s address',
        ),
        (
            {
                "backup": {
                    "publicKey": PUBLIC_KEY,
                    "bucket": {"address": "s3://backups"},
                    "secretEnv": {
                        name: {"secret": "bucket", "key": "key"}
                        for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE")
                    },
                }
            },
            "taskflow:backup.secretEnv.AWS_PROFILE: is no credential of a bucket "
            "(AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY are); drop it",
        ),
        ({"monitoring": {"annotations": True}}, "taskflow:monitoring.namespace: is missing"),
        (
            {
                "monitoring": {"namespace": "monitoring"},
                "frontend": {"service": {"targetPort": 9464}},
            },
            "the frontend serves its metrics at 9464; choose another port",
        ),
        (
            {
                "monitoring": {"namespace": "monitoring"},
                "frontend": {"env": {"METRICS_PORT": "9000"}},
            },
            "monitoring opens port 9464 and no other; drop the variable",
        ),
        (
            {
                "backend": {"service": {"type": "NodePort", "nodePort": 30080}},
                "frontend": {"service": {"type": "NodePort", "nodePort": 30080}},
            },
            "30080 is the backend's node port too",
        ),
        ({"release": "Blue_1"}, "lower-case letters, digits and dashes"),
        (
            {"logLevel": "loud"},
            "got \"loud\", expected one of 'debug', 'info', 'warning' or 'error'",
        ),
    ],
)
def test_illegal_states_are_refused_with_the_reason(values: dict[str, Any], reason: str) -> None:
    found = errors(merged(LOCAL, values))
    assert any(reason in line for line in found), found


def test_a_block_in_place_of_a_choice_is_reported_at_its_own_key() -> None:
    found = errors(merged(LOCAL, {"backend": {"disruptionBudget": {"minAvailable": {"a": 1}}}}))
    assert found == [
        "Pulumi.prod.yaml: taskflow:backend.disruptionBudget.minAvailable: got a block, expected a count "
        'such as 1, or a percentage up to 100 such as "25%"'
    ]


@pytest.mark.parametrize(
    "registry",
    ["ghcr.io/acme", "localhost/acme", "registry:5000", "10.0.0.1:5000/a/b", "docker.io/acme"],
)
def test_a_registry_has_a_host(registry: str) -> None:
    assert accept(merged(DEPLOYED, {"images": {"registry": registry}})).images.registry == registry


def test_an_account_at_docker_hub_is_no_registry() -> None:
    (error,) = errors(merged(DEPLOYED, {"images": {"registry": "acme"}}))
    assert "expected a registry with its host, such as ghcr.io/acme or docker.io/acme" in error


def test_images_for_a_real_cluster_need_a_registry_or_a_digest() -> None:
    none = merged(DEPLOYED, {"images": {"registry": None}})
    assert "set images.registry" in errors(none)[0]
    tagged = merged(DEPLOYED, {"images": {"backend": {"ref": "ghcr.io/example/backend:1.2"}}})
    assert 'got "ghcr.io/example/backend:1.2", expected a digest' in errors(tagged)[0]
    for digest in (f"sha256:{'1' * 64}", f"sha512:{'1' * 128}"):
        accept(merged(DEPLOYED, {"images": {"backend": {"ref": f"backend@{digest}"}}}))
    accept(merged(LOCAL, {"images": {"backend": {"ref": "backend:1.2"}}}))


def test_a_content_tag_of_the_stacks_own_builds_is_as_good_as_a_digest() -> None:
    def with_ref(ref: str) -> dict[str, Any]:
        return merged(DEPLOYED, {"images": {"registry": "ghcr.io/acme", "backend": {"ref": ref}}})

    accept(with_ref("ghcr.io/acme/taskflow-backend:0123456789ab"))
    for foreign in (
        "ghcr.io/acme/taskflow-backend:latest",
        "ghcr.io/acme/taskflow-frontend:0123456789ab",
        "ghcr.io/other/taskflow-backend:0123456789ab",
        "taskflow-backend:0123456789ab",
    ):
        assert "expected a digest" in errors(with_ref(foreign))[0]


def test_a_digest_that_a_release_must_still_set_stops_an_up_with_the_command() -> None:
    zeros = merged(
        DEPLOYED, {"images": {"backend": {"ref": f"ghcr.io/acme/api@sha256:{'0' * 64}"}}}
    )
    (message,) = errors(zeros)
    assert "taskflow:images.backend.ref: its digest is a placeholder" in message
    assert (
        "run: pulumi config set --stack prod --path 'taskflow:images.backend.ref' ghcr.io/acme/api@sha256:DIGEST"
        in message
    )


def test_a_secret_made_by_hand_needs_a_namespace_made_by_hand() -> None:
    values = merged(DEPLOYED, {"secrets": {"existing": "mine"}})
    message = errors(values, secrets=NO_SECRETS)[0]
    assert message.endswith("run: kubectl --context production create namespace taskflow")
    accept(merged(values, {"createNamespace": False}), NO_SECRETS)
    windows = merged(values, {"cluster": {"context": r"ACME\ada; rm x"}})
    message = errors(windows, secrets=NO_SECRETS)[0]
    command = message.partition("run: ")[2]
    assert shlex.split(command)[:3] == ["kubectl", "--context", r"ACME\ada; rm x"]


def test_the_pools_of_all_replicas_fit_the_external_databases_connections() -> None:
    large = merged(DEPLOYED, {"backend": {"replicas": 4}, "cluster": {"node": {"cpu": "8"}}})
    limited = merged(large, {"database": {"external": {"maxConnections": 59}}})
    assert "= 60 connections, but there are 59" in errors(limited)[0]
    accept(merged(limited, {"database": {"poolSize": 7}}))


def with_mode(mode: str) -> dict[str, Secret]:
    url = f"postgresql://u:canary@db.example.com/taskflow{mode}"
    return encrypted(PROD_SECRETS | {"databaseUrl": url})


WITHOUT_TLS = merged(DEPLOYED, {"database": {"external": {"tls": False}}})
LEFT_OPEN = ["", "?sslmode=allow", "?sslmode=prefer"]


@pytest.mark.parametrize("mode", ["?sslmode=disable", *LEFT_OPEN])
def test_an_external_database_is_reached_by_tls_unless_said_otherwise(mode: str) -> None:
    (message,) = errors(DEPLOYED, secrets=with_mode(mode))
    assert "asks for no TLS" in message
    assert "canary" not in message
    accept(WITHOUT_TLS, with_mode("?sslmode=disable"))


@pytest.mark.parametrize("mode", LEFT_OPEN)
def test_an_external_database_is_reached_alike_by_both_services(mode: str) -> None:
    (message,) = errors(WITHOUT_TLS, secrets=with_mode(mode))
    assert "leaves TLS to the driver" in message
    assert "canary" not in message


def test_network_policies_and_the_databases_address_agree_on_the_port() -> None:
    url = "postgresql://u:p@db.example.com:6543/taskflow?sslmode=require"
    secrets = encrypted(PROD_SECRETS | {"databaseUrl": url})
    values = merged(DEPLOYED, {"networkPolicies": {}})
    assert "has port 6543, but network policies open" in errors(values, secrets=secrets)[0]
    accept(merged(values, {"database": {"external": {"port": 6543}}}), secrets)


OTHER_PORT = [{"cidr": "10.1.0.0/16", "ports": [5432]}]


@pytest.mark.parametrize(
    ("addresses", "users"),
    [
        ({"databaseUrl": 5432}, ["backend", "frontend", "backup"]),
        ({"databaseUrl": 5432, "frontendDatabaseUrl": 6543}, ["backend", "backup"]),
        ({"databaseUrl": 6543, "frontendDatabaseUrl": 5432}, ["backend", "frontend"]),
        ({"databaseUrl": 6543, "databaseOwnerUrl": 5432}, ["backend", "backup"]),
    ],
)
def test_another_port_of_a_databases_address_is_open_where_its_users_list_it(
    addresses: dict[str, int], users: list[str]
) -> None:
    urls = {
        key: f"postgresql://u:p@db.example.com:{port}/taskflow?sslmode=require"
        for key, port in addresses.items()
    }
    secrets = encrypted(PROD_SECRETS | urls)
    values = {
        "networkPolicies": {},
        "backup": {"publicKey": PUBLIC_KEY},
        "database": {"external": {"port": 6543}},
    }
    (message,) = errors(merged(DEPLOYED, values), secrets=secrets)
    listed = " and ".join(f"{user}.egress" for user in users)
    assert message.endswith(f"make them equal, or list the port in {listed}")
    accept(
        merged(DEPLOYED, merged(values, {user: {"egress": OTHER_PORT} for user in users})), secrets
    )


def test_an_address_whose_value_is_unknown_is_used_in_place_of_the_backends() -> None:
    own = {"databaseUrl": "postgresql://u:p@db.example.com:6543/taskflow?sslmode=require"}
    egress = [{"cidr": "10.1.0.0/16", "ports": [6543]}]
    values = merged(DEPLOYED, {"networkPolicies": {}, "backend": {"egress": egress}})
    unknown = {"frontendDatabaseUrl": Secret(encrypted=True)}
    config = accept(values, encrypted(PROD_SECRETS | own) | unknown)
    assert [*mistakes_in_values(own, config)] == [], "which others there are is unknown"


def test_a_part_of_a_block_leaves_the_rest_at_its_defaults() -> None:
    values = {"frontend": {"service": {"type": "NodePort"}, "resources": {"limits": {"cpu": "1"}}}}
    frontend = accept(merged(LOCAL, values)).frontend
    assert (frontend.service.port, frontend.service.target_port) == (3000, 3000)
    assert frontend.resources.limits.memory == "256Mi"
    assert frontend.resources.requests.cpu == "100m"


def test_a_missing_secret_names_the_command_that_sets_it() -> None:
    found = errors(DEPLOYED, secrets=NO_SECRETS)
    assert len(found) == 2, "the database's address and the signing key are both missing"
    assert "run: pulumi config set --secret --stack prod taskflow:databaseUrl" in found[0]
    assert "run: pulumi config set --secret --stack prod taskflow:betterAuthSecret" in found[1]


def test_an_empty_local_stack_gets_every_default() -> None:
    config = parse(LOCAL, secrets=NO_SECRETS, source=source_of("dev"))
    assert (config.release, config.namespace_name, config.log_level) == (
        "taskflow",
        "taskflow",
        "info",
    )
    assert config.backend.fixed_replicas == 2


def test_one_key_is_accepted_beside_the_one_that_signs() -> None:
    rotating = {f"betterAuthSecret{key}": Secret(encrypted=True) for key in ("Next", "Former")}
    for key, secret in rotating.items():
        accept(DEPLOYED, ALL_SECRETS | {key: secret})
    (message,) = errors(DEPLOYED, secrets=ALL_SECRETS | rotating)
    assert "give betterAuthSecretNext or betterAuthSecretFormer" in message


def test_generated_keys_are_numbered_and_the_stack_has_none_of_its_own() -> None:
    numbers = {"secrets": {"generations": [1, 2]}}
    accept(merged(LOCAL, numbers), NO_SECRETS)
    twice = errors(merged(LOCAL, {"secrets": {"generations": [2, 2]}}), secrets=NO_SECRETS)
    assert "secrets.generations: 2 is listed twice" in twice[0]
    given = errors(merged(LOCAL, numbers), secrets=ALL_SECRETS)
    assert "secrets.generations: names two generated secrets, but" in given[0]
    off = errors(merged(DEPLOYED, numbers))
    assert "secrets.generations: needs generate: true" in off[0]
