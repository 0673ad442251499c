"""The errors for a cluster that does not answer or is unknown."""

import re
from dataclasses import replace
from pathlib import Path

import pytest

from ops.config.stacks import StackFile
from ops.errors import OpsError
from ops.kubectl import Kubectl, require_context
from ops.paths import ROOT
from tests.ops.conftest import Cluster
from tests.ops.programs import Programs


@pytest.mark.parametrize(
    ("answer", "what"),
    [
        (
            "E1129 memcache.go:265] couldn't get current server API group list\n"
            "error: You must be logged in to the server (Unauthorized)",
            "the cluster behind context work refuses the credentials",
        ),
        (
            "Unable to connect to the server: dial tcp 10.0.0.1:443: i/o timeout",
            "the cluster behind context work did not answer",
        ),
        (
            'Error from server (Forbidden): pods is forbidden: User "ci" cannot list resource "pods"',
            "the cluster behind context work does not allow this to its user",
        ),
        (
            'error: the server doesn\'t have a resource type "HTTPRoute"',
            "the cluster behind context work has no kind HTTPRoute",
        ),
    ],
    ids=["expired token", "no answer", "no right", "no Gateway API"],
)
def test_a_cluster_that_gives_no_answer_is_named_with_its_context_and_last_line(
    cluster: Cluster, answer: str, what: str
) -> None:
    cluster.answer("get", answer, code=1)
    with pytest.raises(OpsError) as caught:
        Kubectl("work", {}).objects("pods")
    assert caught.value.what == what
    assert caught.value.where == answer.splitlines()[-1]


def test_nothing_else_calls_kubectl() -> None:
    callers = [
        path.relative_to(ROOT).as_posix()
        for folder in ("ops", "bench", "tests/machinery")
        for path in (ROOT / folder).rglob("*.py")
        if re.search(r'[\[(]"kubectl"', path.read_text()) and path.parent.name != "prepare"
    ]
    assert callers == ["ops/kubectl.py"], "prepare/ only asks which kubectl there is"


def test_nothing_found_is_no_failure(cluster: Cluster) -> None:
    cluster.answer("get", "")
    assert Kubectl("work", {}).objects("pods", "--ignore-not-found") == []


def test_a_stack_whose_context_is_missing_is_refused_with_the_place_of_its_name(
    tmp_path: Path,
) -> None:
    programs = Programs(tmp_path)
    programs.answer("kubectl", "get-contexts", "minikube\nother")
    stack = StackFile("x", Path("Pulumi.x.yaml"), "minikub", "minikube", None, True)
    with pytest.raises(OpsError, match="no kubectl context 'minikub'") as caught:
        require_context(stack, programs.env)
    assert caught.value.where == "Pulumi.x.yaml: taskflow:cluster.context"
    # The other fixes of the same function: tests/unit/test_cluster.py.
    assert caught.value.fix.startswith("did you mean minikube?")
    require_context(replace(stack, context="other"), programs.env)
