"""Messages that stand on the page that lists their thread, which then need not be fetched."""

from dataclasses import replace

from spiders.base import Kind, PostItem, Reading, ThreadRef


def on_the_list(row: ThreadRef, board: Reading) -> tuple[PostItem, ...]:
    """Return the messages of the row's thread that stand on the page that lists it."""
    return tuple(
        post for post in board.posts if post.thread and post.thread.thread_id == row.thread_id
    )


def alone(row: ThreadRef, board: Reading, posts: tuple[PostItem, ...]) -> Reading:
    """Return the thread of a row that need not be opened, as if its page had been read."""
    thread = posts[0].thread or row
    return replace(
        board,
        kind=Kind.THREAD,
        thread_id=row.thread_id,
        thread_title=thread.title or row.title,
        thread_url=thread.url,
        posts=posts,
        threads=(),
        boards=(),
        next_page=None,
        previous_page=None,
        last_page=None,
        unreadable=0,
        cut=board.cut,
    )


def written(post: PostItem) -> tuple[bool, float]:
    """Return what sorts messages by time, those without one last."""
    return post.posted_at is None, post.posted_at.timestamp() if post.posted_at else 0.0
