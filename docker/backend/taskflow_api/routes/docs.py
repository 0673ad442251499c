"""/docs: the OpenAPI document as a page for people, without scripts and without another host."""

import base64
import hashlib
import json
import re
from collections.abc import Mapping
from html import escape
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse

router = APIRouter(include_in_schema=False)

STYLE = """
body { font: 1rem/1.5 system-ui, sans-serif; max-width: 64rem; margin: 2rem auto; padding: 0 1rem }
th, td { text-align: left; vertical-align: top; padding: 0 1rem 0.25rem 0 }
"""
STYLE_HASH = base64.b64encode(hashlib.sha256(STYLE.encode()).digest()).decode()
POLICY = (
    f"default-src 'none'; style-src 'sha256-{STYLE_HASH}'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
LIMITS = ("minimum", "maximum", "minLength", "maxLength", "minItems", "maxItems", "default")

Json = Mapping[str, Any]


@router.head("/docs")
@router.get("/docs")
async def docs(request: Request) -> HTMLResponse:
    return HTMLResponse(page(request.app.openapi()), headers={"Content-Security-Policy": POLICY})


def page(document: Json) -> str:
    """The page for an OpenAPI document."""
    title = escape(f"{document['info']['title']} {document['info']['version']}")
    parts = [f"<h1>{title}</h1><p>", _text(document["info"])]
    parts.append('<p>For programs: <a href="/openapi.json">/openapi.json</a>')
    for scheme in document["components"]["securitySchemes"].values():
        parts += ["<h2>Token</h2><p>", _text(scheme)]
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            parts += [f"<h2>{escape(f'{method.upper()} {path}')}</h2>", _operation(operation)]
    for name, model in document["components"]["schemas"].items():
        parts += [f'<h2 id="{escape(name)}">{escape(name)}</h2>', _model(model)]
    head = f'<meta charset="utf-8"><title>{title}</title><style>{STYLE}</style>'
    return f'<!doctype html><html lang="en"><head>{head}</head><body>{"".join(parts)}</body></html>'


def _operation(operation: Json) -> str:
    rows = [_row("header authorization", "Bearer token", {})] if "security" in operation else []
    for found in operation.get("parameters", ()):
        schema = found["schema"]
        rows.append(_row(f"{found['in']} {found['name']}", _type(schema), schema))
    if body := operation.get("requestBody"):
        rows.append(_row("body", _content(body), body))
    for status, answer in operation["responses"].items():
        rows.append(_row(f"answer {status}", _content(answer), answer))
        for name, found in answer.get("headers", {}).items():
            rows.append(_row(f"header {name}", _type(found["schema"]), found))
    return f"<p>{_text(operation)}<table>{''.join(rows)}</table>"


def _model(model: Json) -> str:
    rows = [_row(name, _type(schema), schema) for name, schema in model["properties"].items()]
    required = ", ".join(model.get("required", ["nothing"]))
    return f"<p>{_text(model)}<p>Required: {escape(required)}<table>{''.join(rows)}</table>"


def _row(name: str, kind: str, part: Json) -> str:
    return f"<tr><th>{escape(name)}<td>{kind}<td>{_text(part)}"


def _content(part: Json) -> str:
    contents = part.get("content", {}).items()
    return "<br>".join(f"{_type(found['schema'])} as {escape(kind)}" for kind, found in contents)


def _type(schema: Json) -> str:
    limits = "".join(f", {name} {schema[name]!r}" for name in LIMITS if name in schema)
    if "$ref" in schema:
        name = escape(schema["$ref"].rpartition("/")[2])
        return f'<a href="#{name}">{name}</a>'
    if "anyOf" in schema:
        return " or ".join(map(_type, schema["anyOf"])) + escape(limits)
    if "items" in schema:
        return f"array of {_type(schema['items'])}{escape(limits)}"
    values = " or ".join(json.dumps(value) for value in schema.get("enum", ()))
    return escape((values or schema.get("format") or schema["type"]) + limits)


def _text(part: Json) -> str:
    """The description and the examples."""
    text = re.sub(r"`(.+?)`", r"<code>\1</code>", escape(part.get("description", "")))
    for schema in (part, *part.get("anyOf", ())):
        for value in schema.get("examples", ()):
            shown = value if isinstance(value, str) else json.dumps(value)
            text += f" Example: <code>{escape(shown)}</code>"
    return text
