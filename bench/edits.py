"""The cost of an edit of a source file: the images' rebuild, and the rollout of new pods."""

from __future__ import annotations

from pathlib import Path

from bench.deployed import Daemon, Deployed
from bench.figures import Figure, Goal, Section
from bench.project import Project
from bench.timing import timed

ROUNDS = 3
FRONTEND_ROUNDS = 2
BACKEND_FILE = Path("docker/backend/taskflow_api/logs.py")
FRONTEND_FILE = Path("docker/frontend/lib/filter.ts")
BACKEND_SECONDS, FRONTEND_SECONDS, ALLOWANCE_SECONDS = 5, 30, 2


def measure(project: Project, deployed: Deployed, daemon: Daemon) -> Section:
    """The project is a copy, which is edited. Afterwards kubectl has changed the release without the engine."""
    up, build, rollout, frontend = [], [], [], []
    for number in range(ROUNDS):
        _edit(project.folder / BACKEND_FILE, f"# pulumi {number}\n")
        up.append(project.up().seconds)
    for number in range(ROUNDS):
        _edit(project.folder / BACKEND_FILE, f"# kubectl {number}\n")
        image = f"taskflow-backend:bench-{number}"
        build.append(_built(project, daemon, "backend", image))
        rollout.append(_rolled_out(deployed, image))
    for number in range(FRONTEND_ROUNDS):
        _edit(project.folder / FRONTEND_FILE, f"// bench {number}\n")
        frontend.append(_built(project, daemon, "frontend", f"taskflow-frontend:bench-{number}"))
    by_hand = Figure(
        "rebuild, `kubectl set image`, `kubectl rollout status`",
        tuple(map(sum, zip(build, rollout, strict=True))),
        "s",
    )
    goal = Goal(by_hand.median + ALLOWANCE_SECONDS, "1.0 x kubectl's + 2 s")
    whole = Figure("`pulumi up` after a backend edit", tuple(up), "s", goal)
    note = (
        f"The {whole.median - by_hand.median:.1f} s more than by hand are mostly those of a preview with nothing to "
        "change."
    )
    return Section(
        "After an edit",
        "One line of a source file is changed. `pulumi up` until two new backend pods are Ready; the same by hand with "
        "`docker build` and kubectl; the builds alone.",
        (
            whole,
            by_hand,
            Figure("backend image rebuilt", tuple(build), "s", Goal(BACKEND_SECONDS)),
            Figure("frontend image rebuilt", tuple(frontend), "s", Goal(FRONTEND_SECONDS)),
        ),
        () if whole.met else (note,),
    )


def _edit(file: Path, line: str) -> None:
    with file.open("a") as source:
        source.write(line)


def _built(project: Project, daemon: Daemon, component: str, image: str) -> float:
    return daemon.build(project.folder / "docker" / component, image).seconds


def _rolled_out(deployed: Deployed, image: str) -> float:
    deployment = f"deployment/{deployed.release}-backend"
    set_image = [*deployed.command, "set", "image", deployment, f"backend={image}"]
    status = [*deployed.command, "rollout", "status", deployment]
    return sum(
        timed(command, env=deployed.env, cwd=Path.cwd()).seconds for command in (set_image, status)
    )
