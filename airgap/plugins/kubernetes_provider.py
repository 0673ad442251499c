"""Stand-in for pulumi-kubernetes: any kind of object over server-side apply."""

import asyncio
import hashlib
import threading
from collections.abc import Mapping

from pulumi.provider.experimental import provider as p
from pulumi.provider.experimental.property_value import PropertyValue

from airgap.plugins.awaits import NotReadyError, Waiter
from airgap.plugins.cluster import Cluster, UnreachableError
from airgap.plugins.objects import (
    AUTONAMED,
    annotation,
    as_input,
    described,
    detailed,
    dig,
    identity,
    managed_by,
    named,
    replacing,
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

INPUTS, MANAGER, API_VERSION = "__inputs", "__fieldManager", "__initialApiVersion"
CONFIG = "kubernetes:config:"
READ_ONLY = ("creationTimestamp", "generation", "managedFields", "resourceVersion", "uid")


def state(live: Object, inputs: Object, like: Properties, manager: str) -> Properties:
    """The resource's outputs: the live object, plus what the next update needs to know."""
    metadata = {key: item for key, item in live["metadata"].items() if key != "managedFields"}
    model = PropertyValue(like)
    outputs = dict(wrapped({**live, "metadata": metadata}, model).value)  # type: ignore[arg-type]
    secret_text = like.get("stringData")
    if live["kind"] == "Secret" and "data" in outputs and secret_text is not None:
        held = wrapped(live["data"], secret_text)
        outputs["data"] = held.with_secret(held.is_secret or outputs["data"].is_secret)
    outputs[INPUTS] = wrapped(inputs, model)
    outputs[MANAGER] = PropertyValue(manager)
    outputs[API_VERSION] = PropertyValue(str(live["apiVersion"]))
    return outputs


def from_type(token: str, resource_id: str) -> Object:
    """What a type token such as `kubernetes:apps/v1:Deployment` and an id say about an object."""
    _, version, kind = token.split("$")[-1].split(":")
    namespace, _, name = resource_id.rpartition("/")
    metadata = {"name": name} | ({"namespace": namespace} if namespace else {})
    return {"apiVersion": version.removeprefix("core/"), "kind": kind, "metadata": metadata}


def overlaid(old: Properties, new: Properties) -> Properties:
    """What an update will make of the outputs, as far as a preview can tell without the cluster."""

    def merged(was: PropertyValue | None, item: PropertyValue) -> PropertyValue:
        have, wish = was.value if was else None, item.value
        if isinstance(have, Mapping) and isinstance(wish, Mapping):
            return item.with_value(overlaid({**have}, {**wish}))
        if isinstance(have, tuple) and isinstance(wish, tuple) and len(have) == len(wish):
            return item.with_value([merged(*pair) for pair in zip(have, wish, strict=True)])
        return item

    return {**old, **{key: merged(old.get(key), item) for key, item in new.items()}}


class KubernetesProvider(p.Provider):
    def __init__(self) -> None:
        self._cluster = Cluster({})
        self._mutable: frozenset[str] = frozenset()
        self._cancelled = threading.Event()

    async def diff_config(self, request: p.DiffRequest) -> p.DiffResponse:
        """Another cluster means other objects: everything is replaced, as `clusterIdentifier` says."""
        key = "clusterIdentifier"
        moved = request.old_state.get(key) != request.new_inputs.get(key)
        return p.DiffResponse(replaces=[key] if moved and key in request.old_state else [])

    async def configure(self, request: p.ConfigureRequest) -> p.ConfigureResponse:
        settings = {k.removeprefix(CONFIG): v for k, v in request.variables.items()}
        self._cluster = Cluster(settings)
        flags = {"ConfigMap": "enableConfigMapMutable", "Secret": "enableSecretMutable"}
        self._mutable = frozenset(k for k, flag in flags.items() if settings.get(flag) == "true")
        return p.ConfigureResponse(accept_secrets=True, supports_preview=True)

    async def check(self, request: p.CheckRequest) -> p.CheckResponse:
        inputs = plain_map(request.new_inputs)
        if dig(inputs, "metadata.generateName"):
            raise PluginError(
                "this stand-in has no generateName; leave the name out to be given one"
            )
        inputs = named(inputs, plain_map(request.old_inputs), request.name, request.random_seed)
        default = self._cluster.default_namespace
        if default and self._cluster.namespaced(inputs):
            inputs["metadata"] = {"namespace": default, **inputs["metadata"]}
        for key in READ_ONLY:
            inputs["metadata"].pop(key, None)
        checked = wrapped(inputs, PropertyValue(request.new_inputs)).value
        return p.CheckResponse(inputs=dict(checked))  # type: ignore[arg-type]

    async def diff(self, request: p.DiffRequest) -> p.DiffResponse:
        old = plain(request.old_state[INPUTS]) if INPUTS in request.old_state else {}
        new = plain_map(request.new_inputs)
        for obj in (old, new):  # "default" spelled out is no change
            if dig(obj, "metadata.namespace") == "default":
                obj["metadata"] = {k: v for k, v in obj["metadata"].items() if k != "namespace"}
        fields = replacing(old, new, self._mutable)
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
            return p.UpdateResponse(overlaid(request.olds, request.news))
        return await asyncio.to_thread(self._update, request)

    async def read(self, request: p.ReadRequest) -> p.ReadResponse:
        return await asyncio.to_thread(self._read, request)

    async def delete(self, request: p.DeleteRequest) -> None:
        await asyncio.to_thread(self._delete, request)

    async def cancel(self) -> None:
        self._cancelled.set()

    def _create(self, request: p.CreateRequest) -> p.CreateResponse:
        inputs = plain_map(request.properties)
        manager = self._manager(request.urn)
        there = self._cluster.get(inputs)
        if there and dig(there, "metadata.deletionTimestamp"):
            self._waiter(request.urn).gone(there, request.timeout)
        elif there and not managed_by(there, manager):
            raise PluginError(
                f"{described(inputs)} already exists and is not in this stack's state; delete it, "
                f"or take it over: pulumi import {request.type} {request.name} {identity(inputs)}"
            )
        resource_id, outputs = self._settle(
            request.urn, inputs, request.properties, manager, request.timeout
        )
        return p.CreateResponse(resource_id, outputs)

    def _update(self, request: p.UpdateRequest) -> p.UpdateResponse:
        held = request.olds.get(MANAGER)
        manager = plain(held) if held else self._manager(request.urn)
        _, outputs = self._settle(
            request.urn, plain_map(request.news), request.news, manager, request.timeout
        )
        return p.UpdateResponse(outputs)

    def _settle(
        self, urn: str, inputs: Object, like: Properties, manager: str, timeout: float
    ) -> tuple[str, Properties]:
        live = self._cluster.apply(inputs, manager)
        try:
            live = self._waiter(urn).ready(live, timeout)
        except NotReadyError as error:
            outputs = state(error.live, inputs, like, manager)
            raise InitializationError(identity(live), outputs, error.reasons) from None
        return identity(live), state(live, inputs, like, manager)

    @staticmethod
    def _manager(urn: str) -> str:
        """The field manager of a resource of this stack: what a killed run made is known by it."""
        known = f"{engine_names.get('provider', '')} {urn}"
        return f"pulumi-kubernetes-{hashlib.sha256(known.encode()).hexdigest()[:8]}"

    def _waiter(self, urn: str) -> Waiter:
        return Waiter(self._cluster, self._cancelled, lambda message: report(urn, message))

    def _read(self, request: p.ReadRequest) -> p.ReadResponse:
        asked = plain_map(request.inputs)
        place = from_type(request.type, request.resource_id)
        try:
            live = self._cluster.get(place)
        except UnreachableError:
            if not self._forget_unreachable():
                raise
            live = None
        if live is None:
            return p.ReadResponse()
        if asked:
            inputs = as_input(live, asked)
        else:  # an import: all but what the cluster wrote
            inputs = {key: item for key, item in live.items() if key != "status"}
            kept = {k: v for k, v in live["metadata"].items() if k not in READ_ONLY}
            inputs["metadata"] = kept
        model = PropertyValue(request.inputs)
        held = request.properties.get(MANAGER)
        manager = plain(held) if held else self._manager(request.urn)
        return p.ReadResponse(
            request.resource_id,
            state(live, inputs, request.inputs, manager),
            dict(wrapped(inputs, model).value),  # type: ignore[arg-type]
        )

    def _delete(self, request: p.DeleteRequest) -> None:
        known = {key: plain(item) for key, item in request.properties.items() if key != INPUTS}
        place = known | from_type(request.type, request.resource_id)
        place["metadata"] = {**known.get("metadata", {}), **place["metadata"]}
        try:
            live = self._cluster.get(place)
            if live is None:
                return
            self._cluster.delete({**place, "metadata": live["metadata"]})
            if annotation(place, "pulumi.com/skipAwait") != "true":
                self._waiter(request.urn).gone(
                    {**place, "metadata": live["metadata"]}, request.timeout
                )
        except UnreachableError:
            if not self._forget_unreachable():
                raise

    def _forget_unreachable(self) -> bool:
        return self._cluster.flag("deleteUnreachable", "PULUMI_K8S_DELETE_UNREACHABLE")


if __name__ == "__main__":
    serve(KubernetesProvider(), "pulumi_kubernetes")
