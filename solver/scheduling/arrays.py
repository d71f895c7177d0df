"""A problem as flat words, for the compiled kernels: a header that says where each section begins, then the sections.

All times are seconds, all words int64. Families are numbered for each setup matrix; 0 is "no family".
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from math import gcd

import numpy as np
from numpy.typing import NDArray

from solver.scheduling.calendar import Calendar
from solver.scheduling.problem import (
    NEVER,
    FamilyId,
    Line,
    LineId,
    MaterialId,
    MatrixId,
    Mode,
    Operation,
    OperationId,
    Placement,
    PlantId,
    ResourceId,
    Running,
    SchedulingProblem,
    Second,
    Window,
)
from solver.scheduling.schedule import Schedule

Words = NDArray[np.int64]
Columns = tuple[Words, Words, Words]  # mode, start and end of each operation

# --- the header: sizes, then where each section begins ---
OPERATIONS = 0
LINES = 1
ORDERS = 2
PLANTS = 3
OP_ORDER = 4  # of each operation
OP_RUNNING = 5
OP_EARLIEST = 6  # the latest of now (if it is free), release and what its materials allow
OP_FIXED = 7  # 1: it does not move
PRED_AT = 8
PRED_OP = 9
PRED_WAIT = 10
SUCC_AT = 11
SUCC_OP = 12
MODE_AT = 13
MODE_LINE = 14
MODE_TIME = 15
MODE_FAMILY = 16
ORDER_AT = 17
ORDER_DUE = 18
ORDER_PROMISE = 19
ORDER_WEIGHT = 20
LINE_PLANT = 21
LINE_FAMILY = 22  # initial
LINE_SETUPS = 23  # where its matrix begins in SETUPS
LINE_FAMILIES = 24  # rows of its matrix; 1: no setups
LINE_ANY_TIME = 25
LINE_UNLIMITED = 26
LINE_AT = 27  # where its row begins in arrays that have a place for each mode on a line
WINDOW_AT = 28  # of each line: its first window; lines with the same calendar share theirs
WINDOW_OPENS = 29
WINDOW_CLOSES = 30
WINDOW_BEFORE = 31  # working time before it opens
WINDOW_SHIFT = 32  # the last window of its shift
SETUPS = 33
TRANSPORT = 34  # seconds from plant to plant
DEPARTURE_AT = 35  # of each pair of plants; none: it can leave at any time
DEPARTURES = 36
BESIDE = 37  # not a section: 1 if there are units, ovens, routes or longest waits
NEED_AT = 38  # of each mode: the units that it needs, one entry a unit
NEED_RESOURCE = 39
SHARE_AT = 40  # of each operation: a share for each resource that it may need
SHARE_OP = 41
SHARE_RESOURCE = 42
SHARE_ROW = 43  # of each resource: where its row begins in arrays that have a place for each share
LINE_BATCH = 44  # above 0: an oven, and what it takes
OP_SIZE = 45
OP_FAMILY = 46  # numbered over all lines: what an oven takes together
RESOURCES = 47  # not a section: how many have units
PRED_MOST = 48  # the longest wait after each predecessor, or NEVER
SUCC_MOST = 49
LONGEST = 50  # not a section: 1 if there are longest waits
UNIT_AT = 51  # of each resource: its units, numbered through
WINDOW_UNTIL = 52  # of each line: one past its last window
WINDOW_TABLE = 53  # of each line: where in TABLES it stands when a window closes
DEPARTURE_TABLE = 54  # of each pair of plants, when something leaves
TABLES = 55  # see `timing.first_after`
HEADER = 56

PAUSES, BREAKS, WHOLE, UNATTENDED = 0, 1, 2, 3
STEPS = 2  # of a table for each of its instants, about
RUNNING = {Running.PAUSES: PAUSES, Running.BREAKS: BREAKS, Running.WHOLE: WHOLE, Running.UNATTENDED: UNATTENDED}


@dataclass(frozen=True)
class Arrays:
    """`words` for the kernels, and what its numbers mean."""

    problem: SchedulingProblem
    words: Words
    operations: tuple[Operation, ...]
    modes: tuple[Mode, ...]  # all modes of all operations, in order
    number: Mapping[OperationId, int]

    def column(self, section: int, size: int) -> Words:
        """A section's first words, as a view."""
        begin = int(self.words[section])
        return self.words[begin : begin + size]

    def schedule(self, mode: Words, start: Words, end: Words) -> Schedule:
        """The schedule that these columns (one entry an operation) describe."""
        places = zip(self.operations, mode.tolist(), start.tolist(), end.tolist(), strict=True)
        return Schedule(
            {o.id: Placement(o.id, self.modes[m].line, Second(s), Second(e)) for o, m, s, e in places if m >= 0}
        )

    def with_earliest(self, earliest: Words) -> Arrays:
        """The same problem with another OP_EARLIEST (see `earliest_of`)."""
        return self._with(OP_EARLIEST, earliest)

    def with_due(self, due: Words) -> Arrays:
        """The same problem with other due dates."""
        return self._with(ORDER_DUE, due)

    def _with(self, section: int, column: Words) -> Arrays:
        words = self.words.copy()
        words[words[section] : words[section] + len(column)] = column
        return replace(self, words=words)

    def columns(self, schedule: Schedule) -> tuple[Words, Words, Words]:
        """Mode (-1: not made), start and end of each operation in a complete schedule."""
        first = self.column(MODE_AT, len(self.operations)).tolist()
        modes, starts, ends = [], [], []  # no rows of tuples, which the collector would look at
        for operation, begin in zip(self.operations, first, strict=True):
            if operation.route is not None and operation.id not in schedule.placements:
                on, start, end = -1, 0, 0
            else:
                place = schedule.placements[operation.id]
                on = begin + [mode.line for mode in operation.modes].index(place.line)
                start, end = place.start, place.end
            modes.append(on)
            starts.append(start)
            ends.append(end)
        return np.array(modes, dtype=np.int64), np.array(starts, dtype=np.int64), np.array(ends, dtype=np.int64)


def arrays_of(problem: SchedulingProblem, starts: Mapping[OperationId, int] | None = None) -> Arrays:
    """The problem's words.

    `starts`: of a schedule that keeps the rules. Each material is reserved in their order: an operation is not started
    before what has come until then is enough for it and all that are served before it. A schedule that keeps to that
    never takes what is not there.
    """
    operations = tuple(operation for order in problem.orders for operation in order.operations)
    number = {operation.id: i for i, operation in enumerate(operations)}
    modes = tuple(mode for operation in operations for mode in operation.modes)
    line_number = {line.id: i for i, line in enumerate(problem.lines)}
    plants = tuple(dict.fromkeys(line.plant for line in problem.lines))
    sections: dict[int, NDArray[np.int64]] = {}
    sizes = [len(order.operations) for order in problem.orders]
    order_at = np.concatenate(([0], np.cumsum(np.array(sizes, dtype=np.int64)))).astype(np.int64)
    sections[OP_ORDER] = np.repeat(np.arange(len(sizes)), sizes)
    sections[OP_RUNNING] = _ints(RUNNING[o.running] for o in operations)
    sections[OP_FIXED] = _ints(int(o.id in problem.fixed) for o in operations)
    sections[OP_EARLIEST] = earliest_of(problem, starts)
    befores = [before for operation in operations for before in operation.predecessors]
    sections[PRED_AT] = _offsets(len(o.predecessors) for o in operations)
    sections[PRED_OP] = _ints(number[before.operation] for before in befores)
    sections[PRED_WAIT] = _ints(before.minimum_wait for before in befores)
    sections[PRED_MOST] = _ints(NEVER if b.maximum_wait is None else b.maximum_wait for b in befores)
    by_before = np.argsort(sections[PRED_OP], kind="stable")
    sections[SUCC_AT] = _offsets(np.bincount(sections[PRED_OP], minlength=len(operations)).tolist())
    sections[SUCC_OP] = np.repeat(np.arange(len(operations)), np.diff(sections[PRED_AT]))[by_before]
    sections[SUCC_MOST] = sections[PRED_MOST][by_before]
    sections[MODE_AT] = _offsets(len(o.modes) for o in operations)
    sections[MODE_LINE] = _ints(line_number[mode.line] for mode in modes)
    sections[MODE_TIME] = _ints(mode.duration for mode in modes)
    sections[ORDER_AT] = order_at
    sections[ORDER_DUE] = _ints(order.due for order in problem.orders)
    sections[ORDER_PROMISE] = _ints(NEVER if o.promise is None else o.promise for o in problem.orders)
    sections[ORDER_WEIGHT] = _ints(order.weight for order in problem.orders)
    sections[LINE_AT] = _offsets(np.bincount(sections[MODE_LINE], minlength=len(problem.lines)).tolist())
    sections[LINE_PLANT] = _ints(plants.index(line.plant) for line in problem.lines)
    sections[LINE_ANY_TIME] = _ints(int(line.setup_any_time) for line in problem.lines)
    sections[LINE_UNLIMITED] = _ints(int(line.unlimited) for line in problem.lines)
    _setups(problem, operations, line_number, sections)
    tables = _Tables()
    _windows(problem.lines, sections, tables)
    _transports(problem, plants, sections, tables)
    sections[TABLES] = np.concatenate(tables.words)
    _units(problem, operations, modes, sections)
    sections[LINE_BATCH] = _ints(line.batch for line in problem.lines)
    sections[OP_SIZE] = _ints(operation.size for operation in operations)
    known: dict[FamilyId, int] = {}
    sections[OP_FAMILY] = _ints(
        0 if operation.family is None else known.setdefault(operation.family, len(known) + 1)
        for operation in operations
    )
    words, at = [np.zeros(HEADER, dtype=np.int64)], HEADER
    for section in sorted(sections):
        words[0][section] = at
        words.append(sections[section].astype(np.int64))
        at += len(sections[section])
    words[0][:4] = len(operations), len(problem.lines), len(problem.orders), len(plants)
    words[0][RESOURCES] = len(sections[UNIT_AT]) - 1
    words[0][LONGEST] = int(bool((sections[PRED_MOST] < NEVER).any()))
    words[0][BESIDE] = int(
        len(sections[NEED_RESOURCE]) > 0
        or bool(sections[LINE_BATCH].any())
        or bool(words[0][LONGEST])
        or any(operation.route is not None for operation in operations)
    )
    return Arrays(problem, np.ascontiguousarray(np.concatenate(words)), operations, modes, number)


def _ints(values: Iterable[int]) -> Words:
    return np.fromiter(values, dtype=np.int64)


def _offsets(sizes: Iterable[int]) -> Words:
    return np.concatenate(([0], np.cumsum(_ints(sizes)))).astype(np.int64)


def earliest_of(
    problem: SchedulingProblem, starts: Mapping[OperationId, int] | None = None, *, materials: bool = True
) -> Words:
    """OP_EARLIEST with each material reserved in the order of `starts` (else of release), or as if there were plenty.

    What is fixed takes its own first: others get what lasts beside it.
    """
    numbers = enumerate((order, operation) for order in problem.orders for operation in order.operations)
    earliest: list[int] = []
    takes: dict[MaterialId, list[tuple[int, int, int]]] = {}
    changes: dict[MaterialId, list[tuple[int, int]]] = {m.id: list(m.arrivals) for m in problem.materials}
    for i, (order, operation) in numbers:
        fixed = problem.fixed.get(operation.id)
        earliest.append(order.released(operation) if fixed else max(order.released(operation), problem.now))
        for need in operation.materials if materials else ():
            if fixed:
                changes[need.material].append((fixed[1].start, -need.quantity))
            elif operation.route is None or not starts or operation.id in starts:
                at = starts.get(operation.id, order.released(operation)) if starts else order.released(operation)
                takes.setdefault(need.material, []).append((at, i, need.quantity))
    for material in problem.materials:
        lasting = _lasting(material.stock, changes[material.id])
        taken, step = 0, 0
        for _, i, quantity in sorted(takes.get(material.id, ())):
            taken += quantity
            while step < len(lasting) and lasting[step][1] < taken:
                step += 1
            earliest[i] = max(earliest[i], lasting[step][0] if step < len(lasting) else NEVER)
    return _ints(earliest)


def _lasting(stock: int, changes: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """(instant, what is there from then on for good), both rising."""
    levels = {0: stock}
    for instant, quantity in sorted(changes):
        stock += quantity
        levels[max(0, instant)] = stock
    lasting: list[tuple[int, int]] = []
    least = stock
    for instant in reversed(levels):
        least = min(least, levels[instant])
        lasting.append((instant, least))
    return lasting[::-1]


def _setups(
    problem: SchedulingProblem,
    operations: tuple[Operation, ...],
    line_number: Mapping[LineId, int],
    sections: dict[int, Words],
) -> None:
    """A matrix for each setup matrix, over the families that its lines can meet."""
    of_line = {line.id: line.setups for line in problem.lines}
    families: dict[MatrixId, dict[FamilyId, int]] = {matrix.id: {} for matrix in problem.setups}
    for line in problem.lines:
        if line.setups is not None and line.initial_family is not None:
            known = families[line.setups]
            known.setdefault(line.initial_family, len(known) + 1)
    mode_family: list[int] = []
    for operation in operations:
        for mode in operation.modes:
            matrix = of_line[mode.line]
            if matrix is None or operation.family is None:
                mode_family.append(0)
            else:
                known = families[matrix]
                mode_family.append(known.setdefault(operation.family, len(known) + 1))
    flat: list[Words] = [np.zeros(1, dtype=np.int64)]
    begins: dict[MatrixId, tuple[int, int]] = {}
    at = 1
    for setup in problem.setups:
        known, size = families[setup.id], len(families[setup.id]) + 1
        table = np.zeros((size, size), dtype=np.int64)
        for before, row in known.items():
            for after, column in known.items():
                table[row, column] = setup.seconds.get((before, after), 0)
        begins[setup.id] = (at, size)
        flat.append(table.ravel())
        at += size * size
    sections[SETUPS] = np.concatenate(flat)
    sections[MODE_FAMILY] = _ints(mode_family)
    places = [begins[line.setups] if line.setups is not None else (0, 1) for line in problem.lines]
    sections[LINE_SETUPS] = _ints(begin for begin, _ in places)
    sections[LINE_FAMILIES] = _ints(size for _, size in places)
    sections[LINE_FAMILY] = _ints(
        families[line.setups][line.initial_family] if line.setups is not None and line.initial_family is not None else 0
        for line in problem.lines
    )


def _units(
    problem: SchedulingProblem, operations: tuple[Operation, ...], modes: tuple[Mode, ...], sections: dict[int, Words]
) -> None:
    """Each resource as units, each of which one operation has at a time; of what suffices for all there are none.

    A unit of a resource of which always so many are needed together stands for so many.
    """
    needed: dict[ResourceId, list[int]] = {resource.id: [] for resource in problem.resources}
    sizes = dict.fromkeys(needed, 0)
    for operation in operations if needed else ():
        most: dict[ResourceId, int] = {}
        for mode in operation.modes:
            for need in mode.needs:
                most[need.resource] = max(most.get(need.resource, 0), need.number)
                sizes[need.resource] = gcd(sizes[need.resource], need.number)
        for name, number in most.items():
            needed[name].append(number)
    scarce = [resource for resource in problem.resources if sum(needed[resource.id]) > resource.number]
    number_of = {resource.id: i for i, resource in enumerate(scarce)}
    units = [resource.number // sizes[resource.id] for resource in scarce]
    needs: list[list[int]] = []
    if scarce:
        needs = [
            [number_of[need.resource] for need in mode.needs if need.resource in number_of
             for _ in range(need.number // sizes[need.resource])]
            for mode in modes
        ]  # fmt: skip
    sections[NEED_AT] = _offsets(len(row) for row in needs) if scarce else np.zeros(len(modes) + 1, dtype=np.int64)
    sections[NEED_RESOURCE] = _ints(resource for row in needs for resource in row)
    sections[UNIT_AT] = _offsets(units)
    of_mode = np.repeat(np.arange(len(operations)), np.diff(sections[MODE_AT]))
    of_need = np.repeat(of_mode, np.diff(sections[NEED_AT]))
    shares = np.unique(of_need * max(1, len(scarce)) + sections[NEED_RESOURCE])
    sections[SHARE_OP], sections[SHARE_RESOURCE] = np.divmod(shares, max(1, len(scarce)))
    sections[SHARE_AT] = _offsets(np.bincount(sections[SHARE_OP], minlength=len(operations)).tolist())
    sections[SHARE_ROW] = _offsets(np.bincount(sections[SHARE_RESOURCE], minlength=len(scarce)).tolist())


def _windows(lines: tuple[Line, ...], sections: dict[int, Words], tables: _Tables) -> None:
    """The windows of each calendar once, however many lines have it."""
    known: dict[tuple[tuple[Window, ...], int], tuple[int, int, int]] = {}
    columns: list[list[int]] = [[], [], [], []]
    of_line: list[tuple[int, int, int]] = []
    for line in lines:
        key = line.windows, line.longest_break
        if (found := known.get(key)) is None:
            calendar, at = Calendar(line), len(columns[0])
            shift = [at + last for last in calendar.shift]
            for column, more in zip(columns, (calendar.opens, calendar.closes, calendar.before, shift), strict=True):
                column += more
            known[key] = found = at, len(columns[0]), tables.add(np.array(calendar.closes), at)
        of_line.append(found)
    rows = np.array(of_line, dtype=np.int64).reshape(-1, 3)
    sections[WINDOW_AT], sections[WINDOW_UNTIL], sections[WINDOW_TABLE] = rows.T
    for section, column in zip((WINDOW_OPENS, WINDOW_CLOSES, WINDOW_BEFORE, WINDOW_SHIFT), columns, strict=True):
        sections[section] = _ints(column)


class _Tables:
    """What TABLES holds: for sorted instants a table that says, of each step of time, how many are over before it."""

    def __init__(self) -> None:
        self.words: list[Words] = [np.zeros(0, dtype=np.int64)]
        self.size = 0

    def add(self, instants: Words, first: int) -> int:
        """A table of instants, numbered from `first` on, of which the last may be far away: where it stands.

        It has the step as a power of 2, the number of the last step, and for each step, and behind the last one, the
        first instant after its beginning.
        """
        count = len(instants)
        until = int(instants[-2]) if count > 1 else 0
        step = (until // max(1, STEPS * count)).bit_length()
        last = until >> step
        over = np.searchsorted(instants, np.arange(last + 2, dtype=np.int64) << step, side="right")
        at, self.size = self.size, self.size + last + 5
        self.words.append(np.concatenate(([step, last + 1], first + over, [first + count])))
        return at


def _transports(
    problem: SchedulingProblem, plants: tuple[PlantId, ...], sections: dict[int, Words], tables: _Tables
) -> None:
    known = {(transport.origin, transport.destination): transport for transport in problem.transports}
    seconds: list[int] = []
    departures: list[tuple[Second, ...]] = []
    for origin in plants:
        for destination in plants:
            transport = known.get((origin, destination))
            seconds.append(0 if origin == destination else NEVER if transport is None else transport.seconds)
            departures.append(transport.departures or () if transport is not None else ())
    sections[TRANSPORT] = _ints(seconds)
    sections[DEPARTURE_AT] = _offsets(len(row) for row in departures)
    first = sections[DEPARTURE_AT].tolist()
    sections[DEPARTURE_TABLE] = _ints(
        tables.add(np.array(row) + 1, at) if row else 0 for row, at in zip(departures, first, strict=False)
    )
    sections[DEPARTURES] = _ints(instant for row in departures for instant in row)
