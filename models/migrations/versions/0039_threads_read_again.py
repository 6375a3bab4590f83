"""When a thread was read last."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

import models.base

revision: str = "0039"
down_revision: str | None = "0038"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def upgrade() -> None:
    """Apply the change."""
    op.add_column(
        "thread", sa.Column("read_at", models.base.UtcDateTime(timezone=True), nullable=True)
    )


def downgrade() -> None:
    """Undo the change."""
    with op.batch_alter_table("thread") as table:
        table.drop_column("read_at")
