"""Stand-ins for the base images the application builds on, made from Debian, PyPI and npm.

They are for machines that reach no container registry. Each carries the label
`taskflow.stand-in=true`, and an image of the same name without it (the official one, loaded by
somebody) is left alone.
"""

import hashlib
import shutil
import tempfile
from pathlib import Path

from .host import DOCKER, need_docker
from .run import CACHE, HERE, StepError, need_space, run, say

SUITE = "trixie"
DEBIAN = f"taskflow-infra/debian:{SUITE}"
STAND_IN, INPUTS = "taskflow.stand-in", "taskflow.inputs"
CERTIFICATES = Path("/etc/ssl/certs/ca-certificates.crt")
# Where the host trusts a certificate authority of its own, pip and npm must trust it, too. Not
# at the usual path: there the package ca-certificates would overwrite it.
TRUSTED = Path("etc/ssl/host-certificates.crt")
TRUST = ("SSL_CERT_FILE", "PIP_CERT", "NODE_EXTRA_CA_CERTS")
# Nothing in a container reads these.
DEAD_WEIGHT = ("usr/share/doc", "usr/share/man", "usr/share/locale", "usr/share/info")


def prepare(*tags: str) -> None:
    need_docker()
    build("python:3.13-slim")
    build("node:20-alpine", PYTHON_IMAGE="python:3.13-slim")
    build("postgres:17")
    for tag in tags:
        build(tag, PYTHON_IMAGE="python:3.13-slim")


def _debian() -> None:
    """The minimal Debian below all the others."""
    inputs = _digest(SUITE, *DEAD_WEIGHT, CERTIFICATES.read_bytes())
    if _there(DEBIAN, inputs):
        return
    need_space(CACHE, 1, "A minimal Debian")
    need_space(Path("/var/lib/docker"), 3, "Building the base images")
    with tempfile.TemporaryDirectory(prefix="taskflow-infra-", dir=CACHE) as folder:
        root = Path(folder) / SUITE
        hint = "Is Debian's package mirror reachable?"
        run("debootstrap", "--variant=minbase", SUITE, root, log="debootstrap", hint=hint)
        for path in (*DEAD_WEIGHT, "var/cache/apt", "var/lib/apt/lists", "var/log"):
            shutil.rmtree(root / path, ignore_errors=True)
            (root / path).mkdir()
        excludes = "".join(f"path-exclude=/{path}/*\n" for path in DEAD_WEIGHT)
        (root / "etc/dpkg/dpkg.cfg.d/dead-weight").write_text(excludes)
        (root / TRUSTED).parent.mkdir(exist_ok=True)
        shutil.copy(CERTIFICATES, root / TRUSTED)
        _import(DEBIAN, inputs, root, ".", *[f"ENV {name}=/{TRUSTED}" for name in TRUST])


def build(tag: str, program: Path | None = None, **arguments: str) -> None:
    """Build an image on Debian, unless it exists from the same inputs or from elsewhere.

    The image `REGISTRY/NAME:VERSION` has its Dockerfile in `dockerfiles/NAME`, which may copy `program`.
    """
    _debian()
    arguments["BASE_IMAGE"] = DEBIAN
    name, version = tag.split("/")[-1].split(":")
    folder = HERE / "dockerfiles" / name
    bases = sorted(_inputs(base) or "" for base in arguments.values())
    files = [*sorted(folder.iterdir()), *([program] if program else [])]
    inputs = _digest(version, *(path.read_bytes() for path in files), *bases)
    if _there(tag, inputs):
        return
    run(
        DOCKER, "build", "--progress=plain", f"--file={folder / 'Dockerfile'}",
        *(f"--build-arg={key}={value}" for key, value in arguments.items()),
        f"--build-arg=VERSION={version}",
        f"--label={STAND_IN}=true", f"--label={INPUTS}={inputs}", f"--tag={tag}",
        program.parent if program else folder,
        log=tag.replace(":", "-").replace("/", "-"),
        env={"DOCKER_BUILDKIT": "1"},
        hint="Are the package registries reachable from a container?",
    )  # fmt: skip
    say(f"built {tag}")


def wrap(tag: str, program: Path) -> None:
    """An image that holds one static program and runs it."""
    inputs, start = _digest(program.read_bytes()), f'ENTRYPOINT ["/{program.name}"]'
    if not _there(tag, inputs):
        _import(tag, inputs, program.parent, program.name, start, "ENV PATH=/")


def _import(tag: str, inputs: str, root: Path, content: str, *changes: str) -> None:
    label = f"LABEL {STAND_IN}=true {INPUTS}={inputs}"
    options = [f"--change={change}" for change in (*changes, label)]
    with tempfile.NamedTemporaryFile(prefix="taskflow-infra-", suffix=".tar", dir=CACHE) as archive:
        run("tar", "--numeric-owner", "-C", root, "-cf", archive.name, content)
        run(DOCKER, "import", *options, archive.name, tag)
    say(f"built {tag}")


def _there(tag: str, inputs: str) -> bool:
    """Whether there is an image of these inputs, or one of that name that is not ours."""
    return _inputs(tag) in (inputs, "")


def _inputs(tag: str) -> str | None:
    """An image's inputs: empty for one from elsewhere, None without an image."""
    label = f'{{{{index .Config.Labels "{INPUTS}"}}}}'
    try:
        return run(DOCKER, "image", "inspect", "--format", label, tag).strip()
    except StepError:
        return None


def _digest(*parts: bytes | str) -> str:
    whole = hashlib.sha256()
    for part in parts:
        whole.update(hashlib.sha256(part.encode() if isinstance(part, str) else part).digest())
    return whole.hexdigest()[:16]
