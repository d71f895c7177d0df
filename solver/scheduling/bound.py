"""Lower bounds that hold whatever is done, at every size: makespan, tardiness, promises, setups.

Each operation has a *head* (it can start no earlier: release, now, what comes before it in its order, the calendars)
and a *tail* (so much has to follow its end at least). What holds for one order alone is then lifted by load: the
operations that can only be made on one set of lines share those lines' working time from their least head on, and a
family that no line is set up for at first costs at least its cheapest setup (bench: planted optima reach this).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from heapq import heappop, heappush

import numpy as np

from solver.scheduling.arrays import Words
from solver.scheduling.calendar import Calendar
from solver.scheduling.encode import Index
from solver.scheduling.problem import (
    NEVER,
    FamilyId,
    LineId,
    Operation,
    OperationId,
    PlantId,
    Precedence,
    Running,
    SchedulingProblem,
    WorkOrder,
)
from solver.scheduling.schedule import Objective, Part

SETS = 150  # of the sets of lines that are smaller than what operations connect, so many are looked at
PAIRS = 4_000_000  # pairs of families that are looked at for the cheapest setups


@dataclass(frozen=True, slots=True)
class Bound:
    """No schedule has less of a part than `parts` says; `value` bounds `Objective.value`; `how` names the argument."""

    parts: Mapping[Part, int]
    value: tuple[int, ...]
    how: Mapping[Part, str]

    def raised(self, objective: Objective, value: tuple[int, ...], how: str) -> Bound:
        """The same with a greater bound of the objective's value, which says more of a part that alone counts."""
        alone = [objective.lexicographic[0]] if objective.lexicographic else []
        if not alone and len(objective.parts) == 1:
            alone = [objective.parts[0]]
        least = {part: -(-value[0] // (1 if objective.lexicographic else objective.weights[part])) for part in alone}
        return Bound({**self.parts, **least}, value, {**self.how, **dict.fromkeys(least, how)})


@dataclass(frozen=True, slots=True)
class _Job:
    """An operation to be made on one of a set of lines.

    `work` of its `duration` is surely in working time: what runs on unattended may do the rest while all is closed.
    """

    duration: int
    work: int
    head: int
    tail: int
    family: FamilyId | None
    order: int


def bounds(problem: SchedulingProblem, objective: Objective) -> Bound:
    """Lower bounds of the objective's parts. MOVED and FLOW count from 0 and from each order's chain alone."""
    index = Index.of(problem)
    completion: list[int] = []
    groups: dict[tuple[LineId, ...], list[_Job]] = {}
    makespan, flow, how = 0, 0, "one order alone"
    for number, order in enumerate(problem.orders):
        heads, ends, tails = _alone(index, order)
        done = max((ends[o.id] for o in order.operations if o.route is None or o.id in problem.fixed), default=0)
        if order.routes:
            done = max(done, min(_route_end(order, route, ends) for route in order.routes))
        completion.append(done)
        makespan = max(makespan, done)
        flow += _flow(index, order)
        for operation in order.operations:
            if operation.id in problem.fixed or operation.route is not None:
                continue
            lines = tuple(sorted(mode.line for mode in operation.modes))
            if any(index.lines[line].unlimited or index.lines[line].batch for line in lines):
                continue
            least = min(mode.duration for mode in operation.modes)
            alone = operation.running is Running.UNATTENDED and any(len(index.clocks[n].opens) > 1 for n in lines)
            groups.setdefault(lines, []).append(
                _Job(least, 1 if alone else least, heads[operation.id], tails[operation.id], operation.family, number)
            )
    tardiness = sum(o.weight * max(0, done - o.due) for o, done in zip(problem.orders, completion, strict=True))
    how_late = "each order alone"
    families = _families(index)
    for lines, jobs in _shared(groups):
        capacity = _Capacity([index.clocks[line] for line in lines])
        setups = _setups(index, lines, jobs, families, any_time=False)
        if (found := _load(capacity, jobs, setups)) > makespan:
            makespan, how = found, f"the load of {', '.join(lines)}"
        if Part.TARDINESS in objective.parts and (found := _late(problem, capacity, jobs)) > tardiness:
            tardiness, how_late = found, f"the load of {', '.join(lines)}"
    broken = over = 0
    for order, done in zip(problem.orders, completion, strict=True):
        if order.promise is not None and done > order.promise:
            broken += 1
            over += order.weight * (done - order.promise)
    setup = sum(
        sum(_setups(index, lines, jobs, families, any_time=True)) for lines, jobs in _shared(groups, unions_only=True)
    )
    parts = {
        Part.BROKEN: broken, Part.OVER: over, Part.TARDINESS: tardiness, Part.MAKESPAN: makespan,
        Part.SETUP: setup, Part.MOVED: 0, Part.FLOW: flow,
    }  # fmt: skip
    alone_too = "each order alone"
    reasons = {
        Part.BROKEN: alone_too, Part.OVER: alone_too, Part.TARDINESS: how_late, Part.MAKESPAN: how,
        Part.SETUP: "each family's cheapest setup", Part.MOVED: "nothing need move", Part.FLOW: alone_too,
    }  # fmt: skip
    total = sum(weight * parts[part] for part, weight in objective.weights.items())
    return Bound(parts, (*(parts[part] for part in objective.lexicographic), total), reasons)


# --- one order alone --------------------------------------------------------------------------------------------------


def _alone(
    index: Index, order: WorkOrder
) -> tuple[dict[OperationId, int], dict[OperationId, int], dict[OperationId, int]]:
    """Of each operation: its head (least start), its least end, and its tail (least seconds after its end).

    An operation that may not be made (a route) does not hold up what follows, other routes included.
    """
    problem = index.problem
    heads: dict[OperationId, int] = {}
    ends: dict[OperationId, int] = {}
    tails: dict[OperationId, int] = {}
    operations = {o.id: o for o in order.operations}
    for operation in order.operations:
        if operation.id in problem.fixed:
            placement = problem.fixed[operation.id][1]
            heads[operation.id], ends[operation.id] = placement.start, placement.end
            continue
        head, end = NEVER, NEVER
        for mode in operation.modes:
            ready: int = max(order.released(operation), problem.now)
            for before in operation.predecessors:
                earlier = operations[before.operation]
                sure = earlier.route in (None, operation.route) or earlier.id in problem.fixed
                if sure:
                    arrives = _arrival(index, earlier, ends[earlier.id], before, index.lines[mode.line].plant)
                    ready = max(ready, arrives)
            start, done = index.clocks[mode.line].earliest(ready, operation.running, mode.duration)
            head, end = min(head, start), min(end, done)
        heads[operation.id], ends[operation.id] = head, end
    for operation in reversed(order.operations):
        tails.setdefault(operation.id, 0)
        if operation.id in index.facts:
            continue
        follows = tails[operation.id] + min(mode.duration for mode in operation.modes)
        for before in operation.predecessors:
            if operation.route is None or operation.route == operations[before.operation].route:
                tails[before.operation] = max(tails.get(before.operation, 0), follows + before.minimum_wait)
    return heads, ends, tails


def _arrival(index: Index, earlier: Operation, end: int, before: Precedence, plant: PlantId) -> int:
    """The earliest that what `earlier` has made can be in a plant."""
    fixed = index.problem.fixed.get(earlier.id)
    origins = (
        {index.lines[fixed[1].line].plant} if fixed else {index.lines[mode.line].plant for mode in earlier.modes}
    )
    ready = end + before.minimum_wait
    if plant in origins:
        return ready
    arrives = NEVER
    for origin in origins:
        transport = index.transports.get((origin, plant))
        if transport is not None:
            arrives = min(arrives, transport.arrival(ready))
    return arrives


def _route_end(order: WorkOrder, route: str, ends: Mapping[OperationId, int]) -> int:
    return max(ends[o.id] for o in order.operations if o.route == route)


def _flow(index: Index, order: WorkOrder) -> int:
    """The longest chain of work and waits of what is surely made: between first start and completion."""
    lengths: dict[OperationId, int] = {}
    for operation in order.operations:
        if operation.route is not None or operation.id in index.problem.fixed:
            continue
        before = max(
            (lengths[b.operation] + b.minimum_wait for b in operation.predecessors if b.operation in lengths), default=0
        )
        lengths[operation.id] = before + min(mode.duration for mode in operation.modes)
    return max(lengths.values(), default=0)


# --- lines that share operations --------------------------------------------------------------------------------------


def _shared(
    groups: Mapping[tuple[LineId, ...], list[_Job]], *, unions_only: bool = False
) -> Iterable[tuple[tuple[LineId, ...], list[_Job]]]:
    """Sets of lines with the operations that can be made nowhere else.

    The least sets that no operation leaves (they are disjoint), and of the operations' own sets those with most work.
    """
    sets = {frozenset(lines): sum(job.work for job in jobs) for lines, jobs in groups.items()}
    unions: list[frozenset[LineId]] = []
    for lines in sets:
        joined, apart = lines, []
        for other in unions:
            if other & joined:
                joined |= other
            else:
                apart.append(other)
        unions = [*apart, joined]
    own = sorted(sets.keys() - set(unions), key=lambda lines: (-sets[lines] / len(lines), sorted(lines)))
    for lines in unions if unions_only else (*unions, *own[:SETS]):
        jobs = [job for made_on, found in groups.items() if lines.issuperset(made_on) for job in found]
        yield tuple(sorted(lines)), jobs


class _Capacity:
    """The working time of several lines together, as a piecewise linear function of the instant."""

    def __init__(self, clocks: Sequence[Calendar]) -> None:
        steps: dict[int, int] = {}
        for clock in clocks:
            for opens, closes in zip(clock.opens, clock.closes, strict=True):
                steps[opens] = steps.get(opens, 0) + 1
                steps[closes] = steps.get(closes, 0) - 1
        self.lines = len(clocks)
        self.at = np.array(sorted(steps), dtype=np.int64)
        self.rate = np.cumsum([steps[instant] for instant in self.at.tolist()], dtype=np.int64)
        self.total = np.concatenate(([0], np.cumsum(self.rate[:-1] * np.diff(self.at))))

    def work(self, instants: Words) -> Words:
        """Working time of all lines until these instants."""
        i = np.searchsorted(self.at, instants, side="right") - 1
        return np.where(i < 0, 0, self.total[i] + self.rate[i] * (instants - self.at[i]))

    def filled(self, begins: Words, works: Words) -> Words:
        """The earliest instants by which the lines can have done so much since `begins`.

        More than there is before the last window closes is only possible unattended: then all lines run all the time.
        """
        targets = self.work(begins) + works
        i = np.searchsorted(self.total, targets) - 1
        beyond = (works <= 0) | (targets > self.total[-1])
        rate = np.maximum(1, self.rate[i])
        return np.where(
            beyond, begins + np.maximum(0, -(-works // self.lines)), self.at[i] - (self.total[i] - targets) // rate
        )


def _load(capacity: _Capacity, jobs: Sequence[_Job], setups: Sequence[int]) -> int:
    """The latest end that the load of these operations forces.

    least head + all work on all lines + least tail, for the operations with heads of at least h, for those with
    tails of at least q, and for all. Setups count with all of them: from the first opening on, or from the least head
    on without the first of each line, which may have been made before.
    Source: Carlier, The one-machine sequencing problem (1982), h(I) + p(I) + q(I), for lines in parallel.
    """
    head, tail, work = (_column(jobs, key) for key in ("head", "tail", "work"))
    later = sum(sorted(setups)[: max(0, len(setups) - capacity.lines)])
    since = np.array([0, head.min()]), work.sum() + np.array([sum(setups), later])
    best = int(capacity.filled(*since).max() + tail.min())
    for key in (head, tail):
        by_key = np.argsort(-key, kind="stable")
        least, rest = (np.minimum.accumulate(column[by_key]) for column in (head, tail))
        best = max(best, int((capacity.filled(least, np.cumsum(work[by_key])) + rest).max()))
    return max(best, _preemptive(jobs) if capacity.lines == 1 else 0)


def _late(problem: SchedulingProblem, capacity: _Capacity, jobs: Sequence[_Job]) -> int:
    """Weighted tardiness that the load forces, were all orders as cheap as the cheapest.

    The k-th order to be done is not done before the k least works of orders; the least sum of max(0, done - due) pairs
    the k-th of these with the k-th due date, both by size. Orders that cost nothing late are left out.
    """
    work: dict[int, int] = {}
    head = NEVER
    for job in jobs:
        if problem.orders[job.order].weight:
            work[job.order] = work.get(job.order, 0) + job.work
            head = min(head, job.head)
    if not work:
        return 0
    weight = min(problem.orders[order].weight for order in work)
    dues = np.array(sorted(problem.orders[order].due for order in work), dtype=np.int64)
    done = np.cumsum(sorted(work.values()))
    return weight * int(np.maximum(0, capacity.filled(np.full(len(done), head), done) - dues).sum())


def _column(jobs: Sequence[_Job], name: str) -> Words:
    return np.fromiter((getattr(job, name) for job in jobs), dtype=np.int64, count=len(jobs))


def _preemptive(jobs: Sequence[_Job]) -> int:
    """One line that may interrupt: longest tail first among those that are there. Source: Jackson; Carlier (1982).

    Calendars only make it later, so they are left out.
    """
    waiting: list[tuple[int, int]] = []  # negated tail, seconds left
    now = best = 0
    coming = sorted(jobs, key=lambda job: job.head)
    i = 0
    while i < len(coming) or waiting:
        if not waiting:
            now = max(now, coming[i].head)
        while i < len(coming) and coming[i].head <= now:
            heappush(waiting, (-coming[i].tail, coming[i].duration))
            i += 1
        tail, left = heappop(waiting)
        until = coming[i].head if i < len(coming) else NEVER
        step = min(left, until - now)
        now += step
        if step < left:
            heappush(waiting, (tail, left - step))
        else:
            best = max(best, now - tail)
    return best


def _families(index: Index) -> dict[LineId, set[FamilyId | None]]:
    """The families of what each line can make."""
    found: dict[LineId, set[FamilyId | None]] = {}
    for _, operation in index.homes.values():
        for mode in operation.modes:
            found.setdefault(mode.line, set()).add(operation.family)
    return found


def _setups(
    index: Index,
    lines: Sequence[LineId],
    jobs: Sequence[_Job],
    families: Mapping[LineId, set[FamilyId | None]],
    *,
    any_time: bool,
) -> list[int]:
    """Setups that are surely made: one into each family that no line is set up for at first, its cheapest one.

    A line that is set up for nothing begins with any family, so with each such line the dearest is left out. Where
    something without a family can come before, where operations are fixed, or where setups need no working time
    (unless `any_time`), nothing is sure.
    """
    here = [index.lines[line] for line in lines]
    matrices = {index.matrices[line].id: index.matrices[line] for line in lines if line in index.matrices}
    before = set().union(*(families[line] for line in lines))
    if (
        any(line.setups is None or (line.setup_any_time and not any_time) for line in here)
        or None in before
        or any(placement.line in lines for _, placement in index.problem.fixed.values())
    ):
        return []
    initial = {line.initial_family for line in here}
    wanted = {job.family for job in jobs} - initial
    before |= initial - {None}
    if len(before) * len(wanted) > PAIRS:
        return []
    least = [
        min((matrix.between(f, g) for matrix in matrices.values() for f in before if f != g), default=0)
        for g in wanted
    ]
    without = sum(line.initial_family is None for line in here)
    return sorted(least)[: max(0, len(least) - without)]
