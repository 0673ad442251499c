"""Whatever is sent to the API: no server error, no access without a valid token, and no input runs as code."""

import base64
import html
import json
import re
import subprocess
import sys
import time
from pathlib import Path

import httpx
import jwt

from tests.hostile import HOSTILE
from tests.live_release import LiveRelease
from tests.reliability.conftest import BACKEND, FRONTEND, Record
from tests.reliability.person import Person
from tests.tokens import signing_key

SCHEMATHESIS_SECONDS = 240
CONFIG = Path(__file__).with_name("schemathesis.toml")
BODIES = {
    "10 MB": b'{"title": "x", "notes": "' + b"n" * 10_000_000 + b'"}',
    "deep": b"[" * 60_000,
    "cut off": b'{"title": "x", "title": ',
    "not UTF-8": b'{"title": "\xff\xfe"}',
    "infinite": b'{"title": 1e999}',
    "half a character": b'{"title": "\\ud800"}',
    "zeros": b"\x00" * 1000,
}


def test_the_api_answers_as_its_document_says(person: Person, full: bool, record: Record) -> None:
    """Schemathesis asks whatever the OpenAPI document allows, and whatever it does not."""
    program = Path(sys.executable).with_name("schemathesis")
    command = [str(program), "--config-file", str(CONFIG), "run", f"{BACKEND}/openapi.json"]
    command += ["--header", f"Authorization: {person.authorization['Authorization']}"]
    command += [f"--max-examples={200 if full else 20}", "--seed=1", "--no-color"]
    result = subprocess.run(
        command, capture_output=True, text=True, timeout=SCHEMATHESIS_SECONDS, check=False
    )
    assert result.returncode == 0, result.stdout[-5000:]
    (cases,) = re.findall(r"(\d+) generated, (\d+) passed", result.stdout)
    record("schemathesis against the OpenAPI document", [f"{cases[1]} of {cases[0]} cases passed"])


def tokens(key: bytes, subject: str) -> dict[str, str]:
    """Tokens that must be refused."""

    def part(content: object) -> str:
        return base64.urlsafe_b64encode(json.dumps(content).encode()).rstrip(b"=").decode()

    now = int(time.time())
    parties = {"iss": "taskflow-frontend", "aud": "taskflow-backend"}
    good = parties | {"sub": subject, "iat": now, "exp": now + 60}
    header, claims, signature = jwt.encode(good, key, "HS256").split(".")
    return {
        "none": f"{part({'alg': 'none', 'typ': 'JWT'})}.{claims}.",
        "None": f"{part({'alg': 'None', 'typ': 'JWT'})}.{claims}.{signature}",
        "no signature": f"{header}.{claims}.",
        "expired": jwt.encode(good | {"iat": now - 160, "exp": now - 100}, key, "HS256"),
        "a long life": jwt.encode(good | {"exp": now + 600}, key, "HS256"),
        "the end of a long life": jwt.encode(good | {"iat": now - 3540}, key, "HS256"),
        "another issuer": jwt.encode(good | {"iss": "somebody"}, key, "HS256"),
        "another audience": jwt.encode(good | {"aud": "something"}, key, "HS256"),
        **{
            f"without {name}": jwt.encode(
                {claim: value for claim, value in good.items() if claim != name}, key, "HS256"
            )
            for name in good
        },
        "another key": jwt.encode(good, b"x" * 32, "HS256"),
        "another algorithm": jwt.encode(good, key, "HS512"),
        "other claims": f"{header}.{part(good | {'sub': 'somebody else'})}.{signature}",
        "injection": jwt.encode(good | {"sub": "' or '1'='1"}, key, "HS256"),
        "nothing": "",
    }


def test_no_wrong_token_opens_anything(
    release: LiveRelease, person: Person, record: Record
) -> None:
    key = signing_key(release.kubectl)
    wrong = tokens(key, person.user)
    with httpx.Client(base_url=BACKEND, timeout=10) as client:
        for name, token in wrong.items():
            for method, path in (("GET", "/api/tasks"), ("POST", "/api/tasks")):
                body = {"title": "let in"} if method == "POST" else None
                headers = {"Authorization": f"Bearer {token}".rstrip()}
                answer = client.request(method, path, json=body, headers=headers)
                assert answer.status_code == 401, f"{name}: {method} {path}"
    record("wrong tokens", [f"{len(wrong)} kinds, each 401"])
    with person.api() as api:
        assert api.get("/api/tasks").json()["total"] == 1


def test_hostile_text_is_kept_as_text(release: LiveRelease, person: Person, record: Record) -> None:
    with person.api() as api:
        for text in HOSTILE:
            added = api.post("/api/tasks", json={"title": text, "notes": text})
            assert added.status_code == 201, text
            assert (added.json()["title"], added.json()["notes"]) == (text, text)
            found = api.get("/api/tasks", params={"search": text}).json()
            assert [task["title"] for task in found["items"]] == [text], "searched for as text"
            changed = api.patch(f"/api/tasks/{added.json()['id']}", json={"title": f"{text}!"})
            assert changed.json()["title"] == f"{text}!"
        assert api.get("/api/tasks").json()["total"] == 1 + len(HOSTILE), "nothing was dropped"
    page = person.tasks_page().text
    for text in HOSTILE[:2]:
        assert text not in page, "the page's HTML has it escaped"
        assert html.escape(text) in page
    for text in HOSTILE:
        named = Person.signed_up(FRONTEND, BACKEND, release.kubectl, name=text)
        assert f">{html.escape(text)}<" in named.tasks_page().text, "a person's name, too"
    record("SQL, HTML and templates in every field", [f"{len(HOSTILE)} texts, all kept as text"])


def test_a_malformed_body_is_refused_and_stores_nothing(person: Person, record: Record) -> None:
    headers = {"Content-Type": "application/json"}
    with person.api() as api:
        for name, body in BODIES.items():
            for sent in (body, iter([body])):  # With a length, and in chunks.
                answer = api.post("/api/tasks", content=sent, headers=headers)
                assert answer.status_code in (400, 413, 422), name
        assert api.get("/api/tasks").json()["total"] == 1, "nothing was stored"
    record("oversized and malformed bodies", [f"{len(BODIES)} kinds, each 400, 413 or 422"])
