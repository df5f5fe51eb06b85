"""Runs Alembic's migrations on the connection that the ledger hands over."""

from alembic import context

from counterbot.ledger.schema import metadata

context.configure(connection=context.config.attributes["connection"], target_metadata=metadata,
                  render_as_batch=True, transactional_ddl=False)
context.run_migrations()
