"""Run by Alembic with the connection that ``Database.upgrade`` gives it."""

from alembic import context

from attendance.models import Base

connection = context.config.attributes["connection"]
context.configure(
    connection=connection,
    target_metadata=Base.metadata,
    render_as_batch=connection.dialect.name == "sqlite",
    compare_type=True,
    transactional_ddl=False,  # the caller has begun the transaction and commits it
)
context.run_migrations()
