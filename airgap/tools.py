"""Build Pulumi, Minikube, kubectl and the cluster's own programs from their Go modules.

A program lands in the cache under a key made of the module's version and of everything that
defines its build, so that any clone on this machine finds it and no change goes unnoticed.
"""

import hashlib
import re
import tempfile
import tomllib
from pathlib import Path

from .run import BIN, CACHE, HERE, StepError, need_space, put, run, say

GIGABYTES_PER_MODULE = 1.5  # nearly all of it in Go's own caches
GO = HERE / "go"
MODULES = tomllib.loads((GO / "modules.toml").read_text())
USUAL = [name for name, module in MODULES.items() if not module.get("extra")]
ON_PATH = ("pulumi", "minikube", "kubectl")


def prepare(*programs: str) -> None:
    """Build these programs; without any, what the application's first start needs."""
    names = [_module_of(program) for program in programs] or USUAL
    missing = [name for name in names if not folder(name).exists()]
    need_space(CACHE, GIGABYTES_PER_MODULE * len(missing), "Building the tools")
    for name in missing:
        _build(name)
    for program in programs or ON_PATH:
        put(find(program), BIN / program, linked=True)


def find(program: str) -> Path:
    """A built program, for the steps after this one."""
    path = folder(_module_of(program)) / program
    if not path.exists():
        raise StepError(f"`{program}` is not built: run `python -m airgap tools {program}` first.")
    return path


def version(name: str) -> str:
    pinned = rf"\b{re.escape(MODULES[name]['source'])} (v?\d\S*)"
    found: str = re.findall(pinned, (GO / name / "go.mod").read_text())[0]
    return found


def images(name: str) -> dict[str, str]:
    """The images that Minikube expects of a module's programs, and which program is in which."""
    expected: dict[str, str] = MODULES[name].get("images", {})
    return {tag.replace("VERSION", version(name)): program for program, tag in expected.items()}


def folder(name: str) -> Path:
    """Where a module's programs are when they are built."""
    module = MODULES[name]
    parts = [repr(tuple(module["packages"])), repr(tuple(module.get("variables", ())))]
    parts += [path.read_text() for path in sorted((GO / name).iterdir())]
    digest = hashlib.sha256("\0".join(parts).encode()).hexdigest()[:12]
    return CACHE / "programs" / f"{name}-{version(name)}-{digest}"


def _module_of(program: str) -> str:
    for name, module in MODULES.items():
        if program in (name, *(package.rsplit("/")[-1] for package in module["packages"])):
            return name
    raise StepError(f"There is nothing here to build `{program}` from, only {', '.join(MODULES)}.")


def _build(name: str) -> None:
    module, target = MODULES[name], folder(name)
    say(f"building {name} {version(name)}")
    settings = ["-s -w", *(f"-X {variable}" for variable in module.get("variables", ()))]
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".building-", dir=target.parent) as fresh:
        programs = Path(fresh) / "programs"
        programs.mkdir()
        run(
            "go", "build", "-v", "-trimpath", "-ldflags", " ".join(settings).replace("VERSION", version(name)),
            "-o", f"{programs}/", *module["packages"],
            log=name,
            cwd=GO / name,
            # Static programs run in an image that holds nothing else.
            env={"CGO_ENABLED": "0", "GOFLAGS": "-mod=readonly -buildvcs=false"},
            hint="Go >= 1.26 and its module proxy are needed.",
        )  # fmt: skip
        programs.replace(target)
