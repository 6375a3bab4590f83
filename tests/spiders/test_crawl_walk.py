"""Which pages a poll asks for: the walk itself, on a forum in memory."""

import asyncio
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

import pytest
from scrapy.http import HtmlResponse

from spiders.base import Kind, PostItem, Reading, ReadOptions, ThreadRef
from spiders.outcome import Outcome, PageFailed
from spiders.thread_walk import PagesSpent
from spiders.walk import Tally, ThreadItem, ThreadMark, Walk, unchanged
from tests.plain_forum import DAWN, Forum, Memory, PlainEngine
from tests.webserver import Asked

SITE = "http://forum.test"


@dataclass
class Visit:
    """One walk over a forum that is asked without a network."""

    forum: Forum
    memory: Memory = field(default_factory=Memory)
    since: datetime | None = None
    behind: bool = False
    thread_pages: int = 50
    pages: int = 1000
    broken: dict[str, Exception] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    items: list[ThreadItem] = field(default_factory=list)
    tally: Tally = field(default_factory=Tally)

    async def read(self, url: str) -> Reading:
        path = url.removeprefix(SITE)
        if len(self.asked) >= self.pages:
            raise PagesSpent("no more")
        self.asked.append(path)
        if path in self.broken:
            raise self.broken[path]
        answer = self.forum.answer(Asked(method="GET", path=path, headers={}, began=0))
        assert isinstance(answer.body, str)
        page = HtmlResponse(url, body=answer.body, encoding="utf-8")
        return PlainEngine().read(page, ReadOptions())

    def go(self, path: str = "/board?id=help") -> "Visit":
        async def whole() -> None:
            walk = Walk(
                read=self.read,
                known=self.memory,
                sink=self.items.append,
                engine="plain",
                since=self.since,
                behind=self.behind,
                thread_pages=self.thread_pages,
                language=None,
                tally=self.tally,
            )
            await walk.run(SITE + path, await self.read(SITE + path))

        asyncio.run(whole())
        return self

    def again(self, **changes: object) -> "Visit":
        """Remember what was read, and visit once more."""
        self.memory.keep(self.items)
        fresh = {"asked": [], "items": [], "tally": Tally()}
        return replace(self, **(fresh | changes)).go()  # type: ignore[arg-type]

    @property
    def ids(self) -> dict[str, list[str]]:
        return {item.thread_id: [post.post_id for post in item.posts] for item in self.items}


def forum_of(threads: int, messages: int = 1) -> Forum:
    forum = Forum()
    for thread in range(threads):
        for message in range(messages):
            forum.write("help", f"t{thread}", f"message {message}", minutes=60 * thread + message)
    return forum


def test_a_new_thread_is_handed_over_whole_and_in_order() -> None:
    visit = Visit(forum_of(1, messages=8)).go()
    (item,) = visit.items
    assert [post.post_id for post in item.posts] == [f"t0.{n}" for n in range(1, 9)]
    assert item.whole
    assert item.mark == ThreadMark(
        last_post_id="t0.8", last_posted_at=DAWN + timedelta(minutes=7), posts=8
    )
    assert (item.board_id, item.board_title, item.thread_title) == ("help", "Help", "t0")
    assert visit.asked == [
        "/board?id=help",
        "/thread?id=t0&page=3",
        "/thread?id=t0&page=2",
        "/thread?id=t0&page=1",
    ]


def test_a_second_poll_without_news_costs_one_board_page() -> None:
    visit = Visit(forum_of(12)).go().again()
    assert visit.asked == ["/board?id=help"]
    assert visit.tally.skipped_unchanged == 5
    assert visit.items == []


def test_a_reply_to_an_old_thread_is_read_from_its_newest_page_alone() -> None:
    visit = Visit(forum_of(12, messages=7)).go()
    visit.forum.write("help", "t0", "me too", minutes=5000)
    visit = visit.again()
    assert visit.asked == ["/board?id=help", "/thread?id=t0&page=3", "/board?id=help&page=2"]
    assert visit.ids == {"t0": ["t0.7", "t0.8"]}
    assert not visit.items[0].whole


def test_known_messages_of_a_page_that_is_read_again_are_handed_over_for_their_edits() -> None:
    visit = Visit(forum_of(1, messages=2)).go()
    visit.forum.boards["help"]["t0"][0].text = "changed"
    visit.forum.write("help", "t0", "new", minutes=99)
    posts = visit.again().items[0].posts
    assert [post.text for post in posts] == ["changed", "message 1", "new"]


def test_a_pinned_thread_that_is_old_ends_no_scan() -> None:
    forum = forum_of(12)
    forum.pinned = {"t0"}
    visit = Visit(forum, since=DAWN + timedelta(minutes=60 * 6)).go()
    assert sorted(visit.ids) == ["t10", "t11", "t6", "t7", "t8", "t9"]


def test_a_board_is_left_at_the_first_page_older_than_asked_for() -> None:
    visit = Visit(forum_of(30), since=DAWN + timedelta(minutes=60 * 28)).go()
    assert list(visit.ids) == ["t29", "t28"]
    assert [path for path in visit.asked if "board" in path] == [
        "/board?id=help",
        "/board?id=help&page=2",
    ]


def test_a_long_thread_is_read_back_to_since_and_what_is_older_is_dropped() -> None:
    visit = Visit(forum_of(1, messages=30), since=DAWN + timedelta(minutes=25)).go()
    assert visit.ids == {"t0": [f"t0.{n}" for n in range(26, 31)]}
    assert not visit.items[0].whole
    assert len(visit.asked) == 3


def test_a_known_message_older_than_since_is_kept() -> None:
    visit = Visit(forum_of(1, messages=2)).go()
    visit.forum.write("help", "t0", "new", minutes=500)
    visit = visit.again(since=DAWN + timedelta(minutes=400))
    assert visit.ids == {"t0": ["t0.1", "t0.2", "t0.3"]}


def test_without_links_to_last_pages_the_newest_page_is_found_from_the_first() -> None:
    forum = forum_of(1, messages=12)
    forum.last_links = False
    visit = Visit(forum).go()
    assert visit.ids == {"t0": [f"t0.{n}" for n in range(1, 13)]}
    assert visit.items[0].whole
    assert len(visit.asked) == 5
    forum.write("help", "t0", "new", minutes=99)
    assert visit.again().asked == [
        "/board?id=help",
        "/thread?id=t0",
        "/thread?id=t0&page=5",
        "/thread?id=t0&page=4",
    ], "from the end, and the first page not twice"


def test_a_thread_given_by_its_address_is_the_only_one_read() -> None:
    visit = Visit(forum_of(3, messages=7)).go("/thread?id=t1&page=2")
    assert visit.ids == {"t1": [f"t1.{n}" for n in range(1, 8)]}
    assert not any("board" in path for path in visit.asked)


def test_an_index_leads_to_every_board_once() -> None:
    forum = forum_of(2)
    forum.write("news", "n0", "hello", minutes=1)
    visit = Visit(forum).go("/")
    assert sorted(visit.ids) == ["n0", "t0", "t1"]
    assert visit.tally.boards == 2
    assert len(visit.asked) == len(set(visit.asked)) == 6


def test_a_crawl_cut_short_hands_over_no_half_of_a_thread_and_the_next_goes_on() -> None:
    forum = forum_of(7, messages=6)
    visit = Visit(forum, pages=8)
    with pytest.raises(PagesSpent):
        visit.go()
    assert list(visit.ids) == ["t6", "t5", "t4"]
    assert all(len(ids) == 6 for ids in visit.ids.values())
    rest = visit.again(pages=1000, behind=True)
    assert list(rest.ids) == ["t3", "t2", "t1", "t0"]


def test_without_the_word_behind_older_news_past_a_quiet_page_is_not_sought() -> None:
    visit = Visit(forum_of(12), pages=6)
    with pytest.raises(PagesSpent):
        visit.go()
    assert visit.again(pages=1000).asked == ["/board?id=help"]


def test_a_thread_longer_than_allowed_keeps_its_newest_pages_and_is_not_tried_again() -> None:
    visit = Visit(forum_of(1, messages=30), thread_pages=4).go()
    assert visit.ids == {"t0": [f"t0.{n}" for n in range(19, 31)]}
    assert not visit.items[0].whole
    assert "longer than 4 pages" in visit.tally.notes[0]
    assert visit.again().asked == ["/board?id=help"]


def test_a_board_whose_pages_repeat_for_ever_is_left() -> None:
    forum = forum_of(4)

    def endless(name: str, number: int) -> str:
        return Forum.board(forum, name, 1).replace(
            "</body>", f'<a rel="next" href="/board?id={name}&amp;page={number + 1}"></a></body>'
        )

    forum.board = endless  # type: ignore[method-assign]
    visit = Visit(forum).go()
    assert len(visit.ids) == 4
    assert len([path for path in visit.asked if "board" in path]) == 2
    assert "threads of an earlier page" in visit.tally.notes[0]


def test_a_thread_whose_pages_repeat_for_ever_is_left() -> None:
    forum = forum_of(1, messages=3)
    forum.last_links = False

    def endless(board: str, name: str, number: int) -> str:
        return Forum.thread(forum, board, name, 1).replace(
            "</body>", f'<a rel="next" href="/thread?id={name}&amp;page={number + 1}"></a></body>'
        )

    forum.thread = endless  # type: ignore[method-assign]
    visit = Visit(forum).go()
    assert visit.ids == {"t0": ["t0.1", "t0.2", "t0.3"]}
    assert len(visit.asked) == 3
    assert not visit.items[0].whole


def test_a_page_that_links_to_itself_is_read_once() -> None:
    forum = forum_of(1)

    def loop(board: str, name: str, number: int) -> str:
        page = Forum.thread(forum, board, name, number)
        return page.replace("</body>", f'<a rel="prev" href="/thread?id={name}&amp;page=1"></a>')

    forum.thread = loop  # type: ignore[method-assign]
    assert Visit(forum).go().asked == ["/board?id=help", "/thread?id=t0&page=1"]


def test_one_thread_that_is_gone_does_not_stop_the_others() -> None:
    gone = PageFailed(Outcome.GONE, "/thread?id=t1 answered 404")
    visit = Visit(forum_of(3), broken={"/thread?id=t1&page=1": gone, "/thread?id=t1": gone}).go()
    assert list(visit.ids) == ["t2", "t1", "t0"]
    assert visit.ids["t1"] == [], "left out"
    assert visit.tally.failures == {Outcome.GONE: 1}
    assert not visit.tally.behind


@pytest.mark.parametrize("outcome", [Outcome.BLOCKED, Outcome.RATE_LIMITED])
def test_a_wall_or_a_plea_for_rest_ends_the_crawl_at_once(outcome: Outcome) -> None:
    visit = Visit(forum_of(3), broken={"/thread?id=t1&page=1": PageFailed(outcome, "no")})
    with pytest.raises(PageFailed):
        visit.go()
    assert list(visit.ids) == ["t2"]
    assert visit.asked[-1] == "/thread?id=t1&page=1"


def test_three_pages_out_of_reach_in_a_row_end_the_crawl() -> None:
    down = PageFailed(Outcome.UNREACHABLE, "answered 502")
    visit = Visit(forum_of(5), broken={f"/thread?id=t{n}&page=1": down for n in range(5)})
    with pytest.raises(PageFailed):
        visit.go()
    assert len(visit.asked) == 4


def test_a_message_written_while_the_thread_was_read_is_in_the_mark() -> None:
    forum = forum_of(1, messages=2)
    plain = forum.thread
    written: list[str] = []

    def busy(board: str, name: str, number: int) -> str:
        if not written:
            written.append(forum.write("help", "t0", "just now", minutes=70).post_id)
        return plain(board, name, number)

    forum.thread = busy  # type: ignore[method-assign]
    visit = Visit(forum).go()
    assert visit.items[0].mark == ThreadMark(
        last_post_id="t0.3", last_posted_at=DAWN + timedelta(minutes=70), posts=3
    )
    assert visit.again().asked == ["/board?id=help"]


def row(**about: object) -> ThreadRef:
    return ThreadRef(thread_id="1", title="", url="", **about)  # type: ignore[arg-type]


def mark(**about: object) -> ThreadMark:
    return ThreadMark(**({"last_post_id": None, "last_posted_at": None, "posts": None} | about))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("now", "before", "same"),
    [
        (row(last_post_id="7", posts=3), mark(last_post_id="7", posts=3), True),
        (row(last_post_id="8", posts=3), mark(last_post_id="7", posts=3), False),
        (row(last_post_id="7", posts=2), mark(last_post_id="7", posts=3), False),
        (row(posts=3), mark(posts=3), True),
        (row(posts=4), mark(posts=3), False),
        (row(last_posted_at=DAWN), mark(last_posted_at=DAWN), True),
        (row(last_posted_at=DAWN), mark(last_posted_at=DAWN - timedelta(minutes=1)), False),
        # "2 hours ago", read twenty minutes later
        (
            row(last_posted_at=DAWN, posts=3),
            mark(last_posted_at=DAWN - timedelta(minutes=20), posts=3),
            True,
        ),
        (row(), mark(last_post_id="7"), False),
    ],
)
def test_a_row_tells_whether_its_thread_has_news(
    now: ThreadRef, before: ThreadMark, same: bool
) -> None:
    assert unchanged(now, before) is same
    assert not unchanged(now, None)


def test_a_first_message_repeated_on_every_page_does_not_end_the_walk() -> None:
    def post(number: int) -> PostItem:
        return PostItem(
            post_id=str(number),
            number=number,
            url="",
            author="ann",
            author_id=None,
            posted_at=DAWN,
            edited=False,
            text="x",
            private_message_url=None,
        )

    pages = {
        f"{SITE}/t?page={n}": Reading(
            kind=Kind.THREAD,
            thread_id="1",
            posts=(post(1), *(post(2 * n + k) for k in (0, 1))),
            previous_page=f"{SITE}/t?page={n - 1}" if n > 1 else None,
        )
        for n in (1, 2, 3)
    }
    ref = row(last_url=f"{SITE}/t?page=3", last_post_id="7")
    board = Reading(kind=Kind.BOARD, board_id="b", threads=(ref,))
    items: list[ThreadItem] = []

    async def read(url: str) -> Reading:
        return pages[url]

    walk = Walk(
        read=read,
        known=Memory(marks={"1": mark(last_post_id="3", posts=3)}, ids={"1": {"1", "2", "3"}}),
        sink=items.append,
        engine="plain",
        since=None,
        behind=False,
        thread_pages=9,
        language=None,
        tally=Tally(),
    )
    asyncio.run(walk.run(SITE, board))
    assert [post.post_id for post in items[0].posts] == ["1", "2", "3", "4", "5", "6", "7"]
