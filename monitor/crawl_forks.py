"""Crawl children that need not load everything anew: forked from a process that has.

``CrawlForks`` is this end of it. Run as a module, this file is the other end: it loads what a crawl
needs, then forks a child for each request, whose input, output and error pipes come through a
socket. It has one thread, does nothing else, and ends when the socket does.
"""

import contextlib
import gc
import os
import select
import signal
import socket
import subprocess
import sys
import threading
import traceback
from typing import IO, NoReturn

from monitor.crawling import CrawlFailed

LANGUAGES = ("en", "pl", "ru", "uk", "de", "cs")
"""Of shown times: reading the first of a language costs more than a page."""
AVAILABLE = sys.platform == "linux"
"""Elsewhere libraries of the system may not survive a fork."""


class Forked:
    """A crawl child that is not ours by birth: what ``run_crawl`` wants of a process."""

    def __init__(self, stdin: IO[str], stdout: IO[str], stderr: IO[str], life: IO[str]) -> None:
        """``life`` gives the child's process id, then ends with the child."""
        self.stdin: IO[str] | None = stdin
        self.stdout: IO[str] | None = stdout
        self.stderr: IO[str] | None = stderr
        self._life = life
        self.returncode: int | None = None
        """Never known: whoever forked it is told, not we."""
        told = life.readline()
        if not told:
            for stream in (stdin, stdout, stderr, life):
                stream.close()
            raise CrawlFailed("no process could be forked for a crawl")
        self.pid = int(told)

    def poll(self) -> int | None:
        """Return ``None`` while the child lives."""
        if self._life.closed or select.select([self._life], [], [], 0)[0]:
            return 0
        return None

    def wait(self) -> int:
        """Wait for the child's end."""
        if not self._life.closed:
            self._life.read()
            self._life.close()
        return 0


def pipes() -> tuple[list[int], list[IO[str]]]:
    """Return a child's ends of its input, output, errors and life, and ours of the same."""
    theirs: list[int] = []
    ours: list[IO[str]] = []
    for mode in ("w", "r", "r", "r"):
        reader, writer = os.pipe()
        mine, other = (writer, reader) if mode == "w" else (reader, writer)
        theirs.append(other)
        ours.append(os.fdopen(mine, mode, encoding="utf-8", errors="replace"))
    return theirs, ours


class CrawlForks:
    """Starts crawl children from one process that is started at the first of them."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._control: socket.socket | None = None

    def start(self) -> Forked:
        """Return a new crawl child; raise ``CrawlFailed`` when there can be none."""
        try:
            return self._start()
        except CrawlFailed:
            return self._start()  # the process that forks had been killed: with a new one

    def stop(self) -> None:
        """End the process that forks; children that it forked live on."""
        with self._lock:
            self._drop()

    def _start(self) -> Forked:
        theirs, streams = pipes()
        try:
            with self._lock:
                socket.send_fds(self._connected(), [b"1"], theirs)
        except OSError as error:
            with self._lock:
                self._drop()
            for stream in streams:
                stream.close()
            raise CrawlFailed(f"no process could be forked for a crawl: {error}") from error
        finally:
            for end in theirs:
                os.close(end)
        return Forked(*streams)

    def _connected(self) -> socket.socket:
        if self._control is not None and self._process is not None and self._process.poll() is None:
            return self._control
        self._drop()
        ours, theirs = socket.socketpair()
        with theirs:
            self._process = subprocess.Popen(
                # -P: the working directory may hold folders called as ours
                [sys.executable, "-P", "-X", "utf8", "-m", "monitor.crawl_forks"],
                stdin=theirs.fileno(),
                stdout=subprocess.DEVNULL,
                start_new_session=True,
            )
        self._control = ours
        return ours

    def _drop(self) -> None:
        if self._control is not None:
            self._control.close()
        if self._process is not None:
            self._process.wait()
        self._control = self._process = None


def _load() -> None:
    """Load what a crawl child would: parts of Scrapy by their names, languages by using them."""
    import scrapy.core.downloader.handlers.http11
    import sqlalchemy.dialects.sqlite
    from scrapy.settings import Settings

    import monitor.crawl_child
    from spiders.base import ReadOptions
    from spiders.dates import shown_time
    from spiders.detect import engines

    for parts in ("DOWNLOADER_MIDDLEWARES", "SPIDER_MIDDLEWARES", "EXTENSIONS"):
        Settings().get_component_priority_dict_with_base(parts)
    engines()
    for language in LANGUAGES:
        shown_time("yesterday, 10:21", ReadOptions(), language)
    assert scrapy and sqlalchemy and monitor  # noqa: S101, PT018  (imported for what that does)


def be_a_child(ends: list[int]) -> NoReturn:
    """Become a crawl child on the ends that ``pipes`` gave for it."""
    from monitor import crawl_child

    code = 1
    try:
        os.setsid()
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        for place, end in enumerate(ends[:3]):
            os.dup2(end, place)
            os.close(end)
        os.write(ends[3], f"{os.getpid()}\n".encode())
        crawl_child.main()
        code = 0
    except SystemExit as end_:
        code = end_.code if isinstance(end_.code, int) else 1
    except BaseException:  # noqa: BLE001  (its last word)
        traceback.print_exc()
    finally:
        with contextlib.suppress(OSError, ValueError):
            sys.stdout.flush()
            sys.stderr.flush()
        os._exit(code)


def main() -> None:
    """Fork a child for every four pipes that come through the socket on our input."""
    control = socket.socket(fileno=sys.stdin.fileno())
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for the children
    _load()
    gc.freeze()
    while True:
        asked, ends, _, _ = socket.recv_fds(control, 1, 4)
        if not asked:
            return
        if os.fork() == 0:
            control.detach()  # its place is taken by the child's own input
            be_a_child(ends)
        for end in ends:
            os.close(end)


if __name__ == "__main__":
    main()
