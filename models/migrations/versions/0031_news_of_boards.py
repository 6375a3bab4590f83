"""What tells the news of a board, beside the time of its newest message."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "0031"
down_revision: str | None = "0030"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def upgrade() -> None:
    """Apply the change."""
    with op.batch_alter_table("list_page", schema=None) as batch_op:
        batch_op.add_column(sa.Column("stamp", sa.String(length=64), nullable=True))


def downgrade() -> None:
    """Take the change back."""
    with op.batch_alter_table("list_page", schema=None) as batch_op:
        batch_op.drop_column("stamp")
