"""Everything the environment decides, read and checked once at start."""

from typing import Annotated, Literal, Self
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, HttpUrl, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict


def _postgres_url(url: SecretStr) -> SecretStr:
    try:
        parts = urlsplit(url.get_secret_value())
        complete = parts.scheme in ("postgresql", "postgres") and parts.hostname and parts.port != 0
    except ValueError:  # a port that is no number, a broken IPv6 address
        complete = False
    if not complete:
        raise ValueError("must look like postgresql://user:password@host:5432/database")
    return url


class Settings(BaseSettings):
    """Field names in capitals are the names of the environment variables."""

    # An empty variable is an absent one: that is how an optional Secret key arrives.
    model_config = SettingsConfigDict(
        env_ignore_empty=True, extra="ignore", frozen=True, hide_input_in_errors=True
    )

    # Postgres itself, or a PgBouncer in transaction mode that knows prepared statements: 1.21 or later with
    # max_prepared_statements above 0, as behind Neon's pooled address. Without, most queries fail.
    # https://www.pgbouncer.org/config.html#max_prepared_statements
    database_url: Annotated[SecretStr, AfterValidator(_postgres_url)]
    # HS256 wants a key of at least 32 bytes (RFC 7518, 3.2).
    better_auth_secret: Annotated[SecretStr, Field(min_length=32)]

    openai_api_key: SecretStr | None = None
    openai_base_url: HttpUrl | None = None
    openai_model: str = "gpt-5.4-mini"

    log_level: Literal["debug", "info", "warning", "error"] = "info"
    host: str = "0.0.0.0"  # noqa: S104 - a pod has one address, and the kubelet probes that one
    port: Annotated[int, Field(ge=1, le=65535)] = 8000

    # 3 pods (2 and a surge) x 8 stay far below Postgres' default of 100 connections, and half a
    # CPU cannot keep 8 of them busy.
    database_pool_size: Annotated[int, Field(ge=1, le=50)] = 8
    # The database's part of one request, so that a 503 leaves within a second, also on a busy CPU.
    database_timeout: Annotated[float, Field(gt=0, le=30)] = 0.8
    # One chat request, all of the model's rounds together.
    assistant_timeout: Annotated[float, Field(gt=0, le=300)] = 45

    # After SIGTERM: keep serving for as long as clients may still hold an idle connection
    # (undici keeps one for 4 s), then let running requests finish; all of it within 10 s.
    drain_seconds: Annotated[float, Field(ge=0, le=30)] = 5
    finish_seconds: Annotated[int, Field(ge=1, le=30)] = 3

    @classmethod
    def from_environment(cls) -> Self:
        return cls()  # pydantic-settings fills the required fields
