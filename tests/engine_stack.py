"""A stack driven by the real engine, with a state and a stack file of its own, so that it touches no other."""

import contextlib
import json
import os
import secrets
import shutil
import signal
import subprocess
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import yaml

from components.config.stack_file import as_yaml
from ops.config.stacks import StackFile
from ops.engine.backend import Backend
from ops.engine.recovery import recover
from ops.engine.stack import Stack

ROOT = Path(__file__).resolve().parent.parent
UP_TIMEOUT_SECONDS = 600


class EngineError(AssertionError):
    """An engine command failed; the message is its output."""


@dataclass(frozen=True)
class EngineStack:
    """One stack of a program, this project's own unless it is another, configured by a file in `folder`."""

    name: str
    folder: Path
    env: Mapping[str, str]
    program: Path = ROOT

    @classmethod
    def create(
        cls, name: str, folder: Path, values: Mapping[str, Any], program: Path = ROOT
    ) -> Self:
        """Make the stack in a new file backend below `folder`; `values` are its plain keys, without namespace."""
        (folder / "state").mkdir()
        shutil.copyfile(ROOT / "Pulumi.yaml", folder / "Pulumi.yaml")
        env = os.environ | {
            "PULUMI_BACKEND_URL": f"file://{folder / 'state'}",
            "PULUMI_CONFIG_PASSPHRASE": secrets.token_hex(16),
            "PULUMI_SKIP_UPDATE_CHECK": "1",
            "PULUMI_FALLBACK_TO_STATE_SECRETS_MANAGER": "true",
        }
        env.pop("PULUMI_CONFIG_PASSPHRASE_FILE", None)
        stack = cls(name=name, folder=folder, env=env, program=program)
        stack.configure(values)
        stack._run("stack", "init", "--no-select", "--cwd", str(folder), name)
        return stack

    @property
    def config_file(self) -> Path:
        """The stack file that the engine reads."""
        return self.folder / f"Pulumi.{self.name}.yaml"

    def configure(self, values: Mapping[str, Any]) -> None:
        """Replace the plain values; secrets and the salt, which the engine wrote, stay."""
        path = self.config_file
        content = yaml.safe_load(path.read_text()) if path.exists() else {}
        kept = {key: value for key, value in content.get("config", {}).items() if _is_secure(value)}
        content["config"] = kept | {f"taskflow:{key}": value for key, value in values.items()}
        path.write_text(as_yaml(content))

    def plain_values(self) -> dict[str, Any]:
        """The values that were configured last."""
        config = yaml.safe_load(self.config_file.read_text())["config"]
        return {
            key.removeprefix("taskflow:"): value
            for key, value in config.items()
            if not _is_secure(value)
        }

    def unset(self, key: str) -> None:
        """Remove a configuration value, if it is there."""
        self._run("config", "rm", f"taskflow:{key}", *self._flags)

    def set_secret(self, key: str, value: str) -> None:
        """Set an encrypted configuration value."""
        self._run("config", "set", "--secret", f"taskflow:{key}", *self._flags, stdin=value)

    def up(self, *flags: str) -> str:
        """Bring the stack up; returns what the engine printed."""
        return self._run("up", "--yes", "--skip-preview", *flags, *self._flags)

    def killed_up(self, after_seconds: float) -> bool:
        """Start an update and end it, plugins included, as a power cut would; False if it was done by then."""
        command = ["pulumi", "up", "--yes", "--skip-preview", *self._flags, "--non-interactive"]
        with (self.folder / "killed.log").open("w") as log:
            process = subprocess.Popen(
                command,
                cwd=self.program,
                env=dict(self.env),
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
            with contextlib.suppress(subprocess.TimeoutExpired):
                assert process.wait(after_seconds) == 0, (
                    f"it failed before it was killed: {self.folder / 'killed.log'}"
                )
                return False
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            return True

    def recover(self) -> None:
        """What `make up` does first after a killed run."""
        recover(self.of_ops)

    @property
    def of_ops(self) -> Stack:
        """The stack as the commands of `ops` see it."""
        backend = Backend(self.env["PULUMI_BACKEND_URL"], ours=False)
        file = StackFile.read(self.name, self.folder)
        return Stack(file, backend, self.env, self.folder / "ops")

    def check_policies(self, pack: Path, *flags: str) -> str:
        """Preview with a policy pack; returns what the engine printed."""
        return self._run("preview", "--policy-pack", str(pack), *flags, *self._flags)

    def preview(self) -> list[dict[str, Any]]:
        """The steps that an update would take, from the engine's JSON."""
        answer = self._run("preview", "--json", *self._flags)
        steps: list[dict[str, Any]] = json.loads(answer)["steps"]
        return steps

    def destroy(self) -> str:
        """Delete everything that the stack made."""
        return self._run("destroy", "--yes", "--skip-preview", *self._flags)

    def outputs(self) -> dict[str, Any]:
        """The program's exports."""
        outputs: dict[str, Any] = json.loads(
            self._run("stack", "output", "--json", "--stack", self.name)
        )
        return outputs

    def export(self) -> str:
        """The state as it is stored."""
        return self._run("stack", "export", "--stack", self.name)

    def import_state(self, file: Path) -> None:
        """Replace the stored state."""
        self._run("stack", "import", "--stack", self.name, "--file", str(file))

    @property
    def _flags(self) -> tuple[str, ...]:
        return ("--stack", self.name, "--config-file", str(self.config_file))

    def transcript(self, *arguments: str, fails: bool = False) -> str:
        """The output of a command that must succeed, or must fail."""
        result = self._result(*arguments, *self._flags)
        text = result.stdout + result.stderr
        assert (result.returncode != 0) is fails, f"pulumi {arguments[0]}:\n{text}"
        return text

    def _result(
        self, *arguments: str, stdin: str | None = None
    ) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            ["pulumi", *arguments, "--non-interactive"],
            cwd=self.program,
            env=dict(self.env),
            input=stdin,
            capture_output=True,
            text=True,
            timeout=UP_TIMEOUT_SECONDS,
        )

    def _run(self, *arguments: str, stdin: str | None = None) -> str:
        result = self._result(*arguments, stdin=stdin)
        if result.returncode != 0:
            raise EngineError(f"pulumi {arguments[0]} failed:\n{result.stdout}\n{result.stderr}")
        return result.stdout


def kubeconfig_to_nowhere(folder: Path, contexts: Iterable[str]) -> Path:
    """A kubeconfig in `folder` with these contexts; nothing listens at their address."""
    kubeconfig = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "nowhere", "cluster": {"server": "https://127.0.0.1:1"}}],
        # Without credentials the provider would prompt for a name and wait for ever.
        "users": [{"name": "nobody", "user": {"token": "none"}}],
        "contexts": [
            {"name": name, "context": {"cluster": "nowhere", "user": "nobody"}}
            for name in sorted(contexts)
        ],
    }
    path = folder / "kubeconfig"
    path.write_text(yaml.safe_dump(kubeconfig))
    return path


def _is_secure(value: Any) -> bool:
    return isinstance(value, dict) and set(value) == {"secure"}
