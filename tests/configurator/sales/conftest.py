"""A bicycle on offer, a buyer, and what the page showed."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from catalog.load import load_catalog
from catalog.offer import Offer, current_offer
from catalog.price import quote_price
from catalog.rows import utc_now
from configurator import auth, db
from configurator.auth import Role
from configurator.config import Settings
from configurator.planning.options import configure as configure_planning
from configurator.planning.promise import Destination, forecast, zone_of
from configurator.sales.buyers import Buyer
from configurator.sales.configurations import Selection
from configurator.sales.orders import PlacedOrder, Shown, place_order
from configurator.sales.payment_terms import configure as configure_payments
from configurator.storefront.service import standing_completion
from solver.configuration.problem import Choose, GroupId, OptionId, Variant

BUYER = Buyer(
    name="李雷", mail="li@example.com", phone="", street="中山路 1", postal_code="200000", city="上海", country="CN",
    locale="zh",
)


@dataclass(frozen=True)
class Shop:
    """One product as a buyer meets it."""

    company_id: int
    offer: Offer

    def variant(self, engraving: str = "", **choices: str) -> Variant:
        """The standing completion of these choices."""
        decisions = tuple(Choose(GroupId(group), OptionId(option)) for group, option in choices.items())
        return standing_completion(self.offer, decisions, {"engraving": engraving} if engraving else {})

    def shown(self, variant: Variant, country: str = "CN") -> Shown:
        """What the page shows now."""
        price = quote_price(self.offer.prices, self.offer.problem, variant, country=country)
        date = forecast(self.offer, variant, Destination(country, zone_of(country))).arrives_on
        return Shown(price.gross, price.currency, date)

    def shown_by(self, to: Destination) -> Shown:
        """What the page shows now of the standard variant, delivered so."""
        variant = self.variant()
        price = quote_price(self.offer.prices, self.offer.problem, variant, country=to.country)
        return Shown(price.gross, price.currency, forecast(self.offer, variant, to).arrives_on)

    def order(self, variant: Variant | None = None, **changes: object) -> PlacedOrder:
        """Order it, with what is shown now unless something else is said."""
        variant = variant or self.variant()
        said: dict[str, object] = {
            "selection": Selection("bicycle"), "buyer": BUYER, "scope": "test", "key": "key-1",
        } | changes
        if "shown" not in said:
            said["shown"] = self.shown(variant, said["buyer"].country)  # type: ignore[attr-defined]
        return place_order(self.company_id, self.offer, variant=variant, **said)  # type: ignore[arg-type]


@pytest.fixture(autouse=True)
def _defaults() -> Iterator[None]:
    """Planning's options and the terms of payment as shipped, whatever this test or one elsewhere did to them."""
    _as_shipped()
    yield
    _as_shipped()


def _as_shipped() -> None:
    configure_planning(Settings())
    configure_payments(Settings())


@pytest.fixture
def shop(factory: int) -> Shop:
    with db.reading() as session:
        return Shop(factory, current_offer(session, factory, "bicycle"))


@pytest.fixture
def buyer_named() -> Callable[..., Buyer]:
    """`buyer_named(name="…")`: the usual buyer with something changed."""
    return lambda **changes: replace(BUYER, **changes)


@pytest.fixture
def publish_prices(shop: Shop) -> Callable[[str, str], None]:
    """`publish_prices("2680", "3680")`: publish the bicycle's file with one text of it replaced."""

    def publish(old: str, new: str) -> None:
        source = (Path(__file__).parents[3] / "catalog" / "families" / "bicycle.yaml").read_text()
        assert old in source
        with db.writing() as session:
            load_catalog(session, shop.company_id, source.replace(old, new), loaded_at=utc_now())

    return publish


@pytest.fixture
def seller(shop: Shop) -> int:
    with db.writing() as session:
        return auth.add_user(session, shop.company_id, "li", "a long password", "Li Na", {Role.SALES}).id or 0
