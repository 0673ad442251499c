"""Backups in a bucket of any S3-compatible store.

Address and credentials are those of Amazon's own tools: AWS_ENDPOINT_URL (Amazon S3 if unset), AWS_ACCESS_KEY_ID and
AWS_SECRET_ACCESS_KEY, or ~/.aws/credentials with AWS_PROFILE.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import urllib3
from minio import Minio
from minio.credentials.providers import AWSConfigProvider, ChainedProvider, EnvAWSProvider
from minio.error import MinioException

from ops.backup.archive import FOLDER, copy_name, written
from ops.errors import OpsError

SCHEME = "s3://"
AMAZON = "https://s3.amazonaws.com"
SECONDS = 30
"""The longest wait for an answer."""


def require_free(address: str) -> None:
    """Ask the store, before a backup is made for it.

    Raises:
        OpsError: if the store refuses, or has an object of that name.
    """
    bucket, key = _parts(address)
    with _store(address) as store:
        _require_free(store, bucket, key)


def upload(path: Path, address: str) -> str:
    """Copy a backup into a bucket, under its own name if the address ends with `/` or names only the bucket.

    Returns:
        the address that `download` takes.

    Raises:
        OpsError: if the store refuses, or has an object of that name: a backup overwrites nothing.
    """
    bucket, key = _parts(address)
    if not key or key.endswith("/"):
        key += path.name
    place = f"{SCHEME}{bucket}/{key}"
    with _store(place) as store:
        _require_free(store, bucket, key)
        store.fput_object(bucket, key, str(path))
    return place


def download(address: str) -> Path:
    """Copy a backup from a bucket to the folder of backups.

    Raises:
        OpsError: if the store refuses or has no such object, or another backup has the copy's name.
    """
    bucket, key = _parts(address)
    path = FOLDER / copy_name(bucket, key)
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with _store(address) as store, written(path) as part:
        store.fget_object(bucket, key, str(part))
    return path


def _require_free(store: Minio, bucket: str, key: str) -> None:
    there = {found.object_name for found in store.list_objects(bucket, prefix=key)}
    # Some stores list a folder itself.
    if key in there and not key.endswith("/"):
        raise OpsError(
            "the object exists: a backup overwrites nothing", where=f"{SCHEME}{bucket}/{key}"
        )


def _parts(address: str) -> tuple[str, str]:
    """Bucket and key."""
    bucket, _, key = address.removeprefix(SCHEME).partition("/")
    return bucket, key


@contextmanager
def _store(address: str) -> Iterator[Minio]:
    endpoint = urlsplit(os.environ.get("AWS_ENDPOINT_URL") or AMAZON)
    try:
        yield Minio(
            endpoint.netloc,
            credentials=ChainedProvider([EnvAWSProvider(), AWSConfigProvider()]),
            secure=endpoint.scheme == "https",
            region=os.environ.get("AWS_REGION"),
            http_client=urllib3.PoolManager(timeout=SECONDS, retries=False),
        )
    except (MinioException, urllib3.exceptions.HTTPError, ValueError) as error:
        raise OpsError(
            f"the bucket cannot be read or written: {error}",
            where=f"{address} at {endpoint.geturl()}",
            fix="set AWS_ENDPOINT_URL, AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, then run the same command again",
        ) from None
