"""The versions that `make` brings to a machine without them, and the oldest that it takes from one that has them."""

from __future__ import annotations

from ops.paths import ROOT

PULUMI = (ROOT / ".pulumi.version").read_text().strip()
"""The workflows read this file, too; airgap/go/go.mod has to name the same (a test compares them)."""

PULUMI_OLDEST = (3, 220, 0)
MINIKUBE = "1.39.0"
MINIKUBE_OLDEST = (1, 32, 0)
KUBECTL = "1.37.2"
KUBECTL_OLDEST = (1, 29, 0)
