"""Verdicts by a transformers sequence classifier on this machine."""

import logging
import math
import re
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sentiment.backends import (
    BFLOAT16,
    INT8,
    NAMES,
    ONNX,
    TORCH,
    Backend,
    OnnxBackend,
    Speed,
    TorchBackend,
    available,
    measured,
    remember,
    remembered,
)
from sentiment.base import Opinion, Polarity, Query, ScoringError
from sentiment.card import Card, polarities
from sentiment.language import identify
from sentiment.prepare import marked, prepared
from sentiment.sources import CACHE, SHIPPED, cores, load
from sentiment.windows import Cutter, Probabilities, Window, combined

if TYPE_CHECKING:
    from sentiment.backends import Inputs

logger = logging.getLogger(__name__)

AT_A_TIME = 1024
"""Queries cut and sorted together: enough for batches of like length, little to hold in memory."""
LEAST_ROOM = 8
"""Tokens of text a window must have beside the brand's name."""

Piece = tuple[str | None, str]  # the target the checkpoint is shown, the text of a window


@dataclass(frozen=True, slots=True)
class Reading:
    """How one query is read: its windows and, for each, the piece that is judged."""

    windows: tuple[Window, ...]
    pieces: tuple[Piece, ...]
    truncated: bool


class TransformerScorer:
    """Judges posts with a checkpoint held in memory. Not for two threads at once.

    ``source``: the shipped checkpoint (default), a folder, or a hub id (see ``sources.load``).
    ``device``: as torch names it, ``cpu`` or ``cuda:0``. ``threads``: batches computed side by
    side, by default one per processor this process may use. ``batch_tokens``: padded tokens per
    batch. ``cache``: where a packed checkpoint is unpacked and exported to. ``backend``: one of
    ``backends.NAMES``; by default the one that ``choose_backend`` found the quickest here.
    Each batch runs on one thread, torch's own number being set to 1 for the whole process: on a
    busy machine two threads per batch wait for each other (measured 2026-11-22, 2 cores, load 7,
    posts of 30 tokens: 9-12 posts per CPU second; one thread per batch, two side by side: 19).
    Raises ``ScoringError`` when the checkpoint cannot be used.
    """

    def __init__(
        self,
        source: str | Path = SHIPPED,
        *,
        device: str = "cpu",
        threads: int | None = None,
        batch_tokens: int = 1024,
        cache: Path | None = None,
        backend: str | None = None,
    ) -> None:
        if backend is not None and backend not in NAMES:
            raise ScoringError(f"there is no backend {backend!r}; there are {', '.join(NAMES)}")
        loaded = load(source, cache)
        config = loaded.model.config
        self._polarities = polarities(config.id2label, loaded.name)
        self._card = Card.read(getattr(config, "quietword", None), loaded.name)
        self._name = loaded.name
        self._tokenizer = loaded.tokenizer.backend_tokenizer
        self._tokenizer.no_truncation()
        self._tokenizer.no_padding()
        self._pad = loaded.tokenizer.pad_token_id or 0
        self._inputs = [
            name
            for name in ("input_ids", "attention_mask", "token_type_ids")
            if name in loaded.tokenizer.model_input_names
        ]
        self._limit = min(self._card.max_tokens, _positions(config))
        self._batch_tokens = batch_tokens
        self._threads = 1 if device != "cpu" else threads or cores()
        self._model = loaded.model
        self._device = device
        self._cache = cache or CACHE
        self._key = re.sub(r"[^\w.@-]+", "_", self._name)
        quick = remembered(self._cache, self._key) if device == "cpu" else TORCH
        self._backend = self._made(backend or quick)

    @property
    def checkpoint(self) -> str:
        """Name and content hash, ``default@0123456789ab``; with int8 arithmetic ``...+int8``."""
        return self._name + ("+int8" if self._backend.name == INT8 else "")

    @property
    def backend(self) -> str:
        """What computes the verdicts, one of ``backends.NAMES``."""
        return self._backend.name

    def _made(self, name: str) -> Backend:
        if name in (ONNX, INT8):
            return OnnxBackend(self._model, self._inputs, self._cache, self._key, int8=name == INT8)
        return TorchBackend(self._model, self._device, half=name == BFLOAT16)

    def choose_backend(self, texts: Sequence[str]) -> list[Speed]:
        """Measure every backend there is on ``texts`` and use the quickest from now on.

        The choice is stored beside the unpacked checkpoint; later scorers on this machine take
        it. Takes some seconds, with ONNX Runtime about a minute for the export. The first of the
        list is ``torch``; ``backend`` says which was taken.
        """
        encoded = sorted(
            (self._tokenizer.encode(text) for text in texts), key=lambda one: len(one.ids)
        )
        batches = [self._padded(encoded[at : at + 16]) for at in range(0, len(encoded), 16)]
        made = [self._made(name) for name in (available() if self._device == "cpu" else [TORCH])]
        speeds = measured(made, batches)
        chosen = remember(self._cache, self._key, speeds)
        self._backend = next(backend for backend in made if backend.name == chosen)
        return speeds

    def negative_threshold(self, language: str, precision: float) -> float:
        """Return the least ``Opinion.negative`` at which ``precision`` of the flagged are right.

        As measured for the checkpoint where its config says so (see ``Card.threshold_for``).
        """
        return self._card.threshold_for(language, precision)

    def score(
        self, queries: Sequence[Query], progress: Callable[[int], None] | None = None
    ) -> list[Opinion]:
        """Return one ``Opinion`` per query, in the order given; no queries give [].

        A text over the checkpoint's limit is judged in windows (``sentiment.windows``), at most
        16 of them, mentions first; ``truncated`` then says that some of it was not read. The same
        text about the same brand is judged once per call. A blank text is neutral, from 0 windows.
        ``progress`` is called after each batch with the number of queries judged so far.
        Raises ``ScoringError`` when a brand's name leaves no room for text.
        """
        known: dict[Piece, list[float]] = {}
        opinions: list[Opinion] = []
        for first in range(0, len(queries), AT_A_TIME):
            some = queries[first : first + AT_A_TIME]
            readings = [self._read(query) for query in some]
            pieces = dict.fromkeys(piece for reading in readings for piece in reading.pieces)
            for batch in self._batches([piece for piece in pieces if piece not in known]):
                known.update(batch)
                if progress:
                    judged = sum(all(p in known for p in reading.pieces) for reading in readings)
                    progress(len(opinions) + judged)
            opinions += [
                self._opinion(query, reading, known)
                for query, reading in zip(some, readings, strict=True)
            ]
            if progress:
                progress(len(opinions))
        cut = sum(opinion.truncated for opinion in opinions)
        if cut:
            logger.warning("%d of %d posts were too long to be read in full", cut, len(queries))
        return opinions

    def _read(self, query: Query) -> Reading:
        """Return what of ``query`` is judged."""
        text, spans = prepared(query.text, query.spans)
        if not text.strip():
            return Reading((), (), truncated=False)
        target = query.target if self._card.targeted else None
        if target is not None and self._card.marked:
            text, spans = marked(text, spans)
        length = len(self._ids((target, text)))
        whole = Window(start=0, end=len(text), whole=True, mention=bool(spans))
        if length <= self._limit and not spans:
            return Reading((whole,), ((target, text),), truncated=False)
        offsets = self._tokenizer.encode(text, add_special_tokens=False).offsets
        room = self._limit - (length - len(offsets))
        while room >= LEAST_ROOM:
            windows, missing = Cutter(text, offsets, room).windows(spans)
            pieces = [(target, text[window.start : window.end]) for window in windows]
            # A piece may take a token or two more than it took inside the text.
            excess = max(len(self._ids(piece)) for piece in pieces) - self._limit
            if excess <= 0:
                return Reading(tuple(windows), tuple(pieces), truncated=missing)
            room -= excess
        raise ScoringError(
            f"the brand's name {query.target!r:.60} leaves no room for text in the {self._limit}"
            f" tokens of checkpoint {self._name}; give a shorter name"
        )

    def _ids(self, piece: Piece) -> list[int]:
        target, text = piece
        pair = (text,) if target is None else (target, text)
        return list(self._tokenizer.encode(*pair).ids)

    def _batches(self, pieces: Sequence[Piece]) -> Iterator[dict[Piece, list[float]]]:
        """Yield the logits of ``pieces``, batch by batch, longest first so memory peaks at once."""
        encoded = [
            self._tokenizer.encode(*((text,) if target is None else (target, text)))
            for target, text in pieces
        ]
        order = sorted(range(len(pieces)), key=lambda i: -len(encoded[i].ids))
        share = sum(len(one.ids) for one in encoded) // self._threads + 1
        batches = []
        while order:
            size = max(1, min(self._batch_tokens, share) // max(1, len(encoded[order[0]].ids)))
            batches.append(order[:size])
            order = order[size:]
        with ThreadPoolExecutor(self._threads) as pool:
            results = pool.map(lambda batch: self._logits([encoded[i] for i in batch]), batches)
            for batch, logits in zip(batches, results, strict=True):
                yield {pieces[i]: row for i, row in zip(batch, logits, strict=True)}

    def _logits(self, encoded: Sequence[Any]) -> list[list[float]]:
        """Return the checkpoint's raw outputs, one row per encoding."""
        rows: list[list[float]] = self._backend.logits(self._padded(encoded)).tolist()
        return rows

    def _padded(self, encoded: Sequence[Any]) -> "Inputs":
        """Return the checkpoint's inputs for a batch, each (n, longest)."""
        import numpy as np

        shape = (len(encoded), max(len(one.ids) for one in encoded))
        filled = {
            "input_ids": np.full(shape, self._pad),
            "attention_mask": np.zeros(shape, np.int64),
            "token_type_ids": np.zeros(shape, np.int64),
        }
        for place, one in enumerate(encoded):
            length = len(one.ids)
            filled["input_ids"][place, :length] = one.ids
            filled["attention_mask"][place, :length] = one.attention_mask
            filled["token_type_ids"][place, :length] = one.type_ids
        return {name: filled[name] for name in self._inputs}

    def _opinion(self, query: Query, reading: Reading, known: dict[Piece, list[float]]) -> Opinion:
        language = query.language or identify(query.text)
        verdict = (0.0, 1.0, 0.0)
        if reading.pieces:
            temperature = self._card.temperature_for(language)
            verdicts = [self._verdict(known[piece], temperature) for piece in reading.pieces]
            verdict = combined(reading.windows, verdicts)
        best = max(range(3), key=lambda i: verdict[i])
        return Opinion(
            polarity=list(Polarity)[best],
            negative=verdict[0],
            neutral=verdict[1],
            positive=verdict[2],
            language=language,
            windows=len(reading.pieces),
            truncated=reading.truncated,
            target=query.target,
        )

    def _verdict(self, logits: Sequence[float], temperature: float) -> Probabilities:
        """Return softmax(logits / temperature), summed by polarity."""
        highest = max(logits)
        weights = [math.exp((logit - highest) / temperature) for logit in logits]
        negative, neutral, positive = (
            sum(w for w, p in zip(weights, self._polarities, strict=True) if p is polarity)
            / sum(weights)
            for polarity in Polarity
        )
        return negative, neutral, positive


def _positions(config: Any) -> int:
    """Return how many tokens the checkpoint has positions for; without a limit, a great many."""
    positions = getattr(config, "max_position_embeddings", None) or 1_000_000
    if "roberta" in config.model_type or config.model_type in ("camembert", "mpnet", "xmod"):
        return int(positions) - (config.pad_token_id or 0) - 1  # their positions begin after pad
    return int(positions)
