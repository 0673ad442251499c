"""Releases are installed whole and verified, or not at all. Served from this machine."""

import hashlib
import io
import socket
import subprocess
import sys
import tarfile
import threading
import time
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from ops.errors import OpsError
from ops.paths import ROOT
from ops.prepare.download import CHUNK, Release, install, published_sha256
from ops.prepare.machine import Machine

PROGRAM = b"#!/bin/sh\necho hello\n"


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's name
        return


@pytest.fixture
def vendor(tmp_path: Path) -> Iterator[tuple[str, Path]]:
    """A download site: its address, and the folder that it serves."""
    folder = tmp_path / "site"
    folder.mkdir()
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(folder)))
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}", folder
    server.shutdown()


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def release(site: str, file: str, executable: str) -> Release:
    return Release(f"{site}/{file}", f"{site}/{file}.sha256", executable)


def test_a_bare_program_becomes_executable(vendor: tuple[str, Path], tmp_path: Path) -> None:
    site, folder = vendor
    (folder / "minikube-linux-amd64").write_bytes(PROGRAM)
    target = tmp_path / "tools" / "minikube-1"

    install(release(site, "minikube-linux-amd64", "minikube"), sha256(PROGRAM), target)

    assert (target / "minikube").read_bytes() == PROGRAM
    assert (target / "minikube").stat().st_mode & 0o111


@pytest.mark.usefixtures("tarfile_of")
def test_an_archive_is_unpacked_with_what_lies_beside_the_program(
    vendor: tuple[str, Path], tmp_path: Path
) -> None:
    site, folder = vendor
    with tarfile.open(folder / "pulumi.tar.gz", "w:gz") as archive:
        for name in ("pulumi/pulumi", "pulumi/pulumi-language-python"):
            entry = tarfile.TarInfo(name)
            entry.size = len(PROGRAM)
            archive.addfile(entry, io.BytesIO(PROGRAM))
    content = (folder / "pulumi.tar.gz").read_bytes()
    target = tmp_path / "tools" / "pulumi-1"

    install(release(site, "pulumi.tar.gz", "pulumi/pulumi"), sha256(content), target)

    assert (target / "pulumi/pulumi-language-python").exists()


def test_a_file_with_another_checksum_is_refused_and_leaves_nothing(
    vendor: tuple[str, Path], tmp_path: Path
) -> None:
    site, folder = vendor
    (folder / "kubectl").write_bytes(PROGRAM)
    target = tmp_path / "tools" / "kubectl-1"

    with pytest.raises(OpsError, match="not what its vendor published"):
        install(release(site, "kubectl", "kubectl"), sha256(b"something else"), target)

    assert list(target.parent.iterdir()) == [], "a refused download must not be found later"


def test_a_missing_release_is_one_clear_error(vendor: tuple[str, Path], tmp_path: Path) -> None:
    site, _ = vendor
    with pytest.raises(OpsError, match="download failed") as error:
        install(release(site, "gone", "gone"), sha256(b""), tmp_path / "tools" / "gone")
    assert error.value.where == f"{site}/gone"


def test_what_a_killed_download_left_is_not_used(vendor: tuple[str, Path], tmp_path: Path) -> None:
    site, folder = vendor
    (folder / "kubectl").write_bytes(PROGRAM)
    target = tmp_path / "tools" / "kubectl-1"
    with socket.create_server(("127.0.0.1", 0)) as slow:
        half = release(f"http://127.0.0.1:{slow.getsockname()[1]}", "kubectl", "kubectl")
        script = f"install({half!r}, '', Path({str(target)!r}))"
        imports = "from pathlib import Path; from ops.prepare.download import Release, install; "
        with subprocess.Popen([sys.executable, "-c", imports + script], cwd=ROOT) as killed:
            connection, _ = slow.accept()
            header = b"HTTP/1.1 200 OK\r\nContent-Length: 9999999\r\n\r\n"
            connection.sendall(header + PROGRAM + b" " * 2 * CHUNK)
            deadline = time.monotonic() + 20
            while not any(file.stat().st_size for file in target.parent.rglob("kubectl")):
                assert time.monotonic() < deadline
                time.sleep(0.05)
            killed.kill()
        connection.close()
    assert not target.exists(), "what is found there is taken for the whole release"

    install(release(site, "kubectl", "kubectl"), sha256(PROGRAM), target)

    assert (target / "kubectl").read_bytes() == PROGRAM


def test_a_proxy_that_does_not_answer_is_one_clear_error(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:1")
    there = release("https://vendor.example", "kubectl", "kubectl")
    with pytest.raises(OpsError, match=r"download failed: .*Connection refused") as error:
        install(there, sha256(PROGRAM), tmp_path / "tools" / "kubectl-1")
    assert error.value.where == "https://vendor.example/kubectl"
    assert "HTTPS_PROXY" in error.value.fix
    assert list((tmp_path / "tools").iterdir()) == []


@pytest.mark.parametrize("proxy", ["socks5://127.0.0.1:1", "ftp://127.0.0.1:1", "http://host:port"])
def test_a_proxy_that_cannot_be_used_is_one_clear_error(
    monkeypatch: pytest.MonkeyPatch, proxy: str
) -> None:
    monkeypatch.setenv("ALL_PROXY", proxy)
    with pytest.raises(OpsError, match="a proxy of the environment cannot be used: ") as error:
        Machine().reaches("https://vendor.example")
    assert "ALL_PROXY" in error.value.where


def test_checksum_files_of_both_forms_are_read() -> None:
    one = release("https://vendor.example", "kubectl", "kubectl")
    many = f"{'1' * 64}  other.tar.gz\n{'2' * 64} *kubectl\n"
    assert published_sha256(one, f"{'3' * 64}\n") == "3" * 64
    assert published_sha256(one, many) == "2" * 64


def test_a_checksum_file_without_the_release_is_refused() -> None:
    one = release("https://vendor.example", "kubectl", "kubectl")
    with pytest.raises(OpsError, match="no sha256 for kubectl"):
        published_sha256(one, f"{'1' * 64}  other.tar.gz\n")
