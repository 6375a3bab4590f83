"""The digest: what is in it, what is not, and how it reads on a terminal."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import Engine

from models import Author, CaseState, DeliveryState, How, Level, Outreach
from models.database import writing
from monitor.case_rules import Actor
from monitor.contacts import opt_out
from monitor.coverage import Health
from monitor.digest import Digest, DigestError, as_text, build_digest
from tests.monitor.scene import NOW, Scene, hours


@pytest.fixture
def scene(engine: Engine) -> Iterator[Scene]:
    with writing(engine) as session:
        yield Scene(session)


def digest_of(scene: Scene, days: float = 1, until: datetime = NOW) -> Digest:
    since = until - timedelta(days=days)
    return build_digest(scene.session, since=since, until=until, now=until)


def test_an_untaken_complaint_burns_with_all_that_is_needed_to_act(scene: Scene) -> None:
    source = scene.source("Grosz", outreach_note="Be brief.")
    thread = scene.thread(source, "Nordvia keeps my payout", mark_posts=9)
    post = scene.post(
        thread,
        "Nordvia owes me 120. Call me on 600 700 800 or write to ewa@mail.example",
        author="ewa_k",
        at=NOW - hours(5),
        negative=0.93,
        unhappy="sure",
        language="pl",
    )
    scene.post(thread, "Same here.", at=NOW - hours(1))
    case = scene.case(post, Level.URGENT, score=71, topic="payouts", reasons=("one", "two"))

    (found,) = digest_of(scene).burning

    assert found.id == case.id
    assert (found.level, found.state, found.score) == (Level.URGENT, CaseState.NEW, 71)
    assert found.reasons == ("one", "two")
    assert (found.brand, found.topic, found.source) == ("Nordvia", "payouts", "Grosz")
    assert (found.title, found.thread_url) == ("Nordvia keeps my payout", thread.url)
    assert found.quote == "Nordvia owes me 120. Call me on [phone] or write to [e-mail]"
    assert (found.author, found.quote_url) == ("ewa_k", post.url)
    assert found.language == "pl"
    assert found.private_url == post.private_message_url
    assert found.outreach.endswith("Be brief.")
    assert (found.posts, found.posts_lately) == (9, 2)
    assert (found.first_post_at, found.last_post_at) == (NOW - hours(5), NOW - hours(1))
    assert found.owner is None
    assert [event.kind for event in found.events] == ["opened"]


@pytest.mark.parametrize("policy", list(Outreach))
def test_the_private_address_is_offered_only_where_the_place_welcomes_it(
    scene: Scene, policy: Outreach
) -> None:
    thread = scene.thread(scene.source(outreach=policy), "Title")
    scene.case(scene.post(thread, "Nordvia, why?"))
    (found,) = digest_of(scene).cases
    welcome = policy in (Outreach.PRIVATE, Outreach.PRIVATE_FOR_PERSONAL_DATA)
    assert (found.private_url is not None) == welcome


def test_a_private_address_on_another_site_is_not_offered(scene: Scene) -> None:
    thread = scene.thread(scene.source(), "Title")
    scene.case(scene.post(thread, "Nordvia", private_message_url="https://evil.example/pm"))
    (found,) = digest_of(scene).cases
    assert found.private_url is None


def test_addresses_that_are_not_web_addresses_are_never_links(scene: Scene) -> None:
    thread = scene.thread(scene.source(), "Title", url="javascript:alert(1)")
    scene.case(
        scene.post(thread, "Nordvia", url="data:text/html,x", private_message_url="vbscript:x")
    )
    (found,) = digest_of(scene).cases
    assert (found.thread_url, found.quote_url, found.private_url) == (None, None, None)


@pytest.mark.parametrize("policy", list(Outreach))
def test_the_authors_page_is_offered_where_there_is_no_form_for_us(
    scene: Scene, policy: Outreach
) -> None:
    thread = scene.thread(scene.source(outreach=policy), "Title")
    page = "https://f.test/member/5"
    post = scene.post(thread, "Nordvia, why?", url="https://f.test/p", private_message_url=page)
    scene.session.get_one(Author, post.author_id).profile_url = page
    scene.case(post)
    (found,) = digest_of(scene).cases
    assert (found.private_url, found.profile_url) == (
        None,
        None if policy is Outreach.NONE else page,
    )


def test_nobody_is_offered_a_way_to_an_author_who_asked_for_peace(scene: Scene) -> None:
    source = scene.source()
    thread = scene.thread(source, "Title")
    post = scene.post(thread, "Nordvia, why?")
    asked = scene.case(post)
    scene.case(scene.post(scene.thread(source, "Another"), "Nordvia again"))
    author = scene.session.get_one(Author, post.author_id)
    author.profile_url = f"{source.address}member/5"
    opt_out(scene.session, asked, Actor(None, How.CLI), NOW)
    silent = {
        case.title: (case.silent, case.private_url or case.profile_url)
        for case in digest_of(scene).cases
    }
    assert silent["Title"] == (True, None)
    assert silent["Another"][0] is False
    assert silent["Another"][1]


def test_a_long_post_is_quoted_around_the_brand(scene: Scene) -> None:
    thread = scene.thread(scene.source(), "Title")
    scene.case(scene.post(thread, "filler " * 200 + "Nordvia never answered " + "filler " * 99))
    (found,) = digest_of(scene).cases
    assert "Nordvia never answered" in found.quote
    assert found.quote.startswith("… ")
    assert found.quote.endswith("…")
    assert len(found.quote) <= 322


def test_each_state_has_its_place_and_the_weightiest_stands_first(scene: Scene) -> None:
    source, marta = scene.source(), scene.agent()
    wanted = [
        (Level.REACH_OUT, 40, CaseState.NEW),
        (Level.URGENT, 61, CaseState.CLAIMED),
        (Level.URGENT, 90, CaseState.NEW),
        (Level.WATCH, 21, CaseState.NEW),
        (Level.REACH_OUT, 45, CaseState.CONTACTED),
        (Level.URGENT, 66, CaseState.SOLVED),
        (Level.REACH_OUT, 36, CaseState.DISMISSED),
    ]
    for level, score, state in wanted:
        post = scene.post(scene.thread(source, f"Thread {score}"), "Nordvia")
        owner = None if state is CaseState.NEW else marta
        scene.case(post, level, score=score, state=state, agent=owner)
    digest = digest_of(scene)
    assert [case.score for case in digest.burning] == [90, 61, 40]
    assert [case.owner for case in digest.burning] == [None, "Marta", None]
    assert [case.score for case in digest.caught] == [66, 45]
    assert [case.score for case in digest.watched] == [21]
    assert [case.score for case in digest.dismissed] == [36]
    counts = {(count.level, count.state): count.cases for count in digest.counts}
    assert sum(counts.values()) == 7
    assert counts[Level.URGENT, CaseState.NEW] == 1


def test_an_unfinished_case_stays_whatever_its_age_and_a_finished_one_goes(scene: Scene) -> None:
    source, marta, past = scene.source(), scene.agent(), NOW - timedelta(days=20)
    for state, history in (
        (CaseState.NEW, ()),
        (CaseState.CONTACTED, (("contacted", 1.0),)),
        (CaseState.SOLVED, (("contacted", 1.0), ("solved", 2.0))),
    ):
        post = scene.post(scene.thread(source, f"Old, {state}"), "Nordvia", at=past)
        scene.case(post, state=state, agent=marta, opened_at=past, history=history)
    post = scene.post(scene.thread(source, "Settled today"), "Nordvia", at=past)
    late = (("contacted", 1.0), ("solved", 20 * 24 - 1.0))
    scene.case(post, state=CaseState.SOLVED, agent=marta, opened_at=past, history=late)
    quiet = scene.post(scene.thread(source, "Old watch"), "Nordvia", at=past)
    scene.case(quiet, Level.WATCH, opened_at=past)

    assert {case.title for case in digest_of(scene).cases} == {
        "Old, new",
        "Old, contacted",
        "Settled today",
    }
    assert len(digest_of(scene, days=30).cases) == 5


def test_the_time_to_a_private_word_is_the_median_of_the_threads_shown(scene: Scene) -> None:
    source, marta = scene.source(), scene.agent()
    for after in (0.5, 1.0, 4.0):
        post = scene.post(scene.thread(source, f"After {after}"), "Nordvia")
        scene.case(
            post,
            state=CaseState.CONTACTED,
            agent=marta,
            opened_at=NOW - hours(9),
            history=(("contacted", after),),
        )
    digest = digest_of(scene)
    assert digest.median_answer == hours(1)
    assert {case.answered_after for case in digest.caught} == {hours(0.5), hours(1), hours(4)}
    assert digest.caught[0].events[-1].by == "Marta"


def test_causes_name_the_cases_behind_them_and_leave_dismissed_ones_out(scene: Scene) -> None:
    source = scene.source()
    cases = {}
    for score, topic, state in (
        (50, "payouts", CaseState.NEW),
        (60, "payouts", CaseState.NEW),
        (40, None, CaseState.NEW),
        (45, "fees", CaseState.DISMISSED),
    ):
        post = scene.post(scene.thread(source, f"T{score}"), "Nordvia")
        cases[score] = scene.case(post, score=score, topic=topic, state=state).id
    causes = digest_of(scene).causes
    assert [(cause.topic, cause.cases) for cause in causes] == [
        ("payouts", (cases[60], cases[50])),
        (None, (cases[40],)),
    ]


def test_a_thread_grows_when_it_doubles_and_an_unwatched_one_is_not_shown(scene: Scene) -> None:
    source = scene.source()
    for title, lately, before, watched in (
        ("doubled", 8, 4, True),
        ("steady", 8, 7, True),
        ("tiny", 2, 0, True),
        ("not ours", 90, 1, False),
        ("new", 5, 0, True),
    ):
        thread = scene.thread(source, title, watched=watched)
        for posts, at in ((lately, NOW - hours(2)), (before, NOW - hours(30))):
            scene.count_posts(thread, at.replace(minute=0), posts)
    growing = digest_of(scene, days=7).growing
    assert [(one.title, one.posts, one.posts_before) for one in growing] == [
        ("new", 5, 0),
        ("doubled", 8, 4),
    ]


def test_a_refused_alert_is_named_and_a_sent_or_untried_one_is_not(scene: Scene) -> None:
    source = scene.source()
    for title, given in (
        ("gave up", {"state": DeliveryState.FAILED, "attempts": 6, "error": "channel_not_found"}),
        ("retried", {"attempts": 2, "error": "Slack could not be reached"}),
        ("sent", {"state": DeliveryState.SENT, "attempts": 2, "error": "timeout"}),
        ("untried", {}),
    ):
        scene.delivery(scene.case(scene.post(scene.thread(source, title), "Nordvia")), **given)
    found = digest_of(scene).undelivered
    assert [(one.title, one.given_up) for one in found] == [("gave up", True), ("retried", False)]


def test_each_source_says_how_it_stands_and_since_when_it_is_silent(scene: Scene) -> None:
    scene.source("fine")
    scene.source("late", last_ok_at=NOW - hours(2))
    scene.source("slow", last_ok_at=NOW - hours(2), every_minutes=60)
    scene.source("told to wait", last_ok_at=NOW - hours(5), not_before=NOW + hours(1))
    scene.source("walled", failures=4, last_outcome="LOGIN_WALL", last_ok_at=NOW - hours(50))
    scene.source("new", last_ok_at=None, last_run_at=None, last_outcome=None, added_at=NOW)
    scene.source("paused", enabled=False, last_ok_at=NOW - hours(99))
    digest = digest_of(scene)
    assert {source.name: source.health for source in digest.sources} == {
        "walled": Health.FAILING,
        "late": Health.LATE,
        "new": Health.NEVER,
        "fine": Health.FINE,
        "slow": Health.FINE,
        "told to wait": Health.FINE,
        "paused": Health.PAUSED,
    }
    assert {source.name: source.silent_since for source in digest.silent} == {
        "walled": NOW - hours(50),
        "late": NOW - hours(2),
        "new": NOW,
    }
    assert "members" in digest.sources[0].advice
    assert (digest.coverage.sources, digest.coverage.sources_read) == (6, 4)


def test_an_empty_digest_says_how_much_was_looked_at(scene: Scene) -> None:
    source = scene.source()
    unwatched = scene.thread(source, "", watched=False)
    scene.count_posts(unwatched, NOW.replace(minute=0) - hours(2), 211)
    scene.count_posts(unwatched, NOW.replace(minute=0) - hours(60), 5)
    scene.post(scene.thread(source, "Praise"), "Nordvia is fine", negative=0.02)
    digest = digest_of(scene)
    assert digest.cases == ()
    seen = digest.coverage
    assert (seen.posts, seen.threads, seen.mentions) == (212, 2, 1)
    text = as_text(digest)
    assert "Nothing to report" in text
    assert "212 posts in 2 threads seen, 1 with a watched brand; 1 of 1 source read" in text


def test_a_database_without_a_source_gives_a_digest_too(scene: Scene) -> None:
    digest = digest_of(scene)
    assert digest.coverage.sources == 0
    assert "0 of 0 sources read" in as_text(digest)


def test_the_terminal_shows_each_case_and_nothing_acts_on_it(scene: Scene) -> None:
    thread = scene.thread(scene.source("[bold]Grosz[/bold]"), "[red]\x1b[31mTitle\u202e[/red]")
    hostile = "Nordvia \x1b]8;;https://evil.example\x07 [link=https://evil.example]x[/link]"
    scene.case(scene.post(thread, hostile, author="\x1b[2Jewa"), Level.URGENT, score=66)
    text = as_text(digest_of(scene), zone=ZoneInfo("Europe/Warsaw"))
    assert "Burning (1)" in text
    assert "Urgent 66" in text
    assert "[red]" in text  # shown as it was written
    assert "[bold]Grosz[/bold]" in text
    assert thread.url in text
    assert "10:30 UTC+1" in text
    assert not {"\x1b", "\x07", "\u202e"} & set(text)


def test_the_digest_as_json_can_be_read_back(scene: Scene) -> None:
    scene.case(scene.post(scene.thread(scene.source(), "Żółć"), "Nordvia"))
    read = json.loads(json.dumps(digest_of(scene).as_json()))
    assert read["cases"][0]["title"] == "Żółć"
    assert read["cases"][0]["level"] == "reach_out"
    assert datetime.fromisoformat(read["until"]) == NOW
    assert read["growth_window"] == 24 * 3600


def test_a_verdict_on_an_earlier_text_of_the_post_is_not_used(scene: Scene) -> None:
    post = scene.post(scene.thread(scene.source(), "T"), "Nordvia", negative=0.9, language="ru")
    post.text_hash = "edited"
    scene.session.flush()
    scene.case(post)
    (found,) = digest_of(scene).cases
    assert found.language is None


def test_a_period_that_ends_before_it_begins_is_refused(scene: Scene) -> None:
    with pytest.raises(DigestError, match="begin before it ends"):
        build_digest(scene.session, since=NOW, until=NOW - hours(1), now=NOW)


def test_two_brands_in_one_thread_are_two_cases_and_one_growing_thread(scene: Scene) -> None:
    thread = scene.thread(scene.source(), "Both")
    post = scene.post(thread, "Nordvia")
    first = scene.case(post)
    scene.brands["Nordvia"] = scene.brand("Rivalia")
    scene.case(post)
    scene.count_posts(thread, datetime(2026, 11, 22, 8, tzinfo=UTC), 7)
    digest = digest_of(scene)
    assert {case.brand for case in digest.cases} == {"Nordvia", "Rivalia"}
    assert [(one.posts, one.case_id) for one in digest.growing] == [(8, first.id)]
