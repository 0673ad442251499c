"""Stand-ins for the Pulumi plugins that no package registry carries."""

import sys
from importlib.metadata import version
from pathlib import Path

from airgap import tools
from airgap.run import BIN

STAND_INS = {
    "language-python": "starts the program and the policy pack; released only inside the CLI's download",
    "resource-docker": "builds images with the docker command; released only as a download",
    "resource-random": "makes the passwords of a dev stack; released only as a download",
}
"""Each with what it does and why it is not the official one. The Kubernetes provider is the official one."""
PROGRAM = "stand-ins"


def install(folder: Path = BIN, python: str = sys.executable) -> None:
    """Builds the Kubernetes provider, and writes an executable for each stand-in where the engine looks for it."""
    tools.prepare(tools.PROVIDER, PROGRAM)
    folder.mkdir(parents=True, exist_ok=True)
    for name in STAND_INS:
        kind, _, what = name.partition("-")
        if kind == "language":
            arguments = f'"{python}" "{Path(__file__).with_name("program.py")}"'
        else:
            # The engine warns of a provider that is older than the program's package.
            arguments = version(f"pulumi-{what}")
        fresh = folder / f".{name}.new"
        fresh.write_text(f'#!/bin/sh\nexec "{tools.find(PROGRAM)}" {what} {arguments} "$@"\n')
        fresh.chmod(0o755)
        fresh.replace(folder / f"pulumi-{name}")
    # The engine would prefer an analyzer on PATH that an earlier version left there.
    (folder / "pulumi-analyzer-policy-python").unlink(missing_ok=True)
