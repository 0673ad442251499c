"""The Kubernetes API for objects of any kind, through the official client's connection."""

import json
import threading
from typing import TYPE_CHECKING, Any

from airgap.plugins.objects import described, dig
from airgap.plugins.serve import Object, PluginError

if TYPE_CHECKING:
    from kubernetes.client import ApiClient

TIMEOUT = (5, 60)  # seconds to connect, to answer


class ApiError(PluginError):
    """An answer of the API server that is not a success."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.code = code


class UnreachableError(PluginError):
    """No answer from the API server."""


class Cluster:
    """Connects at first use, so that previews work while the cluster is away."""

    def __init__(self, context: str | None) -> None:
        self._context = context
        self._client: ApiClient | None = None
        self._kinds: dict[str, dict[str, tuple[str, bool]]] = {}
        self._lock = threading.Lock()

    def get(self, obj: Object) -> Object | None:
        try:
            found: Object = json.loads(self._request("GET", self._path(obj)))
        except ApiError as error:
            if error.code == 404:
                return None
            raise
        return found

    def apply(self, obj: Object, manager: str, *, force: bool = False) -> Object:
        """Server-side apply; a field that somebody else manages is a conflict, unless it is forced."""
        query = {"fieldManager": manager, "fieldValidation": "Strict", "force": str(force).lower()}
        form = "application/apply-patch+yaml"
        try:
            answer = self._request("PATCH", self._path(obj), query, json.dumps(obj), form)
        except ApiError as error:
            raise ApiError(error.code, f"{described(obj)} was refused: {error}") from None
        live: Object = json.loads(answer)
        return live

    def delete(self, obj: Object) -> None:
        try:
            self._request("DELETE", self._path(obj), body={"propagationPolicy": "Foreground"})
        except ApiError as error:
            if error.code != 404:
                raise

    def items(self, path: str, **query: str) -> list[Object]:
        found: list[Object] = json.loads(self._request("GET", path, query))["items"]
        return found

    def text(self, path: str, **query: str) -> str:
        return self._request("GET", path, query)

    def _path(self, obj: Object) -> str:
        version = str(obj["apiVersion"])
        root = f"/apis/{version}" if "/" in version else f"/api/{version}"
        if version not in self._kinds:
            known = json.loads(self._request("GET", root))["resources"]
            kinds = {r["kind"]: (r["name"], r["namespaced"]) for r in known if "/" not in r["name"]}
            self._kinds[version] = kinds
        plural, namespaced = self._kinds[version][obj["kind"]]
        if namespaced:
            root += f"/namespaces/{dig(obj, 'metadata.namespace', 'default')}"
        return f"{root}/{plural}/{obj['metadata']['name']}"

    def _request(
        self,
        method: str,
        path: str,
        query: dict[str, str] | None = None,
        body: Any = None,
        content_type: str = "application/json",
    ) -> str:
        from urllib3.exceptions import HTTPError

        client = self._connect()
        call = client.param_serialize(
            method,
            path,
            query_params=list((query or {}).items()),
            header_params={"Content-Type": content_type, "Accept": "application/json, */*"},
            body=body,
            auth_settings=["BearerToken"],
        )
        try:
            response = client.call_api(*call, _request_timeout=TIMEOUT)
            content = bytes(response.read() or b"").decode(errors="replace")  # type: ignore[no-untyped-call]
        except HTTPError as error:
            cause = str(getattr(error, "reason", None) or error).split(": ", 1)[-1]
            raise UnreachableError(
                f"the Kubernetes cluster at {client.configuration.host} does not answer ({cause}); "
                "start it and run again"
            ) from None
        if response.status >= 400:
            try:
                message = json.loads(content)["message"]
            except (ValueError, KeyError, TypeError):
                message = content or response.reason
            raise ApiError(response.status, str(message))
        return content

    def _connect(self) -> "ApiClient":
        # Here, not at the top: importing the client takes longer than a whole preview may.
        import kubernetes.config

        config: Any = kubernetes.config  # it has no types
        with self._lock:
            try:
                self._client = self._client or config.new_client_from_config(context=self._context)
            except (config.ConfigException, OSError) as error:
                raise PluginError(
                    f"the kubeconfig cannot be used ({error}); set KUBECONFIG or the provider's "
                    "`context`"
                ) from None
        assert self._client
        return self._client
