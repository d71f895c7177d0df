"""Room for rush orders: a book is rearranged, within what it promised, so that one more order would be early.

A second thought has seconds for one order; this has minutes for any of them, and then every answer at once is early. It
is a standing reservation (capacity that is kept for orders yet to come) that reserves nothing: what it leaves behind is
a schedule with gaps and slack where the orders of this factory need them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from math import exp, log
from random import Random
from time import monotonic

from solver.scheduling.book import Book, Promise
from solver.scheduling.problem import OperationId, Second, WorkOrder, WorkOrderId
from solver.scheduling.window import Keeping, Wish, anneal_window, least_completion

ASKED = 24  # orders that are asked about after each round
TOGETHER = 3  # at most so many of them are brought forward in a round, one in the first
WORST = 6  # drawn from so many that would be latest
ROUND_SECONDS = 0.3  # for each of them
SPARE = 0.6  # of the time that a rush order takes: what the others keep before their limits
WEIGHT = 5  # of a second that a rush order is late, where one of the others weighs 1
NOWHERE = 9.0  # how late it is not to be made at all
LEAST_WINDOW, WIDER = 2, 1.05  # times what a rush order takes at best, and as it stands


def make_room(
    book: Book,
    *,
    seconds: float,
    seed: int = 0,
    begins: tuple[Second, Second] | None = None,
    stop: Callable[[], bool] = lambda: False,
    report: Callable[[float, float], None] = lambda share, times: None,
) -> Book:
    """A copy of the book in which orders like its own would end earlier if they came now; every limit is kept.

    `begins`: they may begin at instants between these two (None: all of them now). Where what is frozen fills the day,
    no rearranging helps an order that begins now: then it is those of tomorrow that wait.

    In each round some that would be latest come in, are brought forward by annealing, and leave again; what became of
    the book is kept if orders are the better for it. It ends when none would wait. `report` gets the share of the time,
    and how many times as long as alone in the factory an order would take (geometric mean).
    """
    began, random = monotonic(), Random(seed)  # noqa: S311 - not for secrets
    panel = _Panel(book, random, begins or (book.now, book.now))
    best, late, turn = book.copy(), panel.lateness(book), 0
    keeping = Keeping()
    while sum(late) > 0 and not stop():
        share = (monotonic() - began) / seconds
        if share >= 1:
            break
        report(share, panel.times(late))
        latest = sorted(range(len(late)), key=lambda i: -late[i])[:WORST]
        picked = random.sample(latest, min(1 + turn % TOGETHER, len(latest)))
        length = min(ROUND_SECONDS * len(picked), (1 - share) * seconds)
        found, written = panel.brought_forward(best, picked, length, random.randrange(1 << 30), bool(keeping), stop)
        keeping.note(written)
        then = panel.lateness(found)
        if sum(then) < sum(late):
            best, late = found, then
        turn += 1
    report(1.0, panel.times(late))
    return best


class _Panel:
    """Orders like those in the book, as they would be asked for now, and when they would end at best."""

    def __init__(self, book: Book, random: Random, begins: tuple[Second, Second]) -> None:
        known = [order for order in book.orders.values() if len(order.operations) > 1]
        first, last = begins
        starts = [Second(first + (last - first) * number // ASKED) for number in range(ASKED if known else 0)]
        orders = [_rush(random.choice(known), number, start) for number, start in enumerate(starts)]
        bounds = [(order, least_completion(book, order)) for order in orders]
        self.bounds = [(order, bound) for order, bound in bounds if isinstance(book.quote(order), Promise)]

    def lateness(self, book: Book) -> list[float]:
        """Of each order the logarithm of (end - release) / (least end - release)."""
        found = book.quote_each([order for order, _ in self.bounds])
        return [
            log(max(1, promise.completion - order.release) / max(1, bound - order.release))
            if isinstance(promise, Promise) else NOWHERE
            for promise, (order, bound) in zip(found, self.bounds, strict=True)
        ]  # fmt: skip

    def times(self, late: list[float]) -> float:
        """How many times its least time an order takes."""
        return exp(sum(late) / max(1, len(late)))

    def brought_forward(
        self, book: Book, picked: list[int], seconds: float, seed: int, keeping: bool, stop: Callable[[], bool]
    ) -> tuple[Book, bool]:
        """A copy of the book after some of the orders were brought forward in it, and whether the search did it."""
        aside = book.copy()
        wishes: dict[WorkOrderId, Wish] = {}
        for order, bound in (self.bounds[i] for i in picked):
            found = aside.quote(order)
            if isinstance(found, Promise):
                aside.commit(order, found.placements, found.moved)
                aside.unlimit(order.id)
                wishes[order.id] = Wish(bound, WEIGHT)
        now, written = book.now, False
        if wishes:
            done = max(p.end for key in wishes for p in aside.held(key).placements.values())
            least = max(wish.due for wish in wishes.values())
            until = now + max(LEAST_WINDOW * (least - now), int(WIDER * (done - now)) + 1)
            takes = [bound - order.release for order, bound in (self.bounds[i] for i in picked)]
            margin = int(SPARE * sum(takes) / len(takes))
            written = anneal_window(
                aside, until, wishes, seconds=seconds, seed=seed, margin=margin, keeping=keeping, stop=stop
            )  # fmt: skip
        for key in wishes:
            aside.remove(key)
        return aside, written


def _rush(order: WorkOrder, number: int, start: Second) -> WorkOrder:
    """The order as if it came now, to begin then; what it takes is there."""
    ids = {o.id: OperationId(f"\0rush {number}/{i}") for i, o in enumerate(order.operations)}
    operations = tuple(
        replace(
            o, id=ids[o.id], materials=(),
            predecessors=tuple(replace(p, operation=ids[p.operation]) for p in o.predecessors),
        )
        for o in order.operations
    )  # fmt: skip
    return WorkOrder(WorkOrderId(f"\0rush {number}"), operations, start, start, None)
