"""One kind of database: a click reads a few rows."""

from __future__ import annotations

import pytest


@pytest.fixture(params=["sqlite"])
def database_kind(request: pytest.FixtureRequest) -> str:
    """A click reads a few rows: one database is enough, unless a test asks for both."""
    return str(request.param)
