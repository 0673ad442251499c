"""The Markdown of a pull request's report. Whatever comes from the change itself is escaped."""

import html
import re
from collections.abc import Iterable, Sequence
from dataclasses import astuple, dataclass, field

from ops.config.footprint import UNITS, Amount, Row, compared
from ops.review import risk
from ops.review.command import Notes, worst_first
from ops.review.risk import Effect, Risk

PLACE = re.compile(r"^(?P<file>[\w.-]+\.yaml)(?::(?P<line>\d+))?: (?P<text>.*)$", re.DOTALL)


@dataclass(frozen=True)
class StackReport:
    """What the report says of one stack.

    Attributes:
        errors: the mistakes of its stack file, `file:line: text`; with any, there is nothing else to say.
        trouble: why the steps are unknown, in words; else empty.
        basis: what the steps start from.
        notes: what the cluster says beside the steps, if it was asked.
        secrets_changed: an encrypted value changed; rendered objects do not show that.
        gone: its stack file is deleted; there is nothing else to say.
    """

    stack: str
    errors: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()
    trouble: str = ""
    basis: str = ""
    effects: tuple[Effect, ...] = ()
    notes: Notes = field(default_factory=Notes)
    before: tuple[Row, ...] = ()
    after: tuple[Row, ...] = ()
    secrets_changed: bool = False
    gone: bool = False

    @property
    def outcome(self) -> str:
        if self.errors:
            return "configuration errors"
        if self.trouble:
            return "unknown"
        if self.gone:
            return "stack file deleted"
        worst = [risk.highest(self.effects)] if self.effects else []
        worst += [Risk.ROLLING] if self.secrets_changed else []
        return str(max(worst)) if worst else "no change"


def document(sections: Sequence[StackReport], against: str) -> str:
    """The whole report: the outcomes at a glance, then a section for each stack."""
    lines = ["## What this change does", ""]
    lines += _table(
        ("stack", "worst step", "changes"),
        [(_cell(one.stack), _emphasis(one), str(len(one.effects))) for one in sections],
    )
    for section in sections:
        lines += ["", f"### {_cell(section.stack)}: {section.outcome}", ""]
        lines += _body(section)
    return "\n".join([*lines, "", f"Compared with `{_code(against)}`.", ""])


def annotation(error: str) -> str:
    """A mistake in GitHub's syntax, so that it appears beside the line.

    https://docs.github.com/en/actions/reference/workflows-and-actions/workflow-commands
    """
    found = PLACE.match(error)
    text = found["text"] if found else error
    place = f" file={_property(found['file'])},line={found['line'] or 1}" if found else ""
    return f"::error{place}::{_data(text)}"


def _body(section: StackReport) -> Iterable[str]:
    if section.errors:
        yield from (f"- {_cell(error)}" for error in section.errors)
        return
    if section.gone:
        yield "What it deployed stays where it is; `make down` needs the deleted file."
        return
    if section.trouble:
        yield f"> {_cell(section.trouble)}"
    else:
        yield from _steps(section)
    yield from _notes(section.notes)
    yield from ("", *_footprint(section.before, section.after))
    if section.missing:
        yield from ("", "Before its first `up`:", "")
        yield from (f"- {_cell(line)}" for line in section.missing)


def _steps(section: StackReport) -> Iterable[str]:
    if section.secrets_changed:
        yield from ("Encrypted values change: the pods that read them are replaced one by one.", "")
    if not section.effects:
        yield f"No object changes ({section.basis})."
        return
    yield f"Steps, {section.basis}:"
    ordered = worst_first(section.effects)
    risky = [effect for effect in ordered if effect.risk > Risk.NONE]
    harmless = ordered[len(risky) :]
    if risky:
        yield from ("", *_steps_table(risky))
    if harmless:
        summary = f"<summary>without risk: {len(harmless)}</summary>"
        yield from ("", f"<details>{summary}", "", *_steps_table(harmless), "", "</details>")
    if any(effect.risk is Risk.LOSS for effect in section.effects):
        yield from (
            "",
            "**Data would be lost.** The deployment stops at this unless it is run by hand with "
            "`CONFIRM=data-loss`.",
        )


def _notes(notes: Notes) -> Iterable[str]:
    for warning in notes.warnings:
        yield from ("", f"> warning: {_cell(warning)}")
    if notes.cluster:
        text = "Steps that the cluster would refuse are not marked."
        yield from ("", f"> {_cell(notes.cluster)}. {text}")


def _steps_table(effects: Iterable[Effect]) -> Iterable[str]:
    rows = [
        (
            f"**{effect.risk}**" if effect.risk >= Risk.LOSS else str(effect.risk),
            effect.step.action,
            _cell(effect.step.title),
            _cell(effect.reason),
        )
        for effect in effects
    ]
    return _table(("risk", "step", "object", "why"), rows)


def _footprint(before: Sequence[Row], after: Sequence[Row]) -> Iterable[str]:
    """Only what changes; requests are what the scheduler counts."""
    rows = list(compared(after, before))
    changed = {name for name, _, was, is_now in rows if was != is_now}
    if not changed:
        yield "Footprint: unchanged."
        return
    yield from ("Footprint:", "")
    yield from _table(
        ("", *UNITS),
        [
            (f"{name}, {when}", *_amounts(was, is_now))
            for name, when, was, is_now in rows
            if name in changed
        ],
    )


def _amounts(before: Amount, after: Amount) -> Iterable[str]:
    for unit, was, is_now in zip(UNITS.values(), astuple(before), astuple(after), strict=True):
        yield f"{was}{unit} → {is_now}{unit}" if was != is_now else f"{is_now}{unit}"


def _emphasis(section: StackReport) -> str:
    plain = section.outcome in ("no change", str(Risk.NONE), str(Risk.ROLLING))
    return section.outcome if plain else f"**{section.outcome}**"


def _table(headings: Sequence[str], rows: Iterable[Sequence[str]]) -> Iterable[str]:
    yield f"| {' | '.join(headings)} |"
    yield f"|{' --- |' * len(headings)}"
    yield from (f"| {' | '.join(row)} |" for row in rows)


def _cell(text: str) -> str:
    """Text from elsewhere: neither Markdown, nor HTML, nor the end of a cell, nor a mention of somebody."""
    line = " ".join(html.escape(text, quote=False).split())
    return re.sub(r"([\\`*_\[\]|#~])", r"\\\1", line).replace("@", "&#64;")


def _code(text: str) -> str:
    return " ".join(text.replace("`", "").split())


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")
