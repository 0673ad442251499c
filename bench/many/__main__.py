"""As many releases as the configuration says, from images that exist: how the cost of a program grows."""

import atexit
import gc

# As the project's own program does.
gc.disable()
atexit.register(gc.freeze)

import pulumi

from components.app import TaskflowApp, TaskflowAppArgs
from components.cluster import kubernetes_provider
from components.config.check import parse
from components.config.load import StackSecrets
from components.config.stack_file import StackFile

bench = pulumi.Config()
values = {
    "cluster": {"context": bench.require("context")},
    "database": {"embedded": {}},
    "secrets": {"generate": True},
    "images": {
        part: {"ref": f"taskflow@sha256:{'0123456789abcdef' * 4}"}
        for part in ("backend", "frontend")
    },
}
source = StackFile.from_text("Pulumi.many.yaml", "many", "taskflow", "")
cluster = parse(values, secrets={}, source=source).cluster
provider = kubernetes_provider("cluster", cluster)
for number in range(bench.require_int("releases")):
    config = parse({**values, "release": f"many-{number}"}, secrets={}, source=source)
    TaskflowApp(
        config.release,
        TaskflowAppArgs(config=config, secrets=StackSecrets()),
        pulumi.ResourceOptions(providers=[provider]),
    )
