"""Alerts on the terminal, looking as they would in Slack: for trying Quietword out."""

import sys
from io import BytesIO, TextIOWrapper
from typing import IO, ClassVar

from rich.console import Console, Group
from rich.panel import Panel
from rich.text import Text

from alerts import digest as digests
from alerts import words
from alerts.base import Channel, DeliveryError, Message
from alerts.digest import Digest
from alerts.notice import Notice, lines
from models import Level

COLOURS = {Level.WATCH: "yellow", Level.REACH_OUT: "dark_orange", Level.URGENT: "red"}


class ConsoleChannel(Channel):
    """Write alerts to a terminal, a pipe or a file; needs no account anywhere.

    ``stream``: where to write; standard output as it is at the time of sending if left out.
    ``width``: columns; the terminal's, or 80, if left out.
    """

    kind: ClassVar[str] = "console"

    def __init__(self, stream: IO[str] | None = None, *, width: int | None = None) -> None:
        super().__init__(room="")
        self._stream = stream
        self._width = width

    def send(self, message: Message) -> str | None:
        """Write ``message`` as a panel, its addresses below it where they can be copied.

        Nothing from the forum reaches the terminal as a control sequence or as markup, and
        letters that the terminal's encoding lacks become question marks.
        """
        links = _links(message, self.page_of(message.case_id))
        self._write(_panel(message), [f"  {label}: {link}" for label, link in links])
        return None

    def send_notice(self, notice: Notice) -> str | None:
        """Write ``notice`` as a panel, its addresses below it."""
        told = lines(notice, self.page_of)
        links = [line for line in told if line.startswith("  http")]
        text = "\n".join(line for line in told if line not in links)
        self._write(Panel(Text(text), border_style=COLOURS[notice.level]), links)
        return None

    def send_digest(self, digest: Digest) -> str | None:
        """Write ``digest`` as a panel; its charts are told in words."""
        self._write(Panel(Text("\n".join(digests.lines(digest)))), [])
        return None

    def _write(self, panel: Panel, below: list[str]) -> None:
        stream = self._stream or sys.stdout
        # Rendered apart: rich ends the process when its own stream is a broken pipe.
        encoding = getattr(stream, "encoding", None) or "utf-8"
        page = TextIOWrapper(BytesIO(), encoding=encoding, errors="replace", newline="")
        console = Console(file=page, width=self._width, force_terminal=stream.isatty())
        console.print(panel)
        for line in below:
            console.print(Text(line), soft_wrap=True)
        page.seek(0)
        try:
            stream.write(page.read())
            stream.flush()
        except OSError as error:
            raise DeliveryError(f"the terminal took no output: {error.strerror}") from error


def _panel(message: Message) -> Panel:
    where = words.context(message)
    if message.thread_since:
        where += f" · thread since {message.thread_since:%Y-%m-%d %H:%M %Z}"
    body = Group(
        Text(words.headline(message), style="bold"),
        Text(),
        Text.assemble(("Why: ", "bold"), words.why(message)),
        Text(),
        Text(words.quotation(message), style="italic"),
        Text(words.byline(message)),
        Text(),
        Text(where, style="dim"),
        Text(words.policy(message), style="dim"),
    )
    return Panel(body, border_style=COLOURS[message.level])


def _links(message: Message, page: str | None) -> list[tuple[str, str]]:
    links = [
        ("Open the post", words.web_link(message.post_url)),
        ("Open thread", words.web_link(message.thread_url)),
    ]
    if way := words.way_to(message):
        links.append((words.ENGLISH.say(way.name), way.link))
    links.append((words.ENGLISH.say("open_page"), words.web_link(page)))
    return [(label, link) for label, link in links if link]
