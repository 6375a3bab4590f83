"""What people do in Slack, done to the cases: buttons, forms and ``/quietword``, on Bolt.

Every press is acknowledged first. It is then taken once (a row names moment, user and action),
by somebody we know, on a message of ours, and goes through the one function of
``monitor.cases`` for it; the case's message follows at once. Nobody is pinged for what they did
themselves: what they must know is shown to them alone.
"""

import logging
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from slack_bolt import Ack, App, BoltResponse
from slack_sdk import WebClient
from sqlalchemy.exc import SQLAlchemyError
from sqlmodel import Session, col, select

from alerts.base import DeliveryError
from alerts.channels.slack import SlackChannel
from alerts.slack_blocks import ACTION, MORE_ACTION, date, fit
from models import Agent, Case, Dismissal, How, SlackCard
from models.base import id_of
from models.database import reading, writing
from models.errors import QuietwordError
from monitor import cases, slack_modals
from monitor.case_rules import Actor, CaseRefused
from monitor.jobs import Runtime
from monitor.opening import suggest_by
from monitor.slack_cards import show_case, slack_rooms
from monitor.slack_commands import Command, answer
from monitor.slack_history import escaped
from monitor.slack_modals import Place
from monitor.slack_people import UNREACHABLE, agent_of, first_time

logger = logging.getLogger(__name__)

Payload = Mapping[str, Any]
Do = Callable[[Session, int, Actor, datetime], object]

ONE_CLICK: dict[str, Do] = {
    "take": cases.claim,
    "release": cases.release,
    "contacted": cases.contacted,
    "solved": cases.solved,
    "wake": cases.wake,
    "not_negative": lambda session, case, actor, now: cases.dismiss(
        session, case, actor, now, reason=Dismissal.NOT_NEGATIVE
    ),
    "not_about_us": lambda session, case, actor, now: cases.dismiss(
        session, case, actor, now, reason=Dismissal.NOT_ABOUT_US
    ),
}
"""What a press alone is enough for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Press:
    """One press of a button, checked for its form only."""

    name: str
    user: str
    place: Place
    trigger: str
    identity: str

    @staticmethod
    def read(body: Payload) -> "Press":
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


class SlackDesk:
    """Answers what comes from Slack; ``app`` is Bolt's and listens nowhere by itself."""

    def __init__(self, runtime: Runtime) -> None:
        """Build the app on the runtime's Slack channels, of which there must be one."""
        self._runtime = runtime
        self._engine = runtime.engine
        self._rooms = slack_rooms(runtime.channels)
        client = next(iter(self._rooms.values())).client
        self.app = App(
            client=client,
            token_verification_enabled=False,
            # By Socket Mode nothing is signed; by HTTP SlackDoor has looked at the raw body.
            request_verification_enabled=False,
            # Bolt logs what it is sent; ours says what matters.
            logger=logging.getLogger("quietword.bolt"),
        )
        self.app.use(self._only_our_team)
        self.app.action(re.compile(re.escape(ACTION)))(self._pressed)
        self.app.action(re.compile(r"(?:open_thread|write_privately)\Z"))(_acknowledge)
        for kind in slack_modals.FORMS:
            self.app.view(kind)(self._submitted)
        self.app.command("/quietword")(self._commanded)
        self.app.error(self._broken)

    def _only_our_team(
        self,
        body: Payload,
        context: Any,
        next: Callable[[], Any],
    ) -> Any:
        """Refuse what another workspace sends."""
        told = body.get("team") or {}
        team = told.get("id") if isinstance(told, dict) else None
        ours = context.authorize_result.team_id if context.authorize_result else None
        if (team or body.get("team_id")) != ours or ours is None:
            logger.warning("a request of another workspace was refused")
            return BoltResponse(status=401, body="")
        return next()

    def _broken(self, error: Exception) -> None:
        logger.error("a request from Slack failed", exc_info=error)

    # Buttons

    def _pressed(self, ack: Ack, body: dict[str, Any]) -> None:
        ack()
        try:
            press = Press.read(body)
        except ValueError as error:
            logger.warning("Slack sent %s; it is passed over", error)
            return
        channel = self._rooms.get(press.place.room)
        if channel is None:
            logger.warning("a press came from a room that is not ours: %r", press.place.room)
            return
        self._guarded(channel, press.user, lambda: self._take(channel, press))

    def _take(self, channel: SlackChannel, press: Press) -> None:
        now = self._runtime.now()
        if not self._is_ours(press.place):
            self._tell(channel, press.user, channel.speech.say("unknown_message"))
            return
        agent = self._known(channel, press.user)
        if agent is None or not first_time(self._engine, press.identity, now):
            return
        if press.name in slack_modals.FORMS:
            others = self._others(agent)
            view = slack_modals.form(press.name, press.place, channel.speech, others)
            channel.client.views_open(trigger_id=press.trigger, view=view)
        elif press.name == "words":
            self._suggest(channel, press, agent)
        elif press.name in ONE_CLICK:
            self._change(channel, press.user, agent, press.place.case_id, ONE_CLICK[press.name])
        else:
            logger.warning("there is no button %r", press.name)

    def _suggest(self, channel: SlackChannel, press: Press, agent: Agent) -> None:
        speech = channel.speech
        try:
            with reading(self._engine) as session:
                case = session.get_one(Case, press.place.case_id)
                said = suggest_by(session, case, agent.name, self._runtime.settings)
        except QuietwordError as error:
            why = fit(str(error).rstrip("."), 500)
            self._tell(channel, press.user, speech.say("no_words", why=why))
            return
        view = slack_modals.words_view(press.place.case_id, said.text, speech)
        channel.client.views_open(trigger_id=press.trigger, view=view)

    # Forms

    def _submitted(self, ack: Ack, body: dict[str, Any], view: dict[str, Any]) -> None:
        ack()
        try:
            place = Place.unpacked(view.get("private_metadata") or "")
            user = str(body["user"]["id"])
        except (ValueError, KeyError, TypeError) as error:
            logger.warning("Slack sent a form that is not ours: %s", error)
            return
        channel = self._rooms.get(place.room)
        if channel is None:
            logger.warning("a form came from a room that is not ours: %r", place.room)
            return
        self._guarded(channel, user, lambda: self._settle(channel, user, place, view))

    def _settle(self, channel: SlackChannel, user: str, place: Place, view: dict[str, Any]) -> None:
        now = self._runtime.now()
        agent = self._known(channel, user)
        identity = f"form {view.get('id')} {user} {view['callback_id']}"
        if agent is None or not self._is_ours(place):
            return
        if not first_time(self._engine, identity, now):
            return
        try:
            do = _filled_in(str(view["callback_id"]), slack_modals.filled(view["state"]), now)
        except (KeyError, ValueError) as error:
            logger.warning("a form was filled in as it cannot be: %s", error)
            return
        self._change(channel, user, agent, place.case_id, do)

    # Commands

    def _commanded(self, ack: Ack, command: dict[str, Any]) -> None:
        ack()
        channel = self._rooms.get(str(command.get("channel_id"))) or next(
            iter(self._rooms.values())
        )
        user, now = str(command.get("user_id")), self._runtime.now()
        speech = channel.speech
        try:
            agent = agent_of(self._engine, channel.client, user)
            if agent is None:
                text = speech.say("unknown_user", user=user)
            else:
                asked = Command(str(command.get("text") or ""), agent, speech, now)
                text = answer(self._engine, channel, asked)
        except SQLAlchemyError:
            logger.exception("a command could not be answered")
            text = speech.say("failed")
        self._respond(channel.client, str(command.get("response_url") or ""), text)

    def _respond(self, client: WebClient, address: str, text: str) -> None:
        """Answer at ``address``, which must be Slack's: it comes with the request."""
        from slack_sdk.webhook import WebhookClient

        if not _is_slacks(address, client.base_url):
            logger.warning("a command came with an answering address that is not Slack's")
            return
        try:
            WebhookClient(address, timeout=10, retry_handlers=[]).send(
                text=text, response_type="ephemeral"
            )
        except UNREACHABLE as error:
            logger.warning("a command could not be answered: %s", error)

    # What all have in common

    def _change(self, channel: SlackChannel, user: str, agent: Agent, case_id: int, do: Do) -> None:
        now = self._runtime.now()
        actor = Actor(agent_id=id_of(agent), how=How.SLACK)
        try:
            with writing(self._engine) as session:
                change = do(session, case_id, actor, now)
        except CaseRefused as refused:
            self._tell(channel, user, self._refusal(channel, agent, refused))
            show_case(self._engine, self._runtime.channels, case_id, now)
            return
        if warning := getattr(change, "warning", ""):
            self._tell(channel, user, fit(warning, 2_000))
        show_case(self._engine, self._runtime.channels, case_id, now)

    def _refusal(self, channel: SlackChannel, agent: Agent, refused: CaseRefused) -> str:
        with reading(self._engine) as session:
            case = session.get(Case, refused.case_id)
            owner = session.get(Agent, case.agent_id) if case and case.agent_id else None
        if case and owner and owner.id != agent.id and case.owned_since:
            why = channel.speech.say(
                "taken", owner=f"*{escaped(owner.name)}*", since=date(case.owned_since)
            )
        else:
            why = fit(refused.sentence, 2_000)
        return channel.speech.say("refused", why=why)

    def _known(self, channel: SlackChannel, user: str) -> Agent | None:
        agent = agent_of(self._engine, channel.client, user)
        if agent is None:
            name = re.sub(r"\W", "", user)
            self._tell(channel, user, channel.speech.say("unknown_user", user=name))
        return agent

    def _is_ours(self, place: Place) -> bool:
        with reading(self._engine) as session:
            found = session.exec(
                select(SlackCard.case_id).where(
                    SlackCard.room == place.room, SlackCard.ts == place.ts
                )
            ).first()
        return found == place.case_id

    def _others(self, agent: Agent) -> list[Agent]:
        with reading(self._engine) as session:
            return list(
                session.exec(
                    select(Agent)
                    .where(Agent.active, Agent.id != agent.id)
                    .order_by(col(Agent.name))
                )
            )

    def _guarded(self, channel: SlackChannel, user: str, do: Callable[[], None]) -> None:
        """Do it; what fails for the database's sake is told to the person, not swallowed."""
        try:
            do()
        except SQLAlchemyError:
            logger.exception("a press could not be acted upon")
            self._tell(channel, user, channel.speech.say("failed"))
        except UNREACHABLE as error:
            logger.warning("Slack did not take the answer to a press: %s", error)

    def _tell(self, channel: SlackChannel, user: str, text: str) -> None:
        try:
            channel.tell(user, text)
        except DeliveryError as error:
            logger.warning("%s could not be told: %s", user, error)


def _filled_in(kind: str, given: Mapping[str, str], now: datetime) -> Do:
    """Return the change that a form asks for; raise ``KeyError`` or ``ValueError`` for none."""
    note = given.get("note", "")
    match kind:
        case "dismiss":
            reason = Dismissal(given["reason"])
            return lambda session, case, actor, at: cases.dismiss(
                session, case, actor, at, reason=reason, note=note
            )
        case "snooze":
            until = slack_modals.snoozed_until(given["until"], now)
            return lambda session, case, actor, at: cases.snooze(
                session, case, actor, at, until=until, note=note
            )
        case "hand_over":
            heir = int(given["to"])
            return lambda session, case, actor, at: cases.hand_over(
                session, case, actor, at, to_agent_id=heir, note=note
            )
        case "escalate":
            return lambda session, case, actor, at: cases.escalate(
                session, case, actor, at, reason=given["decision"]
            )
        case "reopen":
            return lambda session, case, actor, at: cases.reopen(
                session, case, actor, at, reason=given["reopen"]
            )
    raise ValueError(f"there is no form {kind!r}")


def _is_slacks(address: str, api: str) -> bool:
    """Return whether an address is Slack's for answers, or on the host of the configured API."""
    hooks = address.startswith("https://hooks.slack.com/")
    own = re.match(r"https?://[^/]+/", api)
    default = api.startswith("https://slack.com/")
    return hooks or (not default and own is not None and address.startswith(own[0]))


def _acknowledge(ack: Ack) -> None:
    """Links report a press too; unanswered, Slack shows a warning beside the button."""
    ack()
