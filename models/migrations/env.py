"""Run migrations on the engine that ``models.database`` hands over."""

from typing import Any, Literal

import sqlalchemy as sa
from alembic import context
from alembic.autogenerate.api import AutogenContext
from sqlmodel import SQLModel
from sqlmodel.sql.sqltypes import AutoString

import models.database  # noqa: F401  (registers every table)


def render_item(kind: str, item: Any, _context: AutogenContext) -> str | Literal[False]:
    """Write SQLModel's string type as SQLAlchemy's own, so that a migration needs no SQLModel."""
    if kind == "type" and isinstance(item, AutoString):
        return repr(sa.String(item.length)).replace("String", "sa.String")
    return False


def include_name(name: str | None, kind: str, _parents: object) -> bool:
    """Leave the search out of comparisons: its tables and index are the database's own."""
    return not (kind in {"table", "index"} and (name or "").startswith("post_search"))


with context.config.attributes["engine"].connect() as connection:
    if connection.dialect.name == "sqlite":
        # A table that is made anew is dropped first, which would delete all that points to it.
        connection.connection.dbapi_connection.execute("PRAGMA foreign_keys=OFF")
    context.configure(
        connection=connection,
        target_metadata=SQLModel.metadata,
        render_as_batch=connection.dialect.name == "sqlite",
        render_item=render_item,
        include_name=include_name,
        compare_type=True,
    )
    with context.begin_transaction():
        context.run_migrations()
    connection.commit()
    if connection.dialect.name == "sqlite":
        connection.connection.dbapi_connection.execute("PRAGMA foreign_keys=ON")
