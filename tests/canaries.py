"""Values that must never appear again, and the search for them in every form that a program may write."""

import gzip
import io
import json
import tarfile
from base64 import b64encode
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import IO
from urllib.parse import quote, quote_plus

GZIP = b"\x1f\x8b"
CHUNK = 16 * 2**20
# As Go writes JSON, which the engine and kubectl do.
GO_JSON = str.maketrans({"&": "\\u0026", "<": "\\u003c", ">": "\\u003e"})


def encodings(value: str) -> dict[bytes, str]:
    """The forms to look for, with their names; equal forms appear once."""
    data = value.encode()
    forms = {
        data: "plain",
        data.hex().encode(): "hexadecimal",
        data.hex().upper().encode(): "capital hexadecimal",
        quote(value, safe="").encode(): "URL",
        quote(value).encode(): "path of a URL",
        quote_plus(value).encode(): "form",
        json.dumps(value)[1:-1].encode(): "JSON",
        json.dumps(value)[1:-1].translate(GO_JSON).encode(): "JSON of Go",
    }
    for offset in range(3):
        fragment = _base64_inside(data, offset)
        forms[fragment] = f"base64 at {offset}"
        forms[fragment.translate(bytes.maketrans(b"+/", b"-_"))] = f"base64 for URLs at {offset}"
    return forms | {data: "plain"}


def _base64_inside(data: bytes, offset: int) -> bytes:
    """The characters that `data` alone decides where it begins `offset` bytes after a group of three."""
    encoded = b64encode(b"\0" * offset + data)
    return encoded[-(-8 * offset // 6) : 8 * (offset + len(data)) // 6]


@dataclass(frozen=True)
class Canaries:
    """Secret values by what they are."""

    values: Mapping[str, str]

    @cached_property
    def _forms(self) -> list[tuple[str, bytes]]:
        return [
            (f"{what} ({encoding})", form)
            for what, value in self.values.items()
            for form, encoding in encodings(value).items()
        ]

    def found_in(self, content: str | bytes | io.BufferedIOBase) -> list[str]:
        """The names and forms of the values that the content holds; never the values themselves."""
        if isinstance(content, str):
            content = content.encode()
        stream = io.BytesIO(content) if isinstance(content, bytes) else content
        overlap = max(len(form) for _, form in self._forms) - 1
        found: set[str] = set()
        tail = b""
        while chunk := stream.read(CHUNK):
            window = tail + chunk
            found |= {what for what, form in self._forms if form in window}
            tail = window[-overlap:]
        return sorted(found)


def files_of(image: IO[bytes]) -> Iterator[tuple[str, io.BufferedIOBase]]:
    """Name and content of each file that `docker save` writes: layers, as plain archives, and metadata."""
    with tarfile.open(fileobj=image, mode="r|") as archive:
        for member in archive:
            content = archive.extractfile(member)
            if isinstance(content, io.BufferedReader):
                packed = content.peek(2)[:2] == GZIP
                yield member.name, gzip.GzipFile(fileobj=content) if packed else content
