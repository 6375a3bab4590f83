"""Posts to measure speed on: made up, so that nothing of a customer's is needed for it."""

import random


def sample_texts(count: int = 192, seed: int = 1) -> list[str]:
    """Return ``count`` posts in Polish, Russian, English and others, of one to some ten sentences.

    The same for the same arguments. Lengths fall as in forums: many short posts, few long ones.
    """
    from sentiment.training.composed import composed

    draw = random.Random(seed)  # noqa: S311  # no secret
    return [
        " ".join(composed(draw).text for _ in range(min(10, 1 + int(draw.expovariate(0.8)))))
        for _ in range(count)
    ]
