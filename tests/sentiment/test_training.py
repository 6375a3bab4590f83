"""The training steps, run for real on hand-made rows and a tiny random encoder."""

import json
import random
import signal
import struct
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from tokenizers import Tokenizer
from typer.testing import CliRunner

from sentiment.packing import dequantised, unpacked
from sentiment.training import corpus, network, tune, vocabulary
from sentiment.training.__main__ import FACTS, app
from sentiment.training.base import TrainingError, read_weights
from sentiment.training.mixture import pools
from sentiment.training.turns import PHRASES, turned
from tests.sentiment.training_sets import WORDS, tiny_base, write_rows


def tune_arguments(work: Path, data: Path, *more: str) -> list[str]:
    folders = ["--work", str(work), "--data", str(data)]
    return ["tune", *folders, "--examples", "1200", "--workers", "1", *more]


def final_weights(work: Path) -> dict[str, torch.Tensor]:
    state = torch.load(work / "tune" / tune.STATE, weights_only=True)
    assert state["seen"] >= 1200
    weights: dict[str, torch.Tensor] = state["weights"]
    return weights


def test_a_run_killed_at_any_moment_ends_with_the_weights_of_one_never_killed(
    work: Path, data: Path, tmp_path: Path
) -> None:
    whole = tmp_path / "whole"
    network.write_base(tiny_base(), whole / "pruned")
    assert CliRunner().invoke(app, tune_arguments(whole, data)).exit_code == 0

    state = work / "tune" / tune.STATE
    killed = subprocess.Popen(
        [
            *(sys.executable, "-m", "sentiment.training"),
            *tune_arguments(work, data, "--save-every-s", "0"),
        ],
        stdout=subprocess.DEVNULL,
    )
    while not state.is_file() and killed.poll() is None:
        time.sleep(0.01)
    killed.kill()
    assert killed.wait() == -signal.SIGKILL
    seen = torch.load(state, weights_only=True)["seen"]
    assert 0 < seen < 1200
    assert CliRunner().invoke(app, tune_arguments(work, data)).exit_code == 0

    facts = json.loads((work / "tune" / FACTS).read_text())
    assert [sitting["from"] for sitting in facts["sittings"]] == [0, seen]

    expected, found = final_weights(whole), final_weights(work)
    start = network.classifier(tiny_base(), tune.Plan().seed).state_dict()
    assert any(not torch.equal(start[name], tensor) for name, tensor in expected.items())
    for name, tensor in expected.items():
        torch.testing.assert_close(found[name], tensor, rtol=0, atol=1e-6)


def test_the_steps_lead_from_labelled_rows_to_a_checkpoint_that_answers(
    work: Path, data: Path, tmp_path: Path
) -> None:
    from transformers import AutoModelForSequenceClassification, AutoTokenizer, pipeline

    folder = tmp_path / "checkpoint"
    common = ["--work", str(work), "--data", str(data)]
    invoke = CliRunner().invoke
    how = ["--examples", "3200", "--workers", "1"]
    assert invoke(app, ["tune", *common, *how, "--peak-rate", "0.01"]).exit_code == 0
    assert invoke(app, ["calibrate", *common]).exit_code == 0
    assert invoke(app, ["evaluate", *common, "--no-linear"]).exit_code == 0
    how[1] = "1600"
    assert invoke(app, ["distil", *common, *how, "--peak-rate", "0.005"]).exit_code == 0
    assert invoke(app, ["calibrate", *common, "--size", "fast"]).exit_code == 0
    assert invoke(app, ["evaluate", *common, "--size", "fast", "--no-linear"]).exit_code == 0
    assert invoke(app, ["pack", "--work", str(work), "--folder", str(folder)]).exit_code == 0

    plain = unpacked(folder / "default", tmp_path / "cache")
    model = AutoModelForSequenceClassification.from_pretrained(plain)
    tokenizer = AutoTokenizer.from_pretrained(plain)
    section = model.config.quietword
    assert section["targeted"] is section["marked"] is True
    assert section["temperature"]["pl"] > 0
    assert 0 < section["negative_threshold"]["0.90"]["pl"] < 1

    classify = pipeline("text-classification", model=model, tokenizer=tokenizer)
    texts = [f"{words[0]} paczka 77" for words in WORDS.values()]
    assert [answer["label"] for answer in classify(texts)] == list(WORDS)
    pair = {"text": "firma", "text_pair": "okropne <mask>firma<mask> 5"}
    assert classify(pair)["label"] == "negative"

    small = AutoModelForSequenceClassification.from_pretrained(
        unpacked(folder / "fast", tmp_path / "cache")
    )
    assert (model.config.num_hidden_layers, small.config.num_hidden_layers) == (6, 4)
    classify = pipeline("text-classification", model=small, tokenizer=tokenizer)
    assert [answer["label"] for answer in classify(texts)] == list(WORDS)

    results = json.loads((work / "figures.json").read_text())
    assert results["pl_tweets_wust2k20 test"]["macro_f1"] > 0.7
    card = (folder / "MODEL_CARD.md").read_text(encoding="utf-8")
    assert "| pl_tweets_wust2k20 test | 30 |" in card
    assert all(source.name in card for source in corpus.SOURCES)
    recorded = json.loads((folder / "training.json").read_text())["default"]["tune"]["data"]
    path = corpus.path_of(data, "umsab_en", "train")
    assert recorded["umsab_en/train.jsonl.gz"] == corpus.sha256_of(path)
    assert not any("/test." in name for name in recorded)


def test_packed_weights_answer_as_those_that_were_tuned(work: Path, tmp_path: Path) -> None:
    from transformers import AutoModelForSequenceClassification

    from sentiment.training.shipping import write_checkpoint

    base = network.stored_base(work / "pruned", "prune")
    tuned = network.classifier(base, 1)
    write_checkpoint(tmp_path / "family" / "packed", tuned, base, {})
    plain = unpacked(tmp_path / "family" / "packed", tmp_path / "cache")
    loaded = AutoModelForSequenceClassification.from_pretrained(plain)
    words = torch.from_numpy(dequantised(base.words))
    assert torch.equal(loaded.bert.embeddings.word_embeddings.weight, words)
    tokenizer = Tokenizer.from_str(base.tokenizer)
    rows = [corpus.Row(text=f"okropne {n}", label=0, language="pl") for n in range(20)]
    before = network.logits_of(tuned, tokenizer, rows)
    after = network.logits_of(loaded, tokenizer, rows)
    np.testing.assert_allclose(after, before, atol=0.02)


def test_a_text_of_a_dev_part_is_never_learnt(tmp_path: Path) -> None:
    source = replace(corpus.SOURCES[0], name="set")
    shared = {"label": "negative", "lang": "pl", "text": "To samo zdanie w obu częściach!"}
    copy = {**shared, "text": "@user to samo ZDANIE w obu częściach http"}
    other = {**shared, "text": "Zupełnie inne zdanie do nauki."}
    write_rows(corpus.path_of(tmp_path, "set", "dev"), [shared])
    write_rows(corpus.path_of(tmp_path, "set", "train"), [copy, other])
    (pool,) = pools(tmp_path, [source])
    assert [row.text for row in pool.rows] == ["Zupełnie inne zdanie do nauki."]


def test_a_set_without_a_dev_part_is_cut_without_overlap(data: Path) -> None:
    source = next(source for source in corpus.SOURCES if source.cut)
    held = {row.text for row in corpus.dev_rows(data, source)}
    learnt = {row.text for row in corpus.train_rows(data, source)}
    assert held
    assert not held & learnt


def test_no_source_learns_from_a_test_part_or_a_non_commercial_set() -> None:
    parts = {part for source in corpus.SOURCES for part in source.train}
    assert not any(part.startswith("test") for part in parts)
    assert not {source.name for source in corpus.SOURCES} & set(corpus.NON_COMMERCIAL)


def test_unstated_licences_can_be_left_out(work: Path, data: Path) -> None:
    run = tune_arguments(work, data, "--no-unstated-licences")
    assert CliRunner().invoke(app, run).exit_code == 0
    facts = json.loads((work / "tune" / FACTS).read_text())
    assert "umsab_en" in facts["mixture"]
    assert "pl_tweets_wust2k20" not in facts["mixture"]
    assert not any("pl_tweets_wust2k20" in name for name in facts["data"])


def test_a_shortened_plan_brings_the_decay_forward() -> None:
    long, short = tune.Plan(examples=40_000), tune.Plan(examples=20_000)
    assert tune.rate_factor(long, 18_000) == 1.0
    assert tune.rate_factor(short, 18_000) == pytest.approx(0.4)
    assert tune.rate_factor(short, 20_000) == 0.0
    assert 0 < tune.rate_factor(long, 0) <= 0.01


def test_dev_figures_are_logged_on_the_way(work: Path, data: Path) -> None:
    plan = tune.Plan(examples=320, dev_every=160)
    run = tune.Run(work / "tune", network.stored_base(work / "pruned", "prune"), plan)
    rows = corpus.dev_rows(data, corpus.SOURCES[0])
    assert run.go(pools(data, corpus.SOURCES[:3]), {"pl text": rows})
    lines = [json.loads(line) for line in (work / "tune" / tune.LOG).read_text().splitlines()]
    (seen,) = [line["seen"] for line in lines if "dev" in line]
    assert 160 <= seen < 320


def test_a_step_before_its_turn_says_which_comes_first(data: Path, tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match="'prune' first"):
        network.stored_base(tmp_path / "pruned", "prune")
    result = CliRunner().invoke(app, ["evaluate", "--work", str(tmp_path), "--data", str(data)])
    assert isinstance(result.exception, TrainingError)
    assert "'calibrate' first" in str(result.exception)


def test_pruning_keeps_what_the_texts_use_and_how_they_are_cut() -> None:
    base = tiny_base()
    lines = [(f"{word} 1, 2!", 1.0) for group in WORDS.values() for word in group]
    size = len(base.words)
    small = vocabulary.pruned(base, lines, size - 2)
    before, after = (Tokenizer.from_str(one.tokenizer) for one in (base, small))
    for text, _ in lines:
        assert after.encode(text).tokens == before.encode(text).tokens
    assert after.token_to_id("漢") is None  # a script nobody asked for
    assert after.token_to_id("▁longword") is None  # not used by any line
    assert after.token_to_id("Ż") is not None  # a character stays although no line has it
    assert [after.token_to_id(name) for name in ("<s>", "<pad>", "</s>", "<unk>")] == [0, 1, 2, 3]
    assert after.token_to_id("<mask>") == len(small.words) - 1 == small.config["vocab_size"] - 1
    old, new = before.token_to_id("▁polecam"), after.token_to_id("▁polecam")
    np.testing.assert_array_equal(small.words[new], base.words[old])


def test_the_weights_of_the_wheel_are_read_as_they_are_laid_out() -> None:
    block = np.zeros(18, np.uint8)
    block[:2] = np.array([2.0], "<f2").view(np.uint8)
    block[2:] = 0x9A  # 10 - 8 and 9 - 8, times 2
    tensors = [
        ("emb.word", 1, block.tobytes() * 3),
        ("emb.pos", 0, struct.pack("<64f", *range(64))),
        ("l0.fi.w", 1, block.tobytes() * 2),
        ("l0.aln.b", 0, struct.pack("<32f", *range(32))),
    ]
    head = b"E5S1" + struct.pack("<I7ifi", 1, 32, 1, 1, 2, 3, 2, 2, 1e-12, 32)
    head += struct.pack("<5iQ", 2, 0, 2, 1, 3, 3) + bytes(3 * 4 + 2 * 4) + b"abc"
    head += struct.pack("<iI", 0, 4) + b"skip" + struct.pack("<i", len(tensors))
    offset = len(head) + sum(2 + len(name) + 21 for name, *_ in tensors)
    body = b""
    for name, kind, raw in tensors:
        head += struct.pack("<H", len(name)) + name.encode()
        head += struct.pack("<BIQQ", kind, 0, offset + len(body), len(raw))
        body += raw
    config, found, words = read_weights(head + body)
    assert (config["hidden_size"], config["vocab_size"]) == (32, 3)
    assert config["layer_norm_eps"] == pytest.approx(1e-12)
    assert words.shape == (3, 1, 18)
    assert found["embeddings.position_embeddings.weight"][1, 0] == 32
    matrix = found["encoder.layer.0.intermediate.dense.weight"]
    assert matrix.shape == (2, 32)
    assert matrix[0].tolist() == [4.0] * 16 + [2.0] * 16
    assert found["encoder.layer.0.attention.output.LayerNorm.bias"].tolist() == [*range(32)]


def test_another_file_is_not_taken_for_the_weights() -> None:
    with pytest.raises(TrainingError, match="E5S1"):
        read_weights(b"GGUF" + bytes(64))


def test_a_label_that_only_denies_the_negative_pulls_the_other_two_alike() -> None:
    logits = torch.tensor([[0.0, 0.0, 0.0], [0.0, 3.0, 0.0], [0.0, 0.0, 3.0], [3.0, 0.0, 0.0]])
    labels = torch.full((4,), corpus.NOT_NEGATIVE)
    even, neutral, positive, negative = tune.losses(logits, labels, 0.0).tolist()
    assert even == pytest.approx(-np.log(2 / 3), abs=1e-6)
    assert neutral == pytest.approx(positive)
    assert neutral < even < negative
    exact = tune.losses(logits, torch.tensor([0, 1, 2, 0]), 0.0)
    plain = torch.nn.functional.cross_entropy(logits, torch.tensor([0, 1, 2, 0]), reduction="none")
    torch.testing.assert_close(exact, plain)


def test_a_complaint_is_negative_and_a_random_tweet_says_nothing(tmp_path: Path) -> None:
    source = replace(corpus.SOURCES[0], name="set", dev=None)
    rows = [
        {"label": "complaint", "lang": "en", "text": "where is my parcel", "domain": "retail"},
        {"label": "noncomplaint", "lang": "en", "text": "do you ship abroad", "domain": "retail"},
        {"label": "noncomplaint", "lang": "en", "text": "i hate mondays", "domain": "random_tweet"},
    ]
    write_rows(corpus.path_of(tmp_path, "set", "train"), rows)
    found = [(row.text, row.label) for row in corpus.train_rows(tmp_path, source)]
    assert found == [("where is my parcel", 0), ("do you ship abroad", corpus.NOT_NEGATIVE)]


def test_composed_posts_are_true_to_their_facts() -> None:
    draw = random.Random(4)  # noqa: S311  # no secret
    for language, phrases in PHRASES.items():
        for _ in range(300):
            row = turned(draw, language, "Kworex")
            assert "{" not in row.text
            assert "Kworex" in row.text
            good = any(fact.casefold() in row.text.casefold() for fact in phrases.relief)
            bad = any(fact.casefold() in row.text.casefold() for fact in phrases.trouble)
            if good:
                assert row.label == corpus.LABELS.index("positive"), row.text
            elif bad and row.label != corpus.LABELS.index("negative"):
                assert any(
                    row.text.startswith(frame.split("{")[0]) for frame in phrases.rebuttal
                ), row.text
