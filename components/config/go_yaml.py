"""YAML as the engine reads it: by gopkg.in/yaml.v3, whose rules are not PyYAML's.

The events come from libyaml, which yaml.v3 is a translation of; their meaning is decided here, as in
https://github.com/go-yaml/yaml/blob/v3.0.1/resolve.go and decode.go.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, NamedTuple

import yaml

KeyPath = tuple[str, ...]
# libyaml itself where PyYAML was built with it (its wheels are), else PyYAML's own translation.
Loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)

MAX_DEPTH = 100
# yaml.v3 refuses a document that grows more than a hundredfold by its aliases.
EXPANSION, SMALL = 100, 1_000

_WORDS: dict[str, Any] = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL")),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
}
_NO_JSON = re.compile(r"([-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN))\Z")
_DATE = re.compile(
    r"\d{4}-\d{1,2}-\d{1,2}(([Tt]| +)\d{1,2}:\d{1,2}:\d{1,2}([.,]\d+)?(Z|[-+]\d\d:\d\d)?)?\Z",
    re.ASCII,
)
_INTEGER = re.compile(
    r"([-+]?)(?:0[xX]([0-9a-fA-F]+)|0[bB]([01]+)|0[oO]?([0-7]+)|(0|[1-9][0-9]{0,19}))\Z"
)
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?\Z")
# libyaml takes these (and a ? in a text between brackets), yaml.v3 does not.
_ESCAPED_SLASH = re.compile(r"(?<!\\)(\\\\)*\\/")
_LATE_BYTE_ORDER_MARK = re.compile(r"(?<=[\r\n])\ufeff")
# The engine writes what it has read as YAML and reads that again; yaml.v3 then loses such a start, or refuses it.
_LOST_AT_START = ("\n", "\t", "\u2028", "\u2029")
_BARE_FRACTION = re.compile(r"\.[0-9]+(_[0-9]+)*([eE][-+]?[0-9]+)?\Z")


class YamlError(Exception):
    """The text is not YAML, or not YAML that the engine accepts."""

    def __init__(self, line: int, text: str) -> None:
        self.line = line
        self.text = text
        super().__init__(f"{line}: {text}")


class Fault(NamedTuple):
    """Something to refuse in a document that could be read."""

    line: int
    path: KeyPath
    text: str


@dataclass(frozen=True)
class Node:
    """A value with its place. Blocks are dicts of `Entry`, lists are lists of nodes, the rest is a plain value."""

    line: int
    value: Any
    size: int = 1
    """Nodes in it, with each alias counted as its value."""

    def plain(self, *, inside: bool = False) -> Any:
        """The value as the engine's JSON holds it: inside a block or list, an integer from 2**63 on is a float."""
        if isinstance(self.value, dict):
            return {key: entry.node.plain(inside=True) for key, entry in self.value.items()}
        if isinstance(self.value, list):
            return [node.plain(inside=True) for node in self.value]
        if inside and isinstance(self.value, int) and self.value >= 2**63:
            return _number(str(self.value), "")
        return self.value

    def below(self, path: KeyPath = ()) -> Iterator[tuple[KeyPath, int, "Node"]]:
        """Everything in it: its path, its line (a key's own where it has one), and the value."""
        if isinstance(self.value, dict):
            inner = [(key, entry.line, entry.node) for key, entry in self.value.items()]
        elif isinstance(self.value, list):
            inner = [(str(index), node.line, node) for index, node in enumerate(self.value)]
        else:
            return
        for key, line, node in inner:
            yield (*path, key), line, node
            yield from node.below((*path, key))


class Entry(NamedTuple):
    """A key's line, and its value."""

    line: int
    node: Node


def read(text: str) -> tuple[Node | None, list[Fault]]:
    """The document (None if it is empty) and what to refuse in it.

    Raises:
        YamlError: if it cannot be read at all.
    """
    if late := _LATE_BYTE_ORDER_MARK.search(text):
        line = text.count("\n", 0, late.start()) + 1
        raise YamlError(line, "is not YAML: the line starts with a byte order mark; delete it")
    composer = _Composer(text)
    try:
        return composer.document(), composer.faults
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        problem = error.problem or error.context or "it cannot be read"
        # If the text ends too early, libyaml names the line after it.
        last = text.rstrip("\n").count("\n") + 1
        line = min(mark.line + 1, last) if mark else 1
        raise YamlError(line, f"is not YAML: {problem}") from None
    except yaml.reader.ReaderError as error:
        line = text.encode()[: error.position].count(b"\n") + 1
        raise YamlError(line, f"is not YAML: {error.reason}") from None


def scalar(text: str) -> Any:
    """The value of a plain text. A date stays a text: `is_date` finds it."""
    if text in _WORDS:
        return _WORDS[text]
    if text.startswith("."):
        return _number(text.replace("_", ""), text) if _BARE_FRACTION.match(text) else text
    if not text.startswith(("+", "-", *"0123456789")) or is_date(text):
        return text
    plain = text.replace("_", "")
    whole = _INTEGER.match(plain)
    if whole:
        sign, *digits = whole.groups()
        base, found = next(
            (base, found) for base, found in zip((16, 2, 8, 10), digits, strict=True) if found
        )
        value = int(found, base) * (-1 if sign == "-" else 1)
        if -(2**63) <= value < (2**63 if sign else 2**64):
            return value
    return _number(plain, text) if _FLOAT.match(plain) else text


def is_date(text: str) -> bool:
    """Whether yaml.v3 takes a plain text for a point in time."""
    return bool(_DATE.match(text))


def _number(plain: str, text: str) -> Any:
    """As the engine's JSON has it: a whole number has no fraction. Beyond the range it is a text."""
    value = float(plain)
    if value in (float("inf"), float("-inf")):
        return text
    if value.is_integer() and abs(value) < 1e21:  # There Go's JSON turns to exponents.
        return int(Decimal(repr(value)))
    return value


class _Composer:
    """Nodes from events."""

    def __init__(self, text: str) -> None:
        self.faults: list[Fault] = []
        self._text = text
        self._brackets = 0
        self._events: Iterator[Any] = yaml.parse(text, Loader=Loader)
        self._anchors: dict[str | None, Node | None] = {}
        self._own = 0

    def document(self) -> Node | None:
        next(self._events)
        start = next(self._events)
        if isinstance(start, yaml.StreamEndEvent):
            return None
        if start.version or start.tags:
            raise YamlError(1, "a YAML directive (%) is not allowed in a stack file; leave it out")
        root = self._node(next(self._events), ())
        next(self._events)
        after = next(self._events)
        if not isinstance(after, yaml.StreamEndEvent):
            line = after.start_mark.line + 1
            raise YamlError(line, "a second document starts here; the engine reads the first alone")
        if root.size > max(SMALL, EXPANSION * self._own):
            raise YamlError(root.line, "its aliases make it too large")
        return root

    def _node(self, event: Any, path: KeyPath) -> Node:
        line = event.start_mark.line + 1
        self._own += 1
        if len(path) > MAX_DEPTH:
            raise YamlError(line, f"has more than {MAX_DEPTH} blocks in each other")
        if isinstance(event, yaml.AliasEvent):
            return self._aliased(event.anchor, line)
        if event.anchor:
            self._anchors[event.anchor] = None
        if isinstance(event, yaml.ScalarEvent):
            node = Node(line, self._scalar(event, line, path))
        else:
            is_list = isinstance(event, yaml.SequenceStartEvent)
            self._refuse_tag(event, ("seq",) if is_list else ("map",), line, path)
            self._brackets += bool(event.flow_style)
            node = self._list(line, path) if is_list else self._block(line, path)
            self._brackets -= bool(event.flow_style)
        if event.anchor:
            self._anchors[event.anchor] = node
        return node

    def _aliased(self, anchor: str | None, line: int) -> Node:
        if anchor not in self._anchors:
            # Nor a tag's name is shown: it may be a password without quotes.
            text = "a text that starts with * needs quotes; without them it is an alias, and no anchor has its name"
            raise YamlError(line, f"is not YAML: {text}")
        node = self._anchors[anchor]
        if node is None:
            raise YamlError(line, f"is not YAML: the value of *{anchor} contains itself")
        return node

    def _scalar(self, event: Any, line: int, path: KeyPath) -> Any:
        text: str = event.value
        self._refuse_tag(event, ("str",), line, path)
        written = self._text[event.start_mark.index : event.end_mark.index]
        if event.style == '"' and _ESCAPED_SLASH.search(written):
            self._fault(line, path, r"has the escape \/, which the engine does not know; write /")
        if not event.style and self._brackets and "?" in text:
            self._fault(
                line,
                path,
                "has a ? between brackets, where the engine ends a text; put it in quotes",
            )
        if "\n" in text and text.startswith(_LOST_AT_START):
            self._fault(
                line,
                path,
                "has several lines and starts with an empty one or a tab, which the engine loses or cannot read; start "
                "with other text",
            )
        if event.style or event.tag:
            return text
        if is_date(text):
            self._fault(line, path, f"{text} is a date to the engine; put it in quotes")
        elif _NO_JSON.match(text):
            self._fault(line, path, f"{text} is not a number that the engine can pass on")
        return scalar(text)

    def _list(self, line: int, path: KeyPath) -> Node:
        items: list[Node] = []
        while not isinstance(event := next(self._events), yaml.SequenceEndEvent):
            items.append(self._node(event, (*path, str(len(items)))))
        return Node(line, items, 1 + sum(item.size for item in items))

    def _block(self, line: int, path: KeyPath) -> Node:
        entries: dict[str, Entry] = {}
        merged: list[Node] = []
        first: dict[str, int] = {}
        while not isinstance(event := next(self._events), yaml.MappingEndEvent):
            key_line = event.start_mark.line + 1
            merges = isinstance(event, yaml.ScalarEvent) and event.value == "<<" and not event.style
            key = "<<" if merges else self._key(event, key_line, path)
            if key == "<<" and not merges:
                self._fault(
                    key_line,
                    (*path, key),
                    "is a merge to the engine even in quotes; rename the key",
                )
            node = self._node(next(self._events), (*path, key))
            if key in first:
                text = f"is given a second time, first in line {first[key]}; one of the two would be lost"
                self._fault(key_line, (*path, key), text)
                continue
            first[key] = key_line
            if merges:
                merged = node.value if isinstance(node.value, list) else [node]
            else:
                entries[key] = Entry(key_line, node)
        for source in merged:
            if not isinstance(source.value, dict):
                raise YamlError(first["<<"], "is not YAML: << needs a block, or a list of blocks")
            entries = {**source.value, **entries}
        return Node(line, entries, 1 + sum(entry.node.size for entry in entries.values()))

    def _key(self, event: Any, line: int, path: KeyPath) -> str:
        key = str(getattr(event, "value", ""))
        node = self._node(event, (*path, key))
        if isinstance(node.value, (dict, list)):
            raise YamlError(line, "is not YAML for the engine: a block cannot be a key")
        if isinstance(node.value, str):
            return node.value
        key = key or str(node.value)
        self._fault(line, (*path, key), "is a key that is not a text; put it in quotes")
        return key

    def _refuse_tag(self, event: Any, known: tuple[str, ...], line: int, path: KeyPath) -> None:
        if event.tag and event.tag.removeprefix("tag:yaml.org,2002:") not in known:
            text = "has a tag (it starts with !); write the value without it, and a text with ! in quotes"
            self._fault(line, path, text)

    def _fault(self, line: int, path: KeyPath, text: str) -> None:
        self.faults.append(Fault(line, path, text))
