"""Which engine a page comes from, and by what hints."""

import importlib
import pkgutil
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from inspect import isabstract

from scrapy.http import TextResponse

from models.errors import QuietwordError
from spiders import engines as forums
from spiders import social
from spiders.base import Engine, Evidence

_ENOUGH = 1.0
"""Summed weight from which a page counts as recognised: one strong hint or two agreeing ones."""


class UnknownEngine(QuietwordError):
    """No engine recognises the page: give another page of the forum, or name its engine."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Detection:
    """An engine and why it was taken."""

    engine: Engine
    confidence: float
    """From 0 to 1."""
    evidence: tuple[Evidence, ...]


@cache
def engines() -> dict[str, Engine]:
    """Return every engine by name; ``spiders/engines`` and ``spiders/social`` are the list."""
    found: dict[str, Engine] = {}
    for folder in (forums, social):
        for module in sorted(each.name for each in pkgutil.iter_modules(folder.__path__)):
            home = f"{folder.__name__}.{module}"
            for value in vars(importlib.import_module(home)).values():
                ours = isinstance(value, type) and issubclass(value, Engine)
                if ours and value.__module__ == home and not isabstract(value):
                    found[value.name] = value()
    return found


def claimed(url: str) -> Engine | None:
    """Return the engine that reads ``url`` by its address alone, or ``None``."""
    try:
        return next((engine for engine in engines().values() if engine.claims(url)), None)
    except ValueError:
        return None  # no address at all, which the guard will say


def engine_named(name: str, among: Mapping[str, Engine] | None = None) -> Engine:
    """Return the engine called ``name``; raise ``UnknownEngine`` with the names there are."""
    known = engines() if among is None else among
    try:
        return known[name]
    except KeyError:
        names = ", ".join(sorted(known))
        raise UnknownEngine(f"no engine is called {name!r}; there are {names}") from None


def detect(page: TextResponse) -> Detection | None:
    """Return the engine whose hints on ``page`` weigh most, or ``None`` when none weigh enough.

    Looks at this one page only, headers and cookies included, and fetches nothing. A generic
    engine is taken only where no particular one is recognised, a guess only where no other is.
    """
    best: Detection | None = None
    for engine in sorted(engines().values(), key=lambda each: (each.generic, each.guesses)):
        if best is not None and (engine.guesses or engine.generic > best.engine.generic):
            break
        evidence = tuple(engine.recognise(page))
        weight = sum(hint.weight for hint in evidence)
        if weight >= _ENOUGH and (best is None or weight > _total(best)):
            best = Detection(engine=engine, confidence=min(1.0, weight), evidence=evidence)
    return best


def _total(detection: Detection) -> float:
    return sum(hint.weight for hint in detection.evidence)


def recognised(page: TextResponse, name: str | None = None) -> Detection:
    """Return what ``detect`` finds, or the engine called ``name``, as far as it is recognised.

    Raises ``UnknownEngine`` saying what was looked for, or which names there are.
    """
    if name is not None:
        engine = engine_named(name)
        evidence = tuple(engine.recognise(page))
        weight = min(1.0, sum(hint.weight for hint in evidence))
        return Detection(engine=engine, confidence=weight, evidence=evidence)
    found = detect(page)
    if found is None:
        sought = "; ".join(f"{engine.name}: {engine.marks}" for engine in engines().values())
        raise UnknownEngine(
            f"{page.url} looks like no forum Quietword reads. Looked for {sought}. "
            "Give the address of a board or thread, or name the engine."
        )
    return found
