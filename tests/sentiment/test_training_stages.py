"""Training that goes on from a packed checkpoint, with two seeds and their mean."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from tokenizers import Tokenizer
from typer.testing import CliRunner

from sentiment.training import calibrate, network, shipping, tune
from sentiment.training.__main__ import app
from sentiment.training.base import TrainingError
from sentiment.training.corpus import Row
from sentiment.training.lexicons import polish
from sentiment.training.scores import calibration_error, softmax
from tests.sentiment.training_sets import tiny_base


def run(*arguments: str | Path) -> None:
    result = CliRunner().invoke(app, [str(argument) for argument in arguments])
    assert result.exit_code == 0, result.output


@pytest.fixture
def packed(tmp_path: Path) -> Path:
    """A family of one packed checkpoint with a history."""
    base = tiny_base()
    folder = tmp_path / "family" / "default"
    shipping.write_checkpoint(folder, network.classifier(base, 3), base, {})
    facts = {"seen": 77, "plan": {"seed": 3, "peak_rate": 0.1}, "mixture": {}}
    (folder.parent / shipping.HISTORY).write_text(json.dumps({"default": {"tune": facts}}))
    return folder


def test_two_seeds_go_on_from_a_checkpoint_and_their_mean_can_be_shipped(
    packed: Path, data: Path, tmp_path: Path
) -> None:
    work, folder = tmp_path / "work", tmp_path / "shipped"
    run("adopt", packed, "--work", work)
    common = ("--work", work, "--data", data)
    for seed in ("11", "12"):
        how = ("--seed", seed, "--examples", "64", "--workers", "1", "--start", packed)
        run("tune", *common, *how, "--run", f"seed-{seed}", "--peak-rate", "1e-6")
    run("calibrate", *common, "--run", "seed-11", "--run", "seed-12")
    result = json.loads((work / "calibration.json").read_text())
    assert [tried["runs"] for tried in result["tried"][::2]] == [
        ["seed-11"],
        ["seed-12"],
        ["seed-11", "seed-12"],
    ]

    base = network.stored_base(work / "pruned", "prune")
    states = [
        torch.load(work / f"seed-{seed}" / tune.STATE, weights_only=True)["weights"]
        for seed in (11, 12)
    ]
    mean = shipping.tuned_network([work / "seed-11", work / "seed-12"], base, "weights")
    for name, tensor in tune.trainable(mean).items():
        torch.testing.assert_close(tensor, (states[0][name] + states[1][name]) / 2)

    # A few steps at a rate near zero: the weights are still those of the checkpoint.
    rows = [Row(text=f"okropne {n}", label=0, language="pl") for n in range(5)]
    tokenizer = Tokenizer.from_str(base.tokenizer)
    before = network.logits_of(network.classifier(tiny_base(), 3), tokenizer, rows)
    np.testing.assert_allclose(network.logits_of(mean, tokenizer, rows), before, atol=0.02)

    run("evaluate", *common, "--no-linear")
    run("seeds", "seed-11", "seed-12", *common)
    run("distil", *common, "--examples", "64", "--workers", "1")
    run("calibrate", *common, "--size", "fast")
    run("evaluate", *common, "--size", "fast", "--no-linear")
    run("pack", "--work", work, "--folder", folder)
    card = (folder / "MODEL_CARD.md").read_text(encoding="utf-8")
    assert "`tune` on 77 examples with seed 3" in card
    assert "| held-out part | seed-11 | seed-12 | seed-11 + seed-12 |" in card
    history = json.loads((folder / shipping.HISTORY).read_text())
    kept = history["default"][result["choice"]["runs"][0]]
    assert kept["start"]["history"]["tune"]["seen"] == 77


def test_a_checkpoint_of_another_shape_is_refused(packed: Path, tmp_path: Path) -> None:
    other = tiny_base()
    other.config["intermediate_size"] = 96
    tensors = {n: t for n, t in other.tensors.items() if "intermediate" not in n}
    tensors = {n: t for n, t in tensors.items() if "output.dense" not in n or "attention" in n}
    wider = type(other)(
        config=other.config, tensors=tensors, words=other.words, tokenizer=other.tokenizer
    )
    with pytest.raises(TrainingError, match="no such weights"):
        tune.Run(tmp_path / "run", wider, tune.Plan(), 1, start=packed)


def test_the_temperature_is_that_of_the_least_error_among_those_as_likely() -> None:
    draw = np.random.default_rng(2)
    logits = draw.normal(0, 2, (4_000, 3)).astype(np.float32)
    likely = softmax(logits, 1.6)
    gold = np.array([draw.choice(3, p=row) for row in likely])
    found = calibrate.temperature(logits, gold)
    assert found == pytest.approx(1.6, abs=0.2)
    error = calibration_error(softmax(logits, found), gold.tolist())
    assert error <= calibration_error(likely, gold.tolist())
    assert calibrate.error_by_chance(likely[:200]) > 2 * calibrate.error_by_chance(likely)


def test_the_polish_word_list_turns_what_is_negated() -> None:
    valences = {"polecam": 2.0, "fatalna": -2.5}
    texts = ["Polecam!", "Fatalna obsługa", "Nie polecam", "Umowa z wtorku"]
    rows = [Row(text=text, label=0, language="pl") for text in texts]
    assert polish(rows, valences).argmax(axis=1).tolist() == [2, 0, 0, 1]


def test_a_set_alone_can_be_learnt_from(packed: Path, data: Path, tmp_path: Path) -> None:
    work = tmp_path / "work"
    run("adopt", packed, "--work", work)
    only = ("--only", "cedr_ru", "--only", "umsab_en")
    how = ("--examples", "32", "--workers", "1", "--start", packed, *only)
    run("tune", "--work", work, "--data", data, *how)
    facts = json.loads((work / "tune" / "facts.json").read_text())
    assert set(facts["mixture"]) == {"cedr_ru", "umsab_en"}
    assert sum(shown for _, shown in facts["mixture"].values()) == pytest.approx(32, abs=2)

    (work / "calibration.json").write_text(
        json.dumps({"choice": {"weights": "averaged"}, "quietword": {"temperature": {}}})
    )
    run("seeds", "tune", "--work", work, "--data", data, "--only", "cedr_ru", "--last")
    assert list(json.loads((work / "figures tune, weights.json").read_text())) == ["cedr_ru test"]
    assert not (work / "seeds.json").exists()

    wrong = ["tune", "--work", str(work), "--data", str(data), "--only", "cedr"]
    result = CliRunner().invoke(app, wrong)
    assert isinstance(result.exception, TrainingError)
    assert "no set is called cedr" in str(result.exception)
