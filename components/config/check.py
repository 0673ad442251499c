"""Checks a stack's values against the models: every mistake at once, with neither engine nor passphrase."""

import copy
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, get_args

from pydantic import ValidationError

from .base import BrokenRulesError
from .errors import Mistake, explain, models_in
from .go_yaml import KeyPath
from .secrets import (
    NUL,
    OTHER_KEYS,
    SECRET_KEYS,
    Secret,
    misplaced,
    missing_secrets,
    mistakes_in,
    secret_keys_in,
    secrets_in,
)
from .stack import PLACEHOLDER_DIGEST, StackConfig
from .stack_file import PROJECT, StackFile, decoded, repeated_key, stack_name, text_of_value

_HALF_OF_A_PAIR = re.compile("[\ud800-\udfff]")  # Only JSON can have it.
# Keys that take texts alone, neither a block nor true or false, so that `namespace: 2026` is not a number.
_TEXTS = frozenset(
    str(field.alias)
    for field in StackConfig.model_fields.values()
    if not models_in(field.annotation)
    and bool not in (field.annotation, *get_args(field.annotation))
)


@dataclass(frozen=True, kw_only=True)
class CheckedFile:
    """A valid stack file.

    Attributes:
        missing: what the stack lacks for a preview or an `up`, in words: secrets, which need not be committed (an
            environment may give them), and the digests of a release to come.
    """

    config: StackConfig
    source: StackFile
    missing: tuple[str, ...]


def check_file(path: Path, *, environments: bool = True) -> CheckedFile:
    """Check a stack file without the engine, and without the passphrase of its secrets.

    Args:
        environments: whether the stack's backend has environments: only Pulumi Cloud does.

    Raises:
        ConfigError: with every mistake found, in the same words as `load`.
    """
    source = StackFile.of_stack(stack_name(path), PROJECT, path.parent)
    if source.environment and not environments:
        fault = (
            source.environment,
            "environment: only Pulumi Cloud has environments, and this stack's state is not there; drop the key, or "
            "run pulumi login",
        )
        source = replace(source, faults=(*source.faults, fault))
    config, mistakes, missing = _examined(source, source.texts, secrets_in(source))
    if source.environment:  # It may give the secrets; the update looks for them.
        missing = [mistake for mistake in missing if mistake.path[0] in OTHER_KEYS]
    if mistakes or source.faults or not config:
        raise source.error([*mistakes, *missing])
    return CheckedFile(config=config, source=source, missing=tuple(map(source.message, missing)))


def as_far_as_readable(source: StackFile) -> StackConfig:
    """The configuration without the keys that are wrong: for commands that look at what is deployed, or clean up."""
    config, _, _ = _examined(source, source.texts, secrets_in(source))
    return config or StackConfig.model_construct()


def parse_texts(
    texts: Mapping[str, str],
    *,
    secrets: Mapping[str, Secret],
    source: StackFile,
    encrypted: Iterable[str] = (),
) -> StackConfig:
    """Check a stack's values as the engine hands them over, and that the secrets it needs are there and valid.

    Args:
        texts: by the keys of the stack file without their namespace. Secrets among them are skipped.
        secrets: those that the stack has.
        source: the file the values came from, for the errors.
        encrypted: keys of `texts` that hold encrypted text.

    Raises:
        ConfigError: with every mistake found, each with its place and what to do.
    """
    config, mistakes, missing = _examined(source, texts, secrets, encrypted)
    if mistakes or missing or source.faults or not config:
        raise source.error([*mistakes, *missing])
    return config


def parse(
    values: Mapping[str, Any], *, secrets: Mapping[str, Secret], source: StackFile
) -> StackConfig:
    """`parse_texts`, for values as a program has them."""
    texts = {key: text_of_value(value) for key, value in values.items()}
    return parse_texts(texts, secrets=secrets, source=source)


def _examined(
    source: StackFile,
    texts: Mapping[str, str],
    secrets: Mapping[str, Secret],
    encrypted: Iterable[str] = (),
) -> tuple[StackConfig | None, list[Mistake], list[Mistake]]:
    """The configuration as far as it can be read, its mistakes, and what an `up` would still miss."""
    keys = secret_keys_in(texts)
    plain = {key: text for key, text in texts.items() if key not in keys}
    known = list(misplaced(source, encrypted, keys))
    for key, text in plain.items():
        repeated = repeated_key(text)
        if repeated:
            words = f"the key {repeated} is in this JSON twice; one of the two would be lost"
            known.append(Mistake.at(key, words))
    values = {key: text if key in _TEXTS and text else decoded(text) for key, text in plain.items()}
    known += _unusable_texts(values)
    config, mistakes, unsure = _validated(values, known)
    mistakes += [
        mistake for mistake in mistakes_in(secrets, config, source) if not mistake.rests_on(unsure)
    ]
    missing: list[Mistake] = []
    if config:
        missing = [*_placeholders(config, source), *missing_secrets(secrets, config, source)]
    return config, mistakes, [mistake for mistake in missing if not mistake.rests_on(unsure)]


def _unusable_texts(value: Any, path: KeyPath = ()) -> Iterable[Mistake]:
    """Texts that neither an environment variable nor an argument can hold."""
    if isinstance(value, str) and "\0" in value:
        yield Mistake.at(path, NUL)
    elif isinstance(value, str) and _HALF_OF_A_PAIR.search(value):
        yield Mistake.at(path, "has an escape from \\ud800 to \\udfff alone, which is no character")
    elif isinstance(value, (dict, list)):
        inner = value.items() if isinstance(value, dict) else enumerate(value)
        for key, item in inner:
            yield from _unusable_texts(item, (*path, str(key)))


def _placeholders(config: StackConfig, source: StackFile) -> Iterable[Mistake]:
    """Images whose digest is still to come."""
    for component, image in config.component_images.items():
        if image.ref and image.ref.endswith(PLACEHOLDER_DIGEST):
            path = ("images", component, "ref")
            repository = image.ref.removesuffix(PLACEHOLDER_DIGEST)
            yield Mistake.at(
                path,
                "its digest is a placeholder, so there is no such image; with the pushed image's in place of DIGEST, "
                f"run: pulumi config set --stack {source.stack} --path '{PROJECT}:{'.'.join(path)}' "
                f"{repository}@sha256:DIGEST",
            )


def _validated(
    values: Mapping[str, Any], known: list[Mistake]
) -> tuple[StackConfig | None, list[Mistake], list[KeyPath]]:
    """Validate repeatedly without what was found wrong, because a broken block hides the rules around it.

    What depends on a removed key is not reported: it would be a consequence, not a mistake.

    Args:
        known: mistakes found already.

    Returns:
        The configuration without its wrong keys (None if that is impossible), all mistakes, and the removed keys.
    """
    mistakes, unsure = list(known), [path for mistake in known for path in mistake.reads]
    rest = _without(values, unsure)
    while True:
        try:
            return StackConfig.model_validate(rest, by_alias=True, by_name=False), mistakes, unsure
        except ValidationError as error:
            found = explain(error, StackConfig, rest, SECRET_KEYS)
            whole = _read_as_far_as_possible(error)
        mistakes += [mistake for mistake in found if not mistake.rests_on(unsure)]
        if whole:
            return whole, mistakes, unsure
        unsure += [path for mistake in found for path in mistake.reads]
        smaller = _without(rest, unsure)
        if smaller == rest:
            # The wrong keys are not in the file: continue without the blocks around them.
            unsure += [mistake.path[:-1] for mistake in found]
            smaller = _without(rest, unsure)
            if smaller == rest:
                return None, mistakes, unsure
        rest = smaller


def _read_as_far_as_possible(error: ValidationError) -> StackConfig | None:
    """The whole configuration, if only its own rules are broken and no block."""
    for item in error.errors(include_url=False, include_input=False):
        broken = item.get("ctx", {}).get("error")
        if isinstance(broken, BrokenRulesError) and isinstance(broken.block, StackConfig):
            return broken.block
    return None


def _without(values: Mapping[str, Any], paths: Iterable[KeyPath]) -> dict[str, Any]:
    """A copy without the keys at `paths`, if present; a wrong item removes its whole list."""
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
