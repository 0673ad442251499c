"""`make test`: set up the machine, then run all suites but the long ones."""

from __future__ import annotations

import os
import secrets
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console

from ops.config.stacks import StackFile
from ops.errors import OpsError
from ops.paths import ROOT
from ops.prepare import setup
from ops.prepare.machine import Machine
from ops.prepare.setup import Setup
from ops.processes import capture, stream
from ops.steps import Steps
from tests.machinery import browser, checks, extras, linters
from tests.machinery.suites import Count, Outcome, Suite, read_junit, read_tap, run

POSTGRES = "postgres:17"
POSTGRES_SECONDS = 60
DEPLOYS = ("docker", "cluster", "images")
LIVE = (*DEPLOYS, "metrics", "browser", "object store")
EDITS = (*DEPLOYS, "metrics", "route controller")
UNDER_LOAD = (*DEPLOYS, "load generator", "browser", "route controller")
SIDE_BY_SIDE = ("--numprocesses=2", "--dist=loadfile")
"""Most of a live test is waiting for pods; each process has a release of its own."""
REPORTS = "/tmp/reports"  # noqa: S108 - inside the container


@dataclass(frozen=True)
class Stage:
    """Something to set up, after what it needs."""

    name: str
    provide: Callable[[], None]
    needs: tuple[str, ...] = ()


def outcomes(console: Console) -> list[Outcome]:
    """Set up what is needed, then run the suites: one that cannot run fails with the reason."""
    done = checks.outcomes(console, exhaustive=True)
    steps = Steps("setting up", console)
    env: Mapping[str, str] = os.environ
    try:
        setup.require_space()
        chosen = setup.provide_tools(steps)
    except OpsError as error:
        blocked = dict.fromkeys(("tools", *LIVE, *UNDER_LOAD), error)
    else:
        blocked = set_up(_stages(chosen, steps))
        env = chosen.env
    for suite, needs in _suites(env):
        done.append(run(unless_blocked(suite, needs, blocked), console))
    steps.table()
    return done


def reliability(console: Console, report: Path) -> Outcome:
    """The suite of that name in full, with all that it needs; it writes its figures to `report`."""
    return _alone(console, "reliability", UNDER_LOAD, "--full", report=report)


def edits(console: Console) -> Outcome:
    """An edit of every key on a running release."""
    return _alone(console, "edits", EDITS, *SIDE_BY_SIDE)


def _alone(
    console: Console, name: str, needs: Sequence[str], *flags: str, report: Path | None = None
) -> Outcome:
    steps = Steps("setting up", console)
    setup.require_space()
    chosen = setup.provide_tools(steps)
    blocked = set_up([stage for stage in _stages(chosen, steps) if stage.name in needs])
    suite = Suite(name, lambda: _pytest(f"tests/{name}", chosen.env, *flags, report=report))
    return run(unless_blocked(suite, needs, blocked), console)


def set_up(stages: Sequence[Stage]) -> dict[str, OpsError]:
    """Go through all stages; returns the failed ones, with those that needed them, and why."""
    blocked: dict[str, OpsError] = {}
    for stage in stages:
        reason = next((blocked[need] for need in stage.needs if need in blocked), None)
        try:
            if reason:
                raise reason
            stage.provide()
        except OpsError as error:
            blocked[stage.name] = error
    return blocked


def unless_blocked(suite: Suite, needs: Sequence[str], blocked: Mapping[str, OpsError]) -> Suite:
    """The suite itself, or one that fails with the reason why it cannot run."""
    reason = next((blocked[need] for need in needs if need in blocked), None)
    if reason is None:
        return suite

    def fail() -> Count:
        raise OpsError(f"could not run: {reason.what}", where=reason.where, fix=reason.fix)

    return Suite(suite.name, fail)


def _stages(chosen: Setup, steps: Steps) -> list[Stage]:
    dev = StackFile.read("dev")
    machine = Machine()
    return [
        Stage("docker", lambda: setup.provide_docker(chosen, steps, machine)),
        Stage("cluster", lambda: setup.provide_cluster(chosen, steps, dev), ("docker",)),
        Stage("metrics", lambda: setup.provide_metrics(chosen, steps), ("cluster",)),
        Stage("images", lambda: setup.provide_images(chosen, steps), ("docker",)),
        Stage("browser", lambda: _provide_browser(chosen, steps)),
        Stage("object store", lambda: extras.provide("gofakes3", env=chosen.env)),
        Stage("load generator", lambda: extras.provide("vegeta", env=chosen.env)),
        Stage("route controller", lambda: extras.provide("traefik", env=chosen.env)),
    ]


def _provide_browser(chosen: Setup, steps: Steps) -> None:
    with steps.step("browser") as step:
        step.note = browser.provide(Machine(), env=chosen.env)


def _suites(env: Mapping[str, str]) -> list[tuple[Suite, tuple[str, ...]]]:
    return [
        # As in the reader's shell.
        (Suite("documents", lambda: _pytest("tests/sessions", os.environ)), ()),
        # Each test has a stack of its own.
        (Suite("engine", lambda: _pytest("tests/engine", env, "--numprocesses=2")), ("tools",)),
        (Suite("packaging", lambda: _pytest("tests/packaging", env)), ("tools",)),
        (Suite("objects and Dockerfiles", lambda: _pytest("tests/lint", linters.provide(env))), ()),
        (Suite("backend", lambda: _backend(env)), ("docker", "images")),
        (Suite("frontend", lambda: _frontend(env)), ("docker", "images")),
        (Suite("frontend types", lambda: _frontend_types(env)), ("docker", "images")),
        (Suite("frontend lint", lambda: _frontend_lint(env)), ("docker", "images")),
        (Suite("live and browser", lambda: _pytest("tests/live", env, *SIDE_BY_SIDE)), LIVE),
        (Suite("reliability", lambda: _pytest("tests/reliability", env)), UNDER_LOAD),
    ]


def _pytest(path: str, env: Mapping[str, str], *flags: str, report: Path | None = None) -> Count:
    if not (ROOT / path).is_dir():
        raise OpsError(f"there is no {path}")
    with tempfile.TemporaryDirectory() as folder:
        written = report or Path(folder) / "report.xml"
        command = [checks.PYTHON, "-m", "pytest", "-rs", f"--junitxml={written}", *flags, path]
        return read_junit(written, stream(command, env=env).code)


def _backend(env: Mapping[str, str]) -> Count:
    """The backend's own tests, in the `test` stage of its image, on a Postgres made for them."""
    image = _build("docker/backend", "test", env)
    password = secrets.token_urlsafe(16)
    with tempfile.TemporaryDirectory() as folder, _Container(env) as database:
        Path(folder).chmod(0o777)  # the image's user is not ours
        address = database.start_postgres(password)
        command = ["docker", "run", "--rm", "--network", f"container:{database.name}"]
        command += ["--env", f"TEST_DATABASE_URL=postgresql://postgres:{password}@{address}"]
        command += ["--env", f"PYTEST_ADDOPTS=--junitxml={REPORTS}/report.xml"]
        command += ["--volume", f"{folder}:{REPORTS}", image]
        return read_junit(Path(folder) / "report.xml", stream(command, env=env).code)


def _frontend(env: Mapping[str, str]) -> Count:
    """The frontend's tests, which no image contains, laid over its image's `builder` stage, on a Postgres as above.

    Beside them the backend's: they check the schema that both sides must agree on.
    """
    image = _build("docker/frontend", "builder", env)
    password = secrets.token_urlsafe(16)
    with _Container(env) as database:
        address = database.start_postgres(password)
        command = ["docker", "run", "--rm", "--network", f"container:{database.name}"]
        command += ["--env", f"TEST_DATABASE_URL=postgresql://postgres:{password}@{address}"]
        command += ["--volume", f"{ROOT}/docker/frontend/test:/app/test:ro"]
        command += ["--volume", f"{ROOT}/docker/backend/tests:/backend/tests:ro"]
        result = stream([*command, image, "npm", "test"], env=env)
    return read_tap(result.output, result.code)


def _frontend_types(env: Mapping[str, str]) -> Count:
    image = _build("docker/frontend", "builder", env)
    return _one(["docker", "run", "--rm", image, "npm", "run", "typecheck"], env)


def _frontend_lint(env: Mapping[str, str]) -> Count:
    """Over all sources; the image has only those it is built from."""
    image = _build("docker/frontend", "builder", env)
    command = ["docker", "run", "--rm", "--volume", f"{ROOT}/docker/frontend:/source:ro"]
    biome = "/app/node_modules/.bin/biome"
    return _one([*command, "--workdir", "/source", image, biome, "check", "."], env)


def _one(command: Sequence[str], env: Mapping[str, str]) -> Count:
    """A tool without single tests counts as one."""
    return Count(passed=1) if stream(command, env=env).code == 0 else Count(failed=1)


def _build(context: str, target: str, env: Mapping[str, str]) -> str:
    image = f"taskflow-{Path(context).name}-{target}:local"
    command = ["docker", "build", "--target", target, "--tag", image, context]
    if stream(command, env=env).code != 0:
        raise OpsError(
            f"image stage {target} of {context} could not be built (Docker's message is above)"
        )
    return image


class _Container:
    """A container that is removed when the block ends, however it ends."""

    def __init__(self, env: Mapping[str, str]) -> None:
        self.name = f"taskflow-test-{os.getpid()}"
        self._env = env

    def __enter__(self) -> _Container:
        return self

    def __exit__(self, *_: object) -> None:
        capture(["docker", "rm", "--force", "--volumes", self.name], env=self._env)

    def start_postgres(self, password: str) -> str:
        """Start a Postgres that answers; returns `host:port/database` within its network."""
        env = {**self._env, "POSTGRES_PASSWORD": password}
        command = ["docker", "run", "--detach", "--name", self.name, "--env", "POSTGRES_PASSWORD"]
        started = capture([*command, POSTGRES], env=env, timeout=300)
        if started.code != 0:
            raise OpsError(f"no {POSTGRES} for the tests: {started.output.strip()}")
        # The image starts Postgres twice; only the second one listens on TCP.
        ready = ["docker", "exec", self.name, "pg_isready", "--host=127.0.0.1", "--timeout=1"]
        for _ in range(POSTGRES_SECONDS):
            if capture(ready, env=env).code == 0:
                return "127.0.0.1:5432/postgres"
        both = ["sh", "-c", f"docker logs --tail 5 {self.name} 2>&1"]
        logs = capture(both, env=env).output
        raise OpsError(f"{POSTGRES} did not start within {POSTGRES_SECONDS} s", where=logs.strip())
