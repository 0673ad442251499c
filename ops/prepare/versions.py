"""The versions that `make` installs, and the oldest installed ones that it accepts."""

from ops.paths import ROOT

PULUMI = (ROOT / ".pulumi.version").read_text().strip()
"""The workflows read this file, too; airgap/go/go.mod must name the same (a test compares them)."""

PULUMI_OLDEST = (3, 220, 0)
MINIKUBE = "1.39.0"
MINIKUBE_OLDEST = (1, 32, 0)
KUBECTL = "1.37.2"
KUBECTL_OLDEST = (1, 29, 0)
