"""Serves a plugin to the engine: values, errors and progress in the form that the engine expects."""

import asyncio
import inspect
import logging
import os
import signal
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from importlib.metadata import version
from typing import Any

import grpc  # type: ignore[import-untyped]
from google.protobuf.json_format import MessageToDict  # type: ignore[import-untyped]
from pulumi.provider.experimental.property_value import PropertyValue
from pulumi.provider.experimental.provider import Provider
from pulumi.provider.experimental.server import ProviderServicer
from pulumi.runtime.proto import engine_pb2, engine_pb2_grpc, provider_pb2_grpc

Object = dict[str, Any]


class PluginError(Exception):
    """A failure that the user can act on: shown as it is, without a traceback."""


def plain(properties: dict[str, PropertyValue]) -> Object:
    """The values as JSON types, numbers as float.

    None is marked as secret: a provider that does not accept secrets gets them plain, and the
    engine itself marks in an answer what was secret under the same name in the request.
    """
    found: Object = MessageToDict(PropertyValue.marshal_map(properties))
    return found


def report(urn: str, message: str) -> None:
    """Shows a passing status line beside the resource."""
    info = engine_pb2.INFO
    line = engine_pb2.LogRequest(severity=info, message=message, urn=urn, ephemeral=True)
    with grpc.insecure_channel(sys.argv[-1]) as channel:
        engine_pb2_grpc.EngineStub(channel).Log(line)


def _call(method: Callable[..., Any]) -> Callable[..., Any]:
    """A method of the SDK's servicer, free to block, with errors as the engine's protocol has them."""

    def call(self: ProviderServicer, request: Any, context: Any) -> Any:
        try:
            return asyncio.run(method(self, request, context))
        except Exception as error:
            cause = error.__context__  # the SDK wraps what the provider raised
            if not isinstance(cause, PluginError):
                raise
            context.abort(grpc.StatusCode.UNKNOWN, str(cause))

    return call


def serve_provider(provider: Provider, package: str) -> None:
    """Serves a provider with the methods that the engine calls."""
    methods = inspect.getmembers(ProviderServicer, inspect.iscoroutinefunction)
    calls = {name: _call(method) for name, method in methods if name[0].isupper()}
    servicer = type("Servicer", (ProviderServicer,), calls)(
        sys.argv[1:], version(package), provider, engine_address=sys.argv[-1]
    )
    serve(provider_pb2_grpc.add_ResourceProviderServicer_to_server, servicer)


def serve(add: Callable[..., Any], servicer: Any) -> None:
    """Serves as long as the engine that started it runs; its address is the last argument."""
    logging.getLogger("grpc").setLevel(logging.CRITICAL)  # the engine asks for optional calls
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: os._exit(0))
    engine = os.getppid()
    # Operations run in parallel, and most of them only wait.
    server = grpc.server(ThreadPoolExecutor(64))
    add(servicer, server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    print(port, flush=True)
    while os.getppid() == engine:  # killed engines send nothing
        server.wait_for_termination(timeout=1)
    os._exit(1)
