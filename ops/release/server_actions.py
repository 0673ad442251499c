"""The actions of a Next.js page, called as its own scripts call them: over HTTP, without a browser.

A page's scripts know each action by an identifier that changes with every build. They send it as a header, and the
arguments in React's encoding; two of its forms are needed here.
https://github.com/facebook/react/blob/main/packages/react-client/src/ReactFlightReplyClient.js
"""

import json
import re
from collections.abc import Mapping

import httpx

SCRIPT = re.compile(r'/_next/static/chunks/[^"\\]+?\.js')
REFERENCE = re.compile(r'createServerReference\)?\("([0-9a-f]+)",[^()]*?"(\w+)"\)')


def find(browser: httpx.Client, page: str, *names: str) -> dict[str, str]:
    """The identifiers of actions in a page's scripts, as many as there are of these source names."""
    found: dict[str, str] = {}
    for script in sorted(set(SCRIPT.findall(page))):
        known = REFERENCE.findall(browser.get(script).text)
        found |= {name: action for action, name in known if name in names}
        if len(found) == len(names):
            break
    return found


def call_with_form(
    browser: httpx.Client, path: str, action: str, fields: Mapping[str, str]
) -> httpx.Response:
    """Call an action that takes a form."""
    parts = {f"_1_{name}": (None, value) for name, value in fields.items()}
    return browser.post(
        path, headers=_headers(browser, action), files={**parts, "0": (None, '["$K1"]')}
    )


def call(browser: httpx.Client, path: str, action: str, *arguments: str) -> httpx.Response:
    """Call an action that takes texts."""
    headers = _headers(browser, action) | {"Content-Type": "text/plain;charset=UTF-8"}
    return browser.post(path, headers=headers, content=json.dumps(arguments))


def _headers(browser: httpx.Client, action: str) -> dict[str, str]:
    origin = str(browser.base_url).rstrip("/")
    return {"Next-Action": action, "Accept": "text/x-component", "Origin": origin}
