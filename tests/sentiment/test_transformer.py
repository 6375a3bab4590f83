"""The transformers scorer, with small checkpoints of random weights."""

import logging
import math
import time
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

import pytest

from sentiment.backends import Speed, available, quickest
from sentiment.base import Opinion, Polarity, Query, Scorer, ScoringError
from sentiment.transformer import TransformerScorer

POSTS = [
    "Nordvia pays late again",
    "thanks for the quick help, my money came",
    "Нордвия не платит вторую неделю",
    "wypłata nie przyszła",
    "word " * 40,
]


@pytest.fixture(scope="module")
def scorer(tiny: Path) -> TransformerScorer:
    return TransformerScorer(tiny)


def numbers(opinion: Opinion) -> tuple[float, float, float]:
    return opinion.negative, opinion.neutral, opinion.positive


def by_transformers(folder: Path, text: str, pair: str | None = None) -> list[float]:
    """What plain transformers says of one text."""
    import torch
    from transformers import AutoModelForSequenceClassification, AutoTokenizer

    model = AutoModelForSequenceClassification.from_pretrained(folder).eval()
    inputs = AutoTokenizer.from_pretrained(folder)(text, pair, return_tensors="pt")
    with torch.inference_mode():
        probabilities: list[float] = model(**inputs).logits.softmax(-1)[0].tolist()
    return probabilities


def test_it_answers_what_transformers_answers(scorer: TransformerScorer, tiny: Path) -> None:
    for opinion, post in zip(scorer.score([Query(p) for p in POSTS]), POSTS, strict=True):
        assert numbers(opinion) == pytest.approx(by_transformers(tiny, post), abs=1e-5)
        assert opinion.polarity == list(Polarity)[numbers(opinion).index(max(numbers(opinion)))]
        assert (opinion.windows, opinion.truncated) == (1, False)


def test_it_is_a_scorer(scorer: TransformerScorer) -> None:
    promised: Scorer = scorer
    assert promised.negative_threshold("pl", 0.8) == 0.8


def test_batches_change_no_verdict(tiny: Path) -> None:
    queries = [Query(f"{post} {'again ' * i}") for i in range(12) for post in POSTS[:4]]
    alone = TransformerScorer(tiny, batch_tokens=1).score(queries)
    together = TransformerScorer(tiny, batch_tokens=4096).score(queries)
    for one, other in zip(alone, together, strict=True):
        assert numbers(one) == pytest.approx(numbers(other), abs=1e-5)


def test_verdicts_come_in_the_order_asked_whatever_their_length(
    scorer: TransformerScorer,
) -> None:
    queries = [Query(post) for post in POSTS]
    assert scorer.score(queries[::-1]) == scorer.score(queries)[::-1]


def test_no_posts_give_no_verdicts(scorer: TransformerScorer) -> None:
    assert scorer.score([]) == []


def test_a_blank_post_is_neutral_and_says_it_was_not_read(scorer: TransformerScorer) -> None:
    [opinion] = scorer.score([Query(" \n ")])
    assert opinion.polarity is Polarity.NEUTRAL
    assert opinion.windows == 0


def test_progress_counts_up_to_all_posts(tiny: Path) -> None:
    told: list[int] = []
    TransformerScorer(tiny, batch_tokens=1).score([Query(p) for p in POSTS], told.append)
    assert told == [1, 2, 3, 4, 5, 5]


def test_the_same_text_is_judged_once(tiny: Path) -> None:
    steps: list[int] = []
    scorer = TransformerScorer(tiny, batch_tokens=1)
    opinions = scorer.score([Query("Nordvia pays late")] * 50, steps.append)
    assert steps == [50, 50]
    assert len(set(opinions)) == 1


def test_a_long_post_is_read_to_its_end(scorer: TransformerScorer) -> None:
    """Were it cut at the limit, its last words would change nothing."""
    head = "the quick help came. " * 30
    ends = [head + "thanks great thanks", head + "support is silent again"]
    one, other = scorer.score([Query(text) for text in ends])
    assert one.windows > 1
    assert not one.truncated
    assert numbers(one) != pytest.approx(numbers(other), abs=1e-4)


def test_windows_never_exceed_the_checkpoint(make_checkpoint: Callable[..., Path]) -> None:
    """33 positions, many rare words: text that grows by tokens when cut must still fit."""
    scorer = TransformerScorer(make_checkpoint(max_position_embeddings=33))
    text = "zażółcona gęślą jaźń, tłumaczenie. " * 40
    [opinion] = scorer.score([Query(text, spans=((300, 310), (600, 605)))])
    assert opinion.windows == 16


def test_mentions_are_read_in_their_sentence_besides_the_whole(
    scorer: TransformerScorer,
) -> None:
    text = "the money came. great. thanks for the help. my support is silent. Nordvia pays late."
    at = text.index("Nordvia")
    whole, with_mention = scorer.score([Query(text), Query(text, spans=((at, at + 7),))])
    assert (whole.windows, with_mention.windows) == (1, 2)
    [near] = scorer.score([Query("my support is silent. Nordvia pays late.")])
    assert with_mention.negative == pytest.approx(
        near.negative * 2 / 3 + whole.negative / 3, abs=1e-5
    )


def test_200_000_characters_are_judged_in_bounded_time_and_it_says_so(
    scorer: TransformerScorer, caplog: pytest.LogCaptureFixture
) -> None:
    text = "Nordvia pays late again. " * 8000
    spans = tuple((at, at + 7) for at in range(0, len(text), 25))
    begun = time.perf_counter()
    with caplog.at_level(logging.WARNING):
        [opinion] = scorer.score([Query(text, spans=spans)])
    assert time.perf_counter() - begun < 20
    assert (opinion.windows, opinion.truncated) == (16, True)
    assert "1 of 1 posts were too long" in caplog.text
    assert "Nordvia" not in caplog.text


@pytest.mark.parametrize(
    "text",
    ["😡" * 3000, "x" * 5000, "\ud83d\udc00\ud83d", "\0\0 null", "ﷺ" * 400, "a\u0301" * 900],
    ids=["emoji", "one endless word", "torn surrogates", "null", "ligature", "combining"],
)
def test_odd_text_is_judged_like_any_other(scorer: TransformerScorer, text: str) -> None:
    [opinion] = scorer.score([Query(text)])
    assert sum(numbers(opinion)) == pytest.approx(1)


def test_a_targeted_checkpoint_is_shown_the_brand(make_checkpoint: Callable[..., Path]) -> None:
    folder = make_checkpoint(quietword={"targeted": True})
    text = "Rival pays late, Nordvia does better"
    opinions = TransformerScorer(folder).score(
        [Query(text, target="Nordvia"), Query(text, target="Rival"), Query(text)]
    )
    for opinion, pair in zip(
        opinions, (("Nordvia", text), ("Rival", text), (text, None)), strict=True
    ):
        assert numbers(opinion) == pytest.approx(by_transformers(folder, *pair), abs=1e-5)
    assert [opinion.target for opinion in opinions] == ["Nordvia", "Rival", None]


def test_long_posts_fit_beside_the_brand(make_checkpoint: Callable[..., Path]) -> None:
    scorer = TransformerScorer(make_checkpoint(quietword={"targeted": True}))
    [opinion] = scorer.score([Query("word " * 300, target="Nordvia Financial Services")])
    assert opinion.windows > 1


def test_a_brand_without_room_for_text_is_refused(make_checkpoint: Callable[..., Path]) -> None:
    scorer = TransformerScorer(make_checkpoint(quietword={"targeted": True}))
    with pytest.raises(ScoringError, match="leaves no room for text"):
        scorer.score([Query("late", target="Nordvia " * 80, spans=((0, 4),))])


def test_temperature_is_applied_by_language(make_checkpoint: Callable[..., Path]) -> None:
    folder = make_checkpoint(quietword={"temperature": {"default": 1, "pl": 3}})
    [plain, cool] = TransformerScorer(folder).score(
        [Query(POSTS[0], language="en"), Query(POSTS[0], language="pl")]
    )
    cooled = [p ** (1 / 3) for p in numbers(plain)]
    assert numbers(cool) == pytest.approx([p / math.fsum(cooled) for p in cooled], abs=1e-5)


def test_the_language_is_the_callers_or_guessed(scorer: TransformerScorer) -> None:
    asked = [Query(POSTS[3]), Query(POSTS[2]), Query("👍"), Query("👍", language="cs")]
    assert [o.language for o in scorer.score(asked)] == ["pl", "ru", "und", "cs"]


def test_stars_are_summed_by_polarity(make_checkpoint: Callable[..., Path]) -> None:
    folder = make_checkpoint(id2label={i: f"{i + 1} stars" for i in range(5)})
    [opinion] = TransformerScorer(folder).score([Query(POSTS[0])])
    one, two, three, four, five = by_transformers(folder, POSTS[0])
    assert numbers(opinion) == pytest.approx((one + two, three, four + five), abs=1e-5)


def test_a_checkpoint_of_two_classes_is_never_neutral(
    make_checkpoint: Callable[..., Path],
) -> None:
    folder = make_checkpoint(id2label={0: "pos", 1: "neg"})
    [opinion] = TransformerScorer(folder).score([Query(POSTS[0])])
    positive, negative = by_transformers(folder, POSTS[0])
    assert numbers(opinion) == pytest.approx((negative, 0.0, positive), abs=1e-5)


def test_the_name_follows_the_content_not_the_place(
    make_checkpoint: Callable[..., Path],
) -> None:
    from sentiment.sources import content_hash

    first = make_checkpoint("a", seed=1)
    again = make_checkpoint("b", seed=1)
    other = make_checkpoint("c", seed=2)
    assert content_hash(first) == content_hash(again) != content_hash(other)
    assert TransformerScorer(first).checkpoint == f"a@{content_hash(first)}"
    (first / "README.md").write_text("notes", "utf-8")
    assert content_hash(first) == content_hash(again)


def test_an_unknown_device_is_refused(tiny: Path) -> None:
    with pytest.raises(ScoringError, match="cannot use device 'abacus'"):
        TransformerScorer(tiny, device="abacus")


def test_opinions_are_plain_values(scorer: TransformerScorer) -> None:
    [opinion] = scorer.score([Query(POSTS[0])])
    assert Opinion(**asdict(opinion)) == opinion


def test_the_mentions_are_marked_for_a_checkpoint_that_learnt_marks(
    make_checkpoint: Callable[..., Path],
) -> None:
    folder = make_checkpoint(quietword={"targeted": True, "marked": True})
    [opinion] = TransformerScorer(folder).score(
        [Query("Nordvia pays late", target="Nordvia", spans=((0, 7),))]
    )
    expected = by_transformers(folder, "Nordvia", "<mask>Nordvia<mask> pays late")
    assert numbers(opinion) == pytest.approx(expected, abs=1e-5)


@pytest.mark.parametrize("name", [name for name in available() if name != "torch"])
def test_every_backend_answers_as_torch_does(tiny: Path, tmp_path: Path, name: str) -> None:
    queries = [Query(f"{post} {'again ' * i}") for i in range(6) for post in POSTS]
    exact = TransformerScorer(tiny, cache=tmp_path, backend="torch").score(queries)
    scorer = TransformerScorer(tiny, cache=tmp_path, backend=name)
    assert scorer.backend == name
    assert scorer.checkpoint.endswith("+int8") == (name == "onnx-int8")
    apart = max(
        abs(one.negative - other.negative)
        for one, other in zip(scorer.score(queries), exact, strict=True)
    )
    # A processor without VNNI saturates some 8-bit sums: twice as far apart, and still no guess.
    assert apart < (1e-4 if name == "onnx" else 0.25)


def test_the_quickest_backend_is_measured_once_and_used_from_then_on(
    tiny: Path, tmp_path: Path
) -> None:
    scorer = TransformerScorer(tiny, cache=tmp_path)
    assert scorer.backend == "torch"
    speeds = scorer.choose_backend(POSTS * 4)
    assert [speed.backend for speed in speeds] == available()
    assert speeds[0].agreement == 1
    assert scorer.backend == quickest(speeds).backend
    assert TransformerScorer(tiny, cache=tmp_path).backend == scorer.backend
    [stored] = tmp_path.glob("*-backend.json")
    stored.write_text(stored.read_text().replace(" torch 2", " torch 1"))
    assert TransformerScorer(tiny, cache=tmp_path).backend == "torch"


def test_a_backend_that_changes_labels_is_not_chosen() -> None:
    exact = Speed(backend="torch", posts_per_second=10, agreement=1)
    rough = Speed(backend="onnx-int8", posts_per_second=99, agreement=0.97)
    assert quickest([exact, rough]) is exact


def test_an_unknown_backend_is_named_with_those_there_are(tiny: Path) -> None:
    with pytest.raises(ScoringError, match="torch, torch-bf16, onnx, onnx-int8"):
        TransformerScorer(tiny, backend="cuda")
