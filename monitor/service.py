"""``quietword run``: the schedule, the sender and the digest in one process."""

import hashlib
import os
import secrets
import signal
import socket
import sys
from pathlib import Path

import uvicorn
from rich.console import Console
from rich.markup import escape

from models.errors import QuietwordError
from monitor.config import Settings
from monitor.jobs import Runtime
from monitor.opening import suggest_by
from monitor.schedule import Schedule
from monitor.web.app import create_app
from monitor.web.auth import OneTimeLogin


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
    server = uvicorn.Server(
        uvicorn.Config(
            web,
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
    try:
        console.print(f"Alerts go to: {escape(channels)}")
        console.print(f"Digest (this link works once): {login.new_link(address)}", soft_wrap=True)
        console.print("Another link: quietword login. Stop: Ctrl-C")
        server.run(sockets=[listener])
    finally:
        schedule.stop()
        listener.close()
