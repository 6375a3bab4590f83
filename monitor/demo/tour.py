"""``quietword demo``: the real pipeline on the demo forum, from the first crawl to the alerts."""

import functools
import http.cookiejar
import secrets
import tempfile
import threading
import time
import urllib.request
from pathlib import Path

import uvicorn
from pydantic import SecretStr
from rich.console import Console
from rich.markup import escape
from rich.rule import Rule
from sqlmodel import col, select

from alerts.channels.console import ConsoleChannel
from models import Brand, Case, Delivery, DeliveryState, Level, Post, Source, Thread, Verdict
from models.base import id_of
from models.database import make_engine, reading, upgrade, writing
from models.errors import QuietwordError
from monitor import jobs
from monitor.brands import BrandSpec, save_brand
from monitor.config import Settings, load_settings
from monitor.demo import NORDVIA, DemoForum
from monitor.health import WELL
from monitor.jobs import Runtime
from monitor.mentions import Alias
from monitor.progress import counted, crawling
from monitor.runtime import load_scorer
from monitor.service import listen, serve, web_address
from monitor.web.app import create_app
from monitor.web.auth import OneTimeLogin


def tour(*, once: bool, console: Console) -> None:
    """Show the whole way on a forum of our own, served on this machine.

    With ``once`` it crawls twice (the second time after a thread has grown), prints a summary and
    ends; otherwise it goes on as ``quietword run`` does until Ctrl-C. Leaves nothing behind.
    """
    with tempfile.TemporaryDirectory(prefix="quietword-demo-") as folder, DemoForum() as forum:
        runtime = _set_up(Path(folder), forum, console)
        try:
            console.print(Rule("A small forum of our own is served on this machine"))
            console.print(f"phpBB      {forum.phpbb_url}\nDiscourse  {forum.discourse_url}")
            console.print(
                "The brand is Nordvia; its rival is "
                + escape(", ".join(rival.name for rival in NORDVIA.rivals))
                + ". Settings, database and forum are gone when the demo ends.\n"
            )
            if once:
                _once(runtime, forum, console)
            else:
                serve(runtime, console, secret=secrets.token_urlsafe(32))
        finally:
            runtime.engine.dispose()


def _set_up(folder: Path, forum: DemoForum, console: Console) -> Runtime:
    settings = load_settings().model_copy(
        update={
            "database_url": SecretStr(f"sqlite:///{folder / 'demo.db'}"),
            "contact": "demo@quietword.invalid",
            "allow_private_addresses": True,
            "web_port": 0,
        }
    )
    engine = make_engine(settings.database_url.get_secret_value())
    upgrade(engine)
    with writing(engine) as session:
        save_brand(
            session,
            BrandSpec(
                name=NORDVIA.name,
                aliases=tuple(Alias(text=alias) for alias in NORDVIA.aliases),
                rivals=tuple(
                    name for rival in NORDVIA.rivals for name in (rival.name, *rival.aliases)
                ),
                staff=NORDVIA.staff_authors,
            ),
        )
        for engine_name, address in (
            ("phpbb", forum.phpbb_url),
            ("discourse", forum.discourse_url),
        ):
            session.add(
                Source(
                    address=address,
                    engine=engine_name,
                    name=f"Demo {engine_name}",
                    every_minutes=1,
                    delay_s=0,
                )
            )
    channel = ConsoleChannel(console.file)
    return Runtime(
        settings=settings,
        engine=engine,
        channels={(channel.kind, channel.room): channel},
        scorer=functools.cache(lambda: load_scorer(settings)),
    )


def _once(runtime: Runtime, forum: DemoForum, console: Console) -> None:
    began = time.monotonic()
    _round(runtime, console)
    console.print(Rule("One thread has grown since"))
    asked = forum.requests.total()
    forum.grow()
    _round(runtime, console)
    again = forum.requests.total() - asked
    address = _look_at_the_digest(runtime.settings, runtime)
    console.print(Rule("What happened"))
    _summary(runtime, console)
    console.print(
        f"The second crawl asked for {again} pages, the first for {asked}. The digest was served "
        f"at {address}\nAll of it took {time.monotonic() - began:.0f} seconds. Stay and click: "
        "make demo"
    )


def _round(runtime: Runtime, console: Console) -> None:
    """Crawl both forums, judge what they say, and deliver what that leads to."""
    with reading(runtime.engine) as session:
        sources = session.exec(select(Source).order_by(col(Source.id))).all()
    for source in sources:
        with crawling(console, source.name) as tell:
            run = jobs.crawl_source(runtime, id_of(source), on_event=tell)
        console.print(
            f"{source.name}: {run.outcome}, read {run.posts} posts in {run.threads} threads from "
            f"{run.pages} pages; {run.skipped} threads had not changed"
            + ("" if run.outcome in WELL else f". {escape(run.message)}"),
            soft_wrap=True,
        )
    with counted(console, "Judging posts") as progress:
        judged = jobs.score(runtime, progress)
    cases = jobs.judge_threads(runtime)
    console.print(
        f"{judged} posts judged, {cases.opened} cases opened, {cases.raised} raised, "
        f"{cases.alerts} alerts:"
    )
    jobs.deliver(runtime)


def _look_at_the_digest(settings: Settings, runtime: Runtime) -> str:
    """Serve the digest, open it through a login link as a manager would, and return its address."""
    listener = listen(settings)
    login = OneTimeLogin(secrets.token_urlsafe(32))
    server = uvicorn.Server(
        uvicorn.Config(create_app(runtime.engine, login=login), log_config=None, access_log=False)
    )
    thread = threading.Thread(target=server.run, args=([listener],), daemon=True)
    address = web_address(settings, listener.getsockname()[1])
    listener.listen()
    thread.start()
    browser = urllib.request.build_opener(
        urllib.request.HTTPCookieProcessor(http.cookiejar.CookieJar())
    )
    browser.open(login.new_link(address), timeout=30).close()  # welcomes, as nobody has an account
    with browser.open(address, timeout=30) as answer:
        page = answer.read().decode("utf-8")
    server.should_exit = True
    thread.join()
    listener.close()
    if "Nordvia" not in page:
        raise QuietwordError(f"the digest at {address} does not show the demo's cases")
    return address


def _summary(runtime: Runtime, console: Console) -> None:
    """Print what is in the database now, against what the story's author meant."""
    with reading(runtime.engine) as session:
        posts = len(session.exec(select(Post.id)).all())
        verdicts = len(session.exec(select(Verdict.id)).all())
        brands = len(session.exec(select(Brand.id)).all())
        rows = session.exec(
            select(Case, Thread)
            .join(Thread, onclause=col(Thread.id) == Case.thread_id)
            .order_by(col(Case.score).desc())
        ).all()
        sent = len(
            session.exec(select(Delivery.id).where(Delivery.state == DeliveryState.SENT)).all()
        )
    console.print(
        f"{posts} posts kept, {verdicts} verdicts towards {brands} brand, {len(rows)} cases, "
        f"{sent} alerts sent"
    )
    for case, thread in rows:
        word = Level(case.level).replace("_", " ")
        console.print(f"{case.score:5.1f} {word:9} {escape(thread.title)}", soft_wrap=True)
