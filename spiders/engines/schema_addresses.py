"""What the addresses of forums that carry schema.org markup tell: thread, board, post, page."""

import re
from urllib.parse import urlsplit

_POST_LINK = (
    # Discourse and Flarum number the messages of each thread anew.
    re.compile(r"/t/[^/]+/(\d+/\d+)/?$"),
    re.compile(r"/d/(\d+)[^/]*/(\d+)/?$"),
    re.compile(
        r"[#/](?:js-)?(?:el)?(?:posts?|p|comments?|msg|findcomment|reply|answer)[-_/]?(\d+)/?$",
        re.IGNORECASE,
    ),
    re.compile(r"[?&;](?:p|pid|post|comment|commentid|msg)=(\d+)", re.IGNORECASE),
)
_THREAD_MARK = re.compile(
    r"[/?](threads?|topics?|discussion|questions?|showthread\.php|d|t)/([^?#]+)"
)
_THREAD_QUERY = re.compile(r"[?&;](?:t|tid|topic|threadid)=(\d+)")
_BOARD_MARK = re.compile(
    r"/(category|categories|forums?|forumdisplay\.php|c|f|boards?|tags?)/([^?#]+)"
)
_BOARD_QUERY = re.compile(r"[?&;](?:f|fid|board|forumid)=(\d+)")
_PAGE_PART = re.compile(r"(?:(?<=/)(?:comment-)?page[-/]?\d+/?|/p\d+|[?&](?:page|pageNo)=\d+)$")
_NUMBERED = re.compile(r"(?:.*\.)?(\d+)(?:-.*)?")


def thread_number(url: str) -> str | None:
    """Return the number of the thread that ``url`` leads to; ``None`` when it leads elsewhere."""
    if found := _THREAD_MARK.search(url):
        return number_in(found[2], anywhere=found[1] == "t")
    query = _THREAD_QUERY.search(url)
    return query[1] if query else None


def board_key(url: str) -> str | None:
    """Return the number, or else the path, of the board that ``url`` leads to."""
    if found := _BOARD_MARK.search(urlsplit(url).path):
        return number_in(found[2], anywhere=True) or urlsplit(url).path.rstrip("/")
    query = _BOARD_QUERY.search(url)
    return query[1] if query else None


def number_in(path: str, *, anywhere: bool) -> str | None:
    """Return the number of ``12-slug`` or ``slug.12``, or of ``slug/12`` if ``anywhere``."""
    segments = path.strip("/").split("/")
    alone = next((segment for segment in segments if segment.isdecimal()), None)
    if anywhere and alone:
        return alone
    found = _NUMBERED.fullmatch(segments[0])
    return found[1] if found else None


def post_id_in(link: str) -> str | None:
    """Return the id of the message that ``link`` names; ``None`` when it names none."""
    for pattern in _POST_LINK:
        if found := pattern.search(link):
            return "/".join(found.groups())
    return None


def first_page(url: str) -> str:
    """Return ``url`` without its page number."""
    return _PAGE_PART.sub("", url)


def goes_on(here: str, url: str) -> bool:
    """Tell whether ``url`` is a page of the same thread or list as ``here``."""
    one, other = thread_number(here), thread_number(url)
    if one and other:
        return one == other
    start = urlsplit(first_page(here)).path.rstrip("/")
    return urlsplit(url).path.startswith(start)
