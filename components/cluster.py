"""The cluster of a stack, and the provider for it."""

import pulumi
import pulumi_kubernetes as kubernetes

from .config.stack import Cluster
from .contexts import contexts, missing_context
from .minikube import ClusterError


def kubernetes_provider(name: str, cluster: Cluster) -> kubernetes.Provider:
    """A provider bound to the stack's context, whatever the kubeconfig's current context is.

    Raises:
        ClusterError: if no kubeconfig has the context.
    """
    known = contexts()
    if cluster.context not in known:
        what, fix = missing_context(
            cluster.context, minikube=cluster.minikube, stack=pulumi.get_stack(), known=known
        )
        raise ClusterError(f"taskflow:cluster.context: {what}; {fix}")
    return kubernetes.Provider(
        name,
        context=cluster.context,
        # Not the default, $KUBECONFIG: the plugin takes it as one path, so the provider would differ for colleagues
        # with another path. Empty, it looks for the context where kubectl does.
        kubeconfig="",
        cluster_identifier=cluster.context,
        enable_server_side_apply=True,
    )
