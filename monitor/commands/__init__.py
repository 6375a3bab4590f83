"""The command line by group; each module registers its commands with ``monitor.cli``."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sqlalchemy import Engine


def open_database() -> "Engine":
    """Return an engine on the configured database; raise ``DatabaseError`` if it is not ready."""
    from models.database import check_schema, make_engine
    from monitor.config import load_settings

    engine = make_engine(load_settings().database_url.get_secret_value())
    check_schema(engine)
    return engine
