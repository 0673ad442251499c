"""What an image is built from, and the reference that tells it: known without an engine, and without Docker."""

import hashlib
import os
import re
import stat
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from .config_models import TAG_LENGTH, ComponentImage, Images

COMPONENTS = ("backend", "frontend")


@dataclass(frozen=True, kw_only=True)
class BuildArgs:
    """What an image is built from; all of it goes into the tag."""

    context: Path
    target: str = "runner"
    platform: str | None = None
    args: Mapping[str, str] = field(default_factory=dict)


def references(images: Images, sources: Path) -> dict[str, str]:
    """The image of each component: prebuilt, or what its sources make today."""
    return {
        component: getattr(images, component).ref
        or reference(images.repository(component), build_of(images, component, sources))
        for component in COMPONENTS
    }


def reference(repository: str, build: BuildArgs) -> str:
    """The repository with the content as its tag."""
    return f"{repository}:{content_tag(build)}"


def build_of(images: Images, component: str, sources: Path) -> BuildArgs:
    """How a component is built from `<sources>/<component>`."""
    context, image = sources / component, getattr(images, component)
    args = _build_args(images, image, context)
    return BuildArgs(context=context, platform=images.built_for, args=args)


def _build_args(images: Images, image: ComponentImage, context: Path) -> dict[str, str]:
    """The base image, where it is not the Dockerfile's own."""
    if image.base_image:
        return {"BASE_IMAGE": image.base_image}
    default = base_image(context) if images.mirror else None
    return {"BASE_IMAGE": images.mirrored(default)} if default else {}


def content_tag(build: BuildArgs) -> str:
    """Hash of everything that can change the image: files let through by .dockerignore, Dockerfile, arguments.

    Names, contents, the executable bit and link targets count; times and owners do not, since they differ by checkout.
    """
    digest = hashlib.sha256()

    def add(*parts: str | bytes) -> None:
        for part in parts:
            data = part.encode() if isinstance(part, str) else part
            digest.update(len(data).to_bytes(8, "big") + data)

    add(build.target, build.platform or "")
    for key, value in sorted(build.args.items()):
        add(key, value)
    add((build.context / "Dockerfile").read_bytes())
    for path in context_files(build.context):
        mode = path.lstat().st_mode
        add(path.relative_to(build.context).as_posix(), "x" if mode & stat.S_IXUSR else "-")
        add(str(path.readlink()) if stat.S_ISLNK(mode) else path.read_bytes())
    return digest.hexdigest()[:TAG_LENGTH]


def base_image(context: Path) -> str | None:
    """The base image that the Dockerfile names by default; None if it takes none by argument."""
    text = (context / "Dockerfile").read_text()
    default = re.search(r"^ARG BASE_IMAGE=(\S+)$", text, re.MULTILINE)
    return default[1] if default else None


def context_files(context: Path) -> list[Path]:
    """The files that `docker build` sends, sorted: all below `context` but those its .dockerignore excludes."""
    ignore_file = context / ".dockerignore"
    rules = _parse_rules(ignore_file.read_text() if ignore_file.is_file() else "")

    def walk(directory: Path) -> Iterator[Path]:
        for entry in directory.iterdir():
            relative = entry.relative_to(context).as_posix()
            if entry.is_dir() and not entry.is_symlink():
                # An excluded folder is entered only where a later "!" rule may let something below it through.
                if not _ignored(relative, rules) or _reaches_below(relative, rules):
                    yield from walk(entry)
            elif not _ignored(relative, rules):
                yield entry

    return sorted(walk(context))


@dataclass(frozen=True)
class _Rule:
    """One line of a .dockerignore; the last one that matches decides.

    https://docs.docker.com/build/concepts/context/#dockerignore-files
    """

    pattern: str
    lets_through: bool
    regex: re.Pattern[str]


def _parse_rules(text: str) -> list[_Rule]:
    rules = []
    for line in text.splitlines():
        if not line.strip() or line.startswith("#"):
            continue
        lets_through = line.strip().startswith("!")
        pattern = os.path.normpath(line.strip().removeprefix("!").strip()).lstrip("/")
        rules.append(_Rule(pattern, lets_through, re.compile(_regex(pattern))))
    return rules


def _regex(pattern: str) -> str:
    """Go's filepath.Match plus `**`; a rule for a folder covers what is below it."""
    out = ""
    for part in re.findall(r"\*\*/?|\*|\?|\[\^?[^\]]*\]|\\.|.", pattern):
        if part.startswith("**"):
            out += "(.*/)?" if part == "**/" else ".*"
        elif part == "*":
            out += "[^/]*"
        elif part == "?":
            out += "[^/]"
        elif part.startswith("["):
            out += part
        else:
            out += re.escape(part.removeprefix("\\") or part)
    return rf"\A{out}(/.*)?\Z"


def _ignored(path: str, rules: list[_Rule]) -> bool:
    verdict = False
    for rule in rules:
        if rule.regex.match(path):
            verdict = not rule.lets_through
    return verdict


def _reaches_below(folder: str, rules: list[_Rule]) -> bool:
    return any(
        rule.lets_through
        and (rule.pattern.startswith((f"{folder}/", "**")) or "*" in rule.pattern.split("/")[0])
        for rule in rules
    )
