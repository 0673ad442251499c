"""The scripts and styles of the frontend's pages, so that pods of one build have those of another.

Only the frontend reads and writes the table: docker/frontend/lib/page-files.ts.
"""

import sqlalchemy as sa
from alembic import op

revision = "0004_page_file"
down_revision = "0003_task_priority_and_version"
older_code_works = True


def upgrade() -> None:
    op.create_table(
        "page_file",
        sa.Column("path", sa.Text, primary_key=True),
        sa.Column("content", sa.LargeBinary, nullable=False),
        sa.Column(
            "seen",
            sa.TIMESTAMP(timezone=True),
            nullable=False,
            server_default=sa.text("CURRENT_TIMESTAMP"),
        ),
        if_not_exists=True,
    )


def downgrade() -> None:
    op.drop_table("page_file")
