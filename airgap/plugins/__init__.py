"""Stand-ins for the Pulumi plugins that no package registry carries."""

import sys
from pathlib import Path

from airgap.run import BIN, HERE

PLUGINS = {
    "pulumi-language-python": "language",
    "pulumi-resource-docker": "docker_provider",
    "pulumi-resource-kubernetes": "kubernetes_provider",
    "pulumi-resource-random": "random_provider",
}
# The engine calls it with its address and the policy pack's folder; pulumi-policy does the rest.
ANALYZER = "pulumi-analyzer-policy-python"


def install(folder: Path = BIN, python: str = sys.executable) -> None:
    """Writes one executable per plugin where the engine looks for them; each runs its module."""
    # An assignment on the exec line keeps a PYTHONPATH that the caller has set.
    start = f'PYTHONPATH="{HERE.parent}${{PYTHONPATH:+:$PYTHONPATH}}" exec "{python}" -m airgap'
    lines = {name: f'{start}.plugins.{module} "$@"' for name, module in PLUGINS.items()}
    folder.mkdir(parents=True, exist_ok=True)
    for name, line in {**lines, ANALYZER: f'exec "{python}" "$2/__main__.py" "$@"'}.items():
        fresh = folder / f".{name}.new"
        fresh.write_text(f"#!/bin/sh\n{line}\n")
        fresh.chmod(0o755)
        fresh.replace(folder / name)
