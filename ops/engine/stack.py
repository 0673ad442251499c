"""One stack in its backend: made when missing, then previewed, brought up, destroyed by the engine.

The engine writes the salt of a stack's passphrase in the stack file. With the generated passphrase
of our own backend that line would differ in every checkout, so there the engine reads a copy of
the committed file in `.state/config/`, and the salt stays in the copy.
"""

import json
import os
import shutil
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from components.config.go_yaml import YamlError, read
from components.config.stack_file import (
    FOLDER_VARIABLE,
    PROJECT_FILE,
    as_yaml,
    file_name,
    stack_name,
    text_of,
)
from ops.config.stacks import MANDATORY, StackFile, project_name
from ops.engine.backend import Backend
from ops.engine.diagnosis import explain
from ops.errors import OpsError
from ops.paths import POLICY, ROOT, STATE
from ops.pods import last_words, require_rolled_out
from ops.processes import INTERRUPTED, Result, capture, stream

SALT = "encryptionsalt"

# The engine repeats these for each plugin on PATH; the step `tools` has reported them once.
NOISE = r"using pulumi-\S+ from \$PATH|resource plugin \S+ is expected to have version"

NOT_ROLLED_OUT = "not rolled out: "
"""The title of a refresh that withdraws the update before it: its own title follows."""

QUIET_SECONDS = 300
"""A preview starts three plugins and reads the program; one that hangs shows no progress."""


@dataclass(frozen=True)
class Stack:
    file: StackFile
    backend: Backend
    env: Mapping[str, str]
    state: Path = STATE

    @property
    def name(self) -> str:
        return self.file.name

    @property
    def checkpoint(self) -> Path | None:
        """The state as a file, None where the backend is not a folder."""
        folder = self.backend.folder
        return (
            folder / "stacks" / project_name() / f"{stack_name(self.file.path)}.json"
            if folder
            else None
        )

    def select(self) -> bool:
        """Make the stack if the backend does not have it; True if it was made now."""
        if self._exists():
            return False
        root = self._copied_project() if self._uses_copy else ROOT
        command = ["pulumi", "stack", "init", self.name, "--no-select", "--non-interactive"]
        result = capture([*command, "--cwd", str(root)], env=self.env)
        if result.code != 0 and "already exists" not in result.output:
            raise explain(result.output, doing="pulumi stack init", stack=self.file)
        return True

    def up(self, message: str) -> None:
        """Bring it up until every pod has its current template; the message is kept in the stack's history.

        Raises:
            OpsError: if it fails or a rollout gets stuck; what the pods say is printed.
        """
        command = ["up", "--yes", "--skip-preview", "--message", message]
        self._engine(*command, *self._policies)
        try:
            require_rolled_out(self.file, self.env)
        except OpsError:
            # For the engine it succeeded: the provider ended its wait too soon. The history must not offer it.
            note = NOT_ROLLED_OUT + message
            self.engine("refresh", "--yes", "--skip-preview", "--message", note, quiet=True)
            raise

    def preview(self, *, quiet: bool = False) -> str:
        """Have the engine show what `up` would change; returns its event log (ops/review/plan.py reads it).

        With `quiet` nothing is shown unless it fails.
        """
        with tempfile.TemporaryDirectory() as folder:
            log = Path(folder) / "events"
            self._engine("preview", "--event-log", str(log), *self._policies, quiet=quiet)
            return log.read_text()

    def refresh(self) -> None:
        """Read every object as it is in the cluster into the state, so that the next `up` corrects what differs."""
        self._engine("refresh", "--yes", "--skip-preview", quiet=True)

    def destroy(self) -> None:
        """Delete all of it, or nothing: only a preview reports a protected object before others are deleted."""
        self._engine("destroy", "--preview-only", quiet=True)
        self._engine("destroy", "--yes", "--skip-preview")

    def outputs(self) -> dict[str, Any]:
        outputs: dict[str, Any] = json.loads(self.query("stack", "output", "--json"))
        return outputs

    def export(self, *, secrets: bool = False) -> dict[str, Any]:
        """The state; its `deployment.manifest.time` changes with every write.

        Args:
            secrets: in plain text; never show them.

        Raises:
            OpsError: if there is none.
        """
        flags = ["--show-secrets"] if secrets else []
        try:
            state: dict[str, Any] = json.loads(self.query("stack", "export", *flags))
        except OpsError as error:
            text = f"the state of stack {self.name} cannot be read"
            raise OpsError(text, where=error.where, fix=error.fix) from None
        return state

    def query(self, *arguments: str, stdin: str = "", folder: Path = ROOT) -> str:
        """The output of a short engine command on this stack, which nobody sees.

        Args:
            folder: where the engine looks for the project.

        Raises:
            OpsError: if it fails.
        """
        command = ["pulumi", *arguments, "--stack", self.name, "--non-interactive"]
        result = capture(command, env=self.env, cwd=folder, stdin=stdin, timeout=QUIET_SECONDS)
        self._require_success(result, arguments)
        return result.output

    def change_state(self, *arguments: str) -> None:
        """Run a short engine command that writes the state, quietly; Ctrl-C waits until it has ended.

        Raises:
            OpsError: if it fails.
        """
        command = ["pulumi", *arguments, "--stack", self.name, "--non-interactive"]
        result = stream(command, env=self.env, quiet=True, timeout=QUIET_SECONDS)
        self._require_success(result, arguments)

    def engine(self, *arguments: str, quiet: bool = False) -> Result:
        """Run an engine command on this stack; its output is passed through, if `quiet` only when it fails."""
        command = ["pulumi", *arguments, "--stack", self.name, "--non-interactive"]
        command += ["--color", "always" if sys.stdout.isatty() else "never"]
        file = self.config_file()
        command += ["--config-file", str(file)]
        env = {
            **self.env,
            "PULUMI_DEBUG_COMMANDS": "true",  # else it knows no --event-log
            FOLDER_VARIABLE: str(file.parent),
        }
        timeout = QUIET_SECONDS if quiet else None
        result = stream(command, env=env, hide=NOISE, quiet=quiet, timeout=timeout)
        if quiet and result.code != 0:
            print(result.output, end="", flush=True)
        return result

    def edit(self, file: Path, *arguments: str, stdin: str = "") -> None:
        """Have the engine change a stack file: `pulumi config` with these arguments; a secret's value is on stdin."""
        self.query("config", *arguments, "--config-file", str(file), stdin=stdin)

    def config_file(self) -> Path:
        """The file that the engine reads: the stack file, or its copy, updated here."""
        return self._copied_project() / self.file.path.name if self._uses_copy else self.file.path

    def _engine(self, *arguments: str, quiet: bool = False) -> None:
        result = self.engine(*arguments, quiet=quiet)
        if result.code in {INTERRUPTED, -2}:
            raise KeyboardInterrupt
        if result.code != 0:
            words = last_words(self.file, self.env) if arguments[0] == "up" else ""
            print(words, end="", flush=True)
            raise explain(
                f"{result.output}\n{words}", doing=f"pulumi {arguments[0]}", stack=self.file
            )

    def _require_success(self, result: Result, arguments: Sequence[str]) -> None:
        if result.code != 0:
            raise explain(result.output, doing=f"pulumi {' '.join(arguments[:2])}", stack=self.file)

    @property
    def _policies(self) -> list[str]:
        pack = ["--policy-pack", str(POLICY)]
        if self.file.policies != MANDATORY:
            pack += ["--policy-pack-config", str(POLICY / f"{self.file.policies}.json")]
        return pack

    def _exists(self) -> bool:
        if self.checkpoint:
            return self.checkpoint.exists()
        command = ["pulumi", "stack", "ls", "--json", "--non-interactive"]
        result = capture(command, env=self.env)
        try:
            stacks = json.loads(result.output)
        except ValueError:
            raise explain(result.output, doing="pulumi stack ls", stack=self.file) from None
        return any(file_name(stack["name"]) == self.file.path.name for stack in stacks)

    @property
    def _uses_copy(self) -> bool:
        return self.backend.ours and not self.file.names_its_encryption

    def _copied_project(self) -> Path:
        """Bring the copy of project and stack file up to date, keeping the engine's salt."""
        folder = self.state / "config"
        folder.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(ROOT / PROJECT_FILE, folder / PROJECT_FILE)
        copy = folder / self.file.path.name
        salt = _content(copy.read_text()).get(SALT) if copy.exists() else None
        text = text_of(self.file.path)
        fresh = copy.with_suffix(f".{os.getpid()}")  # Two commands may do this at once.
        fresh.write_text(_salted(text, str(salt)) if salt else text)
        fresh.replace(copy)  # Atomic: the salt is nowhere else.
        return folder


def _salted(text: str, salt: str) -> str:
    """A stack file with a salt: as it is with one more line, or written anew where that would be another content."""
    content = {**_content(text), SALT: salt}
    line = "" if not text or text.endswith("\n") else "\n"
    longer = f"{text}{line}{SALT}: {salt}\n"
    return longer if _content(longer) == content else as_yaml(content)


def _content(text: str) -> dict[str, Any]:
    try:
        root, _ = read(text)
    except YamlError:
        return {}
    content = root.plain() if root else None
    return content if isinstance(content, dict) else {}
