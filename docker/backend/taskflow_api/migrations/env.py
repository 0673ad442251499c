"""Alembic's entry point: taskflow_api.schema hands over a connection inside a transaction."""

from alembic import context

context.configure(connection=context.config.attributes["connection"])
with context.begin_transaction():
    context.run_migrations()
