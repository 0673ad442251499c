"""The preview of a stack in which nothing changed, beside that of a plain program."""

from __future__ import annotations

from collections.abc import Sequence

from bench.figures import Figure, Goal, Section
from bench.timing import seconds
from ops.paths import POLICY
from tests.engine_stack import EngineStack

RUNS = 5
MORE_SECONDS = 0.15
"""What two image contexts, two more providers and twelve more resources may cost."""


def measure(release: EngineStack, plain: EngineStack) -> Section:
    """Both are up; one preview of each in turn."""
    pack = ["--policy-pack", str(POLICY), "--policy-pack-config", str(POLICY / "advisory.json")]
    runs = [(_preview(release), _preview(plain), _preview(release, *pack)) for _ in range(RUNS)]
    return section(*zip(*runs, strict=True))


def _preview(stack: EngineStack, *flags: str) -> float:
    return seconds(lambda: stack.transcript("preview", "--expect-no-changes", *flags))


def section(release: Sequence[float], plain: Sequence[float], policies: Sequence[float]) -> Section:
    yardstick = Figure("preview of a plain program of 15 objects", tuple(plain), "s")
    goal = Goal(yardstick.median + MORE_SECONDS, f"the plain program's + {MORE_SECONDS} s")
    preview = Figure("preview of the dev stack", tuple(release), "s", goal)
    beside = preview.median - yardstick.median
    note = (
        f"The {beside:.1f} s more than the plain program: more resources, which wait for each other; the import of "
        "pydantic and of the classes of docker and random; the start of these two providers, one after the other."
    )
    return Section(
        "A preview with nothing to change",
        "`pulumi preview --expect-no-changes` of the dev stack (29 resources, two image contexts, three providers) and "
        "of a plain program (`bench/plain`, 15 objects, one provider), both deployed.",
        (
            preview,
            yardstick,
            Figure(
                "preview of the dev stack with the policy pack, as `make preview` does",
                tuple(policies),
                "s",
            ),
        ),
        () if preview.met else (note,),
    )
