"""The Kubernetes API for objects of any kind, through the official client, and waiting for them."""

import json
import threading
import time
from collections.abc import Callable
from typing import Any

from airgap.plugins.objects import (
    Trouble,
    annotated,
    described,
    dig,
    newest,
    pod_problem,
    problem,
)
from airgap.plugins.serve import Object, PluginError

REQUEST_TIMEOUT = (5, 60)  # seconds to connect, to answer
INTERVAL = 0.4  # seconds between two looks
TIMEOUT = 600.0
# Seconds for which something fatal must hold before the wait gives up: some of it heals by itself.
PATIENCE = 10.0
LOG_LINES = 12


class ApiError(PluginError):
    """An answer of the API server that is not a success; with code 0 there was none."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.code = code


class NotReadyError(PluginError):
    """The wait ended without success. `live` is the object as last seen."""

    def __init__(self, live: Object, reasons: list[str]) -> None:
        super().__init__(reasons[0])
        self.live = live
        self.reasons = reasons


class Cluster:
    """Connects at first use, so that previews work while the cluster is away."""

    def __init__(self, context: str | None = None) -> None:
        self._context = context
        self._client: Any = None
        self._connecting = threading.Lock()
        self._kinds: dict[str, dict[str, tuple[str, bool]]] = {}
        self.cancelled = threading.Event()

    def get(self, obj: Object) -> Object | None:
        try:
            found: Object = json.loads(self._request("GET", self._path(obj)))
        except ApiError as error:
            if error.code == 404:
                return None
            raise
        return found

    def apply(self, obj: Object, manager: str) -> Object:
        """Server-side apply; a field that somebody else manages is a conflict, unless forced."""
        force = str(annotated(obj, "pulumi.com/patchForce")).lower()
        query = {"fieldManager": manager, "fieldValidation": "Strict", "force": force}
        form = "application/apply-patch+yaml"
        try:
            answer = self._request("PATCH", self._path(obj), json.dumps(obj), form, **query)
        except ApiError as error:
            raise ApiError(error.code, f"{described(obj)} was refused: {error}") from None
        live: Object = json.loads(answer)
        return live

    def delete(self, obj: Object) -> None:
        try:
            self._request("DELETE", self._path(obj), {"propagationPolicy": "Foreground"})
        except ApiError as error:
            if error.code != 404:
                raise

    def ready(self, live: Object, tell: Callable[[str], None]) -> Object:
        """Waits for an object, tells how it goes, and gives up when waiting cannot help."""
        what, began, fatal_since, told = described(live), time.monotonic(), None, ""
        while True:
            pods: list[Object] = []
            try:
                seen = self.get(live)
                if seen is None:
                    raise NotReadyError(live, [f"{what} was deleted while it was waited for"])
                live, trouble = seen, problem(seen)
                if trouble is None:
                    return live
                pods = self._pods(live)
            except ApiError as error:
                if error.code:
                    raise
                trouble = Trouble(str(error))  # the API server may come back
            troubles = [trouble, *filter(None, map(pod_problem, pods))]
            messages = list(dict.fromkeys(found.message for found in troubles))
            if told != (told := "; ".join(messages)):
                tell(told)
            now = time.monotonic()
            fatal_since = (fatal_since or now) if any(t.fatal for t in troubles) else None
            if (fatal_since and now - fatal_since >= PATIENCE) or now - began > TIMEOUT:
                first = f"{what} did not become ready within {now - began:.0f} s: {messages[0]}"
                raise NotReadyError(live, [first, *messages[1:], *self._words(pods)])
            if self.cancelled.wait(INTERVAL):
                raise NotReadyError(live, [f"the wait for {what} was interrupted"])

    def gone(self, obj: Object) -> None:
        """Waits until the object, with all that hangs on it, does not exist any more."""
        began = time.monotonic()
        while (live := self.get(obj)) and live["metadata"]["uid"] == obj["metadata"]["uid"]:
            if time.monotonic() - began > TIMEOUT or self.cancelled.wait(INTERVAL):
                held = dig(live, "metadata.finalizers") or dig(live, "spec.finalizers") or ["none"]
                raise PluginError(f"{described(obj)} is still there, finalizers: {', '.join(held)}")

    def _pods(self, live: Object) -> list[Object]:
        labels = dig(live, "spec.selector.matchLabels")
        if not labels:
            return []
        selector = ",".join(f"{key}={value}" for key, value in labels.items())
        path = f"/api/v1/namespaces/{live['metadata']['namespace']}/pods"
        return newest(json.loads(self._request("GET", path, labelSelector=selector))["items"])

    def _words(self, pods: list[Object]) -> list[str]:
        """Warnings and last log lines of a pod in trouble; its siblings say the same."""
        pod = next(filter(pod_problem, pods), None)
        if pod is None:
            return []
        words: list[str] = []
        name, api = pod["metadata"]["name"], f"/api/v1/namespaces/{pod['metadata']['namespace']}"
        try:
            query = f"type=Warning,involvedObject.name={name}"
            events = json.loads(self._request("GET", f"{api}/events", fieldSelector=query))
            messages = dict.fromkeys(event["message"] for event in events["items"])
            words += [f"pod {name}, event: {text}" for text in [*messages][-3:]]
            for container in dig(pod, "status.containerStatuses", []):
                ended = container["restartCount"] > 0 and not dig(container, "state.running")
                if not container["ready"] and (ended or not dig(container, "state.waiting")):
                    text = self._request(
                        "GET",
                        f"{api}/pods/{name}/log",
                        container=container["name"],
                        tailLines=str(LOG_LINES),
                        previous=str(ended).lower(),
                    )
                    words += [f"pod {name}, container {container['name']}, last log lines:\n{text}"]
        except ApiError:
            pass  # what is known already has to do
        return words

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
        self, method: str, path: str, body: Any = None, form: str = "application/json", **query: str
    ) -> str:
        # Here, not at the top: importing the client takes longer than a whole preview may.
        import kubernetes.config
        from urllib3.exceptions import HTTPError

        config: Any = kubernetes.config  # it has no types
        try:
            with self._connecting:
                self._client = self._client or config.new_client_from_config(context=self._context)
            call = self._client.param_serialize(
                method,
                path,
                query_params=list(query.items()),
                header_params={"Content-Type": form, "Accept": "application/json, */*"},
                body=body,
                auth_settings=["BearerToken"],
            )
            response = self._client.call_api(*call, _request_timeout=REQUEST_TIMEOUT)
            content = bytes(response.read() or b"").decode(errors="replace")
        except HTTPError as error:
            cause = str(getattr(error, "reason", None) or error).split(": ", 1)[-1]
            host = self._client.configuration.host
            raise ApiError(
                0,
                f"the Kubernetes cluster at {host} does not answer ({cause}); start it, run again",
            ) from None
        except (config.ConfigException, OSError) as error:
            raise PluginError(
                f"the kubeconfig cannot be used ({error}); set KUBECONFIG or the provider's context"
            ) from None
        if response.status >= 400:
            try:
                content = json.loads(content)["message"]
            except (ValueError, KeyError, TypeError):
                content = content or response.reason
            raise ApiError(response.status, content)
        return content
