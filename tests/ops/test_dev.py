"""`make dev`: which stacks it serves, which files it mounts, and where it finds the database."""

import shutil
import socket
import threading
from base64 import b64encode
from collections.abc import Callable
from errno import EACCES
from http.server import HTTPServer, SimpleHTTPRequestHandler
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from typer.testing import CliRunner

from components.build_context import BuildArgs, used_files
from components.config.errors import ConfigError
from components.config.stack import Images
from ops import main
from ops.config.stacks import StackFile
from ops.dev import session
from ops.dev.command import images_of, require_own_docker
from ops.dev.containers import Containers, Network, free_ports
from ops.dev.live import Live, moved
from ops.dev.mirror import Mirror
from ops.dev.session import answers
from ops.errors import OpsError
from ops.kubectl import Kubectl
from ops.paths import ROOT
from ops.processes import Result
from tests.ops.programs import Programs

DOCKERFILE = """FROM base AS dependencies
COPY lock .
FROM dependencies AS builder
COPY . .
FROM base AS runner
COPY --from=builder /app /app
"""


@pytest.fixture
def context(tmp_path: Path) -> Path:
    context = tmp_path / "web"
    (context / "app").mkdir(parents=True)
    (context / "Dockerfile").write_text(DOCKERFILE)
    (context / ".dockerignore").write_text("*\n!lock\n!app\n**/*~\n")
    for name in ("lock", "app/page", "app/page~", "notes"):
        (context / name).write_text(name)
    return context


@pytest.fixture
def mirror(context: Path, tmp_path: Path) -> Mirror:
    (tmp_path / "mirror").mkdir()
    return Mirror(BuildArgs(context=context), tmp_path / "mirror")


def copies(mirror: Mirror) -> dict[str, str]:
    files = [file for file in mirror.folder.rglob("*") if file.is_file()]
    return {str(file.relative_to(mirror.folder)): file.read_text() for file in files}


def test_only_what_the_image_is_built_from_is_mounted_and_its_dependencies_are_not(
    mirror: Mirror,
) -> None:
    mirror.update()
    assert copies(mirror) == {"app/page": "app/page"}


def test_an_edit_a_new_file_and_a_deleted_one_are_followed_and_nothing_else_is(
    mirror: Mirror, context: Path
) -> None:
    mirror.update()
    (mirror.folder / "generated").write_text("by the framework")
    assert mirror.update() == []
    (context / "app" / "page").unlink()
    (context / "app" / "other").write_text("new")
    assert mirror.update() == [context / "app" / "other", context / "app" / "page"]
    assert copies(mirror) == {"app/other": "new", "generated": "by the framework"}


def test_an_editor_that_replaces_the_file_is_followed(mirror: Mirror, context: Path) -> None:
    mirror.update()
    (context / "app" / "page~").write_text("edited")
    (context / "app" / "page~").replace(context / "app" / "page")
    assert mirror.update() == [context / "app" / "page"]
    assert copies(mirror) == {"app/page": "edited"}


def test_a_file_whose_name_changes_in_case_alone_stays_on_a_disk_that_ignores_case(
    mirror: Mirror, context: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    unlink = Path.unlink

    def of_any_case(path: Path, missing_ok: bool = False) -> None:
        for file in path.parent.iterdir():
            if file.name.lower() == path.name.lower():
                unlink(file)

    mirror.update()
    monkeypatch.setattr(Path, "unlink", of_any_case)
    for former, name in (("page", "Page"), ("Page", "page")):
        (context / "app" / former).rename(context / "app" / name)
        mirror.update()
        assert copies(mirror) == {f"app/{name}": "app/page"}


def test_a_file_that_is_ignored_from_now_on_is_not_served_any_more(
    mirror: Mirror, context: Path
) -> None:
    mirror.update()
    (context / ".dockerignore").write_text("*\n!lock\n")
    mirror.update()
    assert copies(mirror) == {}


def test_a_file_that_cannot_be_read_is_named_and_followed_once_it_can_be(
    mirror: Mirror, context: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = context / "app" / "page"

    def refuse(file: Path, *_: object, **__: object) -> None:
        raise PermissionError(EACCES, "Permission denied", str(file))

    with monkeypatch.context() as refusing:
        refusing.setattr(shutil, "copy", refuse)
        with pytest.raises(ConfigError, match=f"{page}: cannot be read: Permission denied"):
            mirror.update()
    assert page in mirror.update()
    assert copies(mirror) == {"app/page": "app/page"}


def test_a_change_of_the_dependencies_needs_another_image(mirror: Mirror, context: Path) -> None:
    mirror.update()
    for name in ("lock", "Dockerfile"):
        (context / name).write_text(f"{DOCKERFILE}# edited\n")
        assert mirror.of_image().intersection(mirror.update()) == {context / name}


def test_a_folder_and_a_file_may_take_each_others_name(mirror: Mirror, context: Path) -> None:
    page = context / "app" / "page"
    mirror.update()
    for name, before in (("app/page/index", {}), ("app/page", {"app/page/cache": "generated"})):
        for file, text in before.items():
            (mirror.folder / file).write_text(text)
        shutil.rmtree(page) if page.is_dir() else page.unlink()
        (context / name).parent.mkdir(exist_ok=True)
        (context / name).write_text(name)
        mirror.update()
        assert copies(mirror) == {name: name}


def test_a_file_that_is_held_back_is_not_mounted(mirror: Mirror) -> None:
    mirror.held_back = lambda file: file.stem == "page"
    mirror.update()
    assert copies(mirror) == {}


@pytest.mark.parametrize("component", ["backend", "frontend"])
def test_the_dependencies_of_an_image_build_whatever_its_sources_say(component: str) -> None:
    files = used_files(ROOT / "docker" / component, "dependencies")
    assert files
    assert not [file for file in files if file.suffix in {".py", ".ts", ".tsx"}]


@pytest.mark.parametrize(
    ("key", "value", "reason"),
    [
        ("cluster", {"context": "somewhere"}, "taskflow:cluster.minikube is not set"),
        ("images", {"backend": {"ref": "r.example.com/b:1"}}, "deploys a prebuilt backend"),
    ],
)
def test_dev_refuses_a_stack_that(key: str, value: object, reason: str, tmp_path: Path) -> None:
    values: dict[str, object] = {
        "cluster": {"context": "minikube", "minikube": "minikube"},
        "secrets": {"generate": True},
        "database": {"embedded": {}},
    }
    lines = [f"  taskflow:{name}: {value}" for name, value in (values | {key: value}).items()]
    (tmp_path / "Pulumi.dev.yaml").write_text("\n".join(["config:", *lines]))
    with pytest.raises(OpsError, match=reason):
        images_of(StackFile.read("dev", tmp_path))


def test_a_daemon_that_does_not_have_the_sources_is_refused() -> None:
    require_own_docker({"DOCKER_HOST": "unix:///run/user/1000/docker.sock"})
    with pytest.raises(OpsError, match="this machine has"):
        require_own_docker({"DOCKER_HOST": "tcp://192.168.49.2:2376"})


def object_of(kind: str, name: str, **more: object) -> tuple[tuple[str, str], dict[str, object]]:
    return (kind, name), {"kind": kind, "metadata": {"name": name}, **more}


def live(address: str) -> Live:
    env = [
        {"name": "PORT", "value": "8000"},
        {"name": "HINT", "value": "$$(PORT) $x"},
        {"name": "DATABASE_URL", "valueFrom": {"secretKeyRef": {"name": "s", "key": "url"}}},
        {"name": "OPENAI_API_KEY", "valueFrom": {"secretKeyRef": {"name": "no", "key": "key"}}},
    ]
    source = {"envFrom": [{"configMapRef": {"name": "c"}}]}
    first = {"name": "migrate", "env": [{"name": "DATABASE_OWNER_URL", "value": "owner's"}]}
    pod = {"initContainers": [first], "containers": [{"name": "backend", **source, "env": env}]}
    spec = {"template": {"spec": pod}}
    url = b64encode(address.encode()).decode()
    objects = dict(
        [
            object_of("Deployment", "blue-backend", spec=spec),
            object_of("ConfigMap", "c", data={"LOG_LEVEL": "info", "PORT": "1"}),
            object_of("Secret", "s", data={"url": url}),
            object_of("Service", "blue-postgres"),
        ]
    )
    return Live(Kubectl("nowhere", {}, "blue"), "blue", objects)


def test_the_environment_is_that_of_the_pods_without_keys_that_are_absent() -> None:
    address = "postgresql://u:p@blue-postgres:5432/u"
    env = live(address).environment("backend")
    assert env == {
        "LOG_LEVEL": "info",
        "PORT": "8000",
        "HINT": "$(PORT) $x",
        "DATABASE_URL": address,
    }


def test_what_only_the_container_that_migrates_gets_is_known_apart() -> None:
    release = live("postgresql://u:p@blue-postgres:5432/u")
    assert release.environment("backend", "migrate") == {"DATABASE_OWNER_URL": "owner's"}
    assert release.environment("backend", "another") == {}, "one role does everything"


@pytest.mark.parametrize(
    ("host", "found"),
    [
        ("blue-postgres", ("blue-postgres", 5432)),
        ("blue-postgres.blue.svc:5433", ("blue-postgres", 5433)),
        ("db.example.com", None),
    ],
)
def test_a_database_in_the_cluster_is_reached_by_its_service(
    host: str, found: tuple[str, int] | None
) -> None:
    assert live(f"postgresql://u:p@{host}/u").database() == found


def test_only_the_host_of_the_database_s_address_changes() -> None:
    env = {"A": "postgresql://u:p%40x@db:5432/n?sslmode=require", "B": "http://db:5432/"}
    assert moved(env, "127.0.0.1", 40000) == {
        "A": "postgresql://u:p%40x@127.0.0.1:40000/n?sslmode=require",
        "B": "http://db:5432/",
    }


@pytest.mark.parametrize("scheme", ["postgresql", "postgres", "POSTGRES", " \npostgres"])
def test_the_database_s_address_is_known_by_both_schemes_in_any_case(scheme: str) -> None:
    moved_to = moved({"A": f"{scheme}://u:p@db/n\n"}, "127.0.0.1", 40000)["A"]
    assert moved_to == f"{scheme.strip().lower()}://u:p@127.0.0.1:40000/n"


class Served(Containers):
    """Starts what runs on, without Docker."""

    def build(self, build: BuildArgs) -> str:
        return "an image"

    def remove(self, component: str = "") -> None: ...

    def start(self, component: str, *_: object) -> Any:
        return SimpleNamespace(poll=lambda: None, wait=lambda: None, kill=lambda: None)


def during(
    edits: list[Callable[[], object]], backend: Path, monkeypatch: pytest.MonkeyPatch
) -> Path:
    """The folder that a session serves after these edits, one before each look."""

    def look(_: float) -> None:
        if not edits:
            raise KeyboardInterrupt
        edits.pop(0)()

    monkeypatch.setattr(session, "SOURCES", backend.parent)
    monkeypatch.setattr(session, "MIGRATIONS", backend / "migrations")
    monkeypatch.setattr(session, "COMMANDS", {"backend": "serve"})
    monkeypatch.setattr(session, "HEALTH", {})
    containers = Served(backend.parent / "served", Network.of(hidden=False), {})
    containers.folder.mkdir()
    release = live("postgresql://u:p@db.example.com/u")
    kept = session.Session(release, containers, Images(), 0, "0001")
    kept.start()
    monkeypatch.setattr("time.sleep", look)
    with pytest.raises(KeyboardInterrupt):
        kept.keep()
    return containers.folder / "backend"


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        (".dockerignore", "*\n[", "backend/.dockerignore:2: [ is not a pattern"),
        ("Dockerfile", "FROM", "backend/Dockerfile: got FROM, expected FROM with"),
        ("Dockerfile", "COPY lock .", "backend/Dockerfile: got COPY, expected FROM with"),
    ],
)
def test_an_unfinished_edit_is_reported_once_and_what_runs_is_kept(
    name: str,
    text: str,
    said: str,
    context: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    backend = context.rename(context.parent / "backend")
    edited, finished = backend / name, (backend / name).read_text()
    edits: list[Callable[[], object]] = [
        lambda: edited.write_text(text),
        lambda: (backend / "app/page").write_text("edited"),
        lambda: edited.write_text(finished),
    ]
    served = during(edits, backend, monkeypatch)
    assert capsys.readouterr().out.count(said) == 1
    assert (served / "app/page").read_text() == "edited", "what was edited meanwhile is served"


def test_a_file_that_vanishes_while_it_is_read_ends_nothing(
    context: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As where another branch is checked out."""
    backend = context.rename(context.parent / "backend")
    page, read = backend / "app/page", Path.read_bytes

    def vanishes(path: Path) -> bytes:
        if path == page and "edited" in path.read_text():
            path.unlink()
        return read(path)

    monkeypatch.setattr(Path, "read_bytes", vanishes)
    served = during([lambda: page.write_text("edited")], backend, monkeypatch)
    assert not page.exists()
    assert (served / "app/page").read_text() == "edited", "until the next look"


def test_the_images_of_all_builds_of_a_session_are_removed_and_no_others(
    context: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    built = iter(["sha256:first", "sha256:second"])

    def build(command: list[str], **_: object) -> Result:
        (file,) = (word.partition("=")[2] for word in command if word.startswith("--iidfile"))
        Path(file).write_text(next(built))
        return Result(0, "")

    monkeypatch.setattr("ops.dev.containers.stream", build)
    programs = Programs(tmp_path)
    programs.answer("docker", "", "")
    programs.answer("docker", "images", "sha256:first\nsha256:other\nsha256:second")
    folder = tmp_path / "session"
    folder.mkdir()
    containers = Containers(folder, Network.of(hidden=False), programs.env)
    with (tmp_path / "lock").open("w") as lock, containers.swept(lock.fileno()):
        for image in ("sha256:first", "sha256:second"):
            assert containers.build(BuildArgs(context=context)) == image
    (removed,) = (call for call in programs.calls if call[1] == "rmi")
    assert removed[2:4] == ["sha256:first", "sha256:second"]
    assert not folder.exists()


def test_a_proxy_of_the_environment_is_not_asked_for_a_service_of_this_machine(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
    with HTTPServer(("127.0.0.1", 0), SimpleHTTPRequestHandler) as service:
        threading.Thread(target=service.handle_request, daemon=True).start()
        assert answers(f"http://127.0.0.1:{service.server_port}/")


def test_a_port_that_is_taken_is_replaced_by_a_free_one() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
        ports = free_ports(port, 3)
    assert port not in ports
    assert len({*ports}) == 3
    assert free_ports(port, 1) == [port]


def test_a_port_whose_connections_have_just_ended_is_free() -> None:
    """The next session gets the same address; the system keeps such a connection for a minute."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        with socket.create_connection(("127.0.0.1", port)) as client:
            server.accept()[0].close()  # The side that closes first waits.
            assert client.recv(1) == b""
        assert free_ports(port, 1) != [port], "it listens"
    assert free_ports(port, 1) == [port]


@pytest.mark.parametrize("port", ["99999", "-1"])
def test_a_port_that_cannot_be_is_a_wrong_use(port: str) -> None:
    result = CliRunner().invoke(main.app, ["dev", "--port", port])
    assert result.exit_code == 2
    assert "Invalid value for '--port'" in result.output
