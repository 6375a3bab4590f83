"""All settings, read once, in one place."""

import os
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from dotenv import dotenv_values
from pydantic import Field, SecretStr, ValidationError
from pydantic.fields import FieldInfo
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from models.errors import QuietwordError

PREFIX = "QUIETWORD_"


class SettingsError(QuietwordError):
    """A setting cannot be used; the message names it and where it was read."""


class SecretFiles(PydanticBaseSettingsSource):
    """Secrets kept in files: ``QUIETWORD_YOUTUBE_KEY_FILE=/run/secrets/youtube`` and so on.

    Every setting that is a secret may be given so; the file's text, less the blanks around it,
    is the value.
    """

    def get_field_value(self, field: FieldInfo, field_name: str) -> tuple[Any, str, bool]:
        """Return the text of the file that the setting's ``_FILE`` names, or ``None``."""
        name = f"{PREFIX}{field_name}_FILE".upper()
        path = os.environ.get(name) or dotenv_values(".env").get(name)
        if not path or "SecretStr" not in str(field.annotation):
            return None, field_name, False
        try:
            return Path(path).read_text("utf-8").strip() or None, field_name, False
        except (OSError, UnicodeDecodeError) as error:
            raise SettingsError(f"{name} names {path}, which cannot be read: {error}") from error

    def __call__(self) -> dict[str, Any]:
        """Return the settings that stand in files."""
        found = {
            name: self.get_field_value(field, name)[0]
            for name, field in self.settings_cls.model_fields.items()
        }
        return {name: value for name, value in found.items() if value is not None}


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
    stackexchange_key: SecretStr | None = Field(
        default=None, description="Key for Stack Exchange's API; optional, allows more requests"
    )
    youtube_key: SecretStr | None = Field(
        default=None, description="Key for YouTube's Data API, without which no comments are read"
    )
    reddit_terms_acknowledged: bool = Field(
        default=False, description="You have read Reddit's terms and may read it"
    )
    reddit_token: SecretStr | None = Field(
        default=None, description="Access token for Reddit's API; its feeds are read without one"
    )
    reddit_client_id: SecretStr | None = Field(
        default=None, description="Id of your registered Reddit application"
    )
    reddit_client_secret: SecretStr | None = Field(
        default=None, description="Its secret; tokens for Reddit's API are earned with both"
    )
    mastodon_instance: str | None = Field(
        default=None, description="Your own Mastodon server, from which agents write directly"
    )
    slack_app_token: SecretStr | None = Field(
        default=None, description="Slack app token (xapp-...): buttons work, by Socket Mode"
    )
    slack_signing_secret: SecretStr | None = Field(
        default=None,
        description="Slack signing secret: buttons work, by HTTP at /slack/events instead",
    )
    slack_language: str = Field(
        default="en", description="Language of the Slack channel and of mails: en, pl, ru"
    )
    firm: str | None = Field(
        default=None, description="Your firm as agents sign for it; the brand's name by default"
    )
    firm_contact: str | None = Field(
        default=None, description="Address or telephone under a suggested private message"
    )
    openings: Path | None = Field(
        default=None, description="Folder with your own words for suggested private messages"
    )
    smtp_url: SecretStr | None = Field(
        default=None,
        description="Mail server: smtp://user:password@host:587 or smtps://...:465",
    )
    mail_from: str | None = Field(default=None, description="Whom mails come from")
    mail_to: str | None = Field(default=None, description="Address that gets every alert")
    webhook_url: SecretStr | None = Field(
        default=None, description="Address that every alert is posted to, signed"
    )
    webhook_secret: SecretStr | None = Field(
        default=None, description="Key the webhook's bodies are signed with"
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
    evidence_folder: Path = Field(
        default=Path("quietword-evidence"),
        description="Folder for pages that could not be read, cleaned; see `quietword inspect`",
    )
    web_proxy: str | None = Field(
        default=None,
        description="Address of the proxy in front of the pages, whose X-Forwarded-For is believed",
    )
    oidc_issuer: str | None = Field(
        default=None, description="Identity provider for the pages, such as https://slack.com"
    )
    oidc_client_id: str | None = Field(default=None, description="What the provider calls us")
    oidc_client_secret: SecretStr | None = Field(
        default=None, description="What we show the provider"
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
    crawl_timeout_s: float = Field(
        default=20, gt=0, description="Seconds a page may take; the next crawl asks for it again"
    )
    crawls_at_once: int = Field(
        default=2, ge=1, description="Crawls that run side by side, a site each"
    )
    alert_max_age_hours: int = Field(
        default=72, ge=1, description="Complaints older than this open cases without an alert"
    )
    storm_limit: int = Field(
        default=10, ge=1, description="More waiting alerts of a room than this become one summary"
    )
    quiet_hours: str | None = Field(
        default=None,
        pattern=r"^([01]\d|2[0-3]):[0-5]\d-([01]\d|2[0-3]):[0-5]\d$",
        description="Such as 22:00-07:00, in the zone above: alerts wait and come as one",
    )
    quiet_urgent: bool = Field(
        default=True, description="Urgent alerts go out in quiet hours too, to who is on call"
    )
    remind_minutes: int = Field(
        default=30, ge=1, description="An alert that nobody takes is repeated after this"
    )
    escalate_minutes: int = Field(
        default=60, ge=1, description="A case that nobody takes goes to a lead after this"
    )
    manager_minutes: int = Field(
        default=120,
        ge=1,
        description="A lead's case that nobody takes goes to a manager after this",
    )
    contact_minutes: int = Field(
        default=60,
        ge=1,
        description="The owner is reminded to write after this; after twice this it is released",
    )
    follow_up_days: int = Field(
        default=3, ge=1, description="The owner is reminded to ask again after a first message"
    )
    solved_follow_up_days: int = Field(
        default=2, ge=1, description="And to ask whether it holds after a case is solved"
    )
    contact_cap_days: int = Field(
        default=30, ge=0, description="No author is written to by two agents within this"
    )
    keep_unflagged_days: int = Field(
        default=30,
        ge=1,
        description="Days that threads without a case are kept after their newest post",
    )
    keep_closed_days: int = Field(
        default=180,
        ge=1,
        description="Days that texts are kept after the last case of a thread is closed",
    )
    keep_runs_days: int = Field(
        default=90,
        ge=1,
        description="Days that records of crawls, hourly counts and sent digests are kept",
    )
    keep_audit_days: int = Field(
        default=365,
        ge=1,
        description="Days that the records of reveals and erasures, and of who was written to, "
        "are kept",
    )
    keep_labels_days: int = Field(
        default=730, ge=1, description="Days that agents' decisions are kept to learn from"
    )

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Read, after the environment and ``.env``, the files that ``..._FILE`` names point to."""
        return init_settings, env_settings, dotenv_settings, SecretFiles(settings_cls)

    def source_keys(self) -> dict[str, str]:
        """Return what sources ask for (see ``spiders.base.Key``) and is set, by setting."""
        keys = {
            name: secret.get_secret_value()
            for name in (
                *("stackexchange_key", "youtube_key", "reddit_token"),
                *("reddit_client_id", "reddit_client_secret"),
            )
            if (secret := getattr(self, name)) is not None
        }
        return keys | (
            {"reddit_terms_acknowledged": "yes"} if self.reddit_terms_acknowledged else {}
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
    known |= {
        f"{PREFIX}{name}_FILE".upper()
        for name, field in Settings.model_fields.items()
        if "SecretStr" in str(field.annotation)
    }
    given = {*os.environ, *dotenv_values(".env")}
    return sorted(name for name in given if name.startswith(PREFIX) and name not in known)
