"""Every version that `ops` itself pins, and the checksums of official releases that are known."""

from __future__ import annotations

PULUMI = "3.221.0"
PULUMI_OLDEST = (3, 220, 0)
MINIKUBE = "1.36.0"
MINIKUBE_OLDEST = (1, 32, 0)
KUBERNETES = "1.33.1"
KUBECTL_OLDEST = (1, 29, 0)

# sha256 of the file as downloaded, by its address. A file without a pin here is held against the
# checksum that its vendor publishes beside it; a file with one is held against both.
PINNED_SHA256 = {
    "https://get.pulumi.com/releases/sdk/pulumi-v3.221.0-linux-x64.tar.gz": (
        "fe736f91b4153f94f859870e34dda01e648552c25f702c8a42282acf3a5db9ad"
    ),
    "https://get.pulumi.com/releases/sdk/pulumi-v3.221.0-linux-arm64.tar.gz": (
        "baaf077a8b851da4fd1f6434860b56fec43f877709fe5a22ed3bbd335af57a37"
    ),
    "https://get.pulumi.com/releases/sdk/pulumi-v3.221.0-darwin-x64.tar.gz": (
        "6c275ff21c2a2790dc4ac9536be745f0fa65b9eab32e5dc896d1e4cd79fafb6b"
    ),
    "https://get.pulumi.com/releases/sdk/pulumi-v3.221.0-darwin-arm64.tar.gz": (
        "4d3024f24131440cacc9d04cf9a19dc673c821216fe5fec848d1ce5af0c06092"
    ),
    "https://dl.k8s.io/release/v1.33.1/bin/linux/amd64/kubectl": (
        "5de4e9f2266738fd112b721265a0c1cd7f4e5208b670f811861f699474a100a3"
    ),
    "https://dl.k8s.io/release/v1.33.1/bin/linux/arm64/kubectl": (
        "d595d1a26b7444e0beb122e25750ee4524e74414bbde070b672b423139295ce6"
    ),
}
