"""docs/production.md, followed with a stack like prod: everything except what only a real cluster has."""

import secrets
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
import yaml

from tests import live_release
from tests.documents import PRODUCTION, Checkout, Command, documents
from tests.live import outside

RELEASE, DATABASE, FRONTEND_PORT = "liveprod", "liveprod-db", 30183
PASSWORD = secrets.token_hex(8)
# In each command, because a new shell for a clone inherits nothing of Pulumi's.
WITH_PASSPHRASE = f"export PULUMI_CONFIG_PASSPHRASE={secrets.token_hex(8)}"
SHOWN = {
    live_release.node_port(FRONTEND_PORT): "https://taskflow.example.com",
    RELEASE: "taskflow",
}
PERSON = {
    "name": "Ada",
    "email": "ada@production.example.com",
    "password": "thirty-two purple elephants",
}
SESSIONS = [command for document in documents() for command in document.commands(PRODUCTION)]


def like_prod(committed: Path) -> str:
    """Prod's stack file for a Minikube: images that are built here, small pods, and a node port in place of Ingress.

    Without autoscaling, because `make up` would install the metrics server for it.
    """
    prod = yaml.safe_load(committed.read_text())["config"]
    values = live_release.values(RELEASE, frontend_port=FRONTEND_PORT, backend_port=0)
    del values["secrets"], values["backend"]["service"]
    values["database"] = {"external": prod["taskflow:database"]["external"]}
    kept = {key: prod["taskflow:backend"][key] for key in ("strategy", "topologySpread")}
    values = live_release.changed(values, backend=kept, frontend=kept)
    return yaml.safe_dump({"config": {f"taskflow:{key}": value for key, value in values.items()}})


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Checkout]:
    folder = tmp_path_factory.mktemp("production")
    (folder / "state").mkdir()
    clone = Checkout.make(folder / "clone", SHOWN)
    stack_file = clone.folder / "Pulumi.prod.yaml"
    stack_file.write_text(like_prod(stack_file))
    certificate = outside.certificate(folder, f"{outside.DATABASE}.{DATABASE}")
    with (
        outside.namespace_with_postgres(DATABASE, PASSWORD, certificate),
        pytest.MonkeyPatch.context() as patch,
    ):
        live_release.Kubectl(RELEASE).delete_namespace(wait=True)
        for variable, user in (
            ("DATABASE_URL", outside.DATABASE),
            ("NEW_DATABASE_URL", f"{outside.DATABASE}_next"),
        ):
            address = outside.address(DATABASE, PASSWORD, user, ssl_mode="require")
            patch.setenv(variable, address)
        patch.setenv("BUCKET", f"file://{folder / 'state'}")
        yield clone
        # Whatever a failed session left behind.
        live_release.Kubectl(RELEASE).delete_namespace(wait=False)


@pytest.mark.parametrize("command", SESSIONS, ids=lambda command: f"{command.place}-{command.line}")
def test_a_session_prints_what_is_shown(command: Command, checkout: Checkout) -> None:
    restores = command.line.startswith("make restore")
    if command.line.startswith("make backup"):
        assert answer("sign-up/email") == 200
    elif restores:  # Which then replaces no rows: it needs no consent.
        lose_everybody()
    line = command.line.replace("s3://taskflow-state", '"$BUCKET"')
    printed = checkout.run(Command(command.place, f"{WITH_PASSPHRASE}; {line}", command.output))
    assert PASSWORD not in printed
    if restores:
        assert answer("sign-in/email") == 200, "the person of the backup is there again"


def answer(path: str) -> int:
    """What the release answers to the person."""
    url = live_release.node_port(FRONTEND_PORT)
    headers = {"Origin": url}
    return httpx.post(
        f"{url}/api/auth/{path}", json=PERSON, headers=headers, timeout=30
    ).status_code


def lose_everybody() -> None:
    """Sessions and accounts go with their persons. The database's own administrator may do it."""
    psql = ("psql", "--quiet", "--username=postgres", "--set=ON_ERROR_STOP=1", outside.DATABASE)
    script = 'DELETE FROM "user"; DELETE FROM verification'
    live_release.Kubectl(DATABASE)("exec", "--stdin", outside.DATABASE, "--", *psql, stdin=script)


def test_nothing_is_left_of_the_release_and_the_database_is() -> None:
    kubectl = live_release.Kubectl(DATABASE)
    assert kubectl("get", "namespace", RELEASE, "--ignore-not-found") == ""
    assert kubectl.get("pod", outside.DATABASE)["status"]["phase"] == "Running"
