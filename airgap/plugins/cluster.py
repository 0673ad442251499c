"""The Kubernetes API for objects of any kind, through the official client, and waiting for them."""

import threading
import time
from collections.abc import Callable
from typing import Any

from airgap.plugins.objects import Trouble, annotated, described, dig, newest, pod_problem, problem
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


class Cluster:
    """Connects at first use, so that previews work while the cluster is away."""

    def __init__(self, context: str | None = None) -> None:
        self._context = context
        self._client: Any = None
        self._connecting = threading.Lock()
        self.cancelled = threading.Event()

    def get(self, obj: Object) -> Object:
        """The object as it is; empty if it does not exist."""
        return self._ask("get", obj, name=obj["metadata"]["name"])

    def apply(self, obj: Object, manager: str) -> Object:
        """Server-side apply; a field that somebody else manages is a conflict, unless forced."""
        force = annotated(obj, "pulumi.com/patchForce")
        try:
            return self._ask(
                "server_side_apply", obj, body=obj, field_manager=manager, force_conflicts=force
            )
        except ApiError as error:
            raise ApiError(error.code, f"{described(obj)} was refused: {error}") from None

    def delete(self, obj: Object) -> None:
        name = obj["metadata"]["name"]
        self._ask("delete", obj, name=name, propagation_policy="Foreground")

    def ready(self, live: Object, tell: Callable[[str], None]) -> tuple[Object, list[str]]:
        """The object as last seen, and why it does not become ready; no reasons when it is.

        Tells how it goes meanwhile, and gives up when waiting cannot help.
        """
        began, fatal_since, told = time.monotonic(), 0.0, ""
        while True:
            pods: list[Object] = []
            try:
                seen = self.get(live)
                if not seen:
                    return live, ["it was deleted while it was waited for"]
                live, trouble = seen, problem(seen)
                if trouble is None:
                    return live, []
                pods = self._pods(live)
            except ApiError as error:
                if error.code:
                    raise
                trouble = Trouble(str(error))  # the API server may come back
            troubles = [trouble, *filter(None, map(pod_problem, pods))]
            reasons = list(dict.fromkeys(found.message for found in troubles))
            if told != (told := "; ".join(reasons)):
                tell(told)
            now = time.monotonic()
            fatal_since = (fatal_since or now) if any(t.fatal for t in troubles) else 0.0
            if (fatal_since and now - fatal_since >= PATIENCE) or now - began > TIMEOUT:
                # Siblings in trouble say the same.
                return live, reasons + self._words(next(filter(pod_problem, pods), None))
            if self.cancelled.wait(INTERVAL):
                return live, ["the wait for it was interrupted"]

    def gone(self, obj: Object) -> None:
        """Waits until the object, with all that hangs on it, does not exist any more."""
        began = time.monotonic()
        while (live := self.get(obj)) and live["metadata"]["uid"] == obj["metadata"]["uid"]:
            if time.monotonic() - began > TIMEOUT or self.cancelled.wait(INTERVAL):
                held = dig(live, "metadata.finalizers") or dig(live, "spec.finalizers") or ["none"]
                raise PluginError(f"{described(obj)} is still there, finalizers: {', '.join(held)}")

    def _pods(self, live: Object) -> list[Object]:
        labels = dig(live, "spec.selector.matchLabels") or {}
        selector = ",".join(f"{key}={value}" for key, value in labels.items())
        pods = {"apiVersion": "v1", "kind": "Pod", "metadata": live["metadata"]}
        found = self._ask("get", pods, label_selector=selector)["items"] if labels else []
        return newest(found)

    def _words(self, pod: Object | None) -> list[str]:
        """A pod's warnings and last log lines."""
        if pod is None:
            return []
        name, namespace = pod["metadata"]["name"], pod["metadata"]["namespace"]
        kind = {"apiVersion": "v1", "kind": "Event", "metadata": {"namespace": namespace}}
        field = f"type=Warning,involvedObject.name={name}"
        events = self._ask("get", kind, field_selector=field)["items"]
        words = [f"pod {name}, event: {event['message']}" for event in events[-3:]]
        for one in dig(pod, "status.containerStatuses", []):
            ended = one["restartCount"] > 0 and not dig(one, "state.running")
            if not one["ready"] and (ended or not dig(one, "state.waiting")):
                log = self._log(name, namespace, one["name"], ended)
                words.append(f"pod {name}, container {one['name']}, last log lines:\n{log}")
        return words

    def _log(self, pod: str, namespace: str, container: str, previous: bool) -> str:
        from kubernetes.client import ApiException, CoreV1Api

        try:
            return CoreV1Api(self._client.client).read_namespaced_pod_log(
                pod, namespace, container=container, tail_lines=LOG_LINES, previous=previous
            )
        except ApiException as error:  # it may just have been removed
            return str(error.reason)

    def _ask(self, verb: str, obj: Object, **options: Any) -> Object:
        """One request about an object's kind in its namespace; nothing if what it names is not there."""
        # Here, not at the top: importing the client takes longer than a whole preview may.
        import kubernetes.dynamic.exceptions
        from urllib3.exceptions import HTTPError

        config: Any = kubernetes.config  # it has no types
        connect: Any = kubernetes.dynamic.DynamicClient
        try:
            with self._connecting:
                self._client = self._client or connect(
                    config.new_client_from_config(context=self._context)
                )
                kinds = self._client.resources
                resource = kinds.get(api_version=obj["apiVersion"], kind=obj["kind"])
            namespace = dig(obj, "metadata.namespace", "default") if resource.namespaced else None
            answer = getattr(resource, verb)(
                namespace=namespace, _request_timeout=REQUEST_TIMEOUT, **options
            )
            found: Object = answer.to_dict()
        except kubernetes.dynamic.exceptions.DynamicApiError as error:
            if error.status == 404 and "name" in options:
                return {}
            raise ApiError(error.status or 0, str(error.summary())) from None  # type: ignore[no-untyped-call]
        except kubernetes.dynamic.exceptions.ResourceNotFoundError as error:
            raise PluginError(f"the cluster has no such kind: {error}") from None
        except HTTPError as error:
            cause = str(getattr(error, "reason", None) or error).split(": ", 1)[-1]
            raise ApiError(
                0, f"the Kubernetes cluster does not answer ({cause}); start it and run again"
            ) from None
        except (config.ConfigException, OSError) as error:
            raise PluginError(
                f"the kubeconfig cannot be used ({error}); set KUBECONFIG or the provider's context"
            ) from None
        return found
