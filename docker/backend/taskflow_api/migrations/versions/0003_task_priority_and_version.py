"""A task's priority, and its version, which clients name when they change it.

The database counts the version, so that changes by pods of the release before are counted, too.
"""

import sqlalchemy as sa
from alembic import op

revision = "0003_task_priority_and_version"
down_revision = "0002_task"
older_code_works = True


def upgrade() -> None:
    # 0 low, 1 normal, 2 high: taskflow_api.tasks.PRIORITIES
    op.add_column(
        "task", sa.Column("priority", sa.SmallInteger, nullable=False, server_default="1")
    )
    op.create_check_constraint("task_priority_check", "task", "priority between 0 and 2")
    op.add_column("task", sa.Column("version", sa.Integer, nullable=False, server_default="1"))
    # "or replace": where the tables were dropped by hand the function may still be there.
    op.execute("""
        create or replace function count_task_version() returns trigger language plpgsql as $$
        begin
            new.version := old.version + 1;
            return new;
        end
        $$
    """)
    op.execute("""
        create trigger task_version before update on task
        for each row execute function count_task_version()
    """)


def downgrade() -> None:
    op.execute("drop trigger task_version on task")
    op.execute("drop function count_task_version()")
    op.drop_column("task", "version")
    op.drop_column("task", "priority")
