"""Posts per second of both checkpoints and every backend against ``transformers.pipeline``.

``python tests/bench/bench_sentiment.py [--posts 240] [--threads 2]``, run by hand.

The texts are those of the behavioural suite, each with a number appended, so that none is judged
twice. The peer has the shape of an xlm-roberta-base sentiment checkpoint (12 layers of 768, random
weights: speed does not depend on them) and gets the scorer's own tokenizer, so both read the same
tokens. The two figures of "times as fast" are against its batches of 1 and of 32. "Peak" is what
one large fp32 matrix multiplication reaches on the same threads.
"""

import argparse
import resource
import sys
import tempfile
import time
from collections.abc import Callable
from itertools import cycle, islice
from pathlib import Path

import torch
from transformers import (
    AutoTokenizer,
    XLMRobertaConfig,
    XLMRobertaForSequenceClassification,
    pipeline,
)
from transformers.utils import logging

sys.path.insert(0, str(Path(__file__).parents[2]))

from sentiment.backends import available
from sentiment.base import Query
from sentiment.behaviour import read_cases
from sentiment.packing import unpacked
from sentiment.sources import FAST, SHIPPED
from sentiment.transformer import TransformerScorer


def say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def seconds(work: Callable[[], object], times: int = 3) -> float:
    """The best of ``times`` runs: what the machine can do when nothing else runs."""
    taken = []
    for _ in range(times):
        begun = time.perf_counter()
        work()
        taken.append(time.perf_counter() - begun)
    return min(taken)


def resident_mb() -> float:
    pages = int(Path("/proc/self/statm").read_text("ascii").split()[1])
    return pages * resource.getpagesize() / 1e6


def peak_flops() -> float:
    a, b = torch.rand(2048, 2048), torch.rand(2048, 2048)
    return 2 * 2048**3 / seconds(lambda: a @ b, times=5)


def flops(config: object, lengths: list[int]) -> float:
    """Multiplications and additions in the matrices of one pass over texts of ``lengths``."""
    hidden, layers = config.hidden_size, config.num_hidden_layers  # type: ignore[attr-defined]
    inner = config.intermediate_size  # type: ignore[attr-defined]
    dense = 2 * (4 * hidden * hidden + 2 * hidden * inner)
    return float(layers * sum(n * dense + 4 * n * n * hidden for n in lengths))


def peers(texts: list[str], folder: Path, threads: int) -> dict[int, float]:
    """Posts per second of ``pipeline`` on a model of the peer's shape, by batch size."""
    torch.set_num_threads(threads)
    tokenizer = AutoTokenizer.from_pretrained(folder)
    with tempfile.TemporaryDirectory() as place:
        config = XLMRobertaConfig(
            vocab_size=len(tokenizer),
            num_labels=3,
            max_position_embeddings=514,
            pad_token_id=tokenizer.pad_token_id,
        )
        XLMRobertaForSequenceClassification(config).save_pretrained(place)
        tokenizer.save_pretrained(place)
        peer = pipeline("text-classification", model=place, tokenizer=tokenizer)
        return {
            batch: len(texts) / seconds(lambda size=batch: peer(texts, batch_size=size), times=2)
            for batch in (1, 32)
        }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--posts", type=int, default=240)
    parser.add_argument("--threads", type=int, default=2)
    chosen = parser.parse_args()
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    texts = [
        f"{case.text} {number}"
        for number, case in enumerate(islice(cycle(read_cases()), chosen.posts))
    ]
    folder = unpacked(SHIPPED)
    tokenizer = AutoTokenizer.from_pretrained(folder)
    lengths = [len(ids) for ids in tokenizer(texts)["input_ids"]]
    mean = sum(lengths) / len(texts)
    say(f"{len(texts)} posts, {mean:.1f} tokens each, {chosen.threads} threads")
    theirs = peers(texts[: max(32, chosen.posts // 4)], folder, chosen.threads)
    for batch, speed in theirs.items():
        say(f"pipeline, shape of xlm-roberta-base, batch {batch}: {speed:.1f} posts/s")
    torch.set_num_threads(chosen.threads)
    peak = peak_flops()
    say(f"peak of an fp32 matrix multiplication: {peak / 1e9:.0f} GFLOP/s")
    queries = [Query(text, language="pl") for text in texts]
    for place in (SHIPPED, FAST):
        for backend in available():
            before = resident_mb()
            scorer = TransformerScorer(place, threads=chosen.threads, backend=backend)
            scorer.score(queries[:32])
            held = resident_mb() - before
            ours = len(texts) / seconds(lambda judge=scorer: judge.score(queries))
            share = flops(scorer._model.config, lengths) * ours / len(texts) / peak
            say(
                f"{place.name} {backend}: {ours:.0f} posts/s;"
                f" {ours / theirs[1]:.1f} and {ours / theirs[32]:.1f} times as fast;"
                f" {share:.0%} of the fp32 peak; {held:+.0f} MB resident"
            )
            del scorer


if __name__ == "__main__":
    main()
