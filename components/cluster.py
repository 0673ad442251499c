"""The cluster of a stack, and the provider for it."""

import os
from pathlib import Path

import pulumi_kubernetes as kubernetes
import yaml

from .config.stack import Cluster
from .minikube import ClusterError


def kubernetes_provider(name: str, cluster: Cluster) -> kubernetes.Provider:
    """A provider bound to the stack's context, whatever the kubeconfig's current context is.

    Raises:
        ClusterError: if no kubeconfig has the context.
    """
    known = _contexts()
    if cluster.context not in known:
        have = f"has {', '.join(known)}" if known else "has none"
        raise ClusterError(
            f"taskflow:cluster.context: no context {cluster.context!r} in the kubeconfig, which {have}; "
            "start that cluster (on dev: make up), or name one of these in the stack file"
        )
    return kubernetes.Provider(
        name,
        context=cluster.context,
        # Not the default, $KUBECONFIG: the plugin takes it as one path, so the provider would differ for colleagues
        # with another path. Empty, it looks for the context where kubectl does.
        kubeconfig="",
        cluster_identifier=cluster.context,
        enable_server_side_apply=True,
        # The API server limits its clients by itself. With the provider's 50 requests a second, from the fifth release
        # in one program on, a preview mostly waits.
        kube_client_settings=kubernetes.KubeClientSettingsArgs(qps=500, burst=1000),
    )


def _contexts() -> list[str]:
    """Context names over all files of $KUBECONFIG, as kubectl merges them."""
    paths = os.environ.get("KUBECONFIG") or str(Path.home() / ".kube" / "config")
    names: list[str] = []
    for path in filter(None, paths.split(os.pathsep)):
        if Path(path).is_file():
            content = yaml.safe_load(Path(path).read_text()) or {}
            names += [context["name"] for context in content.get("contexts") or []]
    return names
