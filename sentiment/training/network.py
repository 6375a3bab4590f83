"""Build the classifier network and cut rows into batches for it."""

import json
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import load_file, save_file
from tokenizers import Tokenizer

from sentiment.packing import dequantised
from sentiment.prepare import literal_spans, marked
from sentiment.training.base import Base, TrainingError
from sentiment.training.corpus import LABELS, Row

if TYPE_CHECKING:
    import torch
    from transformers import BertForSequenceClassification

PAD = 1
FROZEN_LAYERS = 3  # they know the languages; without their backward pass a step is a fifth shorter
POOLER_GAIN = 3.0  # the first token's values have a spread of 0.26: this brings tanh to use
WORDS = "bert.embeddings.word_embeddings.weight"
CONFIG, TOKENIZER, ENCODER, BLOCKS = (
    "config.json",
    "tokenizer.json",
    "encoder.safetensors",
    "words.npy",
)


def write_base(base: Base, folder: Path) -> None:
    """Write a base into a folder; the config comes last, so it says that all is there."""
    folder.mkdir(parents=True, exist_ok=True)
    save_file(base.tensors, folder / ENCODER)
    np.save(folder / BLOCKS, base.words)
    (folder / TOKENIZER).write_text(base.tokenizer, encoding="utf-8")
    part = folder / (CONFIG + ".part")
    part.write_text(json.dumps(base.config, indent=1))
    part.replace(folder / CONFIG)


def stored_base(folder: Path, step: str) -> Base:
    """Return the base written by a step; ``TrainingError`` when that step has not run."""
    if not (folder / CONFIG).is_file():
        raise TrainingError(f"{folder} is not complete: run the step '{step}' first")
    return Base(
        config=json.loads((folder / CONFIG).read_text()),
        tensors=load_file(folder / ENCODER),
        words=np.load(folder / BLOCKS),
        tokenizer=(folder / TOKENIZER).read_text(encoding="utf-8"),
    )


def classifier(
    base: Base, seed: int, frozen: int = FROZEN_LAYERS
) -> "BertForSequenceClassification":
    """Return the network: the base, a pooler near identity, a new head of three classes.

    All embeddings are frozen: the words so that they can be shipped in their original 4 bits,
    the rest because the backward pass then ends at the first layer; so are the first ``frozen``
    layers.
    """
    import torch
    from transformers import BertConfig, BertForSequenceClassification

    torch.manual_seed(seed)
    config = BertConfig.from_dict(
        {
            **base.config,
            "pad_token_id": PAD,
            "hidden_dropout_prob": 0.0,
            "attention_probs_dropout_prob": 0.0,
            "classifier_dropout": 0.1,
            "id2label": dict(enumerate(LABELS)),
            "label2id": {label: index for index, label in enumerate(LABELS)},
        }
    )
    network = BertForSequenceClassification(config)
    state = {f"bert.{name}": torch.from_numpy(value) for name, value in base.tensors.items()}
    state[WORDS] = torch.from_numpy(dequantised(base.words))
    unknown = network.load_state_dict(state, strict=False).unexpected_keys
    if unknown:
        raise TrainingError(f"the base has tensors BERT does not know: {unknown[:3]}")
    with torch.no_grad():
        hidden = config.hidden_size
        network.get_parameter("bert.pooler.dense.weight").copy_(torch.eye(hidden) * POOLER_GAIN)
        network.get_parameter("bert.pooler.dense.bias").zero_()
    network.bert.embeddings.requires_grad_(False)
    for layer in network.bert.encoder.layer[:frozen]:
        layer.requires_grad_(False)
    return network


def encoded(tokenizer: Tokenizer, row: Row) -> list[int]:
    """Return the token ids of a row: ``text``, or the pair ``target, text``, cut to length.

    A text that is too long loses its middle: verdicts stand at the beginning and at the end.
    """
    text = row.text
    if row.target is not None and row.marks:
        text, _ = marked(text, literal_spans(text, row.target))
    ids: list[int] = (
        tokenizer.encode(text).ids if row.target is None else tokenizer.encode(row.target, text).ids
    )
    if len(ids) > row.length:
        half = row.length // 2
        ids = ids[: row.length - half] + ids[-half:]
    return ids


def batches_of(lengths: Sequence[int], rows: int = 32, tokens: int = 2_048) -> list[list[int]]:
    """Return batches of indices with like lengths, shortest first.

    A batch has at most ``rows`` texts and ``tokens`` places, padding included.
    """
    result: list[list[int]] = []
    batch: list[int] = []
    for index in sorted(range(len(lengths)), key=lengths.__getitem__):
        if batch and (len(batch) == rows or lengths[index] * (len(batch) + 1) > tokens):
            result.append(batch)
            batch = []
        batch.append(index)
    return [*result, batch] if batch else result


def padded(sequences: Sequence[list[int]]) -> tuple["torch.Tensor", "torch.Tensor"]:
    """Return ids and attention mask of one batch, each (n, longest)."""
    import torch

    longest = max(map(len, sequences))
    ids = torch.full((len(sequences), longest), PAD)
    mask = torch.zeros((len(sequences), longest), dtype=torch.long)
    for place, sequence in enumerate(sequences):
        ids[place, : len(sequence)] = torch.tensor(sequence)
        mask[place, : len(sequence)] = 1
    return ids, mask


def logits_of(
    network: "BertForSequenceClassification",
    tokenizer: Tokenizer,
    rows: Sequence[Row],
    workers: int = 2,
) -> NDArray[np.float32]:
    """Return the logits of rows in their order: fp32 (n, 3)."""
    import torch

    network.eval()  # type: ignore[no-untyped-call]  # transformers leaves it unannotated
    sequences = [encoded(tokenizer, row) for row in rows]
    result = np.zeros((len(rows), len(LABELS)), np.float32)

    def fill(batch: list[int]) -> None:
        ids, mask = padded([sequences[index] for index in batch])
        with torch.inference_mode():
            result[batch] = network(input_ids=ids, attention_mask=mask).logits.numpy()

    batches = batches_of([len(sequence) for sequence in sequences], tokens=1_024)
    with ThreadPoolExecutor(workers, initializer=torch.set_num_threads, initargs=(1,)) as pool:
        list(pool.map(fill, reversed(batches)))
    return result
