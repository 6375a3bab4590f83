"""``quietword case``: look at cases and move them on, as Slack and the pages do."""

import json
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from sqlmodel import Session

    from monitor.cases import Actor, Change

app = typer.Typer(help="The cases: look, take, settle.", no_args_is_help=True)

Number = Annotated[int, typer.Argument(help="The case's number.")]
As = Annotated[
    str | None,
    typer.Option("--as", help="The agent who does it, by name; left out, it is done by ops."),
]
AsAgent = Annotated[str, typer.Option("--as", help="The agent who does it, by name.")]
Anyway = Annotated[
    bool, typer.Option("--anyway", help="Although another agent is in touch with the author.")
]
Note = Annotated[str, typer.Option(help="A line for whoever reads the case's history.")]


@app.command("list")
def list_cases(
    state: Annotated[list[str] | None, typer.Option(help="Only cases in this state.")] = None,
    owner: Annotated[str | None, typer.Option(help="Only this agent's, by name.")] = None,
    *,
    every: Annotated[bool, typer.Option("--all", help="Closed ones too.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object a line.")] = False,
) -> None:
    """List the cases that are not closed, weightiest first."""
    from models.database import reading
    from monitor import case_views

    engine, console = _engine_and_console()
    with reading(engine) as session:
        rows = case_views.listed(session, states=state or [], owner=owner, closed=every)
    if as_json:
        for row in rows:
            sys.stdout.write(json.dumps(row.as_json(), ensure_ascii=False) + "\n")
    else:
        console.print(case_views.table(rows))


@app.command()
def show(
    number: Number,
    *,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Show a case with its history."""
    from models.database import reading
    from monitor import case_views

    engine, console = _engine_and_console()
    with reading(engine) as session:
        told = case_views.whole(session, number)
    if as_json:
        sys.stdout.write(json.dumps(told.as_json(), ensure_ascii=False) + "\n")
    else:
        console.print(told.rendered())


@app.command()
def claim(
    number: Number,
    agent: AsAgent,
    note: Note = "",
    *,
    anyway: Anyway = False,
) -> None:
    """Take a case."""
    from monitor import cases

    cap = _cap()
    _do(
        agent,
        lambda session, actor, now: cases.claim(
            session, number, actor, now, note=note, anyway=anyway, cap=cap
        ),
    )


@app.command()
def release(number: Number, agent: As = None, note: Note = "") -> None:
    """Give a case back."""
    from monitor import cases

    _do(agent, lambda session, actor, now: cases.release(session, number, actor, now, note=note))


@app.command()
def contacted(number: Number, agent: AsAgent, note: Note = "") -> None:
    """Record that the customer was written to."""
    from monitor import cases

    cap = _cap()
    _do(
        agent,
        lambda session, actor, now: cases.contacted(
            session, number, actor, now, note=note, cap=cap
        ),
    )


@app.command()
def solved(number: Number, agent: As = None, note: Note = "") -> None:
    """Close a case whose trouble is mended."""
    from monitor import cases

    _do(agent, lambda session, actor, now: cases.solved(session, number, actor, now, note=note))


@app.command()
def snooze(
    number: Number,
    period: Annotated[str, typer.Option("--for", help="How long: 45m, 12h, 3d, 2w.")],
    agent: As = None,
    note: Note = "",
) -> None:
    """Lay a case aside for a while."""
    from monitor import cases
    from monitor.periods import span

    _do(
        agent,
        lambda session, actor, now: cases.snooze(
            session, number, actor, now, until=now + span(period), note=note
        ),
    )


@app.command()
def wake(number: Number, agent: As = None) -> None:
    """Take up a snoozed case before its time."""
    from monitor import cases

    _do(agent, lambda session, actor, now: cases.wake(session, number, actor, now))


@app.command("hand-over")
def hand_over(
    number: Number,
    to: Annotated[str, typer.Option(help="The agent who gets it, by name.")],
    agent: As = None,
    note: Note = "",
    *,
    anyway: Anyway = False,
) -> None:
    """Give a case to another agent."""
    from models.base import id_of
    from monitor import cases, team

    cap = _cap()
    _do(
        agent,
        lambda session, actor, now: cases.hand_over(
            session,
            number,
            actor,
            now,
            to_agent_id=id_of(team.by_name(session, to)),
            note=note,
            anyway=anyway,
            cap=cap,
        ),
    )


@app.command()
def escalate(
    number: Number,
    reason: Annotated[str, typer.Option(help="What should be decided, in a sentence.")],
    to: Annotated[
        str | None, typer.Option(help="lead or manager; the next above who asks if left out.")
    ] = None,
    agent: As = None,
) -> None:
    """Ask a lead, or a manager, to decide."""
    from models import AgentRole
    from monitor import cases, team

    rank = team.as_choice(AgentRole, to) if to else None
    _do(
        agent,
        lambda session, actor, now: cases.escalate(
            session, number, actor, now, reason=reason, to=rank
        ),
    )


@app.command()
def dismiss(
    number: Number,
    reason: Annotated[
        str,
        typer.Option(
            help="not_negative, not_about_us, other_brand, already_handled or no_contact_allowed."
        ),
    ],
    agent: As = None,
    note: Note = "",
) -> None:
    """Close a case that needs nobody, and say why; the thresholds learn from it."""
    from models import Dismissal
    from monitor import cases, team

    why = team.as_choice(Dismissal, reason)
    _do(
        agent,
        lambda session, actor, now: cases.dismiss(
            session, number, actor, now, reason=why, note=note
        ),
    )


@app.command()
def reopen(
    number: Number,
    reason: Annotated[str, typer.Option(help="Why it is not settled, in a sentence.")],
    agent: As = None,
) -> None:
    """Take up a closed case again."""
    from monitor import cases

    _do(agent, lambda session, actor, now: cases.reopen(session, number, actor, now, reason=reason))


@app.command("opt-out")
def opt_out(number: Number, agent: As = None, note: Note = "") -> None:
    """Note that the case's author asked never to be written to; this is final.

    Every open case about the author is closed, of whatever brand.
    """
    from monitor import cases

    _do(agent, lambda session, actor, now: cases.opt_out(session, number, actor, now, note=note))


def _cap() -> Any:
    from datetime import timedelta

    from monitor.config import load_settings

    return timedelta(days=load_settings().contact_cap_days)


def _engine_and_console() -> tuple[Any, Any]:
    from rich.console import Console

    from models.database import check_schema, make_engine
    from monitor.config import load_settings

    engine = make_engine(load_settings().database_url.get_secret_value())
    check_schema(engine)
    return engine, Console()


def _do(agent: str | None, change: "Callable[[Session, Actor, Any], Change]") -> None:
    from models import How
    from models.base import id_of, utc_now
    from models.database import writing
    from monitor import team
    from monitor.cases import Actor

    engine, console = _engine_and_console()
    with writing(engine) as session:
        agent_id = id_of(team.by_name(session, agent)) if agent is not None else None
        made = change(session, Actor(agent_id, How.CLI), utc_now())
    said = "was so already" if made.repeated else made.event.kind.replace("_", " ")
    console.print(f"Case {made.case.id}: {said}; it is {made.case.state} now.")
    if warning := made.warning():
        console.print(warning, style="yellow", markup=False)
