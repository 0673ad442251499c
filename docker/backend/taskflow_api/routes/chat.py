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
from taskflow_api.routes.refusals import refusals

router = APIRouter(prefix="/api/chat", tags=["assistant"])


class Availability(BaseModel):
    available: bool


@router.get("")
async def availability(request: Request) -> Availability:
    return Availability(available=request.app.state.assistant is not None)


@router.post("", responses=refusals(400, 401, 413, 502, 503, 504))
async def chat(conversation: Conversation, tasks: Tasks, request: Request) -> Reply:
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
