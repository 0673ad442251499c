"""The engine's failures that people meet, each as one error: what, where, what to do."""

from __future__ import annotations

import re
from dataclasses import dataclass

from ops.engine.stack_file import StackFile
from ops.errors import OpsError

COLOUR = re.compile(r"\x1b\[[0-9;]*m")


@dataclass(frozen=True)
class Known:
    """`pattern`'s named groups, {stack}, {context} and {file} may be used in the texts."""

    pattern: str
    what: str
    fix: str


NO_IMAGE = "image {image} cannot be found or pulled"
RIGHT_IMAGE = (
    "correct the image or base image in {file}, or `docker login` if its registry wants one"
)

# Searched in this order: the first that occurs in the output is the one.
KNOWN = (
    Known(
        r"no space left on device|ENOSPC|disk quota exceeded",
        "the disk is full",
        "make room (df -h; docker system df shows what images take), then run the command again",
    ),
    Known(
        r"stack is currently locked by|[Aa]nother update is currently in progress",
        "another pulumi process holds stack {stack}",
        "wait for it to end; if none runs any more: pulumi cancel --stack {stack}",
    ),
    Known(
        r"incorrect passphrase",
        "the passphrase does not open the secrets of stack {stack}",
        "set PULUMI_CONFIG_PASSPHRASE to the one that {file} was encrypted with",
    ),
    Known(
        r"::(?P<resource>[-a-z0-9]+)\"\s+(?:cannot be deleted\s+because it is protected|"
        r"as it is currently marked for protection)",
        "{resource} holds data and is protected from deletion",
        "take the edit back; or save the data, set taskflow:protect to false in {file} and nothing else, "
        "run make up STACK={stack}, and then this command again",
    ),
    Known(
        r"(?P<port>\d+): provided port is already allocated",
        "node port {port} belongs to another Service in the cluster",
        "set taskflow:frontend.service.nodePort in {file} to a free one, or delete that Service: "
        "kubectl --context {context} get services --all-namespaces shows it",
    ),
    Known(
        r"(?i:namespaces?) \W*(?P<namespace>[-a-z0-9]+)\W* already exists",
        "namespace {namespace} exists, but not in this stack's state: another checkout made it",
        "run `make down` there, or kubectl --context {context} delete namespace {namespace}, "
        "or set taskflow:release in {file} to a name of your own",
    ),
    Known(
        r"namespaces \\?\"(?P<namespace>[-a-z0-9]+)\\?\" not found",
        "namespace {namespace} is in the state of stack {stack}, but no more in the cluster",
        "if context {context} leads to the right cluster, have the state forget it: "
        "pulumi refresh --stack {stack}; then run the command again",
    ),
    Known(
        r"[Cc]annot connect to the Docker daemon|failed to connect to any docker daemon|docker\.sock: connect",
        "the Docker daemon does not answer",
        "run the command again: it starts the daemon where it may, and says so where it may not",
    ),
    Known(
        r"failed to resolve source metadata for (?P<image>[^\s:]\S*?)(?=:?\s|$)",
        NO_IMAGE,
        RIGHT_IMAGE,
    ),
    Known(r"> \[internal\] load metadata for (?P<image>\S+?):?\s", NO_IMAGE, RIGHT_IMAGE),
    Known(r"pull access denied for (?P<image>[^,\s]+)", NO_IMAGE, RIGHT_IMAGE),
    Known(r"base image (?P<image>\S+) is neither", NO_IMAGE, RIGHT_IMAGE),
    Known(
        r"initdb: error: could not access directory|data directory \S+ has wrong ownership",
        "the database's volume belongs to another user than its pod",
        "set taskflow:database: {{embedded: {{user: 999}}}} in {file} (the user of earlier releases), "
        "or, where its data may go, run make down STACK={stack} first",
    ),
    Known(
        # The provider's words after an update and after a creation, and the stand-in's.
        r"(?P<name>[-a-z0-9]+)\" failed to fully initialize or become live"
        r"|failed to fully initialize or become live: \W*(?P<created>[-a-z0-9]+)"
        r"|/(?P<unready>[-a-z0-9]+)\W? did not become ready",
        "{name}{created}{unready} did not become ready; its pods' reasons and last log lines are above",
        "correct the cause and run the command again; more: make status STACK={stack}",
    ),
    Known(
        r":8443\S* .*connection refused|Unable to connect to the server|Max retries exceeded",
        "the cluster behind context {context} stopped answering",
        "run the command again: it brings Minikube back where the stack uses it",
    ),
)


def explain(output: str, *, doing: str, stack: StackFile) -> OpsError:
    """Turn the output of a failed engine command into the one error that is shown last."""
    output = COLOUR.sub("", output)
    words = {"stack": stack.name, "context": stack.context, "file": stack.path.name}
    for known in KNOWN:
        match = re.search(known.pattern, output)
        if match:
            words |= match.groupdict(default="")
            return OpsError(
                known.what.format(**words),
                where=_line_of(output, match.start()),
                fix=known.fix.format(**words),
            )
    errors = (line.partition("error: ")[2] for line in output.splitlines())
    first = next(filter(None, errors), "")
    return OpsError(
        f"{doing} failed on stack {stack.name}; its own message is above",
        where=_shorten(first),
        fix="correct what it names, then run the same command again: what is up already stays",
    )


def _line_of(output: str, position: int) -> str:
    start = output.rfind("\n", 0, position) + 1
    end = output.find("\n", position)
    return _shorten(output[start : end if end >= 0 else None])


def _shorten(line: str, limit: int = 240) -> str:
    line = " ".join(line.split())
    return line if len(line) <= limit else f"{line[:limit]} ..."
