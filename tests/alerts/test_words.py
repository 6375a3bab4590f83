"""What an alert says, and what forum text cannot make it say."""

import json

import pytest

from alerts import words
from alerts.base import Message, MessageError
from alerts.card import Card
from alerts.slack_blocks import blocks
from alerts.tongue import tongue
from models import CaseState, Level, Outreach
from tests.slack_rules import message_error


@pytest.mark.parametrize(
    ("written", "masked"),
    [
        ("write to jan.k+x@mail.example.com!", "write to [e-mail]!"),
        ("jan (at) example.pl", "[e-mail]"),
        ("tel. 601 234 567", "tel. [phone]"),
        ("+48 601-234-567 / (22) 123 45 67", "[phone] / [phone]"),
        ("8 (912) 345-67-89", "[phone]"),
        ("PL61 1090 1014 0000 0712 1981 2874", "[bank account]"),
        ("61109010140000071219812874", "[bank account]"),
        ("GB82WEST12345698765432", "[bank account]"),
        ("4111 1111-1111 1111", "[card number]"),
        ("PESEL 44051401359", "PESEL [PESEL]"),
        ("order 12345678", "order [number]"),
        ("since 12.11.2026 14:30, 2026-11-22", "since 12.11.2026 14:30, 2026-11-22"),
        ("1 000 000 zł, 12 500, 3.5", "1 000 000 zł, 12 500, 3.5"),
        ("no12 abcd efgh ijkl mnop", "no12 abcd efgh ijkl mnop"),
        ("6\u200b01\u200d234\u2060567", "[phone]"),
        ("мой номер +7 912 345 67 89, вот", "мой номер [phone], вот"),
        ("ſK12 abcd efgh ijkl", "ſK12 abcd efgh ijkl"),
    ],
)
def test_personal_numbers_and_addresses_are_masked_and_dates_and_sums_are_not(
    written: str, masked: str
) -> None:
    assert words.mask(words.clean(written)) == masked


def test_nothing_that_acts_on_the_page_around_it_is_left_in_a_text() -> None:
    hostile = "\x1b[31mred\x07 \u202eright\u2066\u200b to\r\n\tleft\ufeff e" + "\u0301" * 50
    assert words.clean(hostile) == "[31mred right to left e" + "\u0301" * 3


def test_a_plain_text_comes_out_as_one_that_is_looked_through_letter_by_letter() -> None:
    for code in range(0x2200):
        text = f"a {chr(code)}  b"
        assert words.clean(text) == words.clean(text + "\u200b")


def test_a_text_of_invisible_letters_is_shown_as_missing() -> None:
    assert words.shown("\u3164\u2800\u200b", 10) == "(no text)"


def test_joined_emoji_stay_whole() -> None:
    assert words.clean("👩‍👧 ok") == "👩‍👧 ok"


@pytest.mark.parametrize("limit", range(1, 16))
def test_a_cut_never_splits_what_a_reader_sees_as_one_character(limit: int) -> None:
    whole = ["👨‍👩‍👧", "🇵🇱", "e\u0301", "👍🏽", "й", "x"]
    text = "".join(whole)
    kept = words.cut(text, limit).removesuffix("…")
    assert kept in {"".join(whole[:count]) for count in range(len(whole) + 1)}
    assert len(words.cut(text, limit)) <= limit


def test_a_long_text_is_cut_between_words() -> None:
    assert words.cut("the router dies every night", 20) == "the router dies…"


@pytest.mark.parametrize(
    ("url", "link"),
    [
        ("https://forum.test/a?b=1&c[]=2#p3", "https://forum.test/a?b=1&c%5B%5D=2#p3"),
        ("https://forum.test/<x>|y z", "https://forum.test/%3Cx%3E%7Cy%20z"),
        ("https://форум.рф/тема", "https://xn--l1adgmc.xn--p1ai/%D1%82%D0%B5%D0%BC%D0%B0"),
        ("http://[::1]:8080/x", "http://[::1]:8080/x"),
        ("javascript:alert(1)", None),
        ("https://bank@evil.test/", None),
        ("//forum.test/", None),
        ("https://a|b.test/", None),
        ("https://forum.test:99999/", None),
        ("https://forum.test/\ud800", None),
        ("https://forum.test/" + "x" * 3_000, None),
        ("", None),
        (None, None),
    ],
)
def test_only_plain_web_addresses_are_offered(url: str | None, link: str | None) -> None:
    assert words.web_link(url) == link


@pytest.mark.parametrize(
    ("outreach", "address", "offered"),
    [
        (Outreach.PRIVATE, "https://forum.test/pm?to=5", True),
        (Outreach.PRIVATE, "https://FORUM.test:443/pm?to=5", True),
        (Outreach.PRIVATE_FOR_PERSONAL_DATA, "https://forum.test/pm?to=5", True),
        (Outreach.DECLARED_PUBLIC_ONLY, "https://forum.test/pm?to=5", False),
        (Outreach.ASK_MODERATOR, "https://forum.test/pm?to=5", False),
        (Outreach.NONE, "https://forum.test/pm?to=5", False),
        (Outreach.PRIVATE, "https://evil.test/pm?to=5", False),
        (Outreach.PRIVATE, "http://forum.test/pm?to=5", False),
        (Outreach.PRIVATE, "https://forum.test:8443/pm?to=5", False),
        (Outreach.PRIVATE, None, False),
    ],
)
def test_writing_privately_is_offered_only_where_the_site_allows_it_and_on_the_site_itself(
    a_message, outreach: Outreach, address: str | None, offered: bool
) -> None:
    message = a_message(outreach=outreach, private_message_url=address)
    assert (words.way_to(message) is not None) is offered


FORM, PAGE = "https://forum.test/pm?to=5", "https://forum.test/member/5"
FREE, CLOSED = Outreach.PRIVATE, Outreach.NONE


@pytest.mark.parametrize(
    ("outreach", "form", "page", "way"),
    [
        (FREE, FORM, PAGE, ("write", FORM)),
        (FREE, None, PAGE, ("profile", PAGE)),
        (FREE, PAGE, PAGE, ("profile", PAGE)),  # an engine without a form gives the page twice
        (FREE, "https://evil.test/pm", PAGE, ("profile", PAGE)),
        (FREE, None, "https://evil.test/member/5", None),
        (FREE, None, "javascript:alert(5)", None),
        (Outreach.ASK_MODERATOR, FORM, PAGE, ("profile", PAGE)),
        (Outreach.DECLARED_PUBLIC_ONLY, FORM, PAGE, ("profile", PAGE)),
        (CLOSED, FORM, PAGE, None),
    ],
)
def test_the_way_to_an_author_is_the_form_for_it_and_else_their_page(
    a_message, outreach: Outreach, form: str | None, page: str | None, way: object
) -> None:
    message = a_message(outreach=outreach, private_message_url=form, profile_url=page)
    assert words.way_to(message) == way


@pytest.mark.parametrize(
    ("code", "label", "sentence"),
    [
        ("en", "Open profile", "see the author's profile"),
        ("pl", "Otwórz profil", "zajrzyj na profil autora"),
        ("ru", "Открыть профиль", "загляните в профиль автора"),
    ],
)
@pytest.mark.parametrize("state", [CaseState.NEW, CaseState.CLAIMED, CaseState.CONTACTED])
def test_slack_opens_the_profile_where_there_is_no_form_and_says_the_policy(
    a_message, code: str, label: str, sentence: str, state: CaseState
) -> None:
    speech = tongue(code)
    message = a_message(private_message_url=None, profile_url=PAGE)
    shown = blocks(Card(message=message, state=state, owner="Anna", buttons=True), speech)
    [button] = [one for one in shown[-1]["elements"] if one.get("url") == PAGE]
    assert (button["text"]["text"], button["action_id"]) == (label, "open_profile")
    assert speech.say("write") not in json.dumps(shown, ensure_ascii=False)
    policy = words.policy(message, speech)
    assert sentence in policy
    assert policy in [
        one["text"]
        for part in shown
        for one in part.get("elements", [])
        if one["type"] == "plain_text"
    ]
    assert message_error({"text": "x", "blocks": shown}) is None


@pytest.mark.parametrize("outreach", list(Outreach))
def test_every_policy_is_put_into_words_with_the_note_of_ops(a_message, outreach) -> None:
    said = words.policy(a_message(outreach=outreach, outreach_note="Ask for <admin> first"))
    assert words.POLICY_WORDS[outreach] in said
    assert said.endswith("Note: Ask for <admin> first")


def test_an_allowed_contact_without_an_address_says_where_to_look(a_message) -> None:
    assert "author's profile" in words.policy(a_message(private_message_url=None))


def test_the_notification_says_the_whole_matter_in_one_sentence(a_message) -> None:
    assert (
        words.fallback(a_message())
        == "Urgent: Nordvia complaint on Forum Test, 3 authors negative in 2 h."
    )


def test_a_raised_case_says_what_it_was_before(a_message) -> None:
    message = a_message(raised_from=Level.WATCH, thread_title="No payout")
    assert words.headline(message) == "🔴 Urgent (was watch) · Nordvia · “No payout”"


def test_a_message_survives_the_database(a_message) -> None:
    message = a_message(raised_from=Level.WATCH, author_newcomer=None, quote="ą\x00\u202e")
    assert Message.from_json(message.as_json()) == message


def test_a_stored_alert_of_another_version_is_refused_with_its_faults(a_message) -> None:
    fields = a_message().as_json() | {"level": "panic", "quote": "secret words"}
    del fields["brand"]
    with pytest.raises(MessageError, match=r"brand: Field required; level|level.*brand") as caught:
        Message.from_json(fields)
    assert "secret words" not in str(caught.value)


@pytest.mark.parametrize(
    ("code", "quoted"),
    [
        ("en", "“Call [phone], [e-mail], [bank account], [card number], order [number] [sic]”"),
        ("pl", "„Call [telefon], [e-mail], [numer konta], [numer karty], order [numer] [sic]”"),
        ("ru", "«Call [телефон], [почта], [номер счёта], [номер карты], order [номер] [sic]»"),
    ],
)
def test_what_is_masked_is_named_in_the_readers_language(a_message, code: str, quoted: str) -> None:
    raw = (
        "Call 601 234 567, jan@example.org, PL61 1090 1014 0000 0712 1981 2874, "
        "4111 1111 1111 1111, order 12345678 [sic]"
    )
    speech = tongue(code)
    assert words.quotation(a_message(quote=raw), speech) == quoted
    phone = quoted[quoted.index("[") :].partition("]")[0] + "]"
    assert phone in words.headline(a_message(thread_title="Ring 601 234 567"), speech=speech)
