"""The Kubernetes API for objects of any kind, through the official client's connection."""

import json
import os
import tempfile
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

from airgap.plugins.objects import CLUSTER_SCOPED, annotation, described, dig
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

    def __init__(self, settings: dict[str, str]) -> None:
        self._settings = settings
        self._client: ApiClient | None = None
        self._kinds: dict[str, dict[str, tuple[str, bool]]] = {}
        self._lock = threading.Lock()

    def flag(self, name: str, variable: str) -> bool:
        value = self._settings.get(name) or os.environ.get(variable, "")
        return value.lower() in ("true", "1")

    def get(self, obj: Object) -> Object | None:
        try:
            return self._request("GET", self._path(obj))
        except ApiError as error:
            if error.code == 404:
                return None
            raise

    def apply(self, obj: Object, manager: str) -> Object:
        """Server-side apply; a field that somebody else manages is a conflict, unless forced."""
        query = {"fieldManager": manager, "fieldValidation": "Strict"}
        if annotation(obj, "pulumi.com/patchForce") == "true":
            query["force"] = "true"
        try:
            return self._request(
                "PATCH", self._path(obj), query, obj, "application/apply-patch+yaml"
            )
        except ApiError as error:
            hint = ""
            if error.code == 409:
                hint = '; the annotation "pulumi.com/patchForce": "true" takes the fields over'
            raise ApiError(error.code, f"{described(obj)} was refused: {error}{hint}") from None

    def delete(self, obj: Object) -> None:
        policy = annotation(obj, "pulumi.com/deletionPropagationPolicy") or "foreground"
        body = {"propagationPolicy": policy.capitalize()}
        try:
            self._request("DELETE", self._path(obj), body=body)
        except ApiError as error:
            if error.code != 404:
                raise

    def items(self, path: str, **query: str) -> list[Object]:
        found: list[Object] = self._request("GET", path, query).get("items", [])
        return found

    def text(self, path: str, **query: str) -> str:
        return self._send("GET", path, query)

    def _path(self, obj: Object) -> str:
        version, kind = str(obj["apiVersion"]), str(obj["kind"])
        root = f"/api/{version}" if "/" not in version else f"/apis/{version}"
        plural, namespaced = self._kind(root, version, kind)
        if namespaced:
            namespace = dig(obj, "metadata.namespace") or self.default_namespace or "default"
            root = f"{root}/namespaces/{namespace}"
        return f"{root}/{plural}/{obj['metadata']['name']}"

    def _kind(self, root: str, version: str, kind: str) -> tuple[str, bool]:
        kinds = self._kinds.get(version, {})
        if kind not in kinds:  # also asked again: a definition may have been created since
            try:
                known = self._request("GET", root)["resources"]
            except ApiError as error:
                if error.code != 404:
                    raise
                known = []
            kinds = {r["kind"]: (r["name"], r["namespaced"]) for r in known if "/" not in r["name"]}
            self._kinds[version] = kinds
        if kind not in kinds:
            raise ApiError(404, f"the cluster has no kind {kind} in API version {version}")
        return kinds[kind]

    @property
    def default_namespace(self) -> str:
        return self._settings.get("namespace", "")

    def namespaced(self, obj: Object) -> bool:
        return obj.get("kind") not in CLUSTER_SCOPED

    def _request(
        self,
        method: str,
        path: str,
        query: dict[str, str] | None = None,
        body: Object | None = None,
        content_type: str = "application/json",
    ) -> Object:
        answer: Object = json.loads(self._send(method, path, query, body, content_type))
        return answer

    def _send(
        self,
        method: str,
        path: str,
        query: dict[str, str] | None = None,
        body: Object | None = None,
        content_type: str = "application/json",
    ) -> str:
        from urllib3.exceptions import HTTPError

        client = self._connect()
        encoded: Any = body
        if body is not None and content_type != "application/json":
            encoded = json.dumps(body)
        call = client.param_serialize(
            method,
            path,
            query_params=list((query or {}).items()),
            header_params={"Content-Type": content_type, "Accept": "application/json, */*"},
            body=encoded,
            auth_settings=["BearerToken"],
        )
        try:
            response = client.call_api(*call, _request_timeout=TIMEOUT)
            content = bytes(response.read() or b"").decode(errors="replace")  # type: ignore[no-untyped-call]
        except HTTPError as error:
            host = client.configuration.host
            cause = getattr(error, "reason", None) or error
            raise UnreachableError(
                f"the Kubernetes cluster at {host} does not answer "
                f"({str(cause).split(': ', 1)[-1]}); start it and run again"
            ) from None
        if response.status >= 400:
            try:
                message = json.loads(content)["message"]
            except (ValueError, KeyError, TypeError):
                message = content or response.reason
            raise ApiError(response.status, str(message))
        return content

    def _connect(self) -> "ApiClient":
        with self._lock:
            if self._client is None:
                self._client = self._open()
            return self._client

    def _open(self) -> "ApiClient":
        # Here, not at the top: importing the client takes longer than a whole preview may.
        import kubernetes.config

        config: Any = kubernetes.config  # it has no types
        source = self._settings.get("kubeconfig") or os.environ.get("KUBECONFIG") or None
        context = self._settings.get("context") or None
        try:
            with tempfile.TemporaryDirectory() as folder:
                if source and ("\n" in source or source.lstrip().startswith("{")):  # its content
                    held = Path(folder) / "kubeconfig"
                    held.write_text(source)
                    source = str(held)
                source = source and str(Path(source).expanduser())
                known, current = config.list_kube_config_contexts(config_file=source)
                names = [entry["name"] for entry in known]
                if context and context not in names:
                    listed = ", ".join(names) or "none"
                    raise PluginError(
                        f'the kubeconfig has no context "{context}"; it has: {listed}'
                    )
                chosen = next((c for c in known if c["name"] == context), current)
                self._settings.setdefault(
                    "namespace", chosen.get("context", {}).get("namespace", "")
                )
                client: ApiClient = config.new_client_from_config(source, context)
                return client
        except (config.ConfigException, OSError) as error:
            raise PluginError(
                f"the kubeconfig cannot be used ({error}); set KUBECONFIG or the provider's "
                "`kubeconfig` and `context`"
            ) from None
