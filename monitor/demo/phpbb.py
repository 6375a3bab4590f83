"""The demo's phpBB side: guest pages with the ids and classes of phpBB 3.3's stock theme."""

import re
import secrets
from collections.abc import Sequence
from datetime import datetime
from typing import Any
from urllib.parse import urlencode

from monitor.demo.pages import Answer, Question, templates
from monitor.demo.story import Person, ShownPost, ShownThread, Site, Timeline

COOKIE = "phpbb3_demo_sid"
_SID = re.compile(r"[0-9a-f]{32}")
_LOGIN = "The board requires you to be registered and logged in to do this."


class _Links:
    """Relative addresses as a board writes them: with the session id unless it is in a cookie."""

    def __init__(self, sid: str) -> None:
        self.sid = sid

    def __call__(self, page: str, **query: object) -> str:
        fields = [(name, value) for name, value in query.items() if value not in (0, "")]
        if self.sid:
            fields.insert(1, ("sid", self.sid))
        post = query.get("p")
        fragment = f"#p{post}" if page == "viewtopic.php" and post else ""
        return f"./{page}" + ("?" + urlencode(fields) if fields else "") + fragment


class PhpbbPages:
    """Answer as a phpBB board would to a guest. ``url`` is the board's address with a slash."""

    def __init__(self, site: Site, timeline: Timeline, url: str) -> None:
        self.site = site
        self.timeline = timeline
        self.url = url
        self._templates = templates()

    def answer(self, question: Question, now: datetime) -> Answer:
        """Return the page asked for; 404 with the board's own message when there is none."""
        if question.path == "/robots.txt":
            return Answer(body=self.site.robots, content_type="text/plain; charset=utf-8")
        asked = question.query.get("sid", [""])[0]
        sid = asked if _SID.fullmatch(asked) else secrets.token_hex(16)
        has_cookie = f"{COOKIE}=" in question.cookie
        links = _Links("" if has_cookie else sid)
        threads = self.timeline.shown(self.site, now)
        match question.path:
            case "/" | "/index.php":
                page = self._index(threads)
            case "/viewforum.php":
                page = self._board(question, threads)
            case "/viewtopic.php":
                page = self._thread(question, threads)
            case "/memberlist.php":
                page = self._member(question)
            case "/ucp.php" | "/posting.php" | "/search.php":
                page = _message("Login", _LOGIN, 200, login=True)
            case _:
                page = _message("Information", "The requested page does not exist.", 404)
        status, template, values = page
        body = self._templates.get_template(template).render(
            site=self.site, root=self.url, link=links, now=now, start=self.timeline.start, **values
        )
        headers = {} if has_cookie else {"Set-Cookie": f"{COOKIE}={sid}; path=/; HttpOnly"}
        return Answer(body=body, status=status, headers=headers)

    def _index(self, threads: Sequence[ShownThread]) -> tuple[int, str, dict[str, Any]]:
        boards = []
        for board in self.site.boards:
            inside = [shown for shown in threads if shown.thread.board == board]
            latest = max(inside, key=lambda shown: shown.bumped_at)
            count = sum(len(shown.posts) for shown in inside)
            boards.append({"board": board, "topics": len(inside), "posts": count, "latest": latest})
        return 200, "phpbb_index.html", {"boards": boards, "threads": threads}

    def _board(
        self, question: Question, threads: Sequence[ShownThread]
    ) -> tuple[int, str, dict[str, Any]]:
        board = next((b for b in self.site.boards if b.id == question.number("f")), None)
        if board is None:
            return _message("Information", "The forum you selected does not exist.", 404)
        notices = [shown for shown in threads if shown.thread.kind == "announce"]
        rows = [s for s in threads if s.thread.board == board and s not in notices]
        rows.sort(key=lambda shown: (shown.thread.kind == "sticky", shown.bumped_at), reverse=True)
        size = self.site.topics_per_page
        start = _page_start(question.number("start"), len(rows), size)
        return (
            200,
            "phpbb_forum.html",
            {
                "board": board,
                "notices": notices,
                "rows": rows[start : start + size],
                "total": len(rows),
                "first": start,
                "size": size,
            },
        )

    def _thread(
        self, question: Question, threads: Sequence[ShownThread]
    ) -> tuple[int, str, dict[str, Any]]:
        post_id = question.number("p")
        thread_id = question.number("t")
        size = self.site.posts_per_page
        for shown in threads:
            place = [s.post.id for s in shown.posts]
            if post_id in place:
                start = place.index(post_id) // size * size
            elif shown.thread.id == thread_id and not post_id:
                start = _page_start(question.number("start"), len(place), size)
            else:
                continue
            return (
                200,
                "phpbb_topic.html",
                {
                    "shown": shown,
                    "posts": shown.posts[start : start + size],
                    "quoted": self._quoted(threads),
                    "total": len(shown.posts),
                    "first": start,
                    "size": size,
                },
            )
        return _message("Information", "The requested topic does not exist.", 404)

    def _quoted(self, threads: Sequence[ShownThread]) -> dict[tuple[str, int], ShownPost]:
        return {(shown.thread.key, s.post.number): s for shown in threads for s in shown.posts}

    def _member(self, question: Question) -> tuple[int, str, dict[str, Any]]:
        person: Person | None = next(
            (p for p in self.site.people if p.id == question.number("u")), None
        )
        if person is None:
            return _message("Information", "The requested user does not exist.", 404)
        return 200, "phpbb_member.html", {"person": person}


def _message(
    title: str, text: str, status: int, *, login: bool = False
) -> tuple[int, str, dict[str, Any]]:
    return status, "phpbb_message.html", {"title": title, "text": text, "login": login}


def _page_start(asked: int, total: int, size: int) -> int:
    """Return the first row of the page that holds ``asked``; the last page when beyond it."""
    return min(asked, max(total - 1, 0)) // size * size
