"""Public Telegram channels, from the preview at t.me/s/.

Written in November 2026 after the preview's known markup.
"""

import re
from dataclasses import replace
from typing import ClassVar
from urllib.parse import quote, urljoin, urlsplit

from lxml.etree import _Element as Element  # type: ignore[import-untyped]  # has no types
from parsel import Selector
from scrapy.http import TextResponse

from spiders.addresses import origin, same_site
from spiders.base import (
    Engine,
    Evidence,
    Gives,
    Kind,
    PageChanged,
    PostItem,
    Quote,
    Reading,
    ReadOptions,
    ThreadRef,
)
from spiders.body import is_json, readable
from spiders.dates import machine_time
from spiders.outcome import Outcome, PageFailed
from spiders.social.answers import title_of
from spiders.text import ATTACHMENT, classes, plain, read_words

SITE = "https://t.me"
_HOSTS = {"t.me", "telegram.me", "telegram.dog"}
_CHANNEL = re.compile(r"^/(?:s/)?(\w{4,32})(?:/(\d+))?/?$")
_POST = re.compile(r"^(\w{4,32})/(\d+)$")
_MEDIA = (
    ".tgme_widget_message_photo_wrap, .tgme_widget_message_video_player, "
    ".tgme_widget_message_document, .tgme_widget_message_voice, .tgme_widget_message_sticker_wrap, "
    ".tgme_widget_message_poll, .tgme_widget_message_roundvideo_player"
)


class Telegram(Engine):
    """Read a public channel; each message is a thread of its own."""

    name: ClassVar[str] = "telegram"
    marks: ClassVar[str] = "t.me, classes tgme_..."
    gives: ClassVar[Gives] = Gives(
        product="Telegram (public channels)",
        addresses="a channel, a message of one",
        means="HTML preview (t.me/s/); a message as other sites embed it; no key",
        posts="messages of the channel; no comments, no groups; of one message not its neighbours",
        authors="the channel, or who signed the message",
        times="exact",
        edits="yes",
        deletions="a message missing between others, or at its own address, twice",
        private="the channel's page",
        incremental="newest page first, up to the first page without news",
    )

    def claims(self, url: str) -> bool:
        """Return whether the address is of Telegram's preview."""
        return urlsplit(url).hostname in _HOSTS

    def recognise(self, page: TextResponse) -> list[Evidence]:
        """Return the hint of the preview on ``page``."""
        if not is_json(page) and page.css("[class^=tgme_]"):
            return [Evidence(hint="the page has classes tgme_...", weight=1.0)]
        return []

    def entry(self, url: str) -> str:
        """Return the address of a channel's preview, or of one message as other sites embed it."""
        parts = urlsplit(url)
        found = _CHANNEL.match(parts.path)
        if found is None or parts.hostname not in _HOSTS:
            return url
        if found[2]:
            return _message(SITE, f"{found[1]}/{found[2]}")
        return url if parts.path.startswith("/s/") else f"{SITE}/s/{found[1]}"

    def thread_of(self, url: str) -> str | None:
        """Return the id of the message that ``url`` shows."""
        found = _CHANNEL.match(urlsplit(url).path)
        return f"{found[1]}/{found[2]}" if found and found[2] else None

    def again(self, thread_id: str, url: str, source: str) -> str:  # noqa: ARG002
        """Return the address of a message, on the host of ``source``."""
        return _message(origin(self.entry(source)), thread_id)

    def read(self, page: TextResponse, options: ReadOptions) -> Reading:
        """Return a page of messages, or one as other sites embed it.

        Raises ``PageChanged`` when there is no preview, ``PageFailed`` for a message that is gone.
        """
        page = readable(page)
        if (number := self.thread_of(page.url)) is not None:
            return _alone(page, number, options)
        channel = page.css(".tgme_channel_info_header_username a::attr(href)").get() or page.url
        name = urlsplit(channel).path.rpartition("/")[2]
        messages = page.css(".tgme_widget_message[data-post]")
        if not messages and not page.css(".tgme_channel_info, .tgme_channel_history"):
            raise PageChanged(
                "no preview: the channel is private, a group, or does not exist under this name"
            )
        spoken = [one for one in messages if "service_message" not in classes(one.root)]
        made = [_post(one, options) for one in spoken]
        posts = tuple(post for post in made if post is not None)
        before = page.css(".tme_messages_more[data-before]::attr(data-before)").get()
        older = page.css("link[rel=prev]::attr(href)").get()
        following = urljoin(page.url, older) if older else None
        if following is None and before:
            following = f"{origin(page.url)}{urlsplit(page.url).path}?before={quote(before)}"
        title = page.css(".tgme_channel_info_header_title")
        return Reading(
            kind=Kind.BOARD,
            board_id=name or None,
            board_title=plain(title[0].root) if title else None,
            posts=posts,
            # Newest first, as a board lists its threads.
            threads=tuple(post.thread for post in reversed(posts) if post.thread),
            next_page=following if following and same_site(following, page.url) else None,
            unreadable=made.count(None),
            gapless=True,
        )


def _message(root: str, number: str) -> str:
    return f"{root}/{number}?embed=1"


def _alone(page: TextResponse, number: str, options: ReadOptions) -> Reading:
    """Return the message ``number`` as a thread; it is compared without case, as Telegram does."""
    messages = page.css(".tgme_widget_message[data-post]")
    made = [_post(one, options) for one in messages]
    post = next((one for one in made if one and one.post_id.lower() == number.lower()), None)
    if post is None or post.thread is None:
        if said := page.css(".tgme_widget_message_error"):
            raise PageFailed(Outcome.GONE, f"{page.url} says: {plain(said[0].root)[:100]}")
        raise PageChanged("no such message: it was deleted, or its channel is private")
    return Reading(
        kind=Kind.THREAD,
        board_id=number.partition("/")[0],
        thread_id=post.post_id,
        thread_title=post.thread.title,
        thread_url=post.url,
        posts=(replace(post, thread=None),),
    )


def _post(one: Selector, options: ReadOptions) -> PostItem | None:
    found = _POST.match(one.attrib.get("data-post", ""))
    owner = one.css(".tgme_widget_message_owner_name")
    signed = one.css(".tgme_widget_message_from_author")
    if found is None or not (owner or signed):
        return None
    channel, number = found[1], found[2]
    body = one.css(".tgme_widget_message_text:not(.tgme_widget_message_reply *)")
    text = read_words(body[-1].root, _own_words).text if body else ""
    if not text and one.css(_MEDIA):
        text = ATTACHMENT
    reply = one.css(".tgme_widget_message_reply")
    quotes: tuple[Quote, ...] = ()
    if reply and (said := reply.css(".tgme_widget_message_text, .js-message_reply_text")):
        who = reply.css(".tgme_widget_message_author_name")
        quotes = (Quote(author=plain(who[0].root) if who else None, text=plain(said[-1].root)),)
    when = machine_time(one.css(".tgme_widget_message_date time::attr(datetime)").get(), options)
    meta = one.css(".tgme_widget_message_meta")
    edited = bool(meta) and "edited" in plain(meta[0].root).lower()
    shown = f"{SITE}/{channel}/{number}"
    author = plain((signed or owner)[0].root)
    return PostItem(
        post_id=f"{channel}/{number}",
        number=1,
        url=shown,
        author=author,
        author_id=channel if not signed else None,
        author_handle=channel if not signed else None,
        posted_at=when,
        edited=edited,
        text=text,
        quotes=quotes,
        private_message_url=f"{SITE}/{channel}",
        profile_url=f"{SITE}/{channel}",
        thread=ThreadRef(
            thread_id=f"{channel}/{number}",
            title=title_of(text),
            url=shown,
            last_posted_at=when,
            posts=1,
            stamp=f"{edited} {len(text)} {text[:40]}",
            complete=True,
        ),
    )


def _own_words(element: Element) -> str | None:
    """Give an emoji its character; Telegram draws it as a picture in a tag of its own."""
    if element.tag == "i" and "emoji" in classes(element):
        return plain(element)
    return None
