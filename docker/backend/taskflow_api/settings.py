"""All settings from the environment, read and checked once at start."""

from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import BeforeValidator, Field, HttpUrl, SecretStr, ValidationInfo, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from taskflow_api.address import DatabaseAddress, read_address


def from_file(text: str) -> str:
    """A Secret made from a file often ends with a newline, or begins with a byte order mark."""
    return text.strip().removeprefix("\ufeff")


def _for_a_header(value: object) -> object:
    if not isinstance(value, str):
        return value
    text = from_file(value)
    if not (text.isascii() and text.isprintable()):
        raise ValueError("has characters that no HTTP header may contain: expected printable ASCII")
    return text or None


class Settings(BaseSettings):
    """Field names in capitals are the names of the environment variables."""

    # An empty variable is an absent one: that is how an optional Secret key arrives.
    model_config = SettingsConfigDict(
        env_ignore_empty=True, extra="ignore", frozen=True, hide_input_in_errors=True
    )

    # Certificates (PEM) that sslmode=verify-ca and verify-full verify the database by; the system's without it.
    database_ca_file: Path | None = None
    # Postgres itself, or a PgBouncer in transaction mode that knows prepared statements: 1.21 or later with
    # max_prepared_statements above 0, as behind Neon's pooled address. Without, most queries fail.
    # https://www.pgbouncer.org/config.html#max_prepared_statements
    database_url: SecretStr
    # HS256 wants a key of at least 32 bytes (RFC 7518, 3.2).
    better_auth_secret: Annotated[SecretStr, Field(min_length=32)]
    # Accepted too while keys rotate: the key that the frontend signs with next, or the one it signed with before.
    better_auth_secret_next: Annotated[SecretStr | None, Field(min_length=32)] = None
    better_auth_secret_former: Annotated[SecretStr | None, Field(min_length=32)] = None

    openai_api_key: Annotated[SecretStr | None, BeforeValidator(_for_a_header)] = None
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

    @field_validator("database_url")
    @classmethod
    def _usable(cls, url: SecretStr, info: ValidationInfo) -> SecretStr:
        read_address(url.get_secret_value(), info.data.get("database_ca_file"))
        return url

    @property
    def accepted_secrets(self) -> list[str]:
        """The keys whose tokens are accepted."""
        keys = (
            self.better_auth_secret,
            self.better_auth_secret_next,
            self.better_auth_secret_former,
        )
        return [key.get_secret_value() for key in keys if key]

    @property
    def database_address(self) -> DatabaseAddress:
        return read_address(self.database_url.get_secret_value(), self.database_ca_file)

    @classmethod
    def from_environment(cls) -> Self:
        return cls()  # pydantic-settings fills the required fields
