"""The program alone, on mocks: its imports, its configuration and its registrations, without an engine.

`python -m bench.program FOLDER KEY=TEXT...` runs the program of a folder once, with what the engine would hand over;
its parent reads the stack file and measures the process.
"""

from __future__ import annotations

import asyncio
import os
import runpy
import sys
import tempfile
from contextlib import closing
from pathlib import Path

import pulumi
import yaml
from pulumi.runtime.settings import ROOT

CONTEXT = "bench"


class Engine(pulumi.runtime.Mocks):
    """Accepts every resource and returns what a program reads of it."""

    def new_resource(
        self, args: pulumi.runtime.MockResourceArgs
    ) -> tuple[str | None, dict[str, object]]:
        outputs = dict(args.inputs)
        if args.typ.startswith("random:"):
            outputs["result"] = "x" * int(outputs["length"])
        if "metadata" in outputs:
            outputs["metadata"] = {"name": args.name, **outputs["metadata"]}
        return f"{args.name}-id", outputs

    def call(self, args: pulumi.runtime.MockCallArgs) -> tuple[dict[str, object], None]:
        raise NotImplementedError(f"{args.token} needs an engine")


def main(folder: Path, assignments: list[str]) -> None:
    """Run the program of `folder` on a machine that has a kubeconfig with one context, and no Minikube."""
    os.chdir(folder)
    sys.path.insert(0, str(folder))
    # Read, not imported from the components: the plain program would load pydantic with them.
    project = yaml.safe_load(Path("Pulumi.yaml").read_text())["name"]
    values = {
        f"{project}:{key}": text for key, text in (item.split("=", 1) for item in assignments)
    }
    pulumi.runtime.set_mocks(Engine(), project=project, stack="dev", preview=False)
    pulumi.runtime.set_all_config(values)
    with tempfile.TemporaryDirectory() as home:
        kubeconfig = Path(home) / "config"
        kubeconfig.write_text(yaml.safe_dump({"contexts": [{"name": CONTEXT}]}))
        os.environ |= {"KUBECONFIG": str(kubeconfig), "MINIKUBE_HOME": home}
        # The mocks have made a stack, and closed it: a program of pulumi.run needs one of its own, on the same loop.
        ROOT.set(None)
        with closing(asyncio.get_event_loop()) as loop:
            loop.run_until_complete(pulumi.runtime.run_in_stack(_program))


def _program() -> None:
    runpy.run_path("__main__.py", run_name="__main__")


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2:])
