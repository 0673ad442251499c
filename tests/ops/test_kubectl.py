"""The errors for a cluster that does not answer or is unknown."""

import re
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
            "the cluster behind context work could not be asked",
        ),
        (
            'error: the server doesn\'t have a resource type "HTTPRoute"',
            "the cluster behind context work has no kind HTTPRoute",
        ),
    ],
    ids=["expired token", "no answer", "no Gateway API"],
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


@pytest.fixture
def contexts(tmp_path: Path) -> Programs:
    programs = Programs(tmp_path)
    programs.answer("kubectl", "get-contexts", "minikube\nother")
    return programs


def stack(context: str, profile: str | None = None) -> StackFile:
    return StackFile("x", Path("Pulumi.x.yaml"), context, profile, None, True)


def refused(stack: StackFile, contexts: Programs) -> OpsError:
    with pytest.raises(OpsError) as caught:
        require_context(stack, contexts.env)
    assert f"no kubectl context {stack.context!r}" in caught.value.what
    assert caught.value.where == "Pulumi.x.yaml: taskflow:cluster.context"
    return caught.value


def test_a_context_that_is_known_passes(contexts: Programs) -> None:
    require_context(stack("other"), contexts.env)


def test_a_mistyped_context_gets_the_nearest_name_as_a_hint(contexts: Programs) -> None:
    assert refused(stack("minikub", "minikube"), contexts).fix.startswith("did you mean minikube?")


def test_a_context_unlike_all_others_needs_its_clusters_credentials(contexts: Programs) -> None:
    error = refused(stack("taskflow-prod"), contexts)
    assert error.fix.startswith("get that cluster's credentials")
    assert "use one of" not in error.fix, "another cluster is not the intended one"


def test_the_context_of_a_minikube_that_is_yet_to_start_comes_with_it(contexts: Programs) -> None:
    assert "make up STACK=x starts Minikube" in refused(stack("new", "new"), contexts).fix
