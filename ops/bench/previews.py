"""The preview of a stack in which nothing changed, beside that of a plain program."""

from __future__ import annotations

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
    yardstick = Figure("of a plain program of 15 objects", tuple(samples["plain"]), "s")
    goal = Goal(yardstick.median, "1.0 x the plain program's")
    return Section(
        "A preview with nothing to change",
        "`pulumi preview --expect-no-changes` of the dev stack (27 resources, two image contexts hashed, three "
        "providers) and of a plain program (`ops/bench/plain`, 15 objects, one provider), both deployed, in turn.",
        (
            Figure("of the dev stack", tuple(samples["release"]), "s", goal),
            yardstick,
            Figure(
                "of the dev stack with the policy pack, as `make preview` does",
                tuple(samples["policies"]),
                "s",
            ),
        ),
    )
