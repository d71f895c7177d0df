"""The days of many variants that differ little are those of their forecasts; most of them are never asked for."""

from __future__ import annotations

import pytest
from sqlalchemy import update

from catalog.factory import Line, Plant
from catalog.reckon import Reckoning
from configurator import db
from configurator.planning import arrivals
from configurator.planning.arrivals import arrivals_each
from configurator.planning.books import forget_books
from configurator.planning.promise import Destination, forecast, forecast_each, reserve
from configurator.planning.quoting import quoted
from solver.configuration.nearest import nearest_completions
from solver.configuration.samples import sample

pytestmark = pytest.mark.parametrize("database_kind", ["sqlite"], indirect=True)
CHINA = Destination("CN", "Asia/Shanghai")


@pytest.fixture
def asked(monkeypatch):
    """How many orders the books were asked for."""
    counts = []
    monkeypatch.setattr(arrivals, "quoted", lambda plant, orders, start: (
        counts.append(len(orders)), quoted(plant, orders, start))[1])
    return counts


def neighbours(offer, base):
    found = nearest_completions(
        offer.compiled, (), base, wanted=[(g.id, o) for g in offer.problem.groups for o in g.options], seconds=5
    )
    return [change.of(base) for change in found.values()]


def test_the_days_are_those_of_the_forecasts_and_most_are_not_asked_for(wardrobe, asked):
    with db.writing() as session:  # a wardrobe takes days: a few minutes more are often a day
        session.execute(update(Line).values(speed_percent=8))
        session.execute(update(Plant).values(schedule_version=Plant.schedule_version + 1))
    forget_books()
    bases = sample(wardrobe.compiled, 8, seed=4)
    seen, days = 0, set()
    for turn, base in enumerate(bases):
        for number in range(2):  # the lines fill up: days come apart
            shown, key = forecast(wardrobe, base, CHINA), f"{turn}-{number}"
            with db.writing() as session:
                reserve(session, wardrobe, base, shown, pegging_key=f"SO-{key}", number=f"MO-{key}")
        variants = neighbours(wardrobe, base)
        said = arrivals_each(
            wardrobe, [Reckoning(wardrobe.problem, base).beside(one) for one in variants], CHINA, seconds=60
        )
        found = forecast_each(wardrobe, variants, CHINA, seconds=60)
        assert said == tuple(None if one is None else one.arrives_on for one in found)
        seen, days = seen + 2 * len(variants), days | {*said}
    assert len(days) > 3 and seen > 1000
    assert sum(asked) < seen / 2, "of as many orders in two plants"
