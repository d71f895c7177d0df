"""Promises by our engine in a process of its own: into a large book, and into snapshots of a rolling one."""

import json
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from solver.scheduling.book import Book, NoRoom, Promise
from solver.scheduling.check import violations
from solver.scheduling.dispatch import dispatch
from solver.scheduling.problem import OperationId, Placement, Precedence, SchedulingProblem, Second, WorkOrder
from solver.scheduling.promise import earliest_each, thought_over
from solver.scheduling.rush import make_room
from solver.scheduling.schedule import Schedule, evaluate
from tests.benchmarks.peers.talk import answer_each
from tests.benchmarks.scheduling.factory import full_problem
from tests.benchmarks.scheduling.plain import line_id, operation_id
from tests.benchmarks.scheduling.shops import (
    answer_of,
    bench,
    made_shop,
    shop_problem,
    snapshot_problem,
)

BUFFER = 60  # minutes between plan and promise
EVERY = 50  # so many orders of the made shop stay in the book for one that is asked about
VARIANTS = 40
ROOM_SECONDS = 10.0  # of background work that makes room


# --- one more order in a rolling book ------------------------------------------------------------------------------


def snapshot_answers(snapshot: dict[str, Any], seconds: Sequence[float]) -> dict[str, Any]:
    """The answers at once, by the book as it was read (`bare`) and after room was made, then the second thoughts.

    What makes room knows nothing of the order that is asked about. Each further answer starts from the one before.
    """
    problem, schedule, order = snapshot_problem(snapshot)
    book = Book(problem, schedule.placements)
    bare, _ = _timed(lambda: _promised(book, order))
    rows = answer_of(snapshot, _with(book, bare))
    book = make_room(book, seconds=ROOM_SECONDS)
    found, ms = _timed(lambda: _promised(book, order))
    answers = [{"seconds": ms / 1000, "rows": answer_of(snapshot, _with(book, found))}]
    for limit in seconds:
        start = time.perf_counter()
        found = thought_over(book, found, seconds=limit)
        took = time.perf_counter() - start
        answers.append({"seconds": took, "rows": answer_of(snapshot, _with(book, found))})
    return {"bare": rows, "answers": answers}


def _promised(book: Book, order: WorkOrder) -> Promise:
    """The book's answer at once. Raises LookupError without one."""
    found = book.quote(order)
    if isinstance(found, NoRoom):
        raise LookupError(f"{found.order}: no room for {found.operation}.")
    return found


def _with(book: Book, found: Promise) -> Schedule:
    """The whole schedule with the promised order."""
    return Schedule(book.placements | {p.operation: p for p in (*found.moved, *found.placements)})


# --- a book of many orders -------------------------------------------------------------------------------------------


def large_book(kind: str, size: int, seed: int, load: float) -> tuple[SchedulingProblem, Schedule, list[WorkOrder]]:
    """A promised book of `size` orders (`shop` or `full`), its schedule, and the orders that are asked about."""
    shop = made_shop("shop", size + size // EVERY, seed, load)
    problem = full_problem(shop, seed) if kind == "full" else shop_problem(shop)
    asked = [order for number, order in enumerate(problem.orders) if number % (EVERY + 1) == EVERY]
    names = {order.id for order in asked}
    problem = replace(problem, orders=tuple(order for order in problem.orders if order.id not in names))
    schedule = dispatch(problem) if kind == "full" else _dispatched(shop, problem)
    done = evaluate(problem, schedule).completion
    promised = tuple(
        replace(order, promise=Second(max(order.due, done[order.id]) + BUFFER)) for order in problem.orders
    )
    return replace(problem, orders=promised), schedule, asked


def _dispatched(shop: dict[str, Any], problem: SchedulingProblem) -> Schedule:
    """The best of the generators' 25 dispatch rules, as our schedule of the orders that are in the book."""
    kept = [int(order.id[1:]) for order in problem.orders]
    book = {**shop, "orders": [shop["orders"][number] for number in kept]}
    baseline = bench("baseline")
    schedule, _, _ = baseline.best_of_25(baseline.load_shop(book), "weighted_tardiness")
    names = [operation_id(number, step) for number in kept for step in range(len(shop["orders"][number]["operations"]))]
    return Schedule.of(
        Placement(names[n], line_id(line), Second(start), Second(end)) for n, line, start, end in schedule.rows()
    )


def variants(order: WorkOrder) -> list[WorkOrder]:
    """Forty variants of an order: other durations, as other options need."""
    found = []
    for number in range(VARIANTS):
        names = {o.id: OperationId(f"{o.id}v{number}") for o in order.operations}
        operations = tuple(
            replace(
                o, id=names[o.id],
                modes=tuple(replace(m, duration=m.duration + (number + k) % 7) for m in o.modes),
                predecessors=tuple(
                    Precedence(names[b.operation], b.minimum_wait, b.maximum_wait) for b in o.predecessors
                ),
            )
            for k, o in enumerate(order.operations)
        )
        found.append(replace(order, operations=operations))
    return found


def large_answers(asked: dict[str, Any]) -> dict[str, Any]:
    """Milliseconds of every promise, of forty variants together, of every commit; what the judge finds at the end."""
    problem, schedule, orders = large_book(asked["made"], asked["size"], asked["seed"], asked["load"])
    start = time.perf_counter()
    book = Book(problem, schedule.placements)
    built = time.perf_counter() - start
    promise, forty, commit, held = [], [], [], []
    for order in orders:
        found, ms = _timed(lambda order=order: book.quote(order))  # type: ignore[misc]
        promise.append(ms)
        made = variants(order)
        forty.append(_timed(lambda made=made: earliest_each(book, made))[1])  # type: ignore[misc]
        if isinstance(found, Promise):
            held.append(order)
            commit.append(_timed(lambda found=found: book.commit(found.order, found.placements, found.moved))[1])  # type: ignore[misc]
    now = replace(problem, orders=(*problem.orders, *held))
    wrong = violations(now, book.schedule)
    late = evaluate(now, book.schedule).broken_promises
    return {
        "promise": promise, "variants": forty, "commit": commit, "built_s": built, "refused": len(orders) - len(commit),
        "wrong": [f"{v.subject}: {v.what}" for v in wrong[:3]] + [f"{order}: promise broken" for order, _ in late[:3]],
    }


def _timed(call: Callable[[], Any]) -> tuple[Any, float]:
    start = time.perf_counter()
    result = call()
    return result, (time.perf_counter() - start) * 1000


def _answer(asked: dict[str, Any]) -> dict[str, Any]:
    if asked["ask"] == "ready":
        return {"ready": True}
    if asked["ask"] == "snapshot":
        line = Path(asked["file"]).read_text(encoding="utf-8").splitlines()[asked["place"]]
        return snapshot_answers(json.loads(line), asked["seconds"])
    return large_answers(asked)


if __name__ == "__main__":
    answer_each(_answer)
