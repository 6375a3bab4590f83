"""Counts that trends are drawn from, a search through the posts, indexes for the pages."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

import models.base

revision: str = "0020"
down_revision: str | None = "0011"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None

SEARCH_SQLITE = (
    "CREATE VIRTUAL TABLE post_search USING fts5(text, content='post', content_rowid='id', "
    "tokenize='unicode61 remove_diacritics 2', prefix='3 5')",
    "CREATE TRIGGER post_search_insert AFTER INSERT ON post BEGIN "
    "INSERT INTO post_search(rowid, text) VALUES (new.id, new.text); END",
    "CREATE TRIGGER post_search_delete AFTER DELETE ON post BEGIN "
    "INSERT INTO post_search(post_search, rowid, text) VALUES ('delete', old.id, old.text); END",
    "CREATE TRIGGER post_search_update AFTER UPDATE OF text ON post BEGIN "
    "INSERT INTO post_search(post_search, rowid, text) VALUES ('delete', old.id, old.text); "
    "INSERT INTO post_search(rowid, text) VALUES (new.id, new.text); END",
    "INSERT INTO post_search(post_search) VALUES ('rebuild')",
)
SEARCH_POSTGRESQL = ("CREATE INDEX post_search ON post USING gin (to_tsvector('simple', text))",)


def upgrade() -> None:
    """Apply the change. Threads count as not yet gone through, so that their counts are made."""
    op.create_table(
        "tally",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("thread_id", sa.Integer(), nullable=False),
        sa.Column("brand_id", sa.Integer(), nullable=False),
        sa.Column("source_id", sa.Integer(), nullable=False),
        sa.Column("hour", models.base.UtcDateTime(timezone=True), nullable=False),
        sa.Column("language", sa.String(length=8), nullable=False),
        sa.Column("topic", sa.String(length=32), nullable=False),
        sa.Column("mentions", sa.Integer(), nullable=False),
        sa.Column("judged", sa.Integer(), nullable=False),
        sa.Column("negative", sa.Integer(), nullable=False),
        sa.Column("rivals", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["brand_id"], ["brand.id"], name=op.f("fk_tally_brand_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["source_id"], ["source.id"], name=op.f("fk_tally_source_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["thread_id"], ["thread.id"], name=op.f("fk_tally_thread_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_tally")),
        sa.UniqueConstraint(
            "thread_id", "brand_id", "hour", "language", "topic", name="uq_tally_hour"
        ),
    )
    op.create_index(
        "ix_tally_hour",
        "tally",
        ["hour", "brand_id", "source_id", "topic", "mentions", "judged", "negative", "rivals"],
    )
    op.create_index(op.f("ix_tally_brand_id"), "tally", ["brand_id"])
    op.create_index(op.f("ix_tally_source_id"), "tally", ["source_id"])
    op.drop_index("ix_activity_hour", table_name="activity")
    op.create_index("ix_activity_counts", "activity", ["hour", "thread_id", "posts"])
    op.create_index("ix_case_opened_at", "case", ["opened_at"])
    op.create_index("ix_crawl_run_started_at", "crawl_run", ["started_at"])
    op.execute("UPDATE thread SET judged = NULL")
    dialect = op.get_bind().dialect.name
    for statement in SEARCH_SQLITE if dialect == "sqlite" else SEARCH_POSTGRESQL:
        op.execute(statement)


def downgrade() -> None:
    """Undo the change."""
    if op.get_bind().dialect.name == "sqlite":
        for name in ("insert", "delete", "update"):
            op.execute(f"DROP TRIGGER post_search_{name}")
        op.execute("DROP TABLE post_search")
    else:
        op.execute("DROP INDEX post_search")
    op.drop_index("ix_crawl_run_started_at", table_name="crawl_run")
    op.drop_index("ix_case_opened_at", table_name="case")
    op.drop_index("ix_activity_counts", table_name="activity")
    op.create_index("ix_activity_hour", "activity", ["hour"])
    op.drop_table("tally")
