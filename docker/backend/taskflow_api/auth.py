"""The user of a request: the subject of a short-lived token that the frontend's server code signs."""

import logging
import time
from collections.abc import Sequence
from typing import Annotated, Any

import jwt
from fastapi import Depends, HTTPException, Request, status
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from taskflow_api.problems import UNAUTHORIZED
from taskflow_api.tasks import UserTasks

ISSUER = "taskflow-frontend"
AUDIENCE = "taskflow-backend"
# The frontend's tokens live for one; the other is for clocks that differ.
LONGEST_LIFE_SECONDS = 120

audit = logging.getLogger("taskflow_api.audit")
bearer = HTTPBearer(
    bearerFormat="JWT",
    scheme_name="token",
    description=f"HS256, signed with BETTER_AUTH_SECRET; `iss` is {ISSUER}, `aud` is {AUDIENCE}, `sub` the user's id; "
    f"`exp` is at most {LONGEST_LIFE_SECONDS} seconds after `iat`",
)


class UnauthorizedError(HTTPException):
    def __init__(self, detail: str) -> None:
        super().__init__(status.HTTP_401_UNAUTHORIZED, detail, UNAUTHORIZED)


async def user_tasks(
    request: Request, credentials: Annotated[HTTPAuthorizationCredentials, Depends(bearer)]
) -> UserTasks:
    """A dependency: the tasks of the user whom the request's token names."""
    state = request.app.state
    user_id = user_id_of(credentials.credentials, state.settings.accepted_secrets)
    return UserTasks(state.database, user_id)


Tasks = Annotated[UserTasks, Depends(user_tasks)]


def user_id_of(token: str, secrets: Sequence[str]) -> str:
    """The subject of a token that one of the keys signed; raises UnauthorizedError."""
    try:
        claims = _claims(token, secrets)
    except jwt.ExpiredSignatureError as error:
        raise _refused("the token has expired") from error
    except jwt.InvalidIssuerError as error:
        raise _refused("the token has another issuer") from error
    except jwt.InvalidAudienceError as error:
        raise _refused("the token is for another audience") from error
    except jwt.InvalidTokenError as error:
        raise _refused("the token is not valid") from error
    issued = claims["iat"]
    if not isinstance(issued, int | float):
        raise _refused("the token is not valid")
    # One whose `iat` is ahead lives from now.
    if int(claims["exp"]) - min(time.time(), issued) > LONGEST_LIFE_SECONDS:
        raise _refused("the token lives too long")
    user_id: str = claims["sub"]
    # Rules out what Postgres cannot store as text: NUL and lone surrogates.
    if not user_id or not user_id.isprintable():
        raise _refused("the token is not valid")
    return user_id


def _claims(token: str, secrets: Sequence[str]) -> dict[str, Any]:
    secret, *others = secrets
    try:
        claims: dict[str, Any] = jwt.decode(
            token,
            secret,
            algorithms=["HS256"],
            issuer=ISSUER,
            audience=AUDIENCE,
            # A clock that is a moment behind the frontend's must not refuse a fresh token.
            options={"require": ["iss", "aud", "sub", "iat", "exp"], "verify_iat": False},
        )
    except jwt.InvalidSignatureError:
        if not others:
            raise
        return _claims(token, others)
    return claims


def _refused(detail: str) -> UnauthorizedError:
    audit.warning(detail, extra={"fields": {"event": "token.refused"}})
    return UnauthorizedError(detail)
