"""Checks a stack's values against the models: every mistake at once, with neither engine nor passphrase."""

import copy
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from . import config_secrets
from .config_base import BrokenRulesError
from .config_errors import KeyPath, Mistake, explain
from .config_models import PLACEHOLDER_DIGEST, StackConfig
from .config_secrets import SECRET_KEYS, Secret
from .stack_file import StackFile

PROJECT = "taskflow"


@dataclass(frozen=True, kw_only=True)
class CheckedFile:
    """A sound stack file.

    Attributes:
        missing: what the stack lacks for a preview or an `up`, in words: secrets, which nobody has to commit, and
            the digests of a release to come.
    """

    config: StackConfig
    source: StackFile
    missing: tuple[str, ...]


def check_file(path: Path) -> CheckedFile:
    """Check a stack file without the engine, and without the passphrase of its secrets.

    Raises:
        ConfigError: with every mistake found, in the words that `load` has for them.
    """
    stack = path.name.removeprefix("Pulumi.").removesuffix(".yaml")
    source = StackFile.of_stack(stack, PROJECT, path.parent)
    values = {key: value for key, value in source.values.items() if key not in SECRET_KEYS}
    config, mistakes, missing = _examined(values, config_secrets.secrets_in(source), source, ())
    if mistakes or source.oddities or not config:
        raise source.error([*mistakes, *missing])
    return CheckedFile(config=config, source=source, missing=tuple(map(source.message, missing)))


def parse(
    values: Mapping[str, Any],
    *,
    secrets: Mapping[str, Secret],
    source: StackFile,
    encrypted: Iterable[str] = (),
) -> StackConfig:
    """Check a stack's plain values, and that the secrets it needs are there and sound.

    Args:
        values: the keys of the stack file without their namespace; secret values are not among them.
        secrets: those of `SECRET_KEYS` that the stack has.
        source: the file the values came from, for the errors.
        encrypted: keys of `values` that hold encrypted text.

    Raises:
        ConfigError: with every mistake found, each with its place and what to do.
    """
    config, mistakes, missing = _examined(values, secrets, source, encrypted)
    if mistakes or missing or source.oddities or not config:
        raise source.error([*mistakes, *missing])
    return config


def _examined(
    values: Mapping[str, Any],
    secrets: Mapping[str, Secret],
    source: StackFile,
    encrypted: Iterable[str],
) -> tuple[StackConfig | None, list[Mistake], list[Mistake]]:
    """The configuration as far as it can be read, its mistakes, and what an `up` would still miss."""
    misplaced = list(config_secrets.misplaced(source, encrypted))
    config, mistakes, unsure = _validated(values, misplaced)
    mistakes += [
        mistake
        for mistake in config_secrets.mistakes_in(secrets, config, source)
        if not mistake.rests_on(unsure)
    ]
    missing: list[Mistake] = []
    if config:
        missing = [*_placeholders(config, source), *config_secrets.missing(secrets, config, source)]
    return config, mistakes, [mistake for mistake in missing if not mistake.rests_on(unsure)]


def _placeholders(config: StackConfig, source: StackFile) -> Iterable[Mistake]:
    """Images whose digest is still to come."""
    for component, image in (
        ("backend", config.images.backend),
        ("frontend", config.images.frontend),
    ):
        if image.ref and image.ref.endswith(PLACEHOLDER_DIGEST):
            path = ("images", component, "ref")
            repository = image.ref.removesuffix(PLACEHOLDER_DIGEST)
            yield Mistake.at(
                path,
                "its digest is a placeholder, so there is no such image; run: pulumi config set --stack "
                f"{source.stack} --path '{PROJECT}:{'.'.join(path)}' {repository}@sha256:<the pushed image's digest>",
            )


def _validated(
    values: Mapping[str, Any], known: list[Mistake]
) -> tuple[StackConfig | None, list[Mistake], list[KeyPath]]:
    """Validate again and again without what was found wrong, because a broken block hides the rules around it.

    Whatever rests on a key that was taken out is not reported: it would be a consequence, not a mistake.

    Args:
        known: mistakes found already.

    Returns:
        The configuration without its wrong keys (None if it cannot be had), all mistakes, and the keys taken out.
    """
    mistakes, unsure = list(known), [path for mistake in known for path in mistake.reads]
    rest = _without(values, unsure)
    while True:
        try:
            return StackConfig.model_validate(rest), mistakes, unsure
        except ValidationError as error:
            found = explain(error, StackConfig, rest, SECRET_KEYS)
            whole = _read_as_far_as_possible(error)
        mistakes += [mistake for mistake in found if not mistake.rests_on(unsure)]
        if whole:
            return whole, mistakes, unsure
        unsure += [path for mistake in found for path in mistake.reads]
        smaller = _without(rest, unsure)
        if (
            smaller == rest
        ):  # What is wrong is not written there: go on without the blocks around it.
            unsure += [mistake.path[:-1] for mistake in found]
            smaller = _without(rest, unsure)
            if smaller == rest:
                return None, mistakes, unsure
        rest = smaller


def _read_as_far_as_possible(error: ValidationError) -> StackConfig | None:
    """The whole configuration, where only its own rules are broken and no block."""
    for item in error.errors(include_url=False, include_input=False):
        broken = item.get("ctx", {}).get("error")
        if isinstance(broken, BrokenRulesError) and isinstance(broken.block, StackConfig):
            return broken.block
    return None


def _without(values: Mapping[str, Any], paths: Iterable[KeyPath]) -> dict[str, Any]:
    """A copy without the keys at `paths`, as far as they are there; what is wrong in a list takes the list with it."""
    result = copy.deepcopy(dict(values))
    for path in paths:
        block: Any = result
        for key, following in zip(path, (*path[1:], None), strict=True):
            inner = block.get(key) if isinstance(block, dict) else None
            if following is None or not isinstance(inner, dict):
                if isinstance(block, dict):
                    block.pop(key, None)
                break
            block = inner
    return result
