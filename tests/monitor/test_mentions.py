import json
import time
import unicodedata
from pathlib import Path
from typing import Any

import pytest

from monitor.mentions import (
    Alias,
    BrandRule,
    Match,
    Matcher,
    MentionRuleError,
    Void,
    Where,
    mentions,
    warnings,
)

TABLES = Path(__file__).parent / "mentions"
CASES = [
    pytest.param(json.loads(line), id=f"{table.stem}-{number}")
    for table in sorted(TABLES.glob("*.jsonl"))
    for number, line in enumerate(table.read_text(encoding="utf-8").splitlines(), 1)
]
HOSTILE_LENGTH = 200_000


def rule(name: str = "Nordvia", brand_id: int = 1, **fields: Any) -> BrandRule:
    aliases = tuple(
        Alias(text=alias) if isinstance(alias, str) else Alias(**alias)
        for alias in fields.get("aliases", ())
    )
    return BrandRule(
        brand_id=brand_id,
        name=name,
        aliases=aliases,
        exclusions=tuple(fields.get("exclusions", ())),
        context=tuple(fields.get("context", ())),
    )


def counted(matches: list[Match]) -> list[str]:
    return [match.matched for match in matches if match.void is None]


def test_the_tables_hold_at_least_fifty_cases_for_each_language() -> None:
    sizes = {
        table.stem: len(table.read_text(encoding="utf-8").splitlines())
        for table in TABLES.glob("*.jsonl")
    }
    assert sizes.keys() >= {"polish", "russian", "english"}
    assert min(sizes.values()) >= 50


@pytest.mark.parametrize("case", CASES)
def test_a_brand_is_found_as_the_table_says(case: dict[str, Any]) -> None:
    found = Matcher([rule(**case["rule"])]).find(case["text"], title=case.get("title", ""))

    assert counted(found) == case["expect"], case["note"]


@pytest.mark.parametrize("case", CASES)
def test_positions_point_into_the_original_text(case: dict[str, Any]) -> None:
    text = "😡\u200b ﬁ … " + unicodedata.normalize("NFD", case["text"])
    for match in Matcher([rule(**case["rule"])]).find(text):
        assert text[match.start : match.end] == match.matched
        assert match.matched == match.matched.strip()


@pytest.mark.parametrize("form", ["NFC", "NFD"])
@pytest.mark.parametrize("name_form", ["NFC", "NFD"])
def test_composed_and_decomposed_letters_are_the_same(form: Any, name_form: Any) -> None:
    matcher = Matcher([rule(unicodedata.normalize(name_form, "Żabka"))])
    text = unicodedata.normalize(form, "Byłem pod Żabką, w Żabce.")

    assert counted(matcher.find(text)) == [
        unicodedata.normalize(form, "Żabką"),
        unicodedata.normalize(form, "Żabce"),
    ]


def test_the_longer_of_two_overlapping_mentions_is_kept() -> None:
    matcher = Matcher([rule("Acme", 1), rule("Acme Bank", 2)])

    found = matcher.find("Acme Bank took over Acme")

    assert [(match.brand_id, match.matched) for match in found] == [(2, "Acme Bank"), (1, "Acme")]


def test_two_brands_with_the_same_spelling_are_both_reported() -> None:
    matcher = Matcher([rule("Acme", 1), rule("Beta", 2, aliases=["ACME"])])

    found = matcher.find("acme failed")

    assert [(match.brand_id, match.start, match.end) for match in found] == [(1, 0, 4), (2, 0, 4)]


def test_a_match_names_the_alias_that_found_it() -> None:
    matcher = Matcher([rule("Сбер", aliases=["Сбербанк"])])

    assert [match.alias for match in matcher.find("Сбербанка нет, Сбера нет")] == [
        "Сбербанк",
        "Сбер",
    ]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("Orange juice", Void.EXCLUSION),
        ("A wall painted orange", Void.NO_CONTEXT),
        ("https://forum.example/orange", Void.ADDRESS),
        ("orange@mailbox.example", Void.ADDRESS),
    ],
)
def test_a_void_match_says_why(text: str, reason: Void) -> None:
    matcher = Matcher([rule("Orange", exclusions=["orange juice"], context=["internet"])])

    assert [match.void for match in matcher.find(text)] == [reason]


def test_an_exclusion_of_one_brand_leaves_another_brand_alone() -> None:
    matcher = Matcher([rule("Acme", 1, exclusions=["Acme Furniture"]), rule("Acme Furniture", 2)])

    found = matcher.find("Acme Furniture")

    assert [(match.brand_id, match.void) for match in found] == [(2, None)]


def test_mentions_tell_the_title_the_own_words_and_the_quotes_apart() -> None:
    found = mentions(
        Matcher([rule()]),
        "Problem z Nordvią",
        "U mnie Nordvia działa.",
        ["nic tu nie ma", "Nordvii nie polecam"],
    )

    assert [(one.where, one.quote, one.start, one.matched) for one in found] == [
        (Where.TITLE, None, 10, "Nordvią"),
        (Where.TEXT, None, 7, "Nordvia"),
        (Where.QUOTE, 1, 0, "Nordvii"),
    ]


def test_mentions_leave_void_matches_out() -> None:
    matcher = Matcher([rule("Orange", exclusions=["orange juice"])])

    assert mentions(matcher, "Orange juice", "orange juice", ["Orange juice"]) == []


def test_a_context_word_in_the_title_counts_for_the_quotes_too() -> None:
    matcher = Matcher([rule("Orange", context=["internet"])])

    found = mentions(matcher, "Awaria internetu", "Nic.", ["Orange milczy"])

    assert [one.where for one in found] == [Where.QUOTE]


def test_without_rules_nothing_is_found() -> None:
    assert Matcher([]).find("Nordvia") == []


@pytest.mark.parametrize("name", ["", "   ", "—", "\u200b", "!?", "x" * 201])
def test_a_name_that_cannot_be_searched_for_is_refused_with_its_brand(name: str) -> None:
    with pytest.raises(MentionRuleError, match=r"'Nordvia'.*letter or a digit"):
        Matcher([rule(aliases=[name])])


def test_a_case_sensitive_alias_beside_a_free_one_keeps_both_rules() -> None:
    matcher = Matcher([rule("Nordvia", aliases=[{"text": "NV", "case_sensitive": True}])])

    assert counted(matcher.find("nv NV nordvia NORDVIĘ")) == ["NV", "nordvia", "NORDVIĘ"]


def test_a_case_sensitive_name_is_so_in_the_other_alphabet_and_letter_by_letter() -> None:
    matcher = Matcher([rule("Mega", aliases=[{"text": "Mega", "case_sensitive": True}])])

    found = matcher.find("мега Мега МЕГА, M e g a, m e g a.")

    assert counted(found) == ["Мега", "M e g a"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("nordvia " * (HOSTILE_LENGTH // 8), HOSTILE_LENGTH // 8),
        ("nordvia" * (HOSTILE_LENGTH // 7), 0),
        ("a" * HOSTILE_LENGTH, 0),
        ("N o r d v i a " * (HOSTILE_LENGTH // 14), 0),
        ("Nordvia" + "\u0301" * HOSTILE_LENGTH, 1),
        ("\u200b" * HOSTILE_LENGTH + "Nordvia", 1),
        ("N" + "\u200b" * HOSTILE_LENGTH + "ordvia", 0),
        ("a\u0301\u0316" * (HOSTILE_LENGTH // 3) + " Nordvia", 1),
        ("оo" * (HOSTILE_LENGTH // 2) + " Nordvia", 1),
        ("Nоrdvia " * (HOSTILE_LENGTH // 8), HOSTILE_LENGTH // 8),
        ("\ufdfa" * HOSTILE_LENGTH + " Nordvia", 1),
        (" " * HOSTILE_LENGTH + "Nordvia", 1),
        ("a.b-" * (HOSTILE_LENGTH // 4) + "/nordvia", 1),
        ("a@" * (HOSTILE_LENGTH // 2) + " Nordvia", 1),
        ("https://" * (HOSTILE_LENGTH // 8) + " Nordvia", 1),
        ("#" * HOSTILE_LENGTH + "Nordvia", 1),
        ("#Nordvia" * (HOSTILE_LENGTH // 8), HOSTILE_LENGTH // 8),
        ("_" * HOSTILE_LENGTH + "Nordvia", 1),
        ("'" * HOSTILE_LENGTH + "Nordvia", 1),
        ("a " * (HOSTILE_LENGTH // 2) + "Nordvia", 1),
    ],
)
def test_a_hostile_text_of_200_000_characters_is_read_in_linear_time(
    text: str, expected: int
) -> None:
    found = in_time(Matcher([rule(exclusions=["ulica Nordvia"])]), text)

    assert len(found) == expected


def test_exclusions_and_context_words_without_number_are_weighed_in_linear_time() -> None:
    times = HOSTILE_LENGTH // 27
    matcher = Matcher([rule(context=["sieć"], exclusions=["ulica Nordvia"])])

    assert len(in_time(matcher, "sieć Nordvia ulica Nordvia " * times)) == times


def in_time(matcher: Matcher, text: str) -> list[str]:
    started = time.process_time()
    found = counted(matcher.find(text))
    spent = time.process_time() - started
    assert spent < 5, "quadratic work on such a text would take minutes"
    return found


@pytest.mark.parametrize(
    ("given", "advice"),
    [
        (rule("Play"), "'Play' is also a common word: add context words or make it case sensitive"),
        (rule("zoom"), "'zoom' is also a common word: add context words."),
        (
            rule("Play", aliases=[{"text": "Play", "case_sensitive": True}]),
            "sentences begin with it",
        ),
        (rule("Мегафон"), "'Мегафон' is also a common word"),
        (rule("Zabka"), "'Zabka' is also a common word"),
        (rule("HP"), "'HP' is short and will be found by chance"),
        (rule("HP"), "fewer than three letters"),
        (rule("Nordvia", exclusions=["sklep meblowy"]), "does not contain the brand"),
        (rule("Nordvia", exclusions=["nordvia"]), "voids every mention"),
        (rule("Nordvia", aliases=["NORDVIA"]), "one of them is enough"),
        (
            rule("Nordvia", aliases=[{"text": "nv plus", "case_sensitive": True}]),
            "missed at the start of a sentence",
        ),
        (rule("Portu"), ""),
        (rule("Mosty"), ""),
    ],
)
def test_a_doubtful_rule_brings_advice_in_words(given: BrandRule, advice: str) -> None:
    assert (not advice) == (not warnings(given))
    assert advice in " ".join(warnings(given))


def test_a_common_word_with_context_words_brings_no_advice() -> None:
    assert warnings(rule("Play", context=["abonament"], exclusions=["Google Play"])) == []


def test_a_declined_exclusion_that_contains_the_brand_brings_no_advice() -> None:
    assert warnings(rule("Nordvia", exclusions=["fundacja Nordvii"])) == []
