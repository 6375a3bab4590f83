"""``quietword run``: the schedule, the sender and the digest in one process."""

import hashlib
import os
import secrets
import signal
import socket
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import uvicorn
from rich.console import Console
from rich.markup import escape
from starlette.types import ASGIApp

from models.errors import QuietwordError
from monitor.config import Settings
from monitor.jobs import Runtime
from monitor.opening import suggest_by
from monitor.schedule import Schedule
from monitor.slack_cards import slack_rooms
from monitor.web.app import create_app
from monitor.web.auth import OneTimeLogin
from monitor.web.prefix import Below, prefix_of

if TYPE_CHECKING:
    from monitor.slack_listener import SlackListener


class ServiceError(QuietwordError):
    """The service cannot start; the message says what is in its way."""


def make_secret(file: Path) -> None:
    """Write a new key for login links, readable by its owner only, unless there is one."""
    try:
        handle = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return
    except OSError as error:
        raise ServiceError(
            f"the login key cannot be written to {file}: {error.strerror}; name another file in "
            "QUIETWORD_WEB_SECRET_FILE"
        ) from error
    with os.fdopen(handle, "w") as stream:
        stream.write(secrets.token_urlsafe(32))


def read_secret(file: Path) -> str:
    """Return the key for login links."""
    try:
        return file.read_text("utf-8").strip()
    except OSError as error:
        raise ServiceError(
            f"the login key {file} cannot be read ({error.strerror}); run: quietword init"
        ) from error


def session_key(secret: str) -> str:
    """Return the key that signs sessions and tokens, made from the one that signs login links."""
    return hashlib.sha256(f"sessions {secret}".encode()).hexdigest()


def web_address(settings: Settings, port: int | None = None) -> str:
    """Return the address under which the digest is reached."""
    host = settings.web_host if settings.web_host not in {"0.0.0.0", "::"} else "localhost"  # noqa: S104
    shown = f"[{host}]" if ":" in host else host
    return settings.web_address or f"http://{shown}:{port or settings.web_port}/"


def login_link(settings: Settings) -> str:
    """Return a link that logs its first visitor in to the running service."""
    return OneTimeLogin(read_secret(settings.web_secret_file)).new_link(web_address(settings))


def listen(settings: Settings) -> socket.socket:
    """Return the socket the digest is served on; raise ``ServiceError`` when it is taken."""
    family = socket.AF_INET6 if ":" in settings.web_host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((settings.web_host, settings.web_port))
    except OSError as error:
        listener.close()
        raise ServiceError(
            f"the digest cannot listen on {settings.web_host}:{settings.web_port} "
            f"({error.strerror}); set QUIETWORD_WEB_PORT to a free port"
        ) from error
    return listener


def with_slack(runtime: Runtime, pages: ASGIApp) -> "tuple[SlackListener | None, ASGIApp]":
    """Return what listens to Slack by Socket Mode, if that is set, and what to serve.

    Without an app token but with a signing secret Slack's requests are taken by HTTP, before
    ``pages``. With neither, Slack only shows.
    """
    settings = runtime.settings
    token, secret = settings.slack_app_token, settings.slack_signing_secret
    if not slack_rooms(runtime.channels) or not (token or secret):
        return None, pages
    from monitor.slack_app import SlackDesk
    from monitor.slack_listener import SlackListener
    from monitor.web.slack import SlackDoor

    desk = SlackDesk(runtime)
    desk.catch_up()
    if token:
        return SlackListener(desk, token.get_secret_value(), settings.slack_api_url), pages
    assert secret  # noqa: S101
    return None, SlackDoor(pages, desk, secret.get_secret_value(), now=runtime.now)


def serve(runtime: Runtime, console: Console, *, secret: str | None = None) -> None:
    """Run until SIGINT or SIGTERM. Prints the one-time login link first."""
    settings = runtime.settings
    key = secret or read_secret(settings.web_secret_file)
    login = OneTimeLogin(key, now=runtime.now)
    listener = listen(settings)
    address = web_address(settings, listener.getsockname()[1])
    web = create_app(
        runtime.engine,
        login=login,
        now=runtime.now,
        zone=settings.timezone,
        https_only=address.startswith("https://"),
        session_secret=session_key(key),
        settings=settings,
        address=address,
        opening=lambda session, case, agent: suggest_by(session, case, agent, settings),
    )
    listener_to_slack, pages = with_slack(runtime, web)
    server = uvicorn.Server(
        uvicorn.Config(
            Below(pages, prefix_of(address)),
            log_config=None,
            access_log=False,
            proxy_headers=settings.web_proxy is not None,
            forwarded_allow_ips=settings.web_proxy or "",
        )
    )
    channels = ", ".join(f"{kind} {room}".strip() for kind, room in runtime.channels)
    schedule = Schedule(runtime)
    # uvicorn hands the signal on when it has stopped: by default that would end us on the spot.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    schedule.start()
    if listener_to_slack is not None:
        listener_to_slack.start()
    try:
        console.print(f"Alerts go to: {escape(channels)}")
        console.print(f"Digest (this link works once): {login.new_link(address)}", soft_wrap=True)
        console.print("Another link: quietword login. Stop: Ctrl-C")
        server.run(sockets=[listener])
    finally:
        if listener_to_slack is not None:
            listener_to_slack.stop()
        schedule.stop()
        listener.close()
