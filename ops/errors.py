"""The one kind of failure that is expected: it says what went wrong, where, and what to do."""

import re
import shutil

SET_SECRET = re.compile(
    r"(?<=: )pulumi config set --secret --stack (\S+) (?:--path )?'?taskflow:([\w.]+)'?"
)
COMMAND = re.compile(r"(?<=: )(pulumi|kubectl|minikube) (?=[-a-z])")


def pasteable(text: str) -> str:
    """The text with its commands in a form that works in any shell, whatever its PATH.

    Components and the engine name the plain command, because they know nothing of `ops`. A pulumi on PATH is not
    enough: without the state and passphrase of `make` it knows no stack. For a secret there is `make secret`.
    """

    def command(found: re.Match[str]) -> str:
        plain = found[1] != "pulumi" and shutil.which(found[1])
        return found[0] if plain else f".venv/bin/python -m ops exec {found[0]}"

    return COMMAND.sub(command, SET_SECRET.sub(r"make secret STACK=\1 KEY=\2", text))


class OpsError(Exception):
    """Shown to the person as text, never as a traceback; the process exits with `code`."""

    def __init__(self, what: str, *, where: str = "", fix: str = "", code: int = 1) -> None:
        super().__init__(what)
        self.what = what
        self.where = where
        self.fix = fix
        self.code = code

    def __str__(self) -> str:
        lines = [self.what]
        if self.where:
            lines.append(f"  where: {self.where}")
        if self.fix:
            lines.append(f"  fix: {self.fix}")
        return "\n".join(lines)
