"""Measure the brand matcher by hand: `python tests/bench/bench_mentions.py`.

Reports how long compiling takes for 1, 100 and 1,000 brands, and how long one post of ordinary and
of the greatest length takes.
"""

import resource
import sys
import time
from itertools import product
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))

from monitor.mentions import BrandRule, Matcher

SYLLABLES = ("Nor", "Vel", "Tam", "Kor", "Zen", "Mar", "Lud", "Pol", "Sig", "Dra")
ENDINGS = ("dvia", "bank", "ka", "tel", "post", "go", "net", "line", "ron", "mobile")
POST = (
    "Od wczoraj w Nordvii nie ma zasięgu, a konsultant znowu odsyła do formularza. "
    "С утра в Нордвии нет связи, поддержка молчит. I have been with Nordvia for ten years. "
)
LONG = 200_000


def names(count: int) -> list[str]:
    """Return that many fictitious names, Nordvia first."""
    made = ("".join((a, b.lower(), c)) for a, b, c in product(SYLLABLES, SYLLABLES, ENDINGS))
    return ["Nordvia", *made][:count]


def seconds(matcher: Matcher, text: str, times: int) -> float:
    """Return the processor time of the fastest of some searches."""
    best = float("inf")
    for _ in range(times):
        started = time.process_time()
        matcher.find(text)
        best = min(best, time.process_time() - started)
    return best


def main() -> None:
    """Print one line for each number of brands."""
    long = (POST * (LONG // len(POST) + 1))[:LONG]
    short = POST * 3
    plain = "nothing of note happens here, " * (LONG // 30)
    for count in (1, 100, 1000):
        rules = [BrandRule(brand_id=i, name=name) for i, name in enumerate(names(count), 1)]
        started = time.process_time()
        matcher = Matcher(rules)
        built = time.process_time() - started
        memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
        spent = [seconds(matcher, short, 50), seconds(matcher, long, 5), seconds(matcher, plain, 5)]
        sys.stdout.write(
            f"{count:5} brands: compiled {built:.2f} s, {memory} MiB in all;"
            f" post of {len(short)}: {spent[0] * 1000:.2f} ms;"
            f" post of {LONG}: {spent[1] * 1000:.0f} ms with {len(matcher.find(long))} mentions,"
            f" {spent[2] * 1000:.0f} ms without any\n"
        )


if __name__ == "__main__":
    main()
