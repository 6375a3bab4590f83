"""The opening line: a private message to suggest to an agent. Quietword never sends one.

Language and manner are the author's, the trouble is named, and the notice says who writes, for
which firm, where the post was seen and how to object. The words are in ``monitor/openings/``; a
team puts its own into a folder (``QUIETWORD_OPENINGS``), as ``<language>.toml`` for all brands
and ``<brand>/<language>.toml`` for one. A file need hold only what differs.
"""

import tomllib
from dataclasses import dataclass
from datetime import datetime, tzinfo
from pathlib import Path
from typing import Any

from jinja2 import StrictUndefined, TemplateError
from jinja2.sandbox import ImmutableSandboxedEnvironment
from sqlmodel import Session, col, select

from alerts.tongue import Phrase, Tongue, phrase, tongue
from alerts.words import shown
from models import Author, Brand, Case, Outreach, Post, Source, Thread, Verdict
from models.errors import QuietwordError
from monitor.config import Settings
from monitor.contacts import opted_out
from sentiment.register import Register, manner
from sentiment.topics import Topic, complaint

SHIPPED = Path(__file__).with_name("openings")
FALLBACK = "en"
LONGEST = 3_000
"""Characters of a message: what a Slack input takes."""
LARGEST_FILE = 64_000
NO_PRIVATE = frozenset({Outreach.DECLARED_PUBLIC_ONLY, Outreach.NONE})
DATES = {"pl": "%d.%m.%Y", "ru": "%d.%m.%Y", "en": "%-d %B %Y"}


class OpeningError(QuietwordError):
    """No message can be suggested; the text says why, and what to mend in a template."""

    def __init__(self, why: Phrase | str) -> None:
        self._why = why
        super().__init__(self.told(tongue()))

    def told(self, speech: Tongue) -> str:
        """Return why; what only ops can mend is told in English."""
        return self._why if isinstance(self._why, str) else self._why.told(speech)


@dataclass(frozen=True, slots=True, kw_only=True)
class Opening:
    """A message ready to be copied, and what it was made from."""

    text: str
    language: str
    register: Register
    topic: Topic
    signs: tuple[str, ...]
    """Words of the author that gave the register; empty where nothing did."""
    spoken: str
    """The author's language; differs from ``language`` where there is no template for it."""


def suggest(
    session: Session,
    case: Case,
    *,
    agent: str,
    firm: str = "",
    contact: str = "",
    folder: Path | None = None,
    zone: tzinfo | None = None,
) -> Opening:
    """Return a message to the author of ``case``'s post, signed by ``agent``.

    ``firm`` is the brand's name where empty. Raises ``OpeningError`` where the site wants no
    private messages and where a template is at fault.
    """
    post = session.get_one(Post, case.post_id)
    thread = session.get_one(Thread, case.thread_id)
    source = session.get_one(Source, thread.source_id)
    brand = session.get_one(Brand, case.brand_id).name
    if Outreach(source.outreach) in NO_PRIVATE:
        raise OpeningError(phrase("no_private", site=source.name))
    said = session.exec(
        select(Post.text)
        .where(Post.thread_id == thread.id, Post.author_id == post.author_id)
        .order_by(col(Post.id))
    ).all()
    if opted_out(session, case):
        raise OpeningError(phrase("peace"))
    spoken = _language(session, post, source)
    language = spoken if (SHIPPED / f"{spoken}.toml").is_file() else FALLBACK
    style = manner("\n".join(said), language)
    topic = Topic(case.topic) if case.topic in set(Topic) else complaint(post.text).topic
    written = post.posted_at
    text = render(
        _templates(language, brand, folder),
        register=style.register,
        topic=topic,
        values={
            "agent": agent,
            "firm": firm or brand,
            "brand": brand,
            "contact": contact,
            "author": shown(_author(session, post), 80, empty=""),
            "site": shown(source.name, 80),
            "title": shown(thread.title, 120),
            "date": _date(written, language, zone),
        },
    )
    return Opening(
        text=text,
        language=language,
        register=style.register,
        topic=topic,
        signs=style.reasons,
        spoken=spoken,
    )


def suggest_by(session: Session, case: Case, agent: str, settings: Settings) -> Opening:
    """Return ``suggest`` with what the settings say of firm, contact, folder and zone."""
    return suggest(
        session,
        case,
        agent=agent,
        firm=settings.firm or "",
        contact=settings.firm_contact or "",
        folder=settings.openings,
        zone=settings.timezone,
    )


def render(
    templates: dict[str, Any], *, register: Register, topic: Topic, values: dict[str, str]
) -> str:
    """Return the message of ``templates`` with ``values`` filled in; sandboxed.

    ``trouble``, ``ask`` and ``notice`` are filled in first. Raises ``OpeningError``.
    """
    environment = ImmutableSandboxedEnvironment(
        undefined=StrictUndefined,
        autoescape=False,  # plain text, shown to the agent as such
        trim_blocks=True,
    )
    try:
        manners = templates[register.value]
        words = {**manners["topics"]["other"], **manners["topics"].get(topic.value, {})}
        pieces = {"trouble": words["trouble"], "ask": words["ask"], "notice": manners["notice"]}
        filled = {
            name: environment.from_string(source).render(values) for name, source in pieces.items()
        }
        if not filled["notice"].strip():
            raise OpeningError(
                "a template of the opening has an empty notice; the author must "
                "be told who writes and how to object"
            )
        whole: str = environment.from_string(manners["message"]).render({**values, **filled})
    except KeyError as missing:
        raise OpeningError(f"a template of the opening has no {missing}") from missing
    except (TemplateError, TypeError, AttributeError, OverflowError, ValueError) as error:
        raise OpeningError(f"a template of the opening cannot be used: {error}") from error
    whole = whole.strip()
    if filled["notice"].strip() not in whole:
        raise OpeningError(
            "a template of the opening leaves out {{ notice }}; put it back: the "
            "author must be told who writes and how to object"
        )
    if len(whole) > LONGEST:
        raise OpeningError(f"the opening has {len(whole)} characters; {LONGEST} is the most")
    return whole


def _templates(language: str, brand: str, folder: Path | None) -> dict[str, Any]:
    """Return the shipped words with the team's laid over them, a brand's own last."""
    name = f"{language}.toml"
    files = [SHIPPED / name]
    if folder is not None:
        if not folder.is_dir():
            raise OpeningError(f"QUIETWORD_OPENINGS: there is no folder {folder}")
        own = next(
            (one for one in folder.iterdir() if one.name.casefold() == brand.casefold()), None
        )
        files += [folder / name, *([own / name] if own else [])]
    merged: dict[str, Any] = {}
    for file in files:
        if file.is_file():
            merged = _over(merged, _read(file))
    return merged


def _read(file: Path) -> dict[str, Any]:
    if file.stat().st_size > LARGEST_FILE:
        raise OpeningError(f"{file} is larger than {LARGEST_FILE} bytes")
    try:
        return tomllib.loads(file.read_text("utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise OpeningError(f"{file} cannot be read: {error}") from error


def _over(below: dict[str, Any], above: dict[str, Any]) -> dict[str, Any]:
    merged = dict(below)
    for key, value in above.items():
        both = isinstance(value, dict) and isinstance(merged.get(key), dict)
        merged[key] = _over(merged[key], value) if both else value
    return merged


def _language(session: Session, post: Post, source: Source) -> str:
    judged = session.exec(
        select(Verdict.language)
        .where(Verdict.post_id == post.id, Verdict.text_hash == post.text_hash)
        .order_by(col(Verdict.scored_at).desc())
    ).first()
    return judged if judged and judged != "und" else source.language or FALLBACK


def _author(session: Session, post: Post) -> str:
    return session.get_one(Author, post.author_id).name


def _date(written: datetime | None, language: str, zone: tzinfo | None) -> str:
    if written is None:
        return ""
    local = written.astimezone(zone) if zone else written
    return local.strftime(DATES[language])
