"""From what a crawl read to rows: one transaction for each thread that was walked.

Only threads in which a watched brand is mentioned are kept with their texts; of all others just
the mark (how far they were read) and the number of posts an hour.
"""

import hashlib
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime

from sqlalchemy import Engine
from sqlmodel import Session, col, delete, select

from models import Activity, Author, Board, Post, PostRevision, Quote, Thread
from models.base import id_of, utc_now
from models.database import reading, writing
from monitor.brands import RIVAL, Finder, Found, keep_mentions
from spiders.base import PostItem
from spiders.crawl import ThreadItem, ThreadMark


class Store:
    """Where a crawl of one source asks what is known and leaves what it read."""

    def __init__(
        self,
        engine: Engine,
        source_id: int,
        finder: Finder,
        *,
        now: Callable[[], datetime] = utc_now,
    ) -> None:
        self._engine = engine
        self._source_id = source_id
        self._finder = finder
        self._now = now

    def mark(self, thread_id: str) -> ThreadMark | None:
        """Return how far a thread has been read, or ``None`` for a new one."""
        with reading(self._engine) as session:
            thread = self._thread(session, thread_id)
        if thread is None:
            return None
        return ThreadMark(
            last_post_id=thread.mark_last_post_id,
            last_posted_at=thread.mark_last_posted_at,
            posts=thread.mark_posts,
        )

    def posts(self, thread_id: str) -> set[str]:
        """Return the engine's ids of the posts of a thread that were read before."""
        with reading(self._engine) as session:
            thread = self._thread(session, thread_id)
            if thread is None:
                return set()
            known = set(
                session.exec(select(Post.external_id).where(Post.thread_id == thread.id)).all()
            )
        return known | ({thread.mark_last_post_id} if thread.mark_last_post_id else set())

    def save(self, item: ThreadItem) -> int:
        """Store one walked thread, wholly or not at all; return how many posts are new.

        Saving the same walk again changes nothing.
        """
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
            found = [self._find(item.thread_title or "", post) for post in item.posts]
            if any(one.place != RIVAL for its in found for one in its):
                thread.watched = True
            known = self._known(session, thread, item.posts)
            fresh = [post for post in item.posts if post.post_id not in known]
            self._count(session, thread, fresh)
            if thread.watched:
                thread.title = (item.thread_title or "")[:500]
                thread.url = item.thread_url
                for post, its_mentions in zip(item.posts, found, strict=True):
                    self._keep(session, thread, post, its_mentions)
                self._mark_gone(session, thread, item)
            thread.mark_last_post_id = item.mark.last_post_id
            thread.mark_last_posted_at = item.mark.last_posted_at
            thread.mark_posts = item.mark.posts
        return len(fresh)

    def _find(self, title: str, post: PostItem) -> list[Found]:
        quotes = [quote.text for quote in post.quotes]
        return self._finder.find(title=title, text=post.text, quotes=quotes)

    def _thread(self, session: Session, external_id: str) -> Thread | None:
        return session.exec(
            select(Thread).where(
                Thread.source_id == self._source_id, Thread.external_id == external_id
            )
        ).first()

    def _board(self, session: Session, item: ThreadItem) -> int:
        external_id = item.board_id or ""
        board = session.exec(
            select(Board).where(
                Board.source_id == self._source_id, Board.external_id == external_id
            )
        ).first()
        if board is None:
            board = Board(source_id=self._source_id, external_id=external_id, title="")
            session.add(board)
        if item.board_title:
            board.title = item.board_title[:300]
        session.flush()
        return id_of(board)

    @staticmethod
    def _known(session: Session, thread: Thread, posts: Sequence[PostItem]) -> set[str]:
        """Return the ids among ``posts`` that an earlier crawl counted already."""
        stored = set(
            session.exec(select(Post.external_id).where(Post.thread_id == thread.id)).all()
        )
        ids = [post.post_id for post in posts]
        if thread.mark_last_post_id in ids:
            stored.update(ids[: ids.index(thread.mark_last_post_id) + 1])
        elif thread.mark_last_posted_at is not None:
            until = thread.mark_last_posted_at
            stored.update(p.post_id for p in posts if p.posted_at and p.posted_at <= until)
        return stored

    @staticmethod
    def _count(session: Session, thread: Thread, fresh: Iterable[PostItem]) -> None:
        hours = Counter(
            post.posted_at.replace(minute=0, second=0, microsecond=0)
            for post in fresh
            if post.posted_at is not None
        )
        for hour, posts in sorted(hours.items()):
            row = session.exec(
                select(Activity).where(Activity.thread_id == thread.id, Activity.hour == hour)
            ).first()
            if row is None:
                session.add(Activity(thread_id=id_of(thread), hour=hour, posts=posts))
            else:
                row.posts += posts

    def _keep(
        self, session: Session, thread: Thread, item: PostItem, found: Sequence[Found]
    ) -> None:
        text_hash = hash_text(item)
        post = session.exec(
            select(Post).where(Post.source_id == self._source_id, Post.external_id == item.post_id)
        ).first()
        author_id = self._author(session, item)
        if post is None:
            post = Post(
                source_id=self._source_id,
                thread_id=id_of(thread),
                author_id=author_id,
                external_id=item.post_id,
                number=item.number,
                url=item.url,
                private_message_url=item.private_message_url,
                posted_at=item.posted_at,
                fetched_at=self._now(),
                edited=item.edited,
                text=item.text,
                text_hash=text_hash,
                matched_hash=self._finder.fingerprint,
            )
            session.add(post)
            session.flush()
            self._keep_quotes(session, post, item)
            keep_mentions(session, post, found)
            return
        post.gone_at = None
        post.edited = item.edited
        post.private_message_url = item.private_message_url
        post.thread_id = id_of(thread)  # a moderator may have moved it
        post.number = item.number if item.number is not None else post.number
        if post.text_hash != text_hash:
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
            post.text, post.text_hash = item.text, text_hash
            self._keep_quotes(session, post, item)
        keep_mentions(session, post, found)
        post.matched_hash = self._finder.fingerprint

    @staticmethod
    def _keep_quotes(session: Session, post: Post, item: PostItem) -> None:
        session.exec(delete(Quote).where(col(Quote.post_id) == post.id))
        for position, quote in enumerate(item.quotes):
            session.add(
                Quote(post_id=id_of(post), position=position, author=quote.author, text=quote.text)
            )

    def _author(self, session: Session, item: PostItem) -> int:
        external_id = item.author_id or f"name:{item.author}"[:300]
        author = session.exec(
            select(Author).where(
                Author.source_id == self._source_id, Author.external_id == external_id
            )
        ).first()
        if author is None:
            author = Author(source_id=self._source_id, external_id=external_id, name="")
            session.add(author)
        author.name = item.author[:300]
        if item.author_posts is not None:
            author.posts_shown = item.author_posts
        if item.author_joined is not None:
            author.joined_at = item.author_joined
        session.flush()
        return id_of(author)

    def _mark_gone(self, session: Session, thread: Thread, item: ThreadItem) -> None:
        """Mark stored posts that are missing from pages which were read in full."""
        if item.unreadable:
            return  # it may be one of those
        read = {post.post_id for post in item.posts}
        times = [post.posted_at for post in item.posts if post.posted_at is not None]
        for post in session.exec(
            select(Post).where(Post.thread_id == thread.id, col(Post.gone_at).is_(None))
        ):
            if post.external_id in read:
                continue
            between = bool(times and post.posted_at and times[0] < post.posted_at < times[-1])
            if item.whole or between:
                post.gone_at = self._now()


def hash_text(item: PostItem) -> str:
    """Return a name for this version of a post's words and quotes (32 hex digits)."""
    parts = [item.text, *(f"{quote.author}\x1f{quote.text}" for quote in item.quotes)]
    return hashlib.sha256("\x1e".join(parts).encode("utf-8", "surrogatepass")).hexdigest()[:32]
