"""``quietword user ...``: who may log in to the pages."""

from typing import TYPE_CHECKING, Annotated

import typer

from monitor.commands import open_database

if TYPE_CHECKING:
    from sqlmodel import Session

    from models import Account

app = typer.Typer(help="Who may log in to the pages.", no_args_is_help=True)
Login = Annotated[str, typer.Argument(help="Login name or e-mail address.")]
Role = Annotated[str, typer.Option(help="agent, manager or ops.")]
ROLES = ("agent", "manager", "ops")


def _known_role(role: str) -> str:
    if role not in ROLES:
        raise typer.BadParameter(f"{role!r} is none of {', '.join(ROLES)}")
    return role


def _note(session: "Session", action: str, account: "Account", detail: str) -> None:
    """Write one line of the audit."""
    from models.base import id_of, utc_now
    from monitor.privacy import record

    record(session, "command line", action, f"account {id_of(account)}", detail, utc_now())


def _ask() -> str:
    answer: str = typer.prompt("Password", hide_input=True, confirmation_prompt=True)
    return answer


@app.command()
def add(
    login: Login,
    role: Role = "agent",
    agent: Annotated[
        str | None, typer.Option(help="Name of the agent who acts when this account does.")
    ] = None,
    *,
    only_sso: Annotated[
        bool, typer.Option("--only-sso", help="No password: the identity provider lets in.")
    ] = False,
) -> None:
    """Add an account; asks for a password (from a pipe it is read without asking twice)."""
    import sys

    from sqlmodel import select

    from models import Access, Agent
    from models.database import writing
    from monitor.accounts import AccountError, create

    access = Access(_known_role(role))
    password = None
    if not only_sso:
        password = _ask() if sys.stdin.isatty() else sys.stdin.readline().rstrip("\n")
    with writing(open_database()) as session:
        acting = None
        if agent is not None:
            acting = session.exec(select(Agent).where(Agent.name == agent)).first()
            if acting is None:
                raise AccountError(f"there is no agent {agent!r}; see: quietword agent list")
        made = create(session, login, access, password=password, agent=acting)
        _note(session, "account added", made, access)
        typer.echo(f"{made.login} may log in as {made.access}")


@app.command(name="list")
def list_() -> None:
    """List the accounts."""
    from rich.console import Console
    from rich.table import Table
    from sqlmodel import select

    from models import Account, Agent
    from models.database import reading

    table = Table("login", "role", "agent", "last login", "")
    with reading(open_database()) as session:
        names = {agent.id: agent.name for agent in session.exec(select(Agent))}
        for one in session.exec(select(Account).order_by(Account.login)):
            when = one.last_login_at.isoformat(timespec="minutes") if one.last_login_at else "never"
            state = "" if one.active else "switched off"
            table.add_row(one.login, one.access, names.get(one.agent_id or 0, ""), when, state)
    Console().print(table)


@app.command()
def password(login: Login) -> None:
    """Give an account a new password; its sessions end."""
    import sys

    from models.database import writing
    from monitor.accounts import change, named

    new = _ask() if sys.stdin.isatty() else sys.stdin.readline().rstrip("\n")
    with writing(open_database()) as session:
        account = named(session, login)
        change(session, account, password=new)
        _note(session, "account changed", account, "password")
    typer.echo(f"{login} has a new password; whoever was logged in is logged out")


@app.command()
def role(login: Login, role: Annotated[str, typer.Argument(help="agent, manager or ops.")]) -> None:
    """Give an account another role; its sessions end."""
    from models import Access
    from models.database import writing
    from monitor.accounts import change, named

    access = Access(_known_role(role))
    with writing(open_database()) as session:
        account = named(session, login)
        change(session, account, access=access)
        _note(session, "account changed", account, access)
    typer.echo(f"{login} is {access} from now on")


@app.command()
def token(login: Login) -> None:
    """Print the token of an account for programs: feed, API, exports, /metrics."""
    from models.database import reading
    from monitor.accounts import named
    from monitor.config import load_settings
    from monitor.service import read_secret, session_key
    from monitor.web.tokens import token_for

    with reading(open_database()) as session:
        account = named(session, login)
        key = session_key(read_secret(load_settings().web_secret_file))
        typer.echo(token_for(key, account))


@app.command()
def disable(login: Login) -> None:
    """Switch an account off; its sessions end at once."""
    _switch(login, active=False)


@app.command()
def enable(login: Login) -> None:
    """Switch an account on again."""
    _switch(login, active=True)


def _switch(login: str, *, active: bool) -> None:
    from models.database import writing
    from monitor.accounts import change, named

    with writing(open_database()) as session:
        account = named(session, login)
        change(session, account, active=active)
        _note(session, "account changed", account, "enable" if active else "disable")
    typer.echo(f"{login} is switched {'on' if active else 'off'}")
