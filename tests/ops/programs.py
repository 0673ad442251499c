"""Programs on PATH that answer from files and record calls: the tests check what `ops` asks and makes of it."""

import json
import os
import sys
from pathlib import Path
from typing import Any

# Tests start hundreds of them: without pathlib, whose import is a third of such a run.
PROGRAM = """
import json, os, sys, time
folder, name = os.path.split(__file__)
said = sys.stdin.read() if not sys.stdin.isatty() else ""
with open(os.path.join(folder, "calls"), "a") as calls:
    print(json.dumps([name, *sys.argv[1:], said]), file=calls)
with open(__file__ + ".json") as rules:
    known = json.load(rules)
for words, answer in known:
    if all(word in sys.argv for word in words.split()):
        print(answer["text"], flush=True)
        time.sleep(answer["seconds"])
        sys.exit(answer["code"])
"""


class Programs:
    """A folder of made-up programs."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "bin"
        self.folder.mkdir()
        self.env = {**os.environ, "PATH": f"{self.folder}{os.pathsep}{os.environ['PATH']}"}

    def answer(
        self, name: str, words: str, answer: Any, *, code: int = 0, seconds: float = 0
    ) -> None:
        """Have `name` print this (JSON unless it is a text) when called with all these words; the latest rule wins."""
        program, rules = self.folder / name, self.folder / f"{name}.json"
        if not program.exists():  # It may be running when a rule is added.
            program.write_text(f"#!{sys.executable} -IS{PROGRAM}")
            program.chmod(0o755)
        known = json.loads(rules.read_text()) if rules.exists() else []
        text = answer if isinstance(answer, str) else json.dumps(answer)
        rule = [words, {"text": text, "code": code, "seconds": seconds}]
        part = rules.with_suffix(".part")
        part.write_text(json.dumps([rule, *known]))
        part.rename(rules)

    @property
    def calls(self) -> list[list[str]]:
        """Each call: the program, its arguments, and what it read from stdin."""
        notes = self.folder / "calls"
        return (
            [json.loads(line) for line in notes.read_text().splitlines()] if notes.exists() else []
        )
