"""Images built from source: by pulumi-docker, tagged by content.

The only module that imports pulumi-docker, and itself imported only where an image is built.
"""

import asyncio
import os
from platform import machine

import pulumi
import pulumi_docker as docker

from .build_context import BuildArgs, reference
from .config.stack import Images
from .image import Image
from .minikube import ClusterError, Minikube

# Docker's names, by the kernel's.
ARCHITECTURES = {"x86_64": "amd64", "AMD64": "amd64", "aarch64": "arm64"}


def docker_provider(name: str, minikube: Minikube) -> docker.Provider | None:
    """A provider for the profile's own Docker daemon; None where it is the default.

    Raises:
        ClusterError: if the profile's daemon cannot be found.
    """
    environment = minikube.docker_environment(os.environ)
    if not environment:
        return None
    return docker.Provider(
        name,
        host=environment["DOCKER_HOST"],
        cert_path=environment["DOCKER_CERT_PATH"],
    )


def built_image(
    name: str,
    component: str,
    build: BuildArgs,
    images: Images,
    opts: pulumi.ResourceOptions,
    *,
    node: Minikube | None = None,
) -> Image:
    """Build a component's image by pulumi-docker, and push it if there is a registry, or load it into `node`.

    The reference is computed here and not read from the resource, whose outputs are unknown until it is built: so a
    preview shows which pods a source edit rolls, and the same content never rolls any.

    Raises:
        RunError: (in the reference) if the node does not get the image.
    """
    tagged = reference(images.repository(component), build)
    image = docker.Image(
        f"{name}-{component}-image",
        image_name=tagged,
        build=docker.DockerBuildArgs(
            context=os.path.relpath(build.context),
            dockerfile=os.path.relpath(build.context / "Dockerfile"),
            target=build.target,
            # Without one the plugin prints a note for each image in each run. A local daemon builds for this machine.
            platform=build.platform or f"linux/{ARCHITECTURES.get(machine(), machine())}",
            args=dict(build.args) or None,
            builder_version=docker.BuilderVersion.BUILDER_BUILD_KIT,
        ),
        skip_push=images.registry is None,
        opts=opts,
    )
    if node is None or pulumi.runtime.is_dry_run():
        return Image(reference=tagged, depends_on=(image,))

    async def loaded(_: str) -> str:
        try:
            await asyncio.to_thread(node.load, tagged)
        except ClusterError as error:
            # As in __main__, which does not see what an output raises: the message without a traceback.
            raise pulumi.RunError(str(error)) from None
        return tagged

    # Pods wait for the reference, and so for the load; checked in every update, because a node drops images.
    return Image(reference=image.image_name.apply(loaded), depends_on=(image,))
