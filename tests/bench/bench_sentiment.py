"""Posts per second of the scorer against ``transformers.pipeline``, run by hand.

``python tests/bench/bench_sentiment.py [--checkpoint FOLDER] [--posts 200] [--threads 2]``

The texts are those of the behavioural suite, each with a number appended, so that none is judged
twice. The peer has the shape of an xlm-roberta-base sentiment checkpoint (12 layers of 768, random
weights: speed does not depend on them) and gets the scorer's own tokenizer, so both read the same
tokens. "Peak" is what one large fp32 matrix multiplication reaches on the same threads.
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

from sentiment.base import Query
from sentiment.behaviour import read_cases
from sentiment.packing import unpacked
from sentiment.sources import SHIPPED
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


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--checkpoint", type=Path, default=SHIPPED)
    parser.add_argument("--posts", type=int, default=200)
    parser.add_argument("--threads", type=int, default=2)
    chosen = parser.parse_args()
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    torch.set_num_threads(chosen.threads)

    texts = [
        f"{case.text} {number}"
        for number, case in enumerate(islice(cycle(read_cases()), chosen.posts))
    ]
    before = resident_mb()
    scorer = TransformerScorer(chosen.checkpoint, threads=chosen.threads)
    queries = [Query(text, language="pl") for text in texts]
    scorer.score(queries[:32])
    after = resident_mb()
    ours = seconds(lambda: scorer.score(queries))
    peak = peak_flops()

    folder = unpacked(chosen.checkpoint)
    tokenizer = AutoTokenizer.from_pretrained(folder)
    lengths = [len(ids) for ids in tokenizer(texts)["input_ids"]]
    config = scorer._model.config
    share = flops(config, lengths) / ours / peak
    say(
        f"{len(texts)} posts, {sum(lengths) / len(texts):.1f} tokens each, {chosen.threads} threads"
    )
    say(f"peak of the matrix multiplication: {peak / 1e9:.0f} GFLOP/s")
    say(f"resident: {before:.0f} MB before, {after:.0f} MB with {scorer.checkpoint}")
    say(f"scorer: {len(texts) / ours:.1f} posts/s, {share:.0%} of the peak")

    with tempfile.TemporaryDirectory() as place:
        peer_config = XLMRobertaConfig(
            vocab_size=len(tokenizer),
            num_labels=3,
            max_position_embeddings=514,
            pad_token_id=tokenizer.pad_token_id,
        )
        XLMRobertaForSequenceClassification(peer_config).save_pretrained(place)
        tokenizer.save_pretrained(place)
        peer = pipeline("text-classification", model=place, tokenizer=tokenizer)
        few = texts[: max(32, chosen.posts // 4)]
        for batch in (1, 32):
            theirs = seconds(lambda size=batch: peer(few, batch_size=size), times=1)
            say(
                f"pipeline, batch {batch}: {len(few) / theirs:.1f} posts/s;"
                f" scorer {len(texts) / ours / (len(few) / theirs):.1f} times as fast"
            )


if __name__ == "__main__":
    main()
