"""The life of a case: states, owners, shifts."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

import models.base

revision: str = "0010"
down_revision: str | None = "0001"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def upgrade() -> None:
    """Apply the change."""
    op.create_table(
        "day_off",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("agent_id", sa.Integer(), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.ForeignKeyConstraint(
            ["agent_id"], ["agent.id"], name=op.f("fk_day_off_agent_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_day_off")),
        sa.UniqueConstraint("agent_id", "day", name="uq_day_off_day"),
    )
    op.create_table(
        "shift",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("agent_id", sa.Integer(), nullable=False),
        sa.Column("weekday", sa.Integer(), nullable=False),
        sa.Column("start", sa.Integer(), nullable=False),
        sa.Column("end", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["agent_id"], ["agent.id"], name=op.f("fk_shift_agent_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_shift")),
        sa.UniqueConstraint("agent_id", "weekday", "start", name="uq_shift_start"),
    )
    with op.batch_alter_table("agent", schema=None) as batch_op:
        batch_op.add_column(sa.Column("email", sa.String(length=320), nullable=True))
        batch_op.add_column(
            sa.Column("role", sa.String(length=8), nullable=False, server_default="agent")
        )
        batch_op.add_column(
            sa.Column("team", sa.String(length=100), nullable=False, server_default="")
        )
        batch_op.add_column(
            sa.Column("timezone", sa.String(length=64), nullable=False, server_default="UTC")
        )
        batch_op.add_column(
            sa.Column("on_call", sa.Boolean(), nullable=False, server_default=sa.false())
        )
        batch_op.add_column(
            sa.Column("paused_until", models.base.UtcDateTime(timezone=True), nullable=True)
        )

    with op.batch_alter_table("case", schema=None) as batch_op:
        batch_op.add_column(sa.Column("turn", sa.Integer(), nullable=False, server_default="0"))
        batch_op.add_column(
            sa.Column("owned_since", models.base.UtcDateTime(timezone=True), nullable=True)
        )
        batch_op.add_column(sa.Column("held_state", sa.String(length=16), nullable=True))
        batch_op.add_column(
            sa.Column("snoozed_until", models.base.UtcDateTime(timezone=True), nullable=True)
        )
        batch_op.add_column(
            sa.Column("contacted_at", models.base.UtcDateTime(timezone=True), nullable=True)
        )
        batch_op.add_column(
            sa.Column("closed_at", models.base.UtcDateTime(timezone=True), nullable=True)
        )
        batch_op.add_column(sa.Column("escalated_to", sa.String(length=8), nullable=True))

    with op.batch_alter_table("case_event", schema=None) as batch_op:
        batch_op.add_column(sa.Column("how", sa.String(length=8), nullable=True))
        batch_op.add_column(sa.Column("from_state", sa.String(length=16), nullable=True))
        batch_op.add_column(sa.Column("to_state", sa.String(length=16), nullable=True))
        batch_op.add_column(sa.Column("from_agent_id", sa.Integer(), nullable=True))
        batch_op.add_column(sa.Column("to_agent_id", sa.Integer(), nullable=True))
        batch_op.add_column(
            sa.Column("reason", sa.String(length=32), nullable=False, server_default="")
        )
        batch_op.add_column(
            sa.Column("note", sa.String(length=1000), nullable=False, server_default="")
        )
        batch_op.add_column(
            sa.Column("until", models.base.UtcDateTime(timezone=True), nullable=True)
        )
        batch_op.create_foreign_key(
            batch_op.f("fk_case_event_from_agent_id"), "agent", ["from_agent_id"], ["id"]
        )
        batch_op.create_foreign_key(
            batch_op.f("fk_case_event_to_agent_id"), "agent", ["to_agent_id"], ["id"]
        )

    _rename(("open", "new"), ("resolved", "solved"))
    event = 'SELECT min(at) FROM case_event WHERE case_id = "case".id AND kind ='
    op.execute(f"UPDATE \"case\" SET contacted_at = ({event} 'contacted')")  # noqa: S608
    op.execute(
        f'UPDATE "case" SET closed_at = ({event} state) '  # noqa: S608
        "WHERE state IN ('solved', 'dismissed')"
    )


def _rename(*pairs: tuple[str, str]) -> None:
    for old, new in pairs:
        op.execute(f"UPDATE \"case\" SET state = '{new}' WHERE state = '{old}'")  # noqa: S608
        op.execute(f"UPDATE case_event SET kind = '{new}' WHERE kind = '{old}'")  # noqa: S608


def downgrade() -> None:
    """Take the change back."""
    _rename(("new", "open"), ("snoozed", "open"), ("escalated", "open"), ("solved", "resolved"))
    with op.batch_alter_table("case_event", schema=None) as batch_op:
        batch_op.drop_constraint(batch_op.f("fk_case_event_to_agent_id"), type_="foreignkey")
        batch_op.drop_constraint(batch_op.f("fk_case_event_from_agent_id"), type_="foreignkey")
        batch_op.drop_column("until")
        batch_op.drop_column("note")
        batch_op.drop_column("reason")
        batch_op.drop_column("to_agent_id")
        batch_op.drop_column("from_agent_id")
        batch_op.drop_column("to_state")
        batch_op.drop_column("from_state")
        batch_op.drop_column("how")

    with op.batch_alter_table("case", schema=None) as batch_op:
        batch_op.drop_column("escalated_to")
        batch_op.drop_column("closed_at")
        batch_op.drop_column("contacted_at")
        batch_op.drop_column("snoozed_until")
        batch_op.drop_column("held_state")
        batch_op.drop_column("owned_since")
        batch_op.drop_column("turn")

    with op.batch_alter_table("agent", schema=None) as batch_op:
        batch_op.drop_column("paused_until")
        batch_op.drop_column("on_call")
        batch_op.drop_column("timezone")
        batch_op.drop_column("team")
        batch_op.drop_column("role")
        batch_op.drop_column("email")

    op.drop_table("shift")
    op.drop_table("day_off")
