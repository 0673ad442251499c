"""Writes the stand-ins' executables into a folder of PATH, where the engine looks for plugins."""

import sys
from pathlib import Path

LANGUAGE = "pulumi-language-python"
PROVIDERS = ("docker", "kubernetes", "random")
# The engine calls it with its address and the policy pack's folder; pulumi-policy does the rest.
ANALYZER = "pulumi-analyzer-policy-python"


def install(bin_dir: Path, python: str = sys.executable) -> None:
    """Writes one executable per plugin; each runs its module with the given interpreter."""
    root = Path(__file__).resolve().parents[2]
    # A caller's own PYTHONPATH stays behind ours.
    path = f'PYTHONPATH="{root}${{PYTHONPATH:+:$PYTHONPATH}}"'
    bin_dir.mkdir(parents=True, exist_ok=True)
    _write(bin_dir / LANGUAGE, f'{path} exec "{python}" -m airgap.plugins.language "$@"')
    for name in PROVIDERS:
        # -I -S: the standard library alone is enough to ask for a provider that is warm already.
        warm = f'"{python}" -I -S "{root}/airgap/plugins/warm.py" airgap.plugins.{name}_provider'
        _write(bin_dir / f"pulumi-resource-{name}", f'{path} exec {warm} "$@"')
    _write(bin_dir / ANALYZER, f'exec "{python}" "$2/__main__.py" "$@"')


def _write(path: Path, line: str) -> None:
    unfinished = path.with_suffix(".new")
    unfinished.write_text(f"#!/bin/sh\n{line}\n")
    unfinished.chmod(0o755)
    unfinished.replace(path)
