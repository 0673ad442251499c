"""`make rotate` as a command: what is in the stack file where it fails. Its steps are in tests/engine."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from ops import pods
from ops.config.stacks import StackFile
from ops.engine.stack import Stack
from ops.errors import OpsError
from ops.kubectl import Kubectl
from ops.prepare import setup
from ops.release import history, rotate
from ops.release.history import Location
from tests.ops.conftest import Cluster
from tests.ops.machines import LOCAL, set_up

NEW = "  taskflow:openaiApiKey: {secure: new}\n"


@pytest.mark.parametrize("fails", ["up", "await_former"])
def test_the_stack_file_keeps_a_secret_that_is_deployed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fails: str
) -> None:
    def fail_in(step: str) -> Any:
        def run(*_: object, **__: object) -> None:
            if step == fails:
                raise OpsError(f"{step} fails")

        return run

    def edit(_: Stack, draft: Path, *__: str, stdin: str) -> None:
        draft.write_text(draft.read_text() + NEW)

    path = tmp_path / "Pulumi.dev.yaml"
    path.write_text(LOCAL)
    file = StackFile.read("dev", tmp_path)
    config: Any = SimpleNamespace(
        secrets=SimpleNamespace(existing=None), database=SimpleNamespace(embedded=object())
    )
    monkeypatch.setattr(StackFile, "read", lambda *_: file)
    monkeypatch.setattr(rotate, "deployable", lambda _: SimpleNamespace(config=config))
    monkeypatch.setattr(rotate, "new_value", lambda *_: "sk-new")
    monkeypatch.setattr(setup, "choose", lambda: set_up({}))
    monkeypatch.setattr(Stack, "edit", edit)
    monkeypatch.setattr(rotate, "Stack", lambda file, by, env: Stack(file, by, env, tmp_path))
    monkeypatch.setattr(rotate, "bring_up", fail_in("up"))
    monkeypatch.setattr(pods, "await_former", fail_in("await_former"))

    with pytest.raises(OpsError, match=f"{fails} fails"):
        rotate.rotate("openaiApiKey", "dev", None)

    assert path.read_text() == (LOCAL if fails == "up" else LOCAL + NEW)


def test_an_address_is_tried_in_the_backends_own_container(
    cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else the first line of the answer, which is the reason, is kubectl's note of the container that it takes."""
    place = Location("blue", Kubectl("minikube", {}, "blue"), "127.0.0.1")
    monkeypatch.setattr(history, "location", lambda _: place)
    cluster.answer("exec", "Defaulted container backend\nrefused", code=1)
    cluster.answer("exec --container=backend", "the password is refused", code=1)
    stack: Any = None
    with pytest.raises(OpsError, match="nothing was changed") as refused:
        rotate.require_database(stack, "postgresql://a:b@database.invalid/c", "task")
    assert refused.value.where == "the password is refused"
