"""Postgres' answers to each of a release's roles, asked in the database's own pod."""

import base64
import time
from collections.abc import Callable

from tests.live_release import Kubectl

SERVICES = 2
LEAVING_SECONDS = 60
USERS = """
    select distinct split_part(application_name, ' ', 1) || ' as ' || usename from pg_stat_activity
    where application_name like 'taskflow-%'
"""


def address_of(kubectl: Kubectl, key: str) -> str:
    """An address from the release's own Secret."""
    secrets = kubectl.get("secrets")["items"]
    (data,) = [secret["data"] for secret in secrets if key in secret.get("data", {})]
    return base64.b64decode(data[key]).decode()


def ask(kubectl: Kubectl, pod: str, address: str, statement: str) -> str:
    """What a statement returns, or how it is refused."""
    command = ["psql", address, "-XqAt", "-c", statement]
    script = '"$@" 2>&1 || true'
    return kubectl("exec", pod, "--", "sh", "-c", script, "sh", *command).strip()


def users(kubectl: Kubectl, pod: str, owner: str, visit: Callable[[], object]) -> set[str]:
    """The services that are connected, each with its role: `taskflow-backend as taskflow_backend`.

    Waits until older pods are gone; `visit` has the present ones use the database meanwhile.
    """
    deadline = time.monotonic() + LEAVING_SECONDS
    while True:
        visit()
        found = set(ask(kubectl, pod, owner, USERS).splitlines())
        if len(found) == SERVICES or time.monotonic() > deadline:
            return found
        time.sleep(1)
