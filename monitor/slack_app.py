"""What people do in Slack, done to the cases: buttons, forms and ``/quietword``, on Bolt.

Every press is acknowledged first. It is then taken once (``monitor.slack_inbox``), by somebody
we know, on a message of ours, and goes through the one function of ``monitor.cases`` for it; the
case's message follows at once. Nobody is pinged for what they did
themselves: what they must know is shown to them alone.
"""

import contextlib
import logging
import re
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from slack_bolt import Ack, App, BoltResponse
from slack_sdk import WebClient
from sqlalchemy.exc import SQLAlchemyError
from sqlmodel import Session, select

from alerts.base import DeliveryError
from alerts.channels.slack import SlackChannel
from alerts.slack_blocks import ACTION, LINK_ACTIONS, date, fit
from alerts.tongue import Tongue, phrase
from models import Agent, AgentRole, Case, Dismissal, How, SlackCard
from models.base import id_of
from models.database import reading, writing
from models.errors import QuietwordError
from monitor import cases, slack_inbox, slack_modals
from monitor.case_rules import Actor, CaseRefused, Change
from monitor.jobs import Runtime
from monitor.opening import OpeningError, suggest_by
from monitor.shifts import next_shift_of, workers
from monitor.slack_cards import show_case, slack_rooms
from monitor.slack_commands import Command, answer
from monitor.slack_history import escaped
from monitor.slack_inbox import Payload, Place, Press
from monitor.slack_people import UNREACHABLE, Known, who_is

logger = logging.getLogger(__name__)

Do = Callable[..., Change]
CAPPED = ("take", "contacted")
"""Presses that ask how long another agent keeps the word with an author."""
OVERRULED = frozenset({"other_wrote", "other_has"})
"""Refusals for another agent's word with the author, which a lead may overrule."""
OVER_NIGHT = timedelta(hours=slack_modals.OVER_NIGHT)
"""In place of the next shift, for who lost their shifts with the form open."""
OWNED = frozenset({"took_it_at", "has_it_since"})
"""Refusals because the case is another's, who is then named with the reader's own clock."""

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


class SlackDesk:
    """Answers what comes from Slack; ``app`` is Bolt's and listens nowhere by itself."""

    def __init__(self, runtime: Runtime) -> None:
        """Build the app on the runtime's Slack channels, of which there must be one."""
        self._runtime = runtime
        self._engine = runtime.engine
        self._rooms = slack_rooms(runtime.channels)
        self._cap = timedelta(days=runtime.settings.contact_cap_days)
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
        for name in LINK_ACTIONS.values():
            self.app.action(name)(_acknowledge)
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
        self._taken(body, Press.of_button)

    def _submitted(self, ack: Ack, body: dict[str, Any]) -> None:
        ack()
        self._taken(body, Press.of_form)

    def catch_up(self) -> None:
        """Act upon what was acknowledged before this process began and not acted upon."""
        for press in slack_inbox.left_over(self._engine, self._runtime.now()):
            logger.info("case %s: a press from before the start is acted upon", press.place.case_id)
            if (channel := self._rooms.get(press.place.room)) is not None:
                self._act(channel, press)

    def _taken(self, body: dict[str, Any], read: Callable[[Payload], Press]) -> None:
        try:
            press = read(body)
        except ValueError as error:
            logger.warning("Slack sent %s; it is passed over", error)
            return
        channel = self._rooms.get(press.place.room)
        if channel is None:
            logger.warning("a press came from a room that is not ours: %r", press.place.room)
            return
        try:
            new = slack_inbox.take(self._engine, press, self._runtime.now())
        except SQLAlchemyError as error:
            self._failed(channel, press, error)
            return
        if new:
            self._act(channel, press)

    def _act(self, channel: SlackChannel, press: Press) -> None:
        """Do it; what fails for the database's sake is told to the person, not swallowed."""
        try:
            self._do(channel, press)
            with writing(self._engine) as session:
                slack_inbox.done(session, press)
        except SQLAlchemyError as error:
            self._failed(channel, press, error)

    def _failed(self, channel: SlackChannel, press: Press, error: Exception) -> None:
        logger.error("a press could not be acted upon", exc_info=error)
        self._tell(channel, press.user, channel.speech.say("failed"))
        # They are asked to press again.
        with contextlib.suppress(SQLAlchemyError), writing(self._engine) as session:
            slack_inbox.done(session, press)

    def _do(self, channel: SlackChannel, press: Press) -> None:
        known = who_is(self._engine, channel.client, press.user, channel.speech)
        if not self._is_ours(press.place):
            self._tell(channel, press.user, known.speech.say("unknown_message"))
            return
        if known.agent is None:
            name = re.sub(r"\W", "", press.user)
            self._tell(channel, press.user, known.speech.say("unknown_user", user=name))
            return
        try:
            if do := self._wanted(press):
                self._change(channel, press, known, do)
            elif not press.sent_in:
                self._open(channel, press, known)
        except UNREACHABLE as error:
            logger.warning("Slack did not take the answer to a press: %s", error)

    def _wanted(self, press: Press) -> Do | None:
        """Return the change that is asked for; ``None`` where a form is to be opened first."""
        if not press.sent_in:
            do = ONE_CLICK.get(press.name)
            return partial(do, cap=self._cap) if do and press.name in CAPPED else do
        try:
            return _filled_in(press.name, press.given, self._runtime.now(), self._cap)
        except (KeyError, ValueError) as error:
            logger.warning("a form was filled in as it cannot be: %s", error)
            return None

    # Forms

    def _open(self, channel: SlackChannel, press: Press, known: Known) -> None:
        """Open the form that a button stands for."""
        assert known.agent  # noqa: S101
        place, speech = press.place, known.speech
        if press.name == "words":
            view = self._suggested(channel, press, known.agent, speech)
        elif press.name in slack_modals.FORMS:
            others = self._others(known.agent)
            if press.name == "hand_over" and not others:
                self._tell(channel, press.user, speech.say("no_heir"))
                return
            shifts = press.name == "snooze" and self._has_shifts(known.agent)
            view = slack_modals.form(press.name, place, speech, others, shifts=shifts)
        else:
            logger.warning("there is no button %r", press.name)
            return
        if view is not None:
            channel.client.views_open(trigger_id=press.trigger, view=view)

    def _suggested(
        self, channel: SlackChannel, press: Press, agent: Agent, speech: Tongue
    ) -> dict[str, Any] | None:
        try:
            with reading(self._engine) as session:
                case = session.get_one(Case, press.place.case_id)
                said = suggest_by(session, case, agent.name, self._runtime.settings)
        except QuietwordError as error:
            told = error.told(speech) if isinstance(error, OpeningError) else str(error)
            why = fit(told.rstrip("."), 500)
            self._tell(channel, press.user, speech.say("no_words", why=why))
            return None
        return slack_modals.words_view(press.place.case_id, said.text, speech)

    # Commands

    def _commanded(self, ack: Ack, command: dict[str, Any]) -> None:
        ack()
        channel = self._rooms.get(str(command.get("channel_id"))) or next(
            iter(self._rooms.values())
        )
        user, now = str(command.get("user_id")), self._runtime.now()
        speech = channel.speech
        try:
            known = who_is(self._engine, channel.client, user, speech)
            speech = known.speech
            if known.agent is None:
                text = speech.say("unknown_user", user=re.sub(r"\W", "", user))
            else:
                text = str(command.get("text") or "")
                asked = Command(text, known.agent, speech, now, self._cap)
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

    def _change(self, channel: SlackChannel, press: Press, known: Known, do: Do) -> None:
        now, case_id = self._runtime.now(), press.place.case_id
        assert known.agent  # noqa: S101
        actor = Actor(agent_id=id_of(known.agent), how=How.SLACK)
        try:
            with writing(self._engine) as session:
                change = do(session, case_id, actor, now)
                slack_inbox.done(session, press)
        except CaseRefused as refused:
            lead = known.agent.role != AgentRole.AGENT
            if lead and press.name == "take" and refused.why.key in OVERRULED:
                told = refused.sentence(known.speech)
                view = slack_modals.form("take_anyway", press.place, known.speech, told=told)
                channel.client.views_open(trigger_id=press.trigger, view=view)
            else:
                self._tell(channel, press.user, self._refusal(known, refused))
        else:
            if warning := change.warning(known.speech):
                self._tell(channel, press.user, fit(warning, 2_000))
        show_case(self._engine, self._runtime.channels, case_id, now)

    def _refusal(self, known: Known, refused: CaseRefused) -> str:
        agent, speech = known.agent, known.speech
        with reading(self._engine) as session:
            case = session.get(Case, refused.case_id)
            owner = session.get(Agent, case.agent_id) if case and case.agent_id else None
        theirs = owner is not None and agent is not None and owner.id != agent.id
        if refused.why.key in OWNED and theirs and case and owner and case.owned_since:
            name = f"*{escaped(owner.name)}*"
            why = speech.say("taken", owner=name, since=date(case.owned_since))
        else:
            why = fit(refused.sentence(speech), 2_000)
        return speech.say("refused", why=why)

    def _is_ours(self, place: Place) -> bool:
        with reading(self._engine) as session:
            found = session.exec(
                select(SlackCard.case_id).where(
                    SlackCard.room == place.room, SlackCard.ts == place.ts
                )
            ).first()
        return found == place.case_id

    def _others(self, agent: Agent) -> list[Agent]:
        """Return the other agents, those at work first: a menu of Slack's holds a hundred."""
        now = self._runtime.now()
        with reading(self._engine) as session:
            others = [one for one in workers(session) if one.agent.id != agent.id]
        others.sort(key=lambda one: (not one.works(now), one.agent.name))
        return [one.agent for one in others]

    def _has_shifts(self, agent: Agent) -> bool:
        with reading(self._engine) as session:
            return next_shift_of(session, agent.id, self._runtime.now()) is not None

    def _tell(self, channel: SlackChannel, user: str, text: str) -> None:
        try:
            channel.tell(user, text)
        except DeliveryError as error:
            logger.warning("%s could not be told: %s", user, error)


def _filled_in(kind: str, given: Mapping[str, str], now: datetime, cap: timedelta) -> Do:
    """Return the change that a form asks for; raise ``KeyError`` or ``ValueError`` for none."""
    note = given.get("note", "")
    match kind:
        case "opt_out":
            return lambda session, case, actor, at: cases.opt_out(
                session, case, actor, at, note=note
            )
        case "dismiss" if given["reason"] == "opt_out":
            return _filled_in("opt_out", given, now, cap)
        case "dismiss":
            reason = Dismissal(given["reason"])
            return lambda session, case, actor, at: cases.dismiss(
                session, case, actor, at, reason=reason, note=note
            )
        case "snooze" if given["until"] == slack_modals.NEXT_SHIFT:
            return lambda session, case, actor, at: cases.snooze(
                session,
                case,
                actor,
                at,
                until=next_shift_of(session, actor.agent_id, at) or at + OVER_NIGHT,
                note=note,
            )
        case "snooze":
            until = slack_modals.snoozed_until(given["until"], now)
            return lambda session, case, actor, at: cases.snooze(
                session, case, actor, at, until=until, note=note
            )
        case "hand_over":
            heir = int(given["to"])
            return lambda session, case, actor, at: cases.hand_over(
                session, case, actor, at, to_agent_id=heir, note=note, cap=cap
            )
        case "take_anyway":
            return lambda session, case, actor, at: _overrule(
                session, case, actor, at, note=given["anyway"], cap=cap
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


def _overrule(
    session: Session, case_id: int, actor: Actor, now: datetime, *, note: str, cap: timedelta
) -> Change:
    """Have a lead take a case although another agent is in touch with the author."""
    agent = session.get(Agent, actor.agent_id)
    lead = agent is not None and agent.role != AgentRole.AGENT
    if lead and not note.strip():
        raise CaseRefused(case_id, phrase("say_why_anyway"))
    return cases.claim(session, case_id, actor, now, note=note, anyway=lead, cap=cap)


def _is_slacks(address: str, api: str) -> bool:
    """Return whether an address is Slack's for answers, or on the host of the configured API."""
    hooks = address.startswith("https://hooks.slack.com/")
    own = re.match(r"https?://[^/]+/", api)
    default = api.startswith("https://slack.com/")
    return hooks or (not default and own is not None and address.startswith(own[0]))


def _acknowledge(ack: Ack) -> None:
    """Links report a press too; unanswered, Slack shows a warning beside the button."""
    ack()
