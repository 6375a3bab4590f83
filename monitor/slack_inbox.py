"""What was taken from Slack: each press once, and none forgotten.

Slack counts a press that was acknowledged as delivered and never repeats it. So it is a row from
then until it was acted upon: who is killed in between finds it after the start.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import datetime, timedelta
from typing import Any

from pydantic import TypeAdapter, ValidationError
from sqlalchemy import Engine, null
from sqlalchemy.exc import IntegrityError
from sqlmodel import Session, col, select, update

from alerts.slack_blocks import ACTION, MORE_ACTION
from models import SlackPress
from models.database import reading, writing

Payload = Mapping[str, Any]
STILL_MEANT = timedelta(minutes=15)
"""A press that was not acted upon for longer is left: the case has moved on without it."""


@dataclass(frozen=True, slots=True)
class Place:
    """Which message a press belongs to; travels in a form and comes back with it."""

    room: str
    ts: str
    case_id: int

    def packed(self) -> str:
        """Return it as the text that a form carries."""
        return json.dumps([self.room, self.ts, self.case_id])

    @staticmethod
    def unpacked(text: str) -> "Place":
        """Return what ``packed`` gave; raise ``ValueError`` for anything else."""
        match json.loads(text):
            case [str(room), str(ts), int(case_id)]:
                return Place(room, ts, case_id)
        raise ValueError("not the place of a message")


@dataclass(frozen=True, slots=True, kw_only=True)
class Press:
    """One press of a button or one form sent in, checked for its shape only."""

    name: str
    """Of the button or of the form."""
    user: str
    place: Place
    identity: str
    """Moment, user and action: the same request again has the same."""
    trigger: str = ""
    """Lets a form be opened, for three seconds."""
    given: dict[str, str] = field(default_factory=dict)
    """What was filled in, by the names of the form's parts."""
    sent_in: bool = False
    """A form, not a button."""

    @staticmethod
    def of_button(body: Payload) -> "Press":
        """Return what ``body`` asks for; raise ``ValueError`` where it is not of our making."""
        try:
            action, container = body["actions"][0], body["container"]
            value = action.get("value") or ""
            name = str(action["action_id"]).removeprefix(ACTION)
            if action["action_id"] == MORE_ACTION:
                name, _, value = str(action["selected_option"]["value"]).partition(":")
            user, moment = str(body["user"]["id"]), str(action["action_ts"])
            return Press(
                name=name,
                user=user,
                place=Place(str(container["channel_id"]), str(container["message_ts"]), int(value)),
                trigger=str(body.get("trigger_id") or ""),
                identity=f"{moment} {user} {action['action_id']} {name}",
            )
        except (KeyError, IndexError, TypeError, AttributeError) as error:
            raise ValueError(f"a press without {error}") from error

    @staticmethod
    def of_form(body: Payload) -> "Press":
        """Return what a form says; raise ``ValueError`` where it is not of our making."""
        try:
            view, user = body["view"], str(body["user"]["id"])
            name = str(view["callback_id"])
            return Press(
                name=name,
                user=user,
                place=Place.unpacked(view.get("private_metadata") or ""),
                identity=f"form {view.get('id')} {user} {name}",
                given=_filled(view["state"]),
                sent_in=True,
            )
        except (KeyError, TypeError, AttributeError) as error:
            raise ValueError(f"a form without {error}") from error


def _filled(state: Payload) -> dict[str, str]:
    """Return block id -> what was filled in, of the ``view.state`` that Slack sends."""
    given: dict[str, str] = {}
    for block, actions in (state.get("values") or {}).items():
        for element in actions.values():
            chosen = (element.get("selected_option") or {}).get("value")
            given[block] = str(chosen if chosen is not None else element.get("value") or "")
    return given


def take(engine: Engine, press: Press, now: datetime) -> bool:
    """Keep a request until it is acted upon; ``False`` if it had been taken before."""
    try:
        with writing(engine) as session:
            session.add(SlackPress(name=press.identity[:200], body=asdict(press), at=now))
    except IntegrityError:
        return False
    return True


def done(session: Session, press: Press) -> None:
    """Note that a request was acted upon, in the transaction that does so."""
    session.exec(
        update(SlackPress).where(col(SlackPress.name) == press.identity[:200]).values(body=null())
    )


def left_over(engine: Engine, now: datetime) -> list[Press]:
    """Return what was taken and not acted upon, oldest first."""
    with reading(engine) as session:
        rows = session.exec(
            select(SlackPress.body)
            .where(SlackPress.at > now - STILL_MEANT, col(SlackPress.body).is_not(None))
            .order_by(col(SlackPress.id))
        ).all()
    found = []
    for body in rows:
        try:
            found.append(TypeAdapter(Press).validate_python(body))
        except ValidationError:  # of another version
            continue
    return found
