"""What to look for on behalf of a brand, every way it is spelled, and advice before it is saved."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import takewhile

from models.errors import QuietwordError
from monitor.folding import fold
from monitor.inflection import forms

CONTEXT_WORDS = 12
"""A context word counts when at most this many words lie between it and the mention."""

MAX_NAME_LENGTH = 200
"""Longest name, alias, exclusion or context word, in characters; nobody writes a longer brand."""

_MAX_JOINTS = 3
"""Inner capitals and digits of a name where a hyphen is tried."""

_SEPARATORS = re.compile(r"[ -]+")
_CAMEL = re.compile(r"(?<=[a-zа-яё])(?=[A-ZА-ЯЁ])")
_POSSESSIVE = re.compile(r"[a-z]{4}[a-rt-z]$")
_BEFORE_DIGIT = re.compile(r"(?<=[^\W\d_]{3})(?=\d)")
_COMMON_TEXT = """
about active air alert all amazon ant apple ask bank base best bet beyond bill bird bolt boost box
bright buffer can cash chase circle city clear close cloud discover dash direct dove drift edge
era express fair fast first flow focus free friend front future gap giant go gold good grab green
group here home hope indeed iron jet key kind light like lime line link live local loop love magic
mail make map mark match meet mint mobile monday money moon more move net new next nice note
notion now oath one open orange own page pay people phone pick pilot plan play plus point post
prime pulse quick rain ray ready red ring rise root rush safe save say sharp shell shift signal
simple sky slack smart snap some spark split sprint square stage star start stay steam store
stream stripe subway sun swift talk target team tide time top touch track travel true trust twist
uber union unit up vanguard view virgin visa vision wave way web well wise wish word work world
you your zero zoom blik dobra dobry dom dzień era fala gaz góra idea jutro klucz kolej kosmos
kropka lato link lot lotos magia mapa metro most motor nowa nowy plac plus poczta pole polska
polski port prąd punkt rabat radio real ruch sfera sklep skok smyk sport start strefa świat tani
teraz tempo topaz tor twoja twój woda wózek zakupy zdrowie złoto żabka банк билет быстро вектор
весна время всё вкус город даром дело день диксон для дом доставка ещё заря звезда игра идея
карусель кит ключ конь круг лента линия лист лучший магнит маяк мегафон мегаполис мечта мир море
мост народный небо новый озон окна ока перекрёсток победа полёт почта почти пятёрочка рассвет
ростов рубин самокат свет свой связь сеть скорость слово соль спорт старт столица точка удача
успех цель час юла яблоко
"""
_COMMON_WORDS = frozenset(fold(word).lower for word in _COMMON_TEXT.split())


class MentionRuleError(QuietwordError):
    """A brand rule that could never match, or would match everything."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Alias:
    """One more spelling of a brand; `inflect` adds its Polish and Russian endings."""

    text: str
    case_sensitive: bool = False
    inflect: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class BrandRule:
    """What to look for on behalf of one brand.

    The name itself is looked for with the defaults of `Alias`, unless an alias with the same text
    says otherwise. A mention is void when an exclusion overlaps it, and when `context` is given but
    none of its words stands within `CONTEXT_WORDS` words of the mention or in the thread's title.
    Exclusions and context words are declined like names, and never case-sensitive.
    """

    brand_id: int
    name: str
    aliases: tuple[Alias, ...] = ()
    exclusions: tuple[str, ...] = ()
    context: tuple[str, ...] = ()

    def spellings(self) -> tuple[Alias, ...]:
        """Return the aliases, led by the name unless one of them already is the name."""
        if any(alias.text == self.name for alias in self.aliases):
            return self.aliases
        return (Alias(text=self.name), *self.aliases)


def spelled_out(
    alias: Alias, brand: str, *, of_name: bool
) -> Iterator[tuple[str, tuple[bool | None, ...] | None]]:
    """Yield every folded spelling of an alias, with the capitals that it must show.

    Spaces and hyphens in it are interchangeable and may be missing. `of_name` is False for
    exclusions and context words, which are looked for in their own alphabet only. Raises
    `MentionRuleError`, naming the `brand`, for a text that nothing could match.
    """
    text = alias.text.strip()
    name = fold(text)
    if not any(char.isalnum() for char in name.lower) or len(text) > MAX_NAME_LENGTH:
        raise MentionRuleError(
            f"Brand {brand!r}: {alias.text!r} cannot be searched for; use 1 to {MAX_NAME_LENGTH}"
            " characters, at least one of them a letter or a digit."
        )
    plain = all(char.isalnum() or char in " '-" for char in name.lower)
    joints = [*_CAMEL.finditer(name.cased), *_BEFORE_DIGIT.finditer(name.cased)] if of_name else []
    spelled = forms(text, inflect=alias.inflect, other_alphabet=of_name and plain)
    if of_name and alias.inflect and _POSSESSIVE.search(name.lower):
        # "Nordvias app" for "Nordvia's"; of a common word it would be the plural or the verb.
        spelled |= {text.lower() + "s"} if name.lower not in _COMMON_WORDS else set()
    for form in {fold(form).lower for form in spelled}:
        keys = {_SEPARATORS.sub(separator, form) for separator in ("", " ", "-")} | {form}
        keys |= {key.replace("&", " & ") for key in keys}
        for joint in joints[:_MAX_JOINTS]:
            place = joint.start()
            if form[:place] == name.lower[:place]:
                keys.add(f"{form[:place]}-{form[place:]}")
                if name.cased[place].isdigit():
                    keys.add(f"{form[:place]} {form[place:]}")
        for key in keys:
            yield key, _capitals(name.cased, key) if alias.case_sensitive else None


def _capitals(cased: str, key: str) -> tuple[bool | None, ...]:
    """Return which letters of `key` must be capitals, None where either will do (the ending).

    In the other alphabet only the first letter is bound, and the rest if the name is all capitals
    or has no other capital.
    """
    name = [char for char in cased if char.isalnum()]
    spelled = [char for char in key if char.isalnum()]
    rest = True if cased.isupper() else None if any(map(str.isupper, name[1:])) else False
    mask: list[bool | None]
    if name[0].isascii() == spelled[0].isascii():
        same = len(
            [*takewhile(lambda pair: pair[0].lower() == pair[1], zip(name, spelled, strict=False))]
        )
        mask = [char.isupper() if char.isalpha() else None for char in name[:same]]
        mask += [None] * (len(spelled) - same)
    else:
        mask = [name[0].isupper(), *[rest] * (len(spelled) - 1)]
    letters = iter(mask)
    return tuple(next(letters) if char.isalnum() else None for char in key)


def warnings(rule: BrandRule) -> list[str]:
    """Return advice in plain words, one sentence or two for each doubtful point."""
    return [
        *(advice for alias in rule.spellings() for advice in _alias_warnings(alias, rule)),
        *_exclusion_warnings(rule),
        *_repeat_warnings(rule),
    ]


def _alias_warnings(alias: Alias, rule: BrandRule) -> Iterator[str]:
    """Advise on one spelling by itself."""
    text = alias.text.strip()
    folded = fold(text).lower
    bound = rule.context or (alias.case_sensitive and text != text.lower())
    if folded in _COMMON_WORDS and not bound:
        cure = "" if text == text.lower() else " or make it case sensitive"
        yield f"'{text}' is also a common word: add context words{cure}."
    elif folded in _COMMON_WORDS and not rule.context:
        yield (
            f"'{text}' is also a common word, and sentences begin with it:"
            " context words or exclusions would keep those out."
        )
    elif not bound and alias.inflect:
        clash = sorted(
            form
            for form in forms(text, other_alphabet=False)
            if form != text.lower() and fold(form).lower in _COMMON_WORDS
        )
        if clash:
            yield (
                f"A declined form of '{text}' is a common word ({', '.join(clash)}):"
                " add context words or turn its inflection off."
            )
    letters = sum(char.isalpha() for char in text)
    if letters < 3 and not rule.context:
        yield (
            f"'{text}' is short and will be found by chance:"
            f" add context words, looked for within {CONTEXT_WORDS} words of it."
        )
    if letters < 3 and alias.inflect and text.isalnum():
        yield (
            f"'{text}' has fewer than three letters, so its declined and respelled forms are not"
            " looked for: add the ones people use as aliases."
        )
    if alias.case_sensitive and text == text.lower() and letters:
        yield (
            f"'{text}' is case sensitive in small letters:"
            " it will be missed at the start of a sentence and in capitals."
        )


def _exclusion_warnings(rule: BrandRule) -> Iterator[str]:
    """Advise on exclusions that can void nothing, or that void everything."""
    stems = [fold(alias.text).lower.replace(" ", "") for alias in rule.spellings()]
    for phrase in rule.exclusions:
        bare = fold(phrase).lower.replace(" ", "")
        if bare in stems:
            yield f"The exclusion '{phrase}' is the brand itself: it voids every mention of it."
        elif not any(stem[: max(3, len(stem) - 2)] in bare for stem in stems):
            yield (
                f"The exclusion '{phrase}' does not contain the brand, so it never overlaps a"
                " mention: write the whole phrase with the name in it."
            )


def _repeat_warnings(rule: BrandRule) -> Iterator[str]:
    """Advise on aliases that find nothing more than another one does."""
    seen: dict[str, str] = {}
    for alias in rule.spellings():
        folded = fold(alias.text).lower
        if folded in seen:
            yield f"'{alias.text}' finds the same texts as '{seen[folded]}': one of them is enough."
        else:
            seen[folded] = alias.text
