"""Lower bounds that hold whatever is done, at every size: makespan, tardiness, promises, setups.

Each operation has a *head* (it can start no earlier: release, now, what comes before it in its order, the calendars)
and a *tail* (so much has to follow its end at least). What holds for one order alone is then lifted by load: the
operations that can only be made on one set of lines share those lines' working time from their least head on, and a
family that no line is set up for at first costs at least its cheapest setup (bench: planted optima reach this).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from heapq import heappop, heappush

import numpy as np

from solver.scheduling.arrays import (
    MODE_AT,
    MODE_LINE,
    MODE_TIME,
    OP_EARLIEST,
    OP_ORDER,
    OP_RUNNING,
    ORDER_DUE,
    ORDER_WEIGHT,
    RUNNING,
    Arrays,
    Words,
    arrays_of,
    earliest_of,
)
from solver.scheduling.calendar import Calendar
from solver.scheduling.dispatch import fixed_columns
from solver.scheduling.encode import Index
from solver.scheduling.heads import chains_of, heads_and_ends, tails_of
from solver.scheduling.problem import (
    NEVER,
    FamilyId,
    LineId,
    OperationId,
    Running,
    SchedulingProblem,
    WorkOrder,
)
from solver.scheduling.schedule import Objective, Part

SETS = 150  # of the sets of lines that are smaller than what operations connect, so many are looked at
PAIRS = 4_000_000  # pairs of families that are looked at for the cheapest setups


@dataclass(frozen=True, slots=True)
class Bound:
    """No schedule has less of a part than `parts` says; `value` bounds `Objective.value`; `how` names the argument.

    `completion`: no order, in the problem's sequence, is done before that.
    """

    parts: Mapping[Part, int]
    value: tuple[int, ...]
    how: Mapping[Part, str]
    completion: Words = field(compare=False, repr=False)

    def raised(self, objective: Objective, value: tuple[int, ...], how: str) -> Bound:
        """The same with a greater bound of the objective's value, which says more of a part that alone counts."""
        alone = [objective.lexicographic[0]] if objective.lexicographic else []
        if not alone and len(objective.parts) == 1:
            alone = [objective.parts[0]]
        least = {part: -(-value[0] // (1 if objective.lexicographic else objective.weights[part])) for part in alone}
        return replace(self, parts={**self.parts, **least}, value=value, how={**self.how, **dict.fromkeys(least, how)})


@dataclass(frozen=True, slots=True)
class _Jobs:
    """Operations that can only be made on one set of lines, a column each; `order` is a place in `problem.orders`.

    `work` of their `duration` is surely in working time: what runs on unattended may do the rest while all is closed.
    """

    duration: Words
    work: Words
    head: Words
    tail: Words
    order: Words
    families: frozenset[FamilyId | None]

    @staticmethod
    def together(parts: Sequence[_Jobs]) -> _Jobs:
        """All of several."""
        columns = zip(*((jobs.duration, jobs.work, jobs.head, jobs.tail, jobs.order) for jobs in parts), strict=True)
        families: frozenset[FamilyId | None] = frozenset().union(*(jobs.families for jobs in parts))
        duration, work, head, tail, order = (np.concatenate(column) for column in columns)
        return _Jobs(duration, work, head, tail, order, families)


@dataclass(frozen=True, slots=True)
class _Alone:
    """What each order needs if it is alone, by operation: see `heads`; and by order: completion, and flow."""

    least: Words  # the shortest duration
    heads: Words
    tails: Words
    completion: Words
    flow: int


def bounds(problem: SchedulingProblem, objective: Objective, arrays: Arrays | None = None) -> Bound:
    """Lower bounds of the objective's parts. MOVED and FLOW count from 0 and from each order's chain alone.

    `arrays`: the problem's, if they are there.
    """
    index, arrays = Index.of(problem), arrays or arrays_of(problem)
    alone = _alone(arrays, index)
    makespan, how = int(alone.completion.max(initial=0)), "one order alone"
    weights, dues = (arrays.column(section, len(problem.orders)) for section in (ORDER_WEIGHT, ORDER_DUE))
    tardiness, how_late = int((weights * np.maximum(0, alone.completion - dues)).sum()), "each order alone"
    groups, families = _groups(arrays, index, alone), _families(index)
    for lines, jobs in _shared(groups):
        capacity = _Capacity([index.clocks[line] for line in lines])
        setups = _setups(index, lines, jobs, families, any_time=False)
        if (found := _load(capacity, jobs, setups)) > makespan:
            makespan, how = found, f"the load of {', '.join(lines)}"
        if Part.TARDINESS in objective.parts and (found := _late(weights, dues, capacity, jobs)) > tardiness:
            tardiness, how_late = found, f"the load of {', '.join(lines)}"
    broken = over = 0
    for order, done in zip(problem.orders, alone.completion.tolist(), strict=True):
        if order.promise is not None and done > order.promise:
            broken += 1
            over += order.weight * (done - order.promise)
    setup = sum(
        sum(_setups(index, lines, jobs, families, any_time=True)) for lines, jobs in _shared(groups, unions_only=True)
    )
    parts = {
        Part.BROKEN: broken, Part.OVER: over, Part.TARDINESS: tardiness, Part.MAKESPAN: makespan,
        Part.SETUP: setup, Part.MOVED: 0, Part.FLOW: alone.flow,
    }  # fmt: skip
    alone_too = "each order alone"
    reasons = {
        Part.BROKEN: alone_too, Part.OVER: alone_too, Part.TARDINESS: how_late, Part.MAKESPAN: how,
        Part.SETUP: "each family's cheapest setup", Part.MOVED: "nothing need move", Part.FLOW: alone_too,
    }  # fmt: skip
    total = sum(weight * parts[part] for part, weight in objective.weights.items())
    return Bound(parts, (*(parts[part] for part in objective.lexicographic), total), reasons, alone.completion)


# --- one order alone --------------------------------------------------------------------------------------------------


def _alone(arrays: Arrays, index: Index) -> _Alone:
    """Each order by itself, whatever the materials allow."""
    problem, s, n = arrays.problem, arrays.words, len(arrays.operations)
    fixed, heads, ends = fixed_columns(arrays)
    numbers: dict[str | None, int] = {None: -1}
    route = np.fromiter(
        (numbers.setdefault(operation.route, len(numbers)) for operation in arrays.operations), dtype=np.int64, count=n
    )
    fact = np.zeros(n, dtype=np.int64)
    fact[[arrays.number[operation] for operation in index.facts]] = 1
    least = np.minimum.reduceat(arrays.column(MODE_TIME, len(arrays.modes)), arrays.column(MODE_AT, n)) if n else fact
    earliest = earliest_of(problem, materials=False) if problem.materials else arrays.column(OP_EARLIEST, n)
    tails, chains = np.zeros_like(fact), np.zeros_like(fact)
    mode_ends = np.full(len(arrays.modes), NEVER, dtype=np.int64)
    mode_ends[fixed[fixed >= 0]] = ends[fixed >= 0]
    heads_and_ends(s, fixed, route, np.ascontiguousarray(earliest), heads, mode_ends)
    if n:
        ends = np.minimum.reduceat(mode_ends, arrays.column(MODE_AT, n))
    tails_of(s, fact, route, least, tails)
    chains_of(s, ((route < 0) & (fixed < 0)).astype(np.int64), least, chains)
    of_order, orders = arrays.column(OP_ORDER, n), len(problem.orders)
    completion, flows = np.zeros(orders, dtype=np.int64), np.zeros(orders, dtype=np.int64)
    sure = (route < 0) | (fixed >= 0)
    np.maximum.at(completion, of_order[sure], ends[sure])
    np.maximum.at(flows, of_order, chains)
    for number, order in enumerate(problem.orders):
        if order.routes:
            by_name = {operation.id: int(ends[arrays.number[operation.id]]) for operation in order.operations}
            shortest = min(_route_end(order, route_, by_name) for route_ in order.routes)
            completion[number] = max(completion[number], shortest)
    return _Alone(least, heads, tails, completion, int(flows.sum()))


def _route_end(order: WorkOrder, route: str, ends: Mapping[OperationId, int]) -> int:
    return max(ends[o.id] for o in order.operations if o.route == route)


# --- lines that share operations --------------------------------------------------------------------------------------


def _groups(arrays: Arrays, index: Index, alone: _Alone) -> dict[frozenset[LineId], _Jobs]:
    """What surely takes time of lines, by the lines that can make it: not what is fixed, on a route or in an oven."""
    problem, n = arrays.problem, len(arrays.operations)
    by_lines: dict[tuple[int, ...], list[int]] = {}
    mode_at, mode_line = arrays.column(MODE_AT, n + 1).tolist(), arrays.column(MODE_LINE, len(arrays.modes)).tolist()
    for k, operation in enumerate(arrays.operations):
        if operation.route is None and operation.id not in problem.fixed:
            by_lines.setdefault(tuple(mode_line[mode_at[k] : mode_at[k + 1]]), []).append(k)
    members: dict[frozenset[LineId], list[int]] = {}
    for numbers, found in by_lines.items():
        here = [problem.lines[number] for number in numbers]
        if not any(line.unlimited or line.batch for line in here):
            members.setdefault(frozenset(line.id for line in here), []).extend(found)
    running, of_order = arrays.column(OP_RUNNING, n), arrays.column(OP_ORDER, n)
    groups: dict[frozenset[LineId], _Jobs] = {}
    for lines, found in members.items():
        i = np.array(found, dtype=np.int64)
        least, closes = alone.least[i], any(len(index.clocks[line].opens) > 1 for line in lines)
        work = np.where(closes & (running[i] == RUNNING[Running.UNATTENDED]), 1, least)
        kinds = frozenset(arrays.operations[k].family for k in found)
        groups[lines] = _Jobs(least, work, alone.heads[i], alone.tails[i], of_order[i], kinds)
    return groups


def _shared(
    groups: Mapping[frozenset[LineId], _Jobs], *, unions_only: bool = False
) -> Iterable[tuple[tuple[LineId, ...], _Jobs]]:
    """Sets of lines with the operations that can be made nowhere else.

    The least sets that no operation leaves (they are disjoint), and of the operations' own sets those with most work.
    """
    sets = {lines: int(jobs.work.sum()) for lines, jobs in groups.items()}
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
        yield tuple(sorted(lines)), _Jobs.together([jobs for made_on, jobs in groups.items() if made_on <= lines])


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


def _load(capacity: _Capacity, jobs: _Jobs, setups: Sequence[int]) -> int:
    """The latest end that the load of these operations forces.

    least head + all work on all lines + least tail, for the operations with heads of at least h, for those with
    tails of at least q, and for all. Setups count with all of them: from the first opening on, or from the least head
    on without the first of each line, which may have been made before.
    Source: Carlier, The one-machine sequencing problem (1982), h(I) + p(I) + q(I), for lines in parallel.
    """
    head, tail, work = jobs.head, jobs.tail, jobs.work
    later = sum(sorted(setups)[: max(0, len(setups) - capacity.lines)])
    since = np.array([0, head.min()]), work.sum() + np.array([sum(setups), later])
    best = int(capacity.filled(*since).max() + tail.min())
    for key in (head, tail):
        by_key = np.argsort(-key, kind="stable")
        least, rest = (np.minimum.accumulate(column[by_key]) for column in (head, tail))
        best = max(best, int((capacity.filled(least, np.cumsum(work[by_key])) + rest).max()))
    return max(best, _preemptive(jobs) if capacity.lines == 1 else 0)


def _late(weights: Words, dues: Words, capacity: _Capacity, jobs: _Jobs) -> int:
    """Weighted tardiness that the load forces, were all orders as cheap as the cheapest.

    The k-th order to be done is not done before the k least works of orders; the least sum of max(0, done - due) pairs
    the k-th of these with the k-th due date, both by size. Orders that cost nothing late are left out.
    """
    costs = weights[jobs.order] > 0
    if not costs.any():
        return 0
    orders, place = np.unique(jobs.order[costs], return_inverse=True)
    work = np.zeros(len(orders), dtype=np.int64)
    np.add.at(work, place, jobs.work[costs])
    head, done = jobs.head[costs].min(), np.cumsum(np.sort(work))
    late = np.maximum(0, capacity.filled(np.full(len(done), head), done) - np.sort(dues[orders]))
    return int(weights[orders].min()) * int(late.sum())


def _preemptive(jobs: _Jobs) -> int:
    """One line that may interrupt: longest tail first among those that are there. Source: Jackson; Carlier (1982).

    Calendars only make it later, so they are left out.
    """
    waiting: list[tuple[int, int]] = []  # negated tail, seconds left
    now = best = 0
    by_head = np.argsort(jobs.head, kind="stable")
    coming = list(zip(*(column[by_head].tolist() for column in (jobs.head, jobs.tail, jobs.duration)), strict=True))
    i = 0
    while i < len(coming) or waiting:
        if not waiting:
            now = max(now, coming[i][0])
        while i < len(coming) and coming[i][0] <= now:
            heappush(waiting, (-coming[i][1], coming[i][2]))
            i += 1
        tail, left = heappop(waiting)
        until = coming[i][0] if i < len(coming) else NEVER
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
    jobs: _Jobs,
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
    wanted = jobs.families - initial
    before |= initial - {None}
    if len(before) * len(wanted) > PAIRS:
        return []
    least = [
        min((matrix.between(f, g) for matrix in matrices.values() for f in before if f != g), default=0)
        for g in wanted
    ]
    without = sum(line.initial_family is None for line in here)
    return sorted(least)[: max(0, len(least) - without)]
