"""Free capacity shown without orders: the same promise, nothing of the owner in it; broken forms refused by name."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from solver.scheduling.book import Book, NoRoom, Promise
from solver.scheduling.capacity import (
    FreeCapacity,
    Ours,
    book_of,
    free_capacity,
    problem_of,
    read_capacity,
    refit,
)
from solver.scheduling.check import violations
from solver.scheduling.problem import NEVER, InvalidProblem, Placement, SchedulingProblem, Second
from solver.scheduling.promise import earliest_of
from solver.scheduling.schedule import Schedule
from tests.solver.scheduling.shops import MONDAY, bicycle_orders, bicycle_problem, full_shops, random_problem


def filled(problem: SchedulingProblem, keep: int) -> Book:
    """A book in which nothing moves, with the first `keep` orders of the problem that find room."""
    book = Book(replace(problem, orders=(), fixed={}), frozen_seconds=NEVER)
    for order in problem.orders[:keep]:
        found = book.quote(order)
        if isinstance(found, Promise):
            book.commit(order, found.placements, found.moved)
    return book


def answer(found: Promise | NoRoom) -> tuple[Any, ...]:
    return (found.completion, found.placements) if isinstance(found, Promise) else (found.operation, found.lack)


@settings(max_examples=25, deadline=None)
@given(full_shops(orders=6, sequence=False, fixed=False), st.data())
def test_the_promise_is_the_same_as_by_the_full_book(problem: SchedulingProblem, data: st.DataObject) -> None:
    book = filled(problem, len(problem.orders) - 1)
    book.set_now(Second(problem.now + data.draw(st.integers(0, 40))))
    shown = book_of(read_capacity(free_capacity(book).to_json()))
    for order in problem.orders:
        if not book.holds(order.id):
            assert answer(shown.quote(order)) == answer(book.quote(order))


@pytest.mark.parametrize("seed", range(4))
def test_it_is_so_in_a_busy_factory_with_everything(seed: int) -> None:
    problem = random_problem(seed, 40, sequence=False, fixed=False)
    book = filled(problem, 30)
    shown = book_of(free_capacity(book))
    asked = [order for order in problem.orders if not book.holds(order.id)]
    answers = [answer(book.quote(order)) for order in asked]
    assert len(asked) >= 10 and any(isinstance(first, int) for first, *_ in answers)
    assert [answer(shown.quote(order)) for order in asked] == answers
    assert free_capacity(shown).lines[: len(problem.lines)] == free_capacity(book).lines  # shown again it is the same


def test_nothing_of_an_order_is_in_it() -> None:
    problem = random_problem(1, 30, sequence=False, fixed=False)
    book = filled(problem, 30)
    text = free_capacity(book).to_json()
    assert book.orders
    for order in book.orders.values():
        assert f'"{order.id}' not in text and all(operation.id not in text for operation in order.operations)
    assert {"free", "windows"} <= json.loads(text)["lines"][0].keys()
    assert not any(word in text for word in ("order", "due", "promise", "release", "weight"))


def test_several_plants_and_one_shows_only_what_is_free() -> None:
    """The partner's plant is the better one while ours is full; what is promised there fits into the partner's book."""
    ours, theirs = (
        filled(replace(bicycle_problem(1, plant=plant), orders=tuple(bicycle_orders(40, 1, plant=plant, days=2))), many)
        for plant, many in (("wuxi", 40), ("chengdu", 8))
    )
    a, b = (replace(bicycle_orders(1, 3, plant=plant, first=900, days=1)[0], release=Second(MONDAY))
            for plant in ("wuxi", "chengdu"))  # fmt: skip
    shown = book_of(read_capacity(free_capacity(theirs).to_json()))
    found = earliest_of([(ours, a), (shown, b)])
    assert isinstance(found, Promise)
    assert found == earliest_of([(ours, a), (theirs, b)])
    assert found.order == b and not found.moved
    theirs.commit(b, found.placements)
    assert violations(theirs.problem, theirs.schedule) == ()
    shown.commit(b, found.placements)  # the same room is not promised twice
    again = shown.quote(bicycle_orders(1, 3, plant="chengdu", first=901, days=1)[0], not_before=Second(MONDAY))
    assert isinstance(again, Promise)
    lines = {(p.line, p.start) for p in found.placements}
    assert lines.isdisjoint((p.line, p.start) for p in again.placements)


def standing(
    book: Book, capacity: FreeCapacity, ours: Ours | None
) -> tuple[SchedulingProblem, Mapping[Any, Placement]]:
    """The reader's problem: what is taken, and of the book's orders those of even numbers, which are its own."""
    own = [order for key, order in book.orders.items() if order.id[-1] in "02468"]
    assert len(own) > 3
    problem, taken = problem_of(capacity, ours)
    known = {key: place for order in own for key, place in book.held(order.id).placements.items()}
    bare = tuple(replace(o, operations=tuple(replace(one, materials=()) for one in o.operations)) for o in own)
    return replace(problem, orders=(*bare, *problem.orders)), {**known, **taken}


def test_the_readers_orders_stand_in_what_is_kept_for_them_and_elsewhere_in_what_is_not() -> None:
    asked = bicycle_orders(4, 3, first=900, days=1)
    problem = replace(bicycle_problem(1), orders=tuple(bicycle_orders(30, 1, days=2)))
    book = filled(problem, 30)
    capacity = free_capacity(book)
    own = [p for key, p in book.placements.items() if key.partition("/")[0][-1] in "02468"]
    ours: dict[str, list[tuple[int, int]]] = {}
    for place in own:
        ours.setdefault(place.line, []).append((place.start, place.end))
    kept, places = standing(book, capacity, ours)
    assert refit(kept, places) == {}
    reader, shown = Book(kept, places, frozen_seconds=NEVER), book_of(capacity)
    assert [answer(reader.quote(order)) for order in asked] == [answer(shown.quote(order)) for order in asked]
    # Not kept for them, they go to what is free: nothing of it twice, and nothing that is taken.
    sold, places = standing(book, capacity, None)
    moved = refit(sold, places)
    assert not isinstance(moved, NoRoom) and {place.operation for place in own} == set(moved)
    assert violations(sold, Schedule({**places, **moved})) == ()
    with pytest.raises(InvalidProblem, match="is taken into account, and yet free from"):
        problem_of(capacity, {own[0].line: [(own[0].start, NEVER - 1)]})


def _set(path: str, value: Any) -> Callable[[dict[str, Any]], None]:
    def change(form: dict[str, Any]) -> None:
        *way, last = (int(key) if key.isdigit() else key for key in path.split("."))
        at: Any = form
        for key in way:
            at = at[key]
        at[last] = value

    return change


@pytest.mark.parametrize(("path", "value", "said"), [
    ("format", "free-capacity/2", "format: "),  # another version
    ("owner", "somebody", "owner: Extra inputs are not permitted"),
    ("now", -1, "now: "),
    ("lines.0.free.0.start", "soon", "lines.0.free.0.start: "),
    ("lines", [], "lines: a plant has at least one"),
    ("lines.0.windows", [], "l0: a line without working time"),
    ("lines.0.windows.0.1", 0, "window "),
    ("lines.0.setups", "none such", "l0: unknown setup matrix"),
    ("lines.0.free", [], "l0: the last free interval has no end"),
    ("lines.0.free.0.end", None, "l0: free intervals must be disjoint"),
    ("lines.0.free.1.start", 0, "l0: free intervals must be disjoint"),
    ("lines.0.free.0.before", "no such family", "l0: is free from the beginning"),
    ("resources.0.free", [[5, 1]], "tool: what is free is stated from 0 on"),
    ("resources.0.free", [[0, 9]], "tool: no more is free than there is"),
    ("materials.0.stock", -3, "materials.0.stock: "),
    ("transports.0.seconds", -3, "transports.0.seconds: "),
])  # fmt: skip
def test_a_broken_form_is_refused_by_name(path: str, value: Any, said: str) -> None:
    problem = random_problem(2, 30, sequence=False, fixed=False)
    form = json.loads(free_capacity(filled(problem, 30)).to_json())
    assert read_capacity(json.dumps(form))  # as it is it can be read
    _set(path, value)(form)
    with pytest.raises(InvalidProblem, match=said):
        read_capacity(json.dumps(form))


@pytest.mark.parametrize("text", ["", "[]", "null", "{}", '{"format": "free-capacity/1"}', b"\xff"])
def test_what_is_no_form_is_refused(text: str | bytes) -> None:
    with pytest.raises(InvalidProblem):
        read_capacity(text)
