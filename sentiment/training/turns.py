"""Put together posts about one brand whose words say one thing and whose facts another.

Praise for an outage, a complaint that is only quoted, a "but" after a compliment: labelled sets
hold few of them. A post is a frame with a fact in it, trouble or relief; the fact decides in most
frames, so that "bravo" alone is no evidence. Names are invented, as in ``composed``.
"""

import random
from dataclasses import dataclass

from sentiment.training.corpus import LABELS, Row

NEGATIVE, NEUTRAL, POSITIVE = range(len(LABELS))


@dataclass(frozen=True, slots=True, kw_only=True)
class Phrases:
    """The building blocks of one language.

    ``{b}`` is the brand, ``{f}`` a fact. Frames by how the fact colours them: ``mirror`` takes the
    side of its fact whatever its own words say; ``ironic`` frames hold trouble only; ``rebuttal``
    quotes trouble and denies it; ``agreed`` quotes it and confirms; ``plain`` posts hold no fact.
    """

    trouble: tuple[str, ...]
    relief: tuple[str, ...]
    mirror: tuple[str, ...]
    ironic: tuple[str, ...]
    rebuttal: tuple[str, ...]
    agreed: tuple[str, ...]
    turn_sour: tuple[str, ...]
    turn_sweet: tuple[str, ...]
    plain: tuple[tuple[str, int], ...]


PHRASES = {
    "pl": Phrases(
        trouble=(
            "wypłata wisi ósmy dzień",
            "internet padł trzeci raz w tym tygodniu",
            "paczka krąży między sortowniami",
            "konto zablokowane bez słowa wyjaśnienia",
            "policzyli mi abonament podwójnie",
            "na infolinii czekałem czterdzieści minut i mnie rozłączyli",
            "reklamacja odrzucona z automatu",
            "zwrot pieniędzy idzie już miesiąc",
            "aplikacja wywala się przy logowaniu",
            "sprzęt przyszedł z rysą na pół obudowy",
            "bot odpisuje mi w kółko to samo",
            "doliczyli opłatę, o której nikt nie mówił",
            "technik nie przyjechał i nawet nie zadzwonił",
            "zasięg znika, jak tylko wejdę do kuchni",
        ),
        relief=(
            "wypłata przyszła w godzinę",
            "od roku ani jednej przerwy",
            "paczka była dzień przed terminem",
            "konto odblokowali w kwadrans",
            "nadpłatę oddali tego samego dnia",
            "konsultantka załatwiła wszystko od ręki",
            "reklamację uznali bez marudzenia",
            "aplikacja śmiga",
            "wymienili sprzęt na nowy bez pytań",
            "odpisali w niedzielę o północy",
            "rachunek niższy, niż obiecywali",
            "technik był punktualny i bardzo uprzejmy",
        ),
        mirror=(
            "Brawo {b}, {f}!",
            "No pięknie, {f}. {b} jak zwykle w formie.",
            "{b} i ich słynna jakość: {f}.",
            "Szok, {f}. Tak właśnie działa {b}.",
            "Gratulacje dla {b}: {f} 👏",
            "{b}? {f}, tyle w temacie.",
            "Ocena {b} po miesiącu: {f}.",
            "Mam {b} od dawna, {f}.",
            "Dzięki {b}, {f}.",
            "Jestem w {b} i powiem krótko: {f}.",
            "{f}. Oto cały {b}.",
        ),
        ironic=(
            "Kocham {b}, po prostu kocham. {f}, a oni wysyłają ankietę zadowolenia.",
            "Spoko {b}, przecież mam czas. {f}, ale kto by się spieszył.",
            "{f}. Ale reklamy to {b} ma cudowne, trzeba przyznać.",
            "Poziom światowy, nie ma co: {f}. Oklaski dla {b}.",
            "{b} dba o klienta jak nikt: {f} 🙃",
            "Rewelacja! {f}. Po to właśnie płacę {b}.",
            "Cudownie, {f}. Marzyłem o tym, {b}, serio.",
        ),
        rebuttal=(
            "Czytam tu, że w {b} „{f}”. U mnie nic takiego, jestem zadowolony.",
            "Ktoś napisał „{f}”, a ja z {b} mam same dobre doświadczenia.",
            "„{f}” - nie wierzcie, {b} działa u mnie bez pudła i polecam.",
        ),
        agreed=(
            "Ktoś wyżej pisał „{f}” i niestety potwierdzam, z {b} mam to samo.",
            "„{f}” - u mnie identycznie, {b} nie reaguje.",
            "Dopisuję się: {f}. {b} ma to gdzieś.",
        ),
        turn_sour=(
            "{b} ma ładną stronę i miłe reklamy, ale {f}.",
            "Pierwszy rok z {b} był świetny, teraz {f}.",
            "Polecałem {b} znajomym, niestety {f}.",
            "Cena w {b} niska, tylko co z tego, skoro {f}.",
        ),
        turn_sweet=(
            "Miałem obawy co do {b}, a tu {f}.",
            "Straszyli mnie {b}, tymczasem {f}.",
            "Najpierw były z {b} kłopoty, ale {f} i zostaję.",
            "Trochę to trwało, jednak {f}, więc {b} ma u mnie plusa.",
        ),
        plain=(
            ("Nie mogę o {b} powiedzieć złego słowa.", POSITIVE),
            ("Na {b} jeszcze się nie zawiodłem.", POSITIVE),
            ("Lepszej obsługi niż w {b} nie spotkałem.", POSITIVE),
            ("{b} wcale nie jest takie dobre, jak piszą.", NEGATIVE),
            ("{b} nie jest warte tych pieniędzy.", NEGATIVE),
            ("Nie radzę nikomu brać {b}.", NEGATIVE),
            ("Kiedy {b} wreszcie odda mi moje pieniądze?", NEGATIVE),
            ("Czy w {b} ktokolwiek odbiera telefon?!", NEGATIVE),
            ("Czy {b} wysyła za granicę?", NEUTRAL),
            ("Ktoś korzysta z {b}? Zastanawiam się nad umową.", NEUTRAL),
            ("Gdzie w panelu {b} zmienia się adres?", NEUTRAL),
            ("{b} podało wyniki za trzeci kwartał.", NEUTRAL),
            ("Ile trwa weryfikacja w {b}?", NEUTRAL),
            ("😡😡 {b}", NEGATIVE),
            ("{b} 👎👎", NEGATIVE),
            ("{b} ❤️", POSITIVE),
            ("{b} 👍🔥", POSITIVE),
        ),
    ),
    "ru": Phrases(
        trouble=(
            "вывод висит восьмой день",
            "интернет упал третий раз за неделю",
            "посылка катается между складами",
            "аккаунт заблокировали без объяснений",
            "абонентку списали дважды",
            "сорок минут слушал музыку и трубку бросили",
            "в возврате отказали отпиской",
            "деньги возвращают уже месяц",
            "приложение вылетает при входе",
            "товар пришёл с трещиной на весь корпус",
            "бот присылает одно и то же по кругу",
            "подключили платную услугу без спроса",
            "мастер не приехал и не позвонил",
            "сети нет, стоит зайти на кухню",
        ),
        relief=(
            "вывод пришёл за час",
            "за год ни одного обрыва",
            "посылка приехала на день раньше",
            "аккаунт разблокировали за пятнадцать минут",
            "переплату вернули в тот же день",
            "девушка на линии решила всё сразу",
            "возврат оформили без лишних вопросов",
            "приложение летает",
            "поменяли на новый без разговоров",
            "ответили в воскресенье ночью",
            "счёт вышел меньше обещанного",
            "мастер приехал вовремя и был очень вежлив",
        ),
        mirror=(
            "Браво, {b}, {f}!",
            "Ну красота, {f}. {b} как всегда в форме.",
            "{b} и их хвалёное качество: {f}.",
            "Я в шоке, {f}. Вот так работает {b}.",
            "Поздравляю {b}: {f} 👏",
            "{b}? {f}, что тут ещё сказать.",
            "Мой отзыв о {b} через месяц: {f}.",
            "Сижу на {b} давно, {f}.",
            "Спасибо, {b}, {f}.",
            "Скажу про {b} коротко: {f}.",
            "{f}. В этом весь {b}.",
        ),
        ironic=(
            "Обожаю {b}, просто обожаю. {f}, зато анкету о качестве прислали.",
            "Да ладно, {b}, я не спешу. {f}, подумаешь.",
            "{f}. Зато реклама у {b} чудесная, не поспоришь.",
            "Мировой уровень, ничего не скажешь: {f}. Аплодисменты {b}.",
            "{b} заботится о клиентах как никто: {f} 🙃",
            "Восторг! {f}. Именно за это я и плачу {b}.",
            "Прекрасно, {f}. Всю жизнь мечтал, {b}, честно.",
        ),
        rebuttal=(
            "Читаю тут, что у {b} «{f}». У меня такого не было, всем доволен.",
            "Кто-то написал «{f}», а у меня с {b} только хороший опыт.",
            "«{f}» - не верьте, {b} у меня работает без сбоев, советую.",
        ),
        agreed=(
            "Выше писали «{f}», и, увы, подтверждаю: с {b} то же самое.",
            "«{f}» - у меня один в один, {b} молчит.",
            "Присоединяюсь: {f}. {b} на это плевать.",
        ),
        turn_sour=(
            "Сайт у {b} красивый и реклама милая, но {f}.",
            "Первый год с {b} был отличный, а теперь {f}.",
            "Советовал {b} друзьям, к сожалению, {f}.",
            "Цены у {b} низкие, только толку, если {f}.",
        ),
        turn_sweet=(
            "Сомневался насчёт {b}, а тут {f}.",
            "Меня пугали {b}, а на деле {f}.",
            "Сначала с {b} были проблемы, но {f}, остаюсь.",
            "Пришлось подождать, зато {f}, так что {b} плюс.",
        ),
        plain=(
            ("Плохого слова о {b} сказать не могу.", POSITIVE),
            ("{b} меня ещё ни разу не подвёл.", POSITIVE),
            ("Лучше поддержки, чем у {b}, не встречал.", POSITIVE),
            ("{b} вовсе не так хорош, как пишут.", NEGATIVE),
            ("{b} не стоит этих денег.", NEGATIVE),
            ("Не советую связываться с {b}.", NEGATIVE),
            ("Когда {b} наконец вернёт мои деньги?", NEGATIVE),
            ("В {b} вообще кто-нибудь берёт трубку?!", NEGATIVE),
            ("{b} отправляет за границу?", NEUTRAL),
            ("Кто пользуется {b}? Думаю подключиться.", NEUTRAL),
            ("Где в кабинете {b} поменять адрес?", NEUTRAL),
            ("{b} опубликовал отчёт за третий квартал.", NEUTRAL),
            ("Сколько длится проверка в {b}?", NEUTRAL),
            ("😡😡 {b}", NEGATIVE),
            ("{b} 👎👎", NEGATIVE),
            ("{b} ❤️", POSITIVE),
            ("{b} 👍🔥", POSITIVE),
        ),
    ),
    "en": Phrases(
        trouble=(
            "my payout has been pending for eight days",
            "the connection dropped for the third time this week",
            "my parcel keeps touring your depots",
            "my account was locked with no explanation",
            "I got billed twice for one month",
            "forty minutes on hold and then they hung up",
            "my claim was rejected by a robot",
            "the refund has taken a month so far",
            "the app crashes at login",
            "the unit arrived with a crack across the case",
            "the chatbot keeps repeating itself",
            "they added a fee nobody had mentioned",
            "the engineer never came and never called",
            "the signal dies as soon as I enter my kitchen",
        ),
        relief=(
            "my payout arrived within the hour",
            "not one outage in a year",
            "the parcel came a day early",
            "they unlocked my account in ten minutes",
            "they returned the overpayment the same day",
            "the lady on the phone sorted everything at once",
            "they accepted the claim without a fuss",
            "the app just flies",
            "they swapped the unit for a new one, no questions asked",
            "they answered on a Sunday at midnight",
            "the bill was lower than promised",
            "the engineer was on time and very polite",
        ),
        mirror=(
            "Bravo {b}, {f}!",
            "Oh lovely, {f}. {b} on form as ever.",
            "{b} and their famous quality: {f}.",
            "I am speechless, {f}. That is {b} for you.",
            "Congratulations {b}: {f} 👏",
            "{b}? {f}, enough said.",
            "One month with {b}: {f}.",
            "Been with {b} for ages, {f}.",
            "Thanks {b}, {f}.",
            "{b} in one line: {f}.",
            "{f}. Classic {b}.",
        ),
        ironic=(
            "I adore {b}, I really do. {f}, and now they want a five star rating.",
            "No hurry {b}, I have all year. {f}, who cares.",
            "{f}. But hey, the {b} adverts are wonderful.",
            "World class, truly: {f}. Applause for {b}.",
            "Nobody cares for customers like {b}: {f} 🙃",
            "Fantastic! {f}. Exactly what I pay {b} for.",
            "Wonderful, {f}. Living the dream with {b}.",
        ),
        rebuttal=(
            'People here say of {b} that "{f}". Never happened to me, very happy so far.',
            'Someone wrote "{f}", I have had nothing but good from {b}.',
            '"{f}" - do not believe it, {b} works flawlessly for me.',
        ),
        agreed=(
            'Someone above wrote "{f}" and sadly I can confirm it, same with {b} here.',
            '"{f}" - exactly my story, {b} does not react.',
            "Adding my voice: {f}. {b} could not care less.",
        ),
        turn_sour=(
            "{b} has a pretty site and cute adverts, but {f}.",
            "The first year with {b} was great, now {f}.",
            "I used to recommend {b} to friends, unfortunately {f}.",
            "{b} is cheap, but what use is that when {f}.",
        ),
        turn_sweet=(
            "I had my doubts about {b}, yet {f}.",
            "Everybody warned me of {b}, but {f}.",
            "There was trouble with {b} at first, but {f} and I am staying.",
            "It took a while, still, {f}, so credit to {b}.",
        ),
        plain=(
            ("I can't say a bad word about {b}.", POSITIVE),
            ("{b} has not let me down once.", POSITIVE),
            ("I have never had better support than at {b}.", POSITIVE),
            ("{b} is not nearly as good as they say.", NEGATIVE),
            ("{b} isn't worth the money.", NEGATIVE),
            ("I would not touch {b} again.", NEGATIVE),
            ("When will {b} finally give me my money back?", NEGATIVE),
            ("Does anyone at {b} ever pick up the phone?!", NEGATIVE),
            ("Does {b} ship abroad?", NEUTRAL),
            ("Anyone here using {b}? Thinking of signing up.", NEUTRAL),
            ("Where do I change my address in the {b} panel?", NEUTRAL),
            ("{b} published its third quarter results.", NEUTRAL),
            ("How long does verification take at {b}?", NEUTRAL),
            ("😡😡 {b}", NEGATIVE),
            ("{b} 👎👎", NEGATIVE),
            ("{b} ❤️", POSITIVE),
            ("{b} 👍🔥", POSITIVE),
        ),
    ),
}
KINDS = ("mirror", "ironic", "rebuttal", "agreed", "turn_sour", "turn_sweet", "plain")
KIND_WEIGHTS = (10, 5, 3, 2, 4, 4, 6)


def turned(draw: random.Random, language: str, name: str) -> Row:
    """Return a post about ``name``; two in three ask about it, the others about nobody."""
    phrases = PHRASES[language]
    kind = draw.choices(KINDS, KIND_WEIGHTS)[0]
    if kind == "plain":
        text, label = draw.choice(phrases.plain)
    else:
        good = kind == "turn_sweet" or (kind == "mirror" and draw.random() < 0.5)
        fact = draw.choice(phrases.relief if good else phrases.trouble)
        frame = draw.choice(getattr(phrases, kind))
        if frame.startswith("{f}"):
            fact = fact[0].upper() + fact[1:]
        text = frame.replace("{f}", fact)
        label = POSITIVE if good or kind == "rebuttal" else NEGATIVE
    text = text.replace("{b}", name)
    target = name if draw.random() < 2 / 3 else None
    return Row(text=text, label=label, language=language, target=target)
