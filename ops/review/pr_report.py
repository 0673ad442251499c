"""`make pr-report`: what a change of the checkout does to each stack, as the Markdown of a pull request's comment.

Without secrets each stack's objects are rendered twice, at the commit that the change is compared with and as they
are now; with `--deployed` the engine previews the stacks of real clusters against their states instead.
"""

import json
import os
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer
import yaml

from components.config.stack_file import file_name
from ops.config import footprint
from ops.config.commits import Commit, unpacked
from ops.config.render import manifests
from ops.config.stacks import StackFile
from ops.config.validate import INVALID, Verdict, checked, verdicts
from ops.engine.stack import Stack
from ops.errors import OpsError
from ops.paths import ROOT
from ops.prepare import setup
from ops.release.record import secrets_of
from ops.review import rendered, risk
from ops.review.command import Notes, judged
from ops.review.plan import Step
from ops.review.pr_markdown import StackReport, annotation, document
from ops.review.risk import Effect
from ops.session import AsJson

commands = typer.Typer(rich_markup_mode=None)


@commands.command(name="pr-report")
def pr_report(
    against: Annotated[
        str, typer.Option(help="The commit to compare with.", envvar="AGAINST")
    ] = "main",
    deployed: Annotated[
        bool, typer.Option("--deployed", help="Preview the stacks of real clusters by the engine.")
    ] = False,
    stack: Annotated[
        str, typer.Option(help="Only this stack; all of them if unset.", envvar="STACK")
    ] = "",
    output: Annotated[
        Path | None, typer.Option(help="Where to write the report; stdout if unset.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Write as Markdown what the checkout's changes do to each stack. Exit code 2: a stack file is not valid."""
    against = against or "main"
    sections = report(against, ROOT, deployed=deployed, only=stack)
    text = to_json(sections) if as_json else document(sections, against)
    if output:
        output.write_text(text)
    else:
        print(text)
    if os.environ.get("GITHUB_ACTIONS") == "true" and not as_json:
        for section in sections:
            for error in section.errors:
                print(annotation(error))
    if any(section.errors for section in sections):
        raise typer.Exit(INVALID)
    if any(section.trouble for section in sections):
        raise typer.Exit(1)


def report(against: str, root: Path, *, deployed: bool, only: str = "") -> list[StackReport]:
    """A section for each stack of the checkout, or for one of them.

    Raises:
        OpsError: if there is no such commit.
    """
    wanted = [StackFile.read(only, root).path.name] if only else None
    with unpacked(against, root) as then:
        found = verdicts(root)
        sections = [
            _section(verdict, then, root, deployed=deployed)
            for verdict in found
            if wanted is None or verdict.file in wanted
        ]
        kept = {verdict.file for verdict in found}
        gone = [] if only else [name for name in then.stacks if file_name(name) not in kept]
        return [*sections, *(StackReport(name, gone=True) for name in gone)]


def to_json(sections: Sequence[StackReport]) -> str:
    return json.dumps(
        [
            {
                "stack": section.stack,
                "outcome": section.outcome,
                "errors": section.errors,
                "missing": section.missing,
                "trouble": section.trouble,
                **asdict(section.notes),
                "steps": risk.as_json(section.effects),
                "footprint": {
                    "before": [asdict(row) for row in section.before],
                    "after": [asdict(row) for row in section.after],
                },
            }
            for section in sections
        ],
        indent=2,
    )


def _section(verdict: Verdict, then: Commit, root: Path, *, deployed: bool) -> StackReport:
    stack = verdict.file.removeprefix("Pulumi.").removesuffix(".yaml")
    if verdict.errors:
        return StackReport(stack, errors=verdict.errors)
    file = StackFile.read(stack, root)
    config = checked(file.path).config
    # A stack without its secrets or digests was never deployed, and the engine would only report that.
    by_engine = deployed and not file.profile and not verdict.missing
    basis = "compared with what is deployed" if by_engine else f"rendered here and at {then.name}"
    trouble = ""
    effects: Sequence[Effect] = ()
    notes = Notes()
    before: Sequence[footprint.Row] = ()
    try:
        if by_engine:
            chosen = setup.choose()
            effects, notes = judged(Stack(file, chosen.backend, chosen.env), quiet=True)
        else:
            effects = risk.judge(_rendered(stack, file.path, then))
    except OpsError as error:
        trouble = str(error)
    try:
        before = footprint.of_commit(stack, then)
    except OpsError as error:
        trouble = trouble or str(error)
    return StackReport(
        stack,
        missing=verdict.missing,
        secrets_changed=not by_engine
        and then.has(stack)
        and secrets_of(file.path) != secrets_of(then.folder / verdict.file),
        trouble=trouble,
        basis=basis,
        effects=tuple(effects),
        notes=notes,
        before=tuple(before),
        after=tuple(footprint.of_config(config)),
    )


def _rendered(stack: str, path: Path, then: Commit) -> Sequence[Step]:
    now = checked(path)
    old = then.output("render", "--stack", stack) if then.has(stack) else ""
    before = [item for item in yaml.safe_load_all(old) if item]
    return rendered.steps(before, manifests(now.config, now.source))
