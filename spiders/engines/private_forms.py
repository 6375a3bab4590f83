"""Where a member writes to another privately, for products whose form is known by its markup."""

import re
from urllib.parse import quote

from scrapy.http import TextResponse

from spiders.addresses import same_site, without_fragment

_THREAD_PATH = re.compile(r"/(index\.php\?/?)?(?:threads?|topic|discussion|t|d)/")
_PROFILE = "{profile}"
_FORMS = (
    # What a page of the product holds, and where its members write to each other.
    (
        "//*[@data-ipsquote-contentapp or contains(@data-controller, 'core.front.')]",
        "messenger/compose/?to={uid}",
    ),
    (
        "//meta[@name='generator'][starts-with(@content, 'Discourse ')]",
        "new-message?username={name}",
    ),
    (
        "//*[contains(@class, 'ItemComment') or @id='vanilla_discussion_index']",
        "messages/add/{name}",
    ),
    # A chat or message is started from the profile.
    ("//*[@component='topic' or @component='post']", _PROFILE),
)


class PrivateForm:
    """The form of the product that one page comes from, if it is known."""

    def __init__(self, page: TextResponse) -> None:
        self._form = _form(page)

    def url(self, author: str, author_id: str | None, profile: str | None) -> str | None:
        """Return where to write to ``author``; ``None`` for guests and unknown products."""
        if self._form is None or (not author_id and "{uid}" in self._form):
            return None
        if self._form == _PROFILE:
            return profile
        named = self._form.replace("{name}", quote(author, safe=""))
        return named.replace("{uid}", quote(author_id or "", safe=""))


def _form(page: TextResponse) -> str | None:
    """Return the address of the product's form, with places for the name or id."""
    url = without_fragment(page.url)
    folder = _THREAD_PATH.search(url)
    for mark, form in _FORMS:
        if not folder or not page.xpath(mark):
            continue
        if form == _PROFILE:
            return form
        root = url[: folder.start()] + "/" + (folder[1] or "")
        if form.startswith("messenger") and (home := _invision_home(page)):
            root = home + (folder[1] or "")
        # In index.php?/messenger/ the question mark is taken.
        return root.replace("{", "%7B") + (form.replace("?", "&") if folder[1] else form)
    return None


def _invision_home(page: TextResponse) -> str | None:
    """Return the community's root, under which forums may have a folder of their own."""
    for href in page.css("a[href*='/login/']::attr(href)").getall():
        if same_site(href, page.url):
            return href[: href.index("/login/") + 1].removesuffix("index.php?/")
    return None
