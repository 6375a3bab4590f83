"""A word about cases to a room or to one person: reminders, escalations, summaries."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any

from pydantic import TypeAdapter, ValidationError

from alerts import words
from alerts.base import MessageError
from alerts.tongue import Tongue, spoken, tongue
from models import Level

ENTRIES_SHOWN = 25
"""Cases of a summary told with their threads; of those after them, only the numbers."""
TEXT_LIMIT = 1_500


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One case of a notice; title and address come from a public page and may be hostile."""

    case_id: int
    level: Level
    brand: str = ""
    title: str = ""
    url: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """What is told, by ``key`` once; ``title`` and ``text`` are one line each.

    ``kind`` says what it is for, such as ``reminder`` or ``storm``; ``person`` is the name of
    the one it is for, where it is for one. ``entries`` are weightiest first.
    """

    key: str
    kind: str
    title: str
    text: str = ""
    language: str = "en"
    """In which ``title`` and ``text`` are, and the rest is to be told."""
    person: str | None = None
    entries: tuple[Entry, ...] = ()

    @property
    def speech(self) -> Tongue:
        """Return the words of its language; English where this version does not speak it."""
        return tongue(spoken(self.language) or "en")

    @property
    def level(self) -> Level:
        """Return the highest level of its cases."""
        levels = (entry.level for entry in self.entries)
        return max(levels, key=lambda level: level.rank, default=Level.WATCH)

    def as_json(self) -> dict[str, Any]:
        """Return the fields as plain JSON values, as kept in ``Alert.content``."""
        fields: dict[str, Any] = _adapter().dump_python(self, mode="json")
        return fields

    @staticmethod
    def from_json(fields: dict[str, Any]) -> "Notice":
        """Return the notice that ``as_json`` gave ``fields``; raise ``MessageError`` if unfit."""
        try:
            return _adapter().validate_python(fields)
        except ValidationError as error:
            raise MessageError(
                f"a stored notice cannot be read ({error.error_count()} faults); it was written "
                "by another version of Quietword: delete its row from table alert"
            ) from error


@cache
def _adapter() -> TypeAdapter[Notice]:
    return TypeAdapter(Notice)


def headline(notice: Notice) -> str:
    """Return the notice's first line, fit to be shown."""
    to = f"{words.shown(notice.person, words.NAME_LIMIT, empty='')}: " if notice.person else ""
    return to + words.shown(notice.title, 300, empty="")


def body(notice: Notice) -> str:
    """Return the paragraph below the first line, masked; empty where there is none."""
    return words.cut(words.mask(words.clean(notice.text)), TEXT_LIMIT) if notice.text else ""


def entry_line(entry: Entry, speech: Tongue) -> str:
    """Return one case on one line, without its address."""
    mark, level = words.LEVEL_MARKS[entry.level], speech.say(f"level_{entry.level}")
    brand = words.shown(entry.brand, words.NAME_LIMIT, empty="")
    title = words.shown(entry.title, words.TITLE_LIMIT, empty=speech.say("no_title"))
    title = speech.masks(title)
    return f"{mark} #{entry.case_id} {level} · {brand} · {title}"


def rest_line(notice: Notice) -> str:
    """Return the numbers of the cases that are not told one by one; empty where there are none."""
    rest = notice.entries[ENTRIES_SHOWN:]
    if not rest:
        return ""
    numbers = ", ".join(f"#{entry.case_id}" for entry in rest)
    return notice.speech.say("notice_rest", count=len(rest), numbers=numbers)


def lines(notice: Notice, page_of: Callable[[int], str | None] = lambda _: None) -> list[str]:
    """Return the whole notice as lines of plain text, addresses on lines of their own.

    ``page_of`` gives the address of a case's page, where it is known.
    """
    told = [headline(notice)]
    if paragraph := body(notice):
        told.append(paragraph)
    for entry in notice.entries[:ENTRIES_SHOWN]:
        told.append(entry_line(entry, notice.speech))
        addresses = (page_of(entry.case_id), entry.url)
        told += [f"  {link}" for one in addresses if (link := words.web_link(one))]
    return [*told, *filter(None, [rest_line(notice)])]
