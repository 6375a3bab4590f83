"""A digest on its way to a room: words ready to be read, facts in order, charts as SVG."""

from dataclasses import dataclass
from functools import cache
from typing import Any

from pydantic import TypeAdapter, ValidationError

from alerts import words
from alerts.base import MessageError
from models import Level


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One thread that needs a manager; its title and quote come from a public page."""

    case_id: int
    level: Level
    level_words: str
    title: str
    url: str | None
    quote: str = ""
    language: str | None = None
    """Of the quote."""
    why: str = ""
    facts: str = ""
    """Brand, source, age, owner."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """A number with the one of the period before; empty where there is none to compare with."""

    name: str
    value: str
    before: str = ""
    change: str = ""
    worse: bool | None = None
    """Whether the change is for the worse; ``None``: neither."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """A heading with lines below it."""

    heading: str
    lines: tuple[str, ...]
    alarming: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Picture:
    """A chart; ``alt`` says in words what it shows."""

    name: str
    title: str
    alt: str
    svg: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Digest:
    """What is told, by ``key`` once; every text is in ``language`` and already masked."""

    key: str
    made_at: str
    """When it was put together: tells two installations that write to one room apart."""
    list_id: str
    """Which subscription it belongs to, in letters fit for a mail header."""
    language: str
    title: str
    span: str
    lead: str
    entries_heading: str = ""
    entries: tuple[Entry, ...] = ()
    entries_rest: str = ""
    """How many more there are."""
    figures_heads: tuple[str, str, str, str] = ("", "", "", "")
    """Heads of the columns: what, now, before, change."""
    figures: tuple[Figure, ...] = ()
    parts: tuple[Part, ...] = ()
    pictures: tuple[Picture, ...] = ()
    stop: str | None = None
    """Address to which a reader writes who wants no more of them."""
    link: str | None = None
    """Where the pages tell more."""
    link_words: str = ""
    foot: str = ""

    def as_json(self) -> dict[str, Any]:
        """Return the fields as plain JSON values, as kept in ``Alert.content``."""
        fields: dict[str, Any] = _adapter().dump_python(self, mode="json")
        return fields

    @staticmethod
    def from_json(fields: dict[str, Any]) -> "Digest":
        """Return the digest that ``as_json`` gave ``fields``; raise ``MessageError`` if unfit."""
        try:
            return _adapter().validate_python(fields)
        except ValidationError as error:
            raise MessageError(
                f"a stored digest cannot be read ({error.error_count()} faults); it was written "
                "by another version of Quietword: delete its row from table alert"
            ) from error


@cache
def _adapter() -> TypeAdapter[Digest]:
    return TypeAdapter(Digest)


def subject(digest: Digest) -> str:
    """Return the digest in one line."""
    return f"{digest.title} · {digest.lead}"


def lines(digest: Digest) -> list[str]:
    """Return the whole digest as lines of plain text, addresses on lines of their own."""
    told = [digest.title, digest.span, "", digest.lead]
    if digest.entries:
        told += ["", digest.entries_heading.upper()]
    for number, entry in enumerate(digest.entries, 1):
        told += [
            "",
            f"{number}. {words.LEVEL_MARKS[entry.level]} {entry.level_words}: {entry.title}",
        ]
        told += [
            f"   {line}" for line in (quoted(entry), entry.why, entry.facts, entry.url) if line
        ]
    if digest.entries_rest:
        told += ["", digest.entries_rest]
    if digest.figures:
        told.append("")
    for figure in digest.figures:
        told.append(f"{figure.name}: {figure.value}{compared(digest, figure)}")
    for part in digest.parts:
        told += ["", part.heading.upper(), *(f"- {line}" for line in part.lines)]
    for picture in digest.pictures:
        told += ["", picture.alt]
    if digest.link:
        told += ["", digest.link_words, digest.link]
    return [*told, "", digest.foot] if digest.foot else told


def quoted(entry: Entry) -> str:
    """Return what an entry quotes, in quotation marks."""
    return f"“{entry.quote}”" if entry.quote else ""


def compared(digest: Digest, figure: Figure) -> str:
    """Return the number of the period before and the change, such as `` (before 3, +2)``."""
    if not figure.before:
        return ""
    change = f", {figure.change}" if figure.change else ""
    return f" ({digest.figures_heads[2]}: {figure.before}{change})"
