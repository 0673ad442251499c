"""The public address by the Gateway API: an HTTPRoute to a Service, and the Gateway if the stack makes it.

pulumi-kubernetes has no classes for the Gateway API, whose kinds are CRDs.
"""

from functools import partial
from typing import Any

import pulumi
from pulumi_kubernetes import meta

from . import workload
from .config.routes import Gateway
from .workload import Release

API_VERSION = "gateway.networking.k8s.io/v1"
HTTP = "http"
# The label of a Gateway's pods, if its controller runs them beside it.
# https://gateway-api.sigs.k8s.io/geps/gep-1762/
NAME_LABEL = "gateway.networking.k8s.io/gateway-name"
# Without this block Istio gives those pods the Gateway's labels, which are the frontend's: its policies, budget and
# autoscaler would take them for its own. https://gateway-api.sigs.k8s.io/guides/infrastructure/
INFRASTRUCTURE = {"labels": {"app.kubernetes.io/part-of": "taskflow"}}
READS = [{"method": "GET"}, {"method": "HEAD"}]
TRIED_AGAIN = [502, 503, 504]

Spec = dict[str, Any]


def routes(
    name: str,
    release: Release,
    component: str,
    port: int,
    config: Gateway,
    opts: pulumi.ResourceOptions,
) -> None:
    """Route the hosts to the Service `name`."""
    # Only where there is a Gateway: a preview of others is some 15 ms shorter.
    from pulumi_kubernetes.apiextensions import CustomResource

    def made(role: str, kind: str, metadata: meta.v1.ObjectMetaArgs, spec: Spec) -> None:
        CustomResource(f"{name}-{role}", API_VERSION, kind, spec, metadata, opts)

    # Depending on its controller, a route is ready minutes after it works, or never.
    metadata = partial(workload.object_meta, release, component)
    plain: Spec | None = None
    if config.parent_ref:
        own = {"redirect_section_name", "tls"}
        parents = [config.parent_ref.model_dump(by_alias=True, exclude_none=True, exclude=own)]
        if config.parent_ref.redirect_section_name:
            plain = {**parents[0], "sectionName": config.parent_ref.redirect_section_name}
    else:
        asks = config.tls.annotations if config.tls else {}
        listeners = _listeners(config, release.name)
        made(
            "gateway",
            "Gateway",
            metadata(name, asks | workload.SKIP_AWAIT),
            {
                "gatewayClassName": config.class_name,
                "infrastructure": INFRASTRUCTURE,
                "listeners": listeners,
            },
        )
        parents = [{"name": name, "sectionName": listener["name"]} for listener in listeners]
        if config.tls:
            plain, *parents = parents
    if plain:
        redirect = {"scheme": "https", "statusCode": 301}
        made(
            "redirect",
            "HTTPRoute",
            metadata(f"{name}-redirect", workload.SKIP_AWAIT),
            _route(
                config,
                [plain],
                [{"filters": [{"type": "RequestRedirect", "requestRedirect": redirect}]}],
            ),
        )
    made(
        "route",
        "HTTPRoute",
        metadata(name, workload.SKIP_AWAIT),
        _route(config, parents, _rules(config, name, port)),
    )


def _route(config: Gateway, parents: list[Spec], rules: list[Spec]) -> Spec:
    return {"parentRefs": parents, "hostnames": [*config.names], "rules": rules}


def _rules(config: Gateway, service: str, port: int) -> list[Spec]:
    rule: Spec = {"backendRefs": [{"name": service, "port": port}]}
    if config.timeout_seconds:
        rule["timeouts"] = {"request": f"{config.timeout_seconds}s"}
    if not config.retries:
        return [rule]
    # The rule that names methods goes before the one that does not. A write may have happened, so it is not retried.
    retry = {"attempts": config.retries, "codes": TRIED_AGAIN}
    return [{"matches": READS, "retry": retry, **rule}, rule]


def _listeners(config: Gateway, release: str) -> list[Spec]:
    """Plain HTTP, and HTTPS for each host, because cert-manager asks for the names of listeners only."""
    http_port, https_port = config.ports
    listeners: list[Spec] = [{"name": HTTP, "port": http_port, "protocol": "HTTP"}]
    if config.tls:
        certificate = {"certificateRefs": [{"name": config.tls.secret_name(release)}]}
        listeners += [
            {
                "name": f"https-{number}",
                "hostname": host,
                "port": https_port,
                "protocol": "HTTPS",
                "tls": {"mode": "Terminate"} | certificate,
            }
            for number, host in enumerate(config.names, 1)
        ]
    return listeners
