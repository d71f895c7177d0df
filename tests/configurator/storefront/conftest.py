"""A lamp beside the bicycle: a number, a group of several and a text that needs another choice."""

from __future__ import annotations

import pytest

from catalog.load import load_catalog
from catalog.offer import Offer, current_offer
from catalog.rows import utc_now
from configurator import db
from tests.catalog.small import LAMP
from tests.conftest import FAMILIES


@pytest.fixture
def lamp(company_id: int) -> Offer:
    """The lamp, published and on offer."""
    with db.writing() as session:
        load_catalog(session, company_id, LAMP, loaded_at=utc_now())
    with db.reading() as session:
        return current_offer(session, company_id, "lamp")


@pytest.fixture
def wardrobe(factory: int) -> Offer:
    """The fitted wardrobe, published and on offer."""
    with db.writing() as session:
        load_catalog(session, factory, (FAMILIES / "wardrobe.yaml").read_text(), loaded_at=utc_now())
    with db.reading() as session:
        return current_offer(session, factory, "wardrobe")


@pytest.fixture
def bicycle(factory: int) -> Offer:
    """The bicycle, published and on offer."""
    with db.reading() as session:
        return current_offer(session, factory, "bicycle")




@pytest.fixture(params=["sqlite"])
def database_kind(request: pytest.FixtureRequest) -> str:
    """A click reads a few rows: one database is enough, unless a test asks for both."""
    return str(request.param)
