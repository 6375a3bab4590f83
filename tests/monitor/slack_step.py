"""The sender, the timers, or the app that answers Slack, as a process of its own.

Wired by ``monitor.runtime`` and ``monitor.service`` as ``quietword run`` is, at a moment that
stands still. Says ``ready`` when the work begins; to be killed.
"""

import sys
import threading
from datetime import datetime
from typing import Any

from rich.console import Console

from monitor import jobs
from monitor.config import Settings
from monitor.runtime import make_runtime
from monitor.service import with_slack


def work(told: dict[str, Any]) -> None:
    now = datetime.fromisoformat(told["now"])
    runtime = make_runtime(Settings(_env_file=None, **told["settings"]), Console())  # type: ignore[call-arg]
    object.__setattr__(runtime, "now", lambda: now)
    for channel in runtime.channels.values():
        channel.pause_s = 0.0
    if told["role"] in {"sender", "clock"}:
        say("ready")
        if told["role"] == "clock":
            jobs.timers_due(runtime)
        jobs.deliver(runtime)
        return
    listener, _ = with_slack(runtime, None)  # type: ignore[arg-type]
    assert listener is not None
    listener.start()
    while not listener.connected:
        threading.Event().wait(0.01)
    say("ready")
    threading.Event().wait()


def say(word: str) -> None:
    sys.stdout.write(f"{word}\n")
    sys.stdout.flush()
