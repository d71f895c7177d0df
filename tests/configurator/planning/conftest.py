"""A factory with the bicycle, variants to order, and the judge over what is stored."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pytest

from catalog.offer import Offer, current_offer
from configurator import db
from configurator.config import Settings
from configurator.planning import promise
from configurator.planning.books import engine_now, forget_books, read_rows
from configurator.planning.options import Options, configure
from configurator.planning.promise import Destination, Forecast, Reserved, forecast, reserve
from solver.configuration.problem import Variant
from solver.configuration.samples import sample
from solver.scheduling.check import Violation, violations
from solver.scheduling.problem import Second
from solver.scheduling.schedule import Schedule

CHINA = Destination("CN", "Asia/Shanghai")


@dataclass
class Shop:
    """Orders bicycles in the test's factory."""

    company_id: int
    offer: Offer
    variants: tuple[Variant, ...]
    count: int = 0

    def forecast(self, variant: int = 0, to: Destination = CHINA) -> Forecast:
        return forecast(self.offer, self.variants[variant], to)

    def reserve(self, variant: int = 0, shown: Forecast | None = None) -> Reserved:
        """One order in a transaction of its own; `shown` or else the forecast of this moment."""
        shown = shown or self.forecast(variant)
        with db.writing() as session:
            return self.reserve_in(session, variant, shown)

    def reserve_in(self, session: object, variant: int, shown: Forecast) -> Reserved:
        self.count += 1
        return reserve(
            session, self.offer, self.variants[variant], shown,  # type: ignore[arg-type]
            pegging_key=f"SO-{self.count}", number=f"MO-{self.count}",
        )


def stored_violations(company_id: int) -> list[Violation]:
    """What the judge finds against every stored schedule of the company."""
    from catalog.factory import plants_of

    with db.reading() as session:
        found: list[Violation] = []
        for plant in plants_of(session, company_id):
            rows = read_rows(session, plant.id or 0)
            found += violations(rows.problem, Schedule(rows.placements))
        return found


@pytest.fixture(autouse=True)
def _defaults() -> Iterator[None]:
    """Planning's options as shipped, whatever a test did to them."""
    yield
    from configurator.planning import options

    options._options = Options()
    forget_books()


@pytest.fixture
def shop(factory: int, monkeypatch: pytest.MonkeyPatch) -> Shop:
    """The test's factory, open for orders. Its earliest minute stands still, a little ahead of the clock."""
    configure(Settings())
    ahead = Second(engine_now() + 300)
    monkeypatch.setattr(promise, "engine_now", lambda at=None: ahead)
    with db.reading() as session:
        offer = current_offer(session, factory, "bicycle")
    return Shop(factory, offer, sample(offer.compiled, 40, 7))


@pytest.fixture
def judge() -> Callable[[int], list[Violation]]:
    return stored_violations
