"""Finding stored posts by their words: FTS5 on SQLite, a GIN index on PostgreSQL.

Both are kept by the database itself, so that whatever writes or erases a post needs to know
nothing of them. What is erased is found no more at once; ``forget_words`` takes it out of the
index's own pages, where both databases leave deleted words until they have a use for the room.
"""

import json
import re
from typing import Any

from sqlalchemy import ARRAY, Engine, Integer, Select, literal, text
from sqlalchemy import select as plain_select
from sqlmodel import Session, col, func, select

from models import Post
from models.database import writing

LOOKED_AT = 2_000
"""Newest posts with the words whose threads are offered."""
WORDS_LIMIT = 8
NEWEST_FIRST = 100_000
"""Posts that PostgreSQL looks through before all others: it cannot read its index from the end."""
MERGED_AT_ONCE = 500
"""Pages of the index that SQLite merges in one transaction."""
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
    latest = session.exec(select(func.max(Post.id))).one() or 0
    threads: list[int] = []
    for since in (latest - NEWEST_FIRST, 0):  # of a common word the newest posts have enough
        newest = (
            select(Post.thread_id)
            .where(fits, col(Post.id) > since)
            .order_by(col(Post.id).desc())
            .limit(LOOKED_AT)
        )
        threads = list(session.exec(newest))
        if len(threads) == LOOKED_AT or since <= 0:
            break
    return sorted({*threads})


def as_rows(session: Session, ids: list[int]) -> Select[Any]:
    """Return a query that gives ``ids``: one parameter, where an IN of a thousand takes long."""
    if session.get_bind().dialect.name == "sqlite":
        return plain_select(func.json_each(json.dumps(ids)).table_valued("value").c.value)
    return plain_select(func.unnest(literal(ids, ARRAY(Integer))))


def forget_words(engine: Engine) -> None:
    """Take the words of erased posts out of the files of the search; may be stopped at any point.

    SQLite merges the whole index into one, a few pages at a time, and empties its log of writes.
    PostgreSQL drops the dead rows and makes the index anew beside the old one.
    """
    if engine.dialect.name == "postgresql":
        with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.execute(text("VACUUM post"))
            connection.execute(text("REINDEX INDEX CONCURRENTLY post_search"))
        return
    pages, changed = -MERGED_AT_ONCE, 2  # the first, negative one begins to merge all there is
    while changed >= 2:  # fewer: nothing was left to do
        with writing(engine) as session:
            connection = session.connection()
            before = connection.scalar(text("SELECT total_changes()"))
            merge = "INSERT INTO post_search(post_search, rank) VALUES ('merge', :pages)"
            connection.execute(text(merge).bindparams(pages=pages))
            changed = connection.scalar(text("SELECT total_changes()")) - before
        pages = MERGED_AT_ONCE
    log = engine.raw_connection()
    try:
        log.cursor().execute("PRAGMA wal_checkpoint(TRUNCATE)")
    finally:
        log.close()
