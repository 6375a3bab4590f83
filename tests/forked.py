"""Processes of their own that need not load everything anew.

Python's fork server loads once what the tests' processes need, then forks one whenever it is asked
to. To be killed, or to start with nothing but a folder and an environment, it is as good as one
that a shell has started; a few tests start theirs as a person does, all the same.
"""

import multiprocessing
import os
import sys
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Self, TextIO

from monitor import crawl_forks, crawling

ROOT = Path(__file__).parents[1]
FORKS = multiprocessing.get_context("forkserver")
FORKS.set_forkserver_preload(["tests.forked_load"])


class Forked:
    """``work(*arguments)`` in a process, with the part of ``subprocess.Popen`` that tests use."""

    def __init__(
        self,
        work: Callable[..., object],
        *arguments: object,
        cwd: Path = ROOT,
        env: Mapping[str, str] | None = None,
    ) -> None:
        mine, theirs = zip(*(FORKS.Pipe(duplex=False) for _ in range(2)), strict=True)
        told = (*theirs, str(cwd), dict(os.environ if env is None else env), work, arguments)
        self._process = FORKS.Process(target=_begin, args=told)
        self._process.start()
        for end in theirs:
            end.close()
        self.stdout, self.stderr = map(_reader, mine)

    @property
    def pid(self) -> int:
        assert self._process.pid
        return self._process.pid

    def poll(self) -> int | None:
        """Return the exit code, negative for a signal; ``None`` while it runs."""
        return self._process.exitcode

    @property
    def returncode(self) -> int | None:
        return self.poll()

    def kill(self) -> None:
        self._process.kill()

    def wait(self, timeout: float) -> None:
        self._process.join(timeout)
        if self._process.exitcode is None:
            self.kill()
            raise TimeoutError(f"still running after {timeout:g} s")

    def communicate(self, timeout: float) -> tuple[str, str]:
        """Return all that it writes, to the end."""
        with ThreadPoolExecutor(2) as pool:
            said, wrong = (pool.submit(file.read) for file in (self.stdout, self.stderr))
            self.wait(timeout)
        return said.result(), wrong.result()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.join()
        self.stdout.close()
        self.stderr.close()


def fork_crawl() -> crawl_forks.Forked:
    """Start a crawl child in place of a new process, which would load for seconds."""
    for stream in (sys.stdout, sys.stderr):
        stream.flush()
    theirs, ours = crawl_forks.pipes()
    if os.fork() == 0:
        for stream in ours:
            stream.close()
        sys.stdin = open(0, encoding="utf-8")  # noqa: SIM115  (multiprocessing has closed it)
        crawl_forks.be_a_child(theirs)
    for end in theirs:
        os.close(end)
    return crawl_forks.Forked(*ours)


def quietword(*arguments: str) -> None:
    """Run the command line, in a process that has loaded it."""
    from monitor.cli import main

    sys.argv[:] = ["quietword", *arguments]
    main()


def _reader(end: Connection) -> TextIO:
    with end:
        return os.fdopen(os.dup(end.fileno()), encoding="utf-8")


def _begin(
    out: Connection,
    err: Connection,
    folder: str,
    env: dict[str, str],
    work: Callable[..., object],
    arguments: tuple[object, ...],
) -> None:
    for end, number in ((out, 1), (err, 2)):
        os.dup2(end.fileno(), number)
        end.close()
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(env)
    crawling._start = fork_crawl
    try:
        work(*arguments)
    finally:
        sys.stdout.flush()
