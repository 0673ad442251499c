"""The effect of the checkout's changes on each stack: the content of a pull request's report.

Without secrets each stack's objects are rendered twice, at the commit that the change is compared with and as they
are now; with `deployed` the engine previews the stacks of real clusters against their states instead.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

import yaml

from ops.config.commits import Commit, unpacked
from ops.config.footprint import Row, from_json, of_config
from ops.config.render import manifests
from ops.config.stacks import StackFile
from ops.config.validate import Verdict, checked, verdicts
from ops.engine.stack import Stack
from ops.errors import OpsError
from ops.prepare import setup
from ops.release.record import secrets_of
from ops.review import rendered, risk
from ops.review.command import Notes, judged
from ops.review.plan import Step
from ops.review.pr_markdown import StackReport
from ops.review.risk import Effect


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
        gone = [] if only else [name for name in then.stacks if f"Pulumi.{name}.yaml" not in kept]
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
    before: Sequence[Row] = ()
    try:
        if by_engine:
            effects, notes = _previewed(file)
        else:
            effects = risk.judge(_rendered(stack, file.path, then))
    except OpsError as error:
        trouble = str(error)
    try:
        before = (
            from_json(then.output("footprint", "--stack", stack, "--json"))
            if then.has(stack)
            else ()
        )
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
        after=tuple(of_config(config)),
    )


def _rendered(stack: str, path: Path, then: Commit) -> Sequence[Step]:
    now = checked(path)
    old = then.output("render", "--stack", stack) if then.has(stack) else ""
    before = [item for item in yaml.safe_load_all(old) if item]
    return rendered.steps(before, manifests(now.config, now.source))


def _previewed(file: StackFile) -> tuple[list[Effect], Notes]:
    chosen = setup.choose()
    return judged(Stack(file, chosen.backend, chosen.env), quiet=True)
