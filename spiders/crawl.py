"""One crawl of one site, from an address to threads handed over and a report.

``crawl`` runs in the process it is called in and can do so once: Twisted's reactor does not
start twice. Callers give each crawl a process of its own, which also bounds what it can break.
"""

import logging
import re
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any
from urllib.parse import urldefrag

from scrapy.crawler import AsyncCrawlerProcess
from scrapy.http import TextResponse

from models.errors import QuietwordError
from spiders import guard
from spiders.access import Pass, masked, passes
from spiders.base import Engine, Kind, PageChanged
from spiders.clock import Told
from spiders.detect import claimed, engine_named
from spiders.outcome import Outcome, PageFailed
from spiders.settings import scrapy_settings
from spiders.settling import Habits
from spiders.spec import CrawlReport, CrawlSpec
from spiders.spider import ForumSpider, Progress, Trouble
from spiders.thread_walk import THREAD_PAGES
from spiders.walk import (
    Known,
    ListMark,
    Lists,
    Tally,
    ThreadItem,
    ThreadMark,
    Walk,
)

__all__ = [
    "ContactMissing",
    "CrawlReport",
    "CrawlSpec",
    "Habits",
    "Known",
    "ListMark",
    "Lists",
    "Outcome",
    "Progress",
    "ThreadItem",
    "ThreadMark",
    "Told",
    "Trouble",
    "crawl",
]

logger = logging.getLogger(__name__)

UNREADABLE_SHARE = 0.1
"""Above this share of messages seen but not understood, the markup has changed."""


class ContactMissing(QuietwordError):
    """A public site is not read by nobody: set QUIETWORD_CONTACT or --contact."""


def crawl(
    spec: CrawlSpec,
    *,
    known: Known,
    sink: Callable[[ThreadItem], None],
    progress: Callable[[Progress], None] | None = None,
    engines: Mapping[str, Engine] | None = None,
    lists: Lists | None = None,
    trouble: Callable[[Trouble], None] | None = None,
    start_page: Callable[[TextResponse], None] | None = None,
) -> CrawlReport:
    """Read ``spec.address``, hand each thread that was read to ``sink``, and say how it went.

    ``sink`` is called in this process, between two requests, once per thread. SIGTERM and SIGINT
    end the crawl after the call that is under way. ``engines`` replaces those of the folder.
    ``lists`` remembers what lists were like; ``trouble`` is given pages that could not be read,
    ``start_page`` the page a first look reads, before it is read.
    Raises ``ContactMissing``, ``KeyMissing``, ``UnknownEngine`` for a name, ``ReadOptionError`` for
    a selector that the engine has not, and whatever ``sink``,
    ``known`` or ``progress`` raise; everything the site does is an outcome.
    """
    started = time.monotonic()
    engine = engine_named(spec.engine, engines) if spec.engine else None
    if engine is None and engines is None:
        engine = claimed(spec.address)
    used: tuple[Pass, ...] = ()
    spider: ForumSpider | None = None
    received = 0
    try:
        local = _admit(spec)
    except PageFailed as error:
        ended: BaseException | None = error
    else:
        if engine is not None:
            engine.refuse_selectors(spec.options.selectors)
            engine = engine.with_keys(spec.keys)
            used = passes(engine, spec.keys, address=spec.address, local=local)
        spider, received = _run(
            spec,
            engine,
            known,
            sink,
            progress,
            lists,
            trouble,
            start_page,
            delay=not local,
            used=used,
        )
        ended = _ending(spec, spider)
    report = _report(spec, spider, ended, bytes_=received, seconds=time.monotonic() - started)
    report = replace(
        report,
        message=masked(report.message, used),
        notes=tuple(masked(note, used) for note in report.notes),
    )
    logger.info(
        "%s: %s after %d pages, %d threads, %d posts, %.1f s",
        spec.address,
        report.outcome,
        report.pages,
        report.threads,
        report.posts,
        report.seconds,
    )
    return report


def _admit(spec: CrawlSpec) -> bool:
    """Return whether the site is on this machine; raise when it may not be crawled."""
    if spec.contact is not None and not re.fullmatch(r"[!-~]*[@.:/][!-~]*", spec.contact):
        raise ContactMissing(
            f"the contact {spec.contact!r} is neither an e-mail address nor a web page; "
            "set QUIETWORD_CONTACT or --contact to one"
        )
    allow = spec.allow_private_addresses
    parts = guard.split(spec.address, allow_private=allow)
    host = parts.hostname or ""
    missing = ContactMissing(
        f"{host} is a public site: set QUIETWORD_CONTACT or --contact to the e-mail address or "
        "page by which its owner can reach you; it is sent with every request"
    )
    if spec.contact is None and not allow:
        raise missing  # before its name is looked up: no other site could be read either
    addresses = guard.resolve(host, parts.port or (443 if parts.scheme == "https" else 80))
    guard.judge(host, addresses, allow_private=allow)
    if spec.contact is None and any(map(guard.is_public, addresses)):
        raise missing
    return all(map(guard.is_loopback, addresses))


def _run(
    spec: CrawlSpec,
    engine: Engine | None,
    known: Known,
    sink: Callable[[ThreadItem], None],
    progress: Callable[[Progress], None] | None,
    lists: Lists | None,
    trouble: Callable[[Trouble], None] | None,
    start_page: Callable[[TextResponse], None] | None,
    *,
    delay: bool,
    used: tuple[Pass, ...],
) -> tuple[ForumSpider | None, int]:
    """Run the reactor until the crawl ends; return the spider and the bytes received."""
    # The whole budget for a thread given by its address; half for one on a board, so that a
    # crawl that begins with a long thread always gets to its end.
    budget = spec.max_pages or 2 * THREAD_PAGES

    def make_walk(spider: ForumSpider, found: Engine) -> Walk:
        lone = spider.first is not None and spider.first.kind is Kind.THREAD
        return Walk(
            read=spider.read,
            known=known,
            sink=sink,
            engine=found.name,
            since=spec.since,
            behind=spec.behind,
            thread_pages=max(1, min(THREAD_PAGES, budget - 1 if lone else budget // 2)),
            language=spec.options.language,
            tally=spider.tally,
            lists=lists,
            read_if_changed=spider.read,
            validators=spider.version,
            again=lambda row: found.again(row.thread_id, row.url, spec.address),
        )

    settings = scrapy_settings(
        address=spec.address,
        contact=spec.contact,
        delay_s=spec.delay_s if delay else 0.0,
        allow_private=spec.allow_private_addresses,
        timeout_s=spec.timeout_s,
        max_wait_s=spec.max_wait_s,
        api_hosts=engine.api_hosts if engine is not None else frozenset(),
        passes=used,
    )
    process = AsyncCrawlerProcess(settings)
    for noisy in ("scrapy", "twisted"):
        logging.getLogger(noisy).setLevel(logging.ERROR)
    crawler = process.create_crawler(ForumSpider)
    task = process.crawl(
        crawler,
        address=urldefrag(spec.address).url,
        engine=engine,
        options=spec.options,
        max_pages=spec.max_pages,
        max_seconds=spec.max_seconds,
        max_wait_s=spec.max_wait_s,
        keys=spec.keys,
        make_walk=None if spec.only_first_page else make_walk,
        progress=progress,
        settle=spec.settle,
        told=spec.told,
        threads=spec.threads,
        start_mark=_start_mark(spec, engine, lists),
        trouble=trouble,
        start_page=start_page,
    )
    process.start()
    if task.done() and not task.cancelled():
        task.result()  # a fault in starting up
    spider: Any = crawler.spider
    return spider, int(crawler.stats.get_value("downloader/response_bytes", 0))


def _start_mark(spec: CrawlSpec, engine: Engine | None, lists: Lists | None) -> ListMark | None:
    """Return what the start page was like, where it may be taken at its word."""
    if lists is None or engine is None or spec.behind:
        return None
    return lists.list_mark(engine.entry(urldefrag(spec.address).url))


def _ending(spec: CrawlSpec, spider: ForumSpider | None) -> BaseException | None:
    """Return the failure that ended the crawl, if one did; raise what is not the site's doing."""
    work = spider.work if spider is not None else None
    if spider is None or work is None or work.cancelled() or not work.done():
        return PageFailed(Outcome.INTERRUPTED, f"the crawl of {spec.address} was told to stop")
    error = work.exception()
    if isinstance(error, PageFailed | PageChanged):
        return error
    if error is not None:
        raise error
    if spider.out_of_time:
        what = f"{spec.address} took longer than {spec.max_seconds:.0f} s"
        return PageFailed(Outcome.INTERRUPTED, what)
    return None


def _report(
    spec: CrawlSpec,
    spider: ForumSpider | None,
    ended: BaseException | None,
    *,
    bytes_: int,
    seconds: float,
) -> CrawlReport:
    tally = spider.tally if spider is not None else Tally()
    first = spider.first if spider is not None else None
    engine = spider.engine if spider is not None else None
    if isinstance(ended, PageFailed):
        outcome, message = ended.outcome, str(ended)
    elif ended is not None:
        outcome = Outcome.MARKUP_CHANGED
        message = f"{str(ended).rstrip('.')}. {outcome.advice}"
    else:
        outcome, message = _judge(spec, tally)
    return CrawlReport(
        outcome=outcome,
        message=message,
        engine=engine.name if engine is not None else spec.engine,
        evidence=spider.evidence if spider is not None else (),
        kind=first.kind if first is not None else None,
        title=(first.thread_title or first.board_title) if first is not None else None,
        boards=tally.boards,
        listed=tally.listed,
        pages=tally.pages,
        threads=tally.threads,
        posts=tally.posts,
        unreadable=tally.unreadable,
        skipped_unchanged=tally.skipped_unchanged,
        lists_unchanged=tally.lists_unchanged,
        list_pages=tally.list_pages,
        authors=tally.authors,
        dated=tally.dated,
        habits=spider.habits if spider is not None else Habits(),
        bytes=bytes_,
        retry_after_s=ended.retry_after_s if isinstance(ended, PageFailed) else None,
        # Cut short: what was behind stays so, and what was read moved the front.
        behind=tally.behind or (ended is not None and (spec.behind or tally.threads > 0)),
        seconds=seconds,
        notes=tuple(tally.notes),
    )


def _judge(spec: CrawlSpec, tally: Tally) -> tuple[Outcome, str]:
    """Return what a crawl that came to its end amounts to, and the sentence for it."""
    seen = tally.posts + tally.unreadable
    if tally.unreadable > UNREADABLE_SHARE * seen:
        outcome = Outcome.MARKUP_CHANGED
        what = f"{tally.unreadable} of {seen} messages at {spec.address} could not be read"
        return outcome, f"{what}. {outcome.advice}"
    failed = tally.failures.total()
    worst, times = next(iter(tally.failures.most_common(1)), (Outcome.OK, 0))
    read = tally.threads + tally.skipped_unchanged + tally.lists_unchanged
    changed = tally.failures[Outcome.MARKUP_CHANGED]
    if failed and (not read or changed > UNREADABLE_SHARE * (read + changed)):
        outcome = Outcome.MARKUP_CHANGED if read else worst
        why = tally.notes[0] if tally.notes else worst
        what = f"{failed} pages at {spec.address} could not be read ({why})"
        return outcome, f"{what}. {outcome.advice}"
    if spec.only_first_page and (tally.boards or tally.listed or seen):
        what = f"{tally.boards} boards, {tally.listed} threads, {seen} messages"
        return Outcome.OK, f"{spec.address} shows {what}."
    if not (tally.listed or tally.threads or tally.lists_unchanged):
        outcome = Outcome.EMPTY
        return outcome, f"{spec.address} lists no threads. {outcome.advice}"
    what = (
        f"{tally.threads} threads with {tally.posts} messages read, "
        f"{tally.skipped_unchanged} unchanged"
    )
    if tally.lists_unchanged:
        what += f"; {tally.lists_unchanged} lists as they were"
    if failed:
        what += f"; {failed} pages left out, most of them {worst} ({times})"
    if tally.behind:
        what += "; the next crawl goes on"
    return Outcome.OK, f"{what}."
