"""An offer is three published revisions of one product, the same object for whoever asks again."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime

import pytest

from catalog.load import load_catalog
from catalog.offer import NotOffered, Offer, current_offer, forget_offers, offer_of
from catalog.products import ProductRevision, RevisionStatus
from catalog.state import default_decisions, preset_decisions
from configurator.db import Database
from solver.configuration.problem import Choose, Enter, GroupId, OptionId, ParameterId
from solver.configuration.session import OptionState, open_session
from tests.catalog.small import LAMP, broken, section

only_sqlite = pytest.mark.parametrize("database_kind", ["sqlite"], indirect=True)  # nothing here depends on it
NOW = datetime(2026, 3, 10, 20, tzinfo=UTC)


@pytest.fixture
def lamp(database: Database, company_id: int) -> Offer:
    with database.writing() as session:
        load_catalog(session, company_id, LAMP, loaded_at=NOW)
    with database.reading() as session:
        return current_offer(session, company_id, "lamp", today=NOW.date())


@only_sqlite
def test_it_is_ready_for_clicks(lamp: Offer) -> None:
    opened = open_session(lamp.compiled, preset_decisions(lamp.product, "calm"))
    assert opened.domains().state(GroupId("shade"), OptionId("small")) is OptionState.EXCLUDED  # type: ignore[union-attr]
    assert default_decisions(lamp.product) == (
        Choose(GroupId("colour"), OptionId("red")), Enter(ParameterId("height"), 20),
    )  # fmt: skip
    with pytest.raises(KeyError):
        preset_decisions(lamp.product, "wild")


@only_sqlite
def test_asked_again_it_is_the_same_object_from_any_thread(database: Database, company_id: int, lamp: Offer) -> None:
    forget_offers()

    def ask(_turn: int) -> int:
        with database.reading() as session:
            return id(current_offer(session, company_id, "lamp", today=NOW.date()))

    with ThreadPoolExecutor(4) as pool:
        assert len(set(pool.map(ask, range(8)))) == 1


@only_sqlite
def test_what_is_not_published_is_not_offered(database: Database, company_id: int) -> None:
    for name, lacks in (("factory", "product"), ("product", "price list"), ("prices", "routing")):
        with database.writing() as session:
            load_catalog(session, company_id, section(name), loaded_at=NOW)
        with database.reading() as session, pytest.raises(NotOffered) as refused:
            current_offer(session, company_id, "lamp", today=NOW.date())
        assert refused.value.lacks == lacks


def test_a_withdrawn_revision_is_kept_for_its_orders_and_no_longer_offered(
    database: Database, company_id: int, lamp: Offer
) -> None:
    with database.writing() as session:
        load_catalog(session, company_id, broken("en: Shade}", "en: Lampshade}"), loaded_at=NOW)
    with database.reading() as session:
        new = current_offer(session, company_id, "lamp", today=NOW.date())
    with database.writing() as session:
        session.get_one(ProductRevision, new.product_revision_id).status = RevisionStatus.WITHDRAWN
    with database.reading() as session:
        assert current_offer(session, company_id, "lamp", today=NOW.date()) is lamp
        key = (new.product_revision_id, new.price_list_revision_id, new.manufacturing_revision_id)
        assert offer_of(session, company_id, *key) is new


@only_sqlite
def test_revisions_of_different_products_are_no_offer(database: Database, company_id: int, lamp: Offer) -> None:
    text = section("product").replace("  code: lamp\n", "  code: lantern\n")
    with database.writing() as session:
        other = load_catalog(session, company_id, text, loaded_at=NOW).product
    assert other is not None
    with database.reading() as session, pytest.raises(NotOffered, match="common product"):
        mixed = lamp.product_revision_id + 1
        offer_of(session, company_id, mixed, lamp.price_list_revision_id, lamp.manufacturing_revision_id)


@pytest.mark.parametrize("word", ["", "A", "为每天", "1234567890", "12345678901", "A\nB"])
def test_a_text_is_accepted_by_length_and_whole_pattern(word: str) -> None:
    from catalog.load import read_file

    product = read_file(broken("maximum_length: 10,", "maximum_length: 10, pattern: '[^\\x00-\\x1f]*',")).product
    assert product is not None
    assert product.texts[0].accepts(word) == (len(word) <= 10 and "\n" not in word)
