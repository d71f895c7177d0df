"""The next hours of a book as a problem of its own, annealed and written back.

What starts in the window is free; what stays, and what needs resources or an oven, is pinned. What comes after the
window is pinned where it may become ready at the latest (LATE), so that a schedule of the window can always be
continued within every limit.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import numpy as np

from solver.scheduling.anneal import Untimed, annealed, weights_of
from solver.scheduling.arrays import OP_EARLIEST, Arrays, Words, arrays_of
from solver.scheduling.book import ANY_TIME, Book, Promise
from solver.scheduling.book_words import (
    BATCH,
    EARLIEST,
    END,
    FREEZE,
    LATE,
    LENGTH,
    LIMIT,
    LINE,
    NOW,
    OPERATION_SIZE,
    ORDER_HEAD,
    ROW_CAPACITY,
    ROWS,
    START,
    TIME,
    WALL,
)
from solver.scheduling.problem import (
    NEVER,
    Fixing,
    Line,
    LineId,
    Mode,
    Operation,
    OperationId,
    Placement,
    PlantId,
    Precedence,
    SchedulingProblem,
    Second,
    SetupMatrix,
    Window,
    WorkOrder,
    WorkOrderId,
)
from solver.scheduling.schedule import Part, Schedule

PATIENCE = 3  # rounds
OVERRUN = 3  # what a second over a limit costs, in seconds of lateness


@dataclass(frozen=True, slots=True)
class Wish:
    """An order that is wanted by `due`; a second later costs `weight`."""

    due: int
    weight: int


@dataclass
class Keeping:
    """Whether a search keeps limits on its way: for some rounds, after `PATIENCE` found nothing that can be written.

    A search that may pass limits finds more where they are wide, and nothing where they are tight.
    """

    failed: int = 0
    rounds: int = 0  # to come

    def __bool__(self) -> bool:
        return self.rounds > 0

    def note(self, written: bool) -> None:
        """What became of a round."""
        if self.rounds:
            self.rounds -= 1
        elif written:
            self.failed = 0
        else:
            self.failed += 1
            self.rounds = self.failed - 1 if self.failed >= PATIENCE else 0


@dataclass(frozen=True)
class Cut:
    """The window's problem; handles in the book of its first operations, which are free."""

    arrays: Arrays
    columns: tuple[Words, Words, Words]
    handles: dict[OperationId, int]  # of what is free

    def rows(self, columns: tuple[Words, Words, Words], line: Mapping[LineId, int]) -> Words:
        """Handle, line, start and end of what is free; `line`: its number in the book."""
        n = np.array([self.arrays.number[key] for key in self.handles], dtype=np.int64)
        mode, start, end = columns
        lines = [line[self.arrays.modes[m].line] for m in mode[n].tolist()]
        return np.array([list(self.handles.values()), lines, start[n], end[n]], dtype=np.int64).T.copy()


def cut(book: Book, until: int, wishes: Mapping[WorkOrderId, Wish], margin: int = 0) -> Cut:
    """The window [now, until) of a book that nobody else uses. All of the wished orders must end within it.

    The others are wanted `margin` seconds before their limits.
    """
    return _Cutting(book, until, wishes, margin).cut()


class _Cutting:
    def __init__(self, book: Book, until: int, wishes: Mapping[WorkOrderId, Wish], margin: int) -> None:
        self.book, self.until, self.wishes, self.margin = book, until, wishes, margin
        self.b = book._words
        self.lines = book._factory.problem.lines
        self.free: dict[OperationId, int] = {}
        self.fixed: dict[OperationId, tuple[Fixing, Placement]] = {}
        self.ends: dict[int, int] = {}  # of each line: when the window ends there
        self.earliest: dict[OperationId, int] = {}
        self.at: dict[OperationId, Placement] = {}

    def cut(self) -> Cut:
        b = self.b
        edges = self._edges()
        chosen = dict.fromkeys(self.book._entries[key].address for key in self.wishes)  # addresses of orders
        for line in range(len(self.lines)):
            row = b[ROWS] + line * b[ROW_CAPACITY]
            ops = b[row : row + b[b[LENGTH] + line]]
            starts = b[ops + START]
            standing = ops[(starts < self.until) & (b[ops + END] > b[NOW])]
            last = ops[b[ops + END] <= b[NOW]][-1:]  # what the line is set up for
            for op in (*last.tolist(), *standing.tolist()):
                chosen[self.book._home(op).address] = None
        orders = [self._order(address, edges) for address in chosen]
        orders += [self._edge_order(line, op) for line, op in edges.items() if op and op not in self.pinned_edges]
        problem = SchedulingProblem(
            tuple(self._line(i) for i in range(len(self.lines))) + self._away(),
            tuple(orders), self.book._factory.problem.setups, fixed=self.fixed, now=Second(int(b[NOW])),
            transports=self.book._factory.problem.transports,
        )  # fmt: skip
        arrays = arrays_of(problem)
        earliest = arrays.column(OP_EARLIEST, len(arrays.operations))
        for key, instant in self.earliest.items():
            earliest[arrays.number[key]] = instant
        return Cut(arrays, arrays.columns(Schedule(self.at)), self.free)

    def _edges(self) -> dict[int, int]:
        """The first operation of each line behind the window; 0: none."""
        b, edges = self.b, {}
        for line in range(len(self.lines)):
            row = b[ROWS] + line * b[ROW_CAPACITY]
            ops = b[row : row + b[b[LENGTH] + line]]
            behind = ops[b[ops + START] >= self.until]
            edges[line] = 0
            if len(behind) and b[behind[0] + LATE] < NEVER and not self._loose(line):
                edges[line] = int(behind[0])
                self.ends[line] = int(b[behind[0] + LATE])
        self.pinned_edges: set[int] = set()
        return edges

    def _loose(self, line: int) -> bool:
        """Whether a line takes any number here: what is in an oven is pinned."""
        return self.lines[line].unlimited or bool(self.b[self.b[BATCH] + line])

    def _order(self, address: int, edges: Mapping[int, int]) -> WorkOrder:
        b = self.b
        entry = self.book._by_address[address]
        wish = self.wishes.get(entry.order.id)
        kept: list[Operation] = []
        whole = True
        for i, operation in enumerate(entry.operations):
            op = address + ORDER_HEAD + OPERATION_SIZE * i
            start, end, line = int(b[op + START]), int(b[op + END]), int(b[op + LINE])
            behind = start >= self.until
            before = {before.operation for before in operation.predecessors}
            if behind and edges[line] != op and not any(
                k.id in before and k.id in self.free for k in kept
            ):  # fmt: skip
                whole = False
                continue
            place = self.lines[line].id
            modes = tuple(Mode(mode.line, mode.duration) for mode in operation.modes)
            if behind:
                whole = False
                start = int(b[op + LATE])
                if start >= NEVER:
                    continue
                end = start + int(b[op + TIME])
                if edges[line] == op:
                    self.pinned_edges.add(op)
                else:
                    place = LineId(f"\0{self.lines[line].plant}")
                    modes = (Mode(place, 1),)
            at = Placement(operation.id, place, Second(start), Second(end))
            self.at[operation.id] = at
            if behind or self._stays(op):
                self.fixed[operation.id] = (Fixing.PINNED, at)
            else:
                self.free[operation.id] = op
                floor = 0 if wish is not None else int(b[FREEZE])
                self.earliest[operation.id] = max(int(b[op + EARLIEST]), int(b[NOW]), floor)
                modes = tuple(
                    mode for mode in modes
                    if mode.line == place or not self._loose(self.book._factory.line[mode.line])
                    or self.lines[self.book._factory.line[mode.line]].unlimited
                )  # fmt: skip
            known = {k.id for k in kept}
            kept.append(
                replace(
                    operation, modes=modes, materials=(), size=1, route=None,
                    predecessors=tuple(
                        Precedence(p.operation, p.minimum_wait) for p in operation.predecessors if p.operation in known
                    ),
                )
            )  # fmt: skip
        limit = int(b[address + LIMIT])
        due, weight = (wish.due, wish.weight) if wish is not None else (limit - self.margin, 1)
        if wish is None and (not whole or limit >= NEVER):
            due = NEVER
        promise = Second(limit) if whole and wish is None and limit < NEVER else None
        return WorkOrder(entry.order.id, tuple(kept), Second(0), Second(due), promise, weight)

    def _edge_order(self, line: int, op: int) -> WorkOrder:
        """What begins behind the window on a line, of an order that has nothing in it."""
        b, entry = self.b, self.book._home(op)
        operation = entry.operations[(op - entry.address - ORDER_HEAD) // OPERATION_SIZE]
        start = int(b[op + LATE])
        at = Placement(operation.id, self.lines[line].id, Second(start), Second(start + int(b[op + TIME])))
        self.at[operation.id] = at
        self.fixed[operation.id] = (Fixing.PINNED, at)
        alone = replace(operation, modes=(Mode(at.line, int(b[op + TIME])),), predecessors=(), materials=(), route=None)
        return WorkOrder(WorkOrderId(f"\0{operation.id}"), (alone,), Second(0), Second(NEVER))

    def _stays(self, op: int) -> bool:
        return bool(self.b[op + WALL]) or (
            int(self.b[op + START]) < self.b[FREEZE] and self.book._home(op).order.id not in self.wishes
        )

    def _line(self, number: int) -> Line:
        line = self.lines[number]
        if line.batch:
            return replace(line, batch=0, setups=None, initial_family=None, unlimited=True)
        end = self.ends.get(number)
        if end is None:
            return line
        windows = tuple(
            Window(w.start, Second(min(w.end, end))) for w in line.windows if w.start < min(w.end, end)
        )  # fmt: skip
        return replace(line, windows=windows or (Window(Second(0), Second(1)),))

    def _away(self) -> tuple[Line, ...]:
        """For each plant a line where what comes later is pinned."""
        plants: dict[PlantId, None] = dict.fromkeys(line.plant for line in self.lines)
        always = (Window(Second(0), Second(NEVER)),)
        return tuple(Line(LineId(f"\0{plant}"), plant, always, unlimited=True) for plant in plants)


def anneal_window(
    book: Book,
    until: int,
    wishes: Mapping[WorkOrderId, Wish],
    *,
    seconds: float,
    seed: int = 0,
    margin: int = 0,
    keeping: bool = False,
    stop: Callable[[], bool] = lambda: False,
) -> bool:
    """Anneal the window of a book that nobody else uses and write what was found into it; whether it was written.

    Nothing is written that would pass a limit. On its way the search may pass limits, and so finds more, but maybe
    nothing that can be written; or, `keeping`, it passes none at any time.
    """
    part = cut(book, until, wishes, margin)
    columns = part.columns
    brought_in = ((OVERRUN, 0.7), (20 * OVERRUN, 0.3))  # what is still over a limit after the first one
    for overrun, share in ((OVERRUN, 1.0),) if keeping else brought_in:
        weights = weights_of({Part.OVER: overrun, Part.TARDINESS: 1})
        try:
            found = annealed(
                part.arrays, columns, weights, seconds=share * seconds, seed=seed, stop=stop, keeping=keeping,
                focus=len(wishes),
            )  # fmt: skip
        except Untimed:
            return False
        columns = (found.mode, found.start, found.end)
        if book._rewrite(part.rows(columns, book._factory.line)):
            return True
    return False


def least_completion(book: Book, order: WorkOrder, *, not_before: Second = ANY_TIME) -> int:
    """A bound: the order alone behind what stays, as if nothing else were there; NEVER if it has no room.

    Setups count if no detour over a third family is shorter: then what stands between cannot make them shorter.
    """
    with book._lock:
        stays, placements = [], {}
        for op in book._staying():
            entry = book._home(op)
            operation = entry.operations[(op - entry.address - ORDER_HEAD) // OPERATION_SIZE]
            line = book._factory.problem.lines[int(book._words[op + LINE])].id
            at = Placement(operation.id, line, Second(int(book._words[op + START])), Second(int(book._words[op + END])))
            placements[operation.id] = at
            alone = replace(operation, predecessors=(), materials=(), route=None)
            stays.append(WorkOrder(WorkOrderId(f"\0{operation.id}"), (alone,), Second(0), Second(NEVER)))
        problem = book._factory.problem
        if not all(_is_direct(matrix) for matrix in problem.setups):
            lines = tuple(replace(line, setups=None, initial_family=None) for line in problem.lines)
            problem = replace(problem, lines=lines)
        fixed = {key: (Fixing.PINNED, at) for key, at in placements.items()}
        bare = Book(replace(problem, orders=tuple(stays), fixed=fixed, now=book.now), placements)
        bare._stocks = book._stocks
        found = bare.quote(order, not_before=not_before)
    return found.completion if isinstance(found, Promise) else NEVER


def _is_direct(matrix: SetupMatrix) -> bool:
    """Whether the triangle inequality holds."""
    families = sorted({family for pair in matrix.seconds for family in pair})
    return all(
        matrix.between(a, c) <= matrix.between(a, b) + matrix.between(b, c)
        for a in families for b in families for c in families
    )  # fmt: skip
