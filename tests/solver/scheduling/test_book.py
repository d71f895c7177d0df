"""The book: answers at once keep every rule and promise and are the earliest that giving way allows."""

from __future__ import annotations

from dataclasses import replace
from unittest.mock import patch

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from solver.scheduling.book import Book, NoRoom, Occupied, Promise
from solver.scheduling.book_words import LATE
from solver.scheduling.calendar import Calendar
from solver.scheduling.check import violations
from solver.scheduling.problem import (
    NEVER,
    FamilyId,
    Line,
    LineId,
    MatrixId,
    Mode,
    Operation,
    OperationId,
    Placement,
    PlantId,
    SchedulingProblem,
    Second,
    SetupMatrix,
    Window,
    WorkOrder,
    WorkOrderId,
)
from solver.scheduling.schedule import Schedule, evaluate
from tests.solver.scheduling.shops import MONDAY, bicycle_orders, bicycle_problem, full_shops, shops

FEATURES = {"sequence": False, "fixed": False}


def limits(problem: SchedulingProblem, book: Book) -> dict[str, int]:
    done = evaluate(problem, book.schedule).completion
    return {
        o.id: done[o.id] if o.promise is None else max(o.promise, done[o.id])
        for o in problem.orders if o.id in done
    }


def filled(problem: SchedulingProblem) -> Book:
    """A book with all orders of the problem that find room, each quoted when the others before it are in."""
    book = Book(replace(problem, orders=(), fixed={}))
    for order in problem.orders:
        before = book.placements
        found = book.quote(order)
        assert book.placements == before
        if isinstance(found, Promise):
            book.commit(order, found.placements, found.moved)
    return book


def test_an_order_whose_operations_push_each_other_stops_at_what_stays() -> None:
    """Two of an order on one line: the second may come before the first only if the first need not pass what is frozen.

    [500, 510) is taken, [510, 520) free, and the shift goes on at 530 with an operation in the frozen horizon of an
    order that comes then, not of the book now.
    """
    line = Line(LineId("l"), PlantId("p"), (Window(Second(500), Second(520)), Window(Second(530), Second(1000))))

    def order(name: str, *seconds: int) -> WorkOrder:
        steps = tuple(Operation(OperationId(f"{name}/{i}"), (Mode(line.id, k),)) for i, k in enumerate(seconds))
        return WorkOrder(WorkOrderId(name), steps, Second(0), Second(900), promise=Second(900))

    there = {"a": (500, 510), "b": (530, 540)}
    problem = SchedulingProblem((line,), tuple(order(name, 10) for name in there))
    placements = [Placement(OperationId(f"{name}/0"), line.id, Second(a), Second(z)) for name, (a, z) in there.items()]
    book = Book(problem, {p.operation: p for p in placements}, frozen_seconds=100)
    wanted = order("new", 10, 10)
    found = book.quote(wanted, not_before=Second(500))
    assert isinstance(found, Promise)
    assert found.completion == 550 and not found.moved
    assert violations(*with_order(book, wanted, found)) == ()


def with_order(book: Book, order: WorkOrder, found: Promise) -> tuple[SchedulingProblem, Schedule]:
    problem = replace(book.problem, orders=(*book.problem.orders, order))
    moved = {p.operation: p for p in (*found.moved, *found.placements)}
    return problem, Schedule({**book.placements, **moved})


@settings(max_examples=150, deadline=None)
@given(st.one_of(shops(orders=6), full_shops(orders=6, **FEATURES)))
def test_every_answer_keeps_every_rule_and_every_promise(problem: SchedulingProblem) -> None:
    book = Book(replace(problem, orders=(), fixed={}))
    for order in problem.orders:
        promised = limits(problem, book)
        found = book.quote(order)
        if isinstance(found, NoRoom):
            continue
        stated, schedule = with_order(book, order, found)
        assert violations(stated, schedule) == ()
        done = evaluate(stated, schedule).completion
        assert done[order.id] == found.completion
        assert all(done[key] <= limit for key, limit in promised.items())
        book.commit(order, found.placements, found.moved)
        assert book.schedule == schedule
        assert violations(book.problem, book.schedule) == ()
    assert_latest_is_known(book)


def assert_latest_is_known(book: Book) -> None:
    """What was written changes how late others may become as if all of it were worked out anew."""
    kept, anew = book._words, book.copy()
    anew._relate()
    handles = book._handles(latest_first=True)
    assert kept[handles + LATE].tolist() == anew._words[handles + LATE].tolist()


def test_many_may_come_to_one_line_with_an_order() -> None:
    """More than its row had room for: the next line's row stays what it is."""
    always = (Window(Second(0), Second(NEVER)),)
    lines = tuple(Line(LineId(name), PlantId("p"), always) for name in ("a", "b"))

    def order(name: str) -> WorkOrder:
        made = Operation(OperationId(name), tuple(Mode(line.id, 1) for line in lines))
        return WorkOrder(WorkOrderId(name), (made,), Second(0), Second(0), Second(10_000))

    def at(name: str, line: str, start: int) -> Placement:
        return Placement(OperationId(name), LineId(line), Second(start), Second(start + 1))

    many = [(f"{line}{k}", line, k) for line in "ab" for k in range(100)]
    placements = {OperationId(name): at(name, line, k) for name, line, k in many}
    book = Book(SchedulingProblem(lines, tuple(order(name) for name, _, _ in many)), placements)
    comes = [at(f"b{k}", "a", 100 + k) for k in range(100)]
    book.commit(order("one more"), [at("one more", "b", 0)], comes)
    assert {p.line for p in book.placements.values() if p.operation[0] == "b"} == {"a"}
    assert violations(book.problem, book.schedule) == ()
    assert book.quote(order("asked")) == Book(book.problem, book.placements).quote(order("asked"))


@settings(max_examples=100, deadline=None)
@given(shops(orders=5), st.data())
def test_one_operation_is_as_early_as_giving_way_allows(problem: SchedulingProblem, data: st.DataObject) -> None:
    """Against every line and place, tried one after another with the others' sequences kept."""
    *others, order = problem.orders
    assume(others)
    book = filled(replace(problem, orders=tuple(others)))
    single = replace(order, operations=(replace(order.operations[0], predecessors=(), materials=()),))
    with patch("solver.scheduling.book.MOST_OUT", 0):  # nothing is put elsewhere
        found = book.quote(single)
    ends = [end for mode in range(len(single.operations[0].modes)) for end in exhaustive(problem, book, single, mode)]
    assert (found.completion if isinstance(found, Promise) else None) == min(ends, default=None)
    sooner = book.quote(single)
    assert isinstance(sooner, Promise) == isinstance(found, Promise)
    if isinstance(sooner, Promise) and isinstance(found, Promise):
        assert sooner.completion <= found.completion


def test_what_has_become_earlier_without_a_promise_is_not_put_back() -> None:
    """As late as before, "x" would leave [0, 30) to "z"; with a promise it may be so late."""
    line = Line(LineId("l"), PlantId("p"), (Window(Second(0), Second(1000)),))

    def order(name: str, seconds: int, promise: int | None = None) -> WorkOrder:
        step = Operation(OperationId(name), (Mode(line.id, seconds),))
        return WorkOrder(WorkOrderId(name), (step,), Second(0), Second(0), None if promise is None else Second(promise))

    def at(name: str, start: int, end: int) -> Placement:
        return Placement(OperationId(name), line.id, Second(start), Second(end))

    for promise, completion in ((None, 60), (25, 60), (55, 30), (70, 30)):
        book = Book(SchedulingProblem((line,), ()))
        book.commit(order("x", 10, promise), (at("x", 50, 60),))
        book.commit(order("y", 10), (at("y", 100, 110),), (at("x", 20, 30),))
        found = book.quote(order("z", 30))
        assert isinstance(found, Promise) and found.completion == completion


def test_what_is_in_the_way_is_put_elsewhere_where_its_promise_allows() -> None:
    """What was promised tightly stands on the one line that the new order can have, and can go to the other."""
    always = (Window(Second(0), Second(NEVER)),)
    lines = tuple(Line(LineId(name), PlantId("p"), always) for name in ("a", "b"))

    def order(name: str, *able: str, promise: int | None = None) -> WorkOrder:
        modes = tuple(Mode(LineId(line), 100) for line in able)
        return WorkOrder(WorkOrderId(name), (Operation(OperationId(name), modes),), Second(0), Second(0),
                         None if promise is None else Second(promise))  # fmt: skip

    standing, asked = order("standing", "a", "b", promise=150), order("asked", "a")
    book = Book(SchedulingProblem(lines, ()))
    book.commit(standing, [Placement(OperationId("standing"), LineId("a"), Second(0), Second(100))])
    with patch("solver.scheduling.book.MOST_OUT", 0):
        found = book.quote(asked)
        assert isinstance(found, Promise)
        assert (found.completion, tuple(found.moved)) == (200, ())
    found = book.quote(asked)
    assert isinstance(found, Promise)
    assert found.completion == 100
    assert tuple(found.moved) == (Placement(OperationId("standing"), LineId("b"), Second(0), Second(100)),)
    book.commit(asked, found.placements, found.moved)
    assert violations(book.problem, book.schedule) == ()
    # It stays where it is when the other line cannot make it in time, or when it may not move.
    late = replace(standing, operations=(replace(standing.operations[0], modes=(
        Mode(LineId("a"), 100), Mode(LineId("b"), 151),
    )),))  # fmt: skip
    for stands, frozen in ((late, 0), (standing, 10)):
        book = Book(SchedulingProblem(lines, ()), frozen_seconds=frozen)
        book.commit(stands, [Placement(OperationId("standing"), LineId("a"), Second(0), Second(100))])
        found = book.quote(asked)
        assert isinstance(found, Promise)
        assert (found.completion, tuple(found.moved)) == (200, ())


def exhaustive(problem: SchedulingProblem, book: Book, order: WorkOrder, which: int) -> list[int]:
    """The ends that the order's one operation can have in a mode, each place on the line tried, all others as late
    as they must."""
    stated, promised = book.problem, limits(problem, book)
    operation, mode = order.operations[0], order.operations[0].modes[which]
    orders = {o.id: o for o in stated.orders}
    home = {o.id: key for key, other in orders.items() for o in other.operations}
    made = {o.id: o for other in orders.values() for o in other.operations} | {operation.id: operation}
    lines = {line.id: line for line in stated.lines}
    row = sorted((p for p in book.placements.values() if p.line == mode.line), key=lambda p: p.start)
    found = []
    for place in range(len(row) + 1):
        rows: dict[str, list[str]] = {line.id: [] for line in stated.lines}
        for p in sorted(book.placements.values(), key=lambda p: p.start):
            rows[p.line].append(p.operation)
        rows[mode.line].insert(place, operation.id)
        where = {key: (p.line, p.start) for key, p in book.placements.items()}
        where[operation.id] = (mode.line, max(order.released(operation), stated.now))
        starts = _earliest(stated, made, lines, rows, where)
        if starts is None:
            continue
        done: dict[str, int] = {}
        for key, (_, end) in starts.items():
            if key != operation.id:
                done[home[key]] = max(done.get(home[key], 0), end)
        if all(done[key] <= limit for key, limit in promised.items()):
            found.append(starts[operation.id][1])
    return found


def _earliest(stated, made, lines, rows, where):  # type: ignore[no-untyped-def]
    """Starts and ends by the sequences, none before where it stands; None if they are not to be had."""
    matrices = {matrix.id: matrix for matrix in stated.setups}
    calendars = {key: Calendar(line) for key, line in lines.items()}
    at: dict[str, tuple[int, int]] = {}
    for _ in range(len(where) + 2):
        again = dict(at)
        for line_id, row in rows.items():
            line, calendar = lines[line_id], calendars[line_id]
            work, family = 0, line.initial_family
            for key in row:
                operation = made[key]
                duration = next(m.duration for m in operation.modes if m.line == line_id)
                ready = where[key][1]
                for before in operation.predecessors:
                    ready = max(ready, again.get(before.operation, (0, 0))[1] + before.minimum_wait)
                setup = matrices[line.setups].between(family, operation.family) if line.setups else 0
                ready = max(ready, calendar.end(work + setup) if work + setup else 0)
                start, end = calendar.earliest(ready, operation.running, duration)
                if end >= NEVER:
                    return None
                again[key] = start, end
                work, family = calendar.work(end), operation.family
        if again == at:
            return at
        at = again
    return None


@settings(max_examples=60, deadline=None)
@given(shops(orders=6), st.data())
def test_what_is_removed_gives_its_room_back(problem: SchedulingProblem, data: st.DataObject) -> None:
    book = filled(problem)
    assume(book.orders)
    gone = data.draw(st.sampled_from(sorted(book.orders)))
    before, aside = book.placements, book.copy()
    changed = book.remove(gone)
    assert aside.placements == before
    assert not book.holds(gone)
    assert violations(book.problem, book.schedule) == ()
    assert all(book.placements[key] == place for key, place in changed.items())
    assert all(book.placements[key] == before[key] for key in book.placements.keys() - changed.keys())
    found = book.quote(aside.orders[gone])
    assert isinstance(found, Promise)


def test_an_answer_to_an_older_book_is_refused_when_its_room_is_taken() -> None:
    book = Book(replace(bicycle_problem(1), orders=()))
    for order in bicycle_orders(20, 1):
        found = book.quote(order)
        assert isinstance(found, Promise)
        book.commit(order, found.placements, found.moved)
    first, second = (replace(order, release=Second(MONDAY)) for order in bicycle_orders(2, 5, first=900))
    a, b = book.quote(first), book.quote(second)
    assert isinstance(a, Promise)
    assert isinstance(b, Promise)
    book.commit(first, a.placements, a.moved)
    before = book.placements
    with pytest.raises(Occupied):
        book.commit(second, b.placements, b.moved)
    assert book.placements == before
    assert not book.holds(second.id)
    again = book.quote(second)
    assert isinstance(again, Promise)
    book.commit(second, again.placements, again.moved)
    assert violations(book.problem, book.schedule) == ()


def test_a_hold_ends_by_itself() -> None:
    """Whoever asks after its end finds its room free, though nobody took it out; before, and once it is taken, not."""
    line = Line(LineId("l"), PlantId("p"), (Window(Second(0), Second(NEVER)),))

    def order(name: str) -> WorkOrder:
        made = Operation(OperationId(name), (Mode(line.id, 100),))
        return WorkOrder(WorkOrderId(name), (made,), Second(200), Second(0))

    def end(book: Book, at: int) -> int:
        found = book.quote(order("asked"), at=Second(at))
        assert isinstance(found, Promise)
        return found.completion

    held, stays = (
        [Placement(OperationId(name), line.id, Second(start), Second(start + 100))]
        for name, start in (("held", 200), ("stays", 300))
    )
    book = Book(SchedulingProblem((line,), ()))
    book.commit(order("held"), held, until=Second(60))
    book.commit(order("stays"), stays)
    taken, longer, rolled = book.copy(), book.copy(), book.copy()
    assert end(book, 59) == 500 and book.holds(WorkOrderId("held"))
    assert end(book, 60) == 300 and not book.holds(WorkOrderId("held"))
    taken.hold_until(WorkOrderId("held"), None)
    assert end(taken, 10_000) == 500  # it has become an order
    longer.hold_until(WorkOrderId("held"), Second(90))
    assert (end(longer, 89), end(longer, 90)) == (500, 300)
    rolled.set_now(Second(60))  # the book's own time counts too
    assert end(rolled, 0) == 300
    with pytest.raises(KeyError):
        rolled.hold_until(WorkOrderId("held"), Second(90))
    found = book.quote(order("asked"), at=Second(60))
    assert isinstance(found, Promise)
    book.commit(order("asked"), found.placements, until=Second(70))
    assert end(book, 70) == 300 and set(book.orders) == {"stays"}


def test_what_moves_when_a_hold_ends_is_told() -> None:
    """The hold stood between two families whose direct setup is longer than all that it took."""
    matrix = SetupMatrix(MatrixId("m"), {(FamilyId("a"), FamilyId("z")): 500})
    line = Line(LineId("l"), PlantId("p"), (Window(Second(0), Second(NEVER)),), matrix.id)
    book = Book(SchedulingProblem((line,), (), (matrix,)))
    for name, start in (("a", 0), ("b", 100), ("z", 200)):
        operation = Operation(OperationId(name), (Mode(line.id, 100),), family=FamilyId(name))
        book.commit(
            WorkOrder(WorkOrderId(name), (operation,), Second(0), Second(NEVER), Second(NEVER)),
            [Placement(operation.id, line.id, Second(start), Second(start + 100))],
            until=Second(60) if name == "b" else None,
        )  # fmt: skip
    assert book.let_go(Second(59)) == {}
    assert book.let_go(Second(60)) == {"z": Placement(OperationId("z"), line.id, Second(600), Second(700))}
    assert violations(book.problem, book.schedule) == ()


def written(book: Book, **places: tuple[str, int, int]) -> bool:
    """Whether operations may stand there: what the search for room writes back."""
    lines = [line.id for line in book.lines]
    rows = [(book._handle[OperationId(key)], lines.index(LineId(line)), start, end)
            for key, (line, start, end) in places.items()]  # fmt: skip
    return book._rewrite(np.array(rows, dtype=np.int64))


@pytest.mark.parametrize("most", [30, 0])
def test_an_order_that_others_would_make_late_is_put_in_anew(most: int) -> None:
    """Another one takes its place and neither may end later: each gets a line. If none may be put in, nothing moves."""
    always = (Window(Second(0), Second(NEVER)),)
    lines = tuple(Line(LineId(name), PlantId("p"), always) for name in ("a", "b"))
    book = Book(SchedulingProblem(lines, ()))
    for name, line in (("one", "a"), ("other", "b")):
        made = Operation(OperationId(name), tuple(Mode(line.id, 100) for line in lines))
        book.commit(
            WorkOrder(WorkOrderId(name), (made,), Second(0), Second(0), Second(100)),
            [Placement(made.id, LineId(line), Second(0), Second(100))],
        )  # fmt: skip
    before = book.placements
    with patch("solver.scheduling.book.MOST_AGAIN", most):
        assert written(book, other=("a", 0, 100), one=("a", 100, 200)) is (most > 0)
    assert {(p.line, p.end) for p in book.placements.values()} == {("a", 100), ("b", 100)}
    assert most or book.placements == before


@settings(max_examples=20, deadline=None)
@given(shops(orders=6), st.data())
def test_whatever_is_written_keeps_every_rule_and_limit(problem: SchedulingProblem, data: st.DataObject) -> None:
    """Operations stand where others stood on their line: it is put right within all limits, or not written."""
    book = filled(problem)
    promised, before = limits(problem, book), book.placements
    pairs = [(one, other) for one in before.values() for other in before.values()
             if one.line == other.line and one.start < other.start]  # fmt: skip
    assume(pairs)
    one, other = data.draw(st.sampled_from(pairs))
    took = other.end - other.start
    swapped = {one.operation: (one.line, other.start, other.start + one.end - one.start),
               other.operation: (one.line, one.start, one.start + took)}  # fmt: skip
    done = written(book, **swapped)
    assert done or book.placements == before
    assert violations(book.problem, book.schedule) == ()
    assert_latest_is_known(book)
    completed = evaluate(book.problem, book.schedule).completion
    assert all(completed[key] <= limit for key, limit in promised.items())
    for order in problem.orders:  # and it goes on as a book that is read anew
        if not book.holds(order.id):
            found, again = (b.quote(order) for b in (book, Book(book.problem, book.placements)))
            assert isinstance(found, Promise) == isinstance(again, Promise)
            if isinstance(found, Promise) and isinstance(again, Promise):
                assert found.completion == again.completion
