"""Stand-ins for the base images the application builds on, made from Debian, PyPI and npm.

They are for machines that reach no container registry. Each carries the label
`taskflow.stand-in=true`, and an image of the same name without it (the official one, loaded by
somebody) is left alone.
"""

from __future__ import annotations

import hashlib
import shutil
import tempfile
from pathlib import Path

from .host import DOCKER, need_docker
from .run import CACHE, FILES, StepError, need_space, only_one, run, say, watch

SUITE = "trixie"
DEBIAN = f"taskflow-infra/debian:{SUITE}"
STAND_IN = "taskflow.stand-in"
INPUTS = "taskflow.inputs"
CERTIFICATES = Path("/etc/ssl/certs/ca-certificates.crt")
# Where the host trusts a certificate authority of its own, pip and npm have to trust it, too. Not
# at the usual path: there the package ca-certificates would overwrite it.
TRUSTED = Path("/etc/ssl/host-certificates.crt")
TRUST = ("SSL_CERT_FILE", "PIP_CERT", "NODE_EXTRA_CA_CERTS")
# Nothing in a container reads these.
DEAD_WEIGHT = ("usr/share/doc", "usr/share/man", "usr/share/locale", "usr/share/info")


def prepare() -> None:
    need_docker()
    with only_one("images"):
        debian()
        build("python:3.13-slim", FILES / "images/python", BASE_IMAGE=DEBIAN)
        build(
            "node:20-alpine",
            FILES / "images/node",
            BASE_IMAGE=DEBIAN,
            PYTHON_IMAGE="python:3.13-slim",
        )
        build("postgres:17", FILES / "images/postgres", BASE_IMAGE=DEBIAN)


def debian() -> None:
    """The minimal Debian below all the others."""
    inputs = _digest(SUITE, *DEAD_WEIGHT, CERTIFICATES.read_bytes())
    if _inputs_of(DEBIAN) == inputs:
        return
    need_space(CACHE, 1, "A minimal Debian")
    need_space(Path("/var/lib/docker"), 3, "Building the base images")
    with tempfile.TemporaryDirectory(prefix="taskflow-infra-", dir=CACHE) as folder:
        root = Path(folder) / SUITE
        watch(
            f"{DEBIAN} (debootstrap)",
            ["debootstrap", "--variant=minbase", SUITE, root],
            CACHE / "log/debootstrap.log",
            hint="Is Debian's package mirror reachable?",
        )
        for path in (*DEAD_WEIGHT, "var/cache/apt", "var/lib/apt/lists", "var/log"):
            shutil.rmtree(root / path, ignore_errors=True)
            (root / path).mkdir()
        excludes = "".join(f"path-exclude=/{path}/*\n" for path in DEAD_WEIGHT)
        (root / "etc/dpkg/dpkg.cfg.d/dead-weight").write_text(excludes)
        (root / TRUSTED.relative_to("/")).parent.mkdir(exist_ok=True)
        shutil.copy(CERTIFICATES, root / TRUSTED.relative_to("/"))
        changes = [f"ENV {name}={TRUSTED}" for name in TRUST]
        changes += [f"LABEL {STAND_IN}=true {INPUTS}={inputs}"]
        _import(DEBIAN, root, ".", changes)


def build(tag: str, context: Path, **arguments: str) -> None:
    """Build an image unless it is there, from these very inputs or from somebody else."""
    bases = sorted(_inputs_of(base) for base in arguments.values())
    inputs = _digest(*[path.read_bytes() for path in sorted(context.iterdir())], *bases)
    if _present(tag, inputs):
        return
    options = [f"--build-arg={name}={value}" for name, value in arguments.items()]
    watch(
        tag,
        [DOCKER, "build", "--progress=plain", *options, "--label", f"{STAND_IN}=true",
         "--label", f"{INPUTS}={inputs}", "--tag", tag, context],
        CACHE / f"log/{tag.replace(':', '-').replace('/', '-')}.log",
        env={"DOCKER_BUILDKIT": "1"},
        hint="Are the package registries reachable from a container?",
    )  # fmt: skip
    say(f"built {tag}")


def wrap(tag: str, program: Path) -> None:
    """An image that holds one static program and runs it."""
    # The program's folder is named after all that defines its build.
    inputs = _digest(program.parent.name, program.name)
    if _present(tag, inputs):
        return
    changes = [
        f'ENTRYPOINT ["/{program.name}"]',
        "ENV PATH=/",
        f"LABEL {STAND_IN}=true {INPUTS}={inputs}",
    ]
    _import(tag, program.parent, program.name, changes)


def _import(tag: str, root: Path, content: str, changes: list[str]) -> None:
    options = [part for change in changes for part in ("--change", change)]
    with tempfile.NamedTemporaryFile(prefix="taskflow-infra-", suffix=".tar", dir=CACHE) as archive:
        run("tar", "--numeric-owner", "-C", root, "-cf", archive.name, content)
        run(DOCKER, "import", *options, archive.name, tag)
    say(f"built {tag}")


def _digest(*parts: bytes | str) -> str:
    whole = hashlib.sha256()
    for part in parts:
        whole.update(hashlib.sha256(part.encode() if isinstance(part, str) else part).digest())
    return whole.hexdigest()[:16]


def _present(tag: str, inputs: str) -> bool:
    exists = bool(run(DOCKER, "image", "ls", "--quiet", tag).strip())
    return exists and (not _label(tag, STAND_IN) or _inputs_of(tag) == inputs)


def _label(tag: str, name: str) -> str:
    try:
        wanted = f'{{{{index .Config.Labels "{name}"}}}}'
        return run(DOCKER, "image", "inspect", "--format", wanted, tag).strip()
    except StepError:
        return ""


def _inputs_of(tag: str) -> str:
    return _label(tag, INPUTS)
