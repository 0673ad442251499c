"""The Next.js frontend on Kubernetes, with the address that people use."""

from collections.abc import Mapping
from dataclasses import dataclass

import pulumi
from pulumi_kubernetes import apps, core, networking

from . import gateway, workload
from .config.routes import Gateway, Ingress
from .config.workload import Frontend
from .image import Image
from .minikube import THIS_MACHINE
from .workload import Container, Release, SecretKey

COMPONENT = "frontend"


@dataclass(frozen=True, kw_only=True)
class FrontendServiceArgs:
    """Arguments of FrontendService.

    Args:
        signing_keys: as the backend's.
        node_host: where a NodePort of this cluster answers.
    """

    release: Release
    image: Image
    database_url: SecretKey
    signing_keys: Mapping[str, SecretKey]
    config: Frontend = Frontend()
    route: Ingress | Gateway | None = None
    node_host: str = THIS_MACHINE


class FrontendService(pulumi.ComponentResource):
    """Deployment, Service and, where configured, Ingress or HTTPRoute, autoscaler and disruption budget.

    Attributes:
        url: where a browser finds the application; in the cluster only with a bare ClusterIP.
    """

    url: pulumi.Output[str]
    service: core.v1.Service
    deployment: apps.v1.Deployment

    def __init__(
        self, name: str, args: FrontendServiceArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("taskflow:index:FrontendService", name, {}, opts)
        child = pulumi.ResourceOptions(parent=self)
        container = Container(
            component=COMPONENT,
            image=args.image,
            ready="/healthz",
            live="/healthz/live",
            secrets={"DATABASE_URL": args.database_url, **args.signing_keys},
        )
        self.service = workload.service(name, args.release, COMPONENT, args.config, child)
        self.deployment = workload.deployment(name, args.release, container, args.config, child)
        if isinstance(args.route, Ingress):
            _ingress(name, args.release, args.route, child)
        elif args.route:
            port = args.config.service.port
            gateway.routes(name, args.release, COMPONENT, port, args.route, child)

        self.url = _url(args, self.service)
        self.register_outputs({"url": self.url})


def _ingress(
    name: str, release: Release, config: Ingress, opts: pulumi.ResourceOptions
) -> networking.v1.Ingress:
    annotations = config.annotations | (config.tls.annotations if config.tls else {})
    backend = networking.v1.IngressBackendArgs(
        service=networking.v1.IngressServiceBackendArgs(
            name=name, port=networking.v1.ServiceBackendPortArgs(name="http")
        )
    )
    return networking.v1.Ingress(
        f"{name}-ingress",
        # Depending on its controller, an Ingress gets its address minutes after it works, or never.
        metadata=workload.object_meta(release, COMPONENT, name, annotations | workload.SKIP_AWAIT),
        spec=networking.v1.IngressSpecArgs(
            ingress_class_name=config.class_name,
            rules=[
                networking.v1.IngressRuleArgs(
                    host=host,
                    http=networking.v1.HTTPIngressRuleValueArgs(
                        paths=[
                            networking.v1.HTTPIngressPathArgs(
                                path="/", path_type="Prefix", backend=backend
                            )
                        ]
                    ),
                )
                for host in config.names
            ],
            tls=[
                networking.v1.IngressTLSArgs(
                    hosts=[*config.names], secret_name=config.tls.secret_name(release.name)
                )
            ]
            if config.tls
            else None,
        ),
        opts=opts,
    )


def public_url(
    release: str, config: Frontend, route: Ingress | Gateway | None, node_host: str
) -> str:
    """The frontend's address if the configuration gives it; else the Service's name."""
    if route:
        return route.url
    if config.public_url:
        return config.public_url
    if config.service.node_port:
        return f"http://{node_host}:{config.service.node_port}"
    return f"http://{release}-{COMPONENT}:{config.service.port}"


def _url(args: FrontendServiceArgs, service: core.v1.Service) -> pulumi.Output[str]:
    config = args.config.service
    given = args.route or args.config.public_url
    if not given and config.type == "NodePort" and not config.node_port:
        return service.spec.apply(
            lambda spec: f"http://{args.node_host}:{(spec.ports or [])[0].node_port}"
        )
    if not given and config.type == "LoadBalancer":
        return service.status.apply(
            lambda status: f"http://{_address(status) or '<pending>'}:{config.port}"
        )
    return pulumi.Output.from_input(
        public_url(args.release.name, args.config, args.route, args.node_host)
    )


def _address(status: core.v1.outputs.ServiceStatus | None) -> str | None:
    entries = status.load_balancer.ingress if status and status.load_balancer else None
    address = (entries[0].hostname or entries[0].ip) if entries else None
    return f"[{address}]" if address and ":" in address else address
