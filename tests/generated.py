"""Stack configurations made up by hypothesis from the models themselves: most are valid, many nearly."""

from types import UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from hypothesis import strategies as st
from pydantic import BaseModel

from components.config.stack import StackConfig

# Valid values by key, with the block around it where that matters. What is not here follows from the key's type.
TEXTS: dict[str, list[Any]] = {
    "addresses": ["10.1.0.0/16", "2001:db8::/32"],
    "baseImage": ["python:3.14-slim", "mirror.example.com/node:22"],
    "baseUrl": ["https://llm.example.com/v1", "http://llm.models.svc:8080"],
    "class": ["nginx", "traefik"],
    "context": ["minikube", "production"],
    "dnsAddresses": ["10.96.0.10/32"],
    "cpu": ["5m", "50m", "0.1"],
    "limits.cpu": ["500m", "0.5", "1"],
    "node.cpu": ["32"],
    "host": ["taskflow.example.com"],
    "hosts": ["taskflow.example.com", "www.example.com"],
    "image": ["postgres:17", "registry.example.com/postgres:17-alpine"],
    "maxSurge": [0, 1, "25%", "100%"],
    "maxUnavailable": [0, 1, "50%"],
    "memory": ["32Mi", "64Mi"],
    "limits.memory": ["512Mi", "1Gi"],
    "node.memory": ["64Gi"],
    "minAvailable": [1, "50%"],
    "minikube": ["minikube", "other"],
    "mirror": ["mirror.example.com/library"],
    "publicUrl": ["https://taskflow.example.com"],
    "ref": [f"ghcr.io/acme/x@sha256:{'1' * 64}", "taskflow:1"],
    "registry": ["ghcr.io/acme", "localhost:5000"],
    "size": ["1Gi", "500Mi"],
}
NUMBERS: dict[str, tuple[int, int]] = {
    "port": (1, 65535),
    "external.port": (5432, 5432),  # Of the tests' address, which a stack file has encrypted.
    "targetPort": (1024, 65535),
    "nodePort": (30000, 32767),
    "maxConnections": (50, 500),
    "gracePeriodSeconds": (15, 60),
    "preStopSeconds": (0, 10),
    "rolloutDeadlineSeconds": (10, 600),
    "poolSize": (1, 12),
    "autoscaling.min": (1, 2),
    "autoscaling.max": (2, 5),
    "autoscaling.cpu": (1, 100),
}
# The second is not allowed beside the first.
ALTERNATIVES = (
    ("ingress", "gateway"),
    ("hosts", "host"),
    ("parentRef", "class"),
    ("parentRef", "tls"),
)
NAMES = ["blue", "green-2", "a", "x" * 40]
WRONG: list[Any] = ["", "two words", -1, 1.5, None, True, [], {}, [1], {"unknown": 1}, "0x10"]


# A cluster that most configurations fit, so that not all are refused for the same reason.
ROOMY = {"minikube": "minikube", "node": {"cpu": "32", "memory": "64Gi"}}


def configs() -> st.SearchStrategy[dict[str, Any]]:
    """Values of a stack file, without their namespace and without secrets."""
    return _blocks(StackConfig).map(
        lambda values: (
            {**values, "cluster": {**ROOMY, **values["cluster"]}}
            if isinstance(values.get("cluster"), dict)
            else {"cluster": ROOMY, **values}
        )
    )


def _blocks(model: type[BaseModel], name: str = "") -> st.SearchStrategy[dict[str, Any]]:
    required: dict[str, st.SearchStrategy[Any]] = {}
    optional: dict[str, st.SearchStrategy[Any]] = {}
    for field in model.model_fields.values():
        key = str(field.alias)
        chosen = required if field.is_required() or key == "host" else optional
        chosen[key] = _values(name, key, field.annotation)
    return st.fixed_dictionaries(required, optional=optional).map(_without_alternatives)


def _without_alternatives(values: dict[str, Any]) -> dict[str, Any]:
    dropped = {second for first, second in ALTERNATIVES if first in values}
    return {key: value for key, value in values.items() if key not in dropped}


def _values(block: str, key: str, annotation: Any) -> st.SearchStrategy[Any]:
    valid = _valid(block, key, annotation)
    # Few values are wrong, because a configuration has many and one is enough to refuse it.
    return st.integers(0, 199).flatmap(lambda n: st.sampled_from(WRONG) if n == 199 else valid)


def _valid(block: str, key: str, annotation: Any) -> st.SearchStrategy[Any]:
    parts = [part for part in get_args(annotation) if part is not type(None)]
    origin = get_origin(annotation)
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return _blocks(annotation, key)
    if origin is tuple:
        return st.lists(_valid(block, key, parts[0]), max_size=2)
    if origin is dict:
        return st.dictionaries(
            st.sampled_from(["FEATURE", "TZ"]), st.sampled_from(["on", "off"]), max_size=2
        )
    for name in (f"{block}.{key}", key):
        if name in NUMBERS:
            return st.integers(*NUMBERS[name])
        if name in TEXTS:
            return st.sampled_from(TEXTS[name])
    if origin is Literal:
        return st.sampled_from(parts)
    if origin in (Union, UnionType, Annotated):
        return _valid(block, key, parts[0])
    if annotation is bool:
        return st.booleans()
    return st.integers(1, 4) if annotation is int else st.sampled_from(NAMES)
