"""From what a crawl read to rows: one transaction for each thread that was walked.

Only threads in which a watched brand is mentioned are kept with their texts; of all others just
the mark (how far they were read) and the number of posts an hour.
"""

import hashlib
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from sqlalchemy import Engine
from sqlmodel import Session, col, delete, select

from models import (
    Activity,
    Alert,
    Author,
    Board,
    Case,
    ListPage,
    Post,
    PostRevision,
    Quote,
    Source,
    Thread,
)
from models.base import id_of, utc_now
from models.database import reading, writing
from monitor.brands import RIVAL, Finder, Found, keep_mentions
from monitor.fitting import NAME_LENGTH, fit_id, fit_thread
from monitor.hot import OPEN
from monitor.privacy import ERASED_HASH, Objections
from spiders.base import PostItem, ThreadRef
from spiders.crawl import ListMark, ThreadItem, ThreadMark
from spiders.known import KEPT_FOR, LeftOut
from spiders.walk import HOLDER

IN_ONE_QUERY = 500
"""Ids that are looked up at once; SQLite takes no more than some thousands."""


WANTED_FOR = timedelta(days=7)
"""A thread that cannot be read is asked for so long; then when its list shows it among news."""

LOOKED_AT = timedelta(days=1)
"""A thread with an open case that was not read for so long is looked at, whatever its list says."""
MOST_LOOKS = 5
"""Such threads that one crawl looks at."""

MOST_LISTS = 300
"""Lists that are remembered for a source."""


class Store:
    """Where a crawl of one source asks what is known and leaves what it read.

    With ``again``, threads that were read without finding a brand are as good as unknown: they
    are read anew, for a brand that was added since.
    """

    def __init__(
        self,
        engine: Engine,
        source_id: int,
        *,
        again: bool = False,
        now: Callable[[], datetime] = utc_now,
    ) -> None:
        self._engine = engine
        self._source_id = source_id
        self._again = again
        self._now = now
        with reading(engine) as session:
            self._finder = Finder(session)
            self._address = session.get_one(Source, source_id).address
            self._objections = Objections(session, self._address)

    def mark(self, thread_id: str) -> ThreadMark | None:
        """Return how far a thread has been read, or ``None`` for a new one."""
        with reading(self._engine) as session:
            thread = self._known_thread(session, thread_id)
        if thread is None:
            return None
        return ThreadMark(
            last_post_id=thread.mark_last_post_id,
            last_posted_at=thread.mark_last_posted_at,
            posts=thread.mark_posts,
            left_out=LeftOut(gone=thread.left_out_gone, since=thread.left_out_at)
            if thread.left_out_at is not None
            else None,
        )

    def left_out(self) -> list[ThreadRef]:
        """Return the threads to look at whatever their lists say, those left out first.

        These could not be read of late; others have an open case and were not read for a day:
        what is edited or deleted without a word on the list is seen so.
        """
        now = self._now()
        open_cases = select(Case.thread_id).where(col(Case.state).in_(OPEN))
        with reading(self._engine) as session:
            unread = session.exec(
                select(Thread.external_id, Thread.url)
                .where(
                    Thread.source_id == self._source_id,
                    col(Thread.left_out_at) > now - WANTED_FOR,
                )
                .order_by(col(Thread.left_out_at), col(Thread.id))
            ).all()
            open_ = session.exec(
                select(Thread.external_id, Thread.url)
                .where(
                    Thread.source_id == self._source_id,
                    col(Thread.left_out_at).is_(None),
                    col(Thread.read_at) < now - LOOKED_AT,
                    col(Thread.id).in_(open_cases),
                )
                .order_by(col(Thread.read_at), col(Thread.id))
                .limit(MOST_LOOKS)
            ).all()
        return [
            ThreadRef(thread_id=thread_id, title="", url=url)
            for thread_id, url in (*unread, *open_)
        ]

    def between(self, first: str, last: str) -> list[ThreadRef]:
        """Return watched threads whose ids end with a number between those of two others."""
        stem, low, high = first.rstrip("0123456789"), _number(first), _number(last)
        with reading(self._engine) as session:
            rows = session.exec(
                select(Thread.external_id, Thread.url).where(
                    Thread.source_id == self._source_id,
                    Thread.watched,
                    col(Thread.external_id).startswith(stem, autoescape=True),
                    col(Thread.id).in_(select(Post.thread_id).where(col(Post.gone_at).is_(None))),
                )
            ).all()
        return [
            ThreadRef(thread_id=name, title="", url=url)
            for name, url in rows
            if name.rstrip("0123456789") == stem and low < _number(name) < high
        ]

    def posts(self, thread_id: str) -> set[str]:
        """Return the engine's ids of a thread's posts that were read before and have not gone."""
        with reading(self._engine) as session:
            thread = self._known_thread(session, thread_id)
            if thread is None:
                return set()
            known = set(
                session.exec(
                    select(Post.external_id).where(
                        Post.thread_id == thread.id, col(Post.gone_at).is_(None)
                    )
                )
            )
        return known | ({thread.mark_last_post_id} if thread.mark_last_post_id else set())

    def list_mark(self, url: str) -> ListMark | None:
        """Return what a list was like when all in it had been read, if that is not long ago."""
        with reading(self._engine) as session:
            page = self._list(session, url)
        if page is None or self._again:
            return None
        if page.kept_at < self._now() - (WANTED_FOR if page.behind else KEPT_FOR):
            return None
        return ListMark(
            etag=page.etag,
            last_modified=page.last_modified,
            last_posted_at=page.last_posted_at,
            stamp=page.stamp,
            behind=page.behind,
        )

    def keep_list(self, url: str, mark: ListMark) -> None:
        """Remember what a list was like; the oldest ones are forgotten."""
        with writing(self._engine) as session:
            page = self._list(session, url)
            if page is None:
                page = ListPage(source_id=self._source_id, key=_key(url))
                session.add(page)
            page.etag, page.last_modified, page.stamp = mark.etag, mark.last_modified, mark.stamp
            page.last_posted_at, page.kept_at = mark.last_posted_at, self._now()
            page.behind = mark.behind
            session.flush()
            surplus = session.exec(
                select(ListPage)
                .where(ListPage.source_id == self._source_id)
                .order_by(col(ListPage.kept_at).desc(), col(ListPage.id).desc())
                .offset(MOST_LISTS)
            )
            for old in surplus.all():
                session.delete(old)

    def _list(self, session: Session, url: str) -> ListPage | None:
        return session.exec(
            select(ListPage).where(ListPage.source_id == self._source_id, ListPage.key == _key(url))
        ).first()

    def save(self, item: ThreadItem) -> int:
        """Store one walked thread, wholly or not at all; return how many posts are new.

        Saving the same walk again changes nothing.
        """
        item = fit_thread(item)
        if item.thread_id.startswith(HOLDER):
            item = self._held(item)
        with reading(self._engine) as session:
            self._finder = self._finder.refreshed(session)  # ops may have added a brand meanwhile
            self._objections = Objections(session, self._address)
        item = self._allowed(item)
        found = [
            self._finder.find(
                title=item.thread_title or "",
                text=post.text,
                quotes=[quote.text for quote in post.quotes],
            )
            for post in item.posts
        ]
        with writing(self._engine) as session:
            thread = self._thread(session, item.thread_id)
            if thread is None:
                thread = Thread(
                    source_id=self._source_id,
                    board_id=self._board(session, item),
                    external_id=item.thread_id,
                    url=item.thread_url,
                )
                session.add(thread)
                session.flush()
            elif item.posts and item.board_id:
                self._place(session, thread, item)
            if any(one.place != RIVAL for its in found for one in its):
                thread.watched = True
            fresh = self._fresh(session, thread, item.posts)
            self._count(session, thread, fresh)
            if thread.watched:
                renamed = bool(item.posts) and thread.title != item.thread_title
                if item.posts:
                    thread.title, thread.url = item.thread_title or "", item.thread_url
                changed = self._keep(session, thread, item.posts, found, renamed=renamed)
                if self._mark_gone(session, thread, item) or changed:
                    thread.version += 1
            thread.read_at = self._now() if item.posts else thread.read_at
            thread.mark_last_post_id = item.mark.last_post_id
            thread.mark_last_posted_at = item.mark.last_posted_at
            thread.mark_posts = item.mark.posts
            left = item.mark.left_out
            thread.left_out_at = left.since if left else None
            thread.left_out_gone = left is not None and left.gone
        return len(fresh)

    def _held(self, item: ThreadItem) -> ThreadItem:
        """Return a thread known by one of its posts under its own id, where that is stored."""
        with reading(self._engine) as session:
            thread = self._known_thread(session, item.thread_id)
        own = thread.external_id if thread else item.thread_id.removeprefix(HOLDER)
        return replace(item, thread_id=own)

    def _allowed(self, item: ThreadItem) -> ThreadItem:
        """Return ``item`` without the posts and words of authors who objected to being stored."""
        return replace(
            item,
            posts=tuple(
                replace(
                    post,
                    quotes=tuple(
                        quote
                        for quote in post.quotes
                        if not self._objections.covers(f"name:{quote.author}")
                    ),
                )
                for post in item.posts
                if not self._objections.covers(author_key(post), f"name:{post.author}")
            ),
        )

    def _thread(self, session: Session, external_id: str) -> Thread | None:
        return session.exec(
            select(Thread).where(
                Thread.source_id == self._source_id, Thread.external_id == external_id
            )
        ).first()

    def _known_thread(self, session: Session, external_id: str) -> Thread | None:
        if external_id.startswith(HOLDER):
            holds = select(Post.thread_id).where(
                Post.source_id == self._source_id,
                Post.external_id == fit_id(external_id.removeprefix(HOLDER)),
            )
            return session.exec(select(Thread).where(col(Thread.id).in_(holds))).first()
        thread = self._thread(session, fit_id(external_id))
        return None if thread is None or (self._again and not thread.watched) else thread

    def _board(self, session: Session, item: ThreadItem) -> int:
        board = session.exec(
            select(Board).where(
                Board.source_id == self._source_id, Board.external_id == item.board_id
            )
        ).first()
        if board is None:
            board = Board(source_id=self._source_id, external_id=item.board_id or "", title="")
            session.add(board)
        if item.board_title:
            board.title = item.board_title
        session.flush()
        return id_of(board)

    def _place(self, session: Session, thread: Thread, item: ThreadItem) -> None:
        """Give a thread its board, when it was left out before that was known."""
        if not session.get_one(Board, thread.board_id).external_id:
            thread.board_id = self._board(session, item)

    @staticmethod
    def _fresh(session: Session, thread: Thread, posts: Sequence[PostItem]) -> list[PostItem]:
        """Return those among ``posts`` that no earlier crawl has counted."""
        known = set(session.exec(select(Post.external_id).where(Post.thread_id == thread.id)))
        ids = [post.post_id for post in posts]
        if thread.mark_last_post_id in ids:
            known.update(ids[: ids.index(thread.mark_last_post_id) + 1])
        elif (until := thread.mark_last_posted_at) is not None:
            known.update(p.post_id for p in posts if p.posted_at and p.posted_at <= until)
        return [post for post in posts if post.post_id not in known]

    @staticmethod
    def _count(session: Session, thread: Thread, fresh: Iterable[PostItem]) -> None:
        hours = Counter(
            post.posted_at.replace(minute=0, second=0, microsecond=0)
            for post in fresh
            if post.posted_at is not None
        )
        if not hours:
            return
        known = {
            row.hour: row
            for row in session.exec(select(Activity).where(Activity.thread_id == thread.id))
        }
        for hour, posts in sorted(hours.items()):
            if hour in known:
                known[hour].posts += posts
            else:
                session.add(Activity(thread_id=id_of(thread), hour=hour, posts=posts))

    def _keep(
        self,
        session: Session,
        thread: Thread,
        items: Sequence[PostItem],
        found: Sequence[Sequence[Found]],
        *,
        renamed: bool,
    ) -> bool:
        """Store the posts of a walk; return whether anything about them is new."""
        authors = self._authors(session, items)
        stored = self._stored(session, items)
        changed = False
        for item, its_mentions in zip(items, found, strict=True):
            text_hash = hash_text(item)
            post = stored.get(item.post_id)
            if post is None:
                post = Post(
                    source_id=self._source_id,
                    thread_id=id_of(thread),
                    author_id=authors[author_key(item)],
                    external_id=item.post_id,
                    number=item.number,
                    url=item.url,
                    posted_at=item.posted_at,
                    fetched_at=self._now(),
                    text=item.text,
                    text_hash="",
                )
                session.add(post)
                session.flush()
            if post.text_hash == ERASED_HASH:
                continue
            same_words = post.text_hash == text_hash
            if not same_words:
                self._rewrite(session, post, item, text_hash)
            if not same_words or renamed or post.matched_hash != self._finder.fingerprint:
                keep_mentions(session, post, its_mentions)
                post.matched_hash = self._finder.fingerprint
                changed = True
            if post.gone_at is not None or post.thread_id != thread.id:
                post.gone_at, post.thread_id = None, id_of(thread)  # back, or moved by a moderator
                changed = True
            post.edited = item.edited
            post.posted_at = post.posted_at or item.posted_at  # an order of dates that is known now
            post.private_message_url = item.private_message_url
            post.number = item.number if item.number is not None else post.number
        return changed

    def _rewrite(self, session: Session, post: Post, item: PostItem, text_hash: str) -> None:
        """Give ``post`` its new words; keep the old ones, if it had any, as a revision."""
        if post.text_hash:
            seen = select(PostRevision.id).where(
                PostRevision.post_id == post.id, PostRevision.text_hash == post.text_hash
            )
            if session.exec(seen).first() is None:
                session.add(
                    PostRevision(
                        post_id=id_of(post),
                        text=post.text,
                        text_hash=post.text_hash,
                        replaced_at=self._now(),
                    )
                )
            session.exec(delete(Quote).where(col(Quote.post_id) == post.id))
        post.text, post.text_hash = item.text, text_hash
        for position, quote in enumerate(item.quotes):
            session.add(
                Quote(post_id=id_of(post), position=position, author=quote.author, text=quote.text)
            )

    def _stored(self, session: Session, items: Sequence[PostItem]) -> dict[str, Post]:
        """Return the posts that are stored already, by the engine's id."""
        found: dict[str, Post] = {}
        for ids in _chunks([item.post_id for item in items]):
            rows = session.exec(
                select(Post).where(
                    Post.source_id == self._source_id, col(Post.external_id).in_(ids)
                )
            )
            found.update((post.external_id, post) for post in rows)
        return found

    def _authors(self, session: Session, items: Sequence[PostItem]) -> dict[str, int]:
        """Return the ids of the authors of a walk, by ``author_key``, new ones added."""
        latest = {author_key(item): item for item in items}
        pages = {author_key(item): item.profile_url for item in items if item.profile_url}
        known: dict[str, Author] = {}
        for keys in _chunks(list(latest)):
            rows = session.exec(
                select(Author).where(
                    Author.source_id == self._source_id, col(Author.external_id).in_(keys)
                )
            )
            known.update((author.external_id, author) for author in rows)
        for key, item in latest.items():
            author = known.get(key)
            if author is None:
                author = Author(source_id=self._source_id, external_id=key, name=item.author)
                session.add(author)
                known[key] = author
            author.name = item.author
            if item.author_posts is not None:
                author.posts_shown = item.author_posts
            if item.author_joined is not None:
                author.joined_at = item.author_joined
            author.profile_url = pages.get(key, author.profile_url)
        session.flush()
        return {key: id_of(author) for key, author in known.items()}

    def _mark_gone(self, session: Session, thread: Thread, item: ThreadItem) -> bool:
        """Forget stored posts that are missing from pages read in full; return whether any are."""
        if item.unreadable or item.partial:
            return False  # it may be one of those
        read = {post.post_id for post in item.posts}
        # Some forums repeat a thread's first message on every page: it bounds nothing.
        opener = item.posts and (item.posts[0].number or 1) == 1
        span = item.posts[1:] if opener and not item.whole else item.posts
        times = [post.posted_at for post in span if post.posted_at is not None]
        stored = session.exec(
            select(Post.id, Post.external_id, Post.posted_at).where(
                Post.thread_id == thread.id, col(Post.gone_at).is_(None)
            )
        ).all()
        gone = [
            post_id
            for post_id, external_id, at in stored
            if external_id not in read
            and (item.whole or (times and at and min(times) < at < max(times)))
        ]
        for post_id in gone:
            self._forget(session, session.get_one(Post, post_id))
        return bool(gone)

    def _forget(self, session: Session, post: Post) -> None:
        """Drop the words of a post that its site shows no longer; its ids and time stay.

        Should it come back, its words are stored anew.
        """
        post.gone_at = self._now()
        post.text, post.text_hash, post.private_message_url = "", "", None
        session.exec(delete(Quote).where(col(Quote.post_id) == post.id))
        session.exec(delete(PostRevision).where(col(PostRevision.post_id) == post.id))
        told = session.exec(
            select(Alert)
            .join(Case, onclause=col(Case.id) == Alert.case_id)
            .where(Case.thread_id == post.thread_id)
        )
        for alert in told:
            if alert.content.get("post_url") == post.url:
                blank = {"quote": "", "private_message_url": None, "profile_url": None}
                alert.content = alert.content | blank


def author_key(item: PostItem) -> str:
    """Return what names an author within a source: the engine's id, or the name shown."""
    return item.author_id or f"name:{item.author}"[:NAME_LENGTH]


def hash_text(item: PostItem) -> str:
    """Return a name for this version of a post's words and quotes (32 hex digits)."""
    parts = [item.text, *(f"{quote.author}\x1f{quote.text}" for quote in item.quotes)]
    return hashlib.sha256("\x1e".join(parts).encode()).hexdigest()[:32]


def _key(url: str) -> str:
    return hashlib.sha256(url.encode()).hexdigest()[:32]


def _number(name: str) -> int:
    return int(name[len(name.rstrip("0123456789")) :] or 0)


def _chunks(keys: list[str]) -> Iterator[list[str]]:
    for start in range(0, len(keys), IN_ONE_QUERY):
        yield keys[start : start + IN_ONE_QUERY]
