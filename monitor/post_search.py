"""Finding stored posts by their words: FTS5 on SQLite, a GIN index on PostgreSQL.

Both are kept by the database itself, so that whatever writes or erases a post needs to know
nothing of them.
"""

import re

from sqlalchemy import select as plain_select
from sqlalchemy import text
from sqlmodel import Session, col, select

from models import Post

LOOKED_AT = 2_000
"""Newest posts with the words whose threads are offered."""
WORDS_LIMIT = 8
LEAST_PREFIX = 3
"""Letters from which a word also stands for the longer words it begins: endings are many."""


def threads_with(session: Session, words: str) -> list[int]:
    """Return the ids of threads with a post that holds all ``words``.

    Case does not matter, nor on SQLite do accents; a word of three letters or more also finds
    longer ones that begin with it. Looks at the newest 2,000 posts that fit.
    """
    parts = re.findall(r"\w+", words.lower())[:WORDS_LIMIT]
    if not parts:
        return []
    if session.get_bind().dialect.name == "sqlite":
        wanted = " ".join(
            f'"{part}"' + ("*" if len(part) >= LEAST_PREFIX else "") for part in parts
        )
        hits = (
            plain_select(text("rowid AS id"))
            .select_from(text("post_search"))
            .where(text("post_search MATCH :wanted").bindparams(wanted=wanted))
            .order_by(text("rowid DESC"))
            .limit(LOOKED_AT)
        )
        found = select(Post.thread_id).where(col(Post.id).in_(hits))
        return sorted({*session.exec(found)})
    wanted = " & ".join(f"{part}:*" if len(part) >= LEAST_PREFIX else part for part in parts)
    fits = text("to_tsvector('simple', post.text) @@ to_tsquery('simple', :wanted)").bindparams(
        wanted=wanted
    )
    newest = select(Post.thread_id).where(fits).order_by(col(Post.id).desc()).limit(LOOKED_AT)
    return sorted({*session.exec(newest)})
