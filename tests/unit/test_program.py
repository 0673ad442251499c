"""The program itself, `__main__.py`, in an interpreter of its own: what it imports, and when."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from ops.paths import ROOT

pytestmark = pytest.mark.exhaustive
PREBUILT = {"ref": f"taskflow@sha256:{'0123456789abcdef' * 4}"}
SCRIPT = """
import json, pathlib, sys
from bench import program

at_provider = []

class Engine(program.Engine):
    def new_resource(self, args):
        if args.typ == "pulumi:providers:kubernetes":
            at_provider.append(hasattr(sys.modules.get("components.app"), "TaskflowApp"))
        return super().new_resource(args)

program.Engine = Engine
program.main(pathlib.Path(sys.argv[1]), sys.argv[2:])
print(json.dumps({"docker": "pulumi_docker" in sys.modules, "at_provider": at_provider}))
"""


def run(folder: Path, values: dict[str, Any]) -> dict[str, Any]:
    """Run the program with these values, and those that every stack needs; returns what the script found."""
    for name in ("__main__.py", "components", "Pulumi.yaml"):
        (folder / name).symlink_to(ROOT / name)
    needed = {
        "cluster": {"context": "bench", "minikube": "bench"},
        "database": {"embedded": {}},
        "secrets": {"generate": True},
    }
    texts = [f"{key}={json.dumps(value)}" for key, value in (needed | values).items()]
    command = [sys.executable, "-c", SCRIPT, str(folder), *texts]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


@pytest.mark.parametrize(
    ("images", "imported"),
    [({"backend": PREBUILT, "frontend": PREBUILT}, False), ({"backend": PREBUILT}, True)],
)
def test_a_release_of_prebuilt_images_alone_does_not_import_pulumi_docker(
    tmp_path: Path, images: dict[str, Any], imported: bool
) -> None:
    assert run(tmp_path, {"images": images})["docker"] is imported


def test_the_provider_starts_while_the_other_classes_are_imported(tmp_path: Path) -> None:
    assert run(tmp_path, {})["at_provider"] == [False], "its plugin starts as long as they import"
