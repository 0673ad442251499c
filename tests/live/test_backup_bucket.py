"""Backups go to an S3-compatible store and come back complete, and never overwrite another."""

import os
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from ops.backup import bucket
from ops.errors import OpsError

START_SECONDS = 30
CONTENT = os.urandom(200_000)


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A store on this machine with the bucket `backups`, and the variables that name it."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{free.getsockname()[1]}"
    monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://{address}")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "tests")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "nothing secret")
    monkeypatch.setattr(bucket, "FOLDER", tmp_path / "fetched")
    command = ["gofakes3", "-backend", "memory", "-host", address, "-initialbucket", "backups"]
    with (tmp_path / "store.log").open("w") as log:
        server = subprocess.Popen(command, stdout=log, stderr=log)
    try:
        _wait(address, server)
        yield
    finally:
        server.terminate()
        server.wait(30)


def _wait(address: str, server: subprocess.Popen[bytes]) -> None:
    host, port = address.split(":")
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        assert server.poll() is None, "the store ended"
        with socket.socket() as probe:
            if probe.connect_ex((host, int(port))) == 0:
                return
        time.sleep(0.1)
    raise AssertionError(f"no store at {address} within {START_SECONDS} s")


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "dev-20300101T000000Z.age"
    path.write_bytes(CONTENT)
    return path


@pytest.mark.usefixtures("store")
@pytest.mark.parametrize(
    ("to", "place"),
    [
        ("s3://backups", "s3://backups/dev-20300101T000000Z.age"),
        ("s3://backups/taskflow/", "s3://backups/taskflow/dev-20300101T000000Z.age"),
        ("s3://backups/first.age", "s3://backups/first.age"),
    ],
)
def test_a_backup_goes_to_a_bucket_and_comes_back(file: Path, to: str, place: str) -> None:
    assert bucket.upload(file, to) == place
    assert bucket.download(place).read_bytes() == CONTENT
    with pytest.raises(OpsError, match="a backup overwrites nothing"):
        bucket.upload(file, place)


@pytest.mark.usefixtures("store")
def test_what_is_not_there_leaves_no_file(tmp_path: Path) -> None:
    with pytest.raises(OpsError, match="cannot be read or written") as error:
        bucket.download("s3://backups/lost.age")
    assert "s3://backups/lost.age" in error.value.where
    assert list((tmp_path / "fetched").iterdir()) == []


def test_a_store_that_is_away_is_named(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:1")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "tests")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "nothing secret")
    with pytest.raises(OpsError, match="cannot be read or written") as error:
        bucket.upload(file, "s3://backups")
    assert "http://127.0.0.1:1" in error.value.where
