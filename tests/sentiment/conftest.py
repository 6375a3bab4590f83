"""Small checkpoints with random weights, built on the spot."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

WORDS = """
nordvia pays late again support is silent great thanks for the quick help my money came
нордвия не платит вторую неделю спасибо за помощь поддержка молчит wypłata nie przyszła
dziękuję za szybką pomoc rival does better word email http user number
"""


def build(folder: Path, *, seed: int = 0, quietword: Any = None, **config: Any) -> Path:
    """Save a two-layer BERT classifier and a word tokenizer to ``folder`` and return it."""
    import torch
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors
    from transformers import (
        BertConfig,
        BertForSequenceClassification,
        PreTrainedTokenizerFast,
    )

    letters = [
        chr(code) for code in [*range(33, 127), *range(0x430, 0x450), *map(ord, "ąćęłńóśźż")]
    ]
    pieces = [
        "[PAD]",
        "[UNK]",
        "[CLS]",
        "[SEP]",
        *WORDS.split(),
        *letters,
        *(f"##{c}" for c in letters),
    ]
    backend = Tokenizer(
        models.WordPiece(
            vocab={piece: i for i, piece in enumerate(dict.fromkeys(pieces))}, unk_token="[UNK]"
        )
    )
    backend.normalizer = normalizers.BertNormalizer(lowercase=True, strip_accents=False)
    backend.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    backend.post_processor = processors.BertProcessing(("[SEP]", 3), ("[CLS]", 2))
    tokenizer = PreTrainedTokenizerFast(  # type: ignore[no-untyped-call]  # transformers' own
        tokenizer_object=backend,
        pad_token="[PAD]",
        unk_token="[UNK]",
        cls_token="[CLS]",
        sep_token="[SEP]",
    )
    torch.manual_seed(seed)
    shape: dict[str, Any] = {
        "vocab_size": len(tokenizer),
        "hidden_size": 32,
        "num_hidden_layers": 2,
        "num_attention_heads": 2,
        "intermediate_size": 64,
        "max_position_embeddings": 64,
        "initializer_range": 0.4,
        "id2label": {0: "negative", 1: "neutral", 2: "positive"},
        "label2id": {"negative": 0, "neutral": 1, "positive": 2},
    }
    settings = shape | config
    if quietword is not None:
        settings["quietword"] = quietword
    BertForSequenceClassification(BertConfig(**settings)).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


@pytest.fixture(scope="session")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A plain three-class checkpoint of 64 positions."""
    return build(tmp_path_factory.mktemp("tiny") / "tiny")


@pytest.fixture
def make_checkpoint(tmp_path: Path) -> Callable[..., Path]:
    """Build another checkpoint: ``make_checkpoint(quietword={...}, id2label={...})``."""

    def make(name: str = "made", **options: Any) -> Path:
        if "id2label" in options:
            options["label2id"] = {label: i for i, label in options["id2label"].items()}
        return build(tmp_path / name, **options)

    return make


@pytest.fixture(scope="session")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write every set the project knows, small and hand-made."""
    from sentiment.training import corpus
    from tests.sentiment.training_sets import made_rows, write_rows

    folder = tmp_path_factory.mktemp("sets")
    for source in corpus.SOURCES:
        for part in {*source.train, *([source.dev] if source.dev else []), "test"}:
            rows = list(made_rows(source.name, part, source.targeted))
            write_rows(corpus.path_of(folder, source.name, part), rows)
    return folder


@pytest.fixture
def work(tmp_path: Path) -> Path:
    """Return a work folder with a tiny encoder in it."""
    from sentiment.training import network
    from tests.sentiment.training_sets import tiny_base

    folder = tmp_path / "work"
    network.write_base(tiny_base(), folder / "pruned")
    network.write_base(tiny_base(), folder / "base")
    return folder
