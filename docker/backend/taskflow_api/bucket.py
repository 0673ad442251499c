"""A folder in a bucket of any S3-compatible store, for copies of scheduled backups.

Requests are signed here, because a client library would add more to the image than the rest of the application.
"""

import hashlib
import hmac
import re
from base64 import b64encode
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http.client import HTTPException
from pathlib import Path
from urllib.error import HTTPError
from urllib.parse import quote, unquote_plus, urlencode, urlsplit
from urllib.request import Request, urlopen
from xml.etree import ElementTree

from taskflow_api.settings import from_file

SCHEME = "s3://"
SECONDS = 60
"""The longest wait for the store to go on."""
NOTHING = hashlib.sha256().hexdigest()


class BucketError(Exception):
    """The store refused a request, or did not answer."""


@dataclass(frozen=True, kw_only=True)
class Bucket:
    """The folder, and the right to write to it.

    Attributes:
        endpoint: the store's address, such as https://s3.eu-central-1.amazonaws.com.
        address: s3://bucket or s3://bucket/folder/, in letters that need no encoding.
    """

    endpoint: str
    region: str
    address: str
    key_id: str
    secret: str = field(repr=False)

    @classmethod
    def of(cls, environment: Mapping[str, str]) -> "Bucket | None":
        """The one that the variables name: BACKUP_BUCKET, and those of Amazon's own tools. None without a bucket."""
        if "BACKUP_BUCKET" not in environment:
            return None
        return cls(
            endpoint=environment["AWS_ENDPOINT_URL"],
            region=environment["AWS_REGION"],
            address=environment["BACKUP_BUCKET"],
            key_id=from_file(environment["AWS_ACCESS_KEY_ID"]),
            secret=from_file(environment["AWS_SECRET_ACCESS_KEY"]),
        )

    def upload(self, path: Path) -> None:
        """Store a file under its own name; the store checks its SHA-256."""
        self._ask("PUT", self._folder + path.name, body=path)

    def delete(self, name: str) -> None:
        self._ask("DELETE", self._folder + name)

    def sizes(self) -> dict[str, int]:
        """The bytes of each object in the folder itself, by its name in there."""
        found: dict[str, int] = {}
        query = {"delimiter": "/", "list-type": "2", "prefix": self._folder}
        query["encoding-type"] = "url"  # A key can have characters that XML does not.
        while True:
            answer = self._ask("GET", query=query)
            try:
                page = ElementTree.fromstring(answer)  # noqa: S314 - our own store
                for entry in page.findall("{*}Contents"):
                    name = unquote_plus(entry.findtext("{*}Key", "")).removeprefix(self._folder)
                    found[name] = int(entry.findtext("{*}Size", "0"))
            except (ElementTree.ParseError, ValueError) as error:
                reason = f"GET {self.address} at {self.endpoint}: no list: {error}"
                raise BucketError(reason) from error
            following = page.findtext("{*}NextContinuationToken")
            if not following:
                return found
            query["continuation-token"] = following

    @property
    def _name(self) -> str:
        return self.address.removeprefix(SCHEME).partition("/")[0]

    @property
    def _folder(self) -> str:
        folder = self.address.removeprefix(SCHEME).partition("/")[2].strip("/")
        return f"{folder}/" if folder else ""

    def _ask(
        self,
        method: str,
        key: str = "",
        *,
        query: Mapping[str, str] | None = None,
        body: Path | None = None,
    ) -> bytes:
        url = f"{self.endpoint}/{self._name}/{key}"
        if query:
            url += f"?{urlencode(sorted(query.items()), quote_via=quote, safe='')}"
        try:
            if not body:
                return self._answer(Request(url, method=method), NOTHING)  # noqa: S310 - configured
            with body.open("rb") as file:
                digest = hashlib.file_digest(file, "sha256").hexdigest()
                file.seek(0)
                md5 = hashlib.file_digest(file, lambda: hashlib.md5(usedforsecurity=False)).digest()
                file.seek(0)
                headers = {
                    "Content-Length": str(body.stat().st_size),
                    # Required by a bucket with Object Lock:
                    # https://docs.aws.amazon.com/AmazonS3/latest/API/API_PutObject.html
                    "Content-MD5": b64encode(md5).decode(),
                }
                request = Request(url, file, headers, method=method)  # noqa: S310
                return self._answer(request, digest)
        except HTTPError as error:
            reason = f"{error.code} {_code(error) or error.reason}"
        except (HTTPException, OSError) as error:
            reason = str(getattr(error, "reason", error))
        except ValueError:  # Its text repeats the header.
            reason = "no request can contain this access key id or region"
        raise BucketError(f"{method} {SCHEME}{self._name}/{key} at {self.endpoint}: {reason}")

    def _answer(self, request: Request, digest: str) -> bytes:
        headers = signed(
            str(request.method),
            request.full_url,
            digest,
            region=self.region,
            key_id=self.key_id,
            secret=self.secret,
            now=datetime.now(UTC),
        )
        for name, value in headers.items():
            request.add_header(name, value)
        with urlopen(request, timeout=SECONDS) as answer:  # noqa: S310 - http or https, by the configuration
            content: bytes = answer.read()
        return content


def _code(refusal: HTTPError) -> str | None:
    """The store's own word for a refusal, if it has one."""
    try:
        found = re.search(rb"<Code>(\w+)</Code>", refusal.read())
    except (HTTPException, OSError):
        return None
    return found[1].decode() if found else None


def signed(
    method: str, url: str, digest: str, *, region: str, key_id: str, secret: str, now: datetime
) -> dict[str, str]:
    """The headers of a signed request.

    https://docs.aws.amazon.com/AmazonS3/latest/API/sig-v4-header-based-auth.html

    Args:
        url: with a path, and a query that is sorted and encoded.
        digest: SHA-256 of the body.
    """
    parts, time = urlsplit(url), f"{now:%Y%m%dT%H%M%SZ}"
    headers = {"host": parts.netloc, "x-amz-content-sha256": digest, "x-amz-date": time}
    names, lines = ";".join(headers), [f"{name}:{value}" for name, value in headers.items()]
    request = "\n".join((method, parts.path, parts.query, *lines, "", names, digest))
    scope = f"{time[:8]}/{region}/s3/aws4_request"
    hashed = hashlib.sha256(request.encode()).hexdigest()
    key = f"AWS4{secret}".encode()
    for part in (*scope.split("/"), f"AWS4-HMAC-SHA256\n{time}\n{scope}\n{hashed}"):
        key = hmac.digest(key, part.encode(), "sha256")
    credential = f"Credential={key_id}/{scope}, SignedHeaders={names}, Signature={key.hex()}"
    return headers | {"authorization": f"AWS4-HMAC-SHA256 {credential}"}
