"""A release's address for browsers, read from the cluster, and the way to it from this machine."""

import re
import shlex
import subprocess
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from urllib.parse import urlsplit

from components.minikube import Minikube
from ops.engine.stack import Stack
from ops.errors import OpsError
from ops.kubectl import Kubectl, Manifest, NoAnswerError
from ops.prepare.docker import hides_network
from ops.processes import capture
from ops.release import history
from ops.release.history import Location
from policy.rule import at, items, pod_of

KINDS = "services,deployments,configmaps"
PENDING = "<pending>"
FORWARDING = re.compile(r"^Forwarding from (127\.0\.0\.1:\d+) ")


@dataclass(frozen=True)
class Access:
    url: str
    forward: subprocess.Popen[str] | None = None
    """Lives as long as the port is forwarded."""


def url_of(objects: Sequence[Manifest], location: Location) -> str:
    """The address of the frontend: its route's or balancer's, else its Service's; empty if it has none.

    From the live objects, because the stack's own output is what the last update wanted, even one that failed.
    """
    service = _of_frontend(objects, "Service")
    if not service:
        return ""
    if url := public(objects):
        return url
    port = service["spec"]["ports"][0]
    match service["spec"]["type"]:
        case "LoadBalancer":
            entries = items(service, "status", "loadBalancer", "ingress")
            host = (entries[0].get("hostname") or entries[0]["ip"]) if entries else PENDING
            return f"http://{f'[{host}]' if ':' in host else host}:{port['port']}"
        case "NodePort":
            return f"http://{location.node_host}:{port['nodePort']}"
    return f"http://{service['metadata']['name']}:{port['port']}"


def _of_frontend(objects: Sequence[Manifest], kind: str) -> Manifest | None:
    for item in objects:
        if item["kind"] == kind and at(item, "metadata", "labels", "component") == "frontend":
            return item
    return None


def public(objects: Sequence[Manifest]) -> str:
    """FRONTEND_URL of the frontend's pods, if it is the address of a route or a balancer; else empty."""
    service = _of_frontend(objects, "Service") or {}
    containers = items(pod_of(_of_frontend(objects, "Deployment") or {}), "containers")
    sources = [source for container in containers[:1] for source in items(container, "envFrom")]
    read = {at(source, "configMapRef", "name") for source in sources}
    for item in objects:
        if item["kind"] == "ConfigMap" and item["metadata"]["name"] in read:
            url = str(at(item, "data", "FRONTEND_URL") or "")
            address, ports = urlsplit(url), items(service, "spec", "ports")
            own = {at(port, "nodePort") for port in ports} - {None}
            if address.hostname != at(service, "metadata", "name") and address.port not in own:
                return url
    return ""


def route_faults(location: Location) -> list[str]:
    """Why no Gateway leads to the release, as its HTTPRoutes say: a controller writes the status of what it takes."""
    try:
        routes = location.objects("httproutes.gateway.networking.k8s.io")
    except NoAnswerError:  # The cluster has no such kind.
        return []
    faults = []
    for route in routes:
        title = f"HTTPRoute {route['metadata']['name']}"
        parents = items(route, "status", "parents")
        if not parents:
            gateways = ", ".join(str(at(ref, "name")) for ref in items(route, "spec", "parentRefs"))
            text = f"no controller handles {title}: does the one of Gateway {gateways} run?"
            faults.append(text)
        faults += [
            f"{title} does not lead to the release: {condition['reason']}, {condition['message']}"
            for parent in parents
            for condition in items(parent, "conditions")
            if condition["status"] == "False"
        ]
    return faults


def against(location: Location) -> list[str]:
    """Problems of the routes, asked once nothing answers; a controller may leave an Ingress without an address."""
    ingresses = location.objects("ingresses.networking.k8s.io")
    return route_faults(location) + [
        f"Ingress {item['metadata']['name']} has no address: does the controller of "
        f"{'class ' + str(name) if (name := at(item, 'spec', 'ingressClassName')) else 'the default class'} run?"
        for item in ingresses
        if not items(item, "status", "loadBalancer", "ingress")
    ]


@contextmanager
def access_to(stack: Stack, system: str) -> Iterator[Access]:
    """An address that works from here, for as long as the block lasts.

    Raises:
        OpsError: if there is none.
    """
    location = history.location(stack)
    kubectl, service = location.kubectl, f"{location.release}-frontend"
    url = url_of(location.objects(KINDS), location)
    if location.node_host in url:
        url = _of_node(url, stack, system, service)
    if not url:
        raise OpsError(
            f"release {location.release} has no frontend Service in the cluster",
            where=str(location),
            fix=f"make up STACK={stack.name}",
        )
    if PENDING in url:
        raise OpsError(
            "the load balancer has no address yet",
            where=url,
            fix=f"run in another terminal: minikube tunnel --profile {stack.file.profile}"
            if stack.file.profile
            else f"run the command again when this shows one: kubectl --context "
            f"{shlex.quote(kubectl.context)} --namespace {kubectl.namespace} get services",
        )
    if urlsplit(url).hostname != service:
        try:
            yield Access(url)
        except OpsError as error:
            error.where = "; ".join(filter(None, [error.where, *against(location)]))
            raise
        return
    # Without NodePort, route or load balancer the address is the Service's own name.
    with _forwarded(kubectl, service, stack.name) as access:
        yield access


def _of_node(url: str, stack: Stack, system: str, service: str) -> str:
    """A node port's address from here: where Docker's network is hidden, the one that the node's container publishes.

    Where it publishes none, the address of the Service, to which a port is forwarded.
    """
    minikube = Minikube.find(stack.file.profile, stack.env) if stack.file.profile else None
    if minikube is None or minikube.driver not in ("docker", "podman"):
        return url
    if not hides_network(system, stack.env):
        return url
    port = str(urlsplit(url).port)
    published = capture([minikube.driver, "port", minikube.profile, port], env=stack.env)
    return f"http://{service if published.code else published.output.split()[0]}"


@contextmanager
def _forwarded(kubectl: Kubectl, service: str, stack: str) -> Iterator[Access]:
    forward = kubectl.start("port-forward", "--address=127.0.0.1", f"service/{service}", ":http")
    try:
        assert forward.stdout is not None
        said = forward.stdout.readline()
        found = FORWARDING.match(said)
        if found is None:
            raise OpsError(
                "no port can be forwarded to the frontend",
                where=said.strip(),
                fix=f"make status STACK={stack} shows whether its pods are ready",
            )
        # Each connection is a line; unread, they would fill the pipe and stop it.
        threading.Thread(target=forward.stdout.read, daemon=True).start()
        yield Access(f"http://{found[1]}", forward)
    finally:
        forward.terminate()
        forward.wait()
