"""Where the state lives: the backend the user is logged in to, else one in the checkout."""

import json
import os
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import unquote

from ops.paths import STATE


@dataclass(frozen=True)
class Backend:
    url: str
    """The one of the user's login; empty if only the engine can name it."""
    ours: bool
    """The file backend of this checkout, which needs no login."""
    env: Mapping[str, str] = field(default_factory=dict)

    @property
    def folder(self) -> Path | None:
        """The folder of a file backend, None for every other kind."""
        if not self.url.startswith("file://"):
            return None
        path = self.url.removeprefix("file://").partition("?")[0]
        return Path(unquote(path)).expanduser() / ".pulumi"

    @property
    def has_environments(self) -> bool:
        """Whether stack files can name environments: Pulumi Cloud has them, and no bucket or folder."""
        return self.url.startswith(("https://", "http://"))


def home() -> Path:
    """Where the engine keeps the login and its plugins."""
    return Path(os.environ.get("PULUMI_HOME") or Path.home() / ".pulumi")


def find(environ: Mapping[str, str], home: Path, state: Path = STATE) -> Backend:
    """Decide which backend is used. Reads the user's login and never changes it."""
    token = "https://api.pulumi.com" if environ.get("PULUMI_ACCESS_TOKEN") else ""
    own = state.as_uri()  # In which a # of the path is encoded.
    url = environ.get("PULUMI_BACKEND_URL") or _login(home / "credentials.json") or token or own
    # Also where it is given, as in a shell that has evaluated `ops env`.
    if Backend(url, ours=False).folder != Backend(own, ours=True).folder:
        return Backend(url, ours=False)
    env = {"PULUMI_BACKEND_URL": own}
    if not environ.keys() & {"PULUMI_CONFIG_PASSPHRASE", "PULUMI_CONFIG_PASSPHRASE_FILE"}:
        env["PULUMI_CONFIG_PASSPHRASE_FILE"] = str(state / "passphrase")
    return Backend(own, ours=True, env=env)


def prepare(backend: Backend, state: Path = STATE) -> None:
    """Make the folder and, once, the passphrase of our own backend."""
    if not backend.ours:
        return
    state.mkdir(mode=0o700, exist_ok=True)
    passphrase = state / "passphrase"
    if passphrase.exists() and passphrase.stat().st_size:
        return
    # Written beside and renamed, so that an interrupted run never leaves an empty passphrase.
    part = state / "passphrase.part"
    part.unlink(missing_ok=True)
    with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as out:
        out.write(secrets.token_urlsafe(32))
    part.rename(passphrase)


def _login(credentials: Path) -> str:
    try:
        content = json.loads(credentials.read_text())
    except (OSError, ValueError):
        return ""
    current = content.get("current", "") if isinstance(content, dict) else ""
    return current if isinstance(current, str) else ""
