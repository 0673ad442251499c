"""The first `pulumi up` beside `helm install --wait` of the same objects, in turn."""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from bench.figures import Figure, Goal, Section
from bench.project import STACK, remove
from bench.timing import LIMIT_SECONDS, seconds, timed
from components.postgres import DATABASE, PORT, ROLES
from ops.errors import OpsError
from tests.engine_stack import EngineStack
from tests.live_release import CONTEXT, docker

ROUNDS = 3
HELM_SECONDS = 240
ALLOWANCE_SECONDS = 2


def measure(project: EngineStack, manifests: Sequence[Mapping[str, Any]], folder: Path) -> Section:
    """Leaves the release up, by Pulumi.

    Args:
        manifests: the release's objects, as `ops.render` gives them.
    """
    for component, image in images_of(manifests).items():
        build(project.program / "docker" / component, image)
    chart = write_chart(folder / "chart", manifests)
    helm, up = [], []
    for number in range(ROUNDS):
        helm.append(_installed(chart))
        up.append(seconds(project.up))
        if number < ROUNDS - 1:
            project.destroy()
            remove(STACK)
    installed = Figure("`helm install --wait`", tuple(helm), "s")
    goal = Goal(installed.median + ALLOWANCE_SECONDS, "1.0 x helm's + 2 s")
    return Section(
        "First deployment, images present",
        "`pulumi up` of a new release, and `helm install --wait` (Helm 4) of the same "
        f"{len(manifests)} rendered objects as a chart. Both end when every pod is Ready.",
        (Figure("`pulumi up`", tuple(up), "s", goal), installed),
    )


def build(context: Path, image: str) -> float:
    """Seconds to build an image of a folder under this reference."""
    command = ("build", "--quiet", "--tag", image, str(context))
    return seconds(lambda: docker(*command, timeout=LIMIT_SECONDS))


def images_of(manifests: Sequence[Mapping[str, Any]]) -> dict[str, str]:
    """The image of each Deployment, by its component."""
    return {
        container["name"]: container["image"]
        for manifest in manifests
        if manifest["kind"] == "Deployment"
        for container in manifest["spec"]["template"]["spec"]["containers"]
    }


def write_chart(folder: Path, manifests: Sequence[Mapping[str, Any]]) -> Path:
    """The objects as a chart without values. Rendering masks secrets, so they get values here."""
    password = secrets.token_hex(16)
    rendered = yaml.safe_dump_all([_with_secrets(manifest, password) for manifest in manifests])
    if "{{" in rendered:
        raise OpsError("an object contains a template's braces, so Helm would read it differently")
    (folder / "templates").mkdir(parents=True)
    about = {"apiVersion": "v2", "name": "taskflow", "version": "1.0.0"}
    (folder / "Chart.yaml").write_text(yaml.safe_dump(about))
    (folder / "templates" / "all.yaml").write_text(rendered)
    return folder


def _with_secrets(manifest: Mapping[str, Any], password: str) -> dict[str, Any]:
    if manifest["kind"] != "Secret":
        return dict(manifest)
    release = manifest["metadata"]["labels"]["app"]
    values = {
        "password": password,
        **{
            key: f"postgresql://{role}:{password}@{release}-postgres:{PORT}/{DATABASE}"
            for key, role in ROLES.items()
        },
        "better-auth-secret": secrets.token_hex(24),
    }
    return {**manifest, "stringData": {key: values[key] for key in manifest["stringData"]}}


def _installed(chart: Path) -> float:
    """Seconds of an installation, which is deleted again. Helm's own record stays out of the chart's namespace."""
    flags = ["--wait", "--kube-context", CONTEXT, "--namespace", "default"]
    try:
        install = ["helm", "install", STACK, str(chart), *flags]
        return timed(install, limit=HELM_SECONDS).seconds
    finally:
        uninstall = ["helm", "uninstall", STACK, "--ignore-not-found", *flags]
        timed(uninstall, limit=HELM_SECONDS)
        remove(STACK)
