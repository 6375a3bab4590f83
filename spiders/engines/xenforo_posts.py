"""The messages of a XenForo 2 page by its own markup.

Its JSON-LD describes a thread's first message only, and microdata on the others is recent.
"""

import re

from scrapy.http import TextResponse

from spiders.engines.schema_markup import Posting, line, user_id
from spiders.text import plain


def in_xenforo(page: TextResponse) -> list[Posting]:
    """Return every message of ``page``, all as replies; none when it is not XenForo's."""
    postings = []
    for post in page.xpath("//html[@id='XF']//article[starts-with(@data-content, 'post-')]"):
        bodies = post.css(".message-body .bbWrapper")
        person = post.css(".message-name")
        if not bodies or not person:
            continue
        links = post.css(".message-attribution a[href*='post']")
        place = next((text for a in links if (text := plain(a.root))[:1] == "#"), "")
        postings.append(
            Posting(
                type="Comment",
                is_reply=True,
                author=line(post.attrib.get("data-author")) or plain(person[0].root),
                author_url=person.css("a::attr(href)").get() or "",
                author_id=user_id(post.root, person[0].root),
                links=[href for a in links if "post-" in (href := a.attrib["href"])],
                published=post.css(".message-attribution time::attr(datetime)").get() or "",
                # A theme's stray end tags may put the following posts inside this one.
                edited=bool(
                    post.xpath(
                        ".//*[contains(@class, 'message-lastEdit')]"
                        "[ancestor::article[@data-content][1]/@data-content = $own]",
                        own=post.attrib["data-content"],
                    )
                ),
                position=re.sub(r"\D", "", place),  # "#1,021"
                body=bodies[0].root,
                node=post.root,
            )
        )
    return postings
