"""The behavioural suite itself, and how its table is made."""

from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from sentiment.base import Polarity
from sentiment.behaviour import CAPABILITIES, CASES, CaseError, main, pass_rates, read_cases, table

NOT_WRITTEN = {
    "pl": {"transliteration"},
    "ru": set[str](),
    "en": {"transliteration", "missing diacritics"},
}
"""Capabilities a language has no use for."""


@pytest.mark.parametrize("language", NOT_WRITTEN)
def test_a_language_has_forty_cases_over_every_capability(language: str) -> None:
    cases = [case for case in read_cases() if case.language == language]
    counts = Counter(case.capability for case in cases)
    assert len(cases) >= 40
    assert set(counts) == set(CAPABILITIES) - NOT_WRITTEN[language]
    assert min(counts.values()) >= 3
    assert len({(case.text, case.target) for case in cases}) == len(cases)


def test_all_polarities_are_asked_for_so_that_one_answer_cannot_pass() -> None:
    cases = read_cases()
    assert {case.language for case in cases} == set(NOT_WRITTEN)
    for polarity in Polarity:
        assert sum(polarity in case.right for case in cases) < 0.7 * len(cases)
        assert sum(polarity in case.right for case in cases) > 0.1 * len(cases)


def test_every_target_is_found_in_its_text() -> None:
    named = [case for case in read_cases() if case.target]
    assert named
    assert all(case.query().spans for case in named)


def test_rivals_are_asked_about_from_both_sides() -> None:
    rivals = [case for case in read_cases() if case.capability == "rival named"]
    sides = Counter(case.text for case in rivals)
    assert set(sides.values()) == {2}


@pytest.mark.parametrize(
    "line",
    [
        "{",
        '{"capability": "irony", "text": "a", "expect": ["neutral"]}',
        '{"capability": "typo", "text": "a", "expect": ["mixed"]}',
        '{"capability": "typo", "text": "a", "expect": ["negative", "neutral", "positive"]}',
        '{"capability": "typo", "expect": ["neutral"]}',
    ],
)
def test_a_malformed_case_is_named(tmp_path: Path, line: str) -> None:
    (tmp_path / "pl.jsonl").write_text(line + "\n", "utf-8")
    with pytest.raises(CaseError, match=r"pl\.jsonl, line 1"):
        read_cases(tmp_path)


def test_the_table_counts_by_capability_and_language() -> None:
    cases = [case for case in read_cases() if case.capability in ("negation", "sarcasm")]
    failed = [(case, Polarity.NEUTRAL) for case in cases if case.capability == "sarcasm"][:1]
    rates = pass_rates(cases, failed)
    language = failed[0][0].language
    negation, sarcasm = rates[language]["negation"], rates[language]["sarcasm"]
    assert negation[0] == negation[1]
    assert sarcasm[0] == sarcasm[1] - 1
    assert rates[language][""] == (negation[0] + sarcasm[0], negation[1] + sarcasm[1])
    lines = table(rates).splitlines()
    assert lines[0].split() == sorted(NOT_WRITTEN)
    assert lines[-1].startswith("all")


def test_the_command_prints_the_table_and_records_the_floor(
    make_checkpoint: Callable[..., Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "cases"
    folder.mkdir()
    for path in CASES.glob("*.jsonl"):
        (folder / path.name).write_bytes(path.read_bytes())
    main(["--checkpoint", str(make_checkpoint()), "--cases", str(folder), "--record"])
    shown = capsys.readouterr().out
    assert shown.startswith("made@")
    assert "rival named" in shown
    assert '"pass_rate"' in (folder / "floor.json").read_text("utf-8")


def test_the_command_ends_with_a_sentence_when_the_checkpoint_is_missing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        main(["--checkpoint", str(tmp_path / "none")])
    assert "there is no checkpoint folder" in capsys.readouterr().err
