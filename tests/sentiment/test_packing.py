"""A packed checkpoint becomes a plain folder, once, whole, and only when it is undamaged."""

import json
import multiprocessing
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file

from sentiment.packing import (
    DamagedCheckpointError,
    UnpackingError,
    dequantised,
    pack,
    unpacked,
)

FILES = (
    "config.json",
    "tokenizer_config.json",
    "weights.safetensors.xz",
    "../shared/words.safetensors.xz",
    "../shared/tokenizer.json.xz",
)


def blocks(rows: int, seed: int = 1) -> np.ndarray:
    """Return random 4-bit blocks with sane scales, (rows, 2, 18)."""
    draw = np.random.default_rng(seed)
    scales = draw.uniform(0.01, 0.1, (rows, 2, 1)).astype("<f2").view(np.uint8)
    nibbles = draw.integers(0, 256, (rows, 2, 16), dtype=np.uint8)
    return np.concatenate([scales.reshape(rows, 2, 2), nibbles], axis=-1)


@pytest.fixture
def packed(tmp_path: Path) -> Path:
    draw = np.random.default_rng(2)
    folder = tmp_path / "packed"
    pack(
        folder,
        shared=tmp_path / "shared",
        tensors={
            "layer.weight": draw.normal(size=(6, 8)).astype(np.float32),
            "empty.weight": np.zeros((2, 8), np.float32),
            "layer.bias": draw.normal(size=6).astype(np.float32),
        },
        four_bit={"words": blocks(5)},
        config={"model_type": "bert", "names": "zażółć"},
        tokenizer='{"model": "ż"}',
        tokenizer_config={"model_max_length": 256},
    )
    return folder


def test_a_four_bit_block_holds_its_low_nibbles_first() -> None:
    block = np.zeros(18, np.uint8)
    block[:2] = np.array([0.5], "<f2").view(np.uint8)
    block[2:] = 0x88  # 8 stands for zero
    block[2] = 0xF1  # weight 0 is 1 - 8, weight 16 is 15 - 8
    weights = dequantised(block[None, :])
    assert weights.shape == (32,)
    assert weights[0] == -3.5
    assert weights[16] == 3.5
    assert not weights[[*range(1, 16), *range(17, 32)]].any()


def test_unpacked_weights_are_those_that_were_packed(packed: Path, tmp_path: Path) -> None:
    plain = unpacked(packed, tmp_path / "cache")
    weights = load_file(plain / "model.safetensors")
    draw = np.random.default_rng(2)
    matrix = draw.normal(size=(6, 8)).astype(np.float32)
    steps = np.abs(matrix).max(axis=1, keepdims=True) / 127
    assert (np.abs(weights["layer.weight"] - matrix) <= steps * 0.501).all()
    assert not weights["empty.weight"].any()
    np.testing.assert_array_equal(weights["layer.bias"], draw.normal(size=6).astype(np.float32))
    np.testing.assert_array_equal(weights["words"], dequantised(blocks(5)))
    assert {array.dtype.name for array in weights.values()} == {"float32"}
    assert (plain / "tokenizer.json").read_text(encoding="utf-8") == '{"model": "ż"}'
    assert json.loads((plain / "config.json").read_text(encoding="utf-8"))["names"] == "zażółć"


def test_a_second_start_takes_the_unpacked_folder_as_it_is(packed: Path, tmp_path: Path) -> None:
    first = unpacked(packed, tmp_path / "cache")
    written = (first / "model.safetensors").stat().st_mtime_ns
    assert unpacked(packed, tmp_path / "cache") == first
    assert (first / "model.safetensors").stat().st_mtime_ns == written


def test_a_plain_folder_is_returned_without_a_cache(packed: Path, tmp_path: Path) -> None:
    plain = unpacked(packed, tmp_path / "cache")
    assert unpacked(plain, tmp_path / "nowhere") == plain
    assert not (tmp_path / "nowhere").exists()


@pytest.mark.parametrize("name", FILES)
def test_a_changed_file_is_refused_by_its_name(packed: Path, tmp_path: Path, name: str) -> None:
    content = bytearray((packed / name).read_bytes())
    content[len(content) // 2] ^= 1
    (packed / name).write_bytes(content)
    with pytest.raises(DamagedCheckpointError, match=name):
        unpacked(packed, tmp_path / "cache")
    assert not (tmp_path / "cache").exists()


@pytest.mark.parametrize("name", [*FILES, "manifest.json"])
def test_a_missing_file_is_refused_by_its_name(packed: Path, tmp_path: Path, name: str) -> None:
    (packed / name).unlink()
    with pytest.raises(DamagedCheckpointError, match=name):
        unpacked(packed, tmp_path / "cache")


def test_a_manifest_that_is_no_table_is_refused(packed: Path, tmp_path: Path) -> None:
    (packed / "manifest.json").write_text("7")
    with pytest.raises(DamagedCheckpointError, match=r"manifest\.json"):
        unpacked(packed, tmp_path / "cache")


def test_an_unpacked_folder_cut_short_is_unpacked_again(packed: Path, tmp_path: Path) -> None:
    plain = unpacked(packed, tmp_path / "cache")
    whole = (plain / "model.safetensors").read_bytes()
    (plain / "model.safetensors").write_bytes(whole[: len(whole) // 2])
    assert unpacked(packed, tmp_path / "cache") == plain
    assert (plain / "model.safetensors").read_bytes() == whole
    assert [folder.name for folder in (tmp_path / "cache").iterdir()] == [plain.name]


def test_a_cache_that_cannot_be_written_is_named(packed: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(UnpackingError, match="another cache folder"):
        unpacked(packed, tmp_path / "file" / "cache")


def test_processes_that_race_all_get_the_whole_folder(packed: Path, tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    with multiprocessing.get_context("spawn").Pool(3) as pool:
        found = pool.starmap(unpacked, [(packed, cache)] * 6)
    assert len(set(found)) == 1
    assert load_file(found[0] / "model.safetensors")["words"].shape == (5, 64)
    assert [folder.name for folder in cache.iterdir()] == [found[0].name]


def test_a_second_checkpoint_shares_words_and_tokenizer_and_refuses_others(
    packed: Path, tmp_path: Path
) -> None:
    common = {
        "shared": tmp_path / "shared",
        "tensors": {"layer.bias": np.ones(6, np.float32)},
        "config": {"model_type": "bert"},
        "tokenizer_config": {},
    }
    pack(tmp_path / "small", four_bit={"words": blocks(5)}, tokenizer='{"model": "ż"}', **common)
    plain = unpacked(tmp_path / "small", tmp_path / "cache")
    weights = load_file(plain / "model.safetensors")
    assert set(weights) == {"layer.bias", "words"}
    assert plain != unpacked(packed, tmp_path / "cache")
    with pytest.raises(DamagedCheckpointError, match="another checkpoint"):
        pack(tmp_path / "odd", four_bit={"words": blocks(6)}, tokenizer="{}", **common)
