"""The judge: every rule of a schedule in plain Python, without a solver and without the book's data structures.

It is the specification. *Facts* are operations that are started or finished: they happened as they happened, so they
are not judged by themselves or against each other, only what is still open is judged against them.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from itertools import combinations, pairwise

from solver.scheduling.problem import (
    NEVER,
    Fixing,
    Line,
    LineId,
    MatrixId,
    Mode,
    Operation,
    OperationId,
    Placement,
    PlantId,
    Precedence,
    Running,
    SchedulingProblem,
    SetupMatrix,
    Transport,
    WorkOrder,
    WorkOrderId,
)
from solver.scheduling.schedule import Schedule

FACTS = frozenset({Fixing.STARTED, Fixing.FINISHED})


class Rule(StrEnum):
    """The rules of a schedule."""

    UNKNOWN = "unknown"  # a placement of nothing, or on a line that cannot make it
    MISSING = "missing"  # an operation without a placement
    ROUTE = "route"  # an order takes none of its routes, or more than one
    CALENDAR = "calendar"  # start outside the windows, wrong end, or an operation in two windows that may not pause
    OVERLAP = "overlap"  # a line makes two things at once
    BATCH = "batch"  # an oven takes together what does not start and end together, is not one family, or is too much
    SETUP = "setup"  # too little time since the operation before it on the line
    PRECEDENCE = "precedence"  # starts before what it waits for
    TRANSPORT = "transport"  # starts before it has arrived from the plant of what it waits for
    WAIT = "wait"  # starts too long after what it waits for
    RELEASE = "release"  # starts before its order's release, or its own
    NOW = "now"  # is free and starts in the past
    RESOURCE = "resource"  # more units are in use than there are
    MATERIAL = "material"  # takes what is not there, or what a later operation needs
    SEQUENCE = "sequence"  # orders overtake each other between lines that they pass in one sequence
    FIXED = "fixed"  # is not where it is fixed


@dataclass(frozen=True, slots=True)
class Violation:
    """One rule broken by one subject (an operation, an order, a resource or a material); `what` says it in words."""

    kind: Rule
    subject: str
    what: str = field(compare=False)


@dataclass(frozen=True, slots=True)
class _Case:
    """What is judged: the placements that can be judged (`known`), by operation and by line, and what is a fact."""

    problem: SchedulingProblem
    operations: Mapping[OperationId, Operation]
    known: Mapping[OperationId, Placement]
    on_line: Mapping[LineId, Sequence[Placement]]  # by start, then end, then operation
    lines: Mapping[LineId, Line]
    transports: Mapping[tuple[PlantId, PlantId], Transport]
    facts: frozenset[OperationId]

    def mode(self, placement: Placement) -> Mode:
        """The mode in which it is placed."""
        modes = self.operations[placement.operation].modes
        return modes[[mode.line for mode in modes].index(placement.line)]

    def open(self, batch: list[Placement]) -> list[Placement]:
        """What of a batch is no fact."""
        return [placement for placement in batch if placement.operation not in self.facts] if self.facts else batch

    def duration(self, batch: list[Placement]) -> int:
        """That of the longest in a batch."""
        if len(batch) == 1:
            return self.mode(batch[0]).duration
        return max(self.mode(placement).duration for placement in batch)


class _Hours:
    """The working time of a line, from windows that do not touch."""

    __slots__ = ("before", "closes", "opens")

    def __init__(self, windows: Sequence[tuple[int, int]]) -> None:
        self.opens = [opens for opens, _ in windows]
        self.closes = [closes for _, closes in windows]
        self.before = [0]  # seconds of work before each window
        for opens, closes in windows:
            self.before.append(self.before[-1] + closes - opens)

    def until(self, instant: int) -> int:
        """Seconds of work before `instant`."""
        i = bisect_right(self.opens, instant) - 1
        return 0 if i < 0 else self.before[i] + min(instant, self.closes[i]) - self.opens[i]

    def between(self, start: int, end: int) -> int:
        """Seconds of work in [start, end); 0 when it is empty."""
        return self.until(end) - self.until(start) if end > start else 0


def violations(problem: SchedulingProblem, schedule: Schedule) -> tuple[Violation, ...]:
    """Everything that is wrong with `schedule`, sorted; empty means that it can be made."""
    operations = {o.id: o for order in problem.orders for o in order.operations}
    known: dict[OperationId, Placement] = {}
    found: set[Violation] = set()
    for key, placement in schedule.placements.items():
        operation = operations.get(key)
        if (
            operation is None
            or placement.operation != key
            or placement.line not in [mode.line for mode in operation.modes]
        ):
            found.add(Violation(Rule.UNKNOWN, key, f"{key} cannot be made on {placement.line}."))
        else:
            known[key] = placement
    on_line: dict[LineId, list[Placement]] = {line.id: [] for line in problem.lines}
    for placement in sorted(known.values(), key=lambda p: (p.start, p.end, p.operation)):
        on_line[placement.line].append(placement)
    facts = frozenset(key for key, (fixing, _) in problem.fixed.items() if fixing in FACTS)
    lines = {line.id: line for line in problem.lines}
    transports = {(transport.origin, transport.destination): transport for transport in problem.transports}
    case = _Case(problem, operations, known, on_line, lines, transports, facts)
    for order in problem.orders:
        found.update(_missing(order, schedule))
        found.update(_order(case, order))
    found.update(_moved(case, schedule))
    matrices = {matrix.id: matrix for matrix in problem.setups}
    none = SetupMatrix(MatrixId("none"), {})
    for line in problem.lines:
        hours = _Hours(merged(line))
        batches = _batches(case, line)
        found.update(_calendar(case, line, hours, batches))
        if line.unlimited:
            continue
        found.update(_together(case, line, batches) if line.batch else _overlaps(case, line))
        found.update(_setups(case, line, hours, batches, matrices.get(line.setups, none) if line.setups else none))
    found.update(_resources(case))
    found.update(_materials(case))
    found.update(_sequences(case))
    return tuple(sorted(found, key=lambda v: (v.kind, v.subject)))


def merged(line: Line, gap: int = 0) -> list[tuple[int, int]]:
    """The line's windows, those made one that are no more than `gap` seconds apart (0: that touch)."""
    windows: list[tuple[int, int]] = []
    for window in line.windows:
        if windows and window.start - windows[-1][1] <= gap:
            windows[-1] = (windows[-1][0], window.end)
        else:
            windows.append((window.start, window.end))
    return windows


def working_time(windows: Sequence[tuple[int, int]], start: int, end: int) -> int:
    """Seconds of [start, end) inside merged windows."""
    return _Hours(windows).between(start, end)


def _missing(order: WorkOrder, schedule: Schedule) -> Iterator[Violation]:
    """All operations without a route are placed, and all those of exactly one route."""
    taken = [r for r in order.routes if any(o.route == r and o.id in schedule.placements for o in order.operations)]
    if len(taken) > 1:
        yield Violation(Rule.ROUTE, order.id, f"{order.id} takes {len(taken)} routes: {', '.join(taken)}.")
    elif order.routes and not taken:
        yield Violation(Rule.ROUTE, order.id, f"{order.id} takes none of its routes: {', '.join(order.routes)}.")
    made = {None, *taken} if len(taken) == 1 else {None}
    for operation in order.operations:
        if operation.route in made and operation.id not in schedule.placements:
            yield Violation(Rule.MISSING, operation.id, f"{operation.id} is not placed.")


def _moved(case: _Case, schedule: Schedule) -> Iterator[Violation]:
    """What is fixed stands where it is fixed; if it is on a route, that route is taken."""
    for operation, (fixing, where) in case.problem.fixed.items():
        if operation in case.known and case.known[operation] != where:
            yield Violation(Rule.FIXED, operation, f"{operation} is {fixing} on {where.line} at {where.start}.")
        elif case.operations[operation].route is not None and operation not in schedule.placements:
            yield Violation(Rule.FIXED, operation, f"{operation} is {fixing}, but its route is not taken.")


def _order(case: _Case, order: WorkOrder) -> Iterator[Violation]:
    """start >= both releases; start >= now when free; and what it waits for."""
    now = case.problem.now
    for operation in order.operations:
        placement = case.known.get(operation.id)
        if placement is None or operation.id in case.facts:
            continue
        if placement.start < order.released(operation):
            subject = "its order" if order.release >= operation.release else "it"
            what = f"{operation.id} starts at {placement.start}, {subject} is released at {order.released(operation)}."
            yield Violation(Rule.RELEASE, operation.id, what)
        if placement.start < now and operation.id not in case.problem.fixed:
            yield Violation(Rule.NOW, operation.id, f"{operation.id} starts at {placement.start}, it is {now}.")
        for before in operation.predecessors:
            earlier = case.known.get(before.operation)
            if earlier is not None:
                yield from _waits(case, placement, before, earlier)


def _waits(case: _Case, placement: Placement, before: Precedence, earlier: Placement) -> Iterator[Violation]:
    """start >= arrival(end(predecessor) + minimum_wait); start <= end(predecessor) + maximum_wait."""
    key, ready = placement.operation, earlier.end + before.minimum_wait
    starts = f"{key} starts at {placement.start}"
    if placement.start < ready:
        what = f"{starts}, {before.operation} ends at {earlier.end} and it waits {before.minimum_wait} s."
        yield Violation(Rule.PRECEDENCE, key, what)
    origin, destination = case.lines[earlier.line].plant, case.lines[placement.line].plant
    if origin != destination:
        transport = case.transports.get((origin, destination))
        arrives = NEVER if transport is None else transport.arrival(ready)
        if transport is None or arrives >= NEVER:
            what = f"{starts}, nothing goes from {origin} to {destination} from {ready} on."
            yield Violation(Rule.TRANSPORT, key, what)
        elif placement.start < arrives:
            what = f"{starts}, from {before.operation} in {origin} it arrives in {destination} at {arrives}."
            yield Violation(Rule.TRANSPORT, key, what)
    if before.maximum_wait is not None and placement.start > earlier.end + before.maximum_wait:
        what = f"{starts}, {before.operation} ends at {earlier.end} and it waits at most {before.maximum_wait} s."
        yield Violation(Rule.WAIT, key, what)


def _batches(case: _Case, line: Line) -> list[list[Placement]]:
    """The placements of the line by start; on a batch line those together that have one start, end and family."""
    batches: list[list[Placement]] = []
    here = case.on_line[line.id]
    if not line.batch:
        return [[placement] for placement in here]

    def key(placement: Placement) -> tuple[int, int, str]:
        return (placement.start, placement.end, case.operations[placement.operation].family or "")

    for placement in sorted(here, key=key):
        alone = case.operations[placement.operation].family is None
        if batches and not alone and key(batches[-1][0]) == key(placement):
            batches[-1].append(placement)
        else:
            batches.append([placement])
    return batches


def _calendar(case: _Case, line: Line, hours: _Hours, batches: list[list[Placement]]) -> Iterator[Violation]:
    """start in a window; end as `Running` says, after the duration of the longest in the batch."""
    shifts = merged(line, line.longest_break)
    starts = [start for start, _ in shifts]
    for batch in batches:
        open_ = case.open(batch)
        if not open_:
            continue
        start, end = batch[0].start, batch[0].end
        duration = case.duration(batch)
        home = bisect_right(hours.opens, start) - 1
        closed = home < 0 or start >= hours.closes[home]
        for placement in open_:
            key, running = placement.operation, case.operations[placement.operation].running
            if closed:
                what = f"{key} starts at {start}, when {line.id} is closed."
            elif running is Running.UNATTENDED:
                if end == start + duration:
                    continue
                what = f"{key} runs on by itself for {duration} s, not in [{start}, {end})."
            elif running is Running.WHOLE and end > hours.closes[home]:
                what = f"{key} may not pause, it ends at {end}, but {line.id} closes at {hours.closes[home]}."
            elif running is Running.BREAKS and end > shifts[bisect_right(starts, start) - 1][1]:
                closes = shifts[bisect_right(starts, start) - 1][1]
                what = f"{key} pauses in breaks only, it ends at {end}, but the shift of {line.id} ends at {closes}."
            elif end <= hours.closes[home] and end - start == duration:
                continue  # all in one window
            elif hours.between(start, end) == duration and hours.between(start, end - 1) < duration:
                continue
            else:
                what = f"{key} takes {duration} s of work on {line.id}, not those of [{start}, {end})."
            yield Violation(Rule.CALENDAR, key, what)


def _overlaps(case: _Case, line: Line) -> Iterator[Violation]:
    """One thing at a time."""
    longest: Placement | None = None  # the one that ends last so far: facts may overlap each other
    longest_open: Placement | None = None
    for placement in case.on_line[line.id]:
        fact = placement.operation in case.facts
        rival = longest_open if fact else longest
        if rival is not None and placement.start < rival.end:
            what = f"{placement.operation} starts on {line.id} at {placement.start}, "
            yield Violation(Rule.OVERLAP, placement.operation, f"{what}{rival.operation} ends at {rival.end}.")
        if longest is None or placement.end >= longest.end:
            longest = placement
        if not fact and (longest_open is None or placement.end >= longest_open.end):
            longest_open = placement


def _together(case: _Case, line: Line, batches: list[list[Placement]]) -> Iterator[Violation]:
    """What overlaps on an oven has one start, one end and one family, and its sizes sum to at most its batch."""
    longest: Placement | None = None
    longest_open: Placement | None = None
    for batch in batches:
        open_ = case.open(batch)
        subject = open_[-1] if open_ else batch[0]
        rival = longest if open_ else longest_open
        if rival is not None and subject.start < rival.end:
            what = f"{subject.operation} starts on {line.id} at {subject.start}, in another batch than "
            yield Violation(Rule.BATCH, subject.operation, f"{what}{rival.operation}, which ends at {rival.end}.")
        size = sum(case.operations[placement.operation].size for placement in batch)
        if open_ and size > line.batch:
            what = f"{subject.operation} and {len(batch) - 1} more fill {size} of {line.batch} on {line.id}."
            yield Violation(Rule.BATCH, subject.operation, what)
        if longest is None or subject.end >= longest.end:
            longest = subject
        if open_ and (longest_open is None or subject.end >= longest_open.end):
            longest_open = subject


def _setups(
    case: _Case, line: Line, hours: _Hours, batches: list[list[Placement]], matrix: SetupMatrix
) -> Iterator[Violation]:
    """matrix[family before, family after] seconds between neighbours, of working time or (`setup_any_time`) of any.

    The first one's neighbour is the line's initial family, there since the first window opened (any time: since 0).
    """
    family, since, settled = line.initial_family, 0 if line.setup_any_time else hours.opens[0], False
    for batch in batches:
        open_ = case.open(batch)
        subject = open_[0] if open_ else batch[0]
        after = case.operations[subject.operation].family
        setup = matrix.between(family, after)
        if setup and (open_ or not (batch is batches[0] or settled)):
            there = subject.start - since if line.setup_any_time else hours.between(since, subject.start)
            if there < setup:
                what = f"{subject.operation} starts on {line.id} at {subject.start}, it needs {setup} s of setup from "
                what += f"{family} to {after} after {since}, there are {max(there, 0)}."
                yield Violation(Rule.SETUP, subject.operation, what)
        family, since, settled = after, subject.end, not open_


def _resources(case: _Case) -> Iterator[Violation]:
    """At no instant are more units in use than there are; the first shortage that is not of facts alone is reported."""
    changes: dict[str, list[tuple[int, int, bool, OperationId]]] = defaultdict(list)
    for key, placement in case.known.items() if case.problem.resources else ():
        if placement.end > placement.start:
            for need in case.mode(placement).needs:
                fact = key in case.facts
                changes[need.resource].append((placement.start, need.number, fact, key))
                changes[need.resource].append((placement.end, -need.number, fact, key))
    for resource in case.problem.resources:
        used = of_open = 0
        events = sorted(changes[resource.id])
        for i, (instant, number, fact, key) in enumerate(events):
            used += number
            of_open += 0 if fact else number
            settled = i + 1 == len(events) or events[i + 1][0] > instant  # everything of this instant is counted
            if settled and used > resource.number and of_open > 0:
                what = f"{used} of {resource.number} {resource.id} are in use at {instant}, when {key} starts."
                yield Violation(Rule.RESOURCE, resource.id, what)
                break


def _materials(case: _Case) -> Iterator[Violation]:
    """At no instant is more taken (at starts) than stock and arrivals so far; the first shortage is reported.

    A shortage that facts alone have made is no violation: it is over and done.
    """
    takes: dict[str, list[tuple[int, int, OperationId]]] = defaultdict(list)
    for key, placement in case.known.items():
        for need in case.operations[key].materials:
            takes[need.material].append((placement.start, need.quantity, key))
    for material in case.problem.materials:
        arrivals = sorted(material.arrivals)
        come, gone, arrived, judged = material.stock, 0, 0, False
        mine = sorted(takes[material.id])
        for i, (instant, quantity, key) in enumerate(mine):
            gone += quantity
            judged = judged or key not in case.facts
            if i + 1 < len(mine) and mine[i + 1][0] == instant:
                continue  # not everything of this instant is counted yet
            while arrived < len(arrivals) and arrivals[arrived][0] <= instant:
                come += arrivals[arrived][1]
                arrived += 1
            if gone > come and judged:
                what = f"{gone} {material.id} are taken until {instant}, when {key} starts, {come} have come."
                yield Violation(Rule.MATERIAL, material.id, what)
                break


def _sequences(case: _Case) -> Iterator[Violation]:
    """Of two orders that both pass two lines of a group, none starts first on the one and second on the other.

    An order passes a line when its first operation there starts.
    """
    if not case.problem.same_sequence:
        return
    home = {operation.id: order.id for order in case.problem.orders for operation in order.operations}
    for group in case.problem.same_sequence:
        passes: dict[LineId, dict[WorkOrderId, Placement]] = {}
        for line in group:
            firsts: dict[WorkOrderId, Placement] = {}
            for placement in case.on_line[line]:
                firsts.setdefault(home[placement.operation], placement)
            passes[line] = firsts
        # Where all orders pass all lines, one after another, a line need only agree with the next one.
        flow = all(
            passes[line].keys() == passes[group[0]].keys()
            and len({placement.start for placement in passes[line].values()}) == len(passes[line])
            for line in group
        )
        for one, other in pairwise(group) if flow else combinations(group, 2):
            yield from _overtaking(case, passes[one], passes[other])


def _overtaking(
    case: _Case, one: Mapping[WorkOrderId, Placement], other: Mapping[WorkOrderId, Placement]
) -> Iterator[Violation]:
    both = sorted((placement.start, other[key].start, key) for key, placement in one.items() if key in other)
    latest: tuple[int, WorkOrderId] | None = None  # of those that start earlier on `one`, the last on `other`
    latest_open: tuple[int, WorkOrderId] | None = None  # the same of those that are not facts on both lines
    waiting: list[tuple[int, WorkOrderId]] = []  # those with the same start on `one` do not judge each other
    at = -1
    for start, there, key in both:
        if start > at:
            for item in waiting:
                latest = max(latest, item) if latest else item
                if not _settled(case, one, other, item[1]):
                    latest_open = max(latest_open, item) if latest_open else item
            waiting, at = [], start
        waiting.append((there, key))
        rival = latest_open if _settled(case, one, other, key) else latest
        if rival is not None and rival[0] > there:
            subject = other[key]
            what = f"{subject.operation} starts on {subject.line} at {there}, before {rival[1]} at {rival[0]}, "
            what += f"but on {one[key].line} {rival[1]} is first."
            yield Violation(Rule.SEQUENCE, subject.operation, what)


def _settled(
    case: _Case, one: Mapping[WorkOrderId, Placement], other: Mapping[WorkOrderId, Placement], order: WorkOrderId
) -> bool:
    return one[order].operation in case.facts and other[order].operation in case.facts
