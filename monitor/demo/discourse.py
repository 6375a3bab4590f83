"""The demo's Discourse side: the public JSON of Discourse 3.5 and pages for people.

The pages have the shape of Discourse's crawler view, with schema.org microdata.
"""

import json
import re
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from markupsafe import Markup

from monitor.demo.pages import Answer, Question, templates
from monitor.demo.story import Board, Person, ShownPost, ShownThread, Site, Timeline

LATEST_POSTS = 50
_REGULAR, _SMALL_ACTION = 1, 3
_LOGIN = frozenset({"login", "signup", "new-message", "new-topic", "search"})
_TOPIC_JSON = re.compile(r"/t/(?:[^/]*[^/\d][^/]*/)?(\d+)(?:/(\d+))?\.json")
_TOPIC_POSTS = re.compile(r"/t/(?:[^/]*[^/\d][^/]*/)?(\d+)/posts\.json")
_TOPIC_PAGE = re.compile(r"/t/(?:([^/]*[^/\d][^/]*)/)?(\d+)(?:/(\d+))?/?")
_CATEGORY = re.compile(r"/c/[^/]+/(\d+)(?:/l/latest)?(\.json)?/?")
_NOT_FOUND = {
    "errors": ["The requested URL or resource could not be found."],
    "error_type": "not_found",
}


class DiscoursePages:
    """Answer as a Discourse site would to a guest. ``url`` is its address with a slash."""

    def __init__(self, site: Site, timeline: Timeline, url: str) -> None:
        self.site = site
        self.timeline = timeline
        self.url = url
        self._templates = templates()

    def answer(self, question: Question, now: datetime) -> Answer:
        """Return the JSON or the page asked for; 404 in the same form when there is none."""
        if question.path == "/robots.txt":
            return Answer(body=self.site.robots, content_type="text/plain; charset=utf-8")
        threads = self.timeline.shown(self.site, now)
        if question.path.endswith(".json"):
            found = self._json(question, threads)
            body = json.dumps(_NOT_FOUND if found is None else found, ensure_ascii=False)
            kind = "application/json; charset=utf-8"
            return Answer(body=body, status=404 if found is None else 200, content_type=kind)
        return self._page(question, threads)

    # JSON

    def _json(self, question: Question, threads: Sequence[ShownThread]) -> dict[str, Any] | None:
        path = question.path
        match path:
            case "/latest.json":
                return self._topic_list(threads, question.number("page"), "/latest")
            case "/posts.json":
                return self._latest_posts(threads, question.number("before"))
            case "/categories.json":
                return {"category_list": {"categories": self._categories(threads)}}
            case "/site.json":
                kinds = {"regular": 1, "moderator_action": 2, "small_action": 3, "whisper": 4}
                return {"post_types": kinds, "categories": self._categories(threads)}
            case "/about.json":
                return {"about": self._about(threads)}
        if found := _CATEGORY.fullmatch(path):
            board = self._board(int(found[1]))
            if board is None:
                return None
            inside = [shown for shown in threads if shown.thread.board == board]
            more = f"/c/{board.slug}/{board.id}/l/latest"
            return self._topic_list(inside, question.number("page"), more)
        if found := _TOPIC_POSTS.fullmatch(path):
            shown = _thread(threads, int(found[1]))
            return None if shown is None else self._chosen_posts(shown, question, threads)
        if found := _TOPIC_JSON.fullmatch(path):
            shown = _thread(threads, int(found[1]))
            if shown is None:
                return None
            return self._topic(shown, self._slice(shown, question, found[2]), threads)
        return None

    def _about(self, threads: Sequence[ShownThread]) -> dict[str, Any]:
        posts = sum(len(shown.posts) for shown in threads)
        return {
            "title": self.site.title,
            "description": self.site.description,
            "locale": "en",
            "version": self.site.version,
            "https": False,
            "stats": {
                "topics_count": len(threads),
                "posts_count": posts,
                "users_count": len(self.site.people),
            },
        }

    def _categories(self, threads: Sequence[ShownThread]) -> list[dict[str, Any]]:
        return [
            {
                "id": board.id,
                "name": board.title,
                "slug": board.slug,
                "color": "0e76bd",
                "text_color": "FFFFFF",
                "position": position,
                "description_text": board.description,
                "topic_count": sum(shown.thread.board == board for shown in threads),
                "post_count": sum(len(s.posts) for s in threads if s.thread.board == board),
                "read_restricted": False,
                "parent_category_id": None,
            }
            for position, board in enumerate(self.site.boards)
        ]

    def _board(self, board_id: int) -> Board | None:
        return next((board for board in self.site.boards if board.id == board_id), None)

    def _topic_list(self, threads: Sequence[ShownThread], page: int, more: str) -> dict[str, Any]:
        size = self.site.topics_per_page
        ordered = _by_activity(threads)
        rows = ordered[page * size : (page + 1) * size]
        people = {s.post.author.id: s.post.author for shown in rows for s in shown.posts}
        topics: dict[str, Any] = {
            "can_create_topic": False,
            "per_page": size,
            "topics": [self._summary(shown) | {"posters": _posters(shown)} for shown in rows],
        }
        if len(ordered) > (page + 1) * size:
            topics["more_topics_url"] = f"{more}?no_definitions=true&page={page + 1}"
        return {"users": [_user(person) for person in people.values()], "topic_list": topics}

    def _summary(self, shown: ShownThread) -> dict[str, Any]:
        thread = shown.thread
        spoken = [s for s in shown.posts if not s.post.action]
        return {
            "id": thread.id,
            "title": thread.title,
            "fancy_title": str(Markup.escape(thread.title)),
            "slug": thread.slug,
            "posts_count": len(shown.posts),
            "reply_count": sum(s.post.quote is not None for s in spoken),
            "highest_post_number": shown.posts[-1].post.number,
            "created_at": _iso(shown.posts[0].at),
            "last_posted_at": _iso(shown.bumped_at),
            "bumped": True,
            "bumped_at": _iso(shown.bumped_at),
            "archetype": "regular",
            "pinned": thread.kind == "pinned",
            "pinned_globally": thread.kind == "pinned",
            "visible": True,
            "closed": False,
            "archived": False,
            "tags": [],
            "views": thread.views,
            "like_count": 0,
            "last_poster_username": spoken[-1].post.author.name,
            "category_id": thread.board.id,
        }

    def _topic(
        self, shown: ShownThread, posts: Sequence[ShownPost], threads: Sequence[ShownThread]
    ) -> dict[str, Any] | None:
        if not posts:
            return None
        first, last = shown.posts[0].post.author, shown.posts[-1].post.author
        summary = self._summary(shown)
        del summary["bumped"], summary["bumped_at"], summary["last_poster_username"]
        return {
            "post_stream": {
                "posts": [self._post(s, shown, threads) for s in posts],
                "stream": [s.post.id for s in shown.posts],
            },
            **summary,
            "user_id": first.id,
            "chunk_size": self.site.posts_per_page,
            "deleted_at": None,
            "details": {"created_by": _user(first), "last_poster": _user(last)},
        }

    def _slice(
        self, shown: ShownThread, question: Question, near: str | None
    ) -> Sequence[ShownPost]:
        """Return one page of posts: the one asked for, or the one around a post number."""
        size = self.site.posts_per_page
        if near is not None:
            start = max(min(int(near), len(shown.posts)) - 1 - size // 2, 0)
        else:
            start = (max(question.number("page", 1), 1) - 1) * size
        return shown.posts[start : start + size]

    def _chosen_posts(
        self, shown: ShownThread, question: Question, threads: Sequence[ShownThread]
    ) -> dict[str, Any]:
        asked = question.query.get("post_ids[]", [])
        chosen = [s for s in shown.posts if str(s.post.id) in asked]
        if not asked:
            chosen = list(shown.posts[: self.site.posts_per_page])
        posts = [self._post(s, shown, threads) for s in chosen]
        return {"post_stream": {"posts": posts}, "id": shown.thread.id}

    def _latest_posts(self, threads: Sequence[ShownThread], before: int) -> dict[str, Any]:
        pairs = [(s, shown) for shown in threads for s in shown.posts if not s.post.action]
        pairs = [pair for pair in pairs if not before or pair[0].post.id <= before]
        pairs.sort(key=lambda pair: pair[0].post.id, reverse=True)
        return {
            "latest_posts": [
                self._post(s, shown, threads)
                | {"raw": s.post.text, "topic_title": shown.thread.title}
                | {"category_id": shown.thread.board.id}
                for s, shown in pairs[:LATEST_POSTS]
            ]
        }

    def _post(
        self, s: ShownPost, shown: ShownThread, threads: Sequence[ShownThread]
    ) -> dict[str, Any]:
        post, author, thread = s.post, s.post.author, shown.thread
        same = post.quote is not None and post.quote[0] == thread.key
        return {
            **_user(author),
            "id": post.id,
            "user_id": author.id,
            "display_username": author.full_name,
            "user_title": author.title,
            "created_at": _iso(s.at),
            "updated_at": _iso(s.edited_at or s.at),
            "cooked": self._cooked(s, threads),
            "post_number": post.number,
            "post_type": _SMALL_ACTION if post.action else _REGULAR,
            "action_code": post.action or None,
            "posts_count": len(shown.posts),
            "reply_to_post_number": post.quote[1] if same and post.quote else None,
            "quote_count": int(post.quote is not None),
            "topic_id": thread.id,
            "topic_slug": thread.slug,
            "post_url": f"/t/{thread.slug}/{thread.id}/{post.number}",
            "version": 1 if s.edited_at is None else 2,
            "hidden": False,
            "user_deleted": False,
            "deleted_at": None,
            "accepted_answer": False,
            "admin": author.staff,
            "moderator": author.staff,
            "staff": author.staff,
            "yours": False,
            "wiki": False,
        }

    def _cooked(self, s: ShownPost, threads: Sequence[ShownThread]) -> Markup:
        if s.post.action:
            return Markup()
        quoted = None
        if s.post.quote is not None:
            key, number = s.post.quote
            source = next(shown for shown in threads if shown.thread.key == key)
            quoted = {"post": source.posts[number - 1].post, "topic": source.thread}
        cooked = self._templates.get_template("discourse_cooked.html")
        return Markup(cooked.render(post=s.post, quoted=quoted))  # noqa: S704  autoescaped above

    # Pages for people

    def _page(self, question: Question, threads: Sequence[ShownThread]) -> Answer:
        path = question.path
        if path in {"/", "/latest"}:
            return self._list_page(question, threads, None)
        if found := _CATEGORY.fullmatch(path):
            board = self._board(int(found[1]))
            inside = [shown for shown in threads if shown.thread.board == board]
            if board is not None:
                return self._list_page(question, inside, board)
        if found := _TOPIC_PAGE.fullmatch(path):
            shown = _thread(threads, int(found[2]))
            if shown is not None:
                return self._topic_page(question, shown, threads, found[1], found[3])
        if path.startswith("/u/"):
            name = path.removeprefix("/u/").rstrip("/").removesuffix("/summary")
            person = next((p for p in self.site.people if p.name.lower() == name.lower()), None)
            if person is not None:
                return self._render("discourse_user.html", "users/show", person=person)
        if path.strip("/") in _LOGIN:
            return self._render("discourse_note.html", "static/show", login=True)
        return self._render("discourse_note.html", "exceptions/not_found", status=404, login=False)

    def _list_page(
        self, question: Question, threads: Sequence[ShownThread], board: Board | None
    ) -> Answer:
        page, size = question.number("page"), self.site.topics_per_page
        ordered = _by_activity(threads)
        return self._render(
            "discourse_list.html",
            "list/latest",
            board=board,
            rows=ordered[page * size : (page + 1) * size],
            page=page,
            more=len(ordered) > (page + 1) * size,
            address="/latest" if board is None else f"/c/{board.slug}/{board.id}",
        )

    def _topic_page(
        self,
        question: Question,
        shown: ShownThread,
        threads: Sequence[ShownThread],
        slug: str | None,
        near: str | None,
    ) -> Answer:
        thread, size = shown.thread, self.site.posts_per_page
        if slug != thread.slug:
            target = f"/t/{thread.slug}/{thread.id}" + (f"/{near}" if near else "")
            return Answer(body="", status=301, headers={"Location": target})
        page = max(question.number("page", 1), 1)
        if near is not None:
            page = (max(min(int(near), len(shown.posts)), 1) - 1) // size + 1
        posts = shown.posts[(page - 1) * size : page * size]
        if not posts:
            return self._render(
                "discourse_note.html", "exceptions/not_found", status=404, login=False
            )
        return self._render(
            "discourse_topic.html",
            "topics/show",
            shown=shown,
            posts=[(s, self._cooked(s, threads)) for s in posts],
            page=page,
            more=len(shown.posts) > page * size,
        )

    def _render(self, template: str, route: str, *, status: int = 200, **values: object) -> Answer:
        body = self._templates.get_template(template).render(
            site=self.site, root=self.url, start=self.timeline.start, **values
        )
        return Answer(body=body, status=status, headers={"X-Discourse-Route": route})


def _iso(moment: datetime) -> str:
    return (
        moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.") + f"{moment.microsecond // 1000:03}Z"
    )


def _thread(threads: Sequence[ShownThread], thread_id: int) -> ShownThread | None:
    return next((shown for shown in threads if shown.thread.id == thread_id), None)


def _by_activity(threads: Sequence[ShownThread]) -> list[ShownThread]:
    """Return the threads as the front page lists them: pinned first, then the latest."""
    return sorted(
        threads, key=lambda shown: (shown.thread.kind == "pinned", shown.bumped_at), reverse=True
    )


def _user(person: Person) -> dict[str, Any]:
    return {
        "id": person.id,
        "username": person.name,
        "name": person.full_name,
        "avatar_template": "",
        "trust_level": 4 if person.staff else min(person.posts // 20, 3),
    }


def _posters(shown: ShownThread) -> list[dict[str, Any]]:
    first, last = shown.posts[0].post.author, shown.posts[-1].post.author
    posters = [{"user_id": first.id, "description": "Original Poster", "extras": None}]
    if last.id != first.id:
        posters.append(
            {"user_id": last.id, "description": "Most Recent Poster", "extras": "latest"}
        )
    return posters
