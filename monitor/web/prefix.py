"""Serving the pages below a path of somebody else's host."""

from urllib.parse import urlsplit

from starlette.types import ASGIApp, Receive, Scope, Send


def prefix_of(address: str) -> str:
    """Return the path of the public address, without a slash at its end."""
    return urlsplit(address).path.rstrip("/")


class Below:
    """An ASGI application that serves ``pages`` below ``prefix``.

    It does not matter whether the proxy in front hands the prefix on or cuts it off. The prefix is
    ours, of the settings: no header of a request can change where links lead.
    """

    def __init__(self, pages: ASGIApp, prefix: str) -> None:
        self._pages = pages
        self._prefix = prefix

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if self._prefix and scope["type"] == "http":
            path = scope["path"]
            if path == self._prefix or not path.startswith(self._prefix + "/"):
                path = self._prefix + (path.removeprefix(self._prefix) or "/")
            scope = {**scope, "path": path, "root_path": self._prefix}
        await self._pages(scope, receive, send)
