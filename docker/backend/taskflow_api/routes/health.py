"""What the platform asks: liveness, readiness and metrics."""

import logging
from typing import Annotated, Literal

from fastapi import APIRouter, Request, Response, status
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from pydantic import BaseModel, Field

from taskflow_api.database import DatabaseUnavailableError

router = APIRouter(tags=["operations"])
logger = logging.getLogger(__name__)


class Health(BaseModel):
    """Whether the backend can serve, and why not."""

    status: Literal["ok", "unavailable"]
    reason: Annotated[str | None, Field(examples=["the schema is being migrated"])] = None


@router.head("/health/live", include_in_schema=False)
@router.get("/health/live")
async def live() -> Health:
    """Never asks the database: its outage must not restart healthy pods."""
    return Health(status="ok")


@router.head("/health", include_in_schema=False)
@router.get("/health", responses={503: {"model": Health}})
async def ready(request: Request, response: Response) -> Health:
    """200 only if the database answers within a second and has this version's schema."""
    schema = request.app.state.schema
    try:
        if await schema.is_current():
            return Health(status="ok")
        schema.start()  # also if the database was replaced by an empty one
        reason = "the schema is being migrated"
    except DatabaseUnavailableError as error:
        reason = f"database: {error}"
    logger.warning("not ready: %s", reason)
    response.status_code = status.HTTP_503_SERVICE_UNAVAILABLE
    return Health(status="unavailable", reason=reason)


@router.head("/metrics", include_in_schema=False)
@router.get("/metrics", include_in_schema=False)
async def metrics() -> Response:
    return Response(generate_latest(), media_type=CONTENT_TYPE_LATEST)
