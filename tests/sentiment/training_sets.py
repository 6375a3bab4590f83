"""Hand-made labelled sets and a tiny random encoder that the training steps can learn with."""

import gzip
import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from tokenizers import Tokenizer

from sentiment.training import network
from sentiment.training.base import Base

LETTERS = "abcdefghijklmnopqrstuvwxyząćęłńóśźżабвгдеёжзийклмнопрстуфхцчшщъыьэюя0123456789.,!?:-"
WORDS = {
    "negative": ("okropne", "fatalne", "ужасно", "awful", "terrible"),
    "neutral": ("wtorek", "umowa", "офис", "parcel", "office"),
    "positive": ("świetne", "polecam", "отлично", "great", "lovely"),
}


def tokenizer_json() -> str:
    """Return a Unigram tokenizer of letters and the words above, shaped like the real one."""
    words = [f"▁{word}" for group in WORDS.values() for word in group]
    singles = [*LETTERS, *LETTERS.upper(), "▁", "漢"]
    vocabulary_ = [("<s>", 0.0), ("<pad>", 0.0), ("</s>", 0.0), ("<unk>", 0.0)]
    vocabulary_ += [(word, -3.0) for word in words]
    vocabulary_ += [(letter, -8.0) for letter in dict.fromkeys(singles)]
    vocabulary_ += [("▁longword", -4.0), ("<mask>", 0.0)]
    special = {"<s>": 0, "<pad>": 1, "</s>": 2, "<unk>": 3, "<mask>": len(vocabulary_) - 1}
    flags = dict.fromkeys(("single_word", "lstrip", "rstrip", "normalized"), False)
    start, end = ({"SpecialToken": {"id": name, "type_id": 0}} for name in ("<s>", "</s>"))
    first, second = ({"Sequence": {"id": name, "type_id": 0}} for name in ("A", "B"))
    described = {
        "version": "1.0",
        "added_tokens": [
            {"id": number, "content": content, "special": True, **flags}
            for content, number in special.items()
        ],
        "pre_tokenizer": {
            "type": "Metaspace",
            "replacement": "▁",
            "prepend_scheme": "always",
            "split": True,
        },
        "post_processor": {
            "type": "TemplateProcessing",
            "single": [start, first, end],
            "pair": [start, first, end, end, second, end],
            "special_tokens": {
                name: {"id": name, "ids": [special[name]], "tokens": [name]}
                for name in ("<s>", "</s>")
            },
        },
        "model": {"type": "Unigram", "unk_id": 3, "vocab": vocabulary_, "byte_fallback": False},
    }
    return Tokenizer.from_str(json.dumps(described)).to_str()


def tiny_base(seed: int = 5) -> Base:
    """Return a random BERT of six layers and 32 values whose words are in 4-bit blocks."""
    text = tokenizer_json()
    size = len(json.loads(text)["model"]["vocab"])
    config = {
        "hidden_size": 32,
        "num_hidden_layers": 6,
        "num_attention_heads": 4,
        "intermediate_size": 64,
        "vocab_size": size,
        "max_position_embeddings": 512,
        "type_vocab_size": 2,
        "layer_norm_eps": 1e-12,
    }
    draw = np.random.default_rng(seed)
    words = np.zeros((size, 1, 18), np.uint8)
    words[..., :2] = np.array([0.1], "<f2").view(np.uint8)
    words[..., 2:] = draw.integers(0, 256, (size, 1, 16))
    fresh = network.classifier(Base(config=config, tensors={}, words=words, tokenizer=text), seed)
    tensors = {
        name.removeprefix("bert."): tensor.detach().numpy().copy()
        for name, tensor in fresh.state_dict().items()
        if name.startswith("bert.") and "pooler" not in name and name != network.WORDS
    }
    return Base(config=config, tensors=tensors, words=words, tokenizer=text)


def write_rows(path: Path, rows: list[dict[str, str]]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with gzip.open(path, "wt", encoding="utf-8") as lines:
        lines.writelines(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)


def made_rows(name: str, part: str, targeted: bool) -> Iterator[dict[str, str]]:
    """Yield thirty rows whose one telling word gives the label."""
    for number in range(30):
        label = list(WORDS)[number % 3]
        word = WORDS[label][number % 5]
        row = {"label": label, "lang": "pl", "text": f"{word} {name} {part} {number}"}
        yield {**row, "target": name} if targeted else row
