"""Fill a Spirit forum through its own models; run by Spirit's Python, within its project.

Prints one line of JSON: a list of the messages that a guest must see, each with ``post_id``,
``thread_title``, ``number``, ``author``, ``author_id``, ``text``, ``edited``, ``posted_at`` (UTC,
to the minute, as the page shows it) and ``quotes`` (whom it quotes).
"""

import json
import sys
from datetime import UTC, datetime, timedelta

from django.contrib.auth import get_user_model
from spirit.category.models import Category
from spirit.comment.models import Comment
from spirit.core.utils.markdown import Markdown, quotify
from spirit.topic.models import Topic

START = datetime(2026, 10, 9, 7, 30, tzinfo=UTC)
THREADS = (
    ("Internet znika wieczorami", 3),
    ("Zasady działu", 1),
    ("Оплата прошла дважды", 4),
    ("Which router, please?", 45),
)


def main() -> None:
    users = [
        get_user_model().objects.create_user(name, f"{name}@example.com", "unused")
        for name in ("hanka", "misha.k", "o_brien")
    ]
    board = Category.objects.create(title="Sieci i łącza")
    told = []
    for row, (title, count) in enumerate(THREADS):
        topic = Topic.objects.create(
            title=title, category=board, user=users[row % 3], is_pinned=count == 1
        )
        for place in range(count):
            user, when = users[(row + place) % 3], START + timedelta(hours=row, minutes=7 * place)
            words = f"Wiadomość {place + 1}, да, and **more** about it."
            quoted = users[row % 3].username if place == 2 else None
            markdown = quotify("Słowa przedtem", quoted) + words if quoted else words
            comment = Comment.objects.create(
                comment=markdown,
                comment_html=Markdown().render(markdown),
                topic=topic,
                user=user,
                modified_count=1 if place == 1 else 0,
            )
            Comment.objects.filter(pk=comment.pk).update(date=when)
            told.append(
                {
                    "post_id": str(comment.pk),
                    "thread_title": title,
                    "number": place + 1,
                    "author": user.username,
                    "author_id": str(user.pk),
                    "text": words.replace("**", ""),
                    "edited": place == 1,
                    "posted_at": when.replace(second=0).isoformat().replace("+00:00", "Z"),
                    "quotes": [quoted] if quoted else [],
                }
            )
        removed = Comment.objects.create(
            comment="x", comment_html="<p>x</p>", topic=topic, user=users[0], is_removed=True
        )
        Comment.create_moderation_action(user=users[0], topic=topic, action=Comment.CLOSED)
        last = START + timedelta(hours=row, minutes=7 * (count - 1))
        Topic.objects.filter(pk=topic.pk).update(comment_count=count + 2, last_active=last)
        assert removed.is_removed
    sys.stdout.write(json.dumps(told))


main()
