"""Stand-in for pulumi-kubernetes: any kind of object over server-side apply."""

import hashlib

from pulumi.provider.experimental import provider as p

from airgap.plugins import objects, serve
from airgap.plugins.cluster import Cluster
from airgap.plugins.objects import annotated, described, details, dig, identity
from airgap.plugins.serve import (
    InitializationError,
    Object,
    PluginError,
    Properties,
    plain,
    wrapped,
)

INPUTS = serve.INPUTS
MANAGER = "__fieldManager"
SKIP_AWAIT = "pulumi.com/skipAwait"


def from_type(token: str, resource_id: str) -> Object:
    """What a type token such as `kubernetes:apps/v1:Deployment` and an id say about an object."""
    _, version, kind = token.split("$")[-1].split(":")
    namespace, _, name = resource_id.rpartition("/")
    metadata = {"name": name} | ({"namespace": namespace} if namespace else {})
    return {"apiVersion": version.removeprefix("core/"), "kind": kind, "metadata": metadata}


def properties(obj: Object) -> Properties:
    """An object as the engine keeps it: a Secret's values are secret wherever they came from."""
    return wrapped(obj, INPUTS, *(("data", "stringData") if obj["kind"] == "Secret" else ()))


def state(live: Object, asked: Object, manager: str) -> Properties:
    """A resource's outputs: the live object, plus what the next update needs to know."""
    return properties({**live, INPUTS: asked, MANAGER: manager})


class KubernetesProvider(p.Provider):
    def __init__(self) -> None:
        self._cluster = Cluster()

    async def diff_config(self, request: p.DiffRequest) -> p.DiffResponse:
        """Another cluster means other objects: everything is replaced, as `clusterIdentifier` says."""
        key = "clusterIdentifier"
        moved = request.old_state.get(key) != request.new_inputs.get(key)
        return p.DiffResponse(replaces=[key] if moved and key in request.old_state else [])

    async def configure(self, request: p.ConfigureRequest) -> p.ConfigureResponse:
        self._cluster = Cluster(request.variables.get("kubernetes:config:context"))
        return p.ConfigureResponse(supports_preview=True)

    async def cancel(self) -> None:
        self._cluster.cancelled.set()

    async def check(self, request: p.CheckRequest) -> p.CheckResponse:
        old, new = plain(request.old_inputs), plain(request.new_inputs)
        return p.CheckResponse(
            properties(objects.named(new, old, request.name, request.random_seed))
        )

    async def diff(self, request: p.DiffRequest) -> p.DiffResponse:
        old, new = plain(request.old_state).get(INPUTS, {}), plain(request.new_inputs)
        fields = objects.replacing(old, new)
        found = details(old, new, fields)
        same_place = identity(old) == identity(new) and not annotated(new, objects.AUTONAMED)
        return p.DiffResponse(
            changes=bool(found),
            replaces=fields,
            detailed_diff=found,
            delete_before_replace=bool(fields) and same_place,
        )

    async def create(self, request: p.CreateRequest) -> p.CreateResponse:
        if request.preview:
            return p.CreateResponse("", request.properties)
        asked = plain(request.properties)
        manager = self._manager(request.urn, {})
        there = self._cluster.get(asked)
        if there and dig(there, "metadata.deletionTimestamp"):
            self._cluster.gone(there)
        elif there and not objects.managed_by(there, manager):  # not what a killed run made
            raise PluginError(
                f"{described(asked)} already exists and is not in this stack's state: delete it"
            )
        return p.CreateResponse(identity(asked), self._settle(request.urn, asked, manager))

    async def update(self, request: p.UpdateRequest) -> p.UpdateResponse:
        if request.preview:
            return p.UpdateResponse(request.news)
        manager = self._manager(request.urn, request.olds)
        return p.UpdateResponse(self._settle(request.urn, plain(request.news), manager))

    async def read(self, request: p.ReadRequest) -> p.ReadResponse:
        live = self._cluster.get(from_type(request.type, request.resource_id))
        if not live:
            return p.ReadResponse()
        live = objects.without_notes(live)
        asked = plain(request.inputs)
        # Read by its id alone, nobody asked for anything: then all of it is the wish.
        asked = objects.as_input(live, asked) if asked else {**live, "status": None}
        outputs = state(live, asked, self._manager(request.urn, request.properties))
        return p.ReadResponse(request.resource_id, outputs, properties(asked))

    async def delete(self, request: p.DeleteRequest) -> None:
        live = self._cluster.get(from_type(request.type, request.resource_id))
        if live:
            self._cluster.delete(live)
            if not annotated(live, SKIP_AWAIT):
                self._cluster.gone(live)

    def _settle(self, urn: str, asked: Object, manager: str) -> Properties:
        live, reasons = self._cluster.apply(asked, manager), list[str]()
        if not annotated(asked, SKIP_AWAIT):
            live, reasons = self._cluster.ready(live, lambda text: serve.report(urn, text))
        outputs = state(objects.without_notes(live), asked, manager)
        if reasons:
            first = f"{described(asked)} did not become ready: {reasons[0]}"
            raise InitializationError(identity(live), outputs, [first, *reasons[1:]])
        return outputs

    @staticmethod
    def _manager(urn: str, held: Properties) -> str:
        """The field manager of a resource of this stack: what a killed run made is known by it."""
        if MANAGER in held:
            return str(held[MANAGER].value)
        known = f"{serve.engine_names.get('provider', '')} {urn}"
        return f"pulumi-kubernetes-{hashlib.sha256(known.encode()).hexdigest()[:8]}"


if __name__ == "__main__":
    serve.serve_provider(KubernetesProvider(), "pulumi_kubernetes")
