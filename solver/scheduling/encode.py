"""A scheduling problem, or a window of one, as a CP-SAT model with every rule of the judge.

Each operation that may move has a start and an end in seconds. Where its line is always open that is all: optional
intervals with one start and fixed sizes. Where the line closes, an operation that pauses, or that needs setups in
working time, also has a start and an end on the line's *work* (working time since its first window), tied to the
seconds by one literal a window. Setups are a circuit a line; what an oven takes together is one node of it.
Operations that stay are constants; those that leave no room between them are one node.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

from ortools.sat.python import cp_model

from solver.scheduling.calendar import Calendar
from solver.scheduling.check import FACTS
from solver.scheduling.problem import (
    NEVER,
    FamilyId,
    Line,
    LineId,
    MaterialId,
    Operation,
    OperationId,
    Placement,
    PlantId,
    Precedence,
    ResourceId,
    Running,
    SchedulingProblem,
    Second,
    SetupMatrix,
    Transport,
    WorkOrder,
    WorkOrderId,
)
from solver.scheduling.schedule import Part


@dataclass(frozen=True, slots=True)
class Index:
    """What a model asks of a problem, by id; made once, used by every window."""

    problem: SchedulingProblem
    homes: Mapping[OperationId, tuple[WorkOrder, Operation]]
    lines: Mapping[LineId, Line]
    clocks: Mapping[LineId, Calendar]
    matrices: Mapping[LineId, SetupMatrix]
    transports: Mapping[tuple[PlantId, PlantId], Transport]
    users: Mapping[ResourceId, tuple[OperationId, ...]]
    takers: Mapping[MaterialId, tuple[OperationId, ...]]
    facts: frozenset[OperationId]
    longest: Mapping[LineId, int]  # duration of what a line makes

    @staticmethod
    def of(problem: SchedulingProblem) -> Index:
        """The index of a problem."""
        users: dict[ResourceId, list[OperationId]] = {}
        takers: dict[MaterialId, list[OperationId]] = {}
        homes: dict[OperationId, tuple[WorkOrder, Operation]] = {}
        longest: dict[LineId, int] = {}
        for order in problem.orders:
            for operation in order.operations:
                homes[operation.id] = (order, operation)
                needs = False
                for mode in operation.modes:
                    longest[mode.line] = max(longest.get(mode.line, 0), mode.duration)
                    needs = needs or bool(mode.needs)
                if needs:
                    for resource in {need.resource for mode in operation.modes for need in mode.needs}:
                        users.setdefault(resource, []).append(operation.id)
                if operation.materials:
                    for material in {need.material for need in operation.materials}:
                        takers.setdefault(material, []).append(operation.id)
        matrices = {matrix.id: matrix for matrix in problem.setups}
        shared: dict[tuple[Any, ...], Calendar] = {}  # by windows, and so an operation's literals for them
        clocks: dict[LineId, Calendar] = {}
        for line in problem.lines:
            key = (line.windows, line.longest_break)
            if key not in shared:
                shared[key] = Calendar(line)
            clocks[line.id] = shared[key]
        return Index(
            problem,
            homes,
            {line.id: line for line in problem.lines},
            clocks,
            {line.id: matrices[line.setups] for line in problem.lines if line.setups is not None},
            {(transport.origin, transport.destination): transport for transport in problem.transports},
            {resource: tuple(found) for resource, found in users.items()},
            {material: tuple(found) for material, found in takers.items()},
            frozenset(key for key, (fixing, _) in problem.fixed.items() if fixing in FACTS),
            longest,
        )


@dataclass(slots=True)
class _Ticks:
    """An operation on a clock: start and end in work."""

    start: Any
    end: Any


@dataclass(slots=True)
class _Task:
    """An operation that may move."""

    order: WorkOrder
    operation: Operation
    low: int
    high: int  # the last start
    made: Any
    start: Any
    end: Any
    on: dict[LineId, Any] = field(default_factory=dict)
    duration: dict[LineId, int] = field(default_factory=dict)
    together: Any = None  # how long the batch takes that it is in
    plants: dict[PlantId, Any] = field(default_factory=dict)
    ticks: dict[int, _Ticks] = field(default_factory=dict)
    intervals: dict[LineId, Any] = field(default_factory=dict)
    hint: Placement | None = None


@dataclass(slots=True)
class _Block:
    """Operations that stay on a line and leave no room between them; in an oven, one batch."""

    start: int
    end: int
    first: FamilyId | None
    last: FamilyId | None
    fact: bool
    size: int = 0
    duration: int = 0
    closing: bool = False  # whether its last operation is a fact


@dataclass(frozen=True, slots=True)
class Range:
    """From when to when an operation may start."""

    low: int
    high: int


class Encoding:
    """The model. `ranges` names the operations that may move; `standing` are all that stay; `hint` is where to begin.

    `near` makes it a window: on each line only those that stay there are looked at, and are taken to be in order.
    Nothing that moves ends after `latest`.
    """

    def __init__(
        self,
        index: Index,
        ranges: Mapping[OperationId, Range],
        standing: Mapping[OperationId, Placement],
        *,
        hint: Mapping[OperationId, Placement] | None = None,
        near: Mapping[LineId, Sequence[Placement]] | None = None,
        latest: int,
    ) -> None:
        self.index, self.standing, self.latest = index, standing, latest
        self.model = cp_model.CpModel()
        self.true = self.model.new_constant(1)
        self.hints: list[tuple[Any, int]] = []
        self.window = near is not None
        self._hint = hint or {}
        self._costs: list[tuple[int, Any]] = []  # setups: seconds and the literal that makes them
        self._constant_setup = 0
        orders: dict[WorkOrderId, WorkOrder] = {}
        for key in ranges:
            orders[index.homes[key][0].id] = index.homes[key][0]
        self.orders = orders
        self.tasks: dict[OperationId, _Task] = {}
        self._add_operations(ranges)
        stay = near if near is not None else _by_line(standing.values())
        tasks_of: dict[LineId, list[_Task]] = {}
        for task in self.tasks.values():
            for line in task.on:
                tasks_of.setdefault(line, []).append(task)
        for name, tasks in tasks_of.items():
            self._add_line(index.lines[name], tasks, stay.get(name, ()))
        if not self.window:
            for name, there in stay.items():
                if name not in tasks_of:
                    self._add_line(index.lines[name], [], there)
        self._add_precedences()
        self._add_resources()
        self._add_materials()
        self._add_same_sequence(tasks_of, stay)

    # --- small words ------------------------------------------------------------------------------------------------

    def _literal(self, hint: bool | None = None) -> Any:
        literal = self.model.new_bool_var("")
        if hint is not None:
            self.hints.append((literal, int(hint)))
        return literal

    def _number(self, low: int, high: int, hint: int | None = None) -> Any:
        number = self.model.new_int_var(low, max(low, high), "")
        if hint is not None:
            self.hints.append((number, hint))
        return number

    def _when(self, constraint: Any, *literals: Any) -> None:
        """Add `constraint` (a comparison, or a truth when both sides were constants) where all literals hold."""
        conditions = [literal for literal in literals if literal is not self.true]
        if constraint is True:
            return
        self.model.add(constraint).only_enforce_if(conditions)

    # --- operations -------------------------------------------------------------------------------------------------

    def _add_operations(self, ranges: Mapping[OperationId, Range]) -> None:
        """Start, end, one mode of those that are made; exactly one route of an order."""
        for order in self.orders.values():
            routes = self._routes(order) if not self.window else {}
            for operation in order.operations:
                if operation.id in ranges:
                    made = routes.get(operation.route, self.true)
                    self._add_operation(order, operation, ranges[operation.id], made)

    def _routes(self, order: WorkOrder) -> dict[Any, Any]:
        if not order.routes:
            return {}
        taken = next((o.route for o in order.operations if o.route is not None and o.id in self._hint), None)
        literals = {route: self._literal(None if taken is None else route == taken) for route in order.routes}
        self.model.add_exactly_one(list(literals.values()))
        for operation in order.operations:
            if operation.route is not None and operation.id in self.standing:
                self.model.add(literals[operation.route] == 1)
        return literals

    def _add_operation(self, order: WorkOrder, operation: Operation, reach: Range, made: Any) -> None:
        index, model = self.index, self.model
        hint = self._hint.get(operation.id)
        modes = []
        for mode in operation.modes:
            starts = index.clocks[mode.line].starts(reach.low, reach.high, operation.running, mode.duration)
            if starts:
                modes.append((mode, starts))
        if not modes:
            model.add_bool_or([] if made is self.true else [made.negated()])
            return
        low = min(starts[0][0] for _, starts in modes)
        high = max(starts[-1][1] for _, starts in modes)
        start = self._number(low, high, hint.start if hint else None)
        task = _Task(order, operation, low, high, made, start, None, hint=hint)
        self.tasks[operation.id] = task
        single = len(modes) == 1
        for mode, _ in modes:
            known = (hint is not None and hint.line == mode.line) if self._hint else None
            task.on[mode.line] = made if single else self._literal(known)
            task.duration[mode.line] = mode.duration
        if not single:
            model.add_exactly_one([*task.on.values(), *([] if made is self.true else [made.negated()])])
        ovens = [mode for mode, _ in modes if index.lines[mode.line].batch]
        if ovens:
            longest = max(*(mode.duration for mode, _ in modes), *(index.longest[mode.line] for mode in ovens))
            task.together = self._number(min(mode.duration for mode, _ in modes), longest)
        if single and not ovens and self._plain(modes[0][0].line, task, operation.running):
            task.end = start + modes[0][0].duration
        else:
            shortest = min(mode.duration for mode, _ in modes)
            task.end = self._number(low + shortest, self.latest, hint.end if hint else None)
        by_plant: dict[PlantId, list[Any]] = {}
        for mode, starts in modes:
            literal = task.on[mode.line]
            by_plant.setdefault(index.lines[mode.line].plant, []).append(literal)
            if len(starts) > 1 or starts[0] != (low, high):
                domain = cp_model.Domain.from_intervals([list(interval) for interval in starts])
                model.add_linear_expression_in_domain(start, domain).only_enforce_if(
                    [] if literal is self.true else [literal]
                )
            self._add_mode(task, mode.line)
        for plant, literals in by_plant.items():
            if len(by_plant) == 1:
                task.plants[plant] = made
            elif len(literals) == 1:
                task.plants[plant] = literals[0]
            else:
                known = (hint is not None and index.lines[hint.line].plant == plant) if self._hint else None
                task.plants[plant] = self._literal(known)
                model.add(sum(literals) == task.plants[plant])

    def _plain(self, line: LineId, task: _Task, running: Running) -> bool:
        """Whether the end is the start and the duration, whenever it may start."""
        return running in (Running.UNATTENDED, Running.WHOLE) or self._open(line, task)

    def _open(self, line: LineId, task: _Task) -> bool:
        """Whether the line is open from the first start to the latest end: no clock is needed."""
        return self.index.clocks[line].is_open(task.low, self.latest)

    def _duration(self, task: _Task, line: LineId) -> Any:
        return task.together if self.index.lines[line].batch else task.duration[line]

    def _add_mode(self, task: _Task, line: LineId) -> None:
        """The end from the start, as the operation runs on this line."""
        duration, literal, running = self._duration(task, line), task.on[line], task.operation.running
        oven = self.index.lines[line].batch > 0
        if not self._plain(line, task, running) or (oven and not self._open(line, task)):
            self._ticks(task, line)
            if running in (Running.UNATTENDED, Running.WHOLE):
                self._when(task.end == task.start + duration, literal)
        elif oven:
            self._when(task.end == task.start + duration, literal)
        if task.together is not None and not oven:
            self._when(task.together == task.duration[line], literal)
        self._interval(task, line)

    def _interval(self, task: _Task, line: LineId) -> Any:
        """Start to end in seconds, there when it is made on this line; made once."""
        if line in task.intervals:
            return task.intervals[line]
        literal, model = task.on[line], self.model
        size: Any = task.duration[line]
        if self.index.lines[line].batch or not self._plain(line, task, task.operation.running):
            size = self._number(size, self.latest - task.low, task.hint.end - task.hint.start if task.hint else None)
        interval = (
            model.new_interval_var(task.start, size, task.end, "")
            if literal is self.true
            else model.new_optional_interval_var(task.start, size, task.end, literal, "")
        )
        task.intervals[line] = interval
        return interval

    def _ticks(self, task: _Task, line: LineId) -> _Ticks:
        """Start and end of a task on the line's clock; made once for lines with the same calendar.

        Of the windows that it may start in one is taken, start = work + (opens - work before); where it pauses, the end
        lies in (opens, closes] of one window, likewise; unattended work may end in a closed hour, too.
        """
        clock = self.index.clocks[line]
        known = task.ticks.get(id(clock))
        if known is not None:
            return known
        model, running = self.model, task.operation.running
        lines = [name for name in task.on if self.index.clocks[name] is clock]
        here = task.on[line]
        if len(lines) > 1 and len(lines) == len(task.on):
            here = task.made
        elif len(lines) > 1:
            here = self._literal()
            model.add(sum(task.on[name] for name in lines) == here)
        hint = task.hint if task.hint is not None and task.hint.line in lines else None
        begin = self._number(
            clock.work(task.low), clock.work(task.high), clock.work(hint.start) if hint else None
        )
        finish = self._number(
            clock.work(task.low), clock.work(self.latest), clock.work(hint.end) if hint else None
        )
        ticks = task.ticks[id(clock)] = _Ticks(begin, finish)
        absent = [] if here is self.true else [here.negated()]
        literals = []
        for k in range(max(0, bisect_right(clock.opens, task.low) - 1), len(clock.opens)):
            if clock.opens[k] > task.high:
                break
            if clock.closes[k] <= task.low:
                continue
            inside = self._literal(clock.opens[k] <= hint.start < clock.closes[k] if hint else None)
            literals.append(inside)
            model.add_linear_constraint(task.start, clock.opens[k], clock.closes[k] - 1).only_enforce_if(inside)
            model.add(task.start == begin + (clock.opens[k] - clock.before[k])).only_enforce_if(inside)
            for name in lines:
                if self.index.lines[name].batch and running in (Running.WHOLE, Running.BREAKS):
                    last = k if running is Running.WHOLE else clock.shift[k]
                    self._when(task.end <= clock.closes[last], inside, task.on[name])
        model.add_exactly_one([*literals, *absent])
        literals = []
        first = max(0, bisect_right(clock.opens, task.low) - 1)
        for k in range(first, len(clock.opens)):
            if clock.opens[k] >= self.latest:
                break
            opens, closes = clock.opens[k], clock.closes[k]
            ends = self._literal((opens < hint.end <= closes) if hint else None)
            literals.append(ends)
            model.add_linear_constraint(task.end, opens + 1, closes).only_enforce_if(ends)
            model.add(task.end == finish + (opens - clock.before[k])).only_enforce_if(ends)
            if running is Running.UNATTENDED:
                following = clock.opens[k + 1] if k + 1 < len(clock.opens) else NEVER
                ends = self._literal((closes < hint.end <= following) if hint else None)
                literals.append(ends)
                model.add_linear_constraint(task.end, closes + 1, following).only_enforce_if(ends)
                model.add(finish == clock.after[k]).only_enforce_if(ends)
        model.add_exactly_one([*literals, *absent])
        if running is not Running.UNATTENDED:
            for name in lines:
                self._when(finish == begin + self._duration(task, name), task.on[name])
        return ticks

    # --- lines ------------------------------------------------------------------------------------------------------

    def _add_line(self, line: Line, tasks: list[_Task], there: Sequence[Placement]) -> None:
        """One thing (or batch) at a time; setups as a circuit over what the line makes."""
        if line.unlimited:
            return
        if line.batch:
            self._add_oven(line, tasks, there)
            return
        matrix = self._matrix(line, tasks, there)
        blocks = self._blocks(line, tasks, there, matrix)
        clock = self.index.clocks[line.id]
        if all(id(clock) in task.ticks and task.operation.running is not Running.UNATTENDED for task in tasks) and (
            not any(block.fact for block in blocks)
            and all(self._whole_blocks(clock, there))
        ):
            intervals = [
                self.model.new_optional_interval_var(
                    task.ticks[id(clock)].start, task.duration[line.id], task.ticks[id(clock)].end, task.on[line.id], ""
                )
                for task in tasks
            ]
            spans = [(clock.work(block.start), clock.work(block.end)) for block in blocks]
        else:
            intervals = [self._interval(task, line.id) for task in tasks]
            spans = [(block.start, block.end) for block in _flat(blocks)]
        intervals += [self.model.new_fixed_size_interval_var(start, end - start, "") for start, end in spans]
        if len(intervals) > 1:
            self.model.add_no_overlap(intervals)
        if matrix is not None:
            self._add_setups(line, matrix, [(task, task.on[line.id]) for task in tasks], blocks)

    def _whole_blocks(self, clock: Calendar, there: Sequence[Placement]) -> Iterable[bool]:
        """Whether what stays does not run through closed hours, so that its work tells all."""
        for placement in there:
            yield self.index.homes[placement.operation][1].running is not Running.UNATTENDED

    def _matrix(self, line: Line, tasks: list[_Task], there: Sequence[Placement]) -> SetupMatrix | None:
        """The line's setups, if any between the families that meet there takes time."""
        matrix = self.index.matrices.get(line.id)
        if matrix is None:
            return None
        families = {task.operation.family for task in tasks}
        families |= {self.index.homes[placement.operation][1].family for placement in there}
        before = families | {line.initial_family}
        return matrix if any(matrix.between(a, b) for a in before for b in families) else None

    def _blocks(
        self, line: Line, tasks: list[_Task], there: Sequence[Placement], matrix: SetupMatrix | None
    ) -> list[_Block]:
        """What stays on a line in order of start; without room between them in a window, they are one."""
        shortest = min((task.duration[line.id] for task in tasks), default=NEVER)
        blocks: list[_Block] = []
        for placement in sorted(there, key=lambda p: (p.start, p.end)):
            family = self.index.homes[placement.operation][1].family
            fact = placement.operation in self.index.facts
            if blocks and self.window:
                before = blocks[-1]
                if placement.start < before.end + shortest and placement.start >= before.end and not fact:
                    self._constant_setup += matrix.between(before.last, family) if matrix is not None else 0
                    before.end, before.last, before.closing = placement.end, family, fact
                    continue
            blocks.append(_Block(placement.start, placement.end, family, family, fact, closing=fact))
        return blocks

    def _add_oven(self, line: Line, tasks: list[_Task], there: Sequence[Placement]) -> None:
        """Batches: each operation has a *head*, the first of its batch in the list (itself when it leads).

        Members start and end with their head, are of its family, fit in together, and the batch takes as long as the
        longest of them. Heads do not overlap.
        """
        model = self.model
        matrix = self._matrix(line, tasks, there)
        blocks: list[_Block] = []
        for placement in sorted(there, key=lambda p: (p.start, p.end)):
            operation = self.index.homes[placement.operation][1]
            duration = next(mode.duration for mode in operation.modes if mode.line == line.id)
            fact = placement.operation in self.index.facts
            last = blocks[-1] if blocks else None
            if (
                last is not None
                and (placement.start, placement.end) == (last.start, last.end)
                and operation.family is not None
                and operation.family == last.last
                and (last.size + operation.size <= line.batch or (fact and last.fact))
            ):
                last.size += operation.size
                last.duration = max(last.duration, duration)
                last.fact = last.closing = last.fact and fact
                continue
            family = operation.family
            blocks.append(
                _Block(placement.start, placement.end, family, family, fact, operation.size, duration, closing=fact)
            )
        heads = []
        members: list[list[tuple[Any, _Task]]] = []  # of each task as a head
        joined: list[list[tuple[Any, _Task]]] = [[] for _ in blocks]
        choices: list[list[Any]] = [[] for _ in tasks]
        for i, task in enumerate(tasks):
            head = self._literal()
            heads.append(head)
            choices[i].append(head)
            members.append([])
            for k in range(i):
                other = tasks[k]
                if (
                    task.operation.family is None
                    or task.operation.family != other.operation.family
                    or task.operation.size + other.operation.size > line.batch
                    or task.low > other.high
                    or other.low > task.high
                ):
                    continue
                joins = self._literal()
                choices[i].append(joins)
                members[k].append((joins, task))
                model.add_implication(joins, heads[k])
                self._join(joins, task, other.start, other.end, other.together)
            for block, into in zip(blocks, joined, strict=True):
                if (
                    task.operation.family is not None
                    and task.operation.family == block.first
                    and task.duration[line.id] <= block.duration
                    and task.operation.size + block.size <= line.batch
                    and task.low <= block.start <= task.high
                ):
                    joins = self._literal()
                    choices[i].append(joins)
                    into.append((joins, task))
                    self._join(joins, task, block.start, block.end, block.duration)
        for i, task in enumerate(tasks):
            here = task.on[line.id]
            model.add_exactly_one([*choices[i], *([] if here is self.true else [here.negated()])])
            self._lead(line, task, heads[i], members[i])
            if members[i]:
                filled = sum(joins * other.operation.size for joins, other in members[i])
                model.add(filled + task.operation.size <= line.batch).only_enforce_if(heads[i])
        for block, into in zip(blocks, joined, strict=True):
            if into:
                model.add(sum(joins * inside.operation.size for joins, inside in into) + block.size <= line.batch)
        intervals = []
        for task, head in zip(tasks, heads, strict=True):
            size = self._number(1, self.latest - task.low)
            intervals.append(model.new_optional_interval_var(task.start, size, task.end, head, ""))
        for block in _flat(blocks):
            intervals.append(model.new_fixed_size_interval_var(block.start, block.end - block.start, ""))
        if len(intervals) > 1:
            model.add_no_overlap(intervals)
        if matrix is not None:
            self._add_setups(line, matrix, list(zip(tasks, heads, strict=True)), blocks)

    def _join(self, joins: Any, task: _Task, start: Any, end: Any, together: Any) -> None:
        self.model.add(task.start == start).only_enforce_if(joins)
        self.model.add(task.end == end).only_enforce_if(joins)
        self.model.add(task.together == together).only_enforce_if(joins)

    def _lead(self, line: Line, task: _Task, head: Any, members: list[tuple[Any, _Task]]) -> None:
        """The batch takes as long as the longest of its members, and one of them takes just so long."""
        own = task.duration[line.id]
        self.model.add(task.together >= own).only_enforce_if(head)
        leaders = []
        for joins, other in members:
            duration = other.duration[line.id]
            self.model.add(task.together >= duration).only_enforce_if(joins)
            if duration > own:
                leads = self._literal()
                leaders.append(leads)
                self.model.add_implication(leads, joins)
                self.model.add(task.together == duration).only_enforce_if(leads)
        if not leaders:
            self.model.add(task.together == own).only_enforce_if(head)
            return
        alone = self._literal()
        self.model.add(task.together == own).only_enforce_if([alone, head])
        self.model.add_bool_or([*leaders, alone, head.negated()])

    def _add_setups(
        self, line: Line, matrix: SetupMatrix, nodes: list[tuple[_Task, Any]], blocks: list[_Block]
    ) -> None:
        """A circuit through what the line makes, from what it is set up for at first.

        arc[i, j] = 1  =>  work(end[i]) + setup(family[i], family[j]) <= work(start[j])  (any time: seconds).
        What stays keeps its order. Source: Pinedo, Scheduling, sequence-dependent setups.
        """
        count, depot = len(nodes), len(nodes) + len(blocks)
        clock = self.index.clocks[line.id]
        arcs: list[tuple[int, int, Any]] = []
        seconds = line.setup_any_time
        for j, (_, here) in enumerate(nodes):
            if here is not self.true:
                arcs.append((j, j, here.negated()))
        follows = self._hinted_neighbours(line, nodes, blocks) if self._hint else None

        def arc(i: int, j: int, setup: int) -> Any:
            taken = self._literal((i, j) in follows if follows is not None else None)
            arcs.append((i, j, taken))
            if setup:
                self._costs.append((setup, taken))
            return taken

        if not nodes:
            self._judge_blocks(line, matrix, blocks)
            return
        if not blocks:
            arcs.append((depot, depot, self._literal((depot, depot) in follows if follows is not None else None)))
        plain = [self._open(line.id, task) for task, _ in nodes]
        for i, (before, _) in enumerate(nodes):
            shortest = before.duration[line.id]
            for j, (after, _) in enumerate(nodes):
                if i == j or before.low + shortest > after.high:
                    continue
                setup = matrix.between(before.operation.family, after.operation.family)
                if (seconds or plain[j]) and before.low + shortest + setup > after.high:
                    continue
                taken = arc(i, j, setup)
                if setup and not seconds and not (plain[i] and plain[j]):
                    begin, end = self._ticks(after, line.id).start, self._ticks(before, line.id).end
                    self._when(begin >= end + setup, taken)
                else:
                    self._when(after.start >= before.end + setup, taken)
        for j, (task, _) in enumerate(nodes):
            # After the start of the line, and after and before what stays.
            first = blocks[0] if blocks else None
            if first is None or task.low < first.start or first.fact:
                setup = matrix.between(line.initial_family, task.operation.family)
                taken = arc(depot, j, setup)
                if seconds:
                    self._when(task.start >= setup, taken)
                elif setup:
                    self._when(self._begin(task, line.id, plain[j]) >= setup, taken)
            for b, block in enumerate(blocks):
                if task.high >= block.end:
                    following = blocks[b + 1] if b + 1 < len(blocks) else None
                    if following is None or task.low < following.start or following.fact:
                        self._after_block(line, matrix, arc(count + b, j, matrix.between(
                            block.last, task.operation.family)), block, task, plain[j])  # fmt: skip
                if task.low + task.duration[line.id] <= block.start:
                    earlier = blocks[b - 1] if b else None
                    if earlier is None or task.high >= earlier.end or earlier.fact:
                        setup = matrix.between(task.operation.family, block.first)
                        taken = arc(j, count + b, setup)
                        if not setup or seconds or plain[j]:
                            if not seconds and setup and plain[j] and not clock.is_open(task.low, block.start):
                                end = self._ticks(task, line.id).end
                                self._when(clock.work(block.start) >= end + setup, taken)
                            else:
                                self._when(block.start >= task.end + setup, taken)
                        else:
                            self._when(clock.work(block.start) >= self._ticks(task, line.id).end + setup, taken)
            arcs.append((j, depot, self._literal((j, depot) in follows if follows is not None else None)))
        for b, block in enumerate(blocks):
            last = b + 1 == len(blocks)
            if not b:
                setup = matrix.between(line.initial_family, block.first)
                gap = block.start if seconds else clock.work(block.start)
                if gap >= setup or block.fact or self.window:
                    arc(depot, count, setup)
            if last:
                arcs.append((count + b, depot, self._literal((count + b, depot) in follows if follows else None)))
                continue
            following = blocks[b + 1]
            setup = matrix.between(block.last, following.first)
            gap = following.start - block.end
            if not seconds:
                gap = clock.work(following.start) - clock.work(block.end)
            if gap >= setup or (block.closing and following.fact):
                arc(count + b, count + b + 1, setup)
        self.model.add_circuit(arcs)

    def _judge_blocks(self, line: Line, matrix: SetupMatrix, blocks: list[_Block]) -> None:
        """Only what stays: its setups are sums, and must have been possible."""
        clock = self.index.clocks[line.id]
        family, end = line.initial_family, 0 if line.setup_any_time else clock.opens[0]
        fact, first = False, True
        for block in blocks:
            setup = matrix.between(family, block.first)
            gap = block.start - end if line.setup_any_time else clock.work(block.start) - clock.work(end)
            if gap < setup and not (block.fact and (first or fact)):
                self.model.add_bool_or([])
            self._constant_setup += setup
            family, end, fact, first = block.last, block.end, block.closing, False

    def _begin(self, task: _Task, line: LineId, plain: bool) -> Any:
        """When it starts, in work; in the window that it is in for certain (`plain`) work runs as seconds do."""
        if plain:
            return task.start + (self.index.clocks[line].work(task.low) - task.low)
        return self._ticks(task, line).start

    def _after_block(
        self, line: Line, matrix: SetupMatrix, taken: Any, block: _Block, task: _Task, plain: bool
    ) -> None:
        """The setup from what stays to a task that follows it."""
        setup = matrix.between(block.last, task.operation.family)
        clock = self.index.clocks[line.id]
        if not setup or line.setup_any_time or (plain and clock.is_open(block.end, self.latest)):
            self._when(task.start >= block.end + setup, taken)
        else:
            self._when(self._ticks(task, line.id).start >= clock.work(block.end) + setup, taken)
            self._when(task.start >= block.end, taken)

    def _hinted_neighbours(
        self, line: Line, nodes: list[tuple[_Task, Any]], blocks: list[_Block]
    ) -> set[tuple[int, int]]:
        """Which node follows which in the hint (an oven's batches have no hint: its heads are not told apart)."""
        there: list[tuple[int, int, int]] = [
            (task.hint.start, task.hint.end, j)
            for j, (task, _) in enumerate(nodes)
            if task.hint is not None and task.hint.line == line.id
        ]
        there += [(block.start, block.end, len(nodes) + b) for b, block in enumerate(blocks)]
        depot = len(nodes) + len(blocks)
        if line.batch:
            return set()
        path = [depot, *(j for _, _, j in sorted(there)), depot]
        return set(pairwise(path))

    # --- between operations -----------------------------------------------------------------------------------------

    def _add_precedences(self) -> None:
        """start >= arrival(end(predecessor) + minimum_wait), and <= its end + maximum_wait."""
        facts = self.index.facts
        for order in self.orders.values() if self.window else self.index.problem.orders:
            for operation in order.operations:
                if operation.id in facts:
                    continue
                after = self.tasks.get(operation.id) or self.standing.get(operation.id)
                for precedence in operation.predecessors:
                    before = self.tasks.get(precedence.operation) or self.standing.get(precedence.operation)
                    if after is None or before is None:
                        continue
                    if self.window and isinstance(after, Placement) and isinstance(before, Placement):
                        continue
                    self._add_precedence(before, after, precedence)

    def _add_precedence(
        self, before: _Task | Placement, after: _Task | Placement, precedence: Precedence
    ) -> None:
        end, start = before.end, after.start
        wait, longest = precedence.minimum_wait, precedence.maximum_wait
        if longest is not None:
            self._when(start <= end + longest, self._made(before), self._made(after))
        for origin, leaves in self._plants(before).items():
            for destination, comes in self._plants(after).items():
                literals = [literal for literal in (leaves, comes) if literal is not self.true]
                if origin == destination:
                    self._when(start >= end + wait, *literals)
                    continue
                transport = self.index.transports.get((origin, destination))
                if transport is None:
                    self.model.add_bool_or([literal.negated() for literal in literals])
                elif transport.departures is None:
                    self._when(start >= end + wait + transport.seconds, *literals)
                else:
                    self._add_departures(transport, before, after, wait, literals)

    def _add_departures(
        self, transport: Transport, before: _Task | Placement, after: _Task | Placement, wait: int, literals: list[Any]
    ) -> None:
        """One departure at or after it is ready is taken, and it starts once that has arrived."""
        assert transport.departures is not None
        end, start = before.end, after.start
        low = (before.low + min(before.duration.values()) if isinstance(before, _Task) else before.end) + wait
        high = after.high if isinstance(after, _Task) else after.start
        choices = [literal.negated() for literal in literals]
        for departure in transport.departures[bisect_left(transport.departures, low) :]:
            if departure + transport.seconds > high:
                break
            leaves = self._literal()
            choices.append(leaves)
            self._when(end + wait <= departure, leaves)
            self._when(start >= departure + transport.seconds, leaves)
        self.model.add_bool_or(choices)

    def _made(self, spot: _Task | Placement) -> Any:
        return spot.made if isinstance(spot, _Task) else self.true

    def _plants(self, spot: _Task | Placement) -> Mapping[PlantId, Any]:
        return spot.plants if isinstance(spot, _Task) else {self.index.lines[spot.line].plant: self.true}

    def _add_resources(self) -> None:
        """At no instant more units in use than there are; facts that use more among themselves leave none."""
        numbers = {resource.id: resource.number for resource in self.index.problem.resources}
        wanted: dict[ResourceId, list[tuple[Any, int]]] = {}
        span: dict[ResourceId, tuple[int, int]] = {}
        for task in self.tasks.values():
            for mode in task.operation.modes:
                for need in mode.needs if mode.line in task.on else ():
                    pair = (self._interval(task, mode.line), need.number)
                    wanted.setdefault(need.resource, []).append(pair)
                    low, high = span.get(need.resource, (task.low, task.high))
                    span[need.resource] = (min(low, task.low), max(high, self.latest))
        for resource, operations in self.index.users.items():
            if resource not in wanted and self.window:
                continue
            low, high = span.get(resource, (0, NEVER)) if self.window else (0, NEVER)
            steps: dict[int, int] = {}
            open_steps: dict[int, int] = {}
            for key in operations:
                placement = self.standing.get(key)
                if placement is None or placement.end <= low or placement.start >= high:
                    continue
                mode = next(m for m in self.index.homes[key][1].modes if m.line == placement.line)
                for need in mode.needs:
                    if need.resource == resource:
                        for into in (steps,) if key in self.index.facts else (steps, open_steps):
                            into[placement.start] = into.get(placement.start, 0) + need.number
                            into[placement.end] = into.get(placement.end, 0) - need.number
            intervals, demands = [], []
            use = open_use = 0
            for at, following in pairwise([*sorted(steps), NEVER]):
                use += steps[at]
                open_use += open_steps.get(at, 0)
                if use > numbers[resource] and open_use:
                    self.model.add_bool_or([])
                if use and following > at:
                    intervals.append(self.model.new_fixed_size_interval_var(at, following - at, ""))
                    demands.append(min(use, numbers[resource]))
            for interval, number in wanted.get(resource, ()):
                intervals.append(interval)
                demands.append(number)
            if wanted.get(resource) and sum(demands) > numbers[resource]:
                self.model.add_cumulative(intervals, demands, numbers[resource])

    def _add_materials(self) -> None:
        """What has been taken by the starts so far is at most what has come; what stays has taken its part."""
        homes = self.index.homes
        for material in self.index.problem.materials:
            takes = [
                (task, need.quantity)
                for task in self.tasks.values()
                for need in task.operation.materials
                if need.material == material.id
            ]
            if not takes and self.window:
                continue
            steps: dict[int, int] = {}
            for arrives, quantity in material.arrivals:
                steps[arrives] = steps.get(arrives, 0) + quantity
            opened = NEVER  # when something that is still open takes for the first time
            for key in self.index.takers.get(material.id, ()):
                placement = self.standing.get(key)
                for need in homes[key][1].materials if placement is not None else ():
                    if need.material == material.id and placement is not None:
                        steps[placement.start] = steps.get(placement.start, 0) - need.quantity
                        if key not in self.index.facts:
                            opened = min(opened, placement.start)
            level = material.stock
            levels = [(-1, level)]
            for at in sorted(steps):
                level += steps[at]
                levels.append((at, level))
            if any(level < 0 <= at and at >= opened for at, level in levels):
                self.model.add_bool_or([])
            if not takes:
                continue
            free, rising = NEVER, []  # the least level from each instant on, which is what may be taken until then
            for at, level in reversed(levels):
                free = min(free, level)
                rising.append((at, max(0, free)))
            rising.reverse()
            if rising[0][1] >= sum(quantity for _, quantity in takes):
                continue
            times: list[Any] = [0]
            changes, active = [rising[0][1]], [self.true]
            for (_, before), (at, now) in pairwise(rising):
                if now > before:
                    times.append(at)
                    changes.append(now - before)
                    active.append(self.true)
            for task, quantity in takes:
                times.append(task.start)
                changes.append(-quantity)
                active.append(task.made)
            self.model.add_reservoir_constraint_with_active(times, changes, active, 0, max(0, rising[-1][1]))

    def _add_same_sequence(
        self, tasks_of: Mapping[LineId, list[_Task]], stay: Mapping[LineId, Sequence[Placement]]
    ) -> None:
        """Orders pass the lines of a group in one sequence: before[a, b] says it for all lines where both are."""
        for group in self.index.problem.same_sequence:
            spots: dict[WorkOrderId, dict[LineId, list[tuple[Any, Any, int, int]]]] = {}
            moving: set[WorkOrderId] = set()
            for name in group:
                for task in tasks_of.get(name, ()):
                    spots.setdefault(task.order.id, {}).setdefault(name, []).append(
                        (task.start, task.on[name], task.low, task.high)
                    )
                    moving.add(task.order.id)
            if not moving:
                continue
            orders = {self.index.homes[p.operation][0].id: self.index.homes[p.operation][0]
                      for name in group for p in stay.get(name, ())}  # fmt: skip
            orders |= {key: self.orders[key] for key in moving}
            for key, order in orders.items():
                for operation in order.operations:
                    placement = self.standing.get(operation.id)
                    if placement is not None and placement.line in group:
                        spots.setdefault(key, {}).setdefault(placement.line, []).append(
                            (placement.start, self.true, placement.start, placement.start)
                        )
            passes = {
                key: {name: self._first(there) for name, there in lines.items()} for key, lines in spots.items()
            }
            settled = {
                key
                for key, order in orders.items()
                if all(o.id in self.index.facts for o in order.operations if self._in_group(o, group))
            }
            keys = list(spots)
            for i, a in enumerate(keys):
                for b in keys[i + 1 :]:
                    both = [name for name in group if name in spots[a] and name in spots[b]]
                    if a in settled and b in settled:
                        continue
                    if len(both) > 1 and (not self.window or a in moving or b in moving):
                        self._add_sequence(passes[a], passes[b], both)

    def _in_group(self, operation: Operation, group: Collection[LineId]) -> bool:
        """Whether an operation is, or may be, on a line of the group."""
        task, placement = self.tasks.get(operation.id), self.standing.get(operation.id)
        return any(line in group for line in task.on) if task else placement is not None and placement.line in group

    def _first(self, there: Sequence[tuple[Any, Any, int, int]]) -> tuple[Any, Any]:
        """When an order passes a line (its first start there), and the literal that it does."""
        if len(there) == 1:
            return there[0][0], there[0][1]
        first = self._number(min(low for _, _, low, _ in there), max(high for *_, high in there))
        passes, picks = self._literal(), []
        for start, here, _, _ in there:
            pick = self._literal()
            picks.append(pick)
            self._when(first <= start, here)
            self._when(first >= start, pick)
            self.model.add_implication(pick, here)
            self.model.add_implication(here, passes)
        self.model.add_exactly_one([*picks, passes.negated()])
        return first, passes

    def _add_sequence(
        self, a: Mapping[LineId, tuple[Any, Any]], b: Mapping[LineId, tuple[Any, Any]], lines: list[LineId]
    ) -> None:
        before = self._literal()
        for name in lines:
            (start, here), (other, there) = a[name], b[name]
            self._when(start <= other, before, here, there)
            self._when(other <= start, before.negated(), here, there)

    # --- figures ----------------------------------------------------------------------------------------------------

    def part(self, part: Part, reference: Mapping[OperationId, Placement] | None = None) -> Any:
        """A linear expression of the part, of what may move (whole problem: of everything)."""
        if part is Part.SETUP:
            return sum((seconds * literal for seconds, literal in self._costs), start=self._constant_setup)
        if part is Part.MOVED:
            return self._moved(reference or {})
        orders = list(self.orders.values()) if self.window else list(self.index.problem.orders)
        if part is Part.MAKESPAN:
            floor = max((p.end for p in self.standing.values()), default=Second(0))
            makespan = self._number(floor, max(floor, self.latest))
            for order in orders:
                for end, made in self._ends(order):
                    self._when(makespan >= end, made)
            return makespan
        terms: list[Any] = []
        for order in orders:
            match part:
                case Part.TARDINESS if order.weight:
                    terms.append(order.weight * self._late(order, order.due))
                case Part.OVER if order.promise is not None and order.weight:
                    terms.append(order.weight * self._late(order, order.promise))
                case Part.BROKEN if order.promise is not None:
                    broken = self._literal()
                    for end, made in self._ends(order):
                        self._when(end <= order.promise, made, broken.negated())
                    terms.append(broken)
                case Part.FLOW:
                    terms.append(self._flow(order))
        return sum(terms)

    def _ends(self, order: WorkOrder) -> list[tuple[Any, Any]]:
        """Ends of which the last is the order's completion, each with the literal that it is made."""
        facts = self.index.facts
        followed = {
            before.operation
            for operation in order.operations
            if operation.id not in facts
            for before in operation.predecessors
            if operation.route is None or operation.route == self.index.homes[before.operation][1].route
        }
        found: list[tuple[Any, Any]] = []
        for operation in order.operations:
            if operation.id in self.tasks and operation.id not in followed:
                found.append((self.tasks[operation.id].end, self.tasks[operation.id].made))
            elif operation.id in self.standing:
                found.append((self.standing[operation.id].end, self.true))
        return found

    def _late(self, order: WorkOrder, due: int) -> Any:
        late = self._number(0, max(0, self.latest - due, *(
            end - due for end, _ in self._ends(order) if isinstance(end, int))))  # fmt: skip
        for end, made in self._ends(order):
            self._when(late >= end - due, made)
        return late

    def _flow(self, order: WorkOrder) -> Any:
        ends = self._ends(order)
        top = max([self.latest, *(end for end, _ in ends if isinstance(end, int))])
        done, first = self._number(0, top), self._number(0, top)
        for end, made in ends:
            self._when(done >= end, made)
        for operation in order.operations:
            if operation.id in self.tasks:
                self._when(first <= self.tasks[operation.id].start, self.tasks[operation.id].made)
            elif operation.id in self.standing:
                self._when(first <= self.standing[operation.id].start)
        return done - first

    def _moved(self, reference: Mapping[OperationId, Placement]) -> Any:
        """Operations that stand elsewhere, at another time, or nowhere; those without a reference do not count."""
        terms: list[Any] = []
        for key, before in reference.items():
            task = self.tasks.get(key)
            if task is None:
                stays = self.standing.get(key)
                if not self.window and (stays is None or (stays.line, stays.start) != (before.line, before.start)):
                    terms.append(int(key in self.index.homes))
                continue
            there = task.on.get(before.line)
            if there is None or not task.low <= before.start <= task.high:
                terms.append(1)
                continue
            moved = self._literal()
            self._when(there == 1, moved.negated())
            self._when(task.start == before.start, moved.negated())
            terms.append(moved)
        return sum(terms)

    def read(self, values: Sequence[int]) -> dict[OperationId, Placement]:
        """The placements of what may move, from the values of the model's variables."""
        found: dict[OperationId, Placement] = {}
        for key, task in self.tasks.items():
            for line, literal in task.on.items():
                if values[literal.index]:
                    start = values[task.start.index]
                    found[key] = Placement(key, line, Second(start), Second(_value(task.end, values)))
        return found


def _value(expression: Any, values: Sequence[int]) -> int:
    """The value of a variable or of a variable and a constant."""
    if hasattr(expression, "index"):
        return int(values[expression.index])
    return int(values[expression.expression.index]) * int(expression.coefficient) + int(expression.offset)


def _by_line(placements: Iterable[Placement]) -> dict[LineId, list[Placement]]:
    found: dict[LineId, list[Placement]] = {}
    for placement in placements:
        found.setdefault(placement.line, []).append(placement)
    return found


def _flat(blocks: Sequence[_Block]) -> list[_Block]:
    """Blocks for a no-overlap: facts that overlap each other are one."""
    flat: list[_Block] = []
    for block in blocks:
        if flat and block.fact and flat[-1].fact and block.start < flat[-1].end:
            last = flat[-1]
            flat[-1] = _Block(last.start, max(last.end, block.end), last.first, block.last, fact=True)
        else:
            flat.append(block)
    return flat

