"""Bring a database to the newest schema, from whichever step it stands at."""

from __future__ import annotations

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory

from configurator import db

FOLDER = Path(__file__).parent / "migrations"


def alembic_config() -> Config:
    """Alembic's configuration, without an ini file."""
    config = Config()
    config.set_main_option("script_location", str(FOLDER).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    return config


def newest() -> str | None:
    """The newest step that this program knows."""
    return ScriptDirectory.from_config(alembic_config()).get_current_head()


def present() -> str | None:
    """The step that the process's database stands at; None: it is empty."""
    with db.database().engine.connect() as connection:
        return MigrationContext.configure(connection).get_current_revision()


def migrate() -> bool:
    """Go to the newest step; whether anything was to do. Safe to call from several nodes at once."""
    if present() == newest():
        return False
    command.upgrade(alembic_config(), "head")
    return True
