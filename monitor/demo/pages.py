"""What the pages of both demo engines share: the answer, the templates, numbers from a query."""

from dataclasses import dataclass, field
from datetime import UTC, datetime
from importlib.resources import files
from typing import Any, Protocol

from jinja2 import Environment, FunctionLoader, StrictUndefined

_HOUR_AT_NOON = 12


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """A GET or HEAD request: the decoded path, its query (last value wins first), a cookie."""

    path: str
    query: dict[str, list[str]]
    cookie: str

    def number(self, name: str, default: int = 0) -> int:
        """Return the query field as a whole number of at least 0, or ``default``."""
        value = self.query.get(name, [""])[0]
        return int(value) if value.isascii() and value.isdigit() and len(value) < 10 else default


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """An HTTP answer."""

    body: str
    status: int = 200
    content_type: str = "text/html; charset=utf-8"
    headers: dict[str, str] = field(default_factory=dict)


class Pages(Protocol):
    """One engine: a question in, an answer out."""

    def answer(self, question: Question, now: datetime) -> Answer:
        """Return the answer as it stands at ``now``."""
        ...


def board_time(moment: datetime) -> str:
    """Return the moment the way a phpBB board in English prints it, in UTC."""
    moment = moment.astimezone(UTC)
    hour = moment.hour % _HOUR_AT_NOON or _HOUR_AT_NOON
    half = "am" if moment.hour < _HOUR_AT_NOON else "pm"
    return f"{moment:%a %b %d, %Y} {hour}:{moment:%M} {half}"


def paragraphs(text: str) -> list[list[str]]:
    """Return the text's paragraphs (parted by blank lines), each as a list of lines."""
    return [part.splitlines() for part in text.split("\n\n")]


def templates() -> Environment:
    """Return the demo's templates; every value printed is escaped."""
    folder = files(__package__).joinpath("templates")

    def source(name: str) -> str:
        return folder.joinpath(name).read_text("utf-8")

    environment = Environment(
        loader=FunctionLoader(source),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    extra: dict[str, Any] = {
        "board_time": board_time,
        "iso": lambda moment: moment.astimezone(UTC).isoformat(timespec="seconds"),
        "paragraphs": paragraphs,
    }
    environment.filters.update(extra)
    return environment
