"""The Pulumi program: read the stack's configuration, make one TaskflowApp on its cluster, export where it is."""

import atexit
import gc
from pathlib import Path

# The SDK's thousands of typed classes are all kept, and the process ends with the program: looking for garbage among
# them, again and again while they are imported and once more at the end, would take a third of its time.
gc.disable()
atexit.register(gc.freeze)

import pulumi

from components import ConfigError, TaskflowApp, TaskflowAppArgs, kubernetes_provider, load
from components.minikube import ClusterError

SOURCES = Path(__file__).resolve().parent / "docker"

try:
    config, secrets = load()
    provider = kubernetes_provider("cluster", config.cluster)
    app = TaskflowApp(
        config.release,
        TaskflowAppArgs(config=config, secrets=secrets, sources=SOURCES),
        pulumi.ResourceOptions(providers=[provider]),
    )
except (ConfigError, ClusterError) as error:
    # The user's mistake, not the program's: the message without a traceback.
    raise pulumi.RunError(str(error)) from None

pulumi.export("url", app.url)
pulumi.export("namespace", app.namespace)
pulumi.export("backend_image", app.backend_image)
pulumi.export("frontend_image", app.frontend_image)
