"""How long posts are cut, and how the pieces' verdicts become one."""

import re
import time
from itertools import pairwise

import pytest

from sentiment.prepare import prepared
from sentiment.windows import Cutter, Window, combined, sentences


def offsets(text: str) -> list[tuple[int, int]]:
    """One token per word, as a tokenizer without subwords would."""
    return [found.span() for found in re.finditer(r"\S+", text)]


def cut(text: str, room: int, *mentions: str, most: int = 16) -> tuple[list[Window], bool]:
    spans = [found.span() for m in mentions for found in re.finditer(m, text)]
    return Cutter(text, offsets(text), room).windows(spans, most)


def test_a_short_post_is_one_piece() -> None:
    assert cut("all is well", 16) == ([Window(start=0, end=11, whole=True)], False)


def test_the_only_sentence_of_a_post_is_its_mention_too() -> None:
    [window] = cut("Nordvia pays late", 16, "Nordvia")[0]
    assert window == Window(start=0, end=17, whole=True, mention=True)


def test_windows_cover_every_word_and_overlap() -> None:
    text = " ".join(f"w{i}" for i in range(100))
    windows, missing = cut(text, 16)
    seen = [set(text[w.start : w.end].split()) for w in windows]
    assert not missing
    assert set().union(*seen) == set(text.split())
    assert all(len(words) <= 16 for words in seen)
    assert all(one & other for one, other in pairwise(seen))


def test_the_mention_is_read_with_one_sentence_on_either_side() -> None:
    text = "One here. Two here. Nordvia pays late. Four here. Five here."
    mentions = [w for w in cut(text, 32, "Nordvia")[0] if w.mention]
    assert [text[w.start : w.end] for w in mentions] == ["Two here. Nordvia pays late. Four here. "]


def test_neighbours_that_do_not_fit_are_left_out() -> None:
    text = "a b c d e f g h. Nordvia pays late. Short one. " + "W " * 40
    [mention] = [w for w in cut(text, 8, "Nordvia")[0] if w.mention]
    assert text[mention.start : mention.end] == "Nordvia pays late. Short one. "


def test_a_mention_in_an_endless_sentence_stands_in_the_middle_of_its_window() -> None:
    text = "word " * 200 + "Nordvia " + "word " * 200
    [mention] = [w for w in cut(text, 16, "Nordvia")[0] if w.mention]
    words = text[mention.start : mention.end].split()
    assert len(words) <= 16
    assert 4 <= words.index("Nordvia") <= 12


def test_mentions_close_together_share_a_window() -> None:
    text = "Nordvia is late. Nordvia is silent. So it goes. " + "word " * 50
    assert sum(w.mention for w in cut(text, 24, "Nordvia")[0]) == 1


def test_mentions_then_first_and_last_survive_the_cap() -> None:
    text = "start " + "word. " * 500 + "Nordvia is late. " + "word. " * 500 + "end"
    windows, missing = cut(text, 16, "Nordvia", most=3)
    assert missing
    assert ["Nordvia" in text[w.start : w.end] for w in windows] == [True, False, False]
    assert [w.mention for w in windows] == [True, False, False]
    assert windows[1].start == 0
    assert windows[2].end == len(text)


def test_cuts_fall_between_words() -> None:
    text = " ".join(["incomprehensible"] * 40)
    fourths = [(i, min(i + 4, len(text))) for i in range(0, len(text), 4)]
    windows, _ = Cutter(text, fourths, 32).windows([])
    assert {word for w in windows for word in text[w.start : w.end].split()} == {"incomprehensible"}


def test_abbreviations_do_not_end_a_sentence() -> None:
    text = "Płacą np. wczoraj. czekam.\nPotem nic"
    assert [text[a:b] for a, b in sentences(text)] == [
        "Płacą np. wczoraj. ",
        "czekam.\n",
        "Potem nic",
    ]


@pytest.mark.parametrize("hostile", ["?! ", "...", '."', "a@", "@a ", "1 ", "\n", "a.", "+1-"])
def test_hostile_text_is_cut_in_linear_time(hostile: str) -> None:
    text = hostile * (200_000 // len(hostile))
    begun = time.perf_counter()
    sentences(text)
    prepared(text)
    assert time.perf_counter() - begun < 5


def test_a_complaint_about_the_brand_outweighs_kind_words_elsewhere() -> None:
    windows = [
        Window(start=0, end=10, mention=True),
        Window(start=20, end=30, mention=True),
        Window(start=0, end=60, whole=True),
        Window(start=60, end=80, whole=True),
    ]
    verdicts = [(0.1, 0.1, 0.8), (0.9, 0.1, 0.0), (0.2, 0.2, 0.6), (0.6, 0.2, 0.2)]
    assert combined(windows, verdicts) == pytest.approx(
        (0.9 * 2 / 3 + 0.3 / 3, 0.1 * 2 / 3 + 0.2 / 3, 0.5 / 3)
    )


def test_without_a_mention_the_windows_count_by_length() -> None:
    windows = [Window(start=0, end=30, whole=True), Window(start=30, end=40, whole=True)]
    assert combined(windows, [(1.0, 0.0, 0.0), (0.0, 0.0, 1.0)]) == pytest.approx((0.75, 0, 0.25))


def test_addresses_and_numbers_of_people_are_masked_and_mentions_stay_in_place() -> None:
    text = "@jan see https://x.test/a?b=1 or mail a.b@c.test, +48 600 700 800, Nordvia is late"
    at = text.index("Nordvia")
    masked, [(start, end)] = prepared(text, [(at, at + 7)])
    assert masked == "@user see http or mail email, <number>, Nordvia is late"
    assert masked[start:end] == "Nordvia"


def test_the_brands_own_handle_is_not_masked() -> None:
    assert prepared("hey @nordvia and @jan", [(5, 12)]) == ("hey @nordvia and @user", ((5, 12),))


def test_half_an_emoji_becomes_a_replacement_character() -> None:
    assert prepared("oh \ud83d no") == ("oh \ufffd no", ())


def test_shouting_is_read_in_small_letters_with_mentions_in_place() -> None:
    text = "ODDAJCIE PIENIĄDZE, İNANILMAZ NORDVIA!"
    calm, [(start, end)] = prepared(text, [(30, 37)])
    assert calm == "oddajcie pieniądze, İnanilmaz nordvia!"
    assert calm[start:end] == "nordvia"


@pytest.mark.parametrize("text", ["OK", "NORDVIA pays late", "CEO i CTO z USA, ale reszta nie"])
def test_abbreviations_and_names_keep_their_capitals(text: str) -> None:
    assert prepared(text) == (text, ())
