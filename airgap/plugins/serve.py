"""Serves a provider to the engine: values, errors and progress in the form that the engine takes."""

import asyncio
import gc
import logging
import sys
from collections.abc import Awaitable, Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from importlib.metadata import version
from typing import Any

import grpc  # type: ignore[import-untyped]
from pulumi.provider.experimental.property_value import PropertyValue
from pulumi.provider.experimental.provider import Provider
from pulumi.provider.experimental.server import ProviderServicer
from pulumi.runtime.proto import (
    engine_pb2,
    engine_pb2_grpc,
    provider_pb2,
    provider_pb2_grpc,
    status_pb2,
)

from airgap.plugins.lifetime import leave_with_engine

Object = dict[str, Any]
Properties = dict[str, PropertyValue]

# How the engine writes a value that is not known before `up`.
UNKNOWN = "04da6b54-80e4-46f7-96ec-b56ff0331ba9"
# The engine runs operations in parallel, and most of them only wait.
OPERATIONS = 64


# The id under which the stack's state knows this provider: the SDK does not hand it on.
engine_names: dict[str, str] = {}


class PluginError(Exception):
    """A failure that the user can act on: shown as it is, without a traceback."""


class InitializationError(PluginError):
    """The object exists but did not become ready: the state keeps it, the next `up` waits again."""

    def __init__(self, resource_id: str, properties: Properties, reasons: list[str]) -> None:
        super().__init__(reasons[0])
        self.detail = provider_pb2.ErrorResourceInitFailed(
            id=resource_id, properties=PropertyValue.marshal_map(properties), reasons=reasons
        )


def plain(value: PropertyValue) -> Any:
    """The value as JSON types: no secret marks, no nulls, whole numbers as int."""
    raw = value.value
    if isinstance(raw, Mapping):
        return {key: plain(item) for key, item in raw.items() if item.value is not None}
    if isinstance(raw, Sequence) and not isinstance(raw, str):
        return [plain(item) for item in raw]
    return int(raw) if isinstance(raw, float) and raw.is_integer() else raw


def plain_map(properties: Properties) -> Object:
    return {key: plain(item) for key, item in properties.items() if item.value is not None}


def wrapped(raw: Any, like: PropertyValue | None = None) -> PropertyValue:
    """JSON types as a property value, secret wherever `like` is secret at the same place."""
    model = like.value if like else None
    value: Any = float(raw) if isinstance(raw, int) and not isinstance(raw, bool) else raw
    if isinstance(raw, dict):
        fields = model if isinstance(model, Mapping) else {}
        value = {key: wrapped(item, fields.get(key)) for key, item in raw.items()}
    elif isinstance(raw, list):
        peers: Any = model if isinstance(model, tuple) else ()
        items = peers if len(peers) == len(raw) else [None] * len(raw)
        value = [wrapped(item, peer) for item, peer in zip(raw, items, strict=True)]
    return PropertyValue(value, is_secret=bool(like and like.is_secret))


@cache
def _engine() -> engine_pb2_grpc.EngineStub:
    return engine_pb2_grpc.EngineStub(grpc.insecure_channel(sys.argv[-1]))


def report(urn: str, message: str) -> None:
    """Shows a passing status line beside the resource."""
    _engine().Log(
        engine_pb2.LogRequest(severity=engine_pb2.INFO, message=message, urn=urn, ephemeral=True)
    )


def _reporting(name: str) -> Callable[..., Awaitable[Any]]:
    """The servicer's method, with errors as the engine's protocol has them."""
    inherited = getattr(ProviderServicer, name)

    async def method(self: ProviderServicer, request: Any, context: Any) -> Any:
        try:
            return await inherited(self, request, context)
        except Exception as error:
            cause = error.__context__  # the SDK wraps what the provider raised
            if not isinstance(cause, PluginError):
                raise
            status = status_pb2.Status(code=grpc.StatusCode.UNKNOWN.value[0], message=str(cause))
            if isinstance(cause, InitializationError):
                status.details.add().Pack(cause.detail)
            trailer = (("grpc-status-details-bin", status.SerializeToString()),)
            await context.abort(grpc.StatusCode.UNKNOWN, str(cause), trailer)

    return method


class _Servicer(ProviderServicer):
    async def Configure(self, request: Any, context: Any) -> Any:  # noqa: N802 (gRPC's name)
        engine_names["provider"] = request.id
        return await _reporting("Configure")(self, request, context)

    Check = _reporting("Check")
    Diff = _reporting("Diff")
    Create = _reporting("Create")
    Read = _reporting("Read")
    Update = _reporting("Update")
    Delete = _reporting("Delete")


def serve(provider: Provider, package: str) -> None:
    """Serves until the engine ends it. The engine's address is the last argument."""
    gc.disable()  # it would only slow the imports down
    leave_with_engine()
    logging.getLogger("grpc").addHandler(
        logging.NullHandler()
    )  # the engine asks for optional calls
    logging.getLogger("grpc").propagate = False

    async def run() -> None:
        asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor(OPERATIONS))
        unlimited = [(f"grpc.max_{way}_message_length", 2**31 - 1) for way in ("receive", "send")]
        server = grpc.aio.server(options=unlimited)
        servicer = _Servicer(sys.argv[1:], version(package), provider, sys.argv[-1])
        provider_pb2_grpc.add_ResourceProviderServicer_to_server(servicer, server)
        port = server.add_insecure_port("127.0.0.1:0")
        await server.start()
        print(port, flush=True)
        await server.wait_for_termination()

    asyncio.run(run())
