"""How a source's times are written, how it fares, and what its lists were like."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

import models.base

revision: str = "0003"
down_revision: str | None = "0001"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def upgrade() -> None:
    """Apply the change."""
    op.create_table(
        "list_page",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("source_id", sa.Integer(), nullable=False),
        sa.Column("key", sa.String(length=32), nullable=False),
        sa.Column("etag", sa.String(length=200), nullable=True),
        sa.Column("last_modified", sa.String(length=200), nullable=True),
        sa.Column("last_posted_at", models.base.UtcDateTime(timezone=True), nullable=True),
        sa.Column("kept_at", models.base.UtcDateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["source_id"],
            ["source.id"],
            name=op.f("fk_list_page_source_id_source"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_list_page")),
        sa.UniqueConstraint("source_id", "key", name="uq_list_page_key"),
    )
    moment = models.base.UtcDateTime(timezone=True)
    empty_list, empty_table = sa.text("'[]'"), sa.text("'{}'")
    for column in (
        sa.Column("timezone_how", sa.String(length=200), nullable=True),
        sa.Column("timezone_evidence", sa.JSON(), nullable=False, server_default=empty_list),
        sa.Column("date_order_how", sa.String(length=200), nullable=True),
        sa.Column("selectors", sa.JSON(), nullable=False, server_default=empty_table),
        sa.Column("health", sa.String(length=8), nullable=False, server_default="green"),
        sa.Column("health_note", sa.String(length=600), nullable=False, server_default=""),
        sa.Column("hot_run_at", moment, nullable=True),
    ):
        op.add_column("source", column)
    op.add_column(
        "crawl_run", sa.Column("hot", sa.Boolean(), nullable=False, server_default=sa.false())
    )
    for name in ("listed", "list_pages", "authors", "dated"):
        op.add_column(
            "crawl_run", sa.Column(name, sa.Integer(), nullable=False, server_default="0")
        )
    op.execute("UPDATE source SET timezone_how = 'as you say' WHERE timezone <> 'UTC'")
    op.execute("UPDATE source SET date_order_how = 'as you say' WHERE date_order IS NOT NULL")


def downgrade() -> None:
    """Take the change back."""
    for name in ("dated", "authors", "list_pages", "listed", "hot"):
        op.drop_column("crawl_run", name)
    for name in (
        "hot_run_at",
        "health_note",
        "health",
        "selectors",
        "date_order_how",
        "timezone_evidence",
        "timezone_how",
    ):
        op.drop_column("source", name)
    op.drop_table("list_page")
