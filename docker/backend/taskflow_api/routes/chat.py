"""/api/chat: talk to the assistant about one's tasks."""

from fastapi import APIRouter, HTTPException, Request, status
from pydantic import BaseModel

from taskflow_api.assistant import (
    Assistant,
    AssistantError,
    AssistantTimeoutError,
    Conversation,
    Reply,
)
from taskflow_api.auth import Tasks
from taskflow_api.problems import refusals
from taskflow_api.shed import MAX_BODY_BYTES

router = APIRouter(prefix="/api/chat", tags=["assistant"])


class Availability(BaseModel):
    """Whether there is an assistant."""

    available: bool


@router.head("", include_in_schema=False)
@router.get("", responses=refusals(503))
async def assistant_availability(request: Request) -> Availability:
    """Whether there is an assistant; needs no token."""
    return Availability(available=request.app.state.assistant is not None)


@router.post(
    "", max_body_size=MAX_BODY_BYTES, responses=refusals(400, 401, 413, 422, 502, 503, 504)
)
async def chat(conversation: Conversation, tasks: Tasks, request: Request) -> Reply:
    """Continues a conversation; the assistant may change tasks meanwhile."""
    assistant: Assistant | None = request.app.state.assistant
    if assistant is None:
        raise HTTPException(
            status.HTTP_503_SERVICE_UNAVAILABLE,
            "the assistant is not configured: OPENAI_API_KEY is not set",
        )
    await tasks.require_user()
    try:
        return await assistant.answer(conversation, tasks)
    except AssistantTimeoutError as error:
        raise HTTPException(status.HTTP_504_GATEWAY_TIMEOUT, str(error)) from error
    except AssistantError as error:
        raise HTTPException(status.HTTP_502_BAD_GATEWAY, str(error)) from error
