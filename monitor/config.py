"""All settings, read once, in one place."""

import os
from pathlib import Path
from zoneinfo import ZoneInfo

from dotenv import dotenv_values
from pydantic import Field, SecretStr, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from models.errors import QuietwordError

PREFIX = "QUIETWORD_"


class SettingsError(QuietwordError):
    """A setting cannot be used; the message names it and where it was read."""


class Settings(BaseSettings):
    """Read from ``QUIETWORD_...`` variables or a ``.env`` file in the working directory.

    An empty value counts as none. A misspelt name is not seen from here, so ``quietword check``
    lists the ``QUIETWORD_`` names, in the environment and in ``.env``, that match no setting.
    """

    model_config = SettingsConfigDict(
        env_prefix=PREFIX, env_file=".env", env_ignore_empty=True, extra="ignore"
    )

    database_url: SecretStr = Field(
        default=SecretStr("sqlite:///quietword.db"),
        description="SQLAlchemy address of the database: sqlite:///FILE or postgresql://...",
    )
    contact: str | None = Field(
        default=None,
        description="Address or page by which a site's owner reaches you; sent with requests",
    )
    allow_private_addresses: bool = Field(
        default=False, description="Read loopback and private addresses too (development only)"
    )
    slack_token: SecretStr | None = Field(
        default=None, description="Slack bot token with chat:write"
    )
    slack_room: str | None = Field(default=None, description="Id of the Slack channel for alerts")
    slack_api_url: str = Field(
        default="https://slack.com/api/",
        description="Where Slack's API is; change for a test server",
    )
    checkpoint: str | None = Field(
        default=None,
        description="default, fast (a third of the work), or another checkpoint: folder or hub id",
    )
    web_host: str = Field(default="127.0.0.1", description="Address the digest page listens on")
    web_port: int = Field(
        default=8090, ge=0, le=65535, description="Port the digest page listens on"
    )
    web_address: str | None = Field(
        default=None,
        description="Public address of the digest page, where it differs from host and port",
    )
    web_secret_file: Path = Field(
        default=Path("quietword.secret"),
        description="File with the key that signs logins; made by init",
    )
    timezone: ZoneInfo = Field(
        default=ZoneInfo("UTC"), description="Zone in which the digest shows times"
    )
    crawl_max_seconds: int = Field(
        default=1800, ge=1, description="A crawl that takes longer is killed with its children"
    )
    crawl_max_pages: int = Field(
        default=200,
        ge=0,
        description="Pages one crawl may fetch; the next goes on from there. 0: no limit",
    )
    crawls_at_once: int = Field(
        default=2, ge=1, description="Crawls that run side by side, a site each"
    )
    alert_max_age_hours: int = Field(
        default=72, ge=1, description="Complaints older than this open cases without an alert"
    )


def load_settings() -> Settings:
    """Return the settings; raise ``SettingsError`` that names each one that cannot be used."""
    try:
        return Settings()
    except ValidationError as error:
        faults = "; ".join(
            f"{PREFIX}{'_'.join(map(str, fault['loc'])).upper().removeprefix(PREFIX)}: "
            f"{fault['msg']}"
            for fault in error.errors(include_input=False)
        )
        raise SettingsError(f"settings (environment or .env) cannot be used: {faults}") from error


def unknown_variables() -> list[str]:
    """Return the ``QUIETWORD_`` names in the environment or ``.env`` that match no setting."""
    known = {f"{PREFIX}{name}".upper() for name in Settings.model_fields}
    given = {*os.environ, *dotenv_values(".env")}
    return sorted(name for name in given if name.startswith(PREFIX) and name not in known)
