"""CP-SAT on a whole problem, with a proof, or on a window of a schedule while the rest of it stays.

Parts that are compared first are minimised first and then held, the weighted sum comes last.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from time import monotonic
from typing import Any

from solver.cp import Limits, Status, Stop
from solver.cp import solve as run
from solver.scheduling.calendar import Calendar
from solver.scheduling.check import violations
from solver.scheduling.encode import Encoding, Index, Range
from solver.scheduling.problem import (
    NEVER,
    LineId,
    Operation,
    OperationId,
    Placement,
    Running,
    SchedulingProblem,
)
from solver.scheduling.schedule import Objective, Part, Schedule, evaluate, has_moved, setups_on

LITERALS = 60_000  # literals for windows (operations times windows) that a whole model may have
QUICK: dict[str, Any] = {"max_presolve_iterations": 1, "cp_model_probing_level": 0, "symmetry_level": 0}
AT_LEAST_0 = (Part.BROKEN, Part.OVER, Part.TARDINESS, Part.SETUP, Part.MOVED)


class UnsoundModel(RuntimeError):
    """The judge refuses what the model allows: a fault of this program."""


@dataclass(frozen=True, slots=True)
class Solved:
    """What a solve has shown. `bound`: no schedule (of the window) has a smaller `Objective.value`."""

    status: Status
    schedule: Schedule | None
    bound: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Found:
    """A better schedule on the way; `schedule` is not judged yet."""

    schedule: Schedule
    seconds: float


def solve(
    problem: SchedulingProblem,
    objective: Objective,
    limits: Limits,
    *,
    hint: Schedule | None = None,
    stop: Stop | None = None,
    report: Callable[[Found], None] | None = None,
) -> Solved:
    """The best schedule of the whole problem, as far as the limits allow; judged. Raises UnsoundModel.

    OPTIMAL and INFEASIBLE are proofs. `hint` is a schedule that keeps the rules: where the search begins, and how late
    anything may end if only the makespan, or only tardiness, counts.
    """
    index = Index.of(problem)
    fixed = {key: placement for key, (_, placement) in problem.fixed.items()}
    latest, complete = _latest(index, objective, hint)
    ranges = _ranges(index, latest)
    encoding = Encoding(index, ranges, fixed, hint=hint.placements if hint else None, latest=latest)
    known = _known(problem, objective, hint)

    def schedule(values: Sequence[int]) -> Schedule:
        return Schedule(fixed | encoding.read(values))

    status, values, bound = _stages(
        encoding, objective, limits, known=known, stop=stop, settings=None,
        report=(lambda v, s: report(Found(schedule(v), s))) if report is not None else None,
    )  # fmt: skip
    if not complete:
        bound = (0,) * len(bound)
        status = {Status.OPTIMAL: Status.FEASIBLE, Status.INFEASIBLE: Status.UNKNOWN}.get(status, status)
    if values is None:
        return Solved(status, None, bound)
    found = schedule(values)
    _judge(problem, found)
    return Solved(status, found, bound)


def improve(
    problem: SchedulingProblem,
    objective: Objective,
    schedule: Schedule,
    free: Collection[OperationId],
    limits: Limits,
    *,
    index: Index | None = None,
    stop: Stop | None = None,
    judged: bool = True,
) -> Solved:
    """A schedule at least as good as `schedule`, which keeps the rules, where only `free` has moved.

    The operations of the window start no earlier than the first of them and end no later than the last, or one
    operation later; routes stay. OPTIMAL: nothing in the window is better. With `index` (`Index.of(problem)`) the
    model is built from the window alone; without `judged` the judge is left to the caller. Raises UnsoundModel.
    """
    index = index or Index.of(problem)
    placed = schedule.placements
    moving = {key for key in free if key in placed and key not in problem.fixed}
    moving = _whole_batches(index, placed, moving)
    if not moving:
        return Solved(Status.OPTIMAL, schedule, objective.value(evaluate(problem, schedule, objective.reference)))
    ranges, latest = _window(index, placed, moving)
    standing = {key: placement for key, placement in placed.items() if key not in moving}
    near = _near(index, standing, moving, min(reach.low for reach in ranges.values()), latest)
    hint = {key: placed[key] for key in moving}
    encoding = Encoding(index, ranges, standing, hint=hint, near=near, latest=latest)
    measure = _Local(index, objective, encoding, near)
    before = measure.value(hint)
    known = {part: before[i] for i, part in enumerate(objective.lexicographic)}
    began = monotonic()
    status, values, bound = _stages(encoding, objective, limits, known=known, stop=stop, settings=QUICK, report=None)
    if values is None and status is Status.INFEASIBLE:  # rarely the presolve in a hurry says so of what has a schedule
        left = replace(limits, seconds=max(0.1, limits.seconds - (monotonic() - began)))
        status, values, bound = _stages(encoding, objective, left, known=known, stop=stop, settings=None, report=None)
    if values is None:
        if status is Status.INFEASIBLE:
            raise UnsoundModel("The window has no schedule, but there is one.")
        return Solved(Status.FEASIBLE, schedule, bound)
    found = encoding.read(values)
    if measure.value(found) >= before:
        return Solved(status, schedule, bound)
    better = Schedule(standing | found)
    if judged:
        _judge(problem, better)
    return Solved(status, better, bound)


def _judge(problem: SchedulingProblem, schedule: Schedule) -> None:
    if wrong := violations(problem, schedule):
        raise UnsoundModel("; ".join(f"{v.kind} {v.subject}: {v.what}" for v in wrong[:5]))


def _known(problem: SchedulingProblem, objective: Objective, hint: Schedule | None) -> dict[Part, int]:
    """The hint's figures of the parts that are compared first."""
    if hint is None:
        return {}
    value = objective.value(evaluate(problem, hint, objective.reference))
    return dict(zip(objective.lexicographic, value, strict=False))


def _stages(
    encoding: Encoding,
    objective: Objective,
    limits: Limits,
    *,
    known: Mapping[Part, int],
    stop: Stop | None,
    settings: dict[str, Any] | None,
    report: Callable[[Sequence[int], float], None] | None,
) -> tuple[Status, tuple[int, ...] | None, tuple[int, ...]]:
    """Minimise part after part, each held at its least value then, and the weighted sum last."""
    began = monotonic()
    model, length = encoding.model, len(objective.lexicographic) + 1
    reference = objective.reference.placements if objective.reference is not None else None
    parts: dict[Part, Any] = {}

    def part(name: Part) -> Any:
        if name not in parts:
            parts[name] = encoding.part(name, reference)
        return parts[name]

    stages: list[tuple[Part | None, Any]] = [(name, part(name)) for name in objective.lexicographic]
    weighted = sum(weight * part(name) for name, weight in objective.weights.items() if weight)
    stages.append((None, weighted))
    values: tuple[int, ...] | None = None
    proved: list[int] = []
    exact = True
    for name, expression in stages:
        constant = isinstance(expression, int)
        if constant and not (name is None and values is None):
            if exact:
                proved.append(expression)
            continue
        if name in AT_LEAST_0 and known.get(name) == 0 and name is not None:
            model.add(expression <= 0)  # nothing is less than what the hint has: no search for it
            if exact:
                proved.append(0)
            continue
        _set_hints(encoding, values)
        model.minimize(expression)
        left = max(0.0, limits.seconds - (monotonic() - began))
        answer = run(
            model, replace(limits, seconds=left), settings=settings, stop=stop,
            report=(lambda solving: report(solving.values, monotonic() - began)) if report is not None else None,
        )  # fmt: skip
        if answer.status is Status.INFEASIBLE:
            return Status.INFEASIBLE, None, (0,) * length
        if answer.status.solved:
            values = answer.values
            model.add(expression <= round(answer.objective))
            if exact:
                proved.append(round(answer.objective) if answer.status is Status.OPTIMAL else _whole(answer.bound))
        exact = exact and answer.status is Status.OPTIMAL
        if not answer.status.solved and values is None:
            return answer.status, None, (0,) * length
    bound = (*proved, *(0,) * (length - len(proved)))
    return Status.OPTIMAL if exact else Status.FEASIBLE, values, bound


def _whole(bound: float) -> int:
    """The least whole number that is not below a bound, which has passed through floating point."""
    return max(0, -int(-(bound - 1e-6 * max(1.0, abs(bound))) // 1)) if bound > 0 else 0


def _set_hints(encoding: Encoding, values: tuple[int, ...] | None) -> None:
    model: Any = encoding.model
    model.clear_hints()
    if values is None:
        for variable, value in encoding.hints:
            model.add_hint(variable, value)
        return
    for i, value in enumerate(values):
        model.add_hint(model.get_int_var_from_proto_index(i), value)


# --- how late ---------------------------------------------------------------------------------------------------------


def _latest(index: Index, objective: Objective, hint: Schedule | None) -> tuple[int, bool]:
    """By when everything can have ended, and whether no schedule that ends later has to be looked at.

    After the last release, arrival and fixed end something is always on its way: each operation moves the end by at
    most the longest that it may have to wait for a window, work, be set up for, cure and travel.
    """
    problem = index.problem
    closes: int = max(line.windows[-1].end for line in problem.lines)
    if any(o.running is Running.UNATTENDED for _, o in index.homes.values()):
        closes = min(NEVER, closes + max(index.longest.values()))
    base: int = problem.now
    for order in problem.orders:
        base = max(base, order.release, *(operation.release for operation in order.operations))
    for _, placement in problem.fixed.values():
        base = max(base, placement.end)
    for material in problem.materials if index.takers else ():
        base = max(base, *(at for at, _ in material.arrivals), 0)
    for placed in (objective.reference, hint):
        base = max(base, *(p.end for p in placed.placements.values()), 0) if placed is not None else base
    travel = max((_slowest(t.seconds, t.departures, base) for t in problem.transports), default=0)
    longest_wait = any(before.maximum_wait is not None for _, o in index.homes.values() for before in o.predecessors)
    setup = {line: max(matrix.seconds.values(), default=0) for line, matrix in index.matrices.items()}
    advance: dict[tuple[Any, ...], int] = {}
    total = base
    for key, (_, operation) in index.homes.items():
        if key in problem.fixed:
            continue
        step = 0
        for mode in operation.modes:
            for duration, running in ((mode.duration, operation.running), (setup.get(mode.line, 0), Running.PAUSES)):
                case = (id(index.clocks[mode.line]), duration, running)
                if case not in advance:
                    advance[case] = _worst(index.clocks[mode.line], base, duration, running)
            together = _together(index, mode.line, operation)
            step = max(
                step,
                advance[(id(index.clocks[mode.line]), mode.duration, operation.running)]
                + advance[(id(index.clocks[mode.line]), setup.get(mode.line, 0), Running.PAUSES)]
                + together,
            )
        step += max((before.minimum_wait for before in operation.predecessors), default=0)
        total += step + (travel if operation.predecessors else 0)
    latest, complete = min(closes, total), True

    def windows(until: int) -> int:
        if len(index.homes) > 2000:
            return LITERALS + 1
        usable = {line: bisect_left(clock.opens, until) for line, clock in index.clocks.items()}
        return sum(usable[mode.line] for _, o in index.homes.values() for mode in o.modes)

    if total < closes and (longest_wait or problem.same_sequence):
        # Waits at most make an order's operations follow closely: a later week may be the first that has room.
        complete = all(clock.is_open(base, total) for clock in index.clocks.values())
        if not complete and closes < NEVER and windows(closes) <= LITERALS:
            latest, complete = closes, True
    if windows(latest) > LITERALS and not all(clock.is_open(base, latest) for clock in index.clocks.values()):
        work = max((_worst(clock, base, 1, Running.PAUSES) for clock in index.clocks.values()), default=0)
        shorter = min(latest, base + (total - base) // 20 + 2 * min(work, NEVER >> 8))
        latest, complete = max(shorter, base), shorter == latest
    if hint is not None:
        latest, complete = _not_after(problem, objective, hint, latest, complete=complete)
    return latest, complete


def _together(index: Index, line: LineId, operation: Operation) -> int:
    """How much longer than its own an oven may take for an operation."""
    return index.longest[line] if index.lines[line].batch else 0


def _not_after(
    problem: SchedulingProblem, objective: Objective, hint: Schedule, latest: int, *, complete: bool
) -> tuple[int, bool]:
    """When only the makespan, or only tardiness, counts: nothing better than the hint ends later than this."""
    wanted = objective.lexicographic[:1] or tuple(part for part, weight in objective.weights.items() if weight)
    figures = evaluate(problem, hint, objective.reference)
    limit = None
    if wanted == (Part.MAKESPAN,):
        limit = int(figures.makespan)
    elif wanted == (Part.TARDINESS,) and all(order.weight for order in problem.orders):
        limit = max(max(0, order.due) + figures.tardiness // order.weight for order in problem.orders)
    if limit is None or limit > latest:
        return latest, complete
    return max(limit, *(p.end for p in hint.placements.values())), True


def _slowest(seconds: int, departures: Sequence[int] | None, base: int) -> int:
    """The longest from being ready to having arrived, for what can still leave."""
    if departures is None:
        return seconds
    gaps = [b - a for a, b in zip((min(base, departures[0]), *departures), departures, strict=False)]
    return seconds + max(gaps, default=0)


def _worst(clock: Calendar, base: int, duration: int, running: Running) -> int:
    """The longest from an instant after `base` to the end of what begins as soon as it can after it.

    The worst instant is just after a last start, or the base.
    """
    if duration == 0:
        return 0
    worst, previous = 0, base
    for first, last in clock.starts(base, NEVER, running, duration):
        worst = max(worst, clock.finish(first, running, duration) - previous)
        if last < NEVER and (after := clock.finish(last, running, duration)) < NEVER:
            worst = max(worst, after - last)
        previous = last + 1
    return worst


def _ranges(index: Index, latest: int) -> dict[OperationId, Range]:
    """From when to when each operation may start, by what surely comes before and after it."""
    problem = index.problem
    ranges: dict[OperationId, Range] = {}
    for order in problem.orders:
        shortest = {o.id: min(mode.duration for mode in o.modes) for o in order.operations}
        low: dict[OperationId, int] = {}
        route = {o.id: o.route for o in order.operations}
        for operation in order.operations:
            if operation.id in problem.fixed:
                continue
            ready: int = max(order.released(operation), problem.now)
            for before in operation.predecessors:
                if before.operation in problem.fixed:
                    ready = max(ready, problem.fixed[before.operation][1].end + before.minimum_wait)
                elif route[before.operation] in (None, operation.route):
                    ready = max(ready, low[before.operation] + shortest[before.operation] + before.minimum_wait)
            low[operation.id] = ready
        high = {key: latest - shortest[key] for key in low}
        for operation in reversed(order.operations):
            if operation.id in index.facts:
                continue
            last: int = high[operation.id] if operation.id in high else problem.fixed[operation.id][1].start
            for before in operation.predecessors:
                key = before.operation
                if key in high and operation.route in (None, route[key]):
                    high[key] = min(high[key], last - before.minimum_wait - shortest[key])
        for key in low:
            ranges[key] = Range(low[key], high[key])
    return ranges


# --- windows ----------------------------------------------------------------------------------------------------------


def _window(
    index: Index, placed: Mapping[OperationId, Placement], moving: Collection[OperationId]
) -> tuple[dict[OperationId, Range], int]:
    """From when to when the operations of a window may start, between what stays of their orders."""
    low: int = min(placed[key].start for key in moving)
    latest: int = max(placed[key].end for key in moving)
    latest += max(placed[key].end - placed[key].start for key in moving)
    ranges: dict[OperationId, Range] = {}
    for order in {index.homes[key][0].id: index.homes[key][0] for key in moving}.values():
        first: dict[OperationId, int] = {}
        last: dict[OperationId, int] = {}
        shortest: dict[OperationId, int] = {}
        for operation in order.operations:
            key = operation.id
            if key not in moving:
                continue
            shortest[key] = min(mode.duration for mode in operation.modes)
            ready: int = max(low, order.released(operation), index.problem.now)
            for before in operation.predecessors:
                if before.operation in first:
                    ready = max(ready, first[before.operation] + shortest[before.operation] + before.minimum_wait)
                elif before.operation in placed:
                    ready = max(ready, placed[before.operation].end + before.minimum_wait)
            first[key], last[key] = ready, latest - shortest[key]
        for operation in reversed(order.operations):
            if operation.id not in placed or operation.id in index.facts:
                continue
            until: int = last[operation.id] if operation.id in last else placed[operation.id].start
            for before in operation.predecessors:
                key = before.operation
                if key in last:
                    last[key] = min(last[key], until - before.minimum_wait - shortest[key])
        for key in first:
            ranges[key] = Range(first[key], last[key])
    return ranges, latest


def _whole_batches(
    index: Index, placed: Mapping[OperationId, Placement], moving: set[OperationId]
) -> set[OperationId]:
    """What is in an oven together moves together: those beside are added; with a fixed one among them none moves."""
    batches = {_batch(placed[key]) for key in moving if index.lines[placed[key].line].batch}
    if not batches:
        return moving
    members: dict[tuple[LineId, int, int], set[OperationId]] = {}
    for key, placement in placed.items():
        if (batch := _batch(placement)) in batches:
            members.setdefault(batch, set()).add(key)
    for together in members.values():
        moving = moving - together if together & index.problem.fixed.keys() else moving | together
    return moving


def _batch(placement: Placement) -> tuple[LineId, int, int]:
    return placement.line, placement.start, placement.end


def _near(
    index: Index,
    standing: Mapping[OperationId, Placement],
    moving: Collection[OperationId],
    low: int,
    latest: int,
) -> dict[LineId, list[Placement]]:
    """What stays on the lines of a window between `low` and `latest`, with one neighbour before and one after.

    In an oven the neighbours are whole batches.
    """
    lines: dict[LineId, list[Placement]] = {mode.line: [] for key in moving for mode in index.homes[key][1].modes}
    before: dict[LineId, list[Placement]] = {}
    after: dict[LineId, list[Placement]] = {}
    for placement in standing.values():
        there = lines.get(placement.line)
        if there is None:
            continue
        if placement.end <= low:
            _keep(before, placement, earlier=False)
        elif placement.start >= latest:
            _keep(after, placement, earlier=True)
        else:
            there.append(placement)
    for side in (before, after):
        for line, found in side.items():
            lines[line].extend(found)
    return lines


def _keep(side: dict[LineId, list[Placement]], placement: Placement, *, earlier: bool) -> None:
    """Keep the placements with the last (or earliest) start on each line."""
    known = side.get(placement.line)
    if known is None or (placement.start < known[0].start if earlier else placement.start > known[0].start):
        side[placement.line] = [placement]
    elif placement.start == known[0].start:
        known.append(placement)


class _Local:
    """The objective's value of a window, from where its operations are: what stays elsewhere is left out."""

    def __init__(
        self, index: Index, objective: Objective, encoding: Encoding, near: Mapping[LineId, Sequence[Placement]]
    ) -> None:
        self.index, self.objective, self.encoding, self.near = index, objective, encoding, near
        self.parts = {*objective.lexicographic, *(part for part, weight in objective.weights.items() if weight)}

    def value(self, found: Mapping[OperationId, Placement]) -> tuple[int, ...]:
        """As `Objective.value`, of the window alone."""
        figures = {part: self._part(part, found) for part in self.parts}
        weighted = sum(weight * figures[part] for part, weight in self.objective.weights.items() if weight)
        return (*(figures[part] for part in self.objective.lexicographic), weighted)

    def _part(self, part: Part, found: Mapping[OperationId, Placement]) -> int:
        standing = self.encoding.standing
        if part is Part.SETUP:
            return self._setups(found)
        if part is Part.MAKESPAN:
            ends = [p.end for p in found.values()]
            return max(*ends, max((p.end for p in standing.values()), default=ends[0]))
        if part is Part.MOVED:
            reference = self.objective.reference.placements if self.objective.reference is not None else {}
            return sum(key in reference and has_moved(reference[key], p) for key, p in found.items())
        total = 0
        for order in self.encoding.orders.values():
            there = [found.get(o.id) or standing[o.id] for o in order.operations if o.id in found or o.id in standing]
            done = max(placement.end for placement in there)
            match part:
                case Part.TARDINESS:
                    total += order.weight * max(0, done - order.due)
                case Part.OVER if order.promise is not None:
                    total += order.weight * max(0, done - order.promise)
                case Part.BROKEN if order.promise is not None:
                    total += done > order.promise
                case Part.FLOW:
                    total += done - min(placement.start for placement in there)
        return total

    def _setups(self, found: Mapping[OperationId, Placement]) -> int:
        total = 0
        for line, there in self.near.items():
            matrix = self.index.matrices.get(line)
            if matrix is None:
                continue
            there = [*there, *(placement for placement in found.values() if placement.line == line)]
            standing = [(p.start, p.end, self.index.homes[p.operation][1].family) for p in there]
            total += setups_on(self.index.lines[line], matrix, standing)
        return total
