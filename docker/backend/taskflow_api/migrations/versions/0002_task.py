"""The tasks of a user, deleted with the account."""

import sqlalchemy as sa
from alembic import op

revision = "0002_task"
down_revision = "0001_authentication"
older_code_works = True


def upgrade() -> None:
    op.create_table(
        "task",
        sa.Column("id", sa.Uuid, primary_key=True),
        sa.Column(
            "owner_id", sa.Text, sa.ForeignKey("user.id", ondelete="CASCADE"), nullable=False
        ),
        sa.Column("title", sa.Text, nullable=False),
        sa.Column("notes", sa.Text, nullable=False),
        sa.Column("done", sa.Boolean, nullable=False),
        sa.Column("due", sa.Date),
        sa.Column(
            "created_at", sa.TIMESTAMP(timezone=True), nullable=False, server_default=sa.func.now()
        ),
        sa.Column(
            "updated_at", sa.TIMESTAMP(timezone=True), nullable=False, server_default=sa.func.now()
        ),
    )
    # The one order in which tasks are listed; read backwards it is newest first.
    op.create_index("task_owner_created_idx", "task", ["owner_id", "created_at", "id"])


def downgrade() -> None:
    op.drop_table("task")
