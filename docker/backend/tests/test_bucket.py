"""Requests to a store are signed as Amazon's documentation shows it, and no text has the secret."""

import io
import re
import socket
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from urllib.request import Request

import pytest
from taskflow_api import bucket as module
from taskflow_api.bucket import NOTHING, Bucket, BucketError, signed

# https://docs.aws.amazon.com/AmazonS3/latest/API/sig-v4-header-based-auth.html, "Examples"
KEY_ID = "AKIAIOSFODNN7EXAMPLE"
SECRET = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"  # noqa: S105 - Amazon's example
STORE = "https://examplebucket.s3.amazonaws.com"


@pytest.mark.parametrize(
    ("query", "signature"),
    [
        ("lifecycle=", "fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543"),
        (
            "max-keys=2&prefix=J",
            "34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7",
        ),
    ],
)
def test_a_signature_is_the_documented_one(query: str, signature: str) -> None:
    headers = signed(
        "GET",
        f"{STORE}/?{query}",
        NOTHING,
        region="us-east-1",
        key_id=KEY_ID,
        secret=SECRET,
        now=datetime(2013, 5, 24, tzinfo=UTC),
    )
    assert headers["authorization"] == (
        f"AWS4-HMAC-SHA256 Credential={KEY_ID}/20130524/us-east-1/s3/aws4_request, "
        f"SignedHeaders=host;x-amz-content-sha256;x-amz-date, Signature={signature}"
    )


def bucket(endpoint: str) -> Bucket:
    return Bucket(
        endpoint=endpoint,
        region="us-east-1",
        address="s3://backups/blue/",
        key_id=KEY_ID,
        secret=SECRET,
    )


@pytest.fixture
def answering() -> Iterator[Callable[[bytes], Bucket]]:
    """A bucket of a store that answers the next request with these bytes; without any it never answers."""
    over = threading.Event()
    threads: list[threading.Thread] = []
    with socket.create_server(("127.0.0.1", 0)) as server:

        def answer(content: bytes) -> None:
            with server.accept()[0] as connection:
                connection.recv(65536)
                connection.sendall(content)
                if not content:
                    over.wait(60)

        def store(content: bytes) -> Bucket:
            threads.append(threading.Thread(target=answer, args=(content,)))
            threads[-1].start()
            return bucket(f"http://127.0.0.1:{server.getsockname()[1]}")

        yield store
        over.set()
        for thread in threads:
            thread.join()


def http(body: str, status: str = "200 OK", length: int | None = None) -> bytes:
    head = f"HTTP/1.1 {status}\r\nContent-Length: {length or len(body)}\r\nConnection: close"
    return f"{head}\r\n\r\n{body}".encode()


def test_what_surrounds_a_credential_in_a_file_is_no_part_of_it() -> None:
    store = bucket("https://s3.example.com")
    environment = {
        "AWS_ENDPOINT_URL": store.endpoint,
        "AWS_REGION": store.region,
        "BACKUP_BUCKET": store.address,
        "AWS_ACCESS_KEY_ID": f"{KEY_ID}\n",
        "AWS_SECRET_ACCESS_KEY": f"\ufeff{SECRET}\r\n",
    }
    assert Bucket.of(environment) == store


def test_a_credential_that_no_request_can_contain_is_not_printed() -> None:
    with pytest.raises(BucketError, match="no request can contain this access key id") as refused:
        replace(bucket("http://127.0.0.1:1"), key_id="AKIA\nTWO").sizes()
    assert "AKIA" not in str(refused.value)


def test_an_upload_has_the_checksum_that_object_lock_requires(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sent: dict[str | None, bytes] = {}

    def answer(request: Request, timeout: int) -> io.BytesIO:
        assert isinstance(request.data, io.BufferedReader)
        sent[request.get_header("Content-md5")] = request.data.read()
        return io.BytesIO()

    monkeypatch.setattr(module, "urlopen", answer)
    path = tmp_path / "blue-20300101T000000Z.age"
    path.write_bytes(b"hello world")
    bucket("https://s3.example.com").upload(path)
    assert sent == {"XrY7u+Ae7tCTyyK7j1rNww==": b"hello world"}


def test_a_store_that_is_away_is_named_without_the_secret() -> None:
    store = bucket("http://127.0.0.1:1")
    with pytest.raises(BucketError, match=r"GET s3://backups/ at http://127\.0\.0\.1:1: ") as away:
        store.sizes()
    assert SECRET not in f"{away.value} {store!r}"


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (http("<Error><Code>InternalError</Code></Error>", "500 Oops"), "500 InternalError"),
        (http("<Code>RequestTimeTooSkewed</Code>", "403 Forbidden"), "403 RequestTimeTooSkewed"),
        (http("<html>", "503 Slow Down"), "503 Slow Down"),
        (http("<Error>", "500 Cut Off", length=500), "500 Cut Off"),
        (http("<List><Contents>", length=500), "IncompleteRead"),
        (http("<List><Contents>"), "no list: no element found"),
        (
            http("<L><Contents><Key>a</Key><Size>many</Size></Contents></L>"),
            "no list: invalid literal",
        ),
        (b"SSH-2.0-OpenSSH\r\n", "SSH-2.0-OpenSSH"),
        (b"", "timed out"),
    ],
)
def test_whatever_else_a_store_answers_is_one_kind_of_error(
    answering: Callable[[bytes], Bucket],
    monkeypatch: pytest.MonkeyPatch,
    answer: bytes,
    reason: str,
) -> None:
    monkeypatch.setattr(module, "SECONDS", 1)
    with pytest.raises(BucketError, match=re.escape(reason)):
        answering(answer).sizes()


def test_keys_of_any_characters_are_listed(answering: Callable[[bytes], Bucket]) -> None:
    keys = "".join(
        f"<Contents><Key>blue/{key}</Key><Size>1</Size></Contents>"
        for key in ("blue-20300101T000000Z.age", "%01+%C3%A4%26.age")
    )
    listed = answering(http(f"<ListBucketResult>{keys}</ListBucketResult>")).sizes()
    assert listed == {"blue-20300101T000000Z.age": 1, "\x01 \xe4&.age": 1}
