"""The steps of a command: announced, timed, and listed at the end."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from rich.console import Console
from rich.table import Table

DONE, FAILED = "done", "failed"


@dataclass
class TimedStep:
    name: str
    seconds: float = 0.0
    state: str = FAILED
    note: str = ""


@dataclass
class Steps:
    title: str
    console: Console
    taken: list[TimedStep] = field(default_factory=list)

    def add(self, name: str, seconds: float, note: str = "") -> None:
        """Record a step that ran before this process did."""
        self.taken.append(TimedStep(name, seconds, DONE, note))

    @contextmanager
    def step(self, name: str) -> Iterator[TimedStep]:
        """Time what happens inside; its `note` says in the table what was found or done."""
        step = TimedStep(name)
        self.taken.append(step)
        self.console.print(f"[bold cyan]==>[/] [bold]{name}[/]")
        start = time.monotonic()
        try:
            yield step
            step.state = DONE
        finally:
            step.seconds = time.monotonic() - start
            note = f"  {step.note}" if step.note else ""
            self.console.print(f"    [dim]{step.state} in {clock(step.seconds)}{note}[/]")

    def table(self) -> None:
        table = Table(title=self.title, title_justify="left", box=None, pad_edge=False)
        table.add_column("step")
        table.add_column("time", justify="right")
        table.add_column("", style="dim")
        for step in self.taken:
            colour = "" if step.state == DONE else "[red]"
            note = step.note if step.state == DONE else f"{step.state} {step.note}"
            table.add_row(f"{colour}{step.name}", clock(step.seconds), note)
        table.add_row("[bold]all", f"[bold]{clock(sum(step.seconds for step in self.taken))}", "")
        self.console.print()
        self.console.print(table)


def clock(seconds: float) -> str:
    """`3.2 s`, from a minute on `2 min 05 s`."""
    if seconds < 60:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    return f"{whole // 60} min {whole % 60:02d} s"
