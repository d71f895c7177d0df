"""The words of a book for the compiled kernels: one array, in which an order's record is appended and never moves.

The *handle* of an operation is where its record begins, so a field of it is one addition away. Lines, calendars, setups
and transports are not here but in `arrays` (`factory_words`), laid out once. 0 is no handle.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from solver.scheduling.arrays import MODE_FAMILY, MODE_LINE, Words, arrays_of
from solver.scheduling.arrays import RUNNING as RUNNING_WORDS
from solver.scheduling.problem import (
    NEVER,
    FamilyId,
    LineId,
    Mode,
    Operation,
    OperationId,
    Placement,
    ResourceId,
    SchedulingProblem,
    Second,
    WorkOrder,
    WorkOrderId,
)

# --- the header ---
TOP = 0  # where the next record goes
NOW = 1
FREEZE = 2  # what starts before it does not move
HEAP = 3  # (key, operation) pairs
HEAP_SIZE = 4
HEAP_CAPACITY = 5  # pairs
TRAIL = 6  # (where, what stood there) pairs
TRAIL_SIZE = 7
TRAIL_CAPACITY = 8  # pairs
ROWS = 9  # each line's operations by start
ROW_CAPACITY = 10
LENGTH = 11  # of each line's row
BATCH = 12  # of each line: what an oven holds; 0: no oven
RESOURCE = 13  # units of each resource
USERS = 14  # of each resource and line: whether a mode there needs it
RESOURCES = 15
HARD = 16  # 1: what is pushed may pass its limit
PUSHED = 17  # so many operations were started later
MOST = 18  # and at most so many may be
TRIES = 19  # so often something may still be taken out to be put elsewhere
FIRM = 20  # 1: what comes in does not give way to what is put elsewhere
QUESTION = 21  # number of the present one
FROM = 22  # nothing is put in another place that would start before it
FLOOR = 23  # LATE is not kept of what ends by then: nothing is put before it
LOOKS = 24  # so many more operations may be looked at whether they have another place
RECALL = 25  # NOTING: TOO_MUCH and CAME_BY are written; RECALLING: all came as then so far
HEADER = 26
NOTING, RECALLING = 1, 2

# --- an order's record: then its operations, one after another ---
LIMIT = 0  # no operation of it ends later
COUNT = 1
PROMISED = 2  # the end that was promised; -1: none
NO_ROOM = 3  # number of the operation that found none
ORDER_HEAD = 4

# --- an operation's record: first what a search for a place reads, so that it is read together ---
LINE = 0
START = 1  # -1: it stands nowhere
END = 2
LATE = 3  # the latest instant at which it may become ready without anything after it passing its limit
WALL = 4  # 1: it never moves
FRESH = 5  # 1: it is the first time that it is placed
BEFORE = 6  # the handle of the one before it on its line
AFTER = 7
QUEUED = 8  # not 0: it is in the heap, and why (see `postpone`, `relate`)
FAMILY = 9  # on its line
TIME = 10  # working seconds on its line
RUNNING = 11
SUCCS = 12  # list: count, then operation and wait
PREDS = 13  # list: count, then operation and wait
ORDER = 14
NEEDS = 15  # resources on its line: a list (count, then resource and number)
EARLIEST = 16  # release, and what its materials allow
MODES = 17  # list: count, then MODE_SIZE words each
SIZE = 18  # of its part of a batch
KIND = 19  # its setup family, whatever the line; 0: none
CHOSEN = 20  # a mode
FIXED_FOR = 21  # number of the last question in which it could not be put elsewhere
MOVES_FOR = 22  # and of the last one in which it might be
NAME = 23  # place of its id in the book's names; -1: it came later
TOO_MUCH = 24  # a way (mode and place) in that moved too much when this question was first looked at; 0: none
CAME_BY = 25  # the way in that was found then; negative: into free room alone
OPERATION_SIZE = 26

# --- a mode in an operation's list ---
M_LINE = 0
M_TIME = 1
M_FAMILY = 2
M_NEEDS = 3
M_END = 4  # the earliest end found there
M_PLACE = 5
M_OUT = 6  # what is taken out first, to be put elsewhere; 0: nothing
MODE_SIZE = 7


@dataclass(frozen=True)
class Factory:
    """What does not change while orders come and go: the words of the lines, and the numbers of what has an id."""

    problem: SchedulingProblem  # without orders
    words: Words
    line: Mapping[LineId, int]
    family: tuple[Mapping[FamilyId, int], ...]  # of each line: families that its setups know
    resource: Mapping[ResourceId, int]
    kinds: dict[FamilyId, int]  # grows

    @property
    def lines(self) -> int:
        """How many lines there are."""
        return len(self.problem.lines)


def factory_of(problem: SchedulingProblem) -> Factory:
    """The factory of a problem; its orders are left out."""
    bare = replace(problem, orders=(), fixed={}, same_sequence=())
    families = {matrix.id: sorted({f for pair in matrix.seconds for f in pair}) for matrix in problem.setups}
    meets: list[Operation] = []  # every family on every line, so that the words hold every setup
    for matrix in problem.setups:
        modes = tuple(Mode(line.id, 1) for line in problem.lines if line.setups == matrix.id)
        if modes:
            meets += [Operation(OperationId(f"{matrix.id}\0{f}"), modes, family=f) for f in families[matrix.id]]
    known: list[dict[FamilyId, int]] = [{} for _ in problem.lines]
    stated = bare
    if meets:
        stated = replace(bare, orders=(WorkOrder(WorkOrderId("setups"), tuple(meets), Second(0), Second(0)),))
    arrays = arrays_of(stated)
    lines = arrays.column(MODE_LINE, len(arrays.modes)).tolist()
    numbers = arrays.column(MODE_FAMILY, len(arrays.modes)).tolist()
    i = 0
    for operation in meets:
        for _ in operation.modes:
            assert operation.family is not None
            known[lines[i]][operation.family] = numbers[i]
            i += 1
    return Factory(
        bare, arrays.words, {line.id: i for i, line in enumerate(problem.lines)}, tuple(known),
        {resource.id: i for i, resource in enumerate(problem.resources)}, {},
    )  # fmt: skip


def empty_words(factory: Factory, record_words: int, row_capacity: int) -> Words:
    """A book without orders, with room for so many words of records and operations on a line."""
    lines, resources = factory.lines, len(factory.problem.resources)
    heap, trail = 4096 + lines * row_capacity // 4, 1 << 17
    sizes = {
        LENGTH: lines, BATCH: lines, RESOURCE: resources, USERS: resources * lines, HEAP: 2 * heap, TRAIL: 2 * trail,
        ROWS: lines * row_capacity,
    }  # fmt: skip
    b = np.zeros(HEADER + sum(sizes.values()) + record_words, dtype=np.int64)
    at = HEADER
    for section, size in sizes.items():
        b[section] = at
        at += size
    b[TOP], b[ROW_CAPACITY], b[HEAP_CAPACITY], b[TRAIL_CAPACITY] = at, row_capacity, heap, trail
    b[RESOURCES], b[MOST] = resources, NEVER
    b[b[BATCH] : b[BATCH] + lines] = [line.batch for line in factory.problem.lines]
    b[b[RESOURCE] : b[RESOURCE] + resources] = [resource.number for resource in factory.problem.resources]
    return b


@dataclass(frozen=True)
class Record:
    """An order's words, as they stand at `address`, and its operations that are made, in order."""

    words: list[int]
    operations: tuple[Operation, ...]
    uses: tuple[tuple[int, int], ...]  # resource, line


def record_of(
    factory: Factory,
    order: WorkOrder,
    address: int,
    *,
    made: tuple[Operation, ...],
    limit: int,
    earliest: Mapping[OperationId, int],
    walls: frozenset[OperationId],
    placements: Mapping[OperationId, Placement],
    name: int = -1,
) -> Record:
    """The record of an order that begins at `address`. `made`: those operations that are made, in order.

    `name`: place of the first one's id in the book's names; -1: they are not in it.
    """
    first = address + ORDER_HEAD
    handle = {operation.id: first + i * OPERATION_SIZE for i, operation in enumerate(made)}
    words = [limit, len(made), -1 if order.promise is None else order.promise, 0]
    lists: list[int] = []
    end = first + OPERATION_SIZE * len(made)
    succs: dict[OperationId, list[int]] = {operation.id: [] for operation in made}
    for operation in made:
        for before in operation.predecessors:
            if before.operation in handle:
                succs[before.operation] += (handle[operation.id], before.minimum_wait)
    uses: list[tuple[int, int]] = []
    for i, operation in enumerate(made):
        placement = placements.get(operation.id)
        preds = [
            word for before in operation.predecessors if before.operation in handle
            for word in (handle[before.operation], before.minimum_wait)
        ]  # fmt: skip
        preds_at = end + len(lists)
        lists += (len(preds) // 2, *preds)
        mine = succs[operation.id]
        succs_at = end + len(lists)
        lists += (len(mine) // 2, *mine)
        modes: list[int] = []
        here = (-1, 0, 0, 0)
        for mode in operation.modes:
            line = factory.line[mode.line]
            needs = 0
            if mode.needs:
                needs = end + len(lists)
                lists.append(len(mode.needs))
                for need in mode.needs:
                    resource = factory.resource[need.resource]
                    lists += (resource, need.number)
                    uses.append((resource, line))
            family = factory.family[line].get(operation.family, 0) if operation.family is not None else 0
            modes += (line, mode.duration, family, needs, 0, 0, 0)
            if placement is not None and placement.line == mode.line:
                here = (line, mode.duration, family, needs)
        modes_at = end + len(lists)
        lists += (len(operation.modes), *modes)
        start, stop = (placement.start, placement.end) if placement is not None else (-1, -1)
        kind = 0
        if operation.family is not None:
            kind = factory.kinds.setdefault(operation.family, len(factory.kinds) + 1)
        words += (
            here[0], start, stop, NEVER, int(operation.id in walls), int(placement is None), 0, 0,
            0, here[2], here[1], RUNNING_WORDS[operation.running], succs_at, preds_at, address, here[3],
            earliest.get(operation.id, order.released(operation)), modes_at, operation.size, kind, 0, 0, 0,
            name + i if name >= 0 else -1, 0, 0,
        )  # fmt: skip
    return Record([*words, *lists], made, tuple(uses))
