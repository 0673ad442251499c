import time
import uuid
from collections.abc import Callable

import pytest
from tests.support.server import SECRET, Backend, token

ENDPOINTS = [
    ("GET", "/api/tasks"),
    ("POST", "/api/tasks"),
    ("GET", f"/api/tasks/{uuid.uuid4()}"),
    ("PATCH", f"/api/tasks/{uuid.uuid4()}"),
    ("DELETE", f"/api/tasks/{uuid.uuid4()}"),
    ("POST", "/api/chat"),
]
OTHER = "the-other-key-of-a-rotation-0123456789abcd"
BODIES = {
    "/api/tasks": {"title": "x"},
    "/api/chat": {"messages": [{"role": "user", "content": "hello"}]},
}


def ask(backend: Backend, method: str, path: str, authorization: str | None) -> int:
    response = backend.request(
        method,
        path,
        json=BODIES.get(path, {}) if method in ("POST", "PATCH") else None,
        headers={"Authorization": authorization} if authorization else {},
    )
    if response.status_code == 401:
        assert response.headers["WWW-Authenticate"].startswith("Bearer")
    return response.status_code


@pytest.mark.parametrize(("method", "path"), ENDPOINTS)
def test_without_a_token_every_endpoint_is_401(backend: Backend, method: str, path: str) -> None:
    assert ask(backend, method, path, None) == 401


@pytest.mark.parametrize(("method", "path"), ENDPOINTS)
def test_a_token_of_a_user_who_is_gone_is_401(backend: Backend, method: str, path: str) -> None:
    assert ask(backend, method, path, f"Bearer {token('nobody')}") == 401


@pytest.mark.parametrize(
    "make",
    [
        pytest.param(lambda user: token(user, exp=int(time.time()) - 1), id="expired"),
        pytest.param(lambda user: token(user, exp=None), id="no exp"),
        pytest.param(lambda user: token(user, exp=int(time.time()) + 130), id="long life"),
        pytest.param(lambda user: token(user, iat=int(time.time()) - 90), id="old, long life"),
        pytest.param(lambda user: token(user, iat=None), id="no iat"),
        pytest.param(lambda user: token(user, iat="now"), id="iat is text"),
        pytest.param(
            lambda user: token(user, exp=int(time.time()) + 130, iat=int(time.time()) + 60),
            id="long life by an iat ahead",
        ),
        pytest.param(lambda user: token(user, iss="somebody"), id="another issuer"),
        pytest.param(lambda user: token(user, iss=None), id="no issuer"),
        pytest.param(lambda user: token(user, aud="something"), id="another audience"),
        pytest.param(lambda user: token(user, aud=7), id="audience is a number"),
        pytest.param(lambda user: token(user, aud=None), id="no audience"),
        pytest.param(lambda user: token(user, exp=str(int(time.time()) + 600)), id="exp is text"),
        pytest.param(lambda user: token(user, sub=None), id="no sub"),
        pytest.param(lambda _user: token(""), id="empty sub"),
        pytest.param(lambda _user: token("", sub=7), id="sub is a number"),
        pytest.param(lambda _user: token("nul\x00"), id="NUL in sub"),
        pytest.param(lambda _user: token("half \ud83d"), id="lone surrogate in sub"),
        pytest.param(lambda user: token(user, key=SECRET[::-1]), id="another key"),
        pytest.param(lambda user: token(user, key="", algorithm="none"), id="algorithm none"),
        pytest.param(lambda user: token(user, algorithm="HS512"), id="another algorithm"),
        pytest.param(lambda user: token(user)[:-2], id="cut off"),
        pytest.param(lambda user: token(user) + ".more", id="four parts"),
        pytest.param(lambda _user: "no-token-at-all", id="not a token"),
    ],
)
@pytest.mark.filterwarnings("ignore::jwt.warnings.InsecureKeyLengthWarning")
def test_a_token_that_does_not_hold_is_401(
    backend: Backend, user_id: str, make: Callable[[str], str]
) -> None:
    assert ask(backend, "GET", "/api/tasks", f"Bearer {make(user_id)}") == 401


def test_another_scheme_is_401(backend: Backend, user_id: str) -> None:
    assert ask(backend, "GET", "/api/tasks", f"Basic {token(user_id)}") == 401


def test_a_scheme_without_a_token_is_401(backend: Backend) -> None:
    assert ask(backend, "GET", "/api/tasks", "Bearer") == 401


def test_the_scheme_is_known_in_any_case(backend: Backend, user_id: str) -> None:
    assert ask(backend, "GET", "/api/tasks", f"bearer {token(user_id)}") == 200


@pytest.mark.parametrize("other", ["BETTER_AUTH_SECRET_NEXT", "BETTER_AUTH_SECRET_FORMER"])
def test_while_keys_rotate_a_token_of_either_holds(
    database_url: str, user_id: str, other: str
) -> None:
    with Backend(database_url, **{other: OTHER}) as backend:
        for key in (SECRET, OTHER):
            assert ask(backend, "GET", "/api/tasks", f"Bearer {token(user_id, key=key)}") == 200
        third = token(user_id, key=SECRET[::-1])
        assert ask(backend, "GET", "/api/tasks", f"Bearer {third}") == 401


def test_a_token_of_the_other_key_that_has_expired_is_401(database_url: str, user_id: str) -> None:
    expired = token(user_id, key=OTHER, exp=int(time.time()) - 1)
    with Backend(database_url, BETTER_AUTH_SECRET_FORMER=OTHER) as backend:
        assert ask(backend, "GET", "/api/tasks", f"Bearer {expired}") == 401


def test_a_refused_token_is_an_audit_event_without_the_token(
    backend: Backend, user_id: str
) -> None:
    refused = token(user_id, exp=int(time.time()) - 1)
    answer = backend.get("/api/tasks", headers={"Authorization": f"Bearer {refused}"})
    line = backend.log_line(event="token.refused", request_id=answer.headers["X-Request-ID"])
    assert line["message"] == "the token has expired"
    assert refused not in backend.logs()


def test_a_clock_slightly_ahead_of_ours_is_forgiven(backend: Backend, user_id: str) -> None:
    ahead = int(time.time()) + 5
    assert ask(backend, "GET", "/api/tasks", f"Bearer {token(user_id, iat=ahead)}") == 200


def test_the_key_is_the_secrets_utf_8_bytes(backend: Backend, user_id: str) -> None:
    by_bytes = token(user_id, key=SECRET.encode("utf-8"))
    assert ask(backend, "GET", "/api/tasks", f"Bearer {by_bytes}") == 200
