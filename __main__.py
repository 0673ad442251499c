"""The Pulumi program: read the stack's configuration, make one TaskflowApp on its cluster, export where it is."""

import asyncio
import atexit
import gc
from importlib import import_module
from pathlib import Path

# The SDK's thousands of typed classes are all kept, and the process ends with the program: looking for garbage among
# them, again and again while they are imported and once more at the end, would take a third of its time.
gc.disable()
atexit.register(gc.freeze)

import pulumi

import components
from components.minikube import ClusterError

SOURCES = Path(__file__).resolve().parent / "docker"


async def main() -> pulumi.Inputs:
    """Returns the stack's outputs."""
    try:
        config, secrets = components.load()
        provider = components.kubernetes_provider("cluster", config.cluster)
        # The SDK's Kubernetes classes are imported while the engine starts the provider.
        await asyncio.to_thread(import_module, "components.app")
        app = components.TaskflowApp(
            config.release,
            components.TaskflowAppArgs(config=config, secrets=secrets, sources=SOURCES),
            pulumi.ResourceOptions(providers=[provider]),
        )
    except (components.ConfigError, ClusterError) as error:
        # The user's mistake, not the program's: the message without a traceback.
        raise pulumi.RunError(str(error)) from None
    return {
        "url": app.url,
        "namespace": app.namespace,
        "backend_image": app.backend_image,
        "frontend_image": app.frontend_image,
    }


pulumi.run(main)
