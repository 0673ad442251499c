"""The cost of an edit of a source file: the images' rebuild, and the rollout of new pods."""

from __future__ import annotations

from functools import partial
from pathlib import Path

from bench.figures import Figure, Goal, Section
from bench.first_up import build
from bench.timing import LIMIT_SECONDS, seconds
from tests.engine_stack import EngineStack
from tests.live_release import Kubectl

ROUNDS = 3
FRONTEND_ROUNDS = 2
BACKEND_FILE = Path("docker/backend/taskflow_api/logs.py")
FRONTEND_FILE = Path("docker/frontend/lib/filter.ts")
BACKEND_SECONDS, FRONTEND_SECONDS, ALLOWANCE_SECONDS = 5, 30, 2


def measure(stack: EngineStack, kubectl: Kubectl) -> Section:
    """Its program is a copy, which is edited. Afterwards kubectl has changed the release without the engine."""
    folder = stack.program
    up, backend, rollout, frontend = [], [], [], []
    for number in range(ROUNDS):
        _edit(folder / BACKEND_FILE, f"# pulumi {number}\n")
        up.append(seconds(stack.up))
    for number in range(ROUNDS):
        _edit(folder / BACKEND_FILE, f"# kubectl {number}\n")
        image = f"taskflow-backend:bench-{number}"
        backend.append(build(folder / "docker/backend", image))
        rollout.append(seconds(partial(_roll_out, kubectl, image)))
    for number in range(FRONTEND_ROUNDS):
        _edit(folder / FRONTEND_FILE, f"// bench {number}\n")
        frontend.append(build(folder / "docker/frontend", f"taskflow-frontend:bench-{number}"))
    by_hand = Figure(
        "rebuild, `kubectl set image`, `kubectl rollout status`",
        tuple(map(sum, zip(backend, rollout, strict=True))),
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
            Figure("backend image rebuilt", tuple(backend), "s", Goal(BACKEND_SECONDS)),
            Figure("frontend image rebuilt", tuple(frontend), "s", Goal(FRONTEND_SECONDS)),
        ),
        () if whole.met else (note,),
    )


def _edit(file: Path, line: str) -> None:
    with file.open("a") as source:
        source.write(line)


def _roll_out(kubectl: Kubectl, image: str) -> None:
    deployment = f"deployment/{kubectl.namespace}-backend"
    kubectl("set", "image", deployment, f"backend={image}")
    kubectl("rollout", "status", deployment, timeout=LIMIT_SECONDS)
