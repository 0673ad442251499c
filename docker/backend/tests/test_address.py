"""DATABASE_URL: the verdicts that both services and `make validate` share, and what the driver then does."""

import json
import ssl
import subprocess
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from taskflow_api.address import AddressError, read_address
from tests.support.database import server_url
from tests.support.server import Backend

ADDRESSES = json.loads((Path(__file__).parent / "database_addresses.json").read_text())
SECRETS = ("S3", "cret", "cr%C3")


def named(address: dict[str, Any]) -> str:
    return str(address["why"])


def mode_of(tls: str | ssl.SSLContext) -> str:
    if isinstance(tls, str):
        return tls
    return "verify-full" if tls.check_hostname else "verify-ca"


@pytest.fixture(scope="session")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A certificate like those of private authorities: without the extensions that Python 3.13 asks for."""
    folder = tmp_path_factory.mktemp("authority")
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2"]
    command += ["-subj", "/CN=test", "-keyout", f"{folder}/key.pem", "-out", f"{folder}/ca.pem"]
    subprocess.run(command, check=True, capture_output=True)
    return folder / "ca.pem"


@pytest.mark.parametrize("address", ADDRESSES["usable"], ids=named)
def test_a_usable_address_is_understood(address: dict[str, Any], authority: Path) -> None:
    read = read_address(address["url"], authority if address.get("ca") else None)
    assert {
        "user": read.user,
        "password": read.password or "",
        "host": read.host,
        "port": read.port,
        "database": read.database or read.user,
        "mode": mode_of(read.tls),
    } == {**ADDRESSES["reads"], **address.get("reads", {})}
    for secret in SECRETS:
        assert secret not in repr(read)


@pytest.mark.parametrize("address", ADDRESSES["refused"], ids=named)
def test_a_refused_address_is_reported_in_one_line_without_its_password(
    address: dict[str, Any],
) -> None:
    with pytest.raises(AddressError) as refused:
        read_address(address["url"], None)
    assert address["says"] in str(refused.value)
    assert "\n" not in str(refused.value)
    for secret in SECRETS:
        assert secret not in str(refused.value)


def test_verify_full_checks_the_name_by_the_systems_roots() -> None:
    tls = read_address("postgresql://u@host/d?sslmode=verify-full", None).tls
    assert isinstance(tls, ssl.SSLContext)
    assert (tls.verify_mode, tls.check_hostname) == (ssl.CERT_REQUIRED, True)
    assert not tls.verify_flags & ssl.VERIFY_X509_STRICT, "as Node, which does not ask for it"


def test_an_authority_of_ones_own_replaces_the_systems(authority: Path) -> None:
    tls = read_address("postgresql://u@host/d?sslmode=verify-ca", authority).tls
    assert isinstance(tls, ssl.SSLContext)
    assert (tls.verify_mode, tls.check_hostname) == (ssl.CERT_REQUIRED, False)
    assert len(tls.get_ca_certs()) == 1


BROKEN = "-----BEGIN CERTIFICATE-----\ncut off\n-----END CERTIFICATE-----\n"


@pytest.mark.parametrize("content", [None, "", "no certificate", BROKEN])
def test_a_file_without_certificates_is_refused(tmp_path: Path, content: str | None) -> None:
    file = tmp_path / "ca.pem"
    if content is not None:
        file.write_text(content)
    with pytest.raises(AddressError, match="DATABASE_CA_FILE"):
        read_address("postgresql://u@host/d?sslmode=verify-full", file)


def test_options_for_others_do_not_reach_the_server() -> None:
    url = urlsplit(server_url())._replace(query="pgbouncer=true&connection_limit=1&sslmode=prefer")
    with Backend(url.geturl()) as backend:
        assert backend.get("/health").status_code == 200


def test_a_server_whose_certificate_cannot_be_verified_is_not_trusted() -> None:
    url = urlsplit(server_url())._replace(query="sslmode=verify-full")
    with Backend(url.geturl(), ready=False) as backend:
        assert backend.get("/health").status_code == 503, (
            "it has no TLS, or a certificate of its own"
        )
        assert backend.process.poll() is None


def test_a_raw_at_in_the_address_ends_the_start_with_one_line_that_shows_nothing() -> None:
    from tests.test_settings import start

    done = start(DATABASE_URL="postgresql://user@tenant:S3cret@host/d", BETTER_AUTH_SECRET="x" * 32)
    assert done.returncode == 2
    (line,) = done.stdout.splitlines()
    assert (
        "DATABASE_URL: has characters that must be percent-encoded" in json.loads(line)["message"]
    )
    assert "S3cret" not in done.stdout + done.stderr
