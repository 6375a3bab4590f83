"""``quietword author ...`` and ``quietword prune``: what is held on a person, and for how long."""

import json
import sys
from dataclasses import asdict
from typing import Annotated

import typer

from monitor.commands import open_database

app = typer.Typer(help="What is held on an author: export, forget, object.", no_args_is_help=True)
Name = Annotated[str, typer.Argument(help="The author's name on the site, or the site's id.")]
Host = Annotated[str | None, typer.Option(help="Only on this site, such as forum.example.org.")]
WHO = "command line"


@app.command()
def export(name: Name, host: Host = None) -> None:
    """Print all that is stored on an author as JSON, for an answer to an access request."""
    from models.base import id_of, utc_now
    from models.database import writing
    from monitor.held import held_on
    from monitor.privacy import find_authors, record

    with writing(open_database()) as session:
        authors = find_authors(session, name, host=host)
        held = [held_on(session, author) for author in authors]
        for author in authors:
            record(session, WHO, "exported", f"author {id_of(author)}", "", utc_now())
    json.dump(held, sys.stdout, ensure_ascii=False, indent=1)
    sys.stdout.write("\n")


@app.command()
def forget(name: Name, host: Host = None) -> None:
    """Erase an author's posts, quotes of them, and what alerts said; later posts are stored."""
    _erase(name, host, for_good=False)


@app.command(name="object")
def object_(name: Name, host: Host = None) -> None:
    """Erase everything of an author, and never store their posts on that site again."""
    _erase(name, host, for_good=True)


def _erase(name: str, host: str | None, *, for_good: bool) -> None:
    from models import Source
    from models.base import utc_now
    from models.database import writing
    from monitor.post_search import forget_words
    from monitor.privacy import find_authors, forget, host_of, objected

    engine = open_database()
    with writing(engine) as session:
        for author in find_authors(session, name, host=host):
            place = host_of(session.get_one(Source, author.source_id).address)
            erase = objected if for_good else forget
            done = erase(session, author, who=WHO, now=utc_now())
            typer.echo(f"{place}: {done} erased")
    forget_words(engine)


def prune(
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would go.")] = False,
) -> None:
    """Erase what is older than the settings keep; `quietword run` does it once a day by itself."""
    from models.base import utc_now
    from monitor.config import load_settings
    from monitor.retention import policy_of, sweep

    settings = load_settings()
    swept = sweep(
        open_database(),
        policy_of(settings),
        utc_now(),
        dry=dry_run,
        evidence=settings.evidence_folder,
    )
    told = [f"{count} {name}" for name, count in asdict(swept).items() if count]
    typer.echo(("Would go: " if dry_run else "Gone: ") + (", ".join(told) or "nothing"))


def register(main: typer.Typer) -> None:
    """Add the commands."""
    main.add_typer(app, name="author")
    main.command()(prune)
