"""Tokens for the backend, made as the frontend makes them."""

import base64
import time
from typing import Any

import jwt

from tests.live_release import Kubectl


def token_for(user: str, key: str | bytes, *, seconds: int) -> str:
    """A token in the name of a user; valid for so many seconds; the backend allows 120."""
    now = int(time.time())
    claims = {"iss": "taskflow-frontend", "aud": "taskflow-backend", "sub": user}
    return jwt.encode(claims | {"iat": now, "exp": now + seconds}, key, "HS256")


def signing_key(kubectl: Kubectl) -> bytes:
    """The key that frontend and backend share."""
    (pod, *_) = kubectl.pods("backend").values()
    (container,) = pod["spec"]["containers"]
    variables: list[dict[str, Any]] = container["env"]
    (key,) = (
        variable["valueFrom"]["secretKeyRef"]
        for variable in variables
        if variable["name"] == "BETTER_AUTH_SECRET"
    )
    return base64.b64decode(kubectl.get("secret", key["name"])["data"][key["key"]])
