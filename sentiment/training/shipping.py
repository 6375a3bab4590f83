"""Turn a tuned run into the checkpoint folder that is shipped."""

import json
import lzma
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import load, load_file

from sentiment import packing
from sentiment.sources import MANIFEST
from sentiment.training.base import CONFIG_NAMES, Base, TrainingError
from sentiment.training.corpus import Source, path_of, sha256_of
from sentiment.training.network import FROZEN_LAYERS, WORDS, classifier
from sentiment.training.tune import STATE, Plan, trainable

if TYPE_CHECKING:
    from transformers import BertForSequenceClassification

SHARED = "shared"
HISTORY = "training.json"
MAX_TOKENS = 256  # the longest texts seen in training
TOKENIZER_CONFIG = {
    "tokenizer_class": "PreTrainedTokenizerFast",
    "model_input_names": ["input_ids", "attention_mask"],
    "model_max_length": MAX_TOKENS,
    "padding_side": "right",
    "clean_up_tokenization_spaces": False,
    "bos_token": "<s>",
    "cls_token": "<s>",
    "eos_token": "</s>",
    "sep_token": "</s>",
    "unk_token": "<unk>",
    "pad_token": "<pad>",
    "mask_token": "<mask>",
}


def tuned_network(
    folders: Sequence[Path], base: Base, weights: str, frozen: int = FROZEN_LAYERS
) -> "BertForSequenceClassification":
    """Return the network of a run, or the mean of several runs that began alike.

    weights: ``weights`` (the last) or ``averaged``.
    """
    import torch

    for folder in folders:
        if not (folder / STATE).is_file():
            raise TrainingError(f"{folder} holds no run: run the step 'tune' first")
    states = [torch.load(folder / STATE, weights_only=True)[weights] for folder in folders]
    network = classifier(base, Plan().seed, frozen)
    for name, tensor in trainable(network).items():
        tensor.copy_(torch.stack([state[name] for state in states]).mean(dim=0))
    return network


def origin(start: Path) -> dict[str, object]:
    """Return what a packed checkpoint that a run goes on from is: its hash and its own runs."""
    path = start.parent / HISTORY
    history = json.loads(path.read_text()) if path.is_file() else {}
    return {"manifest": sha256_of(start / MANIFEST), "history": history.get(start.name, {})}


def adopted(start: Path) -> Base:
    """Return the base of a packed checkpoint: its own words, tokenizer and encoder."""
    shared = start.parent / SHARED
    plain = packing.unpacked(start)
    weights = load_file(plain / packing.PLAIN_WEIGHTS)
    config = json.loads((plain / packing.CONFIG).read_text())
    (words,) = load(lzma.decompress((shared / packing.PACKED_WORDS).read_bytes())).values()
    return Base(
        config={name: config[name] for name in (*CONFIG_NAMES, "layer_norm_eps")},
        tensors={
            name.removeprefix("bert."): value
            for name, value in weights.items()
            if name.startswith(("bert.embeddings.", "bert.encoder.")) and name != WORDS
        },
        words=words,
        tokenizer=(plain / packing.TOKENIZER).read_text(encoding="utf-8"),
    )


def clear(folder: Path) -> None:
    """Remove the packed files of an earlier family, whose words and tokenizer may be others."""
    for name in ("default", "fast", SHARED):
        for file in (folder / name).glob("*"):
            file.unlink()


def write_checkpoint(
    folder: Path,
    network: "BertForSequenceClassification",
    base: Base,
    quietword: Mapping[str, object],
) -> None:
    """Pack a network into ``folder``: int8 rows, words in their original 4 bits."""
    tensors: dict[str, NDArray[np.float32]] = {
        name: tensor.detach().numpy().astype(np.float32)
        for name, tensor in network.state_dict().items()
        if name != WORDS and tensor.is_floating_point()
    }
    config = network.config.to_dict()
    config = {key: value for key, value in config.items() if value is not None}
    config |= {
        "architectures": ["BertForSequenceClassification"],
        "dtype": "float32",
        "quietword": {"targeted": True, "marked": True, "max_tokens": MAX_TOKENS, **quietword},
    }
    packing.pack(
        folder,
        shared=folder.parent / SHARED,
        tensors=tensors,
        four_bit={WORDS: base.words},
        config=config,
        tokenizer=base.tokenizer,
        tokenizer_config=TOKENIZER_CONFIG,
    )


def provenance(data: Path, sources: Sequence[Source], work: Path) -> dict[str, object]:
    """Return the SHA-256 of every file that was learnt from, and of the two wheels."""
    return {
        "data": {
            f"{source.name}/{part}.jsonl.gz": sha256_of(path_of(data, source.name, part))
            for source in sources
            for part in (*source.train, *([source.dev] if source.dev else []))
        },
        "wheels": {wheel.name: sha256_of(wheel) for wheel in sorted(work.glob("wheels/*.whl"))},
    }
