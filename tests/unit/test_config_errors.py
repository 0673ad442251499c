"""How mistakes in a stack file are reported: all at once, each with its place, without consequences of others."""

import re
from pathlib import Path

import pytest

from components.config.check import check_file
from components.config.errors import ConfigError
from components.config.stack import PLACEHOLDER_DIGEST

CLUSTER = "  taskflow:cluster:\n    context: production\n"
IMAGES = "  taskflow:images: {registry: ghcr.io/example}\n"
SECRETS = (
    "  taskflow:databaseUrl: {secure: v1:abc=}\n  taskflow:betterAuthSecret: {secure: v1:abc=}\n"
)
VALID = f"config:\n{CLUSTER}{IMAGES}{SECRETS}"


def check(tmp_path: Path, text: str) -> list[str]:
    """The mistakes of a stack file; none if it is valid."""
    path = tmp_path / "Pulumi.prod.yaml"
    path.write_text(text)
    try:
        check_file(path)
    except ConfigError as error:
        return list(error.messages)
    return []


def places(messages: list[str]) -> list[str]:
    """File and line with the key, without the words."""
    return [message.split(": ")[0] + " " + message.split(": ")[1] for message in messages]


def test_encrypted_secrets_are_accepted_without_their_passphrase(tmp_path: Path) -> None:
    assert check(tmp_path, VALID) == []


def test_a_broken_block_does_not_hide_the_rules_around_it(tmp_path: Path) -> None:
    text = f"{VALID}  taskflow:ingress:\n    hots: a.example.com\n"
    text += "  taskflow:backend:\n    autoscaling: {max: 9}\n    preStopSeconds: 25\n"
    text += "  taskflow:release: Blue\n"
    assert places(check(tmp_path, text)) == [
        "Pulumi.prod.yaml taskflow:database.external.maxConnections",
        "Pulumi.prod.yaml:2 taskflow:cluster.node",
        "Pulumi.prod.yaml:7 taskflow:ingress.host",
        "Pulumi.prod.yaml:8 taskflow:ingress.hots",
        "Pulumi.prod.yaml:9 taskflow:backend.gracePeriodSeconds",
        "Pulumi.prod.yaml:12 taskflow:release",
    ]


def test_what_only_follows_from_a_mistake_is_not_reported(tmp_path: Path) -> None:
    text = f"{VALID}  taskflow:backend:\n    service: {{type: Nodeport, nodePort: 30080}}\n"
    text += "    autoscaling: {mx: 100}\n"
    assert (
        places(check(tmp_path, text))
        == [
            "Pulumi.prod.yaml:8 taskflow:backend.service.type",  # And not that nodePort is invalid with ClusterIP.
            "Pulumi.prod.yaml:9 taskflow:backend.autoscaling.max",
            "Pulumi.prod.yaml:9 taskflow:backend.autoscaling.mx",
        ]
    )


def test_secrets_that_are_missing_are_no_mistake_of_the_file(tmp_path: Path) -> None:
    path = tmp_path / "Pulumi.prod.yaml"
    path.write_text(f"config:\n{CLUSTER}{IMAGES}")
    missing = check_file(path).missing
    assert places(list(missing)) == [
        "Pulumi.prod.yaml taskflow:databaseUrl",
        "Pulumi.prod.yaml taskflow:betterAuthSecret",
    ]


def test_secrets_that_an_environment_may_give_are_not_missing_but_digests_are(
    tmp_path: Path,
) -> None:
    path = tmp_path / "Pulumi.prod.yaml"
    images = f"{{registry: ghcr.io/example, backend: {{ref: ghcr.io/a/b{PLACEHOLDER_DIGEST}}}}}"
    path.write_text(f"config:\n{CLUSTER}  taskflow:images: {images}\nenvironment: [production]\n")
    (missing,) = check_file(path).missing
    assert "its digest is a placeholder" in missing


def test_a_secret_in_plain_text_is_refused_and_not_shown(tmp_path: Path) -> None:
    text = f"config:\n{CLUSTER}{IMAGES}  taskflow:databaseUrl: postgresql://u:canary@h.example.com/db\n"
    found = check(tmp_path, text)
    assert (
        "Pulumi.prod.yaml:5: taskflow:databaseUrl: is in plain text; run: pulumi config" in found[1]
    )
    assert "canary" not in "\n".join(found)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("backend", """'{"env": {"TOKEN": "canary"},}'"""),
        ("backend", "{env: {API_TOKEN: [canary]}}"),
        ("apiKey", "canary"),
        ("backend", "{secretEnv: {TOKEN: canary}}"),
        ("backend", "{secretEnv: {DB_PASSWORD: 20261123}}"),
        ("backend", "{env: {DB_PASSWORD: 20261123}}"),
        ("backend", "{env: {DB_PASSWORD: *canary }}"),
        ("backend", "{env: {DB_PASSWORD: !canary x}}"),
        ("backend", "{env: {TOKEN:canary}}"),
        ("backend", "{env: {TOKEN=canary: }}"),
        ("backend", "{secretEnv: {TOKEN:canary: {a: b}}}"),
        ("backend", "{env: {TOKEN:canary: x, TOKEN:canary: x}}"),
        ("databaseUrl:postgresql://user:canary@h/db", "x"),
        ("databaseUrl", "*canary"),
        ("assistant", "sk-canary"),
        ("database", "{embedded: {passwords: [canary]}}"),
        ("database", "{embedded: {passwords: [0.20261123]}}"),
        ("backup", "{publicKey: AGE-SECRET-KEY-1CANARY}"),
        ("ingress", "{host: 'https://user:a/canary@example.com'}"),
        ("frontend", "{egress: [canary]}"),
        ("ingress", "{host: 'user:canary@example.com'}"),
    ],
)
def test_no_mistake_shows_what_may_be_a_secret(tmp_path: Path, key: str, value: str) -> None:
    found = check(tmp_path, f"{VALID}  taskflow:{key}: {value}\n")
    assert any(message.startswith("Pulumi.prod.yaml:7: ") for message in found)
    assert not re.search("canary|20261123", "\n".join(found), re.IGNORECASE)


def test_the_digest_of_an_image_is_no_secret(tmp_path: Path) -> None:
    image = "ghcr.io/Acme/app:1@sha256:abc"
    found = check(tmp_path, f"{VALID}  taskflow:backup: {{image: '{image}'}}\n")
    assert any(f'got "{image}", expected an image reference' in message for message in found)


def test_a_number_in_place_of_a_block_needs_no_quotes(tmp_path: Path) -> None:
    (message,) = check(tmp_path, f"{VALID}  taskflow:backend: {{secretEnv: {{A: 5}}}}\n")
    assert message.endswith("secretEnv.A: got a number, expected a block of keys")


@pytest.mark.parametrize("value", ["[{secure: v1:a:b}]", "{a: {secure: v1:a:b}}"])
def test_a_secret_is_one_text(tmp_path: Path, value: str) -> None:
    (message,) = check(tmp_path, f"{VALID}  taskflow:openaiApiKey: {value}\n")
    assert message.startswith("Pulumi.prod.yaml:7: taskflow:openaiApiKey.")
    assert "a secret is one text, not a block or a list; run: pulumi config set --secret" in message


def test_an_encrypted_value_under_another_key_is_refused(tmp_path: Path) -> None:
    text = f"{VALID}  taskflow:backend:\n    env:\n      TOKEN: {{secure: v1:abc=}}\n"
    (message,) = check(tmp_path, text)
    assert message.startswith("Pulumi.prod.yaml:9: taskflow:backend.env.TOKEN: an encrypted value")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("config: [1", "Pulumi.prod.yaml:1: is not YAML"),
        (f"confg: {{}}\n{VALID}", "Pulumi.prod.yaml:1: confg: unknown key; did you mean config?"),
        (
            f"{VALID}  taskfow:logLevel: debug\n",
            "Pulumi.prod.yaml:7: taskfow:logLevel: unknown namespace; did you mean taskflow:logLevel?",
        ),
        (
            f"{VALID}  taskflow:images: {{}}\n",
            "Pulumi.prod.yaml:7: taskflow:images: is given a second time",
        ),
        ("config: 5\n", "Pulumi.prod.yaml:1: config: expected a block of keys"),
    ],
)
def test_a_file_that_the_engine_would_misread_is_refused(
    tmp_path: Path, text: str, message: str
) -> None:
    assert any(found.startswith(message) for found in check(tmp_path, text))


def test_keys_without_a_namespace_are_the_projects(tmp_path: Path) -> None:
    assert places(check(tmp_path, f"{VALID}  logLevel: loud\n")) == [
        "Pulumi.prod.yaml:7 taskflow:logLevel"
    ]


def test_other_namespaces_are_left_to_their_owners(tmp_path: Path) -> None:
    assert check(tmp_path, f"{VALID}  aws:region: eu-central-1\n") == []
