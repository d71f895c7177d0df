"""What a catalog file says of transports and parts: refused by line and field; departures; who makes what."""

# ruff: noqa: E501 - tables of one row a line

from __future__ import annotations

from datetime import UTC, date, datetime, time

import pytest

from catalog.load import read_file
from catalog.problems import Refused
from catalog.reckon import Reckoning
from catalog.split import split_of
from catalog.state import state
from catalog.transport import TransportTerms
from solver.configuration.problem import GroupId, OptionId, ParameterId, Variant
from tests.catalog.two_plants import LAMP

PART = "operations: [weld, grind], plants: [bonn]}"
WAY = "    - origin: bonn\n      destination: ulm\n"


# What is changed in the lamp, where the complaint stands, what was found and what is allowed. One row a check.
@pytest.mark.parametrize(("old", "new", "field", "found", "allowed"), [
    (PART, "operations: [weld, polish], plants: [bonn]}", "manufacturing.parts[frame].operations[#2]", "polish", "weld"),
    (PART, "operations: [grind], plants: [bonn]}", "manufacturing.parts[frame].operations[#1]", "grind comes after weld", "of this part"),
    (PART, "operations: [weld, grind, wire, fit], plants: [bonn]}", "manufacturing.parts[frame].operations", "nothing comes after", "at least one operation"),
    (PART, "operations: [weld, weld, grind], plants: [bonn]}", "manufacturing.parts[frame].operations[#2]", "weld belongs to frame already", "once"),
    (PART, "operations: [weld, grind], plants: [köln]}", "manufacturing.parts[frame].plants[#1]", "köln", "a small letter"),
    (PART, "operations: [weld, grind], plants: [trier]}", "manufacturing.parts[frame].plants[#1]", "trier", "a plant: bonn, ulm"),
    (WAY, "    - origin: trier\n      destination: ulm\n", "factory.transports[#1].origin", "trier", "a plant: bonn, ulm"),
    (WAY, "    - origin: ulm\n      destination: ulm\n", "factory.transports[#1].destination", "where it comes from", "another plant"),
    (WAY, "    - origin: ulm\n      destination: bonn\n", "factory.transports[#2]", "from ulm to bonn already", "one transport"),
    (WAY, WAY + "      holidays: feast\n", "factory.transports[#1].holidays", "feast", "list of holidays"),
    ('time: "06:00"', 'time: "25:00"', "factory.transports[#1].departures[#1].time", "25:00", "23:59"),
    ("      minutes: 240\n      departures:\n        - {days: [mon, tue, wed, thu, fri, sat, sun], time: \"06:00\"}", "      minutes: 0\n      departures:\n        - {days: [mon, tue, wed, thu, fri, sat, sun], time: \"06:00\"}", "factory.transports[#1].minutes", "0", "at least 1"),
])  # fmt: skip
def test_what_is_wrong_is_named_by_field_with_what_is_allowed(old, new, field, found, allowed):
    assert LAMP.count(old) == 1
    with pytest.raises(Refused) as refused:
        read_file(LAMP.replace(old, new))
    said = [(one.field, str(one.what), str(one.expected)) for one in refused.value.problems]
    assert any(place == field and found in what and allowed in wanted for place, what, wanted in said), said


def test_a_part_needs_a_transport_that_leaves_its_plant():
    alone = LAMP[: LAMP.index("    - origin: bonn")] + LAMP[LAMP.index("    - origin: ulm\n      destination: bonn") :]
    with pytest.raises(Refused) as refused:
        read_file(alone)
    (problem,) = refused.value.problems
    assert (problem.field, str(problem.what)) == ("manufacturing.parts[frame].plants[#1]", "no transport leaves bonn")
    assert LAMP.splitlines()[problem.line - 1].lstrip().startswith("- {part: frame")


def test_what_is_published_without_transports_and_parts_keeps_its_hash():
    """Both came later: a file that does not have them is the same content as before."""
    text = LAMP[: LAMP.index("  transports:")]
    text = text[: text.index("  parts:")] + text[text.index("factory:") :]
    file = read_file(text)
    assert "transports" not in file.factory.canonical() and "parts" not in file.manufacturing.canonical()


BERLIN = TransportTerms(
    1, 2, "Europe/Berlin", 600, ((frozenset({1, 4}), time(18)), (frozenset({4}), time(2, 30))),
    ((date(2026, 12, 25), date(2026, 12, 26)),),
)


@pytest.mark.parametrize(("ready", "leaves"), [
    (datetime(2026, 12, 1, 17, tzinfo=UTC), datetime(2026, 12, 1, 17, tzinfo=UTC)),  # at the very instant
    (datetime(2026, 12, 1, 17, 0, 1, tzinfo=UTC), datetime(2026, 12, 4, 1, 30, tzinfo=UTC)),  # missed by a second
    (datetime(2026, 12, 22, 18, tzinfo=UTC), datetime(2026, 12, 29, 17, tzinfo=UTC)),  # Friday is a holiday
    (datetime(2026, 7, 3, 15, tzinfo=UTC), datetime(2026, 7, 3, 16, tzinfo=UTC)),  # in summer
])
def test_the_first_departure_is_local_to_the_plant_and_never_on_a_holiday(ready, leaves):
    assert BERLIN.leaves(ready) == leaves
    assert (BERLIN.arrives(leaves) - leaves).total_seconds() == 36_000


def test_a_transport_that_never_leaves_is_no_date():
    never = TransportTerms(1, 2, "UTC", 60, ((frozenset({0}), time(8)),), ((date(2026, 1, 1), date(2028, 1, 1)),))
    assert never.leaves(datetime(2026, 3, 1, tzinfo=UTC)) is None


def test_the_rest_waits_for_the_part_through_steps_that_a_variant_does_not_need():
    """Fitting waits for grinding, half an hour; where a blue lamp is polished between, that waits, and fitting not."""
    text = LAMP.replace(
        "    - {operation: wire,", "    - {operation: polish, name: {zh: 抛光, en: Polish}, stage: wiring, minutes: 5, when: colour.blue, after: [{operation: grind}]}\n    - {operation: wire,"
    ).replace("{operation: grind, wait_minutes: 30}", "{operation: polish, wait_minutes: 30}")
    file = read_file(text)
    split, problem = split_of(file.manufacturing, "frame"), state(file.product)

    def joins(colour: str) -> dict[str, int]:
        chosen = {GroupId("colour"): frozenset({OptionId(colour)}), GroupId("frame"): frozenset({OptionId("small")})}
        return dict(split.joins(Reckoning(problem, Variant(chosen, dict[ParameterId, int](), {}))))

    assert joins("red") == {"fit": 1800}
    assert joins("blue") == {"polish": 0}
    assert [row.operation for row in split.there.routing] == ["weld", "grind"]
    assert [row.component for row in split.there.bom] == ["tube"] and split.here.bom == ()
