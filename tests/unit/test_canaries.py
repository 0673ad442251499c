"""The search for leaked secrets finds what was planted, in every form, wherever it begins."""

import gzip
import io
import json
import tarfile
from base64 import b64encode, urlsafe_b64encode
from collections.abc import Callable
from urllib.parse import quote, quote_plus

import pytest

from tests import canaries
from tests.canaries import Canaries, encodings, files_of

VALUE = 'c4nary/7f+&<d>e?"9 \xff~'
HIDDEN = Canaries({"the key": VALUE})


def of_go(value: str) -> bytes:
    text = json.dumps(value)
    for character in "&<>":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return text.encode()


def in_base64(offset: int, encode: Callable[[bytes], bytes]) -> Callable[[str], bytes]:
    return lambda value: encode(b"x" * (3 + offset) + value.encode() + b"...")


FORMS: dict[str, Callable[[str], bytes]] = {
    "plain": str.encode,
    "hexadecimal": lambda value: value.encode().hex().encode(),
    "capital hexadecimal": lambda value: value.encode().hex().upper().encode(),
    "URL": lambda value: quote(value, safe="").encode(),
    "path of a URL": lambda value: quote(value).encode(),
    "form": lambda value: quote_plus(value).encode(),
    "JSON": lambda value: json.dumps({"key": value}).encode(),
    "JSON of Go": of_go,
    **{f"base64 at {offset}": in_base64(offset, b64encode) for offset in range(3)},
    **{f"base64 for URLs at {offset}": in_base64(offset, urlsafe_b64encode) for offset in range(3)},
}


@pytest.mark.parametrize("form", FORMS)
def test_a_planted_value_is_found_in_each_form(form: str) -> None:
    content = b"before " + FORMS[form](VALUE) + b" after"
    assert f"the key ({form})" in HIDDEN.found_in(content)


def test_the_test_plants_every_form_that_is_searched() -> None:
    assert set(encodings(VALUE).values()) == set(FORMS)


def test_nothing_is_found_where_nothing_was_planted() -> None:
    assert HIDDEN.found_in(b"c4nary/7f " * 1000) == []


def test_a_finding_does_not_repeat_the_value() -> None:
    assert VALUE not in str(HIDDEN.found_in(VALUE))


def test_a_value_across_the_border_of_two_reads_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(canaries, "CHUNK", 16)
    for before in range(40):
        content = io.BytesIO(b"." * before + VALUE.encode() + b"." * 40)
        assert HIDDEN.found_in(content) != [], before


@pytest.mark.parametrize("packed", [False, True], ids=["plain layer", "compressed layer"])
def test_a_file_in_a_layer_of_an_image_is_searched(packed: bool) -> None:
    def archive(name: str, content: bytes) -> bytes:
        buffer = io.BytesIO()
        with tarfile.open(fileobj=buffer, mode="w") as writer:
            member = tarfile.TarInfo(name)
            member.size = len(content)
            writer.addfile(member, io.BytesIO(content))
        return buffer.getvalue()

    layer = archive("app/settings.py", b"key = '" + VALUE.encode() + b"'")
    image = io.BytesIO(archive("blobs/sha256/1", gzip.compress(layer) if packed else layer))
    assert [(name, HIDDEN.found_in(content)) for name, content in files_of(image)] == [
        ("blobs/sha256/1", ["the key (plain)"])
    ]
