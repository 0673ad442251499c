"""The Kubernetes API for objects of any kind, through the official client, and waiting for them."""

import threading
import time
from collections.abc import Callable
from typing import Any

from airgap.plugins import objects
from airgap.plugins.objects import Trouble, described, dig
from airgap.plugins.serve import Object, PluginError

REQUEST_TIMEOUT = (5, 60)  # seconds to connect, to answer
INTERVAL = 0.4  # seconds between two looks
TIMEOUT = 600.0
# Seconds for which something fatal must hold before the wait gives up: some of it heals by itself.
PATIENCE = 10.0
MANAGER = "pulumi-kubernetes"


class AwayError(PluginError):
    """The API server does not answer; it may come back."""


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

    def apply(self, obj: Object) -> Object:
        """Server-side apply; a field that somebody else manages is a conflict, unless forced."""
        force = objects.annotated(obj, "pulumi.com/patchForce")
        return self._ask(
            "server_side_apply", obj, body=obj, field_manager=MANAGER, force_conflicts=force
        )

    def delete(self, obj: Object) -> None:
        name = obj["metadata"]["name"]
        self._ask("delete", obj, name=name, propagation_policy="Foreground")

    def ready(
        self, live: Object, tell: Callable[[str], None], timeout: float = TIMEOUT
    ) -> tuple[Object, list[str]]:
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
                live, trouble = seen, objects.problem(seen)
                if trouble is None:
                    return live, []
                pods = self._pods(live)
            except AwayError as away:
                trouble = Trouble(str(away))
            troubles = [trouble, *filter(None, map(objects.pod_problem, pods))]
            reasons = list(dict.fromkeys(found.message for found in troubles))
            if told != (told := "; ".join(reasons)):
                tell(told)
            now = time.monotonic()
            fatal_since = (fatal_since or now) if any(t.fatal for t in troubles) else 0.0
            if (fatal_since and now - fatal_since >= PATIENCE) or now - began > timeout:
                return live, reasons
            if self.cancelled.wait(INTERVAL):
                return live, ["the wait for it was interrupted"]

    def gone(self, obj: Object) -> None:
        """Waits until the object, with all that hangs on it, does not exist any more."""
        began = time.monotonic()
        while (live := self.get(obj)) and dig(live, "metadata.uid") == dig(obj, "metadata.uid"):
            if time.monotonic() - began > TIMEOUT or self.cancelled.wait(INTERVAL):
                held = dig(live, "metadata.finalizers") or dig(live, "spec.finalizers") or ["none"]
                raise PluginError(f"{described(obj)} is still there, finalizers: {', '.join(held)}")

    def _pods(self, live: Object) -> list[Object]:
        labels = dig(live, "spec.selector.matchLabels") or {}
        selector = ",".join(f"{key}={value}" for key, value in labels.items())
        pods = {"apiVersion": "v1", "kind": "Pod", "metadata": live["metadata"]}
        found = self._ask("get", pods, label_selector=selector)["items"] if labels else []
        return objects.newest(found)

    def _ask(self, verb: str, obj: Object, **options: Any) -> Object:
        """One request about an object's kind in its namespace; nothing if what it names is not there."""
        # Here, not at the top: importing the client takes longer than a whole preview may.
        import kubernetes.dynamic.exceptions
        from urllib3.exceptions import HTTPError

        untyped: Any = kubernetes
        options |= {"namespace": dig(obj, "metadata.namespace", "default")}
        try:
            with self._connecting:
                if not self._client:
                    client = untyped.config.new_client_from_config(context=self._context)
                    self._client = untyped.dynamic.DynamicClient(client)
                kinds = self._client.resources
                resource = kinds.get(api_version=obj["apiVersion"], kind=obj["kind"])
            answer = getattr(resource, verb)(_request_timeout=REQUEST_TIMEOUT, **options)
        except untyped.dynamic.exceptions.DynamicApiError as error:
            if error.status == 404 and "name" in options:
                return {}
            raise PluginError(f"{described(obj)}: {error.summary()}") from None
        except HTTPError as error:
            text = f"the Kubernetes cluster does not answer ({error}); start it and run again"
            raise AwayError(text) from None
        except (untyped.config.ConfigException, OSError) as error:
            raise PluginError(
                f"the kubeconfig cannot be used ({error}); set KUBECONFIG or the provider's context"
            ) from None
        return objects.without_notes(answer.to_dict())
