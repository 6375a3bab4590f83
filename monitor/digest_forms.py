"""How ops say who gets which digest: on the command line and in the file of sources."""

from datetime import datetime
from typing import Annotated, Literal
from zoneinfo import ZoneInfo

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from sqlmodel import Session, select

from models import Brand, DigestSubscription, Every
from monitor.config import Settings
from monitor.digests import DigestRefused
from monitor.jobs import Runtime

Language = Literal["en", "pl", "ru"]


class DigestForm(BaseModel):
    """A ``[[digest]]`` table of a sources file."""

    model_config = ConfigDict(extra="forbid")

    name: Annotated[str, Field(pattern=r"^[\w][\w .-]{0,59}$")]
    brand: str | None = None
    every: Every = Every.DAY
    at: Annotated[str, Field(pattern=r"^([01]\d|2[0-3]):[0-5]\d$")] = "08:00"
    timezone: ZoneInfo | None = None
    language: Language = "en"
    to: Annotated[list[str], Field(min_length=1, max_length=50)]
    """Ids of Slack channels, or e-mail addresses."""

    @property
    def kind(self) -> str:
        """Return the channel that all of ``to`` are reached by."""
        kinds = {"email" if "@" in room else "slack" for room in self.to}
        if len(kinds) > 1:
            raise DigestRefused(
                f"the digest {self.name!r} goes to Slack and to e-mail addresses; make it two"
            )
        return kinds.pop()


def read_form(**fields: object) -> DigestForm:
    """Return a form; raise ``DigestRefused`` that names what does not fit."""
    try:
        return DigestForm.model_validate(fields)
    except ValidationError as error:
        faults = "; ".join(
            f"{'.'.join(map(str, fault['loc']))}: {fault['msg']}"
            for fault in error.errors(include_input=False)
        )
        raise DigestRefused(f"that is no digest: {faults}") from error


def save_digest(
    session: Session, runtime: Runtime, form: DigestForm, now: datetime
) -> DigestSubscription:
    """Add a subscription, or change the one of that name; in the caller's transaction.

    Raises ``DigestRefused`` for a brand that is not known, ``ChannelError`` for a channel that is
    not configured.
    """
    if runtime.reach is not None:
        for room in form.to:
            runtime.reach(form.kind, room)
    row = session.exec(
        select(DigestSubscription).where(DigestSubscription.name == form.name)
    ).first() or DigestSubscription(name=form.name, channel=form.kind, added_at=now)
    fill_in(session, runtime.settings, form, row)
    session.add(row)
    session.flush()
    return row


def fill_in(
    session: Session, settings: Settings, form: DigestForm, row: DigestSubscription
) -> None:
    """Make ``row`` say what ``form`` says; raise ``DigestRefused`` where that cannot be."""
    row.brand_id = None
    if form.brand is not None:
        row.brand_id = session.exec(select(Brand.id).where(Brand.name == form.brand)).first()
        if row.brand_id is None:
            raise DigestRefused(
                f"the digest {form.name!r} is of the brand {form.brand!r}, which is not listened "
                "for; see: quietword brand list"
            )
    hours, _, minutes = form.at.partition(":")
    row.every = form.every
    row.minute = int(hours) * 60 + int(minutes)
    row.timezone = str(form.timezone or settings.timezone)
    row.language = form.language
    row.channel, row.rooms = form.kind, list(dict.fromkeys(form.to))
