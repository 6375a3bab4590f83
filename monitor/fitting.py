"""What a site says, made to fit the columns it goes into.

A page can hold anything: half a surrogate pair cut by a script, NUL characters, an address of two
thousand letters as the id of a board. SQLite takes what PostgreSQL refuses; neither gets it.
"""

import hashlib
from dataclasses import replace

from spiders.base import PostItem, Quote
from spiders.crawl import ThreadItem, ThreadMark

ID_LENGTH = 200
NAME_LENGTH = 300
TITLE_LENGTH = 500
ADDRESS_LENGTH = 2000
LARGEST_NUMBER = 2**31 - 1


def fit_id(text: str) -> str:
    """Return an id of at most 200 characters; a longer one ends in a hash of the whole."""
    text = fit_text(text)
    if len(text) <= ID_LENGTH:
        return text
    return f"{text[:150]}~{hashlib.sha256(text.encode()).hexdigest()[:32]}"


def fit_text(text: str) -> str:
    """Return ``text`` without what UTF-8 or PostgreSQL cannot hold."""
    return text.replace("\0", "").encode("utf-8", "replace").decode("utf-8")


def fit_thread(item: ThreadItem) -> ThreadItem:
    """Return a walked thread whose values all fit their columns."""
    return replace(
        item,
        board_id=fit_id(item.board_id or ""),
        board_title=fit_text(item.board_title or "")[:NAME_LENGTH],
        thread_id=fit_id(item.thread_id),
        thread_title=fit_text(item.thread_title or "")[:TITLE_LENGTH],
        thread_url=fit_text(item.thread_url)[:ADDRESS_LENGTH],
        posts=tuple(_fit_post(post) for post in item.posts),
        mark=ThreadMark(
            last_post_id=fit_id(item.mark.last_post_id) if item.mark.last_post_id else None,
            last_posted_at=item.mark.last_posted_at,
            posts=_fit_number(item.mark.posts),
            left_out=item.mark.left_out,
        ),
    )


def _fit_post(post: PostItem) -> PostItem:
    return replace(
        post,
        post_id=fit_id(post.post_id),
        number=_fit_number(post.number),
        url=fit_text(post.url)[:ADDRESS_LENGTH],
        author=fit_text(post.author)[:NAME_LENGTH],
        author_id=fit_id(post.author_id) if post.author_id else None,
        author_posts=_fit_number(post.author_posts),
        text=fit_text(post.text),
        quotes=tuple(
            Quote(
                author=fit_text(quote.author)[:NAME_LENGTH] if quote.author else None,
                text=fit_text(quote.text),
            )
            for quote in post.quotes
        ),
        # An address that was cut would lead somewhere else.
        private_message_url=_fit_address(post.private_message_url),
        profile_url=_fit_address(post.profile_url),
    )


def _fit_address(url: str | None) -> str | None:
    fitted = fit_text(url or "")
    return fitted if 0 < len(fitted) <= ADDRESS_LENGTH else None


def _fit_number(number: int | None) -> int | None:
    return number if number is not None and 0 <= number <= LARGEST_NUMBER else None
