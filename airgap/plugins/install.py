"""Writes the stand-ins' executables into a folder of PATH, where the engine looks for plugins."""

import sys
from pathlib import Path

MODULES = {
    "pulumi-language-python": "airgap.plugins.language",
    "pulumi-resource-docker": "airgap.plugins.docker_provider",
    "pulumi-resource-kubernetes": "airgap.plugins.kubernetes_provider",
    "pulumi-resource-random": "airgap.plugins.random_provider",
}
# The engine calls it with its address and the policy pack's folder; pulumi-policy does the rest.
ANALYZER = "pulumi-analyzer-policy-python"


def install(bin_dir: Path, python: str = sys.executable) -> None:
    """Writes one executable per plugin; each runs its module with the given interpreter."""
    root = Path(__file__).resolve().parents[2]
    bin_dir.mkdir(parents=True, exist_ok=True)
    for name, module in MODULES.items():
        # An assignment on the exec line keeps a PYTHONPATH that the caller has set.
        line = f'PYTHONPATH="{root}${{PYTHONPATH:+:$PYTHONPATH}}" exec "{python}" -m {module} "$@"'
        _write(bin_dir / name, line)
    _write(bin_dir / ANALYZER, f'exec "{python}" "$2/__main__.py" "$@"')


def _write(path: Path, line: str) -> None:
    unfinished = path.with_suffix(".new")
    unfinished.write_text(f"#!/bin/sh\n{line}\n")
    unfinished.chmod(0o755)
    unfinished.replace(path)
