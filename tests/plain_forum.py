"""A small forum of our own making, an engine that reads it, and crawls in a child process."""

import html
import multiprocessing
import resource
import traceback
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from multiprocessing.connection import Connection
from urllib.parse import parse_qs, urlsplit
from zoneinfo import ZoneInfo

from scrapy.http import TextResponse

from spiders.base import (
    BoardRef,
    Engine,
    Evidence,
    Kind,
    PageChanged,
    PostItem,
    Reading,
    ReadOptions,
    ThreadRef,
)
from spiders.crawl import CrawlReport, CrawlSpec, ListMark, ThreadItem, ThreadMark, crawl
from spiders.dates import shown_time
from tests.webserver import Answer, Asked, WebServer

DAWN = datetime(2026, 3, 1, 8, 0, tzinfo=UTC)


def _moment(text: str, options: ReadOptions) -> datetime | None:
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        return shown_time(text, options, "en")


class PlainEngine(Engine):
    """Reads the pages of ``Forum``: lists and articles with everything in data attributes."""

    name = "plain"

    def recognise(self, page: TextResponse) -> list[Evidence]:
        found = page.css("meta[name=generator][content=plain]")
        return [Evidence(hint="generator", weight=1.0)] if found else []

    def read(self, page: TextResponse, options: ReadOptions) -> Reading:
        body = page.css("body[data-kind]")
        if not body:
            raise PageChanged("no body with a data-kind")
        kind = Kind(body[0].attrib["data-kind"])

        def link(rel: str) -> str | None:
            href = page.css(f"a[rel={rel}]::attr(href)").get()
            return page.urljoin(href) if href else None

        posts, unreadable = [], 0
        for node in page.css("article"):
            if "data-id" not in node.attrib:
                unreadable += 1
                continue
            posts.append(
                PostItem(
                    post_id=node.attrib["data-id"],
                    number=None,
                    url=page.url,
                    author=node.attrib["data-author"],
                    author_id=None,
                    posted_at=_moment(node.attrib["data-at"], options),
                    edited=False,
                    text="".join(node.css("::text").getall()),
                    private_message_url=None,
                )
            )
        threads = tuple(
            ThreadRef(
                thread_id=row.attrib["data-id"],
                title=row.css("a::text").get(""),
                url=page.urljoin(row.css("a::attr(href)").get("")),
                last_url=page.urljoin(row.attrib["data-last"])
                if "data-last" in row.attrib
                else None,
                last_post_id=row.attrib.get("data-last-id"),
                last_posted_at=(
                    _moment(row.attrib["data-at"], options) if "data-at" in row.attrib else None
                ),
                posts=int(row.attrib["data-posts"]) if "data-posts" in row.attrib else None,
                pinned="data-pinned" in row.attrib,
            )
            for row in page.css("li.thread")
        )
        boards = tuple(
            BoardRef(
                board_id=row.attrib["data-id"],
                title=row.css("::text").get(""),
                url=page.urljoin(row.attrib["href"]),
                last_posted_at=(
                    _moment(row.attrib["data-at"], options) if "data-at" in row.attrib else None
                ),
                stamp=row.attrib.get("data-stamp"),
            )
            for row in page.css("a.board")
        )
        return Reading(
            kind=kind,
            board_id=body[0].attrib.get("data-board"),
            board_title=body[0].attrib.get("data-board-title"),
            thread_id=body[0].attrib.get("data-thread"),
            thread_title=page.css("h1::text").get(),
            thread_url=link("canonical"),
            posts=tuple(posts),
            threads=threads,
            boards=boards,
            next_page=link("next"),
            previous_page=link("prev"),
            last_page=link("last"),
            unreadable=unreadable,
            language=options.language or "en",
        )


def page(kind: str, inside: str, **about: str) -> str:
    """Return a page of the plain forum; ``about`` becomes data attributes of the body."""
    data = "".join(f' data-{name.replace("_", "-")}="{value}"' for name, value in about.items())
    return (
        '<!doctype html><html lang="en"><head><meta name="generator" content="plain">'
        f'<title>Plain forum</title></head><body data-kind="{kind}"{data}>{inside}</body></html>'
    )


@dataclass
class Message:
    post_id: str
    text: str
    at: datetime


@dataclass
class Forum:
    """Boards of threads of messages, served page by page at ``/``, ``/board`` and ``/thread``."""

    boards: dict[str, dict[str, list[Message]]] = field(default_factory=dict)
    per_page: int = 3
    rows: int = 5
    """Threads on a page of a board."""
    pinned: set[str] = field(default_factory=set)
    last_links: bool = True
    """Rows link to the last page of their thread."""
    zone: str | None = None
    """Times are shown in this zone and not said to be; in UTC, for machines, without one."""
    head: str = ""
    """Stands on every page."""
    board_times: bool = False
    """The index says when each board got its newest message."""
    board_stamps: bool = False
    """The index names each board's newest message."""
    newest: dict[str, str] = field(default_factory=dict)
    """The message that was written last, by board."""
    date_form: str = "%b %d, %Y, %I:%M %p"

    def write(self, board: str, thread: str, text: str, *, minutes: int) -> Message:
        """Add a message, ``minutes`` after dawn, to a thread that is made if need be."""
        posts = self.boards.setdefault(board, {}).setdefault(thread, [])
        message = Message(f"{thread}.{len(posts) + 1}", text, DAWN + timedelta(minutes=minutes))
        posts.append(message)
        self.newest[board] = message.post_id
        return message

    def serve(self, server: WebServer) -> None:
        server.pages["*"] = self.answer

    def answer(self, asked: Asked) -> Answer:
        parts = urlsplit(asked.path)
        query = {name: values[0] for name, values in parse_qs(parts.query).items()}
        number = int(query.get("page", 1))
        if parts.path == "/":
            links = "".join(
                f'<a class="board" data-id="{name}" href="/board?id={name}"{self._newest(name)}>'
                f"{name}</a>"
                for name in self.boards
            )
            return Answer(body=page("index", self.head + links))
        if parts.path == "/board" and query["id"] in self.boards:
            return Answer(body=self.board(query["id"], number))
        if parts.path == "/thread":
            for name, threads in self.boards.items():
                if query["id"] in threads:
                    return Answer(body=self.thread(name, query["id"], number))
        return Answer(status=404, body="nothing here")

    def shown(self, at: datetime) -> str:
        """Return a moment as the forum prints it."""
        return at.isoformat() if self.zone is None else f"{self.local(at):{self.date_form}}"

    def local(self, at: datetime) -> datetime:
        return at.astimezone(ZoneInfo(self.zone or "UTC"))

    def _newest(self, board: str) -> str:
        newest = max(posts[-1].at for posts in self.boards[board].values())
        at = f' data-at="{self.shown(newest)}"' if self.board_times else ""
        return at + (f' data-stamp="{self.newest[board]}"' if self.board_stamps else "")

    def board(self, name: str, number: int) -> str:
        threads = self.boards[name]
        order = sorted(threads, key=lambda t: (t in self.pinned, threads[t][-1].at), reverse=True)
        shown = order[(number - 1) * self.rows : number * self.rows]
        rows = "".join(self._row(name, thread) for thread in shown)
        more = f'<a rel="next" href="/board?id={name}&amp;page={number + 1}">older</a>'
        inside = rows + (more if number * self.rows < len(order) else "")
        return page("board", self.head + inside, board=name, board_title=name.title())

    def _row(self, name: str, thread: str) -> str:
        posts = self.boards[name][thread]
        last = -(-len(posts) // self.per_page)
        link = f' data-last="/thread?id={thread}&amp;page={last}"' if self.last_links else ""
        pin = " data-pinned" if thread in self.pinned else ""
        return (
            f'<li class="thread" data-id="{thread}" data-last-id="{posts[-1].post_id}"'
            f' data-at="{self.shown(posts[-1].at)}" data-posts="{len(posts)}"{link}{pin}>'
            f'<a href="/thread?id={thread}">{thread}</a></li>'
        )

    def thread(self, board: str, name: str, number: int) -> str:
        posts = self.boards[board][name]
        pages = -(-len(posts) // self.per_page)
        inside = f'<h1>{name}</h1><a rel="canonical" href="/thread?id={name}"></a>'
        for message in posts[(number - 1) * self.per_page : number * self.per_page]:
            inside += (
                f'<article data-id="{message.post_id}" data-author="ann" '
                f'data-at="{self.shown(message.at)}">{html.escape(message.text)}</article>'
            )
        for rel, to in (("prev", number - 1), ("next", number + 1), ("last", pages)):
            if 1 <= to <= pages and not (rel == "last" and number == pages):
                inside += f'<a rel="{rel}" href="/thread?id={name}&amp;page={to}"></a>'
        return page("thread", self.head + inside, board=board, thread=name)


@dataclass
class Memory:
    """What is known of earlier crawls, as a store would say it."""

    marks: dict[str, ThreadMark] = field(default_factory=dict)
    ids: dict[str, set[str]] = field(default_factory=dict)
    urls: dict[str, str] = field(default_factory=dict)
    lists: dict[str, ListMark] = field(default_factory=dict)

    def list_mark(self, url: str) -> ListMark | None:
        return self.lists.get(url)

    def keep_list(self, url: str, mark: ListMark) -> None:
        self.lists[url] = mark

    def mark(self, thread_id: str) -> ThreadMark | None:
        return self.marks.get(thread_id)

    def posts(self, thread_id: str) -> set[str]:
        return self.ids.get(thread_id, set())

    def between(self, first: str, last: str) -> list[ThreadRef]:
        """Return the threads whose ids, of one length, lie between."""
        return [
            ThreadRef(thread_id=name, title="", url=self.urls[name])
            for name in self.marks
            if first < name < last
        ]

    def left_out(self) -> list[ThreadRef]:
        return [
            ThreadRef(thread_id=name, title="", url=self.urls[name])
            for name, mark in self.marks.items()
            if mark.left_out
        ]

    def keep(self, items: list[ThreadItem]) -> None:
        for item in items:
            self.marks[item.thread_id] = item.mark
            self.urls[item.thread_id] = item.thread_url
            ids = self.ids.setdefault(item.thread_id, set())
            ids.update(post.post_id for post in item.posts)
            if item.whole and not item.posts:
                ids.clear()


@dataclass
class Crawled:
    """What came back from a crawl in a child process."""

    report: CrawlReport
    items: list[ThreadItem]
    peak: int
    """Most memory the child ever held, in bytes."""
    lists: dict[str, ListMark] = field(default_factory=dict)
    """What was remembered of lists."""

    @property
    def ids(self) -> dict[str, list[str]]:
        return {item.thread_id: [post.post_id for post in item.posts] for item in self.items}


ENGINES = {"plain": PlainEngine()}
_context = multiprocessing.get_context("forkserver")
_context.set_forkserver_preload(
    # What a crawl imports on the way, so that each child need not.
    [
        "tests.plain_forum",
        "scrapy.core.downloader.contextfactory",
        "scrapy.core.downloader.handlers.http11",
        "scrapy.core.scheduler",
        "scrapy.downloadermiddlewares.httpcompression",
        "scrapy.downloadermiddlewares.redirect",
        "scrapy.extensions.corestats",
        "scrapy.pipelines",
        "scrapy.pqueues",
        "scrapy.spidermiddlewares.referer",
        "scrapy.squeues",
        "twisted.internet.asyncioreactor",
    ]
)


def spec_for(server: WebServer, path: str = "/board?id=help", **options: object) -> CrawlSpec:
    """Return a spec for a page of ``server``, private addresses allowed."""
    chosen: dict[str, object] = {"engine": "plain", "allow_private_addresses": True} | options
    return CrawlSpec(address=server.address + path, **chosen)  # type: ignore[arg-type]


def start(
    spec: CrawlSpec,
    memory: Memory | None = None,
    *,
    before: Callable[[], None] | None = None,
    sink: Callable[[ThreadItem], None] | None = None,
) -> tuple[multiprocessing.process.BaseProcess, Connection]:
    """Begin a crawl in a child process; ``before`` runs there first."""
    ours, theirs = _context.Pipe()
    child = _context.Process(target=_child, args=(theirs, spec, memory or Memory(), before, sink))
    child.start()
    theirs.close()
    return child, ours


def finish(child: multiprocessing.process.BaseProcess, ours: Connection) -> Crawled:
    """Wait for a crawl that ``start`` began; raise what it raised."""
    try:
        if not ours.poll(30):
            raise TimeoutError("the crawl did not end")
        answer = ours.recv()
        child.join(10)
    finally:
        ours.close()
        if child.is_alive():
            child.kill()
            child.join()
    if isinstance(answer, BaseException):
        raise answer
    assert isinstance(answer, Crawled)
    return answer


def run(
    spec: CrawlSpec,
    memory: Memory | None = None,
    *,
    before: Callable[[], None] | None = None,
    sink: Callable[[ThreadItem], None] | None = None,
) -> Crawled:
    """Crawl in a child process and return what it read; raise what it raised."""
    return finish(*start(spec, memory, before=before, sink=sink))


def _child(
    pipe: Connection,
    spec: CrawlSpec,
    memory: Memory,
    before: Callable[[], None] | None,
    sink: Callable[[ThreadItem], None] | None,
) -> None:
    if before is not None:
        before()
    items: list[ThreadItem] = []
    try:
        report = crawl(
            spec,
            known=memory,
            lists=memory,
            sink=sink or items.append,
            engines=ENGINES if spec.engine == "plain" else None,
        )
    except Exception as error:  # noqa: BLE001  (handed to the test)
        error.add_note(traceback.format_exc())
        pipe.send(error)
    else:
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
        pipe.send(Crawled(report, items, peak, memory.lists))
