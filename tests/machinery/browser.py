"""The browser of the browser tests: on PATH, else Playwright's own build, else Debian's package."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from ops.errors import OpsError
from ops.prepare.machine import Machine
from ops.prepare.tools import link
from ops.processes import capture, stream
from tests.machinery.checks import PYTHON

NAMES = ("chromium", "google-chrome", "chromium-browser")
PLAYWRIGHT_SITE = "https://playwright.dev/"
WHERE = """
from playwright.sync_api import sync_playwright
with sync_playwright() as playwright:
    print(playwright.chromium.executable_path)
"""


class Source(StrEnum):
    PATH = "on PATH"
    PLAYWRIGHT = "Playwright's build"
    PACKAGE = "Debian's package"


@dataclass(frozen=True)
class Browser:
    source: Source
    path: Path | None = None
    """Set if it is there already."""


def choose(machine: Machine) -> Browser:
    for name in NAMES:
        if found := machine.on_path(name):
            return Browser(Source.PATH, found[0])
    if machine.reaches(PLAYWRIGHT_SITE):
        return Browser(Source.PLAYWRIGHT)
    if machine.on_path("apt-get"):
        return Browser(Source.PACKAGE)
    raise OpsError("no Chromium for the browser tests", where="PATH", fix="install Chromium")


def provide(machine: Machine, *, env: Mapping[str, str]) -> str:
    """Have `chromium` on the children's PATH; returns where it comes from."""
    browser = choose(machine)
    if browser.path is None:
        if machine.interactive and not _agrees(browser.source):
            raise OpsError("no Chromium for the browser tests", fix="install it, or answer yes")
        path = _playwright(env) if browser.source is Source.PLAYWRIGHT else _package(env)
    else:
        path = browser.path
    link("chromium", path, needed=path.name != "chromium")
    return f"{path}, {browser.source}"


def _agrees(source: Source) -> bool:
    answer = input(f"Install Chromium for the browser tests ({source})? [y/N] ")
    return answer.strip().lower() in {"y", "yes"}


def _playwright(env: Mapping[str, str]) -> Path:
    if stream([PYTHON, "-m", "playwright", "install", "chromium"], env=env).code != 0:
        raise OpsError("Playwright could not install Chromium (its message is above)")
    return Path(capture([PYTHON, "-c", WHERE], env=env).output.strip())


def _package(env: Mapping[str, str]) -> Path:
    sudo = [] if os.geteuid() == 0 else ["sudo"]
    wait = ["-o", "DPkg::Lock::Timeout=600"]
    command = [*sudo, "apt-get", "install", "--yes", "--quiet", *wait]
    quiet = {**env, "DEBIAN_FRONTEND": "noninteractive"}
    # The lists of a new machine are empty or old, so the first try may not find the package.
    packages = ["--no-install-recommends", "chromium"]
    if stream([*command, *packages], env=quiet).code != 0:
        stream([*sudo, "apt-get", "update", "--quiet", *wait], env=quiet)
        if stream([*command, *packages], env=quiet).code != 0:
            raise OpsError("apt-get could not install Chromium (its own message is above)")
    found = shutil.which("chromium", path=env.get("PATH"))
    if found is None:
        raise OpsError("Debian's package chromium has no program of that name")
    return Path(found)
