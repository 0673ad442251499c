"""The engine's common failures, each as one error: what, where, what to do."""

import re
import shlex
from dataclasses import dataclass

from ops.config.stacks import StackFile
from ops.errors import OpsError

SHOWN = 240
"""Characters of the engine's line in an error."""
COLOUR = re.compile(r"\x1b\[[0-9;]*m")


@dataclass(frozen=True)
class Known:
    """`pattern`'s named groups, {stack}, {context} and {file} may be used in the texts."""

    pattern: str
    what: str
    fix: str


NO_IMAGE = "image {image} cannot be found or pulled"
RIGHT_IMAGE = (
    "correct the image or base image in {file}, or run `docker login` if its registry requires it"
)

# The key that decides whether an object passes a rule of policy/; no key affects the rules that are not here.
POLICY_KEYS = {
    "rollouts-keep-serving": "{component}.replicas, autoscaling.min or strategy.maxUnavailable",
    "requests-and-limits": "{component}.resources",
    "images-are-pinned": "taskflow:images",
    "pods-drain": "{component}.preStopSeconds or gracePeriodSeconds",
    "no-secret-in-environment": "{component}.env",
    "a-namespace-of-its-own": "taskflow:namespace",
    "services-of-the-right-type": "{component}.service.type",
    "ingress-with-tls": "taskflow:ingress.tls",
    "gateway-with-tls": "taskflow:gateway.tls",
}

# Searched in this order: the first match counts.
KNOWN = (
    Known(
        r"no space left on device|ENOSPC|disk quota exceeded",
        "the disk is full",
        "make room (df -h; docker system df shows what images take), then run the command again",
    ),
    Known(
        r"stack is currently locked by|[Aa]nother update is currently in progress",
        "another pulumi process holds stack {stack}",
        "wait for it to end; if none runs any more: pulumi cancel --yes --stack {stack}",
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
        "revert the edit; or save the data, set taskflow:protect to false in {file} and nothing else, "
        "run make up STACK={stack}, and then this command again",
    ),
    Known(
        r"(?P<port>\d+): provided port is already allocated",
        "node port {port} belongs to another Service in the cluster",
        "set taskflow:frontend.service.nodePort in {file} to a free one; this shows who has it: "
        "kubectl --context {context} get services --all-namespaces",
    ),
    Known(
        r"(?i:namespaces?) \W*(?P<namespace>[-a-z0-9]+)\W* already exists",
        "namespace {namespace} exists, but not in this stack's state: another checkout, or somebody else, made it",
        "set taskflow:createNamespace to false in {file} to deploy into it, or taskflow:release to another name; if "
        "another checkout of yours made it, run make down there",
    ),
    Known(
        r"namespaces \\?\"(?P<namespace>[-a-z0-9]+)\\?\" not found",
        "namespace {namespace} is in the state of stack {stack}, but no longer in the cluster",
        "if context {context} is the right cluster, drop it from the state and create it again: "
        "make up STACK={stack} REFRESH=1",
    ),
    Known(
        r"[Cc]annot connect to the Docker daemon|failed to connect to any docker daemon|docker\.sock: connect",
        "the Docker daemon that builds the images of stack {stack} does not answer",
        "make up STACK={stack} starts the daemon of this machine, or reports that it must not",
    ),
    Known(
        r"failed to resolve source metadata for (?P<image>[^\s:]\S*?)(?=:?\s|$)",
        NO_IMAGE,
        RIGHT_IMAGE,
    ),
    Known(r"> \[internal\] load metadata for (?P<image>\S+?):?\s", NO_IMAGE, RIGHT_IMAGE),
    Known(r"pull access denied for (?P<image>[^,\s]+)", NO_IMAGE, RIGHT_IMAGE),
    Known(
        # From BuildKit through pulumi-docker; Docker Hub's own images are in its folder `library`.
        r"failed to do request: \w+ \\?\"https?://(?P<registry>[^/\"]+)/v2/(?P<name>[^\"]+?)/manifests/(?P<tag>[^\"\\]+)",
        "image {registry}/{name}:{tag} cannot be found or pulled: its registry does not answer",
        RIGHT_IMAGE,
    ),
    Known(
        r"npm (?:error|ERR!) 403 .*GET (?P<npm>\S+)|ERROR: HTTP error 403 while getting (?P<pip>\S+)",
        "a package registry refuses {npm}{pip}",
        "have the registry allow that package, or lock another version in docker/; then run the same command again",
    ),
    Known(
        r"resource '(?P<namespace>[-a-z0-9]+)/(?P<name>[-a-z0-9.]+)' does not exist",
        "Secret {name} does not exist in namespace {namespace}",
        "make it: kubectl --context {context} --namespace {namespace} create secret generic {name} "
        "--from-literal=database-url=ADDRESS --from-literal=better-auth-secret=KEY; or correct "
        "taskflow:secrets.existing in {file}",
    ),
    Known(
        r"field can not be less than",
        "the volume of the database cannot shrink",
        "set taskflow:database.embedded.size in {file} to what it was, or more",
    ),
    Known(
        r"storageclass that provisions the pvc must support resize",
        "the storage class of the database's volume does not let volumes grow",
        "set taskflow:database.embedded.size in {file} to what it was; or have the cluster's administrator set "
        "allowVolumeExpansion on the class",
    ),
    Known(
        r"PersistentVolumeClaim \\?\"(?P<name>[-a-z0-9]+)\\?\" is invalid: spec: Forbidden: spec is immutable",
        "volume claim {name} cannot change in place, except its size",
        "revert the edit in {file}; or move the data to a new volume: make backup STACK={stack}, make down "
        "STACK={stack}, make up STACK={stack}, make restore STACK={stack} FROM=file",
    ),
    Known(
        r"\[mandatory\].*?\s(?P<rule>[-a-z]+)\s+\([^)]*?: (?P<object>[-a-z0-9]+)\)[ \t]*(?P<said>(?:\n {6,}[^-\s].*)*)",
        "the policy {rule} refuses {object}: {said}",
        "change {key} in {file}; taskflow:policies: advisory turns violations into warnings",
    ),
    Known(
        r"initdb: error: could not access directory|data directory \S+ has wrong ownership",
        "the database's volume belongs to another user than its pod",
        "set taskflow:database: {{embedded: {{user: 999}}}} in {file} (the user of earlier releases), "
        "or, where its data may go, run make down STACK={stack} first",
    ),
    Known(
        # The provider's words after an update, and after a creation.
        r"(?P<name>[-a-z0-9]+)\" failed to fully initialize or become live"
        r"|failed to fully initialize or become live: \W*(?P<created>[-a-z0-9]+)",
        "{name}{created} did not become ready; its pods' reasons and last log lines are above",
        "correct the cause and run the command again; more: make status STACK={stack}",
    ),
    Known(
        r":8443\S* .*connection refused|Unable to connect to the server|Max retries exceeded",
        "the cluster behind context {context} stopped answering",
        "make up STACK={stack} brings Minikube back where the stack uses it",
    ),
)


def explain(output: str, *, doing: str, stack: StackFile) -> OpsError:
    """Turn the output of a failed engine command into the one error that is shown last."""
    output = COLOUR.sub("", output)
    words = {"stack": stack.name, "context": shlex.quote(stack.context), "file": stack.path.name}
    for known in KNOWN:
        match = re.search(known.pattern, output)
        if match:
            words |= {name: " ".join(text.split()) for name, text in match.groupdict("").items()}
            words["key"] = _key_of(words.get("rule", ""), words.get("object", ""), stack.release)
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


def _key_of(rule: str, resource: str, release: str) -> str:
    """The stack file's key that makes an object break a policy."""
    component = resource.removeprefix(f"{release}-").partition("-")[0]
    block = {"postgres": "database.embedded"}.get(component, component)
    return POLICY_KEYS.get(rule, "what it names").format(component=f"taskflow:{block}")


def _line_of(output: str, position: int) -> str:
    start = output.rfind("\n", 0, position) + 1
    end = output.find("\n", position)
    return _shorten(output[start : end if end >= 0 else None])


def _shorten(line: str) -> str:
    line = " ".join(line.split())
    return line if len(line) <= SHOWN else f"{line[:SHOWN]} ..."
