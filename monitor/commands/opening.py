"""``quietword opening``: the private message that is suggested for a case."""

import json
import sys
from pathlib import Path
from typing import Annotated

import typer


def register(app: typer.Typer) -> None:
    """Add the command to ``app``."""
    app.command()(opening)


def opening(
    case: Annotated[int | None, typer.Option(help="Number of the case.")] = None,
    agent: Annotated[str | None, typer.Option(help="Whose name stands under it.")] = None,
    measure: Annotated[
        Path | None,
        typer.Option(help="Instead: how often register or topic are right on labelled sentences."),
    ] = None,
    *,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Print a private message to the author, for an agent to edit and send. Sends nothing."""
    if (case is None) == (measure is None):
        raise typer.BadParameter("give either --case N or --measure FILE")
    if measure is not None:
        from monitor.opening_measure import measure as look

        told = look(measure)
        if as_json:
            _write(json.dumps(told))
        else:
            for language, (right, of) in told.items():
                _write(f"{language}  {right}/{of}  {right / of:.3f}")
        return
    from models import Agent, Case
    from models.database import check_schema, make_engine, reading
    from models.errors import QuietwordError
    from monitor.config import load_settings
    from monitor.opening import suggest_by

    settings = load_settings()
    engine = make_engine(settings.database_url.get_secret_value())
    try:
        check_schema(engine)
        with reading(engine) as session:
            found = session.get(Case, case)
            if found is None:
                raise QuietwordError(f"there is no case {case}; see: quietword digest")
            owner = session.get(Agent, found.agent_id) if found.agent_id else None
            name = agent or (owner.name if owner else None)
            if name is None:
                raise QuietwordError(f"nobody has taken case {case}; say whose name: --agent NAME")
            said = suggest_by(session, found, name, settings)
    finally:
        engine.dispose()
    if as_json:
        _write(
            json.dumps(
                {
                    "text": said.text,
                    "language": said.language,
                    "author_language": said.spoken,
                    "register": said.register,
                    "signs": said.signs,
                    "topic": said.topic,
                },
                ensure_ascii=False,
            )
        )
    else:
        _write(said.text)


def _write(line: str) -> None:
    sys.stdout.write(line + "\n")
