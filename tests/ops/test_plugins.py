"""Official Pulumi plugins or stand-ins."""

import re
from dataclasses import replace
from pathlib import Path

import pytest
from rich.console import Console

from airgap.plugins import STAND_INS as REASONS
from ops.engine.backend import Backend
from ops.errors import OpsError
from ops.paths import ROOT, STAND_INS
from ops.prepare import command, plugins, setup
from ops.prepare.machine import Machine, Platform
from ops.prepare.plugins import LANGUAGE_HOST, PLUGIN_SITE, Plugins
from ops.prepare.tools import Choice, Origin
from tests.ops.machines import MadeUpMachine, set_up

HOME = Path("/home/someone/.pulumi")
REQUIRED = {"kubernetes": "4.34.2"}
INSTALLED = HOME / "plugins/resource-kubernetes-v4.34.2/pulumi-resource-kubernetes"
THEIRS = Choice("pulumi", Path("/opt/pulumi/pulumi"), Origin.PATH, "9.9.9")
OFFICIAL = Choice("pulumi", Path("/x/pulumi"), Origin.OFFICIAL, "9.9.9")
BUILT = Choice("pulumi", Path("/y/pulumi"), Origin.BUILT, "")


BESIDE = THEIRS.path.resolve().parent / LANGUAGE_HOST
ONLINE = {PLUGIN_SITE: ""}


def chosen(pulumi: Choice, machine: MadeUpMachine) -> Plugins:
    return plugins.choose(pulumi, machine, home=HOME, required=REQUIRED)


@pytest.mark.parametrize(
    ("pulumi", "machine", "official", "reason"),
    [
        (OFFICIAL, MadeUpMachine(files={INSTALLED}), True, "installed"),
        (OFFICIAL, MadeUpMachine(web=ONLINE), True, "the engine installs kubernetes 4.34.2"),
        (OFFICIAL, MadeUpMachine(), False, "kubernetes 4.34.2 not installed"),
        (BUILT, MadeUpMachine(files={INSTALLED}, web=ONLINE), False, "cannot be reached"),
        (THEIRS, MadeUpMachine(files={INSTALLED}), False, f"comes without {LANGUAGE_HOST}"),
        (THEIRS, MadeUpMachine(files={INSTALLED, BESIDE}), True, "installed"),
    ],
    ids=[
        "installed, offline",
        "missing, but their site answers",
        "neither plugins nor site",
        "an engine built here, which has no language host",
        "an engine on PATH without a language host",
        "an engine on PATH with its language host beside it",
    ],
)
def test_official_plugins_are_used_where_the_engine_has_or_gets_them(
    pulumi: Choice, machine: MadeUpMachine, official: bool, reason: str
) -> None:
    found = chosen(pulumi, machine)
    assert found.official is official
    assert reason in found.reason


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


def test_a_mac_never_gets_stand_ins() -> None:
    with pytest.raises(OpsError, match="plugins cannot be used"):
        chosen(OFFICIAL, MadeUpMachine(platform=Platform("darwin", "arm64")))


def test_every_pulumi_package_of_the_program_names_its_plugin_version() -> None:
    required = plugins.required()
    assert {"kubernetes", "docker", "random"} <= required.keys()


@pytest.mark.parametrize("official", [False, True])
def test_stand_ins_come_last_on_path_forbid_downloads_and_never_shadow_official_plugins(
    official: bool,
) -> None:
    choice = Plugins(official, reason="")
    env = setup.child_environment({"PATH": "/usr/bin"}, choice, Backend("", ours=False))
    assert env["PATH"].split(":")[1:] == ["/usr/bin", *([] if official else [str(STAND_INS)])]
    assert ("PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION" in env) is not official


@pytest.mark.parametrize("official", [False, True])
def test_make_tools_names_every_stand_in_with_its_reason(
    official: bool, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    chosen = replace(set_up({}), plugins=Plugins(official, "the reason of the choice"))
    monkeypatch.setattr(setup, "choose", lambda: chosen)
    monkeypatch.setattr(command, "console", Console(width=200))
    command.tools()
    shown = [" ".join(row.split()) for row in capsys.readouterr().out.splitlines()]
    for name, reason in REASONS.items():
        assert (f"{name} stand-in {reason}" in shown) is not official
    assert f"plugins {'official' if official else 'airgap/'} the reason of the choice" in shown


@pytest.mark.parametrize("folder", ["components", "policy"])
def test_program_and_policies_do_not_know_which_provider_runs(folder: str) -> None:
    files = [path for path in (ROOT / folder).rglob("*.*") if path.suffix != ".pyc"]
    assert files
    for path in files:
        assert not re.search("stand-in|airgap", path.read_text(), re.IGNORECASE), path
