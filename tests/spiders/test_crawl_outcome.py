"""What an answer that is not the page asked for is called, and how long it asks us to wait."""

from datetime import UTC, datetime

import pytest
from scrapy.http import Headers, Response
from scrapy.responsetypes import responsetypes

from spiders.outcome import Outcome, PageFailed, check, is_login_address
from spiders.pace import LONGEST_PAUSE_S, retry_after_s


def answered(
    *, body: str | bytes = "", status: int = 200, headers: dict[str, str] | None = None
) -> Response:
    """Return a response as Scrapy would make it."""
    raw = body.encode() if isinstance(body, str) else body
    fields = {"Content-Type": "text/html; charset=utf-8"} | (headers or {})
    url = "http://forum.test/board"
    made = responsetypes.from_args(headers=Headers(fields), body=raw)
    return made(url, status=status, headers=fields, body=raw)


@pytest.mark.parametrize(
    ("answer", "outcome"),
    [
        (answered(status=404), Outcome.GONE),
        (answered(status=410), Outcome.GONE),
        (answered(status=403), Outcome.BLOCKED),
        (answered(status=451), Outcome.BLOCKED),
        (answered(status=401), Outcome.LOGIN_WALL),
        (answered(status=500), Outcome.UNREACHABLE),
        (answered(status=502), Outcome.UNREACHABLE),
        (answered(status=503), Outcome.UNREACHABLE),
        (
            answered(
                status=403,
                body='{"errors": ["You need to log in"], "error_type": "not_logged_in"}',
                headers={"Content-Type": "application/json"},
            ),
            Outcome.LOGIN_WALL,
        ),
        (answered(status=403, body="<form><input type=password></form>"), Outcome.LOGIN_WALL),
        (
            answered(status=403, body="<html><title>Just a moment...</title></html>"),
            Outcome.BLOCKED,
        ),
        (answered(body="<html><title>Один момент…</title></html>"), Outcome.BLOCKED),
        (answered(body="x", headers={"cf-mitigated": "challenge"}), Outcome.BLOCKED),
        (
            answered(body='<script src="/_Incapsula_Resource?SWJIYLWA=1"></script>'),
            Outcome.BLOCKED,
        ),
        (answered(status=403, headers={"Server": "ddos-guard"}), Outcome.BLOCKED),
        (
            answered(body='<script id="anubis_challenge" type="application/json">{}</script>'),
            Outcome.BLOCKED,
        ),
        (answered(body=b"%PDF-1.7 \x00\x01", headers={"Content-Type": "application/pdf"}),
         Outcome.MARKUP_CHANGED),
    ],
)  # fmt: skip
def test_a_wall_has_a_name_and_advice(answer: Response, outcome: Outcome) -> None:
    with pytest.raises(PageFailed) as caught:
        check(answer)
    assert caught.value.outcome is outcome
    assert str(caught.value).endswith(outcome.advice)


@pytest.mark.parametrize(
    "body",
    [
        "<html><title>Just a moment of your time - Nordvia forum</title></html>",
        "<html><title>DDoS-Guard and you - Nordvia forum</title></html>",
        "<p>window._cf_chl_opt = {} and &lt;script src=/_Incapsula_Resource&gt;</p>",
        '<script src="/cdn-cgi/challenge-platform/scripts/jsd/main.js"></script><p>Hello</p>',
        '<script src="/_Incapsula_Resource?a=1"></script>' + "<p>A long page.</p>" * 1000,
        "<form><input type=password></form><p>Quick login, and posts below</p>",
    ],
)
def test_a_page_that_only_speaks_of_walls_is_read(body: str) -> None:
    check(answered(body=body))


@pytest.mark.parametrize("outcome", Outcome)
def test_every_outcome_tells_ops_what_to_do(outcome: Outcome) -> None:
    assert outcome.advice.endswith(".")
    assert len(outcome.value) <= 24


@pytest.mark.parametrize(
    ("path", "login"),
    [
        ("/ucp.php?mode=login&redirect=x", True),
        ("/member.php?action=login", True),
        ("/index.php?action=login;x=1", True),
        ("/login", True),
        ("/login/", True),
        ("/forum/login.php", True),
        ("/session/sso?return_path=%2F", True),
        ("/entry/signin?Target=x", True),
        ("/index.php?login/", True),
        ("/t/cannot-login/55", False),
        ("/viewtopic.php?t=1&hilit=login", False),
        ("/threads/login-fails.12/", False),
    ],
)
def test_the_way_to_a_login_is_known(path: str, login: bool) -> None:
    assert is_login_address(f"http://forum.test{path}") is login


NOON = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("120", 120),
        (" 0 ", 0),
        ("Sun, 01 Mar 2026 12:01:00 GMT", 60),
        ("Sun, 01 Mar 2026 11:00:00 GMT", 0),
        ("Sun Mar  1 12:00:30 2026", 30),
        ("99999999999999999999", LONGEST_PAUSE_S),
        ("Fri, 01 Jan 2100 00:00:00 GMT", LONGEST_PAUSE_S),
        ("-5", None),
        ("1.5", None),
        ("soon", None),
        ("", None),
        ("²", None),
        ("Sun, 99 Mar 2026 12:01:00 GMT", None),
    ],
)
def test_retry_after_is_read_in_both_its_forms(value: str, seconds: float | None) -> None:
    assert retry_after_s(value, NOON) == seconds
