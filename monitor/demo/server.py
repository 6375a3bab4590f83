"""Run the demo forum as its own process: ``python -m monitor.demo.server --port 0``."""

import argparse
import signal
import sys
import threading
from collections.abc import Sequence

from monitor.demo.forum import DemoForum
from monitor.demo.story import DemoError


def main(arguments: Sequence[str] | None = None) -> int:
    """Serve until interrupted or terminated; print the two addresses first.

    Returns 0, or 2 with a message on standard error when the forum cannot start.
    """
    parser = argparse.ArgumentParser(prog="monitor.demo.server", description=__doc__)
    parser.add_argument("--port", type=int, default=0, help="phpBB side; the other takes the next")
    parser.add_argument(
        "--pace", type=float, default=1.0, help="2 lets the thread grow twice as fast"
    )
    options = parser.parse_args(arguments)
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    try:
        with DemoForum(pace=options.pace, port=options.port) as forum:
            sys.stdout.write(f"phpbb {forum.phpbb_url}\ndiscourse {forum.discourse_url}\n")
            sys.stdout.flush()
            stop.wait()
    except DemoError as error:
        sys.stderr.write(f"{error}\n")
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
