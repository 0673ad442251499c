"""CPU seconds of the program alone, beside the SDK's own and a plain program's; and how they grow with releases."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

from bench.figures import Figure, Goal, Section
from bench.program import CONTEXT
from bench.timing import seconds, timed
from components.config.stack_file import PROJECT, StackFile
from tests.engine_stack import EngineStack

RUNS = 7
GROWTH_RUNS = 5
PREVIEW_RUNS = 2
RELEASES = (1, 10, 50)
NOISE = 1.1
"""The allowed difference of two equal slopes: the runs of one command differ by more."""
SDK = """
import atexit, gc
gc.disable()
atexit.register(gc.freeze)
import pulumi, pulumi_kubernetes.apps.v1, pulumi_kubernetes.core.v1, pulumi_kubernetes.meta.v1
"""
"""Without garbage collection, like the program: the rest is the program's own cost."""

GROWTH_NOTE = (
    "A profile of the engine shows where a preview of 50 releases spends two thirds of its time: it writes the whole "
    "state anew, in memory, after each resource. One stack for each release avoids it."
)


def measure(release: Path, plain: Path) -> Section:
    """One run of each program in turn; the release's configuration is in its folder."""
    yardstick = program(plain, context=CONTEXT, namespace="bench")
    programs = (program(release), yardstick, ["-c", SDK])
    runs = [tuple(map(_cpu_seconds, programs)) for _ in range(RUNS)]
    return section(*zip(*runs, strict=True))


def section(release: Sequence[float], plain: Sequence[float], sdk: Sequence[float]) -> Section:
    yardstick = Figure("a plain program of 15 objects", tuple(plain), "CPU s")
    goal = Goal(yardstick.median, "1.0 x the plain program's")
    program = Figure("the program: dev stack, 29 resources", tuple(release), "CPU s", goal)
    floor = Figure("importing the SDK's Kubernetes classes alone", tuple(sdk), "CPU s")
    notes: list[str] = []
    if not program.met:
        notes.append(
            f"The SDK's import takes {floor.median:.2f} CPU s of it; pydantic, the configuration's checks and the "
            f"registrations take {max(0.0, program.median - floor.median):.2f} CPU s."
        )
    return Section(
        "The program alone",
        "User and system time of a process that imports the program and registers all resources on a mocked engine "
        "(`bench/program.py`).",
        (program, yardstick, floor),
        tuple(notes),
    )


def measure_growth(many: EngineStack) -> Section:
    """The program's CPU on mocks, and a first preview by the engine."""
    cpu: dict[int, list[float]] = {count: [] for count in RELEASES}
    wall: dict[int, list[float]] = {count: [] for count in RELEASES}
    for _ in range(GROWTH_RUNS):
        for count in RELEASES:
            command = program(many.program, context=CONTEXT, releases=str(count))
            cpu[count].append(_cpu_seconds(command))
    for _ in range(PREVIEW_RUNS):
        for count in RELEASES:
            many.configure({**many.plain_values(), "releases": count})
            wall[count].append(seconds(lambda: many.transcript("preview")))
    return growth_section(cpu, wall)


def growth_section(cpu: dict[int, list[float]], wall: dict[int, list[float]]) -> Section:
    figures: list[Figure] = []
    for what, unit, samples in (("program", "CPU s", cpu), ("preview", "s", wall)):
        rows = {
            count: Figure(f"{what}, {count} releases", tuple(values), unit)
            for count, values in samples.items()
        }
        one, ten, fifty = (rows[count] for count in RELEASES)
        first, second = _slope(one, ten, 9), _slope(ten, fifty, 40)
        goal = Goal(NOISE * first, "10 % above that from 1 to 10")
        figures += [
            *rows.values(),
            Figure(f"{what}, each further release from 10 to 50", (second,), unit, goal),
        ]
    return Section(
        "Growth",
        "One program with 1, 10 and 50 releases of prebuilt images: its CPU time on mocks, and the engine's first "
        "preview.",
        tuple(figures),
        () if all(figure.met for figure in figures if figure.goal) else (GROWTH_NOTE,),
    )


def _slope(few: Figure, more: Figure, releases: int) -> float:
    return (more.median - few.median) / releases


def program(folder: Path, **values: str) -> list[str]:
    """The arguments of a process that runs the program of a folder, with its dev stack's values and these."""
    texts = {**StackFile.of_stack("dev", PROJECT, folder).texts, **values}
    return ["-m", "bench.program", str(folder), *(f"{key}={text}" for key, text in texts.items())]


def _cpu_seconds(arguments: Sequence[str]) -> float:
    return timed([sys.executable, *arguments]).cpu_seconds
