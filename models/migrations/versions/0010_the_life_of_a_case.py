"""The life of a case: states, owners, shifts, timers, deliveries, feedback."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

import models.base

revision: str = "0010"
down_revision: str | None = "0003"
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

    op.create_table(
        "broken_channel",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("channel", sa.String(length=24), nullable=False),
        sa.Column("room", sa.String(length=320), nullable=False),
        sa.Column("reason", sa.String(length=1000), nullable=False),
        sa.Column("since", models.base.UtcDateTime(timezone=True), nullable=False),
        sa.Column("try_at", models.base.UtcDateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_broken_channel")),
        sa.UniqueConstraint("channel", "room", name="uq_broken_channel_room"),
    )
    op.create_table(
        "opt_out",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("source_id", sa.Integer(), nullable=False),
        sa.Column("external_id", sa.String(length=300), nullable=False),
        sa.Column("agent_id", sa.Integer(), nullable=True),
        sa.Column("note", sa.String(length=1000), nullable=False),
        sa.Column("at", models.base.UtcDateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["agent_id"], ["agent.id"], name=op.f("fk_opt_out_agent_id")),
        sa.ForeignKeyConstraint(
            ["source_id"], ["source.id"], name=op.f("fk_opt_out_source_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_opt_out")),
        sa.UniqueConstraint("source_id", "external_id", name="uq_opt_out_author"),
    )
    op.create_table(
        "quiet_alias",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("brand_id", sa.Integer(), nullable=False),
        sa.Column("alias", sa.String(length=200), nullable=False),
        sa.Column("right", sa.Integer(), nullable=False),
        sa.Column("votes", sa.Integer(), nullable=False),
        sa.Column("since", models.base.UtcDateTime(timezone=True), nullable=False),
        sa.Column("undone_at", models.base.UtcDateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["brand_id"], ["brand.id"], name=op.f("fk_quiet_alias_brand_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_quiet_alias")),
    )
    with op.batch_alter_table("quiet_alias", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_quiet_alias_brand_id"), ["brand_id"], unique=False)

    op.create_table(
        "threshold",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("brand_id", sa.Integer(), nullable=False),
        sa.Column("checkpoint", sa.String(length=200), nullable=False),
        sa.Column("negative", sa.Float(), nullable=False),
        sa.Column("figures", sa.JSON(), nullable=False),
        sa.Column("made_at", models.base.UtcDateTime(timezone=True), nullable=False),
        sa.Column("undone_at", models.base.UtcDateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["brand_id"], ["brand.id"], name=op.f("fk_threshold_brand_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_threshold")),
    )
    with op.batch_alter_table("threshold", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_threshold_brand_id"), ["brand_id"], unique=False)

    op.create_table(
        "contact",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("author_id", sa.Integer(), nullable=False),
        sa.Column("case_id", sa.Integer(), nullable=False),
        sa.Column("agent_id", sa.Integer(), nullable=True),
        sa.Column("at", models.base.UtcDateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["agent_id"], ["agent.id"], name=op.f("fk_contact_agent_id")),
        sa.ForeignKeyConstraint(
            ["author_id"], ["author.id"], name=op.f("fk_contact_author_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["case_id"], ["case.id"], name=op.f("fk_contact_case_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_contact")),
    )
    with op.batch_alter_table("contact", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_contact_author_id"), ["author_id"], unique=False)

    op.create_table(
        "label",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("post_id", sa.Integer(), nullable=False),
        sa.Column("brand_id", sa.Integer(), nullable=False),
        sa.Column("case_id", sa.Integer(), nullable=False),
        sa.Column("source_id", sa.Integer(), nullable=False),
        sa.Column("agent_id", sa.Integer(), nullable=True),
        sa.Column("verdict", sa.String(length=24), nullable=False),
        sa.Column("alias", sa.String(length=200), nullable=False),
        sa.Column("text_hash", sa.String(length=32), nullable=False),
        sa.Column("checkpoint", sa.String(length=200), nullable=False),
        sa.Column("language", sa.String(length=8), nullable=False),
        sa.Column("negative", sa.Float(), nullable=True),
        sa.Column("at", models.base.UtcDateTime(timezone=True), nullable=False),
        sa.Column("withdrawn_at", models.base.UtcDateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["agent_id"], ["agent.id"], name=op.f("fk_label_agent_id")),
        sa.ForeignKeyConstraint(
            ["brand_id"], ["brand.id"], name=op.f("fk_label_brand_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["case_id"], ["case.id"], name=op.f("fk_label_case_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["post_id"], ["post.id"], name=op.f("fk_label_post_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["source_id"], ["source.id"], name=op.f("fk_label_source_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_label")),
    )
    with op.batch_alter_table("label", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_label_brand_id"), ["brand_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_label_case_id"), ["case_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_label_post_id"), ["post_id"], unique=False)

    op.create_table(
        "timer",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("case_id", sa.Integer(), nullable=False),
        sa.Column("turn", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("step", sa.Integer(), nullable=False),
        sa.Column("due_at", models.base.UtcDateTime(timezone=True), nullable=False),
        sa.Column("done_at", models.base.UtcDateTime(timezone=True), nullable=True),
        sa.Column("outcome", sa.String(length=200), nullable=False),
        sa.ForeignKeyConstraint(
            ["case_id"], ["case.id"], name=op.f("fk_timer_case_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_timer")),
        sa.UniqueConstraint("case_id", "turn", "kind", "step", name="uq_timer_once"),
    )
    with op.batch_alter_table("timer", schema=None) as batch_op:
        batch_op.create_index("ix_timer_due", ["done_at", "due_at"], unique=False)

    with op.batch_alter_table("alert", schema=None) as batch_op:
        batch_op.add_column(
            sa.Column("key", sa.String(length=120), nullable=False, server_default="")
        )
        batch_op.add_column(
            sa.Column("kind", sa.String(length=8), nullable=False, server_default="alert")
        )
    op.execute("UPDATE alert SET key = 'case ' || case_id || ' ' || level")
    with op.batch_alter_table("alert", schema=None) as batch_op:
        batch_op.alter_column("case_id", existing_type=sa.INTEGER(), nullable=True)
        batch_op.drop_constraint(batch_op.f("uq_alert_level"), type_="unique")
        batch_op.create_index(batch_op.f("ix_alert_case_id"), ["case_id"], unique=False)
        batch_op.create_unique_constraint("uq_alert_key", ["key"])

    with op.batch_alter_table("delivery", schema=None) as batch_op:
        batch_op.add_column(
            sa.Column("held", sa.Boolean(), nullable=False, server_default=sa.false())
        )
        batch_op.add_column(sa.Column("summary_id", sa.Integer(), nullable=True))
        batch_op.alter_column(
            "room",
            existing_type=sa.VARCHAR(length=64),
            type_=sa.String(length=320),
            existing_nullable=False,
        )
        batch_op.alter_column(
            "receipt",
            existing_type=sa.VARCHAR(length=64),
            type_=sa.String(length=200),
            existing_nullable=True,
        )
        batch_op.create_foreign_key(
            batch_op.f("fk_delivery_summary_id"),
            "delivery",
            ["summary_id"],
            ["id"],
            ondelete="SET NULL",
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
    op.execute(
        "DELETE FROM alert WHERE kind <> 'alert' OR key <> 'case ' || case_id || ' ' || level"
    )
    op.execute("UPDATE delivery SET state = 'pending' WHERE state IN ('sending', 'unknown')")
    with op.batch_alter_table("delivery", schema=None) as batch_op:
        batch_op.drop_constraint(batch_op.f("fk_delivery_summary_id"), type_="foreignkey")
        batch_op.alter_column(
            "receipt",
            existing_type=sa.String(length=200),
            type_=sa.VARCHAR(length=64),
            existing_nullable=True,
        )
        batch_op.alter_column(
            "room",
            existing_type=sa.String(length=320),
            type_=sa.VARCHAR(length=64),
            existing_nullable=False,
        )
        batch_op.drop_column("summary_id")
        batch_op.drop_column("held")

    with op.batch_alter_table("alert", schema=None) as batch_op:
        batch_op.drop_constraint("uq_alert_key", type_="unique")
        batch_op.drop_index(batch_op.f("ix_alert_case_id"))
        batch_op.create_unique_constraint(batch_op.f("uq_alert_level"), ["case_id", "level"])
        batch_op.alter_column("case_id", existing_type=sa.INTEGER(), nullable=False)
        batch_op.drop_column("kind")
        batch_op.drop_column("key")

    with op.batch_alter_table("timer", schema=None) as batch_op:
        batch_op.drop_index("ix_timer_due")

    op.drop_table("timer")
    with op.batch_alter_table("label", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_label_post_id"))
        batch_op.drop_index(batch_op.f("ix_label_case_id"))
        batch_op.drop_index(batch_op.f("ix_label_brand_id"))

    op.drop_table("label")
    with op.batch_alter_table("contact", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_contact_author_id"))

    op.drop_table("contact")
    with op.batch_alter_table("threshold", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_threshold_brand_id"))

    op.drop_table("threshold")
    with op.batch_alter_table("quiet_alias", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_quiet_alias_brand_id"))

    op.drop_table("quiet_alias")
    op.drop_table("opt_out")
    op.drop_table("broken_channel")
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
