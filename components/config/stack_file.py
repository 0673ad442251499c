"""A `Pulumi.<stack>.yaml`: what the engine hands over from it, and the line of each key.

The engine hands a text for each key to the program, and so does this module: blocks, numbers and booleans as JSON,
texts as they are, nothing as an empty text.
https://github.com/pulumi/pulumi/blob/v3.276.0/sdk/go/common/workspace/loaders.go, and resource/config beside it.
"""

import codecs
import contextlib
import difflib
import json
import os
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from decimal import Decimal
from pathlib import Path
from typing import Any, NamedTuple

import yaml

from .errors import ConfigError, Mistake
from .go_yaml import Entry, KeyPath, Node, YamlError, read

PROJECT = "taskflow"
# https://github.com/pulumi/pulumi/blob/v3.276.0/sdk/go/common/tokens/stack_name.go
STACK_NAME = re.compile(r"[a-zA-Z0-9_.-]{1,100}")

# The engine's own keys of a stack file: https://www.pulumi.com/docs/iac/concepts/projects/stack-settings-file/
ENCRYPTION_KEYS = ("encryptionsalt", "encryptedkey", "secretsprovider")
TOP_LEVEL_KEYS = ("config", "environment", *ENCRYPTION_KEYS)

PROJECT_FILE = "Pulumi.yaml"
_OF_A_DEFAULT = {"default", "value", "description"}

# Where the stack file is, if not beside the program: the engine does not pass its --config-file to programs, and errors
# must name the lines of the right one.
FOLDER_VARIABLE = "TASKFLOW_STACK_FILE_FOLDER"


@dataclass(frozen=True, kw_only=True)
class StackFile:
    """The file a stack's values came from; it knows the line of each key.

    Attributes:
        texts: what the engine hands over for each of the project's keys, without their namespace; encrypted values
            as they are in the file.
        encrypted: where encrypted values are.
        settings: the file's keys beside `config`, where the engine records how the stack is encrypted.
        environment: the line of the environments of Pulumi Cloud that it names; 0 if it names none.
        defaults: the lines in the project file of what only that gives.
        faults: what is wrong with the file itself, by line, in words.
    """

    name: str
    stack: str
    project: str
    lines: Mapping[KeyPath, int] = field(default_factory=dict)
    texts: Mapping[str, str] = field(default_factory=dict)
    encrypted: frozenset[KeyPath] = frozenset()
    settings: Mapping[str, Any] = field(default_factory=dict)
    environment: int = 0
    defaults: Mapping[KeyPath, int] = field(default_factory=dict)
    faults: tuple[tuple[int, str], ...] = ()

    @classmethod
    def of_stack(
        cls, stack: str, project: str, directory: Path | None = None, *, bare: str | None = None
    ) -> "StackFile":
        """The stack's file in a directory (default: the one that is named in the environment, or else where the engine
        runs the program), with the defaults of the project file beside it.

        Args:
            bare: the project whose keys need no namespace, if it is another one.

        Raises:
            ConfigError: if it cannot be read, is not YAML, or has a name that the engine refuses.
        """
        path = (directory or Path(os.environ.get(FOLDER_VARIABLE) or Path.cwd())) / file_name(stack)
        if not STACK_NAME.fullmatch(short_name(stack)):
            words = "a stack's name has at most 100 letters (a-z), digits, dashes, dots and _"
            raise ConfigError([f"{path.name}: {words}; rename the file"])
        text = text_of(path) if os.path.lexists(path) else ""
        found = cls.from_text(path.name, stack, project, text, bare=bare)
        keys = _project_defaults(path.with_name(PROJECT_FILE), project, bare or project)
        defaults = [key for key in keys if key.name not in found.texts]
        nodes = [entry for key in defaults for entry in key.nodes()]
        return replace(
            found,
            texts={**{key.name: key.text for key in defaults}, **found.texts},
            encrypted=found.encrypted | {path for path, _, node in nodes if _is_encrypted(node)},
            defaults={path: line for path, line, _ in nodes},
        )

    @classmethod
    def from_text(
        cls, name: str, stack: str, project: str, text: str, *, bare: str | None = None
    ) -> "StackFile":
        """A stack file by its text.

        Raises:
            ConfigError: if it is not YAML.
        """
        try:
            root, found = read(text)
        except YamlError as error:
            raise ConfigError([f"{name}:{error.line}: {error.text}"]) from None
        empty = cls(name=name, stack=stack, project=project)
        if root is None or root.value is None:
            return empty
        if not isinstance(root.value, dict):
            return replace(empty, faults=((root.line, "expected a block with the key config"),))
        ours, wrong = _keys_of(root.value.get("config"), project, bare or project)
        faults = [*_unknown_settings(root, project), *wrong]
        for fault in found:
            section, written, *rest = (*fault.path, "", "")[: max(2, len(fault.path))]
            key = ours.get(written) if section == "config" else None
            place = [f"{project}:{key.name}" if key else written or section, *map(_named, rest)]
            faults.append((fault.line, f"{'.'.join(filter(None, place))}: {fault.text}"))
        nodes = [entry for key in ours.values() for entry in key.nodes()]
        named = root.value.get("environment")
        return replace(
            empty,
            lines={path: line for path, line, _ in nodes},
            texts={key.name: key.text for key in ours.values()},
            encrypted=frozenset(path for path, _, node in nodes if _is_encrypted(node)),
            settings={
                key: entry.node.plain() for key, entry in root.value.items() if key != "config"
            },
            # The engine takes an empty list for none, but not an empty block.
            environment=named.line if named and named.node.value not in (None, []) else 0,
            faults=tuple(faults),
        )

    def error(self, mistakes: Iterable[Mistake] = ()) -> ConfigError:
        """All mistakes as one error, in the order of the file, then those of the project file."""
        found = [(self._place(mistake.path), self.message(mistake)) for mistake in mistakes]
        found += [((self.name, line), f"{self.name}:{line}: {text}") for line, text in self.faults]
        found.sort(key=lambda entry: (entry[0][0] != self.name, entry[0][1]))
        return ConfigError(text for _, text in found)

    def message(self, mistake: Mistake) -> str:
        """One error line; where the key itself is absent, the line of the nearest block around it."""
        name, line = self._place(mistake.path)
        place = f"{name}:{line}" if line else name
        return f"{place}: {self.project}:{'.'.join(map(_named, mistake.path))}: {mistake.text}"

    def how_to_set(self, key: str) -> str:
        """The command that sets a secret of this stack (it asks for the value, to keep it out of the history)."""
        return f"run: pulumi config set --secret --stack {self.stack} {self.project}:{key}"

    def _place(self, path: KeyPath) -> tuple[str, int]:
        """The file that gives a key, and the line there."""
        for name, lines in ((self.name, self.lines), (PROJECT_FILE, self.defaults)):
            for length in range(len(path), 0, -1):
                if path[:length] in lines:
                    return name, lines[path[:length]]
        return self.name, 0


def _named(key: str) -> str:
    """A key as an error shows it: in {TOKEN:value} and {TOKEN=value} the value belongs to it, for YAML."""
    return re.sub("(?s)[:=].*", "...", key)


def short_name(stack: str) -> str:
    """The last part of `organization/project/stack`, by which the engine names a stack's files."""
    return stack.rpartition("/")[2]


def file_name(stack: str) -> str:
    """The name of a stack's file."""
    return f"Pulumi.{short_name(stack)}.yaml"


def stack_name(path: Path) -> str:
    """The stack that a file belongs to."""
    return path.name.removeprefix("Pulumi.").removesuffix(".yaml")


def text_of(path: Path) -> str:
    """Read a stack file.

    Raises:
        ConfigError: if it cannot be read, or is not UTF-8.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise ConfigError([f"{path.name}: cannot be read: {error.strerror}"]) from None
    if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        raise ConfigError([f"{path.name}:1: is UTF-16; save it as UTF-8"])
    try:
        return data.removeprefix(codecs.BOM_UTF8).decode()
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise ConfigError(
            [
                f"{path.name}:{line}: is not UTF-8: byte 0x{data[error.start]:02x} at offset {error.start}; "
                "save it as UTF-8"
            ]
        ) from None


def decoded(text: str) -> Any:
    """The value of a text that the engine hands over. It does not distinguish the text "2" from the number."""
    if not text:
        return None
    try:
        return json.loads(text, parse_constant=_no_number)
    except (ValueError, RecursionError):
        return text


def as_yaml(values: Mapping[str, Any]) -> str:
    """Values as YAML that the engine reads alike: texts in quotes, as 1e6 and 0o17 are texts to PyYAML alone."""
    return yaml.dump(values, Dumper=_Quoted, sort_keys=False)


class _Quoted(yaml.SafeDumper):
    def ignore_aliases(self, data: Any) -> bool:
        return True


_Quoted.add_representer(
    str, lambda dumper, text: dumper.represent_scalar("tag:yaml.org,2002:str", text, style='"')
)


def repeated_key(text: str) -> str | None:
    """A key that occurs twice in one block of a JSON text."""
    repeated: list[str] = []

    def block(pairs: list[tuple[str, Any]]) -> None:
        keys = [key for key, _ in pairs]
        repeated.extend(key for key in keys if keys.count(key) > 1)

    with contextlib.suppress(ValueError, RecursionError):
        json.loads(text, object_pairs_hook=block)
    return repeated[0] if repeated else None


def _no_number(text: str) -> Any:
    raise ValueError(f"{text} is not a number in JSON")


def text_of_value(value: Any) -> str:
    """A value as the engine hands it over."""
    if value is None:
        return ""
    if isinstance(value, str):
        return value
    # Beyond these Go's JSON has exponents.
    if isinstance(value, float) and 1e-6 <= abs(value) < 1e21:
        return format(Decimal(repr(value)), "f")
    return json.dumps(value).replace("e-0", "e-") if isinstance(value, float) else json.dumps(value)


def _is_encrypted(node: Node) -> bool:
    """As the engine writes an encrypted value: a block with the one key `secure`, a text."""
    block = node.value
    return (
        isinstance(block, dict)
        and list(block) == ["secure"]
        and isinstance(block["secure"].node.value, str)
    )


class _Key(NamedTuple):
    """One of the project's keys, without its namespace."""

    name: str
    line: int
    node: Node

    @property
    def text(self) -> str:
        return text_of_value(self.node.plain())

    def nodes(self) -> Iterator[tuple[KeyPath, int, Node]]:
        """Its value and everything in it: the path, the line and the value."""
        yield (self.name,), self.line, self.node
        yield from self.node.below((self.name,))


def _project_defaults(file: Path, project: str, bare: str) -> list[_Key]:
    """What the engine hands over for keys that the stack file lacks.

    https://www.pulumi.com/docs/iac/concepts/config/#project-level-configuration

    Raises:
        ConfigError: for what the engine would refuse, and for what it would read otherwise.
    """
    try:
        root, found = read(text_of(file)) if file.is_file() else (None, [])
    except YamlError as error:
        raise ConfigError([f"{file.name}:{error.line}: {error.text}"]) from None
    faults = [(line, f"{'.'.join(path)}: {text}") for line, path, text in found]
    config = root.value.get("config") if root and isinstance(root.value, dict) else None
    ours, wrong = _keys_of(config, project, bare)
    keys = []
    for key in ours.values():
        block = key.node.value
        given = block if isinstance(block, dict) else {"default": key}
        values = [given[name] for name in ("default", "value") if name in given]
        if len(values) != 1 or values[0].node.value is None or given.keys() - _OF_A_DEFAULT:
            text = "expected a default, and beside it at most a description: the program checks types itself"
            wrong.append((key.line, f"{project}:{key.name}: {text}"))
        elif not key.name or re.search(r"[.\[]", key.name):
            text = "is a path to the engine; give the whole block as the default of its key"
            wrong.append((key.line, f"{project}:{key.name}: {text}"))
        else:
            keys.append(_Key(key.name, values[0].line, values[0].node))
    if faults or wrong:
        raise ConfigError(f"{file.name}:{line}: {text}" for line, text in sorted(faults + wrong))
    return keys


def _parts(written: str, bare: str) -> tuple[str, str]:
    """The namespace and the name of a key; `taskflow:config:release` is an old way to write `taskflow:release`."""
    namespace, _, name = (written if ":" in written else f"{bare}:{written}").partition(":")
    return namespace, name.removeprefix("config:")


def _keys_of(
    config: Entry | None, project: str, bare: str
) -> tuple[dict[str, _Key], list[tuple[int, str]]]:
    """The project's keys as they are written, and those that the engine would refuse or silently ignore."""
    if config is None or config.node.value is None:
        return {}, []
    if not isinstance(config.node.value, dict):
        return {}, [(config.line, "config: expected a block of keys")]
    ours: dict[str, _Key] = {}
    faults: list[tuple[int, str]] = []
    first: dict[str, tuple[str, int]] = {}
    for written, (line, node) in config.node.value.items():
        namespace, name = _parts(written, bare)
        if ":" in name:
            text = f"expected one colon, as in {project}:release, and a space before the value"
            faults.append((line, f"{namespace}:{_named(name)}: {text}"))
        elif namespace != project and difflib.get_close_matches(namespace, [project], n=1):
            faults.append((line, f"{written}: unknown namespace; did you mean {project}:{name}?"))
        elif (key := f"{namespace}:{name}") in first:
            other, above = first[key]
            text = f"{written}: is given a second time, first in line {above} as {other}"
            faults.append((line, f"{text}; one of the two would be lost"))
        else:
            first[key] = (written, line)
            if namespace == project:
                ours[written] = _Key(name, line, node)
    return ours, faults


def _unknown_settings(root: Node, project: str) -> Iterator[tuple[int, str]]:
    for key, (line, node) in root.value.items():
        if key in ENCRYPTION_KEYS and isinstance(node.value, (dict, list)):
            yield line, f"{key}: expected a text"
        if key not in TOP_LEVEL_KEYS:
            near = difflib.get_close_matches(key, TOP_LEVEL_KEYS, n=1)
            hint = near[0] if near else f"config, and {project}:{key} below it"
            yield line, f"{key}: unknown key; did you mean {hint}?"
