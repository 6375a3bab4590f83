"""Progress of long work, on the terminal's standard error; silent where there is none."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    SpinnerColumn,
    TextColumn,
    TimeElapsedColumn,
)
from rich.table import Table

Counted = Callable[[int, int], None]
Event = Callable[[dict[str, Any]], None]


@contextmanager
def counted(console: Console, title: str) -> Iterator[Counted]:
    """Give a function to be told (done, total)."""
    columns = (TextColumn(title), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console, disable=not console.is_terminal) as bar:
        task = bar.add_task(title, total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)


@contextmanager
def crawling(console: Console, title: str) -> Iterator[Event]:
    """Give a function to be told the events of a crawl."""
    columns = (SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn())
    with Progress(*columns, console=console, disable=not console.is_terminal) as bar:
        task = bar.add_task(title)

        def tell(event: dict[str, Any]) -> None:
            if event["event"] == "progress":
                bar.update(task, description=f"{title}: {crawl_words(event)}")

        yield tell


@contextmanager
def crawl_then_judge(console: Console) -> Iterator[tuple[Event, Counted]]:
    """Give both functions, for a crawl that is followed by judging what it read."""
    columns = (
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=console, disable=not console.is_terminal) as bar:
        task = bar.add_task("Reading", total=None)

        def tell(event: dict[str, Any]) -> None:
            if event["event"] == "progress":
                bar.update(task, description=f"Reading: {crawl_words(event)}")

        def judged(done: int, total: int) -> None:
            description = f"Judging: {done} of {total} posts"
            bar.update(task, description=description, completed=done, total=total)

        yield tell, judged


def evaluation_table(measured: dict[str, Any]) -> Table:
    """Return how good a checkpoint is, from ``Evaluation.as_json``."""
    table = Table("measure", "value")
    for name, value in measured.items():
        if isinstance(value, dict):
            for label, part in value.items():
                table.add_row(f"{name} {label}", "none" if part is None else f"{part:.4f}")
        elif isinstance(value, int):
            table.add_row(name, str(value))
        else:
            table.add_row(name.replace("_", " "), "-" if value is None else f"{value:.4f}")
    return table


def crawl_words(event: dict[str, Any]) -> str:
    """Return the state of a crawl in words."""
    return f"{event['pages']} pages, {event['threads']} threads, {event['posts']} posts"
