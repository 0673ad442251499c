"""No secret of a release is anywhere but in its Secrets: known values go in, and every place is searched for them."""

import secrets
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote

import httpx
import pytest

from components.config.check import check_file
from ops.config.render import render
from tests import live_release
from tests.canaries import Canaries, files_of
from tests.live import outside
from tests.live_release import Kubectl, LiveStack, docker_environment, node_port
from tests.tokens import token_for

NAME = "canary"
FRONTEND_PORT, BACKEND_PORT = 30091, 30092
FRONTEND, BACKEND = node_port(FRONTEND_PORT), node_port(BACKEND_PORT)
# What each address of the database is for: its configuration key, and its role.
ROLES = {
    "owner": ("databaseOwnerUrl", outside.DATABASE),
    "backend": ("databaseUrl", "taskflow_backend"),
    "frontend": ("frontendDatabaseUrl", "taskflow_frontend"),
}
# Better Auth stores it as it is. A browser's cookie holds its signature, too, which only the signing key can make.
STORED = "the token of a session (plain)"
DESCRIBED = (
    "all,configmaps,secrets,ingresses,networkpolicies,poddisruptionbudgets,persistentvolumeclaims,"
    "serviceaccounts,endpointslices,events"
)


def values() -> dict[str, Any]:
    """One pod of each service, an external database with roles, and an assistant at an unreachable address."""
    one = {"replicas": 1}
    ported = live_release.values(NAME, frontend_port=FRONTEND_PORT, backend_port=BACKEND_PORT)
    ported |= {"database": {"external": {"tls": False}}, "secrets": {}, "createNamespace": False}
    ported |= {"logLevel": "debug"}  # The most verbose settings.
    nowhere = {"baseUrl": "http://127.0.0.1:9/v1"}
    return live_release.changed(ported, backend=one, frontend=one, assistant=nowhere)


def a_secret(characters: str = "") -> str:
    """A value that occurs nowhere by chance, around characters that encodings write another way."""
    return f"{secrets.token_hex(12)}{characters}{secrets.token_hex(12)}"


@dataclass(frozen=True)
class Scene:
    """A release that was deployed, used, misused and broken, and everything that was printed meanwhile."""

    hidden: dict[str, str]
    """Secret values by what they are; those of its use are added by it."""
    stack: LiveStack
    kubectl: Kubectl
    said: dict[str, str] = field(default_factory=dict)

    @property
    def canaries(self) -> Canaries:
        return Canaries(self.hidden)

    def engine(self, what: str, *command: str, fails: bool = False) -> None:
        """Run an engine command and keep all that it prints."""
        self.said[what] = self.stack.transcript(*command, fails=fails)

    def logs(self, what: str) -> None:
        """Keep what all containers of the release have written, also those that run before the services."""
        # One that waits for another to end has no log.
        flags = ("--all-containers", "--ignore-errors", "--prefix", "--tail=-1")
        self.said[what] = self.kubectl("logs", "--selector", f"app={NAME}", *flags)


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    """What all searches look at."""
    folder = tmp_path_factory.mktemp(NAME)
    passwords = {role: a_secret("/+&<") for role in ROLES}
    wrong, bare = a_secret("/+&<"), a_secret("/+&<")
    key, assistant_key = a_secret(), a_secret()
    hidden = {
        "a wrong password": wrong,
        "a password of an address without TLS": bare,
        "the signing key": key,
        "the assistant's key": assistant_key,
    }
    for role, password in passwords.items():
        hidden[f"the {role}'s database password"] = password
        hidden[address_of(role)] = outside.address(NAME, password, ROLES[role][1])
    with outside.namespace_with_postgres(NAME, passwords["owner"]) as kubectl:
        stack = LiveStack.create(NAME, folder, values())
        scene = Scene(hidden, stack, kubectl)
        for role, (name, _user) in ROLES.items():
            stack.set_secret(name, hidden[address_of(role)])
        stack.set_secret("betterAuthSecret", key)
        stack.set_secret("openaiApiKey", assistant_key)
        scene.engine("preview", "preview", "--diff")
        scene.engine("preview for programs", "preview", "--json")
        scene.engine("up", "up", "--yes", "--skip-preview", "--diff")
        live_release.wait_until_it_serves(values())
        use(key, hidden)
        scene.logs("logs")
        scene.said["database"] = dump(kubectl)
        scene.said["secrets"] = kubectl("get", "secrets", "--output", "yaml")
        # Not the backend's: the owner would give its role the other password.
        for role in ("owner", "frontend"):
            name, user = ROLES[role]
            stack.set_secret(name, outside.address(NAME, wrong, user))
        impatient = {"rolloutDeadlineSeconds": 15}
        stack.configure(live_release.changed(values(), backend=impatient, frontend=impatient))
        scene.engine("failing up", "up", "--yes", "--skip-preview", "--diff", fails=True)
        scene.logs("logs of pods that fail")
        stack.set_secret("databaseUrl", outside.address(NAME, bare))
        stack.configure(values() | {"database": {"external": {}}})
        scene.engine("refused configuration", "preview", fails=True)
        yield scene  # It goes with its namespace.


def address_of(role: str) -> str:
    """The name of the canary."""
    return f"the {role}'s database address"


def dump(kubectl: Kubectl) -> str:
    """All rows of the database."""
    command = ("pg_dump", "--data-only", "--username", outside.DATABASE, outside.DATABASE)
    return kubectl("exec", outside.DATABASE, "--", *command)


def use(key: str, hidden: dict[str, str]) -> None:
    """Send both services valid and invalid requests; adds to `hidden` what is secret in them."""
    password, mistyped = a_secret(), a_secret()
    hidden |= {"a person's password": password, "a mistyped password": mistyped}
    person = {"name": "Ada", "email": "ada@example.com", "password": password}
    with httpx.Client(base_url=FRONTEND, headers={"Origin": FRONTEND}, timeout=20) as browser:
        signed_up = browser.post("/api/auth/sign-up/email", json=person)
        assert signed_up.status_code == 200, signed_up.text
        (cookie,) = (
            value for name, value in browser.cookies.items() if name.endswith(".session_token")
        )
        session, _, signature = unquote(cookie).partition(".")
        hidden |= {STORED.partition(" (")[0]: session, "the signature of a session": signature}
        assert browser.get("/tasks").status_code == 200
        wrong = person | {"password": mistyped}
        assert browser.post("/api/auth/sign-in/email", json=wrong).status_code == 401
        assert browser.post("/api/auth/sign-in/email", content=b"{").status_code >= 400
    user = signed_up.json()["user"]["id"]
    with httpx.Client(base_url=BACKEND, timeout=60) as client:

        def ask(token: str, path: str = "/api/tasks", **body: Any) -> int:
            headers = {"Authorization": f"Bearer {token}"}
            method = "POST" if body else "GET"
            return client.request(method, path, headers=headers, json=body or None).status_code

        good = token_for(user, key, seconds=60)
        hidden["a token for the backend"] = good
        assert ask(good) == 200
        for misuse in (
            token_for(user, a_secret(), seconds=60),
            token_for(user, key, seconds=-60),
            "not.a.token",
            key,
        ):
            assert ask(misuse) == 401
        question = [{"role": "user", "content": "What is there to do?"}]
        assert ask(good, "/api/chat", messages=question) in (502, 504)


def config_maps(scene: Scene) -> str:
    return scene.kubectl("get", "configmaps", "--output", "yaml")


def described(scene: Scene) -> str:
    return scene.kubectl("describe", DESCRIBED)


def rendered(scene: Scene) -> str:
    scene.stack.configure(values())
    checked = check_file(scene.stack.config_file)
    return render(checked.config, checked.source)


def state(scene: Scene) -> str:
    return scene.stack.export()


def files_of_the_engine(scene: Scene) -> str:
    """The stack file, the state, its history and backups, and logs."""
    files = [path for path in scene.stack.folder.rglob("*") if path.is_file()]
    return "\n".join(f"{path}\n{path.read_text(errors='replace')}" for path in files)


def said(what: str) -> Callable[[Scene], str]:
    return lambda scene: scene.said[what]


# Each place with a text that it certainly holds: else it was the wrong place.
PLACES: dict[str, tuple[Callable[[Scene], str], str]] = {
    "ConfigMaps": (config_maps, "NODE_ENV"),
    "objects described": (described, "DATABASE_URL"),
    "rendered YAML": (rendered, "kind: Deployment"),
    "state": (state, "ciphertext"),
    "files of the engine": (files_of_the_engine, '"secure": "v1:'),
    "preview": (said("preview"), f"{NAME}-secrets"),
    "preview for programs": (said("preview for programs"), f"{NAME}-secrets"),
    "up": (said("up"), f"{NAME}-secrets"),
    "failing up": (said("failing up"), f"{NAME}-backend"),
    "refused configuration": (said("refused configuration"), "asks for no TLS"),
    "logs of the backend": (said("logs"), "/api/chat"),
    "logs of the frontend": (said("logs"), f"[pod/{NAME}-frontend-"),
    "logs of the migration": (said("logs"), "/migrate] "),
    "logs of pods that fail": (said("logs of pods that fail"), "not ready"),
}


@pytest.mark.parametrize("place", PLACES)
def test_no_secret_is_in(scene: Scene, place: str) -> None:
    read, marker = PLACES[place]
    content = read(scene)
    assert marker in content
    assert scene.canaries.found_in(content) == []


def test_the_database_holds_no_secret_but_hashed_and_the_tokens_of_sessions(scene: Scene) -> None:
    rows = scene.said["database"]
    assert "ada@example.com" in rows
    assert scene.canaries.found_in(rows) == [STORED], "of no use without their signature"


def test_the_secrets_are_where_they_belong(scene: Scene) -> None:
    found = scene.canaries.found_in(scene.said["secrets"])
    assert {finding.partition(" (")[0] for finding in found} >= {
        *map(address_of, ROLES),
        "the signing key",
        "the assistant's key",
    }, "else the release did not have them, and could not have leaked them"


def test_a_service_reads_each_of_its_secrets_by_secret_key_ref(scene: Scene) -> None:
    key = {"BETTER_AUTH_SECRET": "better-auth-secret"}
    backend = {"DATABASE_URL": "database-url"}
    migrate = backend | {
        "DATABASE_OWNER_URL": "database-owner-url",
        "FRONTEND_DATABASE_URL": "frontend-database-url",
    }
    for component, kind, expected in (
        ("backend", "initContainers", migrate),
        ("backend", "containers", key | backend | {"OPENAI_API_KEY": "openai-api-key"}),
        ("frontend", "containers", key | {"DATABASE_URL": "frontend-database-url"}),
    ):
        deployment = scene.kubectl.get("deployment", f"{NAME}-{component}")
        (container,) = deployment["spec"]["template"]["spec"][kind]
        references = {
            variable["name"]: variable["valueFrom"]["secretKeyRef"]
            for variable in container["env"]
            if "valueFrom" in variable
        }
        assert {name: found["key"] for name, found in references.items()} == expected
        for found in references.values():
            assert found["key"] in scene.kubectl.get("secret", found["name"])["data"]


@pytest.mark.parametrize(
    ("component", "marker"), [("backend", "taskflow_api"), ("frontend", "server.js")]
)
def test_no_secret_is_in_a_layer_of_an_image(scene: Scene, component: str, marker: str) -> None:
    marked = Canaries({**scene.hidden, "the marker": marker})
    reference = str(scene.stack.outputs()[f"{component}_image"])
    command = ["docker", "save", reference]
    with subprocess.Popen(command, env=docker_environment(), stdout=subprocess.PIPE) as saving:
        assert saving.stdout
        found = {
            what for _, content in files_of(saving.stdout) for what in marked.found_in(content)
        }
    assert saving.returncode == 0
    assert found == {"the marker (plain)"}
