"""Better Auth's core tables, exactly as its own migration makes them.

https://www.better-auth.com/docs/concepts/database#core-schema
A database that Better Auth migrated itself is accepted as it is.
"""

import sqlalchemy as sa
from alembic import op

revision = "0001_authentication"
down_revision = None
older_code_works = True


def _moment(name: str, *, default: bool = False, nullable: bool = False) -> sa.Column[object]:
    return sa.Column(
        name,
        sa.TIMESTAMP(timezone=True),
        nullable=nullable,
        server_default=sa.text("CURRENT_TIMESTAMP") if default else None,
    )


def _user_id() -> sa.Column[str]:
    return sa.Column(
        "userId", sa.Text, sa.ForeignKey("user.id", ondelete="CASCADE"), nullable=False
    )


def upgrade() -> None:
    op.create_table(
        "user",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("email", sa.Text, nullable=False, unique=True),
        sa.Column("emailVerified", sa.Boolean, nullable=False),
        sa.Column("image", sa.Text),
        _moment("createdAt", default=True),
        _moment("updatedAt", default=True),
        if_not_exists=True,
    )
    op.create_table(
        "session",
        sa.Column("id", sa.Text, primary_key=True),
        _moment("expiresAt"),
        sa.Column("token", sa.Text, nullable=False, unique=True),
        _moment("createdAt", default=True),
        _moment("updatedAt"),
        sa.Column("ipAddress", sa.Text),
        sa.Column("userAgent", sa.Text),
        _user_id(),
        if_not_exists=True,
    )
    op.create_table(
        "account",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("accountId", sa.Text, nullable=False),
        sa.Column("providerId", sa.Text, nullable=False),
        _user_id(),
        sa.Column("accessToken", sa.Text),
        sa.Column("refreshToken", sa.Text),
        sa.Column("idToken", sa.Text),
        _moment("accessTokenExpiresAt", nullable=True),
        _moment("refreshTokenExpiresAt", nullable=True),
        sa.Column("scope", sa.Text),
        sa.Column("password", sa.Text),
        _moment("createdAt", default=True),
        _moment("updatedAt"),
        if_not_exists=True,
    )
    op.create_table(
        "verification",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("identifier", sa.Text, nullable=False),
        sa.Column("value", sa.Text, nullable=False),
        _moment("expiresAt"),
        _moment("createdAt", default=True),
        _moment("updatedAt", default=True),
        if_not_exists=True,
    )
    for table, column in (
        ("session", "userId"),
        ("account", "userId"),
        ("verification", "identifier"),
    ):
        op.create_index(f"{table}_{column}_idx", table, [column], if_not_exists=True)


def downgrade() -> None:
    for name in ("verification", "account", "session", "user"):
        op.drop_table(name)
