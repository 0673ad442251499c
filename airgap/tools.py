"""Build Pulumi, Minikube, kubectl and the cluster's own programs from their Go modules.

A program lands in the cache under a key made of the module's version and of everything that
defines its build, so that any clone on this machine finds it and no change goes unnoticed.
"""

from __future__ import annotations

import hashlib
import re
import shutil
import tempfile
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from .run import BIN, CACHE, StepError, link, need_space, only_one, say, watch

KUBERNETES_VERSION = "v1.33.1"
GIGABYTES_PER_MODULE = 1.5
MODULES = Path(__file__).parent / "go"
ON_PATH = {"pulumi", "minikube", "kubectl", "actionlint", "helm", "kube-score", "vegeta"}


@dataclass(frozen=True)
class Module:
    """A folder below `go/`, and what to build from it."""

    name: str
    source: str
    """Module path; the version next to it in go.mod is the version of the programs."""
    packages: tuple[str, ...]
    """What to build; the program is called like its last part."""
    version_variables: tuple[str, ...] = ()
    """`-X` settings for the linker, in which VERSION stands for the version."""

    @cached_property
    def version(self) -> str:
        definition = (MODULES / self.name / "go.mod").read_text()
        found = re.search(rf"\b{re.escape(self.source)} (v?\d\S*)", definition)
        if found is None:
            raise StepError(f"{MODULES / self.name / 'go.mod'} does not name {self.source}.")
        return found[1]

    @cached_property
    def folder(self) -> Path:
        parts = [repr(self.packages), repr(self.version_variables)]
        parts += [path.read_text() for path in sorted((MODULES / self.name).iterdir())]
        digest = hashlib.sha256("\0".join(parts).encode()).hexdigest()[:12]
        return CACHE / "programs" / f"{self.name}-{self.version}-{digest}"

    def build(self) -> None:
        say(f"building {self.name} {self.version}")
        variables = [
            f"-X {text.replace('VERSION', self.version)}" for text in self.version_variables
        ]
        self.folder.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".building-", dir=self.folder.parent) as fresh:
            programs = Path(fresh) / "programs"
            programs.mkdir()
            watch(
                f"{self.name} {self.version}",
                ["go", "build", "-v", "-trimpath", "-ldflags", " ".join(["-s -w", *variables]),
                 "-o", f"{programs}/", *self.packages],
                CACHE / f"log/{self.name}.log",
                counted="packages compiled",
                cwd=MODULES / self.name,
                # Static programs run in an image that holds nothing else.
                env={"CGO_ENABLED": "0", "GOFLAGS": "-mod=readonly -buildvcs=false"},
                hint="Go >= 1.26 and its module proxy are needed.",
            )  # fmt: skip
            programs.replace(self.folder)
        # Whatever an older definition of this module left.
        for old in self.folder.parent.glob(f"{self.name}-*"):
            if old != self.folder and old.name.rsplit("-", 2)[0] == self.name:
                shutil.rmtree(old)


_COMPONENT_BASE = "k8s.io/component-base/version"

ALL = (
    Module(
        "pulumi",
        "github.com/pulumi/pulumi/pkg/v3",
        ("github.com/pulumi/pulumi/pkg/v3/cmd/pulumi",),
        ("github.com/pulumi/pulumi/sdk/v3/go/common/version.Version=VERSION",),
    ),
    Module(
        "kubernetes",
        "k8s.io/kubernetes",
        tuple(
            f"k8s.io/kubernetes/cmd/{program}"
            for program in (
                "kube-apiserver",
                "kube-controller-manager",
                "kube-scheduler",
                "kube-proxy",
                "kubelet",
                "kubeadm",
                "kubectl",
            )
        ),
        (
            f"{_COMPONENT_BASE}.gitVersion=VERSION",
            f"{_COMPONENT_BASE}.gitMajor=1",
            f"{_COMPONENT_BASE}.gitMinor=33",
            f"{_COMPONENT_BASE}.gitTreeState=clean",
            f"{_COMPONENT_BASE}.gitCommit=unknown",
            f"{_COMPONENT_BASE}.buildDate=1970-01-01T00:00:00Z",
        ),
    ),
    Module(
        "minikube",
        "k8s.io/minikube",
        ("k8s.io/minikube/cmd/minikube",),
        (
            "k8s.io/minikube/pkg/version.version=VERSION",
            "k8s.io/minikube/pkg/version.storageProvisionerVersion=v5",
        ),
    ),
    Module("cri-dockerd", "github.com/Mirantis/cri-dockerd", ("github.com/Mirantis/cri-dockerd",)),
    Module("crictl", "sigs.k8s.io/cri-tools", ("github.com/kubernetes-sigs/cri-tools/cmd/crictl",)),
    Module("coredns", "github.com/coredns/coredns", (".",)),
    Module("pause", "go", (".",)),
    Module("storage-provisioner", "k8s.io/client-go", (".",)),
)
# Built when somebody asks for them by name.
EXTRA = (
    Module(
        "actionlint",
        "github.com/rhysd/actionlint",
        ("github.com/rhysd/actionlint/cmd/actionlint",),
        ("github.com/rhysd/actionlint.version=VERSION",),
    ),
    Module(
        "helm",
        "helm.sh/helm/v4",
        ("helm.sh/helm/v4/cmd/helm",),
        ("helm.sh/helm/v4/internal/version.version=VERSION",),
    ),
    Module(
        "kube-score",
        "github.com/zegl/kube-score",
        ("github.com/zegl/kube-score/cmd/kube-score",),
        ("main.version=VERSION",),
    ),
    Module(
        "metrics-server",
        "sigs.k8s.io/metrics-server",
        ("sigs.k8s.io/metrics-server/cmd/metrics-server",),
        ("sigs.k8s.io/metrics-server/pkg/version.gitVersion=VERSION",),
    ),
    Module("vegeta", "github.com/tsenart/vegeta/v12", ("github.com/tsenart/vegeta/v12",)),
)


def prepare(*programs: str) -> None:
    """Build these programs; without any, what the application's first start needs."""
    modules = [_holding(program) for program in programs] or ALL
    with only_one("tools"):
        missing = [module for module in modules if not module.folder.exists()]
        # Nearly all of it is Go's own caches, for sources and for compiled packages.
        need_space(CACHE, GIGABYTES_PER_MODULE * len(missing), "Building the tools")
        for module in missing:
            module.build()
        for module in modules:
            for program in ON_PATH.intersection(path.name for path in module.folder.iterdir()):
                link(module.folder / program, BIN / program)


def find(program: str) -> Path:
    """A built program, for the steps after this one."""
    path = _holding(program).folder / program
    if not path.exists():
        raise StepError(f"`{program}` is not built: run `python -m airgap tools {program}` first.")
    return path


def _holding(program: str) -> Module:
    for module in (*ALL, *EXTRA):
        if program in (module.name, *(package.rsplit("/")[-1] for package in module.packages)):
            return module
    known = ", ".join(module.name for module in EXTRA)
    raise StepError(f"There is nothing here to build `{program}` from; besides the usual: {known}.")
