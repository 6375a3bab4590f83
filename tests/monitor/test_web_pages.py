"""What the pages show, with forum text that means harm."""

from collections.abc import Callable, Iterator
from datetime import timedelta
from zoneinfo import ZoneInfo

import pytest
from fastapi.testclient import TestClient
from parsel import Selector
from sqlalchemy import Engine
from sqlmodel import Session, col, select

from models import Author, CaseState, Level, Mention, Outreach, Post
from models.database import writing
from monitor.tallying import keep_tallies
from monitor.web.app import create_app
from monitor.web.auth import OneTimeLogin
from tests.monitor.scene import NOW, Scene, hours

BASE = "http://127.0.0.1"
HOSTILE = "<script>alert(1)</script><img src=x onerror=alert(2)>\"'&<style>*{}</style>"
Read = Callable[[str], Selector]


@pytest.fixture
def client(engine: Engine) -> Iterator[TestClient]:
    login = OneTimeLogin("a key of more than thirty-two characters", now=lambda: NOW)
    app = create_app(engine, login=login, now=lambda: NOW, zone=ZoneInfo("Europe/Warsaw"))
    with TestClient(app, base_url=BASE) as client:
        assert client.get(login.new_link(BASE)).status_code == 200
        yield client


@pytest.fixture
def read(client: TestClient) -> Read:
    def read_page(path: str) -> Selector:
        answer = client.get(path)
        assert answer.status_code == 200, answer.text
        return Selector(answer.text)

    return read_page


def write(engine: Engine, fill: Callable[[Scene], int | None]) -> int:
    with writing(engine) as session:
        return fill(Scene(session)) or 0


def words(page: Selector, css: str) -> str:
    return " ".join(" ".join(page.css(f"{css} ::text").getall()).split())


def test_the_digest_tells_what_burns_first(engine: Engine, read: Read) -> None:
    def fill(scene: Scene) -> int | None:
        source, marta = scene.source("Grosz"), scene.agent("Marta")
        burning = scene.post(scene.thread(source, "No payout"), "Nordvia, give it back")
        case = scene.case(burning, Level.URGENT, score=80, topic="payouts")
        done = scene.post(scene.thread(source, "Slow form"), "Nordvia is slow")
        history = (("contacted", 1.5),)
        scene.case(done, state=CaseState.CONTACTED, agent=marta, history=history)
        return case.id

    case = write(engine, fill)
    page = read("/")
    assert words(page, "h1") == "1 thread needs a person now."
    (top,) = page.css(".top-few li")
    assert words(top, ".level-urgent") == "Urgent"
    assert top.css("a::attr(href)").get() == f"/case/{case}"
    assert "Nordvia, give it back" in words(top, "q")
    assert "probability 0.93" in words(top, ".why")
    assert words(top, ".owner") == "nobody's yet"
    first, second = page.css(".rows .row")
    assert first.css("a::attr(href)").get() == f"/case/{case}"
    assert words(first, "blockquote") == "Nordvia, give it back"
    assert words(second, ".owner") == "Customer written to: Marta"
    heads = [words(section, "h2") for section in page.css("main section")]
    assert heads == [
        "Needs a manager 1",
        "Flagged threads 2",
        "How they stand",
        "What they complain of",
        "Where we looked",
    ]


def test_every_number_on_the_digest_leads_to_its_threads(engine: Engine, read: Read) -> None:
    def fill(scene: Scene) -> int | None:
        source, marta = scene.source(), scene.agent()
        for number in range(40):
            post = scene.post(scene.thread(source, f"Thread {number}"), "Nordvia")
            state = list(CaseState)[number % len(CaseState)]
            owner = None if state is CaseState.NEW else marta
            scene.case(
                post,
                list(Level)[number % 3],
                score=20 + number,
                state=state,
                agent=owner,
                topic=["billing", "quality", None][number % 3],
            )
        return None

    write(engine, fill)
    page = read("/")
    for line in page.css(".tallies li"):
        said = int(words(line, ".number"))
        listed = read(line.css("a::attr(href)").get() or "")
        assert int(words(listed, "#h-threads .number")) == said > 0
        assert len(listed.css(".rows .row")) == said
    for cause in page.css(".cause"):
        said = int(words(cause, ".number"))
        listed = read(cause.css("a::attr(href)").get() or "")
        dismissed = words(listed, ".rows").count("Dismissed")
        assert int(words(listed, "#h-threads .number")) - dismissed == said
    for link in page.css(".rows a[href^='/case/']::attr(href)").getall()[:5]:
        assert words(read(link), "h1").startswith("Thread ")
    assert len(page.css(".rows .row")) == 25
    rest = read(page.css("a[rel=next]::attr(href)").get() or "")
    assert len(rest.css(".rows .row")) == 15


def test_the_list_can_be_narrowed_and_the_address_says_how(engine: Engine, read: Read) -> None:
    def fill(scene: Scene) -> int | None:
        grosz, moto = scene.source("Grosz"), scene.source("Moto")
        marta = scene.agent("Marta")
        payout = scene.post(
            scene.thread(grosz, "No payout"),
            "Nordvia nie wypłaca pieniędzy",
            negative=0.9,
            unhappy="sure",
            language="pl",
        )
        scene.case(payout, Level.URGENT, score=90, topic="payout_or_payment")
        slow = scene.post(scene.thread(moto, "Slow answer"), "Nordvia sleeps", negative=0.9)
        scene.case(slow, state=CaseState.CLAIMED, agent=marta, topic="support")
        return marta.id

    marta = write(engine, fill)

    def titles(address: str) -> list[str]:
        return [words(row, "a")[:11] for row in read(address).css(".rows .row-head")]

    assert titles("/") == ["No payout", "Slow answer"]
    assert titles("/?level=urgent") == ["No payout"]
    assert titles("/?source=2") == titles("/?state=claimed") == ["Slow answer"]
    assert titles(f"/?owner={marta}") == titles("/?topic=support") == ["Slow answer"]
    assert titles("/?owner=0") == titles("/?language=pl") == ["No payout"]
    assert titles("/?q=WYPŁAC") == titles("/?q=payout") == ["No payout"]
    assert titles("/?q=sleeps+nordvia") == ["Slow answer"]
    assert titles("/?q=neither") == []
    assert titles("/?sort=oldest&brand=1") == ["No payout", "Slow answer"]
    assert titles("/?brand=9") == []
    for odd in ("/?q=%22*%00(", "/?level=x&owner=abc&page=-1", "/?since=2026-13-40", "/?page=99"):
        assert read(odd).css("h1")
    page = read("/?q=payout&level=urgent&period=week")
    assert page.css("select[name=level] [selected]::attr(value)").get() == "urgent"
    assert page.css("input[name=q]::attr(value)").get() == "payout"
    month = page.css(".periods a::attr(href)").getall()[2]
    assert month == "/?period=month&level=urgent&q=payout"


def test_an_empty_digest_says_what_was_read(engine: Engine, read: Read) -> None:
    def fill(scene: Scene) -> int | None:
        thread = scene.thread(scene.source(), "", watched=False)
        scene.count_posts(thread, NOW.replace(minute=0) - hours(3), 212)
        return None

    write(engine, fill)
    page = read("/")
    assert words(page, "h1") == "Nothing to report."
    assert "212 posts were read; 0 of them name a watched brand" in words(page, ".rows .empty")
    assert "1 of 1 source could be read" in words(page, ".rows .empty")


def test_a_digest_of_an_empty_database_says_how_to_begin(read: Read) -> None:
    assert "quietword add" in words(read("/"), "main")
    assert words(read("/sources"), "h1") == "No source is watched yet."


def test_silence_and_undelivered_alerts_stand_above_everything(engine: Engine, read: Read) -> None:
    def fill(scene: Scene) -> int | None:
        source = scene.source(
            "Walled", failures=3, last_outcome="LOGIN_WALL", last_ok_at=NOW - hours(72)
        )
        case = scene.case(scene.post(scene.thread(source, "Lost alert"), "Nordvia"))
        scene.delivery(case, state="failed", attempts=6, error="channel_not_found")
        return source.id

    source = write(engine, fill)
    page = read("/")
    bad, warn = page.css(".notice")
    assert "Lost alert : slack gave up, waiting 2 hr" in words(bad, "li")
    assert "channel_not_found" in words(bad, "li")
    assert "login wall" in words(warn, "li")
    assert warn.css("a::attr(href)").get() == f"/sources#source-{source}"
    health = read("/sources").css(f"#source-{source}")[0]
    assert words(health, ".silence").startswith("Silent since 19 Nov, 10:30 (3 days ago)")
    assert "members" in words(health, "dl")


def test_the_period_decides_what_is_counted(engine: Engine, read: Read) -> None:
    def fill(scene: Scene) -> int | None:
        old = scene.post(scene.thread(scene.source(), "Old"), "Nordvia", at=NOW - hours(70))
        scene.case(old, state=CaseState.SOLVED, opened_at=NOW - hours(69))
        return None

    write(engine, fill)
    assert not read("/").css("[href^='/case/']")
    assert not read("/?period=nonsense").css("[href^='/case/']")
    assert read("/?period=week").css("[href^='/case/']")
    chosen = read("/?period=week").css(".periods [aria-current=page]")
    assert words(chosen[0], "a") == "Week"
    assert read("/?since=2026-11-19&until=2026-11-19").css("[href^='/case/']")
    assert not read("/?since=2026-11-20&until=2026-11-22").css("[href^='/case/']")


def test_a_case_is_shown_within_its_thread(engine: Engine, read: Read) -> None:
    def fill(scene: Scene) -> int | None:
        thread = scene.thread(scene.source("Grosz"), "No payout")
        at = NOW - hours(8)
        scene.post(thread, "Anybody?", author="first", at=at, mention=None, posts_shown=1)
        flagged = scene.post(
            thread,
            "I wait.\n\nNordvia is silent, call 600 700 800 about Nordvia",
            author="second",
            at=at + hours(1),
            negative=0.934,
            unhappy="sure",
            quotes=(("first", "Anybody?"),),
            edited=True,
            gone_at=NOW,
        )
        undated = scene.post(thread, "", author="third", mention=None, fetched_at=at + hours(2))
        undated.posted_at = None
        case = scene.case(flagged, agent=scene.agent("Marta"), history=(("claimed", 0.5),))
        return case.id

    page = read(f"/case/{write(engine, fill)}")
    first, flagged, undated = page.css("article.post")
    assert words(first, "strong") == "first"
    assert "1 post" in words(first, "header")
    assert not first.css(".badge")
    assert [words(badge, "span") for badge in flagged.css(".badge")] == [
        "flagged post",
        "negative 93%, clearly unhappy",
    ]
    assert flagged.attrib["id"] == "flagged"
    text = "".join(flagged.css(".words")[-1].css("::text").getall())
    assert text == "I wait.\n\nNordvia is silent, call [phone] about Nordvia"
    assert flagged.css("mark::text").getall() == ["Nordvia"]
    assert words(flagged, "blockquote") == "first : Anybody?"
    assert {"edited", "gone from the site"} <= {
        part.strip().split(",")[0] for part in words(flagged, "header").split("·")
    }
    assert flagged.css("time::attr(datetime)").get() == (NOW - hours(7)).isoformat()
    assert words(flagged, "time").startswith("22 Nov, 03:30")
    assert "no time shown, read 22 Nov, 04:30" in words(undated, "header")
    assert "only the quote" in words(undated, "article")
    assert "Marta took it." in words(page, ".history")
    assert "probability 0.93" in words(page, ".reasons")


def test_a_mention_is_marked_where_it_stands_after_masking(engine: Engine, read: Read) -> None:
    def fill(scene: Scene) -> int | None:
        text = "Write to help@nordvia.example or 600 700 800. Nordvia! <Nordvia>"
        post = scene.post(scene.thread(scene.source(), "T"), text, mention="nordvia")
        for start in (text.index("Nordvia!"), text.rindex("Nordvia")):
            scene.add(
                Mention(
                    post_id=post.id,
                    brand_id=scene.brand().id,
                    place="text",
                    start=start,
                    end=start + 7,
                    matched="Nordvia",
                )
            )
        return scene.case(post).id

    page = read(f"/case/{write(engine, fill)}")
    body = page.css(".post .words")[0]
    assert "".join(body.css("::text").getall()) == (
        "Write to [e-mail] or [phone]. Nordvia! <Nordvia>"
    )
    assert body.css("mark::text").getall() == ["Nordvia", "Nordvia"]


def test_a_very_long_thread_shows_the_posts_around_the_flagged_one(
    engine: Engine, read: Read
) -> None:
    def fill(scene: Scene) -> int | None:
        thread = scene.thread(scene.source(), "Long")
        start = NOW - timedelta(days=9)
        posts = [
            scene.post(thread, f"Nordvia {number}", at=start + timedelta(minutes=number))
            for number in range(260)
        ]
        return scene.case(posts[150]).id

    page = read(f"/case/{write(engine, fill)}")
    assert len(page.css("article.post")) == 200
    assert words(page.css("#flagged")[0], ".words") == "Nordvia 150"
    assert "50 earlier posts are not shown" in words(page, "main")
    assert "10 later posts are not shown" in words(page, "main")


@pytest.mark.parametrize(("language", "phone"), [("pl", "[telefon]"), ("ru", "[телефон]")])
def test_what_is_masked_is_named_in_the_readers_language(
    engine: Engine, client: TestClient, language: str, phone: str
) -> None:
    def fill(scene: Scene) -> int | None:
        thread = scene.thread(scene.source(), "Ring 601 234 567")
        return scene.case(scene.post(thread, "Nordvia, ring 601 234 567")).id

    case = write(engine, fill)
    for path in ("/", f"/case/{case}"):
        text = client.get(path, headers={"Accept-Language": language}).text
        assert phone in text
        assert "[phone]" not in text


def test_a_search_that_finds_nothing_is_no_quiet_day(engine: Engine, read: Read) -> None:
    write(
        engine,
        lambda scene: scene.case(scene.post(scene.thread(scene.source(), "T"), "Nordvia")).id,
    )
    for path in ("/?q=zzz", "/?level=watch&topic=delivery"):
        page = read(path)
        assert words(page, "h1") == "No thread fits these filters."
        assert page.css(".rows .empty a[href*='period']")
    assert words(read("/"), "h1") == "1 thread needs a person now."
    assert (
        words(read("/?since=2020-01-01&until=2020-01-02&sort=newest"), "h1") == "Nothing to report."
    )


@pytest.mark.parametrize("policy", [Outreach.PRIVATE, Outreach.NONE, Outreach.ASK_MODERATOR])
def test_the_page_offers_a_private_message_only_where_it_is_welcome(
    engine: Engine, read: Read, policy: Outreach
) -> None:
    def fill(scene: Scene) -> int | None:
        thread = scene.thread(scene.source(outreach=policy), "T")
        return scene.case(scene.post(thread, "Nordvia")).id

    case = write(engine, fill)
    for path in ("/", f"/case/{case}"):
        offered = "mode=compose" in " ".join(read(path).css("a::attr(href)").getall())
        assert offered == (policy is Outreach.PRIVATE)


@pytest.mark.parametrize(
    ("language", "label", "rule"),
    [
        ("en", "Open profile", "Private contact is welcome here"),
        ("pl", "Otwórz profil", "Kontakt prywatny jest tu mile widziany"),
        ("ru", "Открыть профиль", "Личные сообщения здесь уместны"),
    ],
)
def test_where_no_form_is_known_the_page_leads_to_the_authors_own(
    engine: Engine, client: TestClient, language: str, label: str, rule: str
) -> None:
    page = "https://bb.example/users/may/"

    def fill(scene: Scene) -> int | None:
        thread = scene.thread(scene.source(), "T")
        post = scene.post(thread, "Nordvia", url="https://bb.example/t", private_message_url=None)
        scene.session.get_one(Author, post.author_id).profile_url = page
        return scene.case(post).id

    case = write(engine, fill)
    for path in ("/", f"/case/{case}"):
        shown = Selector(client.get(path, headers={"Accept-Language": language}).text)
        [link] = shown.css(f"a[href='{page}']")
        assert link.css("::text").get() == label
        if path != "/":
            assert rule in words(shown, "main")


def hostile_case(scene: Scene) -> int | None:
    """Put markup into every field that a page shows."""
    source = scene.source(
        HOSTILE,
        address=f"https://x.example/{HOSTILE}",
        outreach_note=HOSTILE,
        engine="<b>e",
        last_message=HOSTILE,
        last_outcome="<script>",
        failures=1,
        language="<i>",
    )
    scene.brands["Nordvia"] = scene.brand(HOSTILE)
    thread = scene.thread(source, HOSTILE, url=f"https://x.example/{HOSTILE}")
    post = scene.post(
        thread,
        HOSTILE + " Nordvia <script>",
        author=HOSTILE,
        negative=0.9,
        unhappy="sure",
        language="<b>",
        quotes=((HOSTILE, HOSTILE),),
        url="javascript:alert(3)",
        private_message_url="javascript:alert(4)",
    )
    case = scene.case(
        post,
        Level.URGENT,
        agent=scene.agent(HOSTILE),
        topic="<script>topic",
        reasons=(HOSTILE,),
        history=(("claimed", 1.0), ("<script>", 2.0)),
    )
    scene.delivery(case, state="failed", attempts=1, error=HOSTILE)
    scene.count_posts(thread, NOW.replace(minute=0) - hours(1), 50)
    return case.id


def test_markup_in_any_field_is_shown_and_never_becomes_part_of_the_page(
    engine: Engine, read: Read
) -> None:
    case = write(engine, hostile_case)
    for path in ("/", f"/case/{case}", "/sources", "/why"):
        page = read(path)
        assert "<script>alert(1)</script>" in "".join(page.css("::text").getall())
        assert not page.css("style, iframe, object, [style], body b, body i")
        assert page.css("script::attr(src)").getall() == ["/static/keys.js"]
        assert page.css("img::attr(src)").getall() == ["/static/icon.svg"]
        names = {name for tag in page.css("*") for name in tag.attrib}
        assert not {name for name in names if name.startswith("on")}
        for link in page.css("a[href]"):
            href = link.attrib["href"]
            if not href.startswith(("/", "#")):
                assert href.startswith("https://x.example/")
                assert set(link.attrib["rel"].split()) == {"noopener", "noreferrer", "nofollow"}


def test_every_answer_forbids_scripts_and_framing(client: TestClient) -> None:
    for path in ("/", "/sources", "/case/9", "/login", "/healthz", "/static/style.css", "/none"):
        headers = client.get(path).headers
        policy = dict(part.split(" ", 1) for part in headers["content-security-policy"].split("; "))
        assert policy["default-src"] == "'none'"
        assert policy["frame-ancestors"] == "'none'"
        assert policy["base-uri"] == "'none'"
        assert policy["script-src"] == "'self'"
        assert policy["form-action"] == "'self'"
        assert "unsafe" not in headers["content-security-policy"]
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["referrer-policy"] == "no-referrer"
        assert "no-" in headers["cache-control"]


def test_pages_load_nothing_from_elsewhere(engine: Engine, client: TestClient, read: Read) -> None:
    write(engine, hostile_case)
    loaded = set(read("/").css("link::attr(href), [src]::attr(src)").getall())
    names = ("style.css", "pages.css", "icon.svg", "keys.js")
    assert loaded == {f"/static/{name}" for name in names}
    for path in loaded:
        asset = client.get(path)
        assert asset.status_code == 200
        assert "url(" not in asset.text
        assert "@import" not in asset.text


@pytest.mark.parametrize("path", ["/case/999", "/case/99999999999999999999", "/case/x", "/nowhere"])
def test_a_page_that_is_not_there_says_so(client: TestClient, path: str) -> None:
    answer = client.get(path)
    assert answer.status_code == 404
    assert "There is no such page" in answer.text


def test_an_erased_thread_takes_its_case_along(engine: Engine, client: TestClient) -> None:
    case = write(engine, hostile_case)
    with writing(engine) as session:
        erase_all_posts(session)
    assert client.get(f"/case/{case}").status_code == 404
    assert client.get("/").status_code == 200


def erase_all_posts(session: Session) -> None:
    from models import Case, Thread

    for table in (Case, Post, Thread):
        for row in session.exec(select(table).order_by(col(table.id))):
            session.delete(row)
        session.flush()


def test_a_digest_of_one_brand_counts_and_names_nothing_of_another(
    engine: Engine, read: Read
) -> None:
    def fill(scene: Scene) -> int | None:
        source = scene.source()
        for title, brand in (("Ours", "Nordvia"), ("Theirs", "Acme")):
            thread = scene.thread(source, f"{title} grows")
            post = scene.post(thread, f"{brand} is silent", mention="Nordvia")
            scene.count_posts(thread, NOW - hours(2), 9)
            if brand == "Acme":
                other = scene.brand("Acme")
                mention = {"place": "text", "start": 0, "end": 4, "matched": "Acme"}
                scene.add(Mention(post_id=post.id, brand_id=other.id, **mention))
                keep_tallies(scene.session, thread.id)
        return scene.brand("Acme").id

    acme = write(engine, fill)
    assert "2 posts name a watched brand" in words(read("/"), ".meta")
    page = read(f"/?brand={acme}")
    meta = words(page, ".meta")
    assert "1 post names this brand" in meta
    assert "2 threads (all brands)" in meta
    text = words(page, "main")
    assert "Theirs grows" in text
    assert "Ours grows" not in text
