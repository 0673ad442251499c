"""Stand-ins for the Pulumi plugins that no package registry carries."""

import sys
from pathlib import Path

from airgap.run import BIN, HERE

PROVIDERS = ("docker", "kubernetes", "random")


def install(folder: Path = BIN, python: str = sys.executable) -> None:
    """Writes one executable per plugin where the engine looks for them; each runs its module."""
    # An assignment on the exec line keeps a PYTHONPATH that the caller has set.
    start = f'PYTHONPATH="{HERE.parent}${{PYTHONPATH:+:$PYTHONPATH}}" exec "{python}" -m airgap'
    lines = {f"resource-{name}": f'{start}.plugins.{name}_provider "$@"' for name in PROVIDERS}
    lines["language-python"] = f'{start}.plugins.language "$@"'
    lines["analyzer-policy-python"] = f'{start}.plugins.analyzer "$@"'
    folder.mkdir(parents=True, exist_ok=True)
    for name, line in lines.items():
        fresh = folder / f".{name}.new"
        fresh.write_text(f"#!/bin/sh\n{line}\n")
        fresh.chmod(0o755)
        fresh.replace(folder / f"pulumi-{name}")
