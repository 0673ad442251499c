"""The public address of a stack: an Ingress, or a route of the Gateway API. Either takes one host name or several."""

from collections.abc import Iterable

from pydantic import ConfigDict, Field

from .base import Model, Port, Problem
from .kinds import AnnotationName, DnsLabel, DnsSubdomain, HostName, HostPattern
from .pods import annotation_problems

# https://gateway-api.sigs.k8s.io/reference/spec/#httproutespec
MOST_HOSTS_OF_A_ROUTE = 16
# Its durations have five digits: https://gateway-api.sigs.k8s.io/geps/gep-2257/
MOST_SECONDS = 99_999
HTTP_PORT, HTTPS_PORT = 80, 443


class Tls(Model):
    """Certificate: an existing TLS Secret, or a cert-manager issuer that fills one."""

    secret: DnsSubdomain | None = Field(
        None, description="TLS Secret; <release>-tls if unset, which the issuer then fills"
    )
    issuer: DnsSubdomain | None = Field(None, description="cert-manager ClusterIssuer")

    def problems(self) -> Iterable[Problem]:
        if not self.secret and not self.issuer:
            yield Problem(
                ("secret", "issuer"), "TLS needs a certificate: give secret, issuer, or both"
            )

    def secret_name(self, release: str) -> str:
        """The Secret with the certificate."""
        return self.secret or f"{release}-tls"

    @property
    def annotations(self) -> dict[str, str]:
        """The annotations that request the certificate from cert-manager."""
        return {"cert-manager.io/cluster-issuer": self.issuer} if self.issuer else {}


class Route(Model):
    """The keys of both kinds of route."""

    model_config = ConfigDict(
        json_schema_extra={"oneOf": [{"required": ["host"]}, {"required": ["hosts"]}]}
    )

    host: HostName | None = Field(None, description="host name that browsers use")
    hosts: tuple[HostPattern, ...] = Field(
        (),
        description="in place of host: several names, wildcards (*.example.com) included. The first must not be a "
        "wildcard: it is the address that make up prints and FRONTEND_URL holds",
    )
    tls: Tls | None = Field(None, description="TLS; plain HTTP if unset")

    @property
    def names(self) -> tuple[str, ...]:
        """Every host name; the first one is the address that people use."""
        return (self.host,) if self.host else self.hosts

    @property
    def secured(self) -> bool:
        """Whether browsers use https."""
        return self.tls is not None

    @property
    def url(self) -> str:
        """The address that people use."""
        return f"{'https' if self.secured else 'http'}://{self.names[0]}"

    def problems(self) -> Iterable[Problem]:
        if not self.names:
            text = "is missing: give host, a host name such as taskflow.example.com, or hosts for several"
            yield Problem(("host", "hosts"), text)
        elif self.host and self.hosts:
            yield Problem(
                ("hosts", "host"), "give host or hosts, not both: move host to the top of hosts"
            )
        elif self.names[0].startswith("*"):
            text = f"{self.names[0]} is the first host, but a wildcard is not an address: put a plain name before it"
            yield Problem(("hosts",), text)
        for name in sorted({name for name in self.hosts if self.hosts.count(name) > 1}):
            yield Problem(("hosts",), f"{name} is listed more than once")


class Ingress(Route):
    """The public address by an Ingress."""

    class_name: DnsSubdomain | None = Field(
        None, alias="class", description="ingress class; the cluster's default if unset"
    )
    annotations: dict[AnnotationName, str] = Field({}, description="annotations for the controller")

    def problems(self) -> Iterable[Problem]:
        yield from super().problems()
        yield from annotation_problems("annotations", self.annotations)
        taken = {"kubernetes.io/ingress.class": "class"}
        if self.tls and self.tls.issuer:
            taken |= dict.fromkeys(
                ("cert-manager.io/cluster-issuer", "cert-manager.io/issuer"), "tls.issuer"
            )
        for name, key in taken.items():
            if name in self.annotations:
                yield Problem(
                    (("annotations", name), key),
                    f"conflicts with ingress.{key}, and an Ingress has one of the two; drop the annotation",
                )


class ParentRef(Model):
    """A Gateway that exists. Its listeners must allow routes from the release's namespace."""

    name: DnsSubdomain = Field(description="the Gateway's name")
    namespace: DnsLabel | None = Field(
        None, description="the Gateway's namespace; the release's if unset"
    )
    section_name: DnsSubdomain | None = Field(
        None, description="one of its listeners; every one that fits the hosts if unset"
    )
    redirect_section_name: DnsSubdomain | None = Field(
        None,
        description="its listener for plain HTTP, where a second HTTPRoute redirects to https; needs sectionName, so "
        "that the pages are not there, too. If unset the Gateway's owner redirects, or nobody",
    )
    tls: bool = Field(True, description="whether browsers reach it by https")

    def problems(self) -> Iterable[Problem]:
        if not self.redirect_section_name:
            return
        if self.section_name in (None, self.redirect_section_name):
            yield Problem(
                ("redirectSectionName", "sectionName"),
                "needs the listener for https as sectionName, and a different one for plain HTTP: otherwise the pages "
                "would be on plain HTTP, too",
            )
        if not self.tls:
            yield Problem(
                ("redirectSectionName", "tls"), "leads to https, but tls is false: drop one of them"
            )


class Gateway(Route):
    """The public address by the Gateway API, in place of `ingress`: an HTTPRoute, and where `class` is given a Gateway.

    With `tls` that Gateway redirects HTTP to HTTPS. The cluster needs the API's CRDs (v1.2 or newer) and a controller.
    """

    parent_ref: ParentRef | None = Field(None, description="a Gateway that exists")
    class_name: DnsSubdomain | None = Field(
        None,
        alias="class",
        description="GatewayClass of a Gateway that the stack makes. Pods that its controller runs in this namespace "
        "must meet the `restricted` standard (Istio: gateways.seccompProfile.type: RuntimeDefault)",
    )
    http_port: Port | None = Field(
        None,
        description=f"port of that Gateway's plain listener; {HTTP_PORT} if unset. Some controllers want the ports of "
        "their own pods: Traefik's chart 8000 and 8443",
    )
    https_port: Port | None = Field(
        None, description=f"port of its listeners with TLS; {HTTPS_PORT} if unset"
    )
    namespace: DnsLabel | None = Field(
        None,
        description="namespace of the gateway's pods; the network policies let only it reach the frontend. "
        "If unset, anyone does",
    )
    timeout_seconds: int | None = Field(
        None,
        ge=1,
        le=MOST_SECONDS,
        description="time for a whole request, the assistant's streamed answers included; the gateway's default if "
        "unset",
    )
    retries: int | None = Field(
        None,
        ge=1,
        le=5,
        description="how often a read (GET, HEAD) is retried if a pod refuses it or answers with 502, 503 or 504; "
        "the gateway's default if unset. Needs the API's CRDs of v1.7 or newer",
    )

    @property
    def secured(self) -> bool:
        return self.parent_ref.tls if self.parent_ref else super().secured

    @property
    def ports(self) -> tuple[int, int]:
        """The ports for plain HTTP and for TLS of a Gateway that the stack makes."""
        return self.http_port or HTTP_PORT, self.https_port or HTTPS_PORT

    def problems(self) -> Iterable[Problem]:
        yield from super().problems()
        if (self.parent_ref is None) == (self.class_name is None):
            text = "give one of parentRef (a Gateway that exists) and class (the stack makes one)"
            yield Problem(("parentRef", "class"), text)
        elif self.parent_ref and self.tls:
            yield Problem(
                ("tls", "parentRef"),
                "a Gateway that exists has certificates of its own; drop tls, or give class in place of parentRef",
            )
        if self.parent_ref:
            for key, port in (("httpPort", self.http_port), ("httpsPort", self.https_port)):
                if port:
                    text = f"a Gateway that exists has ports of its own; drop {key}"
                    yield Problem((key, "parentRef"), text)
        elif self.https_port and not self.tls:
            yield Problem(
                ("httpsPort", "tls"), "is the port of listeners with TLS: give tls, too, or drop it"
            )
        elif self.tls and self.ports[0] == self.ports[1]:
            yield Problem(
                ("httpPort", "httpsPort"), f"{self.ports[0]} is the port of both; choose another"
            )
        if len(self.hosts) > MOST_HOSTS_OF_A_ROUTE:
            yield Problem(
                ("hosts",),
                f"{len(self.hosts)} names, but an HTTPRoute takes {MOST_HOSTS_OF_A_ROUTE}; use a wildcard for some",
            )
