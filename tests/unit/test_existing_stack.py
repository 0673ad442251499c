"""The first preview of a stack that an earlier release brought up replaces nothing that it should keep.

The engine finds a resource again by its URN: the types of its parent and its own, and its name. The provider replaces
an object where a field changes that Kubernetes does not let change.
"""

import gc
import json
import runpy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pulumi
import pytest
import yaml
from pulumi.runtime.mocks import MockMonitor

from components.config.stack_file import FOLDER_VARIABLE, StackFile
from ops.paths import ROOT
from policy.rule import at
from tests.unit.conftest import Engine

EARLIER = Path(__file__).with_name("dev_stack.json")
"""What the program of commit 597dd3e registered for the dev stack, by URN."""
DELETED: dict[str, str] = {}
"""URNs of EARLIER that were given up on purpose, with the reason."""
FIXED = (
    "metadata.name",
    "metadata.namespace",
    "spec.selector.matchLabels",
    "spec.serviceName",
    "spec.clusterIP",
    "spec.accessModes",
    "spec.storageClassName",
    "spec.resources.requests.storage",
    "length",
    "special",
    "context",
)


def fixed(inputs: dict[str, Any]) -> dict[str, Any]:
    found = {path: at(inputs, *path.split(".")) for path in FIXED}
    return {path: value for path, value in found.items() if value is not None}


@pytest.fixture
def registered(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """What the program registers for the committed dev stack."""
    engine = Engine()
    urns: dict[str, str] = {}
    register = MockMonitor.RegisterResource

    def recording(monitor: Any, request: Any) -> Any:
        answer = register(monitor, request)  # type: ignore[no-untyped-call]
        if request.type != "pulumi:pulumi:Stack":  # Once in a process, whichever test comes first.
            urns[answer.urn] = request.name
        return answer

    monkeypatch.setattr(MockMonitor, "RegisterResource", recording)
    (tmp_path / "config").write_text(yaml.safe_dump({"contexts": [{"name": "minikube"}]}))
    monkeypatch.setattr(gc, "disable", lambda: None)  # The program ends with its process.
    monkeypatch.setenv("KUBECONFIG", str(tmp_path / "config"))
    monkeypatch.setenv("MINIKUBE_HOME", str(tmp_path))
    monkeypatch.setenv(FOLDER_VARIABLE, str(ROOT))
    texts = StackFile.of_stack("dev", "taskflow", ROOT).texts
    pulumi.runtime.set_mocks(engine, project="taskflow", stack="dev", preview=False)
    pulumi.runtime.set_all_config({f"taskflow:{key}": text for key, text in texts.items()})
    entrypoints: list[Callable[[], Any]] = []
    monkeypatch.setattr(pulumi, "run", entrypoints.append)

    @pulumi.runtime.test  # type: ignore[untyped-decorator]
    def program() -> pulumi.Output[Any]:
        runpy.run_path(str(ROOT / "__main__.py"))
        (main,) = entrypoints
        return pulumi.Output.from_input(main())

    program()
    return {urn: fixed(engine.inputs.get(name, {})) for urn, name in urns.items()}


@pytest.mark.filterwarnings("ignore:NotImplemented:DeprecationWarning")  # The SDK's own exports.
def test_each_resource_of_an_existing_dev_stack_is_found_again_and_not_replaced(
    registered: dict[str, Any],
) -> None:
    earlier: dict[str, Any] = json.loads(EARLIER.read_text())
    assert len(earlier) > 20, "the list is whole"
    assert earlier.keys() - registered.keys() == DELETED.keys()
    for urn in earlier.keys() & registered.keys():
        assert registered[urn] == earlier[urn], urn
