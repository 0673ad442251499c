"""A component's image: prebuilt, or built from source and tagged by content."""

import hashlib
import os
import re
import stat
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pulumi
import pulumi_docker as docker

TAG_LENGTH = 12  # Hexadecimal digits: 48 bits, enough for the builds of one repository.


@dataclass(frozen=True, kw_only=True)
class BuildArgs:
    """What an image is built from; all of it goes into the tag."""

    context: Path
    target: str = "runner"
    platform: str | None = None
    args: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Image:
    """An image reference, known at preview, and what must exist before a pod can use it.

    Args:
        pull_policy: every reference is a content tag or a digest, so a present image is the right one. `Always` has the
            registry confirm that the pod may use it, and moves no data either.
    """

    reference: str
    pull_policy: str = "IfNotPresent"
    depends_on: tuple[pulumi.Resource, ...] = ()


def built_image(
    name: str, build: BuildArgs, *, registry: str | None, opts: pulumi.ResourceOptions
) -> Image:
    """Build `<registry>/<name>:<content tag>` by pulumi-docker, and push it if there is a registry.

    The reference is computed here and not read from the resource, whose outputs are unknown until it is built: so a
    preview shows which pods a source edit rolls, and the same content never rolls any.
    """
    repository = f"{registry.rstrip('/')}/{name}" if registry else name
    reference = f"{repository}:{content_tag(build)}"
    image = docker.Image(
        f"{name}-image",
        image_name=reference,
        build=docker.DockerBuildArgs(
            context=os.path.relpath(build.context),
            dockerfile=os.path.relpath(build.context / "Dockerfile"),
            target=build.target,
            platform=build.platform,
            args=dict(build.args) or None,
            builder_version=docker.BuilderVersion.BUILDER_BUILD_KIT,
        ),
        skip_push=registry is None,
        opts=opts,
    )
    return Image(reference=reference, depends_on=(image,))


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
