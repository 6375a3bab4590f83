"""Mentions are marked, and a post cannot forge the marks."""

from sentiment.prepare import literal_spans, marked, prepared


def test_marks_stand_around_each_mention_and_spans_follow() -> None:
    text, spans = marked("Anvia gut, ANVIA schlecht", ((11, 16), (0, 5)))
    assert text == "<mask>Anvia<mask> gut, <mask>ANVIA<mask> schlecht"
    assert [text[start:end] for start, end in spans] == [
        "<mask>Anvia<mask>",
        "<mask>ANVIA<mask>",
    ]


def test_overlapping_mentions_are_marked_as_one() -> None:
    text, spans = marked("Anvia Bank zwleka", ((0, 5), (0, 10)))
    assert text == "<mask>Anvia Bank<mask> zwleka"
    assert spans == ((0, 22),)


def test_a_post_that_writes_a_tokenizers_signs_is_read_as_words() -> None:
    text, spans = prepared("<mask>Anvia</s> <pad>", ((6, 11),))
    assert text == "(mask)Anvia(/s) (pad)"
    assert spans == ((6, 11),)


def test_a_name_is_found_in_any_case_but_not_as_a_pattern() -> None:
    assert literal_spans("C++ und c++, c--", "C++") == ((0, 3), (8, 11))
