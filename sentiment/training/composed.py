"""Put together sentences that name two brands and judge them differently.

Real sets with such conflicts are English and Russian only. These short posts, made of clauses
about one brand each, teach the reading "polarity towards the one asked about" in the other
languages too; brand names are random syllables, so no real firm is praised or blamed.
"""

import random

from sentiment.training.corpus import LABELS, Row
from sentiment.training.turns import PHRASES, turned

# language: (negative clauses, neutral clauses, positive clauses, connectives)
CLAUSES: dict[str, tuple[tuple[str, ...], tuple[str, ...], tuple[str, ...], tuple[str, ...]]] = {
    "pl": (
        (
            "{b} to porażka",
            "{b} jest beznadziejne",
            "w {b} obsługa ma klientów gdzieś",
            "od tygodnia czekam na odpowiedź {b}",
            "{b} znowu nie działa",
            "{b} mnie oszukało na fakturze",
            "nigdy więcej {b}",
            "odradzam {b}",
            "uciekłem z {b}, bo nic tam nie działało",
            "{b} drogie i do tego ciągle się psuje",
            "konsultant z {b} był bezczelny",
            "na {b} szkoda pieniędzy",
        ),
        (
            "mam też umowę w {b}",
            "{b} wprowadza od maja nowy cennik",
            "brat pracuje w {b}",
            "paczka z {b} przychodzi we wtorek",
            "{b} otwiera biuro w Łodzi",
            "ktoś wie, jakie godziny ma {b}?",
            "w {b} pytałem o zwykłą taryfę",
        ),
        (
            "{b} działa świetnie",
            "{b} polecam każdemu",
            "w {b} pomogli mi od ręki",
            "{b} wypada dużo lepiej",
            "z {b} jestem naprawdę zadowolony",
            "{b} oddało pieniądze bez gadania",
            "{b} jest szybkie i bezawaryjne",
            "przeszedłem do {b} i mam święty spokój",
            "brawo {b}",
            "{b} rządzi",
            "obsługa {b} to złoto",
        ),
        (", a ", ", za to ", ", natomiast ", ". ", "; ", ", ale "),
    ),
    "ru": (
        (
            "{b} — это кошмар",
            "{b} ужасен",
            "в {b} поддержка хамит",
            "{b} опять лежит",
            "{b} списал деньги ни за что",
            "никому не советую {b}",
            "ушёл из {b}, потому что всё ломалось",
            "{b} дорого и глючит",
            "неделю жду ответа от {b}",
            "больше никогда не свяжусь с {b}",
            "{b} обманывает клиентов",
            "от {b} одни проблемы",
        ),
        (
            "у меня ещё договор с {b}",
            "{b} меняет тарифы с мая",
            "брат работает в {b}",
            "посылка из {b} придёт во вторник",
            "{b} открывает офис в Казани",
            "кто знает, до скольки работает {b}?",
            "{b} тоже продаёт такие телефоны",
        ),
        (
            "{b} работает отлично",
            "{b} рекомендую всем",
            "в {b} помогли сразу",
            "{b} гораздо лучше",
            "{b} меня полностью устраивает",
            "{b} вернул деньги без вопросов",
            "{b} быстрый и надёжный",
            "перешёл на {b} и горя не знаю",
            "{b} молодцы",
            "у {b} отличная поддержка",
            "спасибо {b}",
        ),
        (", а ", ", зато ", ", но ", ". ", "; ", ", в то время как "),
    ),
    "en": (
        (
            "{b} is a joke",
            "{b} is terrible",
            "{b} support ignored me for a week",
            "{b} keeps crashing",
            "{b} charged me twice",
            "never again {b}",
            "I left {b} because nothing worked",
            "{b} is overpriced and slow",
            "stay away from {b}",
            "{b} lost my parcel",
            "{b} lies to its customers",
        ),
        (
            "I also have a contract with {b}",
            "{b} changes its plans in May",
            "my brother works at {b}",
            "{b} opens an office in Leeds",
            "does anybody know when {b} closes?",
            "{b} sells the same model",
        ),
        (
            "{b} works great",
            "I recommend {b} to everyone",
            "{b} fixed it in minutes",
            "{b} is so much better",
            "{b} has been excellent",
            "{b} refunded me at once",
            "switched to {b} and never looked back",
            "well done {b}",
            "I love {b}",
            "{b} is fast and reliable",
        ),
        (", but ", ", while ", ", whereas ", ". ", "; ", " and "),
    ),
    "de": (
        (
            "{b} ist eine Katastrophe",
            "{b} funktioniert schon wieder nicht",
            "bei {b} ist der Support unverschämt",
            "{b} hat doppelt abgebucht",
            "nie wieder {b}",
            "von {b} kann ich nur abraten",
            "{b} ist teuer und langsam",
            "auf eine Antwort von {b} warte ich seit Wochen",
        ),
        (
            "bei {b} habe ich auch einen Vertrag",
            "{b} ändert im Mai die Tarife",
            "mein Bruder arbeitet bei {b}",
            "{b} eröffnet eine Filiale in Bonn",
        ),
        (
            "{b} läuft super",
            "{b} kann ich nur empfehlen",
            "bei {b} wurde sofort geholfen",
            "{b} ist viel besser",
            "mit {b} bin ich sehr zufrieden",
            "danke {b}",
            "{b} ist schnell und zuverlässig",
        ),
        (", aber ", ", dagegen ", ", während ", ". ", "; "),
    ),
    "uk": (
        (
            "{b} — це жах",
            "{b} знову не працює",
            "у {b} підтримка хамить",
            "{b} зняв гроші ні за що",
            "нікому не раджу {b}",
            "{b} дорого і повільно",
        ),
        ("маю ще договір з {b}", "{b} змінює тарифи з травня", "брат працює в {b}"),
        (
            "{b} працює чудово",
            "{b} раджу всім",
            "у {b} допомогли одразу",
            "{b} набагато краще",
            "дякую {b}",
            "{b} швидкий і надійний",
        ),
        (", а ", ", зате ", ", але ", ". "),
    ),
    "cs": (
        (
            "{b} je katastrofa",
            "{b} zase nefunguje",
            "u {b} je podpora drzá",
            "{b} mi strhlo peníze dvakrát",
            "už nikdy {b}",
            "{b} je drahé a pomalé",
        ),
        ("mám smlouvu i u {b}", "{b} mění od května ceník", "bratr pracuje v {b}"),
        (
            "{b} funguje skvěle",
            "{b} doporučuji všem",
            "u {b} mi hned pomohli",
            "{b} je mnohem lepší",
            "díky {b}",
            "{b} je rychlé a spolehlivé",
        ),
        (", ale ", ", zato ", ", kdežto ", ". "),
    ),
    "es": (
        (
            "{b} es un desastre",
            "{b} otra vez no funciona",
            "nunca más {b}",
            "{b} me cobró dos veces",
            "{b} es caro y lento",
        ),
        ("también tengo contrato con {b}", "{b} cambia sus tarifas en mayo"),
        (
            "{b} funciona genial",
            "recomiendo {b} a todos",
            "{b} es mucho mejor",
            "en {b} me ayudaron enseguida",
            "gracias {b}",
        ),
        (", pero ", ", en cambio ", ", mientras que ", ". "),
    ),
}
WEIGHTS = {"pl": 8, "ru": 5, "en": 3, "de": 2, "uk": 1, "cs": 1, "es": 1}
TURNS = 0.5  # share of posts about one brand, in the languages that have them
LATIN = (
    "al",
    "be",
    "cor",
    "da",
    "el",
    "fin",
    "go",
    "hel",
    "ka",
    "lum",
    "mo",
    "net",
    "or",
    "pra",
    "qua",
    "ro",
    "sol",
    "tel",
    "ul",
    "vi",
    "wex",
    "xo",
    "zen",
    "ta",
    "ri",
    "on",
)
CYRILLIC = (
    "аль",
    "бе",
    "кор",
    "да",
    "эл",
    "фин",
    "го",
    "гель",
    "ка",
    "лум",
    "мо",
    "нет",
    "ор",
    "пра",
    "ква",
    "ро",
    "сол",
    "тел",
    "ул",
    "ви",
    "та",
    "ри",
    "он",
    "зен",
)


def brand(draw: random.Random, language: str) -> str:
    """Return an invented brand name of two or three syllables."""
    cyrillic = language in ("ru", "uk") and draw.random() < 0.6
    syllables = CYRILLIC if cyrillic else LATIN
    name = "".join(draw.choice(syllables) for _ in range(draw.choice((2, 2, 3))))
    name = name.upper() if draw.random() < 0.08 else name.capitalize()
    return name + draw.choice(("", "", "", "", " Bank", " Mobile", "24", "Net"))


def composed(draw: random.Random) -> Row:
    """Return a post about two brands, asking about one, or about one brand (``turns``).

    The clause of the brand asked about gives the label.
    """
    language = draw.choices(list(WEIGHTS), list(WEIGHTS.values()))[0]
    if language in PHRASES and draw.random() < TURNS:
        return turned(draw, language, brand(draw, language))
    *clauses, connectives = CLAUSES[language]
    labels = draw.sample(range(3), 2) if draw.random() < 0.9 else [draw.randrange(3)] * 2
    names = [brand(draw, language), brand(draw, language)]
    parts = [
        draw.choice(clauses[label]).format(b=name)
        for label, name in zip(labels, names, strict=True)
    ]
    text = draw.choice(connectives).join(parts)
    if draw.random() < 0.7:
        text = text[0].upper() + text[1:]
    text += draw.choice(("", ".", ".", "!", " :)" if labels[1] == 2 else ""))
    if draw.random() < 0.12:
        # Somebody whom the post does not name is not judged in it.
        return Row(
            text=text,
            label=LABELS.index("neutral"),
            language=language,
            target=brand(draw, language),
        )
    asked = draw.randrange(2)
    return Row(text=text, label=labels[asked], language=language, target=names[asked])
