"""``quietword inspect``: how a source fares, and the pages of it that could not be read."""

from rich.console import Console
from rich.markup import escape
from rich.table import Table
from sqlmodel import col, select

from alerts.words import clean
from models import CrawlRun, Source
from models.database import reading
from models.errors import QuietwordError
from monitor.evidence import Exhibit, exhibits
from monitor.jobs import Runtime

RUNS_SHOWN = 5


class NoSuchSource(QuietwordError):
    """There is no source of this number; ``quietword sources`` lists them."""


def show_source(runtime: Runtime, source_id: int, console: Console) -> None:
    """Print state, last runs and kept pages of one source; raise ``NoSuchSource``."""
    with reading(runtime.engine) as session:
        source = session.get(Source, source_id)
        if source is None:
            raise NoSuchSource(f"there is no source {source_id}; see: quietword sources")
        runs = session.exec(
            select(CrawlRun)
            .where(CrawlRun.source_id == source_id)
            .order_by(col(CrawlRun.id).desc())
            .limit(RUNS_SHOWN)
        ).all()

    def say(text: str) -> None:
        console.print(escape(clean(text)), soft_wrap=True)

    say(f"{source.name}: {source.address} ({source.engine})")
    say(f"{source.health}" + (f": {source.health_note}" if source.health_note else ""))
    say(f"Times are read in {source.timezone} ({source.timezone_how or 'not found out yet'})")
    for name, css in source.selectors.items():
        say(f"Selector of its own: {name} = {css}")
    for run in runs:
        say(
            f"{run.started_at:%Y-%m-%d %H:%M} UTC{' (heated threads)' if run.hot else ''}: "
            f"{run.outcome or 'under way'}, {run.pages} pages, {run.threads} threads, "
            f"{run.posts} posts, {run.authors} with author, {run.dated} with time, "
            f"{run.unreadable} unreadable. {run.message}"
        )
    kept = exhibits(runtime.settings.evidence_folder, source_id)
    if not kept:
        say("No page that could not be read is kept.")
    for exhibit in kept:
        _show(exhibit, console)


def _show(exhibit: Exhibit, console: Console) -> None:
    about = exhibit.about
    for line in (
        "",
        f"{about['at'][:16].replace('T', ' ')} UTC: {about['outcome']}, {about['address']} "
        f"(answered {about['status']}, read as {about['engine'] or 'no engine'})",
        f"Why: {about['why']}",
        f"The page, cleaned: {exhibit.file}",
    ):
        console.print(escape(clean(line)), soft_wrap=True)
    if not about["selectors"]:
        return
    table = Table("selector", "CSS", "matches")
    for name, tries in about["selectors"].items():
        for css, matches in tries.items():
            table.add_row(escape(name), escape(css), str(matches))
    console.print(table)
