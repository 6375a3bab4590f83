"""An author's own page on the site, for places where nobody can be written to by a form."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "0034"
down_revision: str | None = "0033"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def upgrade() -> None:
    """Apply the change."""
    op.add_column("author", sa.Column("profile_url", sa.String(length=2000), nullable=True))


def downgrade() -> None:
    """Undo the change."""
    op.drop_column("author", "profile_url")
