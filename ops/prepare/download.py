"""Official releases: downloaded, checked against their checksums, then put in place."""

import hashlib
import shutil
import tarfile
import tempfile
from dataclasses import dataclass
from pathlib import Path

import httpx

from ops.errors import OpsError

CHUNK = 1 << 20
REPORT_EVERY = 10  # per cent


@dataclass(frozen=True)
class Release:
    url: str
    checksums: str
    """Address of the vendor's checksum file: a bare sha256, or lines of `sha256  file`."""
    executable: str
    """Path of the executable below the folder that the release is installed to."""

    @property
    def file(self) -> str:
        return self.url.rsplit("/", 1)[1]


def published_sha256(release: Release, checksums: str) -> str:
    """The sha256 that the vendor publishes for `release`."""
    published = ""
    for line in checksums.splitlines():
        words = line.split()
        if len(words) == 1 or (len(words) == 2 and words[1].lstrip("*") == release.file):
            published = words[0].lower()
            break
    if len(published) != 64:
        raise OpsError(
            f"no sha256 for {release.file} in the vendor's checksum file", where=release.checksums
        )
    return published


def install(release: Release, sha256: str, folder: Path) -> None:
    """Put `release` into `folder`, which exists afterwards only if every check passed."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=".part-") as scratch:
        part = Path(scratch) / release.file
        found = _fetch(release.url, part)
        if found != sha256:
            raise OpsError(
                f"{release.file} is not what its vendor published",
                where=f"{release.url}: sha256 {found}, expected {sha256}",
                fix="run the same command again; if it fails again, do not trust this network",
            )
        unpacked = Path(scratch) / "unpacked"
        if release.file.endswith(".tar.gz"):
            with tarfile.open(part) as archive:
                # Debian 12's own Python has no filters.
                # https://docs.python.org/3/library/tarfile.html#supporting-older-python-versions
                archive.extraction_filter = getattr(tarfile, "data_filter", None)
                archive.extractall(unpacked)  # noqa: S202 - its checksum was compared
        else:
            unpacked.mkdir()
            part.rename(unpacked / release.executable)
        (unpacked / release.executable).chmod(0o755)
        shutil.rmtree(folder, ignore_errors=True)
        unpacked.rename(folder)


def _fetch(url: str, target: Path) -> str:
    digest = hashlib.sha256()
    try:
        with (
            httpx.stream("GET", url, follow_redirects=True, timeout=30) as response,
            target.open("wb") as out,
        ):
            response.raise_for_status()
            total = int(response.headers.get("content-length", 0))
            done, reported = 0, 0
            for chunk in response.iter_bytes(CHUNK):
                out.write(chunk)
                digest.update(chunk)
                done += len(chunk)
                percent = 100 * done // total if total else 0
                if percent >= reported + REPORT_EVERY:
                    reported = percent
                    print(f"  {percent:3d} % of {total / 1e6:.0f} MB", flush=True)
    except httpx.HTTPError as error:
        raise OpsError(
            f"download failed: {error}",
            where=url,
            fix="check the network, and the proxy if HTTPS_PROXY is set; then run the same command again",
        ) from error
    return digest.hexdigest()
