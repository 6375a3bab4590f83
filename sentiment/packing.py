"""Keep a checkpoint small on disk and unpack it into a plain ``transformers`` folder.

A packed folder holds ``config.json``, ``tokenizer_config.json``, ``weights.safetensors.xz`` and
``manifest.json`` with the SHA-256 of each file that belongs to it. Two checkpoints of one family
share the files of a third folder, the tokenizer and the word embeddings; their paths in the
manifest begin with ``../``. Matrices are int8 with one fp32 scale per row; word embeddings may stay
in the 4-bit blocks they were published in (an fp16 scale and 32 weights), which loses nothing.
"""

import hashlib
import json
import lzma
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load, save, save_file

from models.errors import QuietwordError
from sentiment.sources import CACHE, MANIFEST

CONFIG, TOKENIZER, TOKENIZER_CONFIG = "config.json", "tokenizer.json", "tokenizer_config.json"
PLAIN_WEIGHTS, PACKED_WEIGHTS, PACKED_WORDS, PACKED_TOKENIZER = (
    "model.safetensors",
    "weights.safetensors.xz",
    "words.safetensors.xz",
    "tokenizer.json.xz",
)
SIZES = "sizes.json"  # written last into an unpacked folder: it says that all is there
SCALE, BLOCKS = ".row_scale", ".four_bit"
BLOCK = 32
BLOCK_BYTES = 2 + BLOCK // 2


class DamagedCheckpointError(QuietwordError):
    """A packed checkpoint is incomplete or changed; get the folder anew from the release."""


class UnpackingError(QuietwordError):
    """The cache folder cannot be written; free some space there or name another folder."""


def dequantised(blocks: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Return the weights of 4-bit blocks: uint8 (..., n, 18) gives fp32 (..., n * 32).

    A block is an fp16 scale and 16 bytes; byte j holds weight j (low) and j + 16 (high).
    """
    scale = np.ascontiguousarray(blocks[..., :2]).view("<f2").astype(np.float32)
    packed = blocks[..., 2:]
    weights = np.concatenate([packed & 15, packed >> 4], axis=-1).astype(np.float32)
    weights -= 8.0
    weights *= scale
    return weights.reshape(*blocks.shape[:-2], -1)


def _rows_of_bytes(matrix: NDArray[np.float32]) -> tuple[NDArray[np.int8], NDArray[np.float32]]:
    """Return int8 rows and the fp32 scale of each."""
    scale = np.abs(matrix).max(axis=1) / 127.0
    scale = np.where(scale > 0, scale, 1.0).astype(np.float32)
    return np.rint(matrix / scale[:, None]).astype(np.int8), scale


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _write_once(path: Path, content: bytes) -> None:
    """Write a shared file; one that is there already must hold the same."""
    if path.is_file() and path.read_bytes() != content:
        raise DamagedCheckpointError(
            f"{path} belongs to another checkpoint: remove it, or pack into another folder"
        )
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)


def pack(
    folder: Path,
    *,
    shared: Path,
    tensors: Mapping[str, NDArray[np.float32]],
    four_bit: Mapping[str, NDArray[np.uint8]],
    config: Mapping[str, object],
    tokenizer: str,
    tokenizer_config: Mapping[str, object],
) -> None:
    """Write a packed checkpoint into ``folder``; the manifest comes last.

    What its family has in common goes into ``shared``, a folder beside it.

    tensors: fp32 under the names of the model. four_bit: blocks (rows, n, 18) under the names
    of the tensors they stand for. tokenizer: the text of ``tokenizer.json``.
    """
    stored: dict[str, NDArray[np.generic]] = {}
    for name, value in tensors.items():
        if value.ndim == 2:
            stored[name], stored[name + SCALE] = _rows_of_bytes(value)
        else:
            stored[name] = value.astype(np.float32)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / MANIFEST).unlink(missing_ok=True)
    (folder / PACKED_WEIGHTS).write_bytes(lzma.compress(save(stored), preset=9))
    words = {name + BLOCKS: blocks for name, blocks in four_bit.items()}
    _write_once(shared / PACKED_WORDS, lzma.compress(save(words), preset=9))
    _write_once(shared / PACKED_TOKENIZER, lzma.compress(tokenizer.encode(), preset=9))
    for name, content in ((CONFIG, config), (TOKENIZER_CONFIG, tokenizer_config)):
        text = json.dumps(content, indent=2, ensure_ascii=False)
        (folder / name).write_text(text + "\n", encoding="utf-8")
    common = f"../{shared.name}/"
    names = [CONFIG, TOKENIZER_CONFIG, PACKED_WEIGHTS]
    names += [common + PACKED_WORDS, common + PACKED_TOKENIZER]
    sums = {name: _sha256(folder / name) for name in names}
    (folder / MANIFEST).write_text(json.dumps(sums, indent=2) + "\n")


def _checked_manifest(folder: Path) -> tuple[str, list[Path]]:
    """Return a name for the content of a packed folder, and its files; raise when one differs."""
    advice = "get the checkpoint folder anew from the release"
    try:
        text = (folder / MANIFEST).read_text(encoding="utf-8")
        sums: dict[str, str] = dict(json.loads(text))
    except (OSError, ValueError, TypeError) as error:
        raise DamagedCheckpointError(
            f"{folder} is neither a plain nor a packed checkpoint: {MANIFEST} cannot be read "
            f"({error}); {advice}"
        ) from error
    files = [folder / name for name in sums]
    for name in sums:
        try:
            found = _sha256(folder / name)
        except OSError as error:
            raise DamagedCheckpointError(
                f"{folder / name} cannot be read ({error}); {advice}"
            ) from error
        if found != sums[name]:
            raise DamagedCheckpointError(
                f"{folder / name} is not the file the manifest describes (SHA-256 {found[:12]}…); "
                f"{advice}"
            )
    kinds = {file.name for file in files}
    for needed in (CONFIG, TOKENIZER_CONFIG, PACKED_TOKENIZER, PACKED_WEIGHTS):
        if needed not in kinds:
            raise DamagedCheckpointError(f"{folder / MANIFEST} names no {needed}; {advice}")
    return hashlib.sha256(text.encode()).hexdigest()[:16], files


def plain_weights(path: Path) -> dict[str, NDArray[np.float32]]:
    """Return the fp32 tensors of a packed weights file."""
    try:
        stored = load(lzma.decompress(path.read_bytes()))
    except (OSError, lzma.LZMAError, SafetensorError) as error:
        raise DamagedCheckpointError(f"{path} is no weights file: {error}") from error
    weights = {}
    for name, value in stored.items():
        if name.endswith(BLOCKS):
            weights[name.removesuffix(BLOCKS)] = dequantised(value)
        elif not name.endswith(SCALE):
            scale = stored.get(name + SCALE)
            weights[name] = value if scale is None else value.astype(np.float32) * scale[:, None]
    return weights


def _write_plain(files: Sequence[Path], folder: Path) -> None:
    """Write the plain form of the checked ``files`` of a packed checkpoint into an empty folder."""
    weights: dict[str, NDArray[np.float32]] = {}
    for file in files:
        if file.name.endswith(".safetensors.xz"):
            weights |= plain_weights(file)
        elif file.name == PACKED_TOKENIZER:
            (folder / TOKENIZER).write_bytes(lzma.decompress(file.read_bytes()))
        else:
            shutil.copyfile(file, folder / file.name)
    save_file(weights, folder / PLAIN_WEIGHTS, {"format": "pt"})
    sizes = {file.name: file.stat().st_size for file in folder.iterdir()}
    (folder / SIZES).write_text(json.dumps(sizes))


def _is_whole(folder: Path) -> bool:
    """Say whether an unpacked folder still has every file at its full size."""
    try:
        sizes = json.loads((folder / SIZES).read_text())
        return all((folder / name).stat().st_size == size for name, size in sizes.items())
    except (OSError, ValueError):
        return False


def unpacked(folder: Path, cache: Path | None = None) -> Path:
    """Return a plain ``transformers`` folder for a checkpoint, unpacking it on first use.

    folder: a packed checkpoint, or a plain one, which is returned as it is.
    cache: where unpacked folders are kept; by default ``~/.cache/quietword/checkpoints``. The
    shipped checkpoint takes 210 MB there, is unpacked in about 3 s and found again at once.
    Several processes may do this at the same time: each writes its own temporary folder and the
    first to finish wins.
    Raises ``DamagedCheckpointError`` when a file differs from the manifest, ``UnpackingError``
    when the cache cannot be written.
    """
    if (folder / PLAIN_WEIGHTS).is_file() and (folder / CONFIG).is_file():
        return folder
    cache = cache or CACHE
    content, files = _checked_manifest(folder)
    target = cache / content
    if _is_whole(target):
        return target
    try:
        cache.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix="unpacking-", dir=cache) as name:
            fresh = Path(name) / "plain"
            fresh.mkdir()
            _write_plain(files, fresh)
            _put_in_place(fresh, target, Path(name) / "old")
    except OSError as error:
        raise UnpackingError(
            f"cannot unpack {folder} into {cache}: {error}; free 250 MB there or set another "
            "cache folder"
        ) from error
    return target


def _put_in_place(fresh: Path, target: Path, aside: Path) -> None:
    """Rename a finished folder to its final name unless another process was quicker."""
    if target.exists() and not _is_whole(target):
        target.replace(aside)  # a damaged leftover; removed with the temporary folder
    try:
        fresh.rename(target)
    except OSError:
        # The other process's folder holds the same bytes.
        if not _is_whole(target):
            raise
