"""vBulletin 4 as a guest sees it, plain addresses or those rewritten by vBSEO.

Checked in November 2026 against saved pages of three boards (German, Persian).
"""

from typing import ClassVar

from parsel import Selector

from spiders.base import Gives
from spiders.engines.vbulletin3 import Vbulletin3
from spiders.selected_page import Doc


class Vbulletin4(Vbulletin3):
    """Read vBulletin 4 forums."""

    name: ClassVar[str] = "vbulletin4"
    gives: ClassVar[Gives] = Gives(
        product="vBulletin 4",
        means="HTML pages, vBSEO addresses too",
        times="as the page shows them, in the site's zone and language",
        edits="yes",
        private="`private.php?do=newpm&u=`",
    )
    marks: ClassVar[str] = 'html id "vbulletin_html", generator "vBulletin 4"'
    hints: ClassVar[tuple[tuple[str, float, str], ...]] = (
        ("html#vbulletin_html", 1.0, 'the page has the id "vbulletin_html"'),
        ("meta[name=generator i][content^='vBulletin 4' i]", 1.0, "its generator is vBulletin 4"),
        ("#e_vb_meta_bburl", 0.6, "the head names vBulletin's address"),
        ("ol#posts li.postcontainer", 0.6, "messages in vBulletin 4's list"),
        ("ol#threads li.threadbit, ol#forums li.forumbit_nopost", 0.6, "vBulletin 4's rows"),
    )
    author: ClassVar[str] = (
        ".username_container a.username strong, .username_container a.username, "
        ".username_container .username, .userinfo .username, a.username, .bigusername"
    )
    body: ClassVar[str] = (
        "[id^=post_message_] blockquote.postcontent:not(.lastedited), "
        "[id^=post_message_]:not(:has(blockquote.postcontent))"
    )
    title: ClassVar[tuple[str, ...]] = (
        ".threadtitle a",
        "#pagetitle .threadtitle",
        "#pagetitle .forumtitle",
        "#pagetitle h1 a",
        "#pagetitle h1",
        "li.lastnavbit span",
        "li.navbit.lastnavbit",
        "h1",
    )
    crumb: ClassVar[str] = "[id^=breadcrumb] a, .navbit a, .breadcrumb a"
    thread_row: ClassVar[str] = "li.threadbit, li[id^=thread_]"
    thread_link: ClassVar[str] = "a[id^=thread_title_], a.title"
    thread_last: ClassVar[str] = "a.lastpostdate"
    thread_pages: ClassVar[str] = "dl.pagination a"
    board_row: ClassVar[str] = "li.forumbit_post, li[id^=forum]:has(.foruminfo)"
    board_link: ClassVar[str] = ".forumtitle a"
    listing: ClassVar[str] = "#threadlist, #forums, #forumbits, #above_threadlist"
    refusal_panel: ClassVar[str] = ".standard_error, form.standard_error, #standard_error"

    def row_id(self, doc: Doc, row: Selector, url: str) -> str | None:
        """Return the id of the thread in ``row``, which is named by it."""
        number = row.attrib.get("id", "").rpartition("_")[2]
        return number if number.isdecimal() else super().row_id(doc, row, url)
