"""Spell a brand name the ways people write it: declined in Polish and Russian, in either alphabet.

The endings follow from the shape of the name, so a new brand needs no dictionary. Forms come back
in lower case; diacritics may be lost, since the matcher folds them away. What letters cannot tell
(«Плей» for "Play", "Beeline" for «Билайн») must be given as an alias.
"""

import itertools
import re
import unicodedata
from collections.abc import Iterator

Paradigm = dict[str, set[str]]
"""Case letter (N G D A I L V, P for all plurals) to the forms of one word in that case."""

MAX_RESPELLINGS = 12
"""Spellings tried in the other alphabet; each is declined in turn, so this bounds the automaton."""

_PL_VOWELS = "aeiouyąęó"
_PL_NO_SOFTENING = ("sz", "cz", "rz", "dz", "dż", "ż", "c", "l", "j", "y", "ch", "h", "k", "g")
_PL_SOFT = {"ń": "ni", "ś": "si", "ć": "ci", "ź": "zi"}
_PL_LOCATIVE = (
    ("ch", "sze"),
    ("k", "ce"),
    ("g", "dze"),
    ("t", "cie"),
    ("d", "dzie"),
    ("r", "rze"),
    ("ł", "le"),
    ("x", "ksie"),
)
_RU_HUSHING = "жчшщ"
_RU_VELAR = "гкх"
_RU_CONSONANTS = "бвгджзклмнпрстфхцчшщ"

_TO_CYRILLIC: dict[str, tuple[str, ...]] = {
    "shch": ("щ",), "sch": ("ш",), "sz": ("ш",), "sh": ("ш",), "cz": ("ч",), "ch": ("ч", "х"),
    "zh": ("ж",), "rz": ("рз", "ж"), "kh": ("х",), "ts": ("ц",), "tz": ("ц",), "ck": ("к",),
    "ph": ("ф",), "th": ("т",), "qu": ("кв",), "oo": ("у", "оо"), "ee": ("и", "ее"),
    "iya": ("ия",), "ija": ("ия",), "ia": ("ия", "иа"), "ie": ("ие", "е"), "io": ("ио", "ё"),
    "ya": ("я",), "ja": ("я", "джа"), "yu": ("ю",), "ju": ("ю",), "yo": ("ё",), "jo": ("ё", "джо"),
    "a": ("а",), "b": ("б",), "c": ("к", "ц"), "d": ("д",), "e": ("е", "э"), "f": ("ф",),
    "g": ("г",), "h": ("х", "г"), "i": ("и",), "j": ("й", "дж"), "k": ("к",), "l": ("л",),
    "m": ("м",), "n": ("н",), "o": ("о",), "p": ("п",), "q": ("к",), "r": ("р",), "s": ("с",),
    "t": ("т",), "u": ("у",), "v": ("в",), "w": ("в",), "x": ("кс",), "y": ("и", "ы"),
    "z": ("з",), "ż": ("ж",), "ó": ("у", "о"), "ł": ("л",), "ń": ("нь", "н"), "ś": ("сь", "с"),
    "ć": ("ць", "ч"), "ź": ("зь", "з"), "ą": ("он", "ом"), "ę": ("ен", "е"),
}  # fmt: skip
_TO_LATIN: dict[str, tuple[str, ...]] = {
    "ия": ("ia", "iya", "ija"), "ий": ("iy", "ij", "y"), "кс": ("ks", "x"),
    "а": ("a",), "б": ("b",), "в": ("v", "w"), "г": ("g",), "д": ("d",), "е": ("e",),
    "ё": ("e", "yo"), "ж": ("zh", "z"), "з": ("z",), "и": ("i",), "й": ("y", "j", "i"),
    "к": ("k",), "л": ("l",), "м": ("m",), "н": ("n",), "о": ("o",), "п": ("p",), "р": ("r",),
    "с": ("s",), "т": ("t",), "у": ("u",), "ф": ("f",), "х": ("h", "kh", "ch"), "ц": ("c", "ts"),
    "ч": ("ch", "cz"), "ш": ("sh", "sz"), "щ": ("shch", "sch"), "ъ": ("",), "ы": ("y",),
    "ь": ("",), "э": ("e",), "ю": ("yu", "ju", "iu"), "я": ("ya", "ja", "ia"),
}  # fmt: skip


def forms(name: str, *, inflect: bool = True, other_alphabet: bool = True) -> set[str]:
    """Return every spelling of `name` to look for, in lower case, the name itself included.

    `other_alphabet` adds the Cyrillic spelling of a Latin name, or the Latin of a Cyrillic one.
    A name of fewer than three letters is neither declined nor respelled: its forms would be words.
    """
    plain = unicodedata.normalize("NFC", " ".join(name.split()))
    lowered = plain.lower()
    if sum(letter.isalpha() for letter in plain) < 3:
        return {lowered}
    found: set[str] = set()
    for base in [lowered, *(_respellings(lowered) if other_alphabet else ())]:
        found.add(base)
        if inflect:
            found |= _declined_phrase(base, acronym=_is_acronym(plain))
    return found


def _is_acronym(name: str) -> bool:
    """Tell whether the name is spelled out in letters, so that no ending may change its stem."""
    letters = [letter for letter in name if letter.isalpha()]
    vowels = sum(letter.lower() in _PL_VOWELS + "аеёиоуыэюя" for letter in letters)
    return name.isupper() and (len(letters) < 4 or vowels < 2)


def _declined_phrase(phrase: str, *, acronym: bool) -> set[str]:
    """Decline the last word, the first word, and both in the same case: Poczty Polskiej."""
    words = phrase.split(" ")
    last = _paradigm(words[-1], acronym=acronym)
    if len(words) == 1:
        return {form for cases in last.values() for form in cases}
    first = _paradigm(words[0], acronym=False)
    middle = words[1:-1]
    pairs = {(words[0], form) for cases in last.values() for form in cases}
    pairs |= {(form, words[-1]) for cases in first.values() for form in cases}
    pairs |= {pair for case in first for pair in itertools.product(first[case], last.get(case, ()))}
    return {" ".join((start, *middle, end)) for start, end in pairs}


def _paradigm(word: str, *, acronym: bool) -> Paradigm:
    """Return the declined forms of one word; empty when its last letter takes no ending."""
    letter = word[-1]
    if not letter.isalpha() or sum(char.isalpha() for char in word) < 3:
        return {}
    if acronym:
        return _with(word, "G:а у D:у I:ом L:е") if _cyrillic(letter) else _polish_acronym(word)
    return _russian(word) if _cyrillic(letter) else _polish(word)


def _cyrillic(letter: str) -> bool:
    """Tell whether the letter belongs to the Cyrillic block."""
    return "\u0400" <= letter <= "\u052f"


def _with(stem: str, endings: str) -> Paradigm:
    """Attach endings written as "G:a u D:owi"; a lone dash is the empty ending."""
    paradigm: Paradigm = {}
    case = ""
    for item in endings.split():
        before, colon, ending = item.rpartition(":")
        case = before if colon else case
        paradigm.setdefault(case, set()).add(stem + ending.replace("-", ""))
    return paradigm


def _merged(*paradigms: Paradigm) -> Paradigm:
    """Unite paradigms case by case."""
    whole: Paradigm = {}
    for paradigm in paradigms:
        for case, found in paradigm.items():
            whole.setdefault(case, set()).update(found)
    return whole


# ---------------------------------------------------------------------------------- Polish


def _polish(word: str) -> Paradigm:
    """Choose the Polish declension by the last letters of a Latin word in lower case."""
    stem = word[:-1]
    long_enough = len(word) >= 5  # short stems without their vowel are words: Nike -> "nika"
    match word[-1]:
        case "a":
            return _merged(_polish_feminine(stem), _polish_adjective(word))
        case "o":
            return _polish_neuter(stem)
        case "e" if long_enough:
            silent = _with(stem, "G:a u D:owi I:em L:u")
            return _merged(silent, _with(word, "G:a u D:owi I:m"))
        case "y" if len(word) > 2 and word[-2] in "aeo":
            return _polish_masculine(word)
        case "y" | "i" if long_enough:
            return _merged(_with(stem, "P:ów om ami ach"), _polish_adjective(word))
        case letter if letter not in _PL_VOWELS:
            return _polish_masculine(word)
    return {}


def _polish_acronym(word: str) -> Paradigm:
    """Attach endings to letters read aloud: ZUSu, ZUSem, ZUSie."""
    return _with(word, "G:a u D:owi I:em iem L:ie u")


def _polish_locative(stem: str) -> str:
    """Soften the stem's end before -e: Biedronk- to Biedronce, InPost- to InPoście."""
    for hard, soft in _PL_LOCATIVE:
        if stem.endswith(hard):
            return stem.removesuffix(hard) + soft
    return stem + "ie"


def _polish_feminine(stem: str) -> Paradigm:
    """Decline a name in -a, given without it."""
    last = stem[-1]
    paradigm = _with(stem, "A:ę I:ą V:o P:om ami ach")
    if last in _PL_VOWELS:  # Nordvii; "Nordvi" is the usual slip of the pen
        return _merged(paradigm, _with(stem, "G:i - D:i L:i P:e" if last == "i" else "G:i D:i L:i"))
    genitive = "i" if last in "kglj" else "y"
    hushing = stem.endswith(("sz", "cz", "rz", "dz", "dż", "ż", "c", "l", "j"))
    locative = stem + genitive if hushing else _polish_locative(stem)
    paradigm["G"] = {stem + genitive}
    paradigm["D"] = paradigm["L"] = {locative}
    paradigm["P"].add(stem + genitive)
    if last == "k" and len(stem) > 2 and stem[-2] not in _PL_VOWELS:
        paradigm["P"].add(stem[:-1] + "ek")
    elif len(stem) >= 5:
        paradigm["P"].add(stem)
    return paradigm


def _polish_masculine(word: str) -> Paradigm:
    """Decline a name in a consonant, or in -ay/-ey/-oy read as -aj: InPostem, Playem, mBankiem."""
    stems = [word]
    if word[-1] in _PL_SOFT:
        stems = [word[:-1] + _PL_SOFT[word[-1]]]
    elif word.endswith(("ek", "ec")) and len(word) > 4:
        stems.append(word[:-2] + word[-1])
    elif word.endswith("x"):
        stems.append(word[:-1] + "ks")
    whole: Paradigm = {}
    for stem in stems:
        after_velar = stem[-1] in "kg"
        paradigm = _with(stem, "G:a u D:owi P:ów om ami ach owie")
        paradigm["I"] = {stem + ("iem" if after_velar else "em")}
        settled = stem.endswith(_PL_NO_SOFTENING) or stem[-1] == "i"
        paradigm["L"] = {stem + "u"} if settled else {_polish_locative(stem)}
        paradigm["P"].add(stem + ("i" if after_velar else "e" if settled else "y"))
        whole = _merged(whole, paradigm)
    return whole


def _polish_neuter(stem: str) -> Paradigm:
    """Decline a name in -o, given without it: Allegra, Allegrem, w Allegrze."""
    paradigm = _with(stem, "G:a D:u owi")
    paradigm["I"] = {stem + ("iem" if stem[-1] in "kg" else "em")}
    paradigm["L"] = {stem + "u"}
    if not stem.endswith(_PL_NO_SOFTENING) and stem[-1] not in _PL_VOWELS:
        paradigm["L"].add(_polish_locative(stem))
    return paradigm


def _polish_adjective(word: str) -> Paradigm:
    """Decline an adjective inside a name: Bank Polski, Poczta Polska."""
    if word.endswith(("ska", "cka", "zka")):
        return _with(word[:-1], "G:iej D:iej L:iej")
    if word.endswith(("na", "wa")) and len(word) > 4:
        return _with(word[:-1], "G:ej D:ej L:ej")
    if word.endswith(("ski", "cki", "zki")):
        return _with(word, "G:ego D:emu I:m L:m")
    if word.endswith(("ny", "wy")) and len(word) > 4:
        return _with(word[:-1], "G:ego D:emu I:ym L:ym")
    return {}


# --------------------------------------------------------------------------------- Russian


def _russian(word: str) -> Paradigm:
    """Choose the Russian declension by the last letters of a Cyrillic word in lower case."""
    stem = word[:-1]
    before = stem[-1]
    match word[-1]:
        case "я" if before == "и":
            return _with(stem, "G:и D:и е A:ю I:ей ею L:и е P:и й ям ями ях")
        case "я":
            return _with(stem, "G:и D:е A:ю юю I:ей ею L:е ей P:ям ями ях")
        case "а":
            return _russian_feminine(stem)
        case "й" if stem.endswith(("ы", "и", "о")):
            adjective = _with(stem[:-1], "G:ого его D:ому ему I:ым им L:ом ем")
            return _merged(adjective, _with(stem, "G:я D:ю I:ем L:е и"))
        case "й":
            return _with(stem, "G:я D:ю I:ем L:е P:и ев ям ями ях")
        case "ь":
            return _with(stem, "G:я и D:ю и I:ем ью L:е и P:ей ям ями ях")
        case "о" if before in "клвн":
            return _with(stem, "G:а D:у I:ом L:е")
        case "е" if before in "оые":
            return _with(stem[:-1], "G:ого ых D:ому ым I:ым ыми L:ом ых")
        case "е" if before == "и":
            return _with(stem, "G:я х D:ю м I:ем ми L:и х")
        case "ы":
            return _with(stem, "P:ов ам ами ах")
        case letter if letter in _RU_CONSONANTS:
            return _russian_masculine(word)
    return {}


def _russian_feminine(stem: str) -> Paradigm:
    """Decline a name in -а, given without it, the adjective's -ая included."""
    last = stem[-1]
    genitive = "ы" if last in _RU_CONSONANTS and last not in _RU_HUSHING + _RU_VELAR else "и"
    instrumental = "I:ей ею" if last in _RU_HUSHING + "ц" else "I:ой ою"
    paradigm = _with(stem, f"G:{genitive} D:е A:у {instrumental} L:е P:ам ами ах {genitive}")
    if last == "к" and len(stem) > 2 and stem[-2] in _RU_CONSONANTS + "ь":
        root = stem[:-1].removesuffix("ь")
        paradigm["P"] |= {root + "ок", root + "ек"}
    elif len(stem) >= 5:
        paradigm["P"].add(stem)
    return paradigm


def _russian_masculine(word: str) -> Paradigm:
    """Decline a name in a consonant: Билайна, Сбербанком, в Мегафоне."""
    stems = [word]
    if word.endswith(("ок", "ек", "ец")) and len(word) > 4:
        stems.append(word[:-2] + word[-1])
    whole: Paradigm = {}
    for stem in stems:
        soft = stem[-1] in _RU_HUSHING + "ц"
        plural = "и" if stem[-1] in _RU_HUSHING + _RU_VELAR else "ы"
        instrumental = "ем ом" if soft else "ом"
        paradigm = _with(stem, f"G:а D:у I:{instrumental} L:е P:{plural} ам ами ах")
        paradigm["P"].add(stem + ("ей" if soft and stem[-1] != "ц" else "ов"))
        whole = _merged(whole, paradigm)
    return whole


# ------------------------------------------------------------------------ the other alphabet


def _respellings(lowered: str) -> Iterator[str]:
    """Yield the name in the other alphabet, and a Latin -ia name with -iya and -ija.

    The likeliest spelling comes first, then those that differ from it in one unit, then in two.
    """
    cyrillic = any(_cyrillic(letter) for letter in lowered)
    if not cyrillic and lowered.endswith("ia"):
        yield from (lowered[:-2] + ending for ending in ("iya", "ija"))
    options = _units(lowered, _TO_LATIN if cyrillic else _TO_CYRILLIC)
    doubtful = [place for place, choices in enumerate(options) if len(choices) > 1]
    yield from itertools.islice(_deviations(options, doubtful), MAX_RESPELLINGS)


def _deviations(options: list[tuple[str, ...]], doubtful: list[int]) -> Iterator[str]:
    """Yield the joined first choices, then every change of one place, then of two."""
    for count in range(3):
        for places in itertools.combinations(doubtful, count):
            for chosen in itertools.product(*(options[place][1:] for place in places)):
                units = [choices[0] for choices in options]
                for place, unit in zip(places, chosen, strict=True):
                    units[place] = unit
                yield "".join(units)


def _units(lowered: str, table: dict[str, tuple[str, ...]]) -> list[tuple[str, ...]]:
    """Cut a name into the longest known letter groups and give each group's spellings."""
    options: list[tuple[str, ...]] = []
    place = 0
    while place < len(lowered):
        group = next(
            lowered[place : place + size]
            for size in (4, 3, 2, 1)
            if size == 1 or lowered[place : place + size] in table
        )
        bare = unicodedata.normalize("NFD", group)[0]
        choices = table.get(group) or table.get(bare) or (group,)
        previous = lowered[place - 1] if place else ""
        if group == "y" and previous in tuple("aeo"):
            choices = ("й",)
        elif group == "c" and lowered[place + 1 : place + 2] in tuple("eiy"):
            choices = ("ц", "с")
        elif group == "e" and previous.isalpha():
            choices = ("е",)
        elif re.fullmatch(r"[^\W\d_]", group) and previous == group and group not in "aeiou":
            choices = (*choices[:1], "")  # Allegro is written «Аллегро» and «Алегро»
        options.append(choices)
        place += len(group)
    return options
