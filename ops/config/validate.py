"""`make validate`: every stack file of the checkout against the models, without the engine."""

import os
from dataclasses import dataclass
from pathlib import Path

from components.config.check import CheckedFile, check_file
from components.config.errors import ConfigError
from ops.engine import backend
from ops.errors import OpsError
from ops.paths import ROOT

INVALID = 2


@dataclass(frozen=True)
class Verdict:
    file: str
    errors: tuple[str, ...] = ()
    """The same mistakes as the engine reports them, a line each."""
    missing: tuple[str, ...] = ()
    """Secrets that `pulumi up` will ask for; a committed file need not hold them."""


def verdicts(root: Path = ROOT) -> list[Verdict]:
    return [verdict(path) for path in sorted(root.glob("Pulumi.*.yaml"))]


def verdict(path: Path) -> Verdict:
    try:
        return Verdict(path.name, missing=_check(path).missing)
    except ConfigError as error:
        return Verdict(path.name, errors=error.messages)


def checked(path: Path) -> CheckedFile:
    """A stack file for the commands that read its values.

    Raises:
        OpsError: with every mistake in it.
    """
    try:
        return _check(path)
    except ConfigError as error:
        raise OpsError(str(error), code=INVALID) from None


def deployable(path: Path) -> CheckedFile:
    """A stack file for the commands that deploy it, or show what that would do.

    Raises:
        OpsError: with every mistake in it, or with what it lacks before its first `up`.
    """
    found = checked(path)
    if found.missing:
        lines = "\n".join(found.missing)
        raise OpsError(f"{path.name} lacks what an update needs:\n{lines}", code=INVALID)
    return found


def _check(path: Path) -> CheckedFile:
    used = backend.find(os.environ, backend.home())
    return check_file(path, environments=used.has_environments)
