"""Stand-in for pulumi-kubernetes: any kind of object over server-side apply."""

from pulumi.provider.experimental import provider as p

from airgap.plugins import cluster, objects, serve
from airgap.plugins.cluster import Cluster
from airgap.plugins.objects import annotated, described, dig, identity
from airgap.plugins.serve import Object, PluginError, Properties, plain, wrapped

SKIP_AWAIT = "pulumi.com/skipAwait"


def from_type(token: str, resource_id: str) -> Object:
    """What a type token such as `kubernetes:apps/v1:Deployment` and an id say about an object."""
    _, version, kind = token.split("$")[-1].split(":")
    namespace, _, name = resource_id.rpartition("/")
    metadata = {"name": name} | ({"namespace": namespace} if namespace else {})
    return {"apiVersion": version.removeprefix("core/"), "kind": kind, "metadata": metadata}


def properties(obj: Object) -> Properties:
    """An object as the engine keeps it: a Secret's values are secret wherever they came from."""
    return wrapped(obj, *(("data", "stringData") if obj.get("kind") == "Secret" else ()))


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
        named = objects.named(new, old, request.name, request.random_seed)
        return p.CheckResponse(properties(named))

    async def diff(self, request: p.DiffRequest) -> p.DiffResponse:
        """Which changes replace the object; what has changed the engine finds by itself."""
        old, new = plain(request.old_state), plain(request.new_inputs)
        fields = objects.replacing(old, new)
        same_place = identity(old) == identity(new) and not annotated(new, objects.AUTONAMED)
        return p.DiffResponse(replaces=fields, delete_before_replace=bool(fields) and same_place)

    async def create(self, request: p.CreateRequest) -> p.CreateResponse:
        if request.preview:
            return p.CreateResponse("", request.properties)
        asked = plain(request.properties)
        there = self._cluster.get(asked)
        if there and dig(there, "metadata.deletionTimestamp"):
            self._cluster.gone(there)
        elif there:
            raise PluginError(
                f"{described(asked)} already exists and is not in this stack's state: delete it"
            )
        return p.CreateResponse(identity(asked), self._settle(request.urn, asked, request.timeout))

    async def update(self, request: p.UpdateRequest) -> p.UpdateResponse:
        if request.preview:
            return p.UpdateResponse(request.news)
        return p.UpdateResponse(self._settle(request.urn, plain(request.news), request.timeout))

    async def read(self, request: p.ReadRequest) -> p.ReadResponse:
        live = self._cluster.get(from_type(request.type, request.resource_id))
        if not live:
            return p.ReadResponse()
        asked = objects.as_input(live, plain(request.inputs))
        return p.ReadResponse(request.resource_id, properties(live), properties(asked))

    async def delete(self, request: p.DeleteRequest) -> None:
        held = plain(request.properties)
        self._cluster.delete(held)
        if not annotated(held, SKIP_AWAIT):
            self._cluster.gone(held)

    def _settle(self, urn: str, asked: Object, timeout: float) -> Properties:
        live, reasons = self._cluster.apply(asked), list[str]()
        if not annotated(asked, SKIP_AWAIT):
            live, reasons = self._cluster.ready(
                live, lambda text: serve.report(urn, text), timeout or cluster.TIMEOUT
            )
        if reasons:
            first = f"{described(asked)} did not become ready: {reasons[0]}"
            reasons = [first, *reasons[1:]]
            raise serve.InitializationError(identity(live), properties(live), reasons)
        return properties(live)


if __name__ == "__main__":
    serve.serve_provider(KubernetesProvider(), "pulumi_kubernetes")
