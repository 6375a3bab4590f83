"""Which account changed a case without an agent; how often a timer broke."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "0036"
down_revision: str | None = "0035"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def upgrade() -> None:
    """Apply the change."""
    with op.batch_alter_table("case_event", schema=None) as batch_op:
        batch_op.add_column(
            sa.Column("account", sa.String(length=320), nullable=False, server_default="")
        )
    with op.batch_alter_table("timer", schema=None) as batch_op:
        batch_op.add_column(sa.Column("tries", sa.Integer(), nullable=False, server_default="0"))


def downgrade() -> None:
    """Take the change back."""
    with op.batch_alter_table("timer", schema=None) as batch_op:
        batch_op.drop_column("tries")
    with op.batch_alter_table("case_event", schema=None) as batch_op:
        batch_op.drop_column("account")
