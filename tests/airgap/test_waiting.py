"""Waiting for an object: what ends the wait, and what is told then. The API server's answers are given."""

from collections.abc import Iterator
from typing import Any

import pytest

from airgap.plugins import cluster
from airgap.plugins.cluster import AwayError, Cluster
from airgap.plugins.serve import Object, PluginError

WANTED: Object = {
    "apiVersion": "apps/v1",
    "kind": "Deployment",
    "metadata": {"name": "web", "namespace": "ns", "uid": "1", "generation": 1},
    "spec": {"replicas": 1, "selector": {"matchLabels": {"app": "web"}}},
}
READY = {"observedGeneration": 1, "replicas": 1, "updatedReplicas": 1, "availableReplicas": 1}
CRASHED: Object = {
    "metadata": {"name": "web-1", "namespace": "ns", "creationTimestamp": "2026-01-01T00:00:00Z"},
    "status": {
        "containerStatuses": [
            {
                "name": "main",
                "ready": False,
                "restartCount": 3,
                "state": {"waiting": {"reason": "CrashLoopBackOff", "message": "back-off"}},
            }
        ]
    },
}


class Answering(Cluster):
    """A cluster that gives these answers for the Deployment, one after another."""

    def __init__(self, answers: Iterator[Object | PluginError]) -> None:
        super().__init__()
        self._answers = answers

    def _ask(self, verb: str, obj: Object, **options: Any) -> Object:
        if obj["kind"] == "Pod":
            return {"items": [CRASHED]}
        answer = next(self._answers)
        if isinstance(answer, PluginError):
            raise answer
        return answer


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cluster, "INTERVAL", 0)
    monkeypatch.setattr(cluster, "PATIENCE", 0.05)


def forever(answer: Object) -> Iterator[Object]:
    while True:
        yield answer


def test_a_rollout_whose_pods_crash_ends_with_their_reason() -> None:
    told: list[str] = []
    live, reasons = Answering(forever({**WANTED, "status": {}})).ready(WANTED, told.append)
    assert live["kind"] == "Deployment", "the state keeps what is there"
    assert "pod web-1, container main: CrashLoopBackOff: back-off" in reasons
    assert len(told) == 1, "a line is told again only when it is another"


def test_an_api_server_that_comes_back_is_waited_for() -> None:
    answers: list[Object | PluginError] = [AwayError("away"), {**WANTED, "status": READY}]
    told: list[str] = []
    assert Answering(iter(answers)).ready(WANTED, told.append)[1] == []
    assert told == ["away"]


def test_an_answer_that_is_no_success_ends_the_wait() -> None:
    with pytest.raises(PluginError, match="forbidden"):
        Answering(iter([PluginError("forbidden")])).ready(WANTED, print)


def test_what_somebody_deletes_meanwhile_is_not_waited_for() -> None:
    nothing: list[Object] = [{}]
    reasons = Answering(iter(nothing)).ready(WANTED, print)[1]
    assert reasons == ["it was deleted while it was waited for"]


def test_a_cancelled_wait_ends() -> None:
    answering = Answering(forever({**WANTED, "status": {}}))
    answering.cancelled.set()
    assert answering.ready(WANTED, print)[1] == ["the wait for it was interrupted"]


def test_an_end_is_waited_for_until_the_object_is_gone_or_another_of_its_name() -> None:
    another = {**WANTED, "metadata": {**WANTED["metadata"], "uid": "2"}}
    answers = iter([WANTED, WANTED, another])
    Answering(answers).gone(WANTED)
    assert next(answers, None) is None


def test_a_deployment_that_takes_longer_than_it_may_is_given_up() -> None:
    slow = {**WANTED, "status": {"observedGeneration": 1, "updatedReplicas": 0}}
    answering = Answering(forever(slow))
    _, reasons = answering.ready(WANTED, lambda _: None, timeout=0.01)
    assert reasons[0].startswith("0 of 1 pods updated")
