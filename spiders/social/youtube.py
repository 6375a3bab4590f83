"""Comments under YouTube videos, through the Data API 3.

Written in November 2026 after the API's documentation; its policy lets comments be kept for
30 days without asking again.
"""

import re
from dataclasses import replace
from typing import Any, ClassVar
from urllib.parse import quote, urlsplit

from scrapy.http import Response, TextResponse

from spiders.addresses import origin
from spiders.base import (
    Engine,
    Evidence,
    Gives,
    Key,
    Kind,
    PageChanged,
    PostItem,
    Reading,
    ReadOptions,
    ThreadRef,
)
from spiders.dates import machine_time
from spiders.outcome import Outcome, PageFailed
from spiders.social.answers import (
    answer,
    count,
    dig,
    query_of,
    required,
    rows,
    threads_of,
    title_of,
    with_query,
    words,
)

API = "https://www.googleapis.com/youtube/v3"
SITE = "https://www.youtube.com"
_KINDS = {"youtube#commentThreadListResponse", "youtube#commentListResponse"}
_HOSTS = {"youtube.com", "www.youtube.com", "m.youtube.com", "youtu.be"}
_PATH = re.compile(r"/(?:shorts|live|embed)/([\w-]+)")
_CHANNEL = re.compile(r"/channel/([\w-]+)")
_TILL_MIDNIGHT_S = 3600.0


class YouTube(Engine):
    """Read the comments of a video or channel; a comment with its answers is a thread."""

    name: ClassVar[str] = "youtube"
    marks: ClassVar[str] = "youtube.com, or the Data API's JSON"
    api_hosts: ClassVar[frozenset[str]] = frozenset({"www.googleapis.com"})
    keys: ClassVar[tuple[Key, ...]] = (
        Key(
            setting="youtube_key",
            what="an API key with the YouTube Data API v3 switched on, from "
            "https://console.cloud.google.com/apis/credentials",
            hosts=api_hosts,
            parameter="key",
        ),
    )
    gives: ClassVar[Gives] = Gives(
        product="YouTube comments",
        addresses="a video, a channel (/channel/UC...), a comment (...&lc=)",
        means="JSON (Data API 3); key needed",
        posts="comments and their answers",
        authors="handle, channel id",
        times="exact",
        edits="yes",
        private="none; the author's channel",
        incremental="newest first; a comment is opened again for another count of answers",
    )

    def claims(self, url: str) -> bool:
        """Return whether the address is YouTube's, or its API's."""
        parts = urlsplit(url)
        api = parts.hostname in self.api_hosts and parts.path.startswith("/youtube/v3/")
        return parts.hostname in _HOSTS or api

    def recognise(self, page: TextResponse) -> list[Evidence]:
        """Return the hint of the Data API on ``page``."""
        kind = words(dig(answer(page), "kind"))
        if kind in _KINDS:
            return [Evidence(hint=f"the JSON is a {kind}", weight=1.0)]
        return []

    def entry(self, url: str) -> str:
        """Return the API's address for the comments of a video or a channel."""
        parts = urlsplit(url)
        if parts.hostname not in _HOSTS:
            return url
        if comment := query_of(url, "lc"):
            return _comment(origin(API), comment.partition(".")[0])
        if found := _CHANNEL.search(parts.path):
            return f"{API}/commentThreads?{_LIST}&allThreadsRelatedToChannelId={found[1]}"
        found = _PATH.search(parts.path)
        video = found[1] if found else query_of(url, "v") or ""
        if parts.hostname == "youtu.be":
            video = parts.path.strip("/")
        return f"{API}/commentThreads?{_LIST}&videoId={quote(video, safe='')}"

    def again(self, thread_id: str, url: str, source: str) -> str:  # noqa: ARG002
        """Return the API's address of a comment with its answers, on the host of ``source``."""
        return _comment(origin(self.entry(source)), thread_id)

    def refusal(self, page: Response) -> PageFailed | None:
        """Say what the API's errors mean."""
        found = answer(page) if isinstance(page, TextResponse) and page.status >= 400 else None
        reason = next((words(one.get("reason")) for one in rows(dig(found, "error", "errors"))), "")
        said = words(dig(found, "error", "message"))[:200]
        what = f"{page.url} says: {reason} {re.sub('<[^>]+>', '', said)}".strip()
        if reason in {
            "quotaExceeded",
            "rateLimitExceeded",
            "userRateLimitExceeded",
            "dailyLimitExceeded",
        }:
            return PageFailed(Outcome.RATE_LIMITED, what, retry_after_s=_TILL_MIDNIGHT_S)
        if reason in {"commentsDisabled", "videoNotFound", "channelNotFound", "commentNotFound"}:
            return PageFailed(Outcome.GONE, what)
        if reason or found is not None:
            return PageFailed(Outcome.REFUSED, f"{what}; check QUIETWORD_YOUTUBE_KEY")
        return None

    def thread_of(self, url: str) -> str | None:
        """Return the id of the comment that ``url`` shows."""
        return query_of(self.entry(url), "id")

    def read(self, page: TextResponse, options: ReadOptions) -> Reading:
        """Return a video's comments with their answers, one comment, or all answers to it.

        Raises ``PageChanged`` for JSON of another shape.
        """
        found = required(page)
        if dig(found, "kind") == "youtube#commentListResponse":
            return _answers(page.url, found, options)
        if isinstance(dig(found, "items"), list):
            listed = _threads(page.url, found, options)
            return _alone(listed, page.url) if query_of(page.url, "id") else listed
        raise PageChanged("an answer of YouTube without items")


_LIST = "part=snippet,replies&maxResults=100&order=time&textFormat=plainText"


def _comment(root: str, number: str) -> str:
    kept = "part=snippet,replies&textFormat=plainText"
    return f"{root}/youtube/v3/commentThreads?{kept}&id={quote(number, safe='')}"


def _alone(listed: Reading, url: str) -> Reading:
    """Return the one comment that was asked for as a thread; more answers are its next pages."""
    row = next(iter(listed.threads), None)
    if row is None:
        raise PageFailed(Outcome.GONE, f"{url} is a comment that was deleted")
    return Reading(
        kind=Kind.THREAD,
        thread_id=row.thread_id,
        thread_title=row.title,
        thread_url=listed.posts[0].url,
        posts=tuple(replace(post, thread=None) for post in listed.posts),
        next_page=None if row.complete else row.url,
        unreadable=listed.unreadable,
        nested=True,
    )


def _following(url: str, found: dict[str, Any]) -> str | None:
    token = found.get("nextPageToken")
    return with_query(url, pageToken=token) if isinstance(token, str) and token else None


def _threads(url: str, found: dict[str, Any], options: ReadOptions) -> Reading:
    posts: list[PostItem] = []
    made: dict[str, ThreadRef] = {}
    unreadable = 0
    for item in rows(found["items"]):
        top = dig(item, "snippet", "topLevelComment")
        video = words(dig(item, "snippet", "videoId"))
        first = _post(top, video, options)
        if first is None:
            unreadable += 1
            continue
        answers = count(dig(item, "snippet", "totalReplyCount")) or 0
        below = [_post(one, video, options) for one in rows(dig(item, "replies", "comments"))]
        title = title_of(first.text)
        shown = ThreadRef(thread_id=first.post_id, title=title, url=first.url)
        here = [first, *(post for post in below if post is not None)]
        posts += [replace(post, thread=shown) for post in here]
        updated = words(dig(top, "snippet", "updatedAt"))
        parent = quote(first.post_id, safe="")
        made[first.post_id] = replace(
            shown,
            url=f"{origin(url)}/youtube/v3/comments?part=snippet&maxResults=100"
            f"&textFormat=plainText&parentId={parent}&videoId={quote(video, safe='')}",
            last_posted_at=first.posted_at,
            posts=answers + 1,
            stamp=f"{answers} {updated}",
            complete=len(here) == answers + 1,
        )
    board = query_of(url, "videoId") or query_of(url, "allThreadsRelatedToChannelId")
    return Reading(
        kind=Kind.BOARD,
        board_id=board,
        board_title=f"YouTube {board}" if board else "YouTube",
        posts=tuple(posts),
        threads=threads_of(posts, made),
        next_page=_following(url, found),
        unreadable=unreadable,
    )


def _answers(url: str, found: dict[str, Any], options: ReadOptions) -> Reading:
    """Return answers to a comment, which itself stands on the page that lists it."""
    video = query_of(url, "videoId") or ""
    made = [_post(one, video, options) for one in rows(found.get("items"))]
    posts = tuple(post for post in made if post is not None)
    top = query_of(url, "parentId") or next(
        (words(dig(one, "snippet", "parentId")) for one in rows(found.get("items"))), None
    )
    return Reading(
        kind=Kind.THREAD,
        thread_id=top,
        thread_url=_shown(video, top) if top else None,
        posts=posts,
        next_page=_following(url, found),
        unreadable=len(made) - len(posts),
        nested=True,
    )


def _shown(video: str, number: str) -> str:
    return f"{SITE}/watch?v={quote(video, safe='')}&lc={quote(number, safe='')}"


def _post(comment: Any, video: str, options: ReadOptions) -> PostItem | None:
    number, said = words(dig(comment, "id")), dig(comment, "snippet")
    author = words(dig(said, "authorDisplayName"))
    text = dig(said, "textOriginal")
    text = text if isinstance(text, str) else dig(said, "textDisplay")
    if not number or not author or not isinstance(text, str):
        return None
    channel = words(dig(said, "authorChannelId", "value"))
    profile = f"{SITE}/channel/{quote(channel, safe='')}" if channel else None
    published, updated = dig(said, "publishedAt"), dig(said, "updatedAt")
    return PostItem(
        post_id=number,
        number=None,
        url=_shown(words(dig(said, "videoId")) or video, number),
        author=author,
        author_id=channel or None,
        posted_at=machine_time(published, options),
        edited=bool(updated and updated != published),
        text="\n".join(words(line) for line in text.strip().splitlines()),
        private_message_url=profile,
        profile_url=profile,
    )
