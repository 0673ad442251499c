"""Official Pulumi plugins or stand-ins."""

from pathlib import Path

import pytest

from ops.engine.backend import Backend
from ops.errors import OpsError
from ops.paths import STAND_INS
from ops.prepare import plugins, setup
from ops.prepare.machine import Machine, Platform
from ops.prepare.plugins import LANGUAGE_HOST, PLUGIN_SITE, Plugins
from ops.prepare.tools import Choice, Origin
from tests.ops.machines import MadeUpMachine

HOME = Path("/home/someone/.pulumi")
REQUIRED = {"kubernetes": "4.34.2"}
INSTALLED = HOME / "plugins/resource-kubernetes-v4.34.2/pulumi-resource-kubernetes"
THEIRS = Choice("pulumi", Path("/opt/pulumi/pulumi"), Origin.PATH, "9.9.9")
OFFICIAL = Choice("pulumi", Path("/x/pulumi"), Origin.OFFICIAL, "9.9.9")
BUILT = Choice("pulumi", Path("/y/pulumi"), Origin.BUILT, "")


def chosen(pulumi: Choice, machine: MadeUpMachine) -> Plugins:
    return plugins.choose(pulumi, machine, home=HOME, required=REQUIRED)


def test_installed_official_plugins_are_used_offline() -> None:
    assert chosen(OFFICIAL, MadeUpMachine(files={INSTALLED})).official


@pytest.mark.parametrize(
    ("content", "works"),
    [
        ("#!/bin/sh\nexit 255\n", True),
        ("#!/bin/sh\necho 4711; exec sleep 60\n", True),
        ("#!/bin/sh\nkill -SEGV $$\n", False),
        ("", False),
    ],
    ids=["reports that it has no engine", "serves without one", "crashes", "is cut off"],
)
def test_a_plugin_counts_as_installed_only_if_it_starts(
    tmp_path: Path, content: str, works: bool
) -> None:
    plugin = tmp_path / "pulumi-resource-kubernetes"
    assert not Machine().starts(plugin), "an interrupted download leaves an empty folder"
    plugin.write_text(content or "\x7fELF cut off")
    plugin.chmod(0o755)
    assert Machine().starts(plugin) is works


def test_missing_plugins_are_left_to_the_engine_where_their_site_answers() -> None:
    choice = chosen(OFFICIAL, MadeUpMachine(web={PLUGIN_SITE: ""}))
    assert choice.official
    assert "kubernetes 4.34.2" in choice.reason


def test_an_official_engine_without_plugins_or_site_gets_stand_ins() -> None:
    choice = chosen(OFFICIAL, MadeUpMachine())
    assert not choice.official
    assert "kubernetes 4.34.2 not installed" in choice.reason


def test_an_engine_built_here_gets_stand_ins_because_it_has_no_language_host() -> None:
    assert not chosen(BUILT, MadeUpMachine(files={INSTALLED}, web={PLUGIN_SITE: ""})).official


def test_an_engine_on_path_without_a_language_host_gets_stand_ins() -> None:
    assert not chosen(THEIRS, MadeUpMachine(files={INSTALLED})).official


def test_an_engine_on_path_with_its_language_host_beside_it_gets_official_plugins() -> None:
    beside = THEIRS.path.resolve().parent / LANGUAGE_HOST
    assert chosen(THEIRS, MadeUpMachine(files={INSTALLED, beside})).official


def test_a_mac_never_gets_stand_ins() -> None:
    with pytest.raises(OpsError, match="plugins cannot be used"):
        chosen(OFFICIAL, MadeUpMachine(platform=Platform("darwin", "arm64")))


def test_every_pulumi_package_of_the_program_names_its_plugin_version() -> None:
    required = plugins.required()
    assert {"kubernetes", "docker", "random"} <= required.keys()


def test_stand_ins_come_last_on_path_and_forbid_downloads() -> None:
    stand_ins = Plugins(official=False, reason="")
    env = setup.child_environment({"PATH": "/usr/bin"}, stand_ins, Backend("", ours=False))
    assert env["PATH"].split(":")[-1] == str(STAND_INS)
    assert env["PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION"] == "true"


def test_official_plugins_are_never_shadowed_by_stand_ins() -> None:
    official = Plugins(official=True, reason="")
    env = setup.child_environment({"PATH": "/usr/bin"}, official, Backend("", ours=False))
    assert str(STAND_INS) not in env["PATH"]
    assert "PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION" not in env
