"""The command line by group; each module registers its commands with ``monitor.cli``."""

import json
import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rich.console import Console
    from sqlalchemy import Engine

    from monitor.config import Settings
    from monitor.jobs import Runtime


def open_database() -> "Engine":
    """Return an engine on the configured database; raise ``DatabaseError`` if it is not ready."""
    from models.database import check_schema, make_engine
    from monitor.config import load_settings

    engine = make_engine(load_settings().database_url.get_secret_value())
    check_schema(engine)
    return engine


def console(*, stderr: bool = False) -> "Console":
    """Return a terminal to print to."""
    from rich.console import Console

    return Console(stderr=stderr)


def write_json(value: Any) -> None:
    """Print one JSON value on a line of its own."""
    sys.stdout.write(json.dumps(value, ensure_ascii=False, default=str) + "\n")


def settings_with(**changes: Any) -> "Settings":
    """Return the settings, changed by those ``changes`` that are not None."""
    from monitor.config import load_settings

    given = {name: value for name, value in changes.items() if value is not None}
    return load_settings().model_copy(update=given)


def runtime_with(**changes: Any) -> "Runtime":
    """Return what jobs run with, under ``settings_with(**changes)``."""
    from monitor.runtime import make_runtime

    return make_runtime(settings_with(**changes), console())
