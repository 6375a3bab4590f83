"""Measure reading on recorded forums and saved pages, where those are at hand.

    python -m tests.acceptance [FOLDER] [--only NAME] [--no-requests]

FOLDER is ``../shared/forums`` by default; without it there is nothing to measure, and that is said.
"""

import argparse
import sys
from pathlib import Path

from rich.console import Console
from rich.table import Table

from tests.acceptance.pages import PageScore, judge_pages
from tests.acceptance.replays import Score, count_requests, judge_replay, replay_module


def share(right: int, of: int) -> str:
    """Return a share for a table, coloured by whether it reaches the goal."""
    if not of:
        return "-"
    colour = "green" if right == of else "yellow" if right >= 0.995 * of else "red"
    return f"[{colour}]{right / of:.1%}[/]"


def show_replays(scores: list[Score], console: Console) -> None:
    """Print what was read of every recorded forum."""
    table = Table(
        *("forum", "posts", "authors", "times", "texts", "threads whole", "not wanted"),
        title="Recorded forums",
    )
    for one in scores:
        shares = [share(one.right[what], one.found) for what in ("author", "time", "text")]
        shares.append(share(one.whole, one.threads))
        table.add_row(one.name, share(one.found, one.wanted), *shares, str(one.extra))
    console.print(table)
    for one in scores:
        for fault in one.faults:
            console.print(f"  {one.name}: {fault}", markup=False, soft_wrap=True)
    table = Table(
        "forum",
        "first, then unchanged",
        "every 10th is 429",
        "every 10th is 500",
        "zone",
        "kept",
        "note",
        title="Requests of one crawl after another (! did not end well)",
    )
    for one in (score for score in scores if score.requests):
        asked = one.requests
        table.add_row(
            one.name, asked["well"], asked["429"], asked["500"], one.zone, asked["stored"], one.note
        )
    console.print(table)


def show_pages(scores: list[PageScore], console: Console) -> None:
    """Print what was read of every saved page."""
    table = Table(
        "page", "engine", "read", "authors", "times", "next", "titles", title="Saved pages"
    )
    for one in scores:
        marks = [mark(one, *what) for what in CELLS.values()]
        engine = one.engine if one.recognised else f"[red]{one.engine or one.error}[/]"
        what = "listed" if one.listed else "posts"
        table.add_row(one.name, engine, f"{one.found} of {one.wanted} {what}", *marks)
    console.print(table)
    for one in scores:
        for fault in one.faults:
            console.print(f"  {one.name}: {fault}", markup=False, soft_wrap=True)
    shares = {
        name: [mark(one, *what) for one in scores if mark(one, *what) != "-"]
        for name, what in CELLS.items()
    }
    counts = []
    for listed, what in ((False, "posts"), (True, "threads and boards of lists")):
        some = [one for one in scores if one.listed is listed]
        found = sum(min(one.found, one.wanted) for one in some)
        more = sum(max(one.found - one.wanted, 0) for one in some)
        counts.append(f"{found} of {sum(one.wanted for one in some)} {what} found, {more} too many")
    console.print(
        f"{sum(one.recognised for one in scores)} of {len(scores)} pages recognised, "
        f"{sum(bool(one.engine) and not one.recognised for one in scores)} wrongly; "
        + "; ".join(counts)
        + "; "
        + ", ".join(
            f"{name} right on {sum('yes' in one for one in marks)} of {len(marks)}"
            for name, marks in shares.items()
        ),
        markup=False,
    )


CELLS = {
    "authors": ("author", "submission"),
    "times": ("time",),
    "next": ("next",),
    "titles": ("title", "threads", "boards"),
}
"""What a cell of the table of pages says, by its column."""


def show_engines(scores: list[PageScore], console: Console) -> None:
    """Print what the saved pages give of each engine."""
    table = Table("engine", "pages", "found", *CELLS, title="Saved pages by engine")
    by: dict[str, list[PageScore]] = {}
    for one in scores:
        by.setdefault(one.engine or "none", []).append(one)
    for engine, some in sorted(by.items()):
        found = sum(min(one.found, one.wanted) for one in some)
        cells = []
        for what in CELLS.values():
            marks = [said for one in some if (said := mark(one, *what)) != "-"]
            cells.append(share(sum("yes" in said for said in marks), len(marks)))
        wanted = sum(one.wanted for one in some)
        table.add_row(engine, str(len(some)), share(found, wanted), *cells)
    console.print(table)


def mark(score: PageScore, *what: str) -> str:
    """Return whether all of these that are known of a page were right."""
    known = [score.right[one] for one in what if one in score.right]
    return "-" if not known else "[green]yes[/]" if all(known) else "[red]no[/]"


def main() -> None:
    """Measure and print; exit 0 whether or not there is something to measure."""
    parser = argparse.ArgumentParser(prog="acceptance")
    parser.add_argument("folder", nargs="?", type=Path, default=Path("../shared/forums"))
    parser.add_argument("--only", help="one recorded forum by its name, or 'pages'")
    parser.add_argument("--no-requests", action="store_true", help="leave out the second part")
    asked = parser.parse_args()
    console = Console(width=None if sys.stdout.isatty() else 150)
    folder: Path = asked.folder
    if not (folder / "replay.py").exists():
        console.print(f"{folder} is not there, so there is nothing to measure.")
        return
    module = replay_module(folder)
    scores = []
    for archive in sorted(folder.glob("*.jsonl.gz")):
        name = archive.name.removesuffix(".jsonl.gz")
        if asked.only not in {None, name}:
            continue
        sys.stderr.write(f"{name}\n")
        score = judge_replay(module, archive)
        if not asked.no_requests:
            count_requests(module, archive, score)
        scores.append(score)
    if scores:
        show_replays(scores, console)
    if asked.only in {None, "pages"}:
        pages = judge_pages(folder / "pages")
        show_pages(pages, console)
        show_engines(pages, console)


if __name__ == "__main__":
    main()
