"""Indexes for what the pages count: happenings by time, crawls with their pages."""

from collections.abc import Sequence

from alembic import op

revision: str = "0033"
down_revision: str | None = "0032"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def upgrade() -> None:
    """Apply the change."""
    op.create_index("ix_case_event_at", "case_event", ["at", "case_id"])
    op.create_index("ix_crawl_run_counts", "crawl_run", ["started_at", "source_id", "pages"])
    op.drop_index("ix_crawl_run_started_at", table_name="crawl_run")


def downgrade() -> None:
    """Undo the change."""
    op.create_index("ix_crawl_run_started_at", "crawl_run", ["started_at"])
    op.drop_index("ix_crawl_run_counts", table_name="crawl_run")
    op.drop_index("ix_case_event_at", table_name="case_event")
