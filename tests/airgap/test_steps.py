"""Steps can be interrupted and run again, and fail with one message: on folders of the test."""

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from types import SimpleNamespace

import pytest

from airgap import cluster, host, run, tools

# Replaces the Go compiler: lists two packages, records the calls to build, and "compiles".
GO = """#!/bin/sh
[ "$1" != list ] || {{ echo some/package another/package; exit; }}
echo "$@" >> "{calls}"
while [ "$1" != -o ]; do shift; done
out=$2
mkdir -p "$out"
shift 2
{before}
for package; do echo built > "$out${{package##*/}}"; done
"""


@pytest.fixture
def calls(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A machine with two programs to build and a compiler; the file that has the compiler's calls."""
    monkeypatch.setattr(run, "CACHE", tmp_path / "cache")
    monkeypatch.setattr(tools, "CACHE", tmp_path / "cache")
    monkeypatch.setattr(tools, "BIN", tmp_path / "bin")
    monkeypatch.setattr(tools, "GO", tmp_path / "go")
    monkeypatch.setattr(tools, "GIGABYTES", 0)
    variables = ["m.version=VERSION", "m.minor=MINOR"]
    one = {"package": "example.com/m/one", "module": "example.com/m", "variables": variables}
    monkeypatch.setattr(tools, "PROGRAMS", {"one": one, "two": {"package": "example.com/m/two"}})
    (tmp_path / "go").mkdir()
    (tmp_path / "go" / "go.mod").write_text("module x\nrequire example.com/m v1.2.3\n")
    monkeypatch.setenv("PATH", f"{tmp_path / 'compiler'}{os.pathsep}{os.environ['PATH']}")
    compiler(tmp_path)
    return tmp_path / "calls"


def compiler(folder: Path, before: str = "") -> None:
    path = folder / "compiler" / "go"
    path.parent.mkdir(exist_ok=True)
    path.write_text(GO.format(calls=folder / "calls", before=before))
    path.chmod(0o755)


def test_a_program_is_built_once_and_linked(calls: Path, tmp_path: Path) -> None:
    tools.prepare("one")
    tools.prepare("one", "two")
    first, second = calls.read_text().splitlines()
    assert first.endswith("example.com/m/one"), "nothing else was asked for"
    assert second.endswith("example.com/m/two"), "the first one is there"
    assert "-X m.version=v1.2.3 -X m.minor=2" in first
    assert (tmp_path / "bin" / "two").read_text() == "built\n"


def test_programs_of_one_module_graph_are_built_in_one_call(calls: Path) -> None:
    tools.prepare("one", "two")
    (call,) = calls.read_text().splitlines()
    assert call.endswith("example.com/m/one example.com/m/two")


def test_a_program_with_a_graph_of_its_own_changes_no_other(
    calls: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = tools.find("one")
    other = {"package": "example.com/n/three", "graph": "three"}
    monkeypatch.setattr(tools, "PROGRAMS", {**tools.PROGRAMS, "three": other})
    graph = tools.GO / "three"
    graph.mkdir()
    (graph / "go.mod").write_text("module y\n")
    assert tools.find("one") == before
    assert tools.find("three").parent != before.parent


def test_what_a_killed_build_left_is_removed(calls: Path) -> None:
    left = tools.folder() / ".building-killed"
    left.mkdir(parents=True)
    tools.prepare("one")
    assert not left.exists()


def test_a_failed_build_shows_the_compilers_last_lines_and_is_not_used(
    calls: Path, tmp_path: Path
) -> None:
    compiler(tmp_path, before='echo half > "$out/one"; echo no space left on device >&2; exit 1')
    with pytest.raises(run.StepError, match="no space left on device") as failure:
        tools.prepare("one")
    assert str(tmp_path / "cache" / "log" / "tools-all.log") in str(failure.value)
    assert not tools.find("one").exists()
    compiler(tmp_path)
    tools.prepare("one")
    assert tools.find("one").read_text() == "built\n"


def test_a_module_that_the_registry_refuses_is_named_and_the_next_run_goes_on(
    calls: Path, tmp_path: Path
) -> None:
    refused = (
        "go: example.com/m@v1.2.3: reading https://registry.example/m/v1.2.3.mod: 403 Forbidden"
    )
    (tmp_path / "compiler" / "go").write_text(f"#!/bin/sh\necho '{refused}' >&2\nexit 1\n")
    with pytest.raises(run.StepError) as failure:
        tools.prepare("one", "two")
    assert refused in str(failure.value)
    assert tools.HINT in str(failure.value)
    assert not calls.exists(), "nothing is compiled without it"
    compiler(tmp_path)
    tools.prepare("one", "two")
    assert tools.find("two").read_text() == "built\n"


def test_an_edit_of_what_a_module_no_longer_has_is_refused(
    calls: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Otherwise a large library comes back, or a wrong program is built, without an error."""
    (tmp_path / "module").mkdir()
    (tmp_path / "module" / "main.go").write_text("package main\n")
    downloaded = f"""[ "$1" != mod ] || {{ echo '{{"Dir": "{tmp_path / "module"}"}}'; exit; }}"""
    path = tmp_path / "compiler" / "go"
    path.write_text(path.read_text().replace("#!/bin/sh", f"#!/bin/sh\n{downloaded}"))
    monkeypatch.setitem(tools.PROGRAMS["one"], "edits", [["main.go", "oldName()", ""]])
    with pytest.raises(run.StepError, match=r"edits oldName\(\) in main.go, which example.com/m"):
        tools.prepare("one")
    assert not calls.exists(), "nothing is compiled"


def test_another_definition_is_another_build_beside_the_old_one(
    calls: Path, tmp_path: Path
) -> None:
    tools.prepare("one")
    old = tools.find("one")
    (tmp_path / "go" / "go.mod").write_text("module x\nrequire example.com/m v1.2.4\n")
    tools.prepare("one")
    assert tools.find("one") != old
    assert old.exists(), "another checkout may still run it"


def test_an_unknown_program_is_refused_with_the_known_ones(calls: Path) -> None:
    with pytest.raises(run.StepError, match="Only one, two can be built here, not three"):
        tools.prepare("three")


def test_a_full_disk_is_reported_before_the_work(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda path: SimpleNamespace(free=2e9))
    run.need_space(tmp_path / "not" / "there", 1.5, "It")
    with pytest.raises(run.StepError, match=re.escape(f"3 GB of free disk below {tmp_path}")):
        run.need_space(tmp_path / "not" / "there", 3, "It")


def test_a_slow_command_reports_progress(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(run, "HEARTBEAT_SECONDS", 0.1)
    assert run.run("sh", "-c", "echo at work; sleep 0.3; echo done") == "at work\ndone\n"
    assert "sh: 0 s at work" in capsys.readouterr().out


def test_progress_says_how_much_is_left(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(run, "HEARTBEAT_SECONDS", 0.1)
    run.run("sh", "-c", "echo fmt; sleep 0.3; echo net", expected={"fmt", "net"})
    assert "sh: 0 s 1 of 2, now fmt" in capsys.readouterr().out


def test_a_command_that_is_not_there_is_named_with_what_to_do() -> None:
    with pytest.raises(run.StepError, match=r"`no-such-command` is not installed\. Get it"):
        run.run("no-such-command", hint="Get it.")


def test_a_wait_ends_with_the_trouble_or_reports_the_last_one_when_time_is_over() -> None:
    troubles = iter(["no answer yet", ""])
    run.wait_for("It", 60, lambda: next(troubles), "See its log.")
    assert next(troubles, "over") == "over", "it checked until the trouble was over"
    with pytest.raises(run.StepError, match=r"after 0 s no answer\n  See its log\."):
        run.wait_for("It", 0, lambda: "no answer", "See its log.")


def test_a_file_is_put_in_place_once(tmp_path: Path) -> None:
    source, target = tmp_path / "source", tmp_path / "etc" / "target"
    source.write_text("1")
    assert run.put(source, target)
    assert not run.put(source, target)
    source.write_text("2")
    assert run.put(source, target), "an older version is replaced"
    assert target.read_text() == "2"


def test_the_note_of_a_killed_service_is_removed_and_that_of_a_running_one_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(host, "NOTES", tmp_path)
    note = tmp_path / "thing.service.status"
    process = subprocess.Popen(["sleep", "60"])
    program = Path(f"/proc/{process.pid}/exe").resolve().name
    try:
        note.write_text(f"MainPID={process.pid}\n")
        assert host.still_runs("thing", program)
        assert not host.still_runs("thing", "another"), "its number is another process's now"
        assert not note.exists()
        note.write_text(f"MainPID={process.pid}\n")
    finally:
        process.kill()
        process.wait()
    assert not host.still_runs("thing", program)
    assert not note.exists()


def program(folder: Path, name: str, script: str) -> Path:
    path = folder / "bin" / name
    path.parent.mkdir(exist_ok=True)
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
    return path


def test_packages_that_a_killed_run_left_half_installed_are_completed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(run, "CACHE", tmp_path / "cache")
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}{os.pathsep}{os.environ['PATH']}")
    tried, calls = tmp_path / "tried", tmp_path / "calls"
    program(tmp_path, "dpkg-query", "echo docker.io half-configured")
    program(tmp_path, "dpkg", f'[ "$*" = "--configure -a" ] && touch {tried}')
    refuses = "{ echo E: dpkg was interrupted >&2; exit 100; }"
    program(tmp_path, "apt-get", f'[ -e {tried} ] || {refuses}\necho "$@" >> {calls}')
    host._packages()
    assert {"install", "docker.io"} <= {*calls.read_text().splitlines()[-1].split()}
    program(tmp_path, "dpkg", "echo 'dpkg frontend lock was locked by another process' >&2; exit 2")
    host._packages()
    assert len(calls.read_text().splitlines()) == 4, "apt itself waits for the lock"


def test_what_a_killed_run_left_of_the_base_system_is_not_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    imported = tmp_path / "imported"
    keep = f'for last; do tar=$before before=$last; done; tar -tf "$tar" > {imported}'
    docker = program(tmp_path, "docker", f'[ "$1" = import ] || exit 1\n{keep}')
    (tmp_path / "cache" / "taskflow-infra").mkdir(parents=True)
    script = f"from airgap import images; images.DOCKER = {str(docker)!r}; images._debian()"
    command = [sys.executable, "-c", script]

    made = 'mkdir -p "$3/etc/dpkg/dpkg.cfg.d" "$3/etc/ssl" "$3"/usr/share "$3"/var/cache "$3"/var/lib/apt'
    program(tmp_path, "debootstrap", f'{made}; touch "$3/half"; kill -9 $PPID')
    assert subprocess.run(command).returncode == -signal.SIGKILL
    assert list(tmp_path.rglob("half")), "nobody could remove it"
    assert not imported.exists()

    program(tmp_path, "debootstrap", f'{made}; touch "$3/whole"')
    subprocess.run(command, check=True)
    assert "./whole" in imported.read_text().split()
    assert "./half" not in imported.read_text().split()


class Minikube:
    """A profile of driver `none`, and a cluster that is healthy on request."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.trouble = ""
        self.commands: list[str] = []
        self.config = folder / "config.json"
        self.describe("none")
        monkeypatch.setattr(cluster, "PROFILE", folder)
        monkeypatch.setattr(cluster, "COMPLETE", folder / "complete")
        monkeypatch.setattr(cluster, "_lacks", lambda: self.trouble)
        monkeypatch.setattr(cluster, "_minikube", self._run)
        monkeypatch.setattr(tools, "prepare", lambda: None)
        for name in ("need_docker", "need_space", "_images", "_programs", "_keep_services_inside"):
            monkeypatch.setattr(cluster, name, lambda *_: None)
        for name in ("run", "still_runs", "_set_aside_strangers"):
            monkeypatch.setattr(cluster, name, lambda *_: "")

    def describe(self, driver: str, version: str = cluster.VERSION) -> None:
        """Write the profile's settings, as Minikube does: indented, the driver quoted."""
        kubernetes = {"KubernetesVersion": version}
        settings = {"Driver": driver, "KubernetesConfig": kubernetes}
        self.config.write_text(json.dumps(settings, indent=2))

    def _run(self, command: str, *options: str) -> None:
        self.commands.append(command)
        self.options = options
        if command == "start":
            self.trouble = ""


class Healthy(BaseHTTPRequestHandler):
    """A kubelet that is well."""

    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()


@pytest.fixture
def minikube(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Minikube:
    return Minikube(tmp_path, monkeypatch)


def test_what_an_interrupted_first_start_left_is_removed_and_started_anew(
    minikube: Minikube,
) -> None:
    minikube.trouble = "no answer"
    cluster.prepare()
    assert minikube.commands == ["delete", "start"]
    minikube.trouble = "after a reboot"
    cluster.prepare()
    assert minikube.commands == ["delete", "start", "start"], "it was complete, and has data now"


def test_a_cluster_that_became_well_by_itself_after_an_interrupt_survives_a_reboot(
    minikube: Minikube,
) -> None:
    cluster.prepare()
    assert minikube.commands == [], "it runs"
    minikube.trouble = "after a reboot"
    cluster.prepare()
    assert minikube.commands == ["start"], "its data would have been deleted with it"


def test_a_cluster_of_another_driver_is_never_removed(minikube: Minikube) -> None:
    minikube.describe("docker")
    minikube.trouble = "no answer"
    cluster.prepare()
    assert minikube.commands == ["start"], "its message says what to do"


def test_a_cluster_from_before_an_upgrade_starts_with_its_own_kubernetes_or_is_refused(
    minikube: Minikube, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No version of Kubernetes accepts the data of one that is two minors older."""
    monkeypatch.setattr(cluster, "PROGRAMS", tmp_path)
    cluster.prepare()
    minikube.describe("none", "v1.33.1")
    minikube.trouble = "after a reboot"
    with pytest.raises(run.StepError, match=r"has Kubernetes v1\.33\.1, .* cannot skip"):
        cluster.prepare()
    assert minikube.commands == [], "its data is still there"
    (tmp_path / "v1.33.1").mkdir()
    (tmp_path / "v1.33.1" / "kubelet").touch()
    cluster.prepare()
    assert "--kubernetes-version=v1.33.1" in minikube.options


def test_a_proxy_of_the_environment_is_not_asked_for_the_cluster(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "https_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
    kubectl = tmp_path / "kubectl"
    kubectl.write_text('#!/bin/sh\n[ "$NO_PROXY" = "*" ]\n')
    kubectl.chmod(0o755)
    monkeypatch.setattr(cluster, "BIN", tmp_path)
    monkeypatch.setattr(cluster, "_containers", lambda: list(cluster.EXPECTED))
    monkeypatch.setattr(cluster, "RUNTIME", str(tmp_path / "runtime"))
    with (
        HTTPServer(("127.0.0.1", 0), Healthy) as kubelet,
        socket.socket(socket.AF_UNIX) as runtime,
    ):
        runtime.bind(cluster.RUNTIME)
        runtime.listen()
        monkeypatch.setattr(cluster, "KUBELET", f"http://127.0.0.1:{kubelet.server_port}/healthz")
        threading.Thread(target=kubelet.handle_request, daemon=True).start()
        assert cluster._lacks() == ""


def test_a_healthy_cluster_without_a_profile_here_is_left_as_it_is(
    minikube: Minikube, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cluster, "PROFILE", tmp_path / "none")
    monkeypatch.setattr(cluster, "COMPLETE", tmp_path / "none" / "complete")
    cluster.prepare()
    assert minikube.commands == []


@pytest.mark.parametrize(
    ("chosen", "expected"),
    [("", "HOME/.minikube"), ("HOME/m", "HOME/m/.minikube"), ("HOME/.minikube", "HOME/.minikube")],
)
def test_profiles_are_looked_for_where_minikube_has_them(
    tmp_path: Path, chosen: str, expected: str
) -> None:
    env = {"HOME": str(tmp_path), "MINIKUBE_HOME": chosen.replace("HOME", str(tmp_path))}
    script = "from airgap import cluster; print(cluster.MINIKUBE)"
    said = subprocess.run(
        [sys.executable, "-c", script], env=env, capture_output=True, text=True, check=True
    )
    assert said.stdout.strip() == expected.replace("HOME", str(tmp_path))


def test_a_cluster_that_no_profile_knows_is_set_aside_and_never_while_it_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(cluster, "NODE", [tmp_path / "kubelet", tmp_path / "minikube"])
    cluster._set_aside_strangers()
    assert list(tmp_path.iterdir()) == [], "nothing to do on a new machine"
    (tmp_path / "minikube").mkdir()
    (tmp_path / "minikube" / "etcd").write_text("tasks")
    monkeypatch.setattr(cluster, "_containers", lambda: ["etcd"])
    with pytest.raises(run.StepError, match="as the user who made it, or remove it"):
        cluster._set_aside_strangers()
    assert (tmp_path / "minikube").exists()
    monkeypatch.setattr(cluster, "_containers", list)
    cluster._set_aside_strangers()
    (aside,) = tmp_path.iterdir()
    assert aside.name.startswith("minikube-20")
    assert (aside / "etcd").read_text() == "tasks"
    assert f"it is now {aside}" in capsys.readouterr().out
