"""The days of many variants that differ little are those of their forecasts; most of them are never asked for."""

from __future__ import annotations

import pytest
from sqlalchemy import update

from catalog.factory import Line as LineRow
from catalog.factory import Plant
from catalog.reckon import Reckoning
from configurator import db
from configurator.planning import arrivals
from configurator.planning.arrivals import arrivals_each
from configurator.planning.books import forget_books
from configurator.planning.promise import Destination, forecast, forecast_each, reserve
from configurator.planning.quoting import quoted
from solver.configuration.nearest import nearest_completions
from solver.configuration.samples import sample
from solver.scheduling.book import Book
from solver.scheduling.problem import (
    FamilyId,
    Line,
    LineId,
    MatrixId,
    Mode,
    Operation,
    OperationId,
    PlantId,
    Running,
    SchedulingProblem,
    Second,
    SetupMatrix,
    Window,
    WorkOrder,
    WorkOrderId,
)

sqlite = pytest.mark.parametrize("database_kind", ["sqlite"], indirect=True)
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


@sqlite
def test_the_days_are_those_of_the_forecasts_and_most_are_not_asked_for(wardrobe, asked):
    with db.writing() as session:  # a wardrobe takes days: a few minutes more are often a day
        session.execute(update(LineRow).values(speed_percent=8))
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


@sqlite
def test_colours_whose_setups_do_not_matter_are_dated_together(bicycle, asked):
    bases, seen = sample(bicycle.compiled, 4, seed=2), 0
    for base in bases:
        variants = neighbours(bicycle, base)
        said = arrivals_each(
            bicycle, [Reckoning(bicycle.problem, base).beside(one) for one in variants], CHINA, seconds=60
        )
        found = forecast_each(bicycle, variants, CHINA, seconds=60)
        assert said == tuple(None if one is None else one.arrives_on for one in found)
        seen += len(variants)
    assert seen > 80
    assert sum(asked) < seen / 3


@pytest.mark.parametrize("pick", ["shortest", "longest"])
def test_one_of_several_families_takes_no_setup_or_the_longest_around_it(pick):
    light, dark = FamilyId("light"), FamilyId("dark")
    matrix = SetupMatrix(MatrixId("powder"), {(light, dark): 600, (dark, light): 1500})
    week = (Window(Second(0), Second(600_000)),)
    lines = (Line(LineId("paint"), PlantId("p"), week, matrix.id), Line(LineId("oven"), PlantId("p"), week, batch=4))
    book = Book(SchedulingProblem(lines, (), (matrix,)))

    def orders(line, **more):
        coats = [Operation(OperationId("coat"), (Mode(LineId(line), 60 * n),), family=family, **more)
                 for n, family in ((3, light), (5, dark))]
        return [WorkOrder(WorkOrderId("?"), (coat,), Second(0), Second(0)) for coat in coats]

    def made(orders):
        return getattr(arrivals._Bundle(orders, (OperationId("coat"),), book), pick)()

    (coat,) = made(orders("paint")).operations
    assert (coat.family, coat.modes[0].duration) == (None, 180 if pick == "shortest" else 300 + 1500 + 1500)
    assert made(orders("oven")) is None, "one without a family runs alone there"
    unattended = made(orders("paint", running=Running.UNATTENDED))
    assert (unattended is None) == (pick == "longest"), "a setup waits for an open line"
