"""Which pulumi, minikube and kubectl a machine gets."""

import os
import re
from pathlib import Path

import pytest

from ops.errors import OpsError
from ops.paths import OFFICIAL, ROOT, STAND_INS
from ops.prepare import versions
from ops.prepare.machine import Machine, Platform
from ops.prepare.tools import TOOLS, Choice, Origin, Tool, choose, choose_all, link
from ops.processes import capture
from tests.ops.machines import CHECKSUMS, MadeUpMachine

PULUMI, MINIKUBE, KUBECTL = TOOLS


def test_one_file_says_which_engine_is_used() -> None:
    """Another version of Pulumi's is allowed only where the SDK is pinned."""
    sdk = re.findall(r"^pulumi==(\S+)", (ROOT / "requirements.txt").read_text(), re.MULTILINE)
    listed = capture(["git", "ls-files", ":!*.sum", ":!*.lock"], env=os.environ).output.split()
    found = {
        (name, version)
        for name in listed
        for line in (ROOT / name).read_text(errors="ignore").splitlines()
        if "pulumi" in line.lower()
        for version in re.findall(r"\bv?(3\.\d{3}\.\d+)\b", line)
    }
    named = {name for name, version in found if version == versions.PULUMI}
    assert {"airgap/go/go.mod", ".pulumi.version"} - named == {".pulumi.version"}, "a bare number"
    others = {(name, version) for name, version in found if version != versions.PULUMI}
    assert others == {("requirements.txt", *sdk)}
    assert tuple(map(int, versions.PULUMI.split("."))) >= tuple(map(int, sdk[0].split(".")))


def laptop_online() -> MadeUpMachine:
    """A laptop with nothing installed, where every vendor's site answers."""
    machine = MadeUpMachine()
    for tool in TOOLS:
        release = tool.release(machine.platform)
        machine.web[release.checksums] = f"{CHECKSUMS}  {release.file}\n"
    return machine


@pytest.mark.parametrize("tool", TOOLS, ids=lambda tool: tool.name)
def test_a_tool_on_path_is_used_as_it_is_even_where_a_release_could_be_had(tool: Tool) -> None:
    machine = laptop_online()
    theirs = Path("/opt/theirs") / tool.name
    machine.installed[tool.name] = [theirs]
    machine.versions[theirs] = (99, 0, 0)

    choice = choose(tool, machine)

    assert choice == Choice(tool.name, theirs, Origin.PATH, "99.0.0")


def test_a_tool_of_unknown_version_is_trusted_rather_than_replaced() -> None:
    machine = MadeUpMachine(installed={"pulumi": [Path("/opt/pulumi")]})
    assert choose(PULUMI, machine).origin is Origin.PATH


def test_a_tool_that_is_too_old_is_named_with_its_place_and_what_to_do() -> None:
    theirs = Path("/opt/pulumi")
    machine = MadeUpMachine(installed={"pulumi": [theirs]}, versions={theirs: (3, 100, 0)})

    with pytest.raises(OpsError) as error:
        choose(PULUMI, machine)

    assert "3.100.0 is too old: 3.220.0 or newer" in error.value.what
    assert error.value.where == "/opt/pulumi"
    assert "upgrade it" in error.value.fix


def test_a_laptop_without_tools_gets_the_pinned_official_releases() -> None:
    choices = choose_all(laptop_online())

    assert {choice.origin for choice in choices.values()} == {Origin.OFFICIAL}
    pulumi = choices["pulumi"]
    assert pulumi.version == versions.PULUMI
    assert pulumi.path == OFFICIAL / f"pulumi-{versions.PULUMI}/pulumi/pulumi"
    assert pulumi.download is not None, "the release is not there yet, so it must be downloaded"
    assert pulumi.sha256 == CHECKSUMS


def test_a_release_that_was_downloaded_before_is_used_without_asking_the_web() -> None:
    official = OFFICIAL / f"kubectl-{versions.KUBECTL}" / "kubectl"
    machine = MadeUpMachine(files={official})

    choice = choose(KUBECTL, machine)

    assert choice == Choice("kubectl", official, Origin.OFFICIAL, versions.KUBECTL)


def test_a_machine_that_reaches_no_vendor_gets_tools_built_from_registries() -> None:
    choices = choose_all(MadeUpMachine())

    assert {choice.origin for choice in choices.values()} == {Origin.BUILT}
    assert choices["minikube"].path == STAND_INS / "minikube"


def test_each_tool_is_decided_on_its_own() -> None:
    machine = MadeUpMachine(installed={"kubectl": [Path("/usr/bin/kubectl")]})

    choices = choose_all(machine)

    assert choices["kubectl"].origin is Origin.PATH
    assert choices["pulumi"].origin is Origin.BUILT


def test_a_mac_that_reaches_no_vendor_gets_an_error_with_what_to_install() -> None:
    machine = MadeUpMachine(platform=Platform("darwin", "arm64"))

    with pytest.raises(OpsError, match="minikube is not installed") as error:
        choose(MINIKUBE, machine)

    assert "install minikube" in error.value.fix


@pytest.mark.parametrize(
    ("platform", "expected"),
    [
        (Platform("linux", "amd64"), ("linux-x64", "linux-amd64", "linux/amd64")),
        (Platform("darwin", "arm64"), ("darwin-arm64", "darwin-arm64", "darwin/arm64")),
    ],
    ids=["linux", "mac"],
)
def test_each_vendor_gets_the_platform_spelled_its_own_way(
    platform: Platform, expected: tuple[str, str, str]
) -> None:
    for tool, spelling in zip(TOOLS, expected, strict=True):
        assert spelling in tool.release(platform).url


def test_a_chosen_tool_is_linked_only_while_path_would_find_another(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ops.prepare.tools.CHOSEN", tmp_path)
    ours = tmp_path / "ours"

    link("docker", ours, needed=True)
    assert (tmp_path / "docker").readlink() == ours
    link("docker", ours, needed=False)
    assert not (tmp_path / "docker").is_symlink(), "a stale link would hide the machine's own tool"


def test_in_a_shell_that_has_the_chosen_tools_on_path_they_are_not_taken_for_its_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As after `eval "$(ops env)"`: the link would count as the tool, and then be removed as superfluous."""
    ours, theirs = tmp_path / "bin", tmp_path / "theirs"
    monkeypatch.setattr("ops.prepare.machine.CHOSEN", ours)
    monkeypatch.setattr("ops.prepare.tools.CHOSEN", ours)
    theirs.mkdir()
    (theirs / "kubectl").touch(mode=0o755)
    link("pulumi", theirs / "kubectl", needed=True)
    monkeypatch.setenv("PATH", f"{ours}{os.pathsep}{theirs}")
    assert Machine().on_path("pulumi") == []
    assert Machine().on_path("kubectl") == [theirs / "kubectl"]
