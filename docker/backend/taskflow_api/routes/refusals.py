"""What an endpoint answers where it refuses, for the OpenAPI document."""

from typing import Any

from pydantic import BaseModel


class Refusal(BaseModel):
    detail: str


# The one that FastAPI itself makes, before there is a route.
TOO_LARGE: dict[str, Any] = {"content": {"text/plain": {"schema": {"type": "string"}}}}


def refusals(*statuses: int) -> dict[int | str, dict[str, Any]]:
    return {status: TOO_LARGE if status == 413 else {"model": Refusal} for status in statuses}
