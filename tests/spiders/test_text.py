"""A message's markup as a person reads it."""

import time

import pytest

from spiders.base import Quote
from spiders.text import words_of


@pytest.mark.parametrize(
    ("markup", "text"),
    [
        ("one<br>two<br /><br />three", "one\ntwo\n\nthree"),
        ("<p>one</p>\n<p>two</p>", "one\n\ntwo"),
        ("<div>one</div>  <div>two</div>", "one\ntwo"),
        ("a <b>bold</b>\n   word&nbsp;here", "a bold word here"),
        ("a<br>" * 4 + "b", "a\na\na\na\nb"),
        ("a<br><br><br><br>b", "a\n\nb"),
        ('good <img class="smilies" alt=":)" src="x.gif">', "good :)"),
        ('see <img src="shot.png" alt="Image">', "see [image]"),
        ("run <pre>ls\n  -l</pre> now", "run\n[code]\nnow"),
        ("use <code>ls</code> now", "use ls now"),
        ('<a href="https://x.test/long">the page</a>', "the page"),
        ("<details><summary>Spoiler</summary>he did it</details>", "Spoiler\nhe did it"),
        ("<ul><li>one</li><li>two</li></ul>", "one\ntwo"),
        ("<table><tr><td>a</td><td>b</td></tr><tr><td>c</td></tr></table>", "a b\nc"),
        ("a<script>alert(1)</script><style>b{}</style><!-- c --><p>d</p>", "a\n\nd"),
        ("1 &lt; 2 <i>&amp;</i> <b>&lt;!channel&gt;</b>", "1 < 2 & <!channel>"),
        ("plain &amp; simple\n\n\n\nstill", "plain & simple\n\nstill"),
        ('a <span data-excludequote="">Edited 1 hour ago</span> b', "a b"),
        (
            'see <div class="bbCodeBlock bbCodeBlock--unfurl" data-url="https://x.test/1">'
            "<h3>Title</h3>Snippet</div>there",
            "see\nhttps://x.test/1\nthere",
        ),
        ("<p>a\x1b[31mb\x07</p>&#27;", "a[31mb"),
        ("", ""),
    ],
)
def test_markup_reads_as_a_person_sees_it(markup: str, text: str) -> None:
    assert words_of(markup).text == text


@pytest.mark.parametrize(
    ("markup", "author"),
    [
        ("<blockquote><cite>ann wrote:</cite>said</blockquote>", "ann"),
        ("<blockquote><cite>ann napisał(a):</cite>said</blockquote>", "ann"),
        ("<blockquote><cite>ann pisze:</cite>said</blockquote>", "ann"),
        ("<blockquote><cite>Анна К писал(а):</cite>said</blockquote>", "Анна К"),
        ("<blockquote><cite>ann hat geschrieben:</cite>said</blockquote>", "ann"),
        ("<blockquote><cite>ann a écrit:</cite>said</blockquote>", "ann"),
        ("<blockquote><cite><a href='u'>Bob Says</a> wrote: ↑</cite>said</blockquote>", "Bob Says"),
        ("<blockquote><cite><a href='p'>ann said:</a></cite>said</blockquote>", "ann"),
        ("<blockquote><cite>ann wrote: <a>↑</a> <i>Nov 5</i></cite>said</blockquote>", "ann"),
        ("<blockquote><cite>ann</cite>said</blockquote>", "ann"),
        ("<blockquote><cite>ann mondta:</cite>said</blockquote>", None),  # a verb we do not know
        ("<blockquote>said</blockquote>", None),
        (
            '<aside class="quote" data-username="ann"><div class="title">ann:</div>'
            "<blockquote><p>said</p></blockquote></aside>",
            "ann",
        ),
        ('<div class="quotetitle">ann wrote:</div><div class="quotecontent">said</div>', "ann"),
        (
            '<p><a class="mention" href="/u/ann">@ann</a> said:</p><blockquote>said</blockquote>',
            "ann",
        ),
        (
            '<p><a class="plugin-mentions-a" href="/uid/5">@<bdi>ann</bdi></a> said in '
            '<a href="/post/801">Nordvia down</a>:</p><blockquote>said</blockquote>',
            "ann",
        ),
        (
            '<div class="bbCodeBlock bbCodeBlock--quote"><blockquote data-quote="ann">'
            '<div class="bbCodeBlock-title"><a href="/goto">ann said:</a></div>said'
            '<div class="bbCodeBlock-expandLink"><a>Click to expand...</a></div>'
            "</blockquote></div>",
            "ann",
        ),
        (
            '<blockquote class="Quote UserQuote"><div class="QuoteAuthor"><a href="/profile/ann">'
            'ann</a> said:</div><div class="QuoteText"><p>said</p></div></blockquote>',
            "ann",
        ),
        ('<div class="blockquote"><p class="blockquote-line">said</p></div>', None),
        (
            '<blockquote class="quoteBox"><div class="quoteBoxIcon"><img src="a" alt=""></div>'
            '<div class="quoteBoxTitle"><a href="/x">Zitat von ann</a></div>said</blockquote>',
            "ann",
        ),
        (  # a link to the message may stand in the title; the name is not a heading's words
            '<blockquote><cite><a href="/u">Cytat Dnia</a> pisze:</cite>said</blockquote>',
            "Cytat Dnia",
        ),
        (
            '<div class="chat-transcript" data-username="ann"><div class="chat-transcript-user">'
            "ann 2026</div><p>said</p></div>",
            "ann",
        ),
    ],
)
def test_a_quote_is_told_apart_from_the_authors_own_words(markup: str, author: str | None) -> None:
    words = words_of(f"<div>{markup}<p>my answer</p></div>")
    assert words.text == "my answer"
    assert words.quotes == (Quote(author=author, text="said"),)


def test_a_quote_inside_a_quote_belongs_to_neither() -> None:
    words = words_of(
        "<blockquote><cite>b wrote:</cite><blockquote><cite>a wrote:</cite>first</blockquote>"
        "second</blockquote>third<blockquote>other</blockquote>"
    )
    assert words.text == "third"
    assert words.quotes == (Quote(author="b", text="second"), Quote(author=None, text="other"))


def test_markup_nested_thousands_deep_loses_no_words_after_it() -> None:
    markup = "<blockquote><div>" * 20_000 + "deep" + "</div></blockquote>" * 20_000 + "<p>own</p>"
    assert words_of(markup).text == "own"


@pytest.mark.parametrize(
    "markup",
    [
        "слово " * 40_000 + "<br>",
        "a<br>" * 50_000,
        " " * 200_000 + "<b>x</b>",
        "<a" * 100_000 + "<p>",
        "<blockquote>q</blockquote>a" * 8_000,
        "<blockquote><cite>" + "x wrote: " * 20_000 + "</cite>q</blockquote>",
        "<p><a class=mention>@x</a> said:</p>" * 6_000,
        "<ul><li>a" * 20_000,
    ],
    ids=["words", "breaks", "spaces", "half-tags", "quotes", "cites", "leads", "lists"],
)
def test_a_message_of_200_000_characters_is_read_in_seconds(markup: str) -> None:
    began = time.perf_counter()
    words_of(markup)
    assert time.perf_counter() - began < 10
