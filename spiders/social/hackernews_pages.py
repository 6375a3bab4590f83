"""Pages of news.ycombinator.com, as they were in 2013 and as they are."""

import re
from datetime import datetime
from urllib.parse import quote, urljoin

from parsel import Selector
from scrapy.http import TextResponse

from spiders.addresses import parameter
from spiders.base import Kind, PageChanged, PostItem, Reading, ReadOptions, ThreadRef
from spiders.body import readable
from spiders.dates import machine_time, shown_time
from spiders.social.marked import without_marked_quotes
from spiders.text import Words, plain, read_words

_SITE = "https://news.ycombinator.com"
_COMMENTS = re.compile(r"(\d+)\s+comments?")


def is_page(page: TextResponse) -> bool:
    """Return whether ``page`` is one of Hacker News': its title and its scripts of votes."""
    head = page.text[:6000]
    return "| Hacker News</title>" in head.replace("\n", "") or (
        "<title>Hacker News</title>" in head and "news.css" in head
    )


def read_page(page: TextResponse, options: ReadOptions) -> Reading:
    """Return a thread's submission and comments in the page's order, or a list of submissions.

    Raises ``PageChanged`` when there is neither.
    """
    page = readable(page)
    root = page.selector
    title = " ".join((root.xpath("string(//title)").get() or "").split())
    title = title.removesuffix("| Hacker News").strip()
    more = root.xpath("//a[@class='morelink' or normalize-space()='More']/@href").get()
    following = urljoin(page.url, more) if more else None
    comments = _comments(root)
    listed = [row for row in root.css("td.title a, .titleline > a") if _row(row) is not None]
    if len(listed) > 1 and not comments:
        return _list(page.url, root, following)
    opener = _submission(root, options)
    posts = [_comment(one, options) for one in comments]
    read = [post for post in posts if post is not None]
    if not read and opener is None:
        raise PageChanged("a page of Hacker News without a submission or comments")
    number = opener.post_id if opener else parameter(page.url, "id")
    return Reading(
        kind=Kind.THREAD,
        thread_id=number,
        thread_title=title or None,
        thread_url=f"{_SITE}/item?id={number}" if number else None,
        posts=(opener, *read) if opener else tuple(read),
        next_page=following,
        nested=True,
        language="en",
    )


def _comments(root: Selector) -> list[Selector]:
    return root.css("tr.comtr") or root.xpath(
        "//td[contains(@class, 'default')][.//span[@class='comhead']]"
    )


def _comment(one: Selector, options: ReadOptions) -> PostItem | None:
    """Return a comment; ``None`` for one that is deleted, dead or has no author."""
    said = one.css(".commtext, span.comment")
    author = one.css(".comhead a[href^='user?id=']")
    link = one.xpath(".//*[contains(@class, 'comhead')]//a[starts-with(@href, 'item?id=')]/@href")
    number = one.attrib.get("id") or parameter(link.get() or "", "id")
    head = plain(one.css(".comhead")[0].root) if one.css(".comhead") else ""
    if not said or not author or not number or re.search(r"\[(?:dead|deleted|flagged)\]", head):
        return None
    body = said[0].root
    for reply in said[0].css(".reply"):
        reply.root.getparent().remove(reply.root)
    words = without_marked_quotes(read_words(body))
    return _post(number, plain(author[0].root), words, _when(one, head, options))


def _submission(root: Selector, options: ReadOptions) -> PostItem | None:
    """Return what a thread begins with; ``None`` on its later pages."""
    line = root.css("table.fatitem .subline, table.fatitem .subtext") or root.xpath(
        "(//td[@class='subtext'])[1]"
    )
    if not line:
        return None
    author = line[0].css("a[href^='user?id=']")
    link = line[0].xpath(".//a[starts-with(@href, 'item?id=')]/@href").getall()
    number = next(filter(None, (parameter(one, "id") for one in link)), None)
    if not author or not number:
        return None
    body = root.css("table.fatitem .toptext") or line[0].xpath(
        "ancestor::table[1]//tr[last()][not(td[@class='subtext']) and not(.//form)]/td[last()]"
    )
    text = read_words(body[0].root) if body else Words(text="", quotes=())
    when = _when(line[0], plain(line[0].root), options)
    return _post(number, plain(author[0].root), text, when, number_in=1)


def _when(one: Selector, head: str, options: ReadOptions) -> datetime | None:
    exact = one.css(".age::attr(title)").get()
    if exact:
        parts = exact.split()
        return machine_time(parts[-1] if len(parts) > 1 else f"{parts[0]}Z", options)
    found = re.search(r"\d+ (?:minute|hour|day|month|year)s? ago", head)
    return shown_time(found[0], options, "en") if found else None


def _post(
    number: str, author: str, said: Words, when: datetime | None, number_in: int | None = None
) -> PostItem:
    profile = f"{_SITE}/user?id={quote(author, safe='')}"
    return PostItem(
        post_id=number,
        number=number_in,
        url=f"{_SITE}/item?id={number}",
        author=author,
        author_id=author,
        posted_at=when,
        edited=False,
        text=said.text,
        quotes=said.quotes,
        private_message_url=profile,
        profile_url=profile,
    )


def _row(link: Selector) -> Selector | None:
    """Return the line under a submission's title in a list."""
    line = link.xpath("ancestor::tr[1]/following-sibling::tr[1]//td[contains(@class, 'subtext')]")
    return line[0] if line else None


def _list(url: str, root: Selector, following: str | None) -> Reading:
    threads: list[ThreadRef] = []
    for link in root.css("td.title > a, .titleline > a"):
        line = _row(link)
        if line is None:
            continue
        numbers = line.xpath(".//a[starts-with(@href, 'item?id=')]/@href").getall()
        number = next(filter(None, (parameter(one, "id") for one in numbers)), None)
        if number is None:
            continue
        said = plain(line.root)
        found = _COMMENTS.search(said)
        threads.append(
            ThreadRef(
                thread_id=number,
                title=plain(link.root),
                url=urljoin(url, f"item?id={number}"),
                last_posted_at=None,
                posts=int(found[1]) + 1 if found else None,
            )
        )
    return Reading(
        kind=Kind.BOARD,
        board_title="Hacker News",
        threads=tuple(threads),
        next_page=following,
        language="en",
    )
