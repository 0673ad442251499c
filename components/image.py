"""A component's image: prebuilt, or built from source and tagged by content."""

import os
from dataclasses import dataclass

import pulumi
import pulumi_docker as docker

from .build_context import BuildArgs, reference
from .config_models import Images


@dataclass(frozen=True, kw_only=True)
class Image:
    """An image reference, known at preview, and what must exist before a pod can use it.

    Args:
        pull_policy: every reference is a content tag or a digest, so a present image is the right one. `Always` has the
            registry confirm that the pod may use it, and moves no data either.
    """

    reference: str
    pull_policy: str = "IfNotPresent"
    depends_on: tuple[pulumi.Resource, ...] = ()


def built_image(
    name: str, component: str, build: BuildArgs, images: Images, opts: pulumi.ResourceOptions
) -> Image:
    """Build a component's image by pulumi-docker, and push it if there is a registry.

    The reference is computed here and not read from the resource, whose outputs are unknown until it is built: so a
    preview shows which pods a source edit rolls, and the same content never rolls any.
    """
    tagged = reference(images.repository(component), build)
    image = docker.Image(
        f"{name}-{component}-image",
        image_name=tagged,
        build=docker.DockerBuildArgs(
            context=os.path.relpath(build.context),
            dockerfile=os.path.relpath(build.context / "Dockerfile"),
            target=build.target,
            platform=build.platform,
            args=dict(build.args) or None,
            builder_version=docker.BuilderVersion.BUILDER_BUILD_KIT,
        ),
        skip_push=images.registry is None,
        opts=opts,
    )
    return Image(reference=tagged, depends_on=(image,))
