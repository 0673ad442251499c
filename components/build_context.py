"""What an image is built from, and its reference: computed without an engine and without Docker."""

import hashlib
import os
import re
import stat
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from .config.errors import ConfigError
from .config.stack import TAG_LENGTH, Images


@dataclass(frozen=True, kw_only=True)
class BuildArgs:
    """The inputs of an image; all of them go into the tag."""

    context: Path
    target: str = "runner"
    platform: str | None = None
    args: Mapping[str, str] = field(default_factory=dict)


def references(images: Images, components: Iterable[str], sources: Path) -> dict[str, str]:
    """The image of each component: prebuilt, or built from its present sources."""
    return {
        component: images.of(component).ref
        or reference(images.repository(component), build_of(images, component, sources))
        for component in components
    }


def reference(repository: str, build: BuildArgs) -> str:
    """The repository with the content as its tag."""
    return f"{repository}:{content_tag(build)}"


def build_of(images: Images, component: str, sources: Path) -> BuildArgs:
    """The build of a component from `<sources>/<component>`."""
    context, base = sources / component, images.of(component).base_image
    if not base and images.mirror:
        default = base_image(context)
        base = default and images.mirrored(default)
    # Without the argument it is the Dockerfile's own.
    args = {"BASE_IMAGE": base} if base else {}
    return BuildArgs(context=context, platform=images.built_for, args=args)


def content_tag(build: BuildArgs) -> str:
    """Hash of everything that can change the image: the files that the target uses, Dockerfile, arguments.

    Names, contents, the executable bit and link targets count; times and owners do not, since they differ by checkout.

    Raises:
        ConfigError: if Docker could not build it either: a file cannot be read, or an ignored pattern is not one.
    """
    digest = hashlib.sha256()

    def add(*parts: str | bytes) -> None:
        for part in parts:
            # A file's name may be any bytes; Python has those that are not UTF-8 as surrogates.
            data = part.encode(errors="surrogateescape") if isinstance(part, str) else part
            digest.update(len(data).to_bytes(8, "big") + data)

    add(build.target, build.platform or "")
    for key, value in sorted(build.args.items()):
        add(key, value)
    try:
        add((build.context / "Dockerfile").read_bytes())
        for name in _used_names(build.context, build.target):
            path = build.context / name
            mode = path.lstat().st_mode
            add(name, "x" if mode & stat.S_IXUSR else "-")
            add(str(path.readlink()) if stat.S_ISLNK(mode) else path.read_bytes())
    except OSError as error:
        raise ConfigError([f"{error.filename}: cannot be read: {error.strerror}"]) from None
    return digest.hexdigest()[:TAG_LENGTH]


def base_image(context: Path) -> str | None:
    """The base image that the Dockerfile names by default; None if it takes none by argument."""
    default = re.search(r"^ARG BASE_IMAGE=(\S+)$", _text(context / "Dockerfile"), re.MULTILINE)
    return default[1] if default else None


def used_files(context: Path, target: str) -> list[Path]:
    """The files of the context that the target's stages copy: BuildKit looks at no others."""
    return [context / name for name in _used_names(context, target)]


def _used_names(context: Path, target: str) -> list[str]:
    sources = _copied(context / "Dockerfile", target)
    names = context_names(context)
    links = [name for name in names if (context / name).is_symlink()]
    # BuildKit follows a link that a stage copies, or copies from: its target may be any of the files.
    if sources is None or any(_may_reach(source, link) for source in sources for link in links):
        return names
    copied = [re.compile(_regex(source)) for source in sources]
    return [name for name in names if any(source.match(name) for source in copied)]


def context_names(context: Path) -> list[str]:
    """The files that `docker build` sends, sorted: all below `context` but those its .dockerignore excludes."""
    own, shared = context / "Dockerfile.dockerignore", context / ".dockerignore"
    ignore_file = own if own.is_file() else shared
    rules = _parse_rules(ignore_file) if ignore_file.is_file() else []

    def walk(folder: str) -> Iterator[str]:
        # Every preview does this: names and os.scandir take half of Path's time.
        with os.scandir(context / folder) as entries:
            for entry in entries:
                name = f"{folder}{entry.name}"
                if entry.is_dir(follow_symlinks=False):
                    # An excluded folder is entered only if a later "!" rule may include something below it.
                    if not _ignored(name, rules) or _reaches_below(name, rules):
                        yield from walk(f"{name}/")
                # Docker sends no sockets or pipes, and reading a pipe would block.
                elif (entry.is_symlink() or entry.is_file()) and not _ignored(name, rules):
                    yield name

    return sorted(walk(""), key=lambda name: name.split("/"))


def _text(path: Path) -> str:
    """Docker ignores a byte order mark, too, and ends no line but at a newline."""
    return path.read_bytes().decode("utf-8-sig", errors="replace").replace("\r\n", "\n")


@dataclass
class _Stage:
    """A stage of a Dockerfile: the paths that it takes from the context, and the stages that it builds on."""

    name: str
    uses: list[str]
    sources: list[str] = field(default_factory=list)


def _copied(file: Path, target: str) -> list[str] | None:
    """The paths that a target's stages take from the context; None if that is uncertain.

    https://docs.docker.com/reference/dockerfile/
    """
    dockerfile, stages = _text(file), list[_Stage]()
    # Texts that are no instructions, and another character that continues a line.
    uncertain = "<<" in dockerfile or re.search(r"(?mi)^\s*#\s*escape\s*=", dockerfile)
    for words in () if uncertain else _instructions(dockerfile):
        instruction = words[0].upper()
        flags = [word[2:].partition("=")[::2] for word in words[1:] if word.startswith("--")]
        plain = [word for word in words[1:] if not word.startswith("--")]
        others = [value.lower() for flag, value in flags if flag == "from"]
        if not (plain if instruction == "FROM" else stages or instruction == "ARG"):
            where = f"{file.parent.name}/{file.name}"
            raise ConfigError([f"{where}: got {words[0]}, expected FROM with an image"])
        if instruction == "FROM":
            name = plain[2] if len(plain) > 2 and plain[1].upper() == "AS" else ""
            stages.append(_Stage(name.lower(), [plain[0].lower()]))
        elif instruction in ("COPY", "ADD"):
            stages[-1].uses += others
            # To Docker the context is a root: nothing is above it.
            stages[-1].sources += [] if others else [_relative(f"/{path}") for path in plain[:-1]]
        elif instruction == "ONBUILD" or any(_reads_context(*flag) for flag in flags):
            return None
    needed, sources = [target.lower()], list[str]()
    for name in needed:
        for number, stage in enumerate(stages):
            if name in (stage.name, str(number)):
                needed += [used for used in stage.uses if used not in needed]
                sources += stage.sources
    known = any(stage.name == target.lower() for stage in stages)
    # A variable may name a stage, but for the one that names the base.
    variables = [name for name in needed if "$" in name and "base_image" not in name]
    certain = not variables and not any(re.search(r"[$\[\]\"<]", source) for source in sources)
    return sources if known and certain and "." not in sources else None


def _relative(path: str) -> str:
    return os.path.normpath(path).lstrip("/") or "."


def _reads_context(flag: str, value: str) -> bool:
    """Whether a flag of RUN mounts something that could be the context."""
    return flag == "mount" and ("type=bind" in value or "type=" not in value)


def _instructions(dockerfile: str) -> Iterator[list[str]]:
    lines = [line for line in dockerfile.split("\n") if not line.lstrip().startswith("#")]
    for line in re.sub(r"\\\s*\n", " ", "\n".join(lines)).split("\n"):
        if line.strip():
            yield line.split()


@dataclass(frozen=True)
class _Rule:
    """One line of a .dockerignore; the last one that matches decides.

    https://docs.docker.com/build/concepts/context/#dockerignore-files
    """

    pattern: str
    lets_through: bool
    regex: re.Pattern[str]


def _parse_rules(file: Path) -> list[_Rule]:
    rules = []
    for number, line in enumerate(_text(file).split("\n"), 1):
        if not line.strip() or line.startswith("#"):
            continue
        lets_through = line.strip().startswith("!")
        pattern = line.strip().removeprefix("!").strip()
        try:
            named = pattern.strip("/") if lets_through else pattern
            if not named or "".join(_PARTS.findall(pattern)) != pattern:
                raise re.error("not a pattern")
            rule = _Rule(_relative(pattern), lets_through, re.compile(_regex(_relative(pattern))))
        except re.error:
            where = f"{file.parent.name}/{file.name}:{number}"
            raise ConfigError([f"{where}: {line.strip()} is not a pattern for Docker"]) from None
        rules.append(rule)
    return rules


# A wildcard, a class, a character with \ before it, any other character. The rest is a mistake.
_IN_CLASS = r"(?:\\.|[^\\\]-])"
_PARTS = re.compile(
    rf"(?s)\*\*/?|\*|\?|\[(?:\^|(?!\^))(?:{_IN_CLASS}(?:-{_IN_CLASS})?)+\]|\\.|[^\[\\]"
)


def _regex(pattern: str) -> str:
    """Go's filepath.Match plus `**`; a rule for a folder covers what is below it.

    https://github.com/moby/patternmatcher/blob/v0.6.0/patternmatcher.go
    """
    is_suffix = re.fullmatch(r"\*\*[^/*?\[\]\\]+", pattern)
    out = ""
    for found in _PARTS.finditer(pattern):
        part = found[0]
        if part.startswith("**"):
            out += ".*" if is_suffix or found.end() == len(pattern) else "(.*/)?"
        elif part == "*":
            out += "[^/]*"
        elif part == "?":
            out += "[^/]"
        elif part.startswith("["):
            out += "[" + re.sub(r"(?<!\\)\[", r"\[", part[1:])  # Else Python warns.
        else:
            out += re.escape(part.removeprefix("\\") or part)
    return rf"(?s)\A{out}(/.*)?\Z"


def _ignored(path: str, rules: list[_Rule]) -> bool:
    verdict = False
    for rule in rules:
        if rule.regex.match(path):
            verdict = not rule.lets_through
    return verdict


def _reaches_below(folder: str, rules: list[_Rule]) -> bool:
    return any(rule.lets_through and _may_reach(rule.pattern, folder) for rule in rules)


def _may_reach(pattern: str, folder: str) -> bool:
    for wanted, part in zip(pattern.split("/"), folder.split("/"), strict=False):
        if "**" in wanted:
            return True
        if wanted != part and not re.search(r"[*?\[\\]", wanted):
            return False
    return True
