"""Cut the vocabulary of a Unigram tokenizer down to the pieces our languages use.

A piece that is dropped cannot change how a text is cut whose pieces all stay, so the kept
pieces are chosen by how often they are used: in the training texts, and in the frequent words
of each language (package ``wordfreq``), as written and with the capitals forum writers use.
"""

import json
import unicodedata
from collections import Counter
from collections.abc import Iterable, Iterator

import numpy as np
from tokenizers import Tokenizer

from sentiment.training.base import Base

LANGUAGES = ("pl", "ru", "en", "uk", "de", "cs", "es", "fr", "it", "pt")
PIECES = 80_000
WORDS_PER_LANGUAGE = 100_000
SPECIAL = 4  # <s> <pad> </s> <unk> keep the ids 0-3; <mask> stays last
SCRIPTS = ("LATIN", "CYRILLIC", "GREEK")
BATCH = 2_000


def wanted_character(character: str) -> bool:
    """Say whether a single character stays: our scripts, digits, punctuation, signs, emoji."""
    kind = unicodedata.category(character)
    if kind[0] in "LM":
        name = unicodedata.name(character, "")
        return name.startswith(SCRIPTS) or (kind[0] == "M" and name.startswith("COMBINING"))
    return kind[0] in "NPSZ" or kind == "Cf"


def word_lines(languages: Iterable[str] = LANGUAGES) -> Iterator[tuple[str, float]]:
    """Yield frequent words in the shapes they take in posts, with a weight per million words."""
    from wordfreq import top_n_list, word_frequency  # type: ignore[import-not-found,import-untyped,unused-ignore]  # extra

    for language in languages:
        for word in top_n_list(language, WORDS_PER_LANGUAGE):
            per_million = word_frequency(word, language) * 1e6
            yield word, per_million
            yield word.title(), per_million * 0.3
            yield word.upper(), per_million * 0.05
            yield f"#{word}", per_million * 0.01


def piece_counts(tokenizer: Tokenizer, lines: Iterable[tuple[str, float]]) -> Counter[int]:
    """Return how often each piece id is used in weighted texts."""
    counts: Counter[int] = Counter()
    batch: list[str] = []
    weights: list[float] = []

    def flush() -> None:
        found = tokenizer.encode_batch_fast(batch, add_special_tokens=False)
        for encoding, weight in zip(found, weights, strict=True):
            for piece in encoding.ids:
                counts[piece] += weight  # type: ignore[assignment]  # weights are floats
        batch.clear()
        weights.clear()

    for text, weight in lines:
        batch.append(text)
        weights.append(weight)
        if len(batch) == BATCH:
            flush()
    flush()
    return counts


def kept_ids(tokenizer_json: str, counts: Counter[int], size: int = PIECES) -> list[int]:
    """Return the ids to keep, ascending: special pieces, wanted characters, then by count."""
    vocabulary = json.loads(tokenizer_json)["model"]["vocab"]
    keep = {*range(SPECIAL), len(vocabulary) - 1}
    for index, (piece, _) in enumerate(vocabulary):
        bare = piece.removeprefix("▁") if len(piece) > 1 else piece
        if len(bare) == 1 and wanted_character(bare):
            keep.add(index)
    for index, _ in counts.most_common():
        if len(keep) >= size:
            break
        keep.add(index)
    return sorted(keep)


def cut_tokenizer(tokenizer_json: str, keep: list[int]) -> str:
    """Return the ``tokenizer.json`` text with only the pieces of ``keep``, renumbered."""
    described = json.loads(tokenizer_json)
    pieces = described["model"]["vocab"]
    described["model"]["vocab"] = [pieces[index] for index in keep]
    new_id = {old: new for new, old in enumerate(keep)}
    for token in described["added_tokens"]:
        token["id"] = new_id[token["id"]]
    return json.dumps(described, ensure_ascii=False, separators=(",", ":"))


def pruned(base: Base, lines: Iterable[tuple[str, float]], size: int = PIECES) -> Base:
    """Return ``base`` with at most ``size`` pieces, chosen by their use in ``lines``."""
    counts = piece_counts(Tokenizer.from_str(base.tokenizer), lines)
    keep = kept_ids(base.tokenizer, counts, size)
    return Base(
        config={**base.config, "vocab_size": len(keep)},
        tensors=base.tensors,
        words=np.ascontiguousarray(base.words[keep]),
        tokenizer=cut_tokenizer(base.tokenizer, keep),
    )
