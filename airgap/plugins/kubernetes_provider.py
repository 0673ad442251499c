"""Stand-in for pulumi-kubernetes: any kind of object over server-side apply."""

import asyncio
import hashlib
import threading
from typing import Any

from pulumi.provider.experimental import provider as p
from pulumi.provider.experimental.property_value import PropertyValue

from airgap.plugins.awaits import NotReadyError, Waiter
from airgap.plugins.cluster import Cluster
from airgap.plugins.objects import (
    AUTONAMED,
    FORCE,
    SKIP_AWAIT,
    annotation,
    as_input,
    described,
    detailed,
    dig,
    identity,
    managed_by,
    named,
    replacing,
    without_last_applied,
)
from airgap.plugins.serve import (
    InitializationError,
    Object,
    PluginError,
    Properties,
    engine_names,
    plain,
    plain_map,
    report,
    serve,
    wrapped,
)

INPUTS, MANAGER = "__inputs", "__fieldManager"
READ_ONLY = ("creationTimestamp", "generation", "managedFields", "resourceVersion", "uid")


def secretive(properties: Properties, kind: str) -> Properties:
    """A Secret's values are secrets wherever they came from."""
    hidden = ("data", "stringData") if kind == "Secret" else ()
    return {k: item.with_secret(item.is_secret or k in hidden) for k, item in properties.items()}


def like_inputs(obj: Object, inputs: Properties) -> Properties:
    """The object as properties, secret wherever the inputs are."""
    marked: Any = wrapped(obj, PropertyValue(inputs)).value
    return secretive(marked, obj["kind"])


def state(live: Object, asked: Object, inputs: Properties, manager: str) -> Properties:
    """The resource's outputs: the live object, plus what the next update needs to know."""
    metadata = {key: item for key, item in live["metadata"].items() if key != "managedFields"}
    if live["kind"] == "Secret":
        metadata = without_last_applied(metadata)
    return {
        **like_inputs({**live, "metadata": metadata}, inputs),
        INPUTS: PropertyValue(like_inputs(asked, inputs)),
        MANAGER: PropertyValue(manager),
    }


def from_type(token: str, resource_id: str) -> Object:
    """What a type token such as `kubernetes:apps/v1:Deployment` and an id say about an object."""
    _, version, kind = token.split("$")[-1].split(":")
    namespace, _, name = resource_id.rpartition("/")
    metadata = {"name": name} | ({"namespace": namespace} if namespace else {})
    return {"apiVersion": version.removeprefix("core/"), "kind": kind, "metadata": metadata}


class KubernetesProvider(p.Provider):
    def __init__(self) -> None:
        self._cluster = Cluster(None)
        self._cancelled = threading.Event()

    async def diff_config(self, request: p.DiffRequest) -> p.DiffResponse:
        """Another cluster means other objects: everything is replaced, as `clusterIdentifier` says."""
        key = "clusterIdentifier"
        moved = request.old_state.get(key) != request.new_inputs.get(key)
        return p.DiffResponse(replaces=[key] if moved and key in request.old_state else [])

    async def configure(self, request: p.ConfigureRequest) -> p.ConfigureResponse:
        self._cluster = Cluster(request.variables.get("kubernetes:config:context"))
        return p.ConfigureResponse(accept_secrets=True, supports_preview=True)

    async def check(self, request: p.CheckRequest) -> p.CheckResponse:
        inputs = plain_map(request.new_inputs)
        inputs = named(inputs, plain_map(request.old_inputs), request.name, request.random_seed)
        return p.CheckResponse(inputs=like_inputs(inputs, request.new_inputs))

    async def diff(self, request: p.DiffRequest) -> p.DiffResponse:
        old = plain(request.old_state[INPUTS]) if INPUTS in request.old_state else {}
        new = plain_map(request.new_inputs)
        fields = replacing(old, new)
        details = detailed(old, new, fields)
        same_place = identity(old) == identity(new) and annotation(new, AUTONAMED) != "true"
        return p.DiffResponse(
            changes=bool(details),
            replaces=fields,
            detailed_diff=details,
            delete_before_replace=bool(fields) and same_place,
        )

    async def create(self, request: p.CreateRequest) -> p.CreateResponse:
        if request.preview:
            return p.CreateResponse("", request.properties)
        return await asyncio.to_thread(self._create, request)

    async def update(self, request: p.UpdateRequest) -> p.UpdateResponse:
        if request.preview:
            return p.UpdateResponse(request.news)
        return await asyncio.to_thread(self._update, request)

    async def read(self, request: p.ReadRequest) -> p.ReadResponse:
        return await asyncio.to_thread(self._read, request)

    async def delete(self, request: p.DeleteRequest) -> None:
        await asyncio.to_thread(self._delete, request)

    async def cancel(self) -> None:
        self._cancelled.set()

    def _create(self, request: p.CreateRequest) -> p.CreateResponse:
        inputs = plain_map(request.properties)
        manager = self._manager(request.urn, {})
        there = self._cluster.get(inputs)
        if there and dig(there, "metadata.deletionTimestamp"):
            self._waiter(request.urn).gone(there)
        elif there and not managed_by(there, manager):
            raise PluginError(
                f"{described(inputs)} already exists and is not in this stack's state; delete it, "
                f"or take it over: pulumi import {request.type} {request.name} {identity(inputs)}"
            )
        outputs = self._settle(request.urn, request.properties, manager)
        return p.CreateResponse(identity(inputs), outputs)

    def _update(self, request: p.UpdateRequest) -> p.UpdateResponse:
        manager = self._manager(request.urn, request.olds)
        return p.UpdateResponse(self._settle(request.urn, request.news, manager))

    def _settle(self, urn: str, inputs: Properties, manager: str) -> Properties:
        asked = plain_map(inputs)
        live = self._cluster.apply(asked, manager, force=annotation(asked, FORCE) == "true")
        try:
            live = self._waiter(urn).ready(live)
        except NotReadyError as error:
            outputs = state(error.live, asked, inputs, manager)
            raise InitializationError(identity(live), outputs, error.reasons) from None
        return state(live, asked, inputs, manager)

    @staticmethod
    def _manager(urn: str, held: Properties) -> str:
        """The field manager of a resource of this stack: what a killed run made is known by it."""
        if MANAGER in held:
            return str(held[MANAGER].value)
        known = f"{engine_names.get('provider', '')} {urn}"
        return f"pulumi-kubernetes-{hashlib.sha256(known.encode()).hexdigest()[:8]}"

    def _waiter(self, urn: str) -> Waiter:
        return Waiter(self._cluster, self._cancelled, lambda message: report(urn, message))

    def _read(self, request: p.ReadRequest) -> p.ReadResponse:
        live = self._cluster.get(from_type(request.type, request.resource_id))
        if live is None:
            return p.ReadResponse()
        asked = plain_map(request.inputs)
        if asked:
            asked = as_input(live, asked)
        else:  # read by its id alone: all but what the cluster wrote
            kept = without_last_applied(live["metadata"])
            kept = {k: v for k, v in kept.items() if k not in READ_ONLY}
            asked = {k: v for k, v in live.items() if k != "status"} | {"metadata": kept}
        manager = self._manager(request.urn, request.properties)
        return p.ReadResponse(
            request.resource_id,
            state(live, asked, request.inputs, manager),
            like_inputs(asked, request.inputs),
        )

    def _delete(self, request: p.DeleteRequest) -> None:
        live = self._cluster.get(from_type(request.type, request.resource_id))
        if live is None:
            return
        self._cluster.delete(live)
        if annotation(live, SKIP_AWAIT) != "true":
            self._waiter(request.urn).gone(live)


if __name__ == "__main__":
    serve(KubernetesProvider(), "pulumi_kubernetes")
