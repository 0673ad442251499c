"""An address of Postgres is judged as both services' drivers judge it, and no mistake shows a password."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from components import backup_pod
from components.config.check import parse
from components.config.database_address import AddressError, read_address
from components.config.errors import ConfigError
from tests.unit.conftest import DEPLOYED, PROD_SECRETS, Deploy, encrypted, merged, source_of

# Examples of every rule, to which the backend's and the frontend's tests hold their own readers.
EXAMPLES = Path(__file__).parents[2] / "docker" / "backend" / "tests" / "database_addresses.json"
ADDRESSES: dict[str, Any] = json.loads(EXAMPLES.read_text())
AUTHORITY = {"database": {"external": {"ca": {"configMap": "authority"}}}}


def mistakes(url: str, change: dict[str, Any] | None = None) -> list[str]:
    secrets = encrypted(PROD_SECRETS | {"databaseUrl": url})
    open_port = {"networkPolicies": {"enabled": False}, "database": {"external": {"tls": False}}}
    values = merged(merged(DEPLOYED, open_port), change or {})
    try:
        parse(values, secrets=secrets, source=source_of("x"))
    except ConfigError as error:
        return list(error.messages)
    return []


@pytest.mark.parametrize("address", ADDRESSES["usable"], ids=lambda address: address["why"])
def test_what_the_drivers_can_use_is_valid(address: dict[str, Any]) -> None:
    read, reads = read_address(address["url"]), {**ADDRESSES["reads"], **address.get("reads", {})}
    assert (read.port, read.ssl_mode or "prefer") == (reads["port"], reads["mode"])
    left_open = reads["mode"] == "prefer"
    found = mistakes(address["url"], AUTHORITY if address.get("ca") else None)
    assert ["leaves TLS to the driver" in mistake for mistake in found] == [True] * left_open


def pod_reads(url: str, scratch: str = "/scratch") -> subprocess.CompletedProcess[str]:
    """The variables for libpq that a backup's pod makes of an address, a NUL after each."""
    variables = ("PGUSER", "PGPASSWORD", "PGHOST", "PGPORT", "PGDATABASE")
    texts = " ".join(f'"${name}"' for name in variables)
    script = backup_pod.SCRIPT.read_text().replace("/scratch", scratch)
    shown = f"""address; printf '%s\\0' {texts} "${{PGSSLMODE:-prefer}}" "${{PGSSLROOTCERT:-}}\""""
    return subprocess.run(
        ["bash", "-c", script, "backup", "eval", shown],
        env={"PATH": os.environ["PATH"], "DATABASE_URL": url},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize("address", ADDRESSES["usable"], ids=lambda address: address["why"])
def test_a_backups_pod_reads_them_alike(address: dict[str, Any]) -> None:
    *parts, mode, roots, _ = pod_reads(address["url"]).stdout.split("\0")
    reads = {**ADDRESSES["reads"], **address.get("reads", {})}
    keys = ("user", "password", "host", "port", "database")
    assert parts == [str(reads[key]) for key in keys]
    assert mode == reads["mode"]
    assert roots == ("system" if mode.startswith("verify-") else "")


def test_a_backups_pod_verifies_by_the_authorities_that_the_backends_image_trusts(
    tmp_path: Path,
) -> None:
    authorities = tmp_path / "authorities.pem"
    authorities.write_text("certificates")
    program = backup_pod.COPY_ROOTS.replace("/scratch", str(tmp_path))
    env = {"SSL_CERT_FILE": str(authorities)}
    subprocess.run([sys.executable, "-c", program], env=env, check=True)
    read = pod_reads("postgresql://u:p@host/d?sslmode=verify-full", str(tmp_path))
    *_, roots, _ = read.stdout.split("\0")
    assert Path(roots).read_text() == "certificates"


@pytest.mark.parametrize(
    "address",
    [
        address
        for address in ADDRESSES["refused"]
        if address["why"].startswith(("a password", "a user"))
    ],
    ids=lambda address: address["why"],
)
def test_a_backups_pod_takes_no_part_of_a_password_for_something_else(
    address: dict[str, Any],
) -> None:
    refused = pod_reads(address["url"])
    assert refused.returncode == 1
    assert refused.stderr == "the database's address cannot be read\n"


@pytest.mark.parametrize("address", ADDRESSES["refused"], ids=lambda address: address["why"])
def test_what_they_cannot_use_is_refused_in_one_line_without_the_password(
    address: dict[str, Any],
) -> None:
    (message,) = mistakes(address["url"])
    assert address["says"] in message
    assert "S3" not in message
    assert "cret" not in message


def test_a_raw_special_character_in_a_password_is_reported_with_the_fix() -> None:
    for password in ("a@canary", "a#canary", "a/canary"):
        with pytest.raises(AddressError, match="@ as %40") as caught:
            read_address(f"postgresql://u:{password}@host/d")
        assert "canary" not in str(caught.value)


def test_the_fix_of_a_missing_mode_fits_an_address_with_options_too() -> None:
    for tls in (True, False):
        config = {"database": {"external": {"tls": tls}}}
        for options in ("pgbouncer=true", "sslmode=prefer"):
            (message,) = mistakes(f"postgresql://u:p@h/d?{options}", config)
            assert "sslmode=require (after its ?, or & where it has options, in place of" in message


def test_a_verifying_mode_asks_for_tls() -> None:
    tls = {"database": {"external": {"tls": True}}}
    for mode in ("require", "verify-full"):
        assert mistakes(f"postgresql://u:p@h/d?sslmode={mode}", tls) == []
    (message,) = mistakes("postgresql://u:p@h/d?sslmode=verify-ca", tls)
    assert "databaseUrl: asks for sslmode=verify-ca, which needs the authority's" in message
    assert "give database.external.ca" in message


@pytest.mark.parametrize("ca", [{}, {"configMap": "a", "secret": "b"}])
def test_an_authority_is_in_one_object(ca: dict[str, str]) -> None:
    (message,) = mistakes(PROD_SECRETS["databaseUrl"], {"database": {"external": {"ca": ca}}})
    assert "database.external.ca.configMap: give one of configMap and secret" in message


@pytest.mark.parametrize("component", ["backend", "frontend"])
@pytest.mark.parametrize(
    ("ca", "source"),
    [
        (
            {"configMap": "authority", "key": "root.pem"},
            {"configMap": {"name": "authority", "items": [{"key": "root.pem", "path": "ca.crt"}]}},
        ),
        (
            {"secret": "authority"},
            {"secret": {"secretName": "authority", "items": [{"key": "ca.crt", "path": "ca.crt"}]}},
        ),
    ],
)
def test_the_authority_is_a_file_in_both_services(
    deploy: Deploy, component: str, ca: dict[str, str], source: dict[str, Any]
) -> None:
    engine = deploy(merged(DEPLOYED, {"database": {"external": {"ca": ca}}}), PROD_SECRETS)
    pod = engine.pod(component)
    (container,) = pod["containers"]
    file = {variable["name"]: variable.get("value") for variable in container["env"]}
    assert file["DATABASE_CA_FILE"] == "/etc/taskflow/database-ca/ca.crt"
    mount = {
        "name": "database-ca",
        "mountPath": "/etc/taskflow/database-ca",
        "readOnly": True,
    }
    assert mount in container["volumeMounts"]
    assert {"name": "database-ca", **source} in pod["volumes"]


def test_without_an_authority_no_pod_looks_for_one(deploy: Deploy) -> None:
    engine = deploy(DEPLOYED, PROD_SECRETS)
    for component in ("backend", "frontend"):
        text = json.dumps(engine.only("Deployment", component))
        assert "database-ca" not in text
        assert "DATABASE_CA_FILE" not in text
