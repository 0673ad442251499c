"""The contexts of the kubeconfig, and what to do if a stack's is not among them."""

import os
from collections.abc import Sequence
from difflib import get_close_matches
from pathlib import Path

import yaml

from .config.go_yaml import Loader
from .config.stack_file import file_name


def contexts() -> list[str]:
    """Context names over all files of $KUBECONFIG, as kubectl merges them."""
    paths = os.environ.get("KUBECONFIG") or str(Path.home() / ".kube" / "config")
    names: list[str] = []
    for path in filter(None, paths.split(os.pathsep)):
        if Path(path).is_file():
            # PyYAML's own loader takes 2 ms for the certificates of each cluster, in every preview.
            content = yaml.load(Path(path).read_text(), Loader) or {}  # noqa: S506 - it is a safe one
            names += [context["name"] for context in content.get("contexts") or []]
    return names


def missing_context(
    context: str, *, minikube: str | None, stack: str, known: Sequence[str]
) -> tuple[str, str]:
    """What is wrong, and the fix.

    Args:
        minikube: the stack's Minikube profile.
        known: the contexts that there are.
    """
    have = f"the kubeconfig has {', '.join(known)}" if known else "the kubeconfig has none"
    near = get_close_matches(context, known, n=1)
    if context == minikube:
        fix = f"make up STACK={stack} starts Minikube, which makes the context"
    elif near:
        fix = f"did you mean {near[0]}? Correct taskflow:cluster.context in {file_name(stack)}"
    else:
        fix = (
            "get that cluster's credentials (its provider's command line adds the context to your kubeconfig), "
            f"or correct taskflow:cluster.context in {file_name(stack)}"
        )
    return f"there is no kubectl context {context!r}; {have}", fix
