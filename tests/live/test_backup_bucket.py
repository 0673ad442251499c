"""Backups go to an S3-compatible store and come back complete, and never overwrite another."""

import io
import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import pytest
from minio import Minio

from ops.backup import bucket
from ops.errors import OpsError
from ops.paths import ROOT

START_SECONDS = 30
CONTENT = os.urandom(200_000)
KEEP = 2
# What the CronJob's last container does with a file that is on its volume.
COPY = """
import os, sys
from pathlib import Path
from taskflow_api import backup
from taskflow_api.bucket import Bucket

path, bucket = Path(sys.argv[1]), Bucket.of(os.environ)
there = backup.copy(path, bucket)
backup.drop(backup.surplus(there, "blue", int(sys.argv[2]), path.name), bucket)
"""


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
    bucket.require_free(to)
    assert bucket.upload(file, to) == place
    assert bucket.download(place).read_bytes() == CONTENT
    with pytest.raises(OpsError, match="a backup overwrites nothing"):
        bucket.upload(file, place)
    with pytest.raises(OpsError, match="a backup overwrites nothing"):
        bucket.require_free(place)


@pytest.mark.usefixtures("store")
def test_a_bucket_that_is_not_there_is_named_before_a_backup_is_made() -> None:
    with pytest.raises(OpsError, match="cannot be read or written") as error:
        bucket.require_free("s3://missing/")
    assert "s3://missing" in error.value.where


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
    asks: list[Callable[[str], object]] = [bucket.require_free, partial(bucket.upload, file)]
    for ask in asks:
        with pytest.raises(OpsError, match="cannot be read or written") as error:
            ask("s3://backups")
        assert "http://127.0.0.1:1" in error.value.where


@pytest.mark.usefixtures("store")
def test_a_scheduled_copy_deletes_the_oldest_of_its_release_in_its_folder_alone(
    tmp_path: Path,
) -> None:
    address = os.environ["AWS_ENDPOINT_URL"]
    there = Minio(address.removeprefix("http://"), "tests", "nothing secret", secure=False)
    olds = [f"team/blue-2020010{day}T000000Z.age" for day in (1, 2, 3)]
    others = [
        "blue-20200101T000000Z.age",
        "team/blue-green-20200101T000000Z.age",
        "team/blue-first.age",
        "team/older/blue-20200101T000000Z.age",
    ]
    many = [f"team/anything-{number:04}" for number in range(1000)]  # More than a page of a list.
    for name in (*olds, *others, *many):
        there.put_object("backups", name, io.BytesIO(b"old"), 3)
    new = tmp_path / "blue-20300101T000000Z.age"
    new.write_bytes(CONTENT)
    subprocess.run(
        [sys.executable, "-c", COPY, new, str(KEEP)],
        env=os.environ
        | {
            "PYTHONPATH": str(ROOT / "docker" / "backend"),
            "BACKUP_BUCKET": "s3://backups/team",
            "AWS_REGION": "us-east-1",
        },
        check=True,
        timeout=120,
    )
    found = {entry.object_name for entry in there.list_objects("backups", recursive=True)}
    assert found == {f"team/{new.name}", olds[-1], *others, *many}
    assert bucket.download(f"s3://backups/team/{new.name}").read_bytes() == CONTENT
