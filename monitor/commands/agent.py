"""``quietword agent``: who writes to customers, in which languages, and when."""

from datetime import datetime
from typing import Annotated

import typer

from monitor.commands.case import _engine_and_console

app = typer.Typer(help="The people who write to customers.", no_args_is_help=True)

Name = Annotated[str, typer.Argument(help="The agent's own name, as customers read it.")]


@app.command()
def add(
    name: Name,
    language: Annotated[
        list[str] | None, typer.Option(help="A language they write in: pl, ru, en.")
    ] = None,
    speech: Annotated[
        str | None, typer.Option(help="Language to speak to them in: pl, ru, en.")
    ] = None,
    slack: Annotated[str | None, typer.Option(help="Their Slack user id, U....")] = None,
    email: Annotated[str | None, typer.Option(help="Their e-mail address.")] = None,
    role: Annotated[str | None, typer.Option(help="agent, lead or manager.")] = None,
    team: Annotated[str | None, typer.Option(help="The team they belong to.")] = None,
    timezone: Annotated[str | None, typer.Option(help="Zone of their shifts.")] = None,
    *,
    on_call: Annotated[
        bool | None, typer.Option(help="Told what may not wait while nobody is on shift.")
    ] = None,
    active: Annotated[
        bool | None, typer.Option("--active/--inactive", help="Whether they still work here.")
    ] = None,
) -> None:
    """Add an agent, or change what is given of one there is."""
    from models.database import writing
    from monitor import team as people

    engine, console = _engine_and_console()
    with writing(engine) as session:
        agent, new = people.save_agent(
            session,
            name,
            languages=language,
            speech=speech,
            slack_user_id=slack,
            email=email,
            role=role,
            team=team,
            timezone=timezone,
            on_call=on_call,
            active=active,
        )
    console.print(f"{agent.name} {'added' if new else 'changed'}.", markup=False)


@app.command("list")
def list_agents() -> None:
    """List the agents, with their shifts by their own clocks."""
    from models.base import utc_now
    from models.database import reading
    from monitor import team

    engine, console = _engine_and_console()
    with reading(engine) as session:
        console.print(team.table(session, utc_now()))


@app.command()
def shift(
    name: Name,
    hours: Annotated[
        list[str] | None,
        typer.Argument(help="Such as mon-fri 09:00-17:00, or sat 22:00-06:00; replaces what was."),
    ] = None,
    off: Annotated[
        list[datetime] | None,
        typer.Option(formats=["%Y-%m-%d"], help="A date on which they do not work."),
    ] = None,
    on: Annotated[
        list[datetime] | None,
        typer.Option(formats=["%Y-%m-%d"], help="A date that is no day off after all."),
    ] = None,
) -> None:
    """Say when an agent works: pairs of days and hours, by the agent's own clock."""
    from models.database import writing
    from monitor import shifts, team

    engine, console = _engine_and_console()
    with writing(engine) as session:
        agent = team.by_name(session, name)
        if hours:
            shifts.set_shifts(session, agent, shifts.read_hours(hours))
        for day in off or ():
            shifts.add_day_off(session, agent, day.date())
        for day in on or ():
            shifts.remove_day_off(session, agent, day.date())
        told = [one for one in shifts.workers(session) if one.agent.id == agent.id]
    words = shifts.hours_words(told[0].hours) if told else "never: inactive"
    if told and told[0].off:
        words += f"; off {', '.join(map(str, sorted(told[0].off)))}"
    console.print(f"{agent.name} works {words} ({agent.timezone}).", markup=False)
