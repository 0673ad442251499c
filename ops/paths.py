"""Paths in a checkout."""

from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
"""The checkout: all commands run from here."""

TOOLS = ROOT / ".tools"
"""What `make` downloads or builds; may be deleted at any time."""

OFFICIAL = TOOLS / "official"
"""Downloaded releases, one folder per tool and version."""

CHOSEN = TOOLS / "bin"
"""Links to the chosen tools that PATH alone would not find first."""

STAND_INS = TOOLS / "airgap" / "bin"
"""What `python -m airgap` links here: tools built from package registries, and plugin stand-ins."""

STATE = ROOT / ".state"
"""The file backend with its passphrase, where the user is logged in to no other."""

POLICY = ROOT / "policy"
"""The policy pack that `make preview` and `make up` run with."""

SOURCES = ROOT / "docker"
"""What the images are built from."""
