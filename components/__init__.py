"""TaskFlow on Kubernetes as typed Pulumi components."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .app import TaskflowApp, TaskflowAppArgs
    from .backend import BackendService, BackendServiceArgs
    from .cluster import kubernetes_provider
    from .config.errors import ConfigError
    from .config.load import StackSecrets, load
    from .config.stack import StackConfig
    from .frontend import FrontendService, FrontendServiceArgs

__all__ = [
    "BackendService",
    "BackendServiceArgs",
    "ConfigError",
    "FrontendService",
    "FrontendServiceArgs",
    "StackConfig",
    "StackSecrets",
    "TaskflowApp",
    "TaskflowAppArgs",
    "kubernetes_provider",
    "load",
]

_MODULES = {
    "app": ("TaskflowApp", "TaskflowAppArgs"),
    "backend": ("BackendService", "BackendServiceArgs"),
    "cluster": ("kubernetes_provider",),
    "config.errors": ("ConfigError",),
    "config.load": ("StackSecrets", "load"),
    "config.stack": ("StackConfig",),
    "frontend": ("FrontendService", "FrontendServiceArgs"),
}


def __getattr__(name: str) -> Any:
    """Loaded on access: reading a stack file does not load Pulumi's SDK."""
    for module, names in _MODULES.items():
        if name in names:
            return getattr(import_module(f".{module}", __name__), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
