"""The demo's world as data: the brand, two sites, their people, threads and posts.

Everything is read from ``posts.toml`` beside this file. Post ids follow the order in which posts
are written, as on a real forum, so they depend on the data alone and survive a restart.
"""

import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from importlib.resources import files
from typing import Any

from models.errors import QuietwordError

_SPAN = re.compile(r"(?:(\d+)d)?\s*(?:(\d+)h)?\s*(?:(\d+)m)?")


class DemoError(QuietwordError):
    """The demo forum could not be built or started; the message names the entry or the port."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rival:
    """A competitor: its name and the other forms it is written in."""

    name: str
    aliases: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Brand:
    """The fictitious company the demo watches."""

    name: str
    aliases: tuple[str, ...]
    languages: tuple[str, ...]
    staff_authors: tuple[str, ...]
    rivals: tuple[Rival, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """A member of one of the two sites; ``joined`` is how long before the start."""

    id: int
    name: str
    full_name: str
    posts: int
    joined: timedelta
    title: str
    signature: str
    staff: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Board:
    """A phpBB forum or a Discourse category."""

    id: int
    slug: str
    title: str
    description: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Post:
    """One post, with either ``ago`` (before the start) or ``after`` (the start, at pace 1)."""

    id: int
    number: int
    author: Person
    text: str
    ago: timedelta | None
    after: timedelta | None
    edited: timedelta | None
    quote: tuple[str, int] | None
    action: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Thread:
    """One thread; ``concern`` says whether the brand's support should hear of it, and ``why``."""

    id: int
    key: str
    board: Board
    slug: str
    title: str
    kind: str
    views: int
    concern: bool
    why: str
    posts: tuple[Post, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """One of the two forums."""

    name: str
    title: str
    description: str
    version: str
    robots: str
    posts_per_page: int
    topics_per_page: int
    boards: tuple[Board, ...]
    people: tuple[Person, ...]
    threads: tuple[Thread, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Story:
    """The whole demo: the brand and the two sites that talk about it."""

    brand: Brand
    phpbb: Site
    discourse: Site


@dataclass(frozen=True, slots=True, kw_only=True)
class ShownPost:
    """A post that a visitor can see now, with the moments printed beside it."""

    post: Post
    at: datetime
    edited_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ShownThread:
    """A thread as it stands now; ``posts`` has at least one entry, oldest first."""

    thread: Thread
    posts: tuple[ShownPost, ...]

    @property
    def bumped_at(self) -> datetime:
        """Return when somebody last wrote; a moderator's action does not count."""
        return max(shown.at for shown in self.posts if not shown.post.action)


class Timeline:
    """Decide what is visible at a moment: the past at once, the rest on schedule."""

    def __init__(self, start: datetime, pace: float) -> None:
        self.start = start
        self.pace = pace
        self._grown_at: datetime | None = None

    def grow(self, now: datetime) -> None:
        """Show every scheduled post from ``now`` on; a second call changes nothing."""
        self._grown_at = self._grown_at or now

    def shown(self, site: Site, now: datetime) -> list[ShownThread]:
        """Return the site's threads that have a visible post, in the order of the data."""
        threads = (
            ShownThread(thread=thread, posts=tuple(self._visible(thread, now)))
            for thread in site.threads
        )
        return [thread for thread in threads if thread.posts]

    def _visible(self, thread: Thread, now: datetime) -> Iterator[ShownPost]:
        for post in thread.posts:
            if post.after is None:
                at = self.start - (post.ago or timedelta())
            else:
                at = self.start + post.after / self.pace
                if self._grown_at is not None:
                    at = min(at, self._grown_at)
            if at <= now:
                edited_at = None if post.edited is None else self.start - post.edited
                yield ShownPost(post=post, at=at, edited_at=edited_at)


def load_story() -> Story:
    """Return the demo's world from ``posts.toml``; raise ``DemoError`` naming a broken entry."""
    raw = tomllib.loads(files(__package__).joinpath("posts.toml").read_text("utf-8"))
    return build_story(raw)


def build_story(raw: Mapping[str, Any]) -> Story:
    """Return the world described by ``raw``, laid out as ``posts.toml`` is.

    Raises ``DemoError`` for an unknown author, board or quoted post, an unreadable span of time,
    posts out of order, or an entry that lacks a field.
    """
    try:
        brand = raw["nordvia"]
        return Story(
            brand=Brand(
                name=brand["name"],
                aliases=tuple(brand["aliases"]),
                languages=tuple(brand["languages"]),
                staff_authors=tuple(brand["staff_authors"]),
                rivals=tuple(
                    Rival(name=rival["name"], aliases=tuple(rival["aliases"]))
                    for rival in brand["rivals"]
                ),
            ),
            phpbb=_site("phpbb", raw),
            discourse=_site("discourse", raw),
        )
    except KeyError as error:
        raise DemoError(
            f"posts.toml names {error} somewhere but does not define it; add it or mend the name"
        ) from error


def _span(text: str) -> timedelta:
    found = _SPAN.fullmatch(text.strip())
    if found is None or not any(found.groups()):
        raise DemoError(f"posts.toml: {text!r} is no span of time; write it like '2d 3h 15m'")
    days, hours, minutes = (int(part or 0) for part in found.groups())
    return timedelta(days=days, hours=hours, minutes=minutes)


def _site(name: str, raw: Mapping[str, Any]) -> Site:
    entry = raw[name]
    boards = {
        board["id"]: Board(
            id=board["id"],
            slug=board.get("slug", ""),
            title=board["title"],
            description=board["description"],
        )
        for board in entry["boards"]
    }
    people = {
        person["name"]: Person(
            id=entry["first_user_id"] + position,
            name=person["name"],
            full_name=person.get("full_name", ""),
            posts=person["posts"],
            joined=_span(person["joined"]),
            title=person.get("title", ""),
            signature=person.get("signature", ""),
            staff=person.get("staff", False),
        )
        for position, person in enumerate(entry["people"])
    }
    threads = [thread for thread in raw["threads"] if thread["site"] == name]
    ids = _post_ids(threads, entry["first_post_id"])
    return Site(
        name=name,
        title=entry["title"],
        description=entry["description"],
        version=entry.get("version", ""),
        robots=entry["robots"].lstrip(),
        posts_per_page=entry["posts_per_page"],
        topics_per_page=entry["topics_per_page"],
        boards=tuple(boards.values()),
        people=tuple(people.values()),
        threads=tuple(
            Thread(
                id=thread["id"],
                key=thread["key"],
                board=boards[thread["board"]],
                slug=thread.get("slug", ""),
                title=thread["title"],
                kind=thread.get("kind", ""),
                views=thread["views"],
                concern=thread["concern"],
                why=thread["why"],
                posts=tuple(_posts(thread, people, ids)),
            )
            for thread in threads
        ),
    )


def _moment(post: Mapping[str, Any]) -> timedelta:
    """Return when the post is written, counted from the start (negative before it)."""
    return timedelta(seconds=post["after_s"]) if "after_s" in post else -_span(post["ago"])


def _post_ids(threads: list[Mapping[str, Any]], first: int) -> dict[tuple[str, int], int]:
    moments = {
        (thread["key"], number): _moment(post)
        for thread in threads
        for number, post in enumerate(thread["posts"], start=1)
    }
    for (key, number), moment in moments.items():
        if number > 1 and moments[key, number - 1] >= moment:
            raise DemoError(f"posts.toml: post {number} of {key!r} is not later than the one above")
    in_order = sorted(moments, key=lambda place: moments[place])
    return {place: first + position for position, place in enumerate(in_order)}


def _posts(
    thread: Mapping[str, Any],
    people: Mapping[str, Person],
    ids: Mapping[tuple[str, int], int],
) -> Iterator[Post]:
    for number, post in enumerate(thread["posts"], start=1):
        quote = None
        if "quote" in post:
            key, _, quoted = f"{thread['key']}/{post['quote']}".rpartition("/")
            quote = (key.rpartition("/")[2], int(quoted))
            if ids[quote] >= ids[thread["key"], number]:
                raise DemoError(
                    f"posts.toml: post {number} of {thread['key']!r} quotes a later one"
                )
        after = _moment(post) if "after_s" in post else None
        yield Post(
            id=ids[thread["key"], number],
            number=number,
            author=people[post["by"]],
            text=post.get("text", "").strip(),
            ago=None if after is not None else _span(post["ago"]),
            after=after,
            edited=_span(post["edited"]) if "edited" in post else None,
            quote=quote,
            action=post.get("action", ""),
        )


NORDVIA = load_story().brand
"""The brand definition of the demo, as ``posts.toml`` gives it."""
