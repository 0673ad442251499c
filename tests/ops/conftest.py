"""What the tests of `ops` share: a cluster with prepared answers."""

import json
import tarfile
from pathlib import Path
from typing import Any

import pytest

from ops.kubectl import Kubectl
from ops.processes import Result


class Cluster:
    """Answers in place of kubectl: the tests check what `ops` asks and how it uses the answer."""

    def __init__(self) -> None:
        self.calls: list[str] = []
        self.asked: list[Kubectl] = []
        """Which context and namespace each call was for."""
        self._rules: list[tuple[str, Result]] = []

    def answer(self, words: str, answer: Any, *, code: int = 0) -> None:
        """Answer this (JSON unless it is a text) to a call with all these words; the latest rule wins."""
        text = answer if isinstance(answer, str) else json.dumps(answer)
        self._rules.insert(0, (words, Result(code, text)))

    def has(self, *objects: Any) -> None:
        """Answer every `get` with these objects."""
        self.answer("get", {"items": list(objects)})

    def run(self, kubectl: Kubectl, *arguments: str, **_: Any) -> Result:
        """Replaces `Kubectl.run` and `Kubectl.stream`."""
        self.asked.append(kubectl)
        self.calls.append(" ".join(arguments))
        for words, result in self._rules:
            if set(words.split()) <= set(arguments):
                return result
        raise AssertionError(f"no answer is prepared for: kubectl {' '.join(arguments)}")


@pytest.fixture
def cluster(monkeypatch: pytest.MonkeyPatch) -> Cluster:
    found = Cluster()
    for name in ("run", "stream"):
        monkeypatch.setattr(
            Kubectl, name, lambda kubectl, *words, **more: found.run(kubectl, *words, **more)
        )
    return found


@pytest.fixture(params=[False, True], ids=["filters", "Debian 12"])
def tarfile_of(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """This Python's tarfile, and that of Debian 12's own, 3.11.2, which has no filters."""
    if not request.param:
        return
    extract = tarfile.TarFile.extractall

    def extractall(
        self: tarfile.TarFile,
        path: str | Path = ".",
        members: Any = None,
        *,
        numeric_owner: bool = False,
    ) -> None:
        extract(self, path, members, numeric_owner=numeric_owner, filter="fully_trusted")

    monkeypatch.setattr(tarfile.TarFile, "extractall", extractall)
    monkeypatch.delattr(tarfile, "data_filter")
    monkeypatch.delattr(tarfile, "tar_filter")
