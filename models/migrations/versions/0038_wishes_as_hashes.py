"""Who asked not to be written to is known by a salted hash, like who is not to be stored."""

import hashlib
import secrets
from collections.abc import Sequence
from urllib.parse import urlsplit

import sqlalchemy as sa
from alembic import op

revision: str = "0038"
down_revision: str | None = "0037"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def upgrade() -> None:
    """Apply the change; who already asked is hashed."""
    with op.batch_alter_table("opt_out", schema=None) as batch_op:
        batch_op.add_column(
            sa.Column("author_hash", sa.String(length=64), nullable=False, server_default="")
        )
        batch_op.add_column(
            sa.Column("salt", sa.String(length=64), nullable=False, server_default="")
        )
    bind = op.get_bind()
    salt = bind.execute(sa.text("SELECT salt FROM objection")).scalar() or secrets.token_hex(16)
    asked = bind.execute(
        sa.text(
            "SELECT opt_out.id, source.address, opt_out.external_id FROM opt_out "
            "JOIN source ON source.id = opt_out.source_id"
        )
    ).all()
    for number, address, external_id in asked:
        host = (urlsplit(address).hostname or "").removeprefix("www.")
        known = hashlib.sha256(f"{salt}\x1f{host}\x1f{external_id}".encode()).hexdigest()
        bind.execute(
            sa.text("UPDATE opt_out SET author_hash = :known, salt = :salt WHERE id = :number"),
            {"known": known, "salt": salt, "number": number},
        )
    with op.batch_alter_table("opt_out", schema=None) as batch_op:
        batch_op.drop_constraint("uq_opt_out_author", type_="unique")
        batch_op.drop_column("external_id")
        batch_op.create_unique_constraint("uq_opt_out_author", ["source_id", "author_hash"])
        batch_op.alter_column("author_hash", server_default=None)
        batch_op.alter_column("salt", server_default=None)


def downgrade() -> None:
    """Take the change back; nobody can tell an id from its hash, which stands in its place."""
    with op.batch_alter_table("opt_out", schema=None) as batch_op:
        batch_op.drop_constraint("uq_opt_out_author", type_="unique")
        batch_op.alter_column(
            "author_hash",
            new_column_name="external_id",
            existing_type=sa.String(length=64),
            type_=sa.String(length=300),
        )
        batch_op.drop_column("salt")
        batch_op.create_unique_constraint("uq_opt_out_author", ["source_id", "external_id"])
