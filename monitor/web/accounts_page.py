"""For ops: who may log in to the pages; for everybody invited: choosing a password."""

from urllib.parse import quote

from fastapi import APIRouter, Request, Response
from fastapi.responses import HTMLResponse
from sqlmodel import Session, col, select
from starlette.datastructures import FormData
from starlette.exceptions import HTTPException

from models import Access, Account, Agent
from models.base import id_of
from models.database import reading, writing
from monitor.accounts import AccountError, change, create
from monitor.privacy import record
from monitor.web.digest_page import number
from monitor.web.invitations import LASTS, Invitations
from monitor.web.site import LARGEST_ID, Site, csrf_token, root
from monitor.web.way_in import enter_as


def _agent(session: Session, fields: FormData) -> Agent | None:
    agent_id = number(str(fields.get("agent", "")))
    return session.get(Agent, agent_id) if agent_id else None


def _access(fields: FormData) -> Access:
    given = str(fields.get("access", ""))
    if given not in list(Access):
        raise HTTPException(400)
    return Access(given)


def routes(site: Site, key: str, address: str = "") -> APIRouter:
    """Return the accounts and the page of an invitation; links lead to ``address``."""
    pages = APIRouter()
    invitations = Invitations(key)

    def link(request: Request, account: Account) -> str:
        token = quote(invitations.new(account, site.now()))
        return f"{address.rstrip('/') or root(request)}/join?token={token}"

    def show(
        request: Request, *, status: int = 200, wrong: str = "", login: str = "", **made: str
    ) -> HTMLResponse:
        with reading(site.engine) as session:
            accounts = session.exec(
                select(Account, Agent.name)
                .outerjoin(Agent, col(Agent.id) == col(Account.agent_id))
                .order_by(col(Account.active).desc(), col(Account.login))
            ).all()
            agents = session.exec(
                select(Agent).where(col(Agent.active)).order_by(col(Agent.name))
            ).all()
            request.state.again = "/ops/accounts"
            return site.page(
                request,
                "accounts.html",
                status=status,
                accounts=accounts,
                agents=agents,
                roles=list(Access),
                wrong=wrong,
                login=login,
                link=made.get("link", ""),
                whose=made.get("whose", ""),
                lasting=site.speech(request).lasting(LASTS),
            )

    @pages.get("/ops/accounts")
    def accounts(request: Request) -> HTMLResponse:
        site.only(request, Access.OPS)
        return show(request)

    @pages.post("/ops/accounts")
    async def add(request: Request) -> Response:
        fields = await site.form(request)
        who = site.only(request, Access.OPS).login
        login, access = str(fields.get("login", "")).replace("\x00", ""), _access(fields)
        try:
            with writing(site.engine) as session:
                account = create(session, login, access, agent=_agent(session, fields))
                what = f"account {id_of(account)}"
                record(session, who, "account added", what, access, site.now())
        except AccountError as error:
            wrong = site.speech(request).text(error.words) % error.values
            return show(request, status=400, wrong=wrong, login=login)
        return show(request, link=link(request, account), whose=account.login)

    @pages.post("/ops/accounts/{account_id:int}/{what}")
    async def alter(request: Request, account_id: int, what: str) -> Response:
        fields = await site.form(request)
        person = site.only(request, Access.OPS)
        if what not in {"save", "disable", "enable", "link"}:
            raise HTTPException(404)
        speech = site.speech(request)
        with writing(site.engine) as session:
            account = session.get(Account, account_id) if account_id <= LARGEST_ID else None
            if account is None:
                raise HTTPException(404)
            detail = what
            if what == "save":
                access, agent = _access(fields), _agent(session, fields)
                account.agent_id = id_of(agent) if agent else None
                detail = f"{access}, agent {account.agent_id or 'none'}"
            own = account_id == person.account_id
            if own and (what == "disable" or (what == "save" and access is not Access.OPS)):
                session.rollback()
                words = speech.text("Nothing was changed.")
                words += " " + speech.text("Your own account stays as it is: ask another of ops.")
                return site.back(request, "/ops/accounts", words)
            if what == "save" and access != account.access:
                change(session, account, access=access)
            elif what in {"disable", "enable"}:
                change(session, account, active=what == "enable")
            session.add(account)
            record(
                session,
                person.login,
                "account changed",
                f"account {account_id}",
                detail,
                site.now(),
            )
        if what == "link":
            return show(request, link=link(request, account), whose=account.login)
        return site.back(request, "/ops/accounts", speech.text("Done."))

    def refused(request: Request) -> HTMLResponse:
        return site.message(
            request,
            "This link no longer works",
            "It was used already, is older than %(lasting)s, or the account was changed. "
            "Ask ops for a new one.",
            status=403,
            lasting=site.speech(request).lasting(LASTS),
        )

    def ask(request: Request, account: Account, token: str, **more: str) -> HTMLResponse:
        return site.page(
            request,
            "join.html",
            status=400 if more else 200,
            login=account.login,
            token=token,
            secret=csrf_token(request),
            wrong=more.get("wrong", ""),
        )

    @pages.get("/join")
    def invited(request: Request, token: str = "") -> HTMLResponse:
        with reading(site.engine) as session:
            account = invitations.account(session, token, site.now())
            return ask(request, account, token) if account else refused(request)

    @pages.post("/join")
    async def join(request: Request) -> Response:
        fields = await site.form(request)
        token = str(fields.get("token", ""))
        try:
            with writing(site.engine) as session:
                account = invitations.account(session, token, site.now())
                if account is None:
                    return refused(request)
                change(session, account, password=str(fields.get("password", "")))
                account.last_login_at = site.now()
        except AccountError as error:
            wrong = site.speech(request).text(error.words) % error.values
            with reading(site.engine) as session:
                account = invitations.account(session, token, site.now())
                return ask(request, account, token, wrong=wrong) if account else refused(request)
        return enter_as(site, request, account)

    return pages
