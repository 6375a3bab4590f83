"""Messages on Slack, and presses taken from there."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

import models.base

revision: str = "0011"
down_revision: str | None = "0010"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def upgrade() -> None:
    """Apply the change."""
    op.create_table(
        "slack_press",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("at", models.base.UtcDateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_slack_press")),
        sa.UniqueConstraint("name", name="uq_slack_press_name"),
    )
    with op.batch_alter_table("slack_press", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_slack_press_at"), ["at"], unique=False)

    op.create_table(
        "slack_card",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("case_id", sa.Integer(), nullable=False),
        sa.Column("delivery_id", sa.Integer(), nullable=False),
        sa.Column("room", sa.String(length=64), nullable=False),
        sa.Column("ts", sa.String(length=64), nullable=False),
        sa.Column("shown_hash", sa.String(length=32), nullable=False),
        sa.Column("shown_at", models.base.UtcDateTime(timezone=True), nullable=False),
        sa.Column("told_event_id", sa.Integer(), nullable=False),
        sa.Column("doubtful_event_id", sa.Integer(), nullable=True),
        sa.Column("not_before", models.base.UtcDateTime(timezone=True), nullable=False),
        sa.Column("leased_until", models.base.UtcDateTime(timezone=True), nullable=True),
        sa.Column("error", sa.String(length=1000), nullable=False),
        sa.Column("gone", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(
            ["case_id"], ["case.id"], name=op.f("fk_slack_card_case_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["delivery_id"],
            ["delivery.id"],
            name=op.f("fk_slack_card_delivery_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_slack_card")),
        sa.UniqueConstraint("case_id", "room", name="uq_slack_card_case"),
        sa.UniqueConstraint("room", "ts", name="uq_slack_card_ts"),
    )


def downgrade() -> None:
    """Take the change back."""
    op.drop_table("slack_card")
    with op.batch_alter_table("slack_press", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_slack_press_at"))

    op.drop_table("slack_press")
