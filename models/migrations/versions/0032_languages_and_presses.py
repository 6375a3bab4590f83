"""In which language an agent is spoken to; presses that were taken and not acted upon yet."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "0032"
down_revision: str | None = "0031"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def upgrade() -> None:
    """Apply the change."""
    op.add_column("agent", sa.Column("speech", sa.String(length=8), nullable=True))
    op.add_column("agent", sa.Column("slack_locale", sa.String(length=16), nullable=True))
    op.add_column("slack_press", sa.Column("body", sa.JSON(), nullable=True))


def downgrade() -> None:
    """Undo the change."""
    op.drop_column("slack_press", "body")
    op.drop_column("agent", "slack_locale")
    op.drop_column("agent", "speech")
