"""A `Pulumi.<stack>.yaml` as text: the values in it and the line of each, as the engine would read them."""

import difflib
import json
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from .config_errors import ConfigError, KeyPath, Mistake

# What the engine keeps in a stack file: https://www.pulumi.com/docs/iac/concepts/projects/stack-settings-file/
TOP_LEVEL_KEYS = ("config", "encryptedkey", "encryptionsalt", "environment", "secretsprovider")

# Where the stack file is, if not beside the program: the engine does not tell programs its --config-file, and errors
# have to name the lines of the right one.
FOLDER_VARIABLE = "TASKFLOW_STACK_FILE_FOLDER"


class _Loader(yaml.SafeLoader):
    """YAML 1.2's plain scalars, as the engine reads them: `on` and 2026-11-23 are texts."""


_Loader.yaml_implicit_resolvers = {
    letter: [
        (tag, pattern)
        for tag, pattern in resolvers
        if tag != "tag:yaml.org,2002:timestamp"
        and (tag != "tag:yaml.org,2002:bool" or letter in "tTfF")
    ]
    for letter, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


@dataclass(frozen=True, kw_only=True)
class StackFile:
    """The file a stack's values came from; it knows the line of each key.

    Attributes:
        values: the project's keys without their namespace.
        oddities: what is wrong with the file itself, by line, in words.
    """

    name: str
    stack: str
    project: str
    lines: Mapping[KeyPath, int]
    values: Mapping[str, Any]
    oddities: tuple[tuple[int, str], ...] = ()

    @classmethod
    def of_stack(cls, stack: str, project: str, directory: Path | None = None) -> "StackFile":
        """The file `Pulumi.<stack>.yaml` of a directory (default: the one that is named in the environment, or else
        where the engine runs the program).

        Raises:
            ConfigError: if it is not YAML.
        """
        folder = directory or Path(os.environ.get(FOLDER_VARIABLE) or Path.cwd())
        path = folder / f"Pulumi.{stack}.yaml"
        return cls.from_text(path.name, stack, project, path.read_text() if path.is_file() else "")

    @classmethod
    def from_text(cls, name: str, stack: str, project: str, text: str) -> "StackFile":
        """A stack file by its text.

        Raises:
            ConfigError: if it is not YAML.
        """
        loader = _Loader(text)
        try:
            root = loader.get_single_node()
            content = loader.construct_document(root) if root else {}
        except yaml.MarkedYAMLError as error:
            mark = error.problem_mark or error.context_mark
            line = f":{mark.line + 1}" if mark else ""
            raise ConfigError([f"{name}{line}: is not YAML: {error.problem}"]) from None
        finally:
            loader.dispose()
        config = content.get("config") if isinstance(content, dict) else None
        return cls(
            name=name,
            stack=stack,
            project=project,
            lines=dict(_key_lines(root, project)) if root else {},
            values={
                str(key).removeprefix(f"{project}:"): _as_handed_over(value)
                for key, value in (config if isinstance(config, dict) else {}).items()
                if _is_ours(str(key), project)
            },
            oddities=tuple(_oddities(root, project)) if root else (),
        )

    def error(self, mistakes: Iterable[Mistake]) -> ConfigError:
        """All mistakes as one error, in the order of the file."""
        found = [(self._line(mistake.path), self.message(mistake)) for mistake in mistakes]
        found += [(line, f"{self.name}:{line}: {text}") for line, text in self.oddities]
        return ConfigError(text for _, text in sorted(found, key=lambda entry: entry[0]))

    def message(self, mistake: Mistake) -> str:
        """One error line; where the key itself is absent, the line of the nearest block around it."""
        line = self._line(mistake.path)
        place = f"{self.name}:{line}" if line else self.name
        return f"{place}: {self.project}:{'.'.join(mistake.path)}: {mistake.text}"

    def how_to_set(self, key: str) -> str:
        """The command that sets a secret of this stack (it asks for the value, which so stays out of the history)."""
        return f"run: pulumi config set --secret --stack {self.stack} {self.project}:{key}"

    def _line(self, path: KeyPath) -> int:
        around = (path[:n] for n in range(len(path), 0, -1))
        return next((self.lines[keys] for keys in around if keys in self.lines), 0)


def decoded(value: str) -> Any:
    """The engine hands blocks, numbers and booleans over as JSON, texts as they are, and null as an empty text."""
    if not value:
        return None
    try:
        return json.loads(value)
    except json.JSONDecodeError:
        return value


def _as_handed_over(value: Any) -> Any:
    """A top-level value as the program would get it: the engine does not tell the text "2" from the number."""
    return decoded(value) if isinstance(value, str) else value


def _is_ours(key: str, project: str) -> bool:
    """A key without a namespace has the project's."""
    return key.startswith(f"{project}:") or ":" not in key


def _key_lines(root: yaml.Node, project: str) -> Iterable[tuple[KeyPath, int]]:
    """Every key path below `config:` whose first key is in the project's namespace, with its line (from 1)."""

    def walk(node: yaml.Node, path: KeyPath) -> Iterable[tuple[KeyPath, int]]:
        if isinstance(node, yaml.MappingNode):
            for key, value in node.value:
                yield (*path, str(key.value)), key.start_mark.line + 1
                yield from walk(value, (*path, str(key.value)))
        elif isinstance(node, yaml.SequenceNode):
            for index, value in enumerate(node.value):
                yield (*path, str(index)), value.start_mark.line + 1
                yield from walk(value, (*path, str(index)))

    for path, line in walk(root, ()):
        if len(path) > 1 and path[0] == "config" and _is_ours(path[1], project):
            yield (path[1].removeprefix(f"{project}:"), *path[2:]), line


def _oddities(root: yaml.Node, project: str) -> Iterable[tuple[int, str]]:
    """Keys that the engine would pass over in silence, and a file of the wrong shape."""
    if not isinstance(root, yaml.MappingNode):
        yield root.start_mark.line + 1, "expected a block with the key config"
        return
    for key, value in root.value:
        line = key.start_mark.line + 1
        if key.value not in TOP_LEVEL_KEYS:
            near = difflib.get_close_matches(str(key.value), TOP_LEVEL_KEYS, n=1)
            hint = near[0] if near else f"config, and {project}:{key.value} below it"
            yield line, f"{key.value}: unknown key; did you mean {hint}?"
        elif key.value == "config" and not isinstance(value, yaml.MappingNode):
            if value.value not in ("", "null", "~"):
                yield line, "config: expected a block of keys"
        elif key.value == "config":
            yield from _foreign_keys(value, project)


def _foreign_keys(config: yaml.MappingNode, project: str) -> Iterable[tuple[int, str]]:
    seen: set[str] = set()
    for key, _ in config.value:
        line, name = key.start_mark.line + 1, str(key.value)
        namespace, _, rest = name.rpartition(":")
        if name in seen:
            yield line, f"{name}: stands here a second time; one of the two would be lost"
        seen.add(name)
        if namespace != project and difflib.get_close_matches(namespace, [project], n=1):
            yield line, f"{name}: unknown namespace; did you mean {project}:{rest}?"
