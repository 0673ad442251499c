"""The preview of a stack in which nothing changed, beside that of a plain program."""

from __future__ import annotations

from collections.abc import Sequence

from ops.bench.figures import Figure, Goal, Section
from ops.bench.project import Project
from ops.paths import POLICY

RUNS = 5


def measure(release: Project, plain: Project) -> Section:
    """Both are up; one preview of each in turn."""
    pack = ["--policy-pack", str(POLICY), "--policy-pack-config", str(POLICY / "advisory.json")]
    samples: dict[str, list[float]] = {"release": [], "plain": [], "policies": []}
    for _ in range(RUNS):
        samples["release"].append(release.preview("--expect-no-changes").seconds)
        samples["plain"].append(plain.preview("--expect-no-changes").seconds)
        samples["policies"].append(release.preview("--expect-no-changes", *pack).seconds)
    return section(samples["release"], samples["plain"], samples["policies"])


def section(release: Sequence[float], plain: Sequence[float], policies: Sequence[float]) -> Section:
    yardstick = Figure("preview of a plain program of 15 objects", tuple(plain), "s")
    goal = Goal(yardstick.median, "1.0 x the plain program's")
    preview = Figure("preview of the dev stack", tuple(release), "s", goal)
    beside = preview.median - yardstick.median
    note = (
        f"The {beside:.1f} s more than the plain program takes go into two more providers, docker and random, which "
        "the engine starts one after the other, into the import of their classes and of pydantic, into twelve more "
        "resources and into hashing two image contexts. A provider's stand-in of airgap/ is a Python process that "
        "imports the SDK before it answers, the official one is compiled."
    )
    return Section(
        "A preview with nothing to change",
        "`pulumi preview --expect-no-changes` of the dev stack (27 resources, two image contexts hashed, three "
        "providers) and of a plain program (`ops/bench/plain`, 15 objects, one provider), both deployed, in turn.",
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
