"""Stack Exchange through its API 2.3: tags, searches, and questions with answers and comments.

Written in November 2026 after the API's documentation. Texts are CC BY-SA.
"""

import re
from typing import Any, ClassVar
from urllib.parse import quote, unquote, urlsplit

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
    ident,
    query_of,
    required,
    rows,
    threads_of,
    unescaped,
    with_query,
    words,
)
from spiders.text import words_of

API = "https://api.stackexchange.com/2.3"
_OWN = {"stackoverflow", "superuser", "serverfault", "askubuntu", "stackapps"}
_QUESTION = re.compile(r"/(?:questions|q)/(\d+)(?:/|$)")
_ANSWER = re.compile(r"/a/(\d+)(?:/|$)")
_TAG = re.compile(r"/questions/tagged/([^/]+)/?$")
_API_QUESTION = re.compile(r"/2\.3/questions/(\d+)(?:/(answers|comments))?$")
_WAIT = re.compile(r"available in (\d+) seconds")
_DAY_S = 86_400.0


class StackExchange(Engine):
    """Read a Stack Exchange site; a question with its answers is a thread, a tag a board."""

    name: ClassVar[str] = "stackexchange"
    marks: ClassVar[str] = "stackoverflow.com and its sister sites, or the API's JSON"
    api_hosts: ClassVar[frozenset[str]] = frozenset({"api.stackexchange.com"})
    keys: ClassVar[tuple[Key, ...]] = (
        Key(
            setting="stackexchange_key",
            what="an API key from https://stackapps.com/apps/oauth/register (10,000 requests a "
            "day instead of 300)",
            hosts=api_hosts,
            parameter="key",
            required=False,
        ),
    )
    gives: ClassVar[Gives] = Gives(
        product="Stack Exchange",
        addresses="a site, a tag, a search, a question",
        means="JSON (API 2.3); key optional",
        posts="question, answers and the question's comments",
        authors="name, id",
        times="exact",
        edits="yes (not of comments)",
        private="none: the author's profile; answer in public",
        incremental="questions by last activity, up to the first page without news",
    )

    def claims(self, url: str) -> bool:
        """Return whether the address is of Stack Exchange."""
        host = urlsplit(url).hostname or ""
        return host in self.api_hosts or _site_of(host) is not None

    def recognise(self, page: TextResponse) -> list[Evidence]:
        """Return the hint of the API on ``page``: its wrapper around the items."""
        found = answer(page)
        if (
            isinstance(found, dict)
            and "quota_remaining" in found
            and ("items" in found or "error_id" in found)
        ):
            return [Evidence(hint="the JSON is wrapped as Stack Exchange's", weight=1.0)]
        if any("question_id" in one and "owner" in one for one in rows(dig(found, "items"))):
            return [Evidence(hint="the JSON lists questions of Stack Exchange", weight=1.0)]
        return []

    def entry(self, url: str) -> str:
        """Return the address of the API for a question, a tag, a search or a site."""
        parts = urlsplit(url)
        site = _site_of(parts.hostname or "")
        if site is None:
            return url
        if found := _TAG.search(parts.path):
            tag = quote(unquote(found[1]), safe="")
            return f"{API}/questions?tagged={tag}&{_LIST}&site={site}"
        if found := _QUESTION.search(parts.path):
            return f"{API}/questions/{found[1]}?filter=withbody&site={site}"
        if found := _ANSWER.search(parts.path):
            return f"{API}/answers/{found[1]}/questions?filter=withbody&site={site}"
        if parts.path.rstrip("/") == "/search":
            text = quote(query_of(url, "q") or "", safe="")
            return (
                f"{API}/search/excerpts?q={text}&sort=activity&order=desc&pagesize=100&site={site}"
            )
        return f"{API}/questions?{_LIST}&site={site}"

    def thread_of(self, url: str) -> str | None:
        """Return the id of the question that ``url`` shows."""
        found = _API_QUESTION.search(urlsplit(self.entry(url)).path)
        return found[1] if found else None

    def again(self, thread_id: str, url: str, source: str) -> str:  # noqa: ARG002
        """Return the API's address of a question, on the host of ``source``."""
        asked = self.entry(source)
        return _question(asked, query_of(asked, "site") or "stackoverflow", thread_id)

    def refusal(self, page: Response) -> PageFailed | None:
        """Say what the API's errors mean; it sends them with status 400."""
        found = answer(page) if isinstance(page, TextResponse) else None
        if dig(found, "error_id") is None or not isinstance(found, dict):
            return None
        said = words(found.get("error_message"))
        name = words(found.get("error_name"))
        if name == "throttle_violation" or found.get("error_id") == 502:
            wait = _WAIT.search(said)
            after = float(wait[1][:8]) if wait else None
            return PageFailed(Outcome.RATE_LIMITED, f"{page.url} says: {said}", retry_after_s=after)
        if name in {"bad_parameter", "no_method"} and "key" not in said:
            return PageFailed(Outcome.GONE, f"{page.url} says: {said}")
        if "key" in said:
            return PageFailed(
                Outcome.REFUSED, f"{page.url} says: {said}; see QUIETWORD_STACKEXCHANGE_KEY"
            )
        return PageFailed(Outcome.UNREACHABLE, f"{page.url} says: {said}")

    def rest_s(self, page: TextResponse) -> float:
        """Return the ``backoff`` that the answer asks for, or a day when the quota is spent."""
        found = answer(page)
        backoff = dig(found, "backoff")
        if dig(found, "quota_remaining") == 0:
            return _DAY_S
        return float(backoff) if isinstance(backoff, int) and 0 < backoff < _DAY_S else 0.0

    def read(self, page: TextResponse, options: ReadOptions) -> Reading:
        """Return what a list, a search, a question, its answers or its comments tell.

        Raises ``PageChanged`` for JSON of another shape, ``PageFailed`` for one that is gone.
        """
        found = required(page)
        if not isinstance(dig(found, "items"), list):
            raise PageChanged("an answer of Stack Exchange without items")
        view = _View(page.url, options)
        items = list(rows(found["items"]))
        more = found.get("has_more") is True
        here = _API_QUESTION.search(urlsplit(page.url).path)
        if here and here[2]:
            return view.below(items, here[1], here[2], more=more)
        if here or (urlsplit(page.url).path.endswith("/questions") and "/answers/" in page.url):
            if not items:
                raise PageFailed(Outcome.GONE, f"{page.url} is a question that was deleted")
            return view.question(items[0])
        if items and all("answer_id" in one and "owner" in one for one in items):
            return view.below(items, ident(items[0].get("question_id")) or "", "answers", more=more)
        return view.list(items, more=more)


_LIST = "sort=activity&order=desc&pagesize=100&filter=withbody"


def _site_of(host: str) -> str | None:
    """Return what the API calls the site at ``host``."""
    host = host.removeprefix("www.")
    if host.endswith(".stackexchange.com") and host != "api.stackexchange.com":
        return host.removesuffix(".stackexchange.com")
    if host == "mathoverflow.net":
        return host
    name = host.removesuffix(".com")
    if host.endswith(".com") and (name in _OWN or re.fullmatch(r"\w\w\.stackoverflow", name)):
        return name
    return None


def _host_of(site: str) -> str:
    if "." in site and not site.endswith(".stackoverflow"):
        return site
    own = site in _OWN or site.endswith(".stackoverflow")
    return f"{site}.com" if own else f"{site}.stackexchange.com"


def _below(question: dict[str, Any]) -> str:
    """Return what to ask for under a question: its answers, or its comments if it has none."""
    return "comments" if count(question.get("answer_count")) == 0 else "answers"


def _question(asked: str, site: str, number: str, below: str | None = None) -> str:
    """Return the address of a question, or of what stands ``below`` it, on the host ``asked``."""
    root = f"{origin(asked)}/2.3/questions/{quote(number, safe='')}"
    kept = f"filter=withbody&site={quote(site, safe='')}"
    if below is None:
        return f"{root}?{kept}"
    return f"{root}/{below}?order=asc&sort=creation&pagesize=100&{kept}"


class _View:
    """One answer being read."""

    def __init__(self, url: str, options: ReadOptions) -> None:
        self._url = url
        self._options = options
        self._site = query_of(url, "site") or "stackoverflow"
        self._shown = f"https://{_host_of(self._site)}"

    def question(self, item: dict[str, Any]) -> Reading:
        """Return a question; its answers, then its comments, are the next pages."""
        number = ident(item.get("question_id")) or ""
        post = self._post(item)
        return Reading(
            kind=Kind.THREAD,
            thread_id=number,
            thread_title=unescaped(item.get("title")) or None,
            thread_url=self._page(number),
            posts=(post,) if post else (),
            next_page=self._api(number, _below(item)),
            unreadable=0 if post else 1,
            nested=True,
        )

    def below(self, items: list[dict[str, Any]], number: str, what: str, *, more: bool) -> Reading:
        """Return a page of a question's answers or comments."""
        made = [self._post(item) for item in items]
        posts = tuple(post for post in made if post is not None)
        following = None
        if more:
            following = with_query(self._url, page=int(query_of(self._url, "page") or "1") + 1)
        elif what == "answers" and _API_QUESTION.search(urlsplit(self._url).path):
            following = self._api(number, "comments")
        return Reading(
            kind=Kind.THREAD,
            thread_id=number or None,
            thread_url=self._page(number),
            posts=posts,
            next_page=following,
            unreadable=len(made) - len(posts),
            nested=True,
        )

    def list(self, items: list[dict[str, Any]], *, more: bool) -> Reading:
        """Return questions by activity, or the hits of a search."""
        posts: list[PostItem] = []
        made: dict[str, ThreadRef] = {}
        bare: dict[str, ThreadRef] = {}
        for item in items:
            number = ident(item.get("question_id"))
            if number is None:
                continue
            title = unescaped(item.get("title"))
            shown = ThreadRef(thread_id=number, title=title, url=self._page(number))
            active = item.get("last_activity_date") or item.get("creation_date")
            post = self._post(item, shown) if item.get("owner") else None
            if post is not None:
                posts.append(post)
            when = machine_time(active, self._options)
            row = ThreadRef(
                thread_id=number,
                title=title,
                # The question stands on this page; its answers are what is missing.
                url=self._api(number, _below(item)) if post else self._api(number, None),
                last_posted_at=when,
                stamp=f"{active} {item.get('answer_count')} {ident(item.get('answer_id')) or ''}",
            )
            bare.setdefault(number, row)
            if post is not None:
                made.setdefault(number, row)
        page = int(query_of(self._url, "page") or "1")
        return Reading(
            kind=Kind.BOARD,
            board_id=query_of(self._url, "tagged") or query_of(self._url, "q") or self._site,
            board_title=query_of(self._url, "tagged") or query_of(self._url, "q") or self._site,
            posts=tuple(posts),
            threads=threads_of(posts, made) if len(made) == len(bare) else tuple(bare.values()),
            next_page=with_query(self._url, page=page + 1) if more else None,
        )

    def _api(self, number: str, below: str | None) -> str:
        return _question(self._url, self._site, number, below)

    def _page(self, number: str) -> str:
        return f"{self._shown}/questions/{number}"

    def _post(self, item: dict[str, Any], thread: ThreadRef | None = None) -> PostItem | None:
        forms = {"comment_id": "c{}", "answer_id": "a{}", "question_id": "{}"}
        name = next((name for name in forms if ident(item.get(name))), "question_id")
        number = ident(item.get(name))
        owner = item.get("owner")
        author = unescaped(dig(owner, "display_name"))
        if number is None or not author or not isinstance(item.get("body"), str):
            return None
        person = ident(dig(owner, "user_id"))
        said = words_of(item["body"])
        urls = {
            "comment_id": f"{self._page(ident(item.get('post_id')) or '')}#comment{number}",
            "answer_id": f"{self._shown}/a/{number}",
            "question_id": self._page(number),
        }
        profile = f"{self._shown}/users/{person}" if person else None
        return PostItem(
            post_id=forms[name].format(number),
            number=1 if name == "question_id" else None,
            url=urls[name],
            author=author,
            author_id=person,
            posted_at=machine_time(item.get("creation_date"), self._options),
            edited=bool(item.get("last_edit_date") or item.get("edited")),
            text=said.text,
            quotes=said.quotes,
            private_message_url=profile,
            profile_url=profile,
            thread=thread,
        )
