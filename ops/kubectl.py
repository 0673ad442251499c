"""kubectl, bound to a context: the only place that calls it."""

import json
import re
import shlex
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import IO, Any

from components.contexts import missing_context
from ops.config.stacks import StackFile
from ops.errors import OpsError
from ops.processes import Result, capture, stream

SECONDS = 30
REQUEST_SECONDS = 10
"""One request to the API server; a healthy one answers within a second."""

# What kubectl prints when the API server does not accept the credentials.
REFUSED_CREDENTIALS = (
    "Unauthorized",
    "You must be logged in",
    "provide credentials",
    "getting credentials",
)
FORBIDDEN = "(Forbidden)"
UNKNOWN_KIND = re.compile(r"server doesn't have a resource type \"([^\"]+)\"")
Manifest = dict[str, Any]


class NoAnswerError(OpsError):
    """A cluster did not answer, or refused to; `what` names its context."""


@dataclass(frozen=True)
class Kubectl:
    context: str
    env: Mapping[str, str]
    namespace: str = ""

    def run(self, *arguments: str, timeout: float = SECONDS, stdin: str = "") -> Result:
        """Run a short command quietly. Code 127: no kubectl; 124: no answer in time."""
        return capture(self.command(arguments), env=self.env, timeout=timeout, stdin=stdin)

    def wait(self, seconds: int, *arguments: str) -> Result:
        """Run a command that waits for something, at most so many seconds by its own clock."""
        return self.run(*arguments, f"--timeout={seconds}s", timeout=seconds + 10)

    def output(self, *arguments: str, stdin: str = "") -> str:
        """The output of a short command.

        Raises:
            NoAnswerError: if it fails.
        """
        answer = self.run(*arguments, stdin=stdin)
        if answer.code != 0:
            raise self.failure(answer.output)
        return answer.output

    def objects(self, *what: str) -> list[Manifest]:
        """The objects that `kubectl get` finds.

        Raises:
            NoAnswerError: if the cluster does not answer, or refuses.
        """
        limit = f"--request-timeout={REQUEST_SECONDS}s"
        answer = self.output("get", *what, limit, "--output=json")
        if not answer.strip():  # With --ignore-not-found.
            return []
        try:
            found = json.loads(answer)
            return list(found["items"]) if "items" in found else [found]
        except (ValueError, KeyError, TypeError):
            raise self.failure(answer) from None

    def failure(self, output: str) -> NoAnswerError:
        """Why the cluster gave no answer, as the one error that names its context."""
        # The lines before the last are notes of kubectl's own log.
        said = (output.strip().splitlines() or ["kubectl printed nothing"])[-1].strip()
        if any(words in output for words in REFUSED_CREDENTIALS):
            what, fix = (
                f"the cluster behind context {self.context} refuses the credentials",
                "they may have expired: get that cluster's credentials again",
            )
        elif FORBIDDEN in output:
            what, fix = (
                f"the cluster behind context {self.context} does not allow this to its user",
                "give the user that right, or use credentials that have it",
            )
        elif unknown := UNKNOWN_KIND.search(output):
            what, fix = (
                f"the cluster behind context {self.context} has no kind {unknown[1]}",
                "install the CRDs of the Gateway API (its standard channel) and a controller, or use taskflow:ingress: "
                "https://gateway-api.sigs.k8s.io/guides/",
            )
        else:
            what, fix = (
                f"the cluster behind context {self.context} did not answer",
                f"make up starts a Minikube that is down; otherwise run: kubectl --context "
                f"{shlex.quote(self.context)} get namespaces",
            )
        return NoAnswerError(what, where=said, fix=fix)

    def stream(self, *arguments: str) -> Result:
        """Run a command and pass its output through, until it ends or the person presses Ctrl-C."""
        return stream(self.command(arguments), env=self.env)

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        """Start a command that runs on; stdout and stderr are one pipe."""
        return subprocess.Popen(
            self.command(arguments),
            env=dict(self.env),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
        )

    def piped(self, *arguments: str, stderr: IO[bytes]) -> subprocess.Popen[bytes]:
        """Start a command whose stdin and stdout carry data, which nothing remembers."""
        return subprocess.Popen(
            self.command(arguments),
            env=dict(self.env),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=stderr,
        )

    def command(self, arguments: Sequence[str]) -> list[str]:
        bound = ["--namespace", self.namespace] if self.namespace else []
        return ["kubectl", "--context", self.context, *bound, *arguments]


def reference(manifest: Mapping[str, Any], name: str) -> str:
    """An object as `kubectl get` takes it: `Deployment.v1.apps/web`."""
    group, _, version = str(manifest["apiVersion"]).rpartition("/")
    return f"{manifest['kind']}.{version}.{group}/{name}"


def require_context(stack: StackFile, env: Mapping[str, str]) -> None:
    """Fail at once if no kubeconfig has the stack's context."""
    context = stack.context
    known = capture(["kubectl", "config", "get-contexts", "--output=name"], env=env).output.split()
    if context in known:
        return
    what, fix = missing_context(context, minikube=stack.profile, stack=stack.name, known=known)
    raise OpsError(what, where=f"{stack.path.name}: taskflow:cluster.context", fix=fix)
