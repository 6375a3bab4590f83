"""Forum addresses: cleaned of session ids, split into parts, kept on their own site."""

import re
from collections.abc import Iterator
from urllib.parse import unquote_plus, urlsplit, urlunsplit

_SESSION_NAMES = frozenset({"sid", "s", "phpsessid", "jsessionid", "sessionid"})
_NOISE_NAMES = frozenset({"highlight", "hilit"})
_SESSION_VALUE = re.compile(r"[0-9a-z,-]{16,}", re.IGNORECASE)
_PATH_SESSION = re.compile(r";(?:jsessionid|phpsessid|sid)=[^/?#;]*", re.IGNORECASE)
_SEPARATED = re.compile(r"([&;]?)([^&;]*)")


def without_session(url: str) -> str:
    """Return ``url`` without what names a visit rather than a page.

    Cut are session ids (``sid=``, ``s=``, ``PHPSESSID=``, ``;jsessionid=`` with a value long
    enough to be one), words to highlight, and ``start=0``, which is the first page anyway.
    Order and separators (``&`` or ``;``) of the rest are kept, as is the fragment.
    """
    parts = urlsplit(url)
    kept = [
        (separator, piece)
        for separator, piece in _SEPARATED.findall(parts.query)
        if piece and not _is_noise(piece)
    ]
    query = "".join(
        (separator or "&") + piece if place else piece
        for place, (separator, piece) in enumerate(kept)
    )
    path = _PATH_SESSION.sub("", parts.path)
    return urlunsplit((parts.scheme, parts.netloc, path, query, parts.fragment))


def _is_noise(piece: str) -> bool:
    name, _, value = piece.partition("=")
    name = name.lower()
    if name in _SESSION_NAMES:
        return not value or bool(_SESSION_VALUE.fullmatch(value))
    return name in _NOISE_NAMES or (name == "start" and value in {"", "0"})


def parameters(url: str) -> Iterator[tuple[str, str]]:
    """Yield the names and decoded values of the query of ``url``; ``;`` separates like ``&``."""
    # By hand: a post may hold any text as a link, and urlsplit raises for some.
    for _, piece in _SEPARATED.findall(without_fragment(url).partition("?")[2]):
        if piece:
            name, _, value = piece.partition("=")
            yield unquote_plus(name), unquote_plus(value)


def parameter(url: str, name: str) -> str | None:
    """Return the first value of ``name`` in the query of ``url``."""
    return next((value for found, value in parameters(url) if found == name), None)


def without_fragment(url: str) -> str:
    """Return ``url`` up to its ``#``."""
    return url.partition("#")[0]


def origin(url: str) -> str:
    """Return scheme and host of ``url``, such as ``https://forum.test:8080``."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"


def same_site(url: str, other: str) -> bool:
    """Tell whether both are web addresses of one host and port; ``www.`` does not count."""
    try:
        one, two = urlsplit(url), urlsplit(other)
        same_port = one.port == two.port or {one.port, two.port} <= {None, 80, 443}
    except ValueError:
        return False
    if one.scheme not in {"http", "https"} or two.scheme not in {"http", "https"}:
        return False
    names = {(part.hostname or "").removeprefix("www.") for part in (one, two)}
    return len(names) == 1 and "" not in names and same_port


def site_root(url: str) -> str:
    """Return the folder that ``url`` is in, ending in a slash: a forum's root, sub-path included.

    Right for engines whose pages are all files of one folder; others cut their own paths.
    """
    return origin(url) + urlsplit(url).path.rpartition("/")[0] + "/"
