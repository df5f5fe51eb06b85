"""Whether a bot could use a database, for people who set one up. Changes nothing in it."""

from __future__ import annotations

from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, delete, false, make_url
from sqlalchemy.exc import DBAPIError

from . import dialects
from .schema import cursors
from .store import LedgerError, exists, explained, migrations, opened, trouble


def tried(url: str, password: str | None = None) -> str:
    """What a bot would find at ``url``. Raises LedgerError where it could not use that."""
    if why := trouble(url):
        raise LedgerError(why)
    if not exists(url):
        return "not there yet; the bot makes it at its start"
    place = make_url(url)
    engine = opened(place, password)
    try:
        with engine.connect() as connection:
            if begin := dialects.BEGIN.get(engine.dialect.name):
                connection.exec_driver_sql(begin)
            found = _found(connection)
            connection.rollback()
            return found
    except DBAPIError as error:
        raise explained(error, place) from error
    finally:
        engine.dispose()


def _found(connection: Connection) -> str:
    """Its version. Asks for the right to write by deleting nothing."""
    script = ScriptDirectory.from_config(migrations())
    revision, newest = MigrationContext.configure(connection).get_current_revision(), script.get_current_head()
    if revision is None:
        return "empty; the bot makes its tables at its start"
    if revision == newest:
        connection.execute(delete(cursors).where(false()))
        return f"version {revision}, may be written"
    if revision in {each.revision for each in script.walk_revisions()}:
        return f"version {revision}; the bot brings it to {newest} at its start"
    raise LedgerError(f"version {revision} is not of this version of counterbot, but of a later one: install that")
