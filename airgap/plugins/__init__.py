"""Stand-ins for the Pulumi plugins that no package registry carries."""

import sys
from pathlib import Path

from airgap import tools
from airgap.run import BIN, HERE

STAND_INS = {
    "language-python": "starts the program and the policy pack; released only inside the CLI's download",
    "resource-docker": "builds images with the docker command; released only as a download",
    "resource-random": "makes the passwords of a dev stack; released only as a download",
}
"""Each with what it does and why it is not the official one. The Kubernetes provider is the official one."""


def install(folder: Path = BIN, python: str = sys.executable) -> None:
    """Builds the Kubernetes provider, and writes an executable for each stand-in where the engine looks for it."""
    tools.prepare(tools.PROVIDER)
    # An assignment on the exec line keeps a PYTHONPATH that the caller has set.
    path = f'PYTHONPATH="{HERE.parent}${{PYTHONPATH:+:$PYTHONPATH}}"'
    start = f'{path} exec "{python}" -m airgap.plugins'
    folder.mkdir(parents=True, exist_ok=True)
    for name in STAND_INS:
        fresh = folder / f".{name}.new"
        fresh.write_text(f'#!/bin/sh\n{start}.{name.replace("-", "_")} "$@"\n')
        fresh.chmod(0o755)
        fresh.replace(folder / f"pulumi-{name}")
    # The engine would prefer an analyzer on PATH that an earlier version left there.
    (folder / "pulumi-analyzer-policy-python").unlink(missing_ok=True)
