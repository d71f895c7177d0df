"""Why an order is done when it is done: its own way back from the end, and a reason for every second of it.

From the operation that ends last, and from there to what it waited for longest, each second between release and
completion gets one reason. A second in which the operation stood ready and did not run is judged like this: had it
started then, with everything else where it stands, which rule would have been broken? Of several it is the one that
goes on being broken for longest. Source of the idea: the critical tree of a schedule, Adams, Balas and Zawack, The
shifting bottleneck procedure for job shop scheduling, Management Science 34 (1988).
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from itertools import groupby, pairwise

from solver.scheduling.calendar import Calendar
from solver.scheduling.check import FACTS
from solver.scheduling.problem import (
    NEVER,
    FamilyId,
    Line,
    LineId,
    MaterialId,
    Mode,
    OperationId,
    Placement,
    ResourceId,
    Running,
    SchedulingProblem,
    Second,
    SetupMatrix,
    WorkOrder,
    WorkOrderId,
)
from solver.scheduling.schedule import Schedule


class Reason(StrEnum):
    """What a second of an order's way is spent on."""

    WORK = "work"  # it is made
    PAUSED = "paused"  # it is on its line, which is closed
    WAIT = "wait"  # the least wait after the operation before (curing)
    TRANSPORT = "transport"  # it goes to another plant, or waits for the departure; without others: it comes from one
    PAST = "past"  # it was not started then, and that is over
    MATERIAL = "material"  # what it takes has not come
    RESOURCE = "resource"  # others hold what it needs beside its line
    SEQUENCE = "sequence"  # another order has to pass the line first
    MAXIMUM_WAIT = "maximum_wait"  # what comes next could not follow in time
    LINE = "line"  # the line makes something else, or the gap before that is too short
    SETUP = "setup"  # the line is being set up for it
    CLOSED = "closed"  # the line is closed, or closes too soon
    BATCH = "batch"  # it waits for the others of its batch
    PIN = "pin"  # it is pinned or frozen, and later than it has to be
    FREE = "free"  # nothing: it could have started


@dataclass(frozen=True, slots=True)
class Link:
    """[start, end) of an order's way, spent on `operation` for one reason.

    `others`: who is in the way (LINE, SETUP, RESOURCE, SEQUENCE, BATCH) or waited for (WAIT, TRANSPORT, MAXIMUM_WAIT).
    `material` comes at `end`.
    """

    reason: Reason
    start: Second
    end: Second
    operation: OperationId
    line: LineId
    others: tuple[OperationId, ...] = ()
    material: MaterialId | None = None
    resource: ResourceId | None = None

    @property
    def seconds(self) -> int:
        return self.end - self.start


@dataclass(frozen=True, slots=True)
class Chain:
    """The links of one order, without gaps, from its release (or its first start, if a fact is earlier) to the end."""

    order: WorkOrder
    links: tuple[Link, ...]

    @property
    def start(self) -> Second:
        return self.links[0].start

    @property
    def completion(self) -> Second:
        return self.links[-1].end

    @property
    def tardiness(self) -> int:
        """Seconds after due."""
        return max(0, self.completion - self.order.due)

    @property
    def over(self) -> int:
        """Seconds after the promise; 0 without one."""
        return 0 if self.order.promise is None else max(0, self.completion - self.order.promise)

    def seconds(self, reason: Reason, *, after: int = -NEVER) -> int:
        """What is spent on a reason, of the time from `after` on (its due date, its promise)."""
        return sum(max(0, link.end - max(link.start, after)) for link in self.links if link.reason is reason)


def chain(problem: SchedulingProblem, schedule: Schedule, order: WorkOrderId) -> Chain:
    """The chain of an order in a schedule that keeps the rules; O(placements). Raises KeyError if it is not placed."""
    wanted = next((found for found in problem.orders if found.id == order), None)
    if wanted is None:
        raise KeyError(order)
    placed = [schedule.placements[o.id] for o in wanted.operations if o.id in schedule.placements]
    if not placed:
        raise KeyError(order)
    shop = _Shop(problem, schedule.placements, wanted)
    links: list[Link] = []
    at: OperationId | None = max(placed, key=lambda placement: placement.end).operation
    cursor = max(placement.end for placement in placed)
    while at is not None:
        pieces, at = shop.back(at)
        # Facts may overlap what they waited for: nothing counts twice.
        kept = [replace(piece, end=Second(min(piece.end, cursor))) for piece in pieces if piece.start < cursor]
        links = kept + links
        cursor = links[0].start
    return Chain(wanted, tuple(_joined(links)))


def deliveries(problem: SchedulingProblem, schedule: Schedule, order: WorkOrderId) -> tuple[Link, ...]:
    """What each free operation of an order has to wait for of each of its materials, on its chain or not."""
    wanted = next(found for found in problem.orders if found.id == order)
    shop, low = _Shop(problem, schedule.placements, wanted), Second(max(problem.now, wanted.release))
    return tuple(
        Link(block.reason, low, Second(block.end), operation.id, place.line, material=block.material)
        for operation in wanted.operations
        if operation.id not in problem.fixed and (place := schedule.placements.get(operation.id)) is not None
        for blocks in shop.materials(operation.id, low)
        for block in blocks
    )


def _joined(links: Sequence[Link]) -> Iterator[Link]:
    """Neighbours that say the same as one."""
    for _, group in groupby(links, lambda x: (x.reason, x.operation, x.line, x.others, x.material, x.resource)):
        run = list(group)
        yield replace(run[0], end=run[-1].end)


@dataclass(frozen=True, slots=True)
class _Bar:
    """What stands on a line: one placement, or the batch of an oven."""

    start: int
    end: int
    family: FamilyId | None
    operations: tuple[OperationId, ...]


@dataclass(frozen=True, slots=True)
class _Block:
    """The operation may not start in [start, end)."""

    start: int
    end: int
    reason: Reason
    others: tuple[OperationId, ...] = ()
    material: MaterialId | None = None
    resource: ResourceId | None = None


class _Shop:
    """The schedule around one order."""

    def __init__(
        self, problem: SchedulingProblem, placements: Mapping[OperationId, Placement], order: WorkOrder
    ) -> None:
        self.problem, self.placements, self.order = problem, placements, order
        self.lines = {line.id: line for line in problem.lines}
        self.matrices = {matrix.id: matrix for matrix in problem.setups}
        self.transports = {(t.origin, t.destination): t for t in problem.transports}
        self.mine = {operation.id: operation for operation in order.operations}
        self.operations = {o.id: o for other in problem.orders for o in other.operations}
        self.home = {o.id: other.id for other in problem.orders for o in other.operations} if self.groups else {}
        self.calendars: dict[LineId, Calendar] = {}

    @property
    def groups(self) -> tuple[tuple[LineId, ...], ...]:
        return self.problem.same_sequence

    def calendar(self, line: LineId) -> Calendar:
        if line not in self.calendars:
            self.calendars[line] = Calendar(self.lines[line])
        return self.calendars[line]

    def mode(self, placement: Placement) -> Mode:
        return next(mode for mode in self.operations[placement.operation].modes if mode.line == placement.line)

    # --- one step back ------------------------------------------------------------------------------------------------

    def back(self, key: OperationId) -> tuple[list[Link], OperationId | None]:
        """The links from the end of what `key` waited for to its own end, and what that was (None: its release)."""
        place = self.placements[key]
        before, left, waited, ready = self.latest_predecessor(key)
        begin = min(ready, place.start)
        links: list[Link] = []

        def add(reason: Reason, start: int, end: int, others: tuple[OperationId, ...] = ()) -> None:
            if start < end:
                links.append(Link(reason, Second(start), Second(end), key, place.line, others))

        if before is not None:
            left, waited = min(left, begin), min(waited, begin)
            add(Reason.WAIT, left, waited, (before,))
            add(Reason.TRANSPORT, waited, begin, (before,))
        arrives = min(max(begin, self.mine[key].release), place.start)
        add(Reason.TRANSPORT, begin, arrives)
        links += self.idle(key, arrives)
        links += self.running(key)
        return links, before

    def latest_predecessor(self, key: OperationId) -> tuple[OperationId | None, int, int, int]:
        """What it waits for last: the operation, its end, the end of the least wait, and when it has arrived."""
        plant = self.lines[self.placements[key].line].plant
        best: tuple[OperationId | None, int, int, int] = (None, 0, 0, self.order.release)
        for before in self.mine[key].predecessors:
            earlier = self.placements.get(before.operation)
            if earlier is None:
                continue
            arrives = ready = earlier.end + before.minimum_wait
            origin = self.lines[earlier.line].plant
            if origin != plant:
                arrives = self.transports[origin, plant].arrival(ready)
            if arrives > best[3] or (arrives == best[3] and best[0] is None):
                best = (before.operation, earlier.end, ready, arrives)
        return best

    def running(self, key: OperationId) -> Iterator[Link]:
        """From its start to its end: work, pauses, and what its batch takes longer."""
        place, line = self.placements[key], self.placements[key].line
        calendar, running = self.calendar(line), self.mine[key].running
        mates = self.mates(key)
        done = calendar.finish(place.start, running, self.mode(place).duration) if mates else NEVER
        marks = {place.start, place.end, *(x for x in (*calendar.opens, *calendar.closes, done) if place.start < x)}
        inside = sorted(mark for mark in marks if mark <= place.end)
        for start, end in pairwise(inside):
            reason = Reason.WORK
            others: tuple[OperationId, ...] = ()
            if running is not Running.UNATTENDED and not calendar.is_open(start, end):
                reason = Reason.PAUSED
            elif start >= done:
                reason, others = Reason.BATCH, mates
            yield Link(reason, Second(start), Second(end), key, line, others)

    def mates(self, key: OperationId) -> tuple[OperationId, ...]:
        """The others of its batch."""
        place = self.placements[key]
        family = self.operations[key].family
        if not self.lines[place.line].batch or family is None:
            return ()
        return tuple(sorted(
            p.operation for p in self.placements.values()
            if p.line == place.line and (p.start, p.end) == (place.start, place.end)
            and p.operation != key and self.operations[p.operation].family == family
        ))  # fmt: skip

    # --- ready and not running ----------------------------------------------------------------------------------------

    def idle(self, key: OperationId, ready: int) -> Iterator[Link]:
        """Why it was not started in [ready, its start)."""
        place = self.placements[key]
        start = place.start
        if ready >= start:
            return
        fixing = self.problem.fixed.get(key)
        if fixing is not None and fixing[0] in FACTS:
            yield Link(Reason.PAST, Second(ready), start, key, place.line)
            return
        low = ready
        if self.problem.now > ready:
            low = min(self.problem.now, start)
            yield Link(Reason.PAST, Second(ready), Second(low), key, place.line)
        mates = self.mates(key)
        if fixing is not None:
            otherwise = _Block(low, start, Reason.PIN)
        else:
            otherwise = _Block(low, start, Reason.BATCH, mates) if mates else _Block(low, start, Reason.FREE)
        kinds = [[block for block in kind if block.start < start and block.end > low] for kind in self.blocks(key, low)]
        closed = kinds[-1]
        marks = sorted({low, start, *(m for kind in kinds for b in kind for m in (b.start, b.end) if low < m < start)})
        joins, together = self.joins(key), low
        for begin, end in pairwise(marks):
            binding = _binding(kinds, begin) or otherwise
            if binding is otherwise:
                together = max(together, joins.get(begin, low))
            elif begin < together:  # it could be in that batch, which runs
                binding = otherwise
            if binding.reason in (Reason.LINE, Reason.SETUP, Reason.BATCH):
                binding = _at(closed, begin) or binding
            yield Link(
                binding.reason, Second(begin), Second(end), key, place.line, binding.others, binding.material,
                binding.resource,
            )  # fmt: skip

    def blocks(self, key: OperationId, low: int) -> list[list[_Block]]:
        """Kind by kind when it may not start, of [low, its start); each kind sorted; the line's hours last."""
        place, operation = self.placements[key], self.operations[key]
        calendar, duration = self.calendar(place.line), self.mode(place).duration

        def finish(start: int) -> int:
            return calendar.earliest(start, operation.running, duration)[1]

        return [
            *self.materials(key, low),
            *self.resources(key, low, finish),
            self.sequence(key, low),
            self.followers(key, low, finish),
            self.line(key, low, finish),
            list(_between(calendar.starts(low, place.start, operation.running, duration), low, place.start)),
        ]

    def materials(self, key: OperationId, low: int) -> Iterator[list[_Block]]:
        """Of each until the last arrival without which it, or somebody after it, would find too little."""
        start = self.placements[key].start
        needs: dict[MaterialId, int] = {}
        for need in self.operations[key].materials:
            needs[need.material] = needs.get(need.material, 0) + need.quantity
        for material in self.problem.materials:
            if material.id not in needs:
                continue
            events = [(at, quantity) for at, quantity in material.arrivals]
            for other, operation in self.operations.items():
                if other != key and other in self.placements:
                    taken = sum(n.quantity for n in operation.materials if n.material == material.id)
                    events += [(self.placements[other].start, -taken)] if taken else []
            events = [*sorted(event for event in events if event[0] < start), (start, 0)]
            there, comes, at = material.stock, low, -1
            for instant, quantity in events:
                if instant > at and there < needs[material.id]:
                    comes = max(comes, instant)  # too little in [at, instant)
                at, there = instant, there + quantity
            if comes > low:
                yield [_Block(low, comes, Reason.MATERIAL, material=material.id)]

    def resources(self, key: OperationId, low: int, finish: Callable[[int], int]) -> Iterator[list[_Block]]:
        """While, until it would be done, others hold too much of what it needs."""
        place = self.placements[key]
        for need in self.mode(place).needs:
            spare = next(r.number for r in self.problem.resources if r.id == need.resource) - need.number
            found = []
            for start, end, holders in self.overloads(need.resource, key, spare, place.start):
                first = _first(low, place.start, lambda at, start=start: finish(at) > start)  # type: ignore[misc]
                if first < min(end, place.start):
                    found.append(
                        _Block(first, min(end, place.start), Reason.RESOURCE, holders, resource=need.resource)
                    )
            yield found

    def overloads(
        self, resource: ResourceId, key: OperationId, spare: int, until: int
    ) -> Iterator[tuple[int, int, tuple[OperationId, ...]]]:
        """Intervals that begin before `until` in which others hold more than `spare`, and who."""
        uses: list[tuple[Placement, int]] = []
        for placement in self.placements.values():
            if placement.operation != key and placement.start < until and placement.start < placement.end:
                uses += [(placement, n.number) for n in self.mode(placement).needs if n.resource == resource]
        marks = sorted({x for place, _ in uses for x in (place.start, place.end)})
        for start, end in pairwise(marks):
            now = [(place, number) for place, number in uses if place.start <= start < place.end]
            if start < until and sum(number for _, number in now) > spare:
                yield start, end, tuple(sorted(place.operation for place, _ in now))

    def sequence(self, key: OperationId, low: int) -> list[_Block]:
        """Until the last order has passed the line that passes another line of its group first."""
        place = self.placements[key]
        group = next((group for group in self.groups if place.line in group), None)
        if group is None:
            return []
        passes: dict[LineId, dict[WorkOrderId, Placement]] = {line: {} for line in group}
        own = NEVER  # the order passes this line then, whatever becomes of the operation
        for placement in self.placements.values():
            if placement.line not in passes:
                continue
            name = self.home[placement.operation]
            if placement.line == place.line and name == self.order.id and placement.operation != key:
                own = min(own, placement.start)
            known = passes[placement.line].get(name)
            if known is None or placement.start < known.start:
                passes[placement.line][name] = placement
        worst = _Block(low, low, Reason.SEQUENCE)
        for line, there in passes.items():
            if line == place.line or self.order.id not in there:
                continue
            for name, first in passes[place.line].items():
                ahead = name in there and there[name].start < there[self.order.id].start
                if ahead and min(first.start, own) > worst.end:
                    worst = _Block(low, min(first.start, own), Reason.SEQUENCE, (first.operation,))
        return [worst] if worst.end > low else []

    def followers(self, key: OperationId, low: int, finish: Callable[[int], int]) -> list[_Block]:
        """As long as what comes next would start too long after its end."""
        start, worst = self.placements[key].start, _Block(low, low, Reason.MAXIMUM_WAIT)
        for operation in self.order.operations:
            for before in operation.predecessors:
                after = self.placements.get(operation.id)
                if before.operation != key or before.maximum_wait is None or after is None:
                    continue
                end = after.start - before.maximum_wait
                first = _first(low, start, lambda at, end=end: finish(at) >= end)  # type: ignore[misc]
                if first > worst.end:
                    worst = _Block(low, first, Reason.MAXIMUM_WAIT, (operation.id,))
        return [worst] if worst.end > low else []

    # --- the line -----------------------------------------------------------------------------------------------------

    def line(self, key: OperationId, low: int, finish: Callable[[int], int]) -> list[_Block]:
        """While the line makes others, is set up after them, or has too short a gap before them."""
        place = self.placements[key]
        line, start = self.lines[place.line], place.start
        if line.unlimited:
            return []
        family, mates = self.operations[key].family, self.mates(key)
        clock = _Setups(line, self.calendar(line.id), self.matrices.get(line.setups) if line.setups else None)
        found: list[_Block] = []
        free, before = clock.since, line.initial_family
        who: tuple[OperationId, ...] = ()
        for bar in (*self.bars(key), _Bar(NEVER, NEVER, None, ())):
            last = bar.start >= start  # the gap in which it stands
            ready = clock.after(free, before, family)
            following = _Bar(start, place.end, family, mates) if last and mates else bar
            if last and not mates:
                found.append(_Block(free, ready, Reason.SETUP, who))
                if bar.start < NEVER and not clock.fits(free, before, bar):
                    # Without it between them the two neighbours would need a longer setup than there is room for.
                    found = [_Block(low, free, Reason.LINE, bar.operations), *(b for b in found if b.start >= free)]
            elif free < following.start:
                reason = Reason.BATCH if last else Reason.LINE
                tight = _first(ready, following.start, lambda at, to=following: not clock.fits(finish(at), family, to))  # type: ignore[misc]
                if tight > ready:
                    found.append(_Block(free, ready, Reason.SETUP, who))
                found.append(_Block(tight if tight > ready else free, following.start, reason, following.operations))
            if last:
                break
            found.append(_Block(bar.start, bar.end, Reason.LINE, bar.operations))
            free, before, who = max(free, bar.end), bar.family, bar.operations
        return [block for block in _without(found, self.joins(key)) if block.start < block.end]

    def bars(self, key: OperationId) -> list[_Bar]:
        """What stands on the line of an operation beside itself and its batch, by start."""
        line, mine = self.placements[key].line, {key, *self.mates(key)}
        here = [p for p in self.placements.values() if p.line == line and p.operation not in mine]

        def name(place: Placement) -> tuple[int, int, str]:
            return (place.start, place.end, self.operations[place.operation].family or "")

        found = []
        for (start, end, family), group in groupby(sorted(here, key=name), name):
            members = tuple(sorted(place.operation for place in group))
            together = self.lines[line].batch and family
            for part in [members] if together else [(member,) for member in members]:
                found.append(_Bar(start, end, FamilyId(family) if family else None, part))
        return found

    def joins(self, key: OperationId) -> dict[int, int]:
        """Start -> end of the batches before it that it could have gone with."""
        place, operation = self.placements[key], self.operations[key]
        line, calendar = self.lines[place.line], self.calendar(place.line)
        if not line.batch or operation.family is None or self.mode(place).needs:
            return {}
        found = {}
        for bar in self.bars(key):
            longest = max(self.mode(self.placements[name]).duration for name in bar.operations)
            size = operation.size + sum(self.operations[name].size for name in bar.operations)
            if (
                bar.start < place.start and bar.family == operation.family and size <= line.batch
                and self.mode(place).duration <= longest
                and calendar.starts(bar.start, bar.start, operation.running, longest)
                and calendar.finish(bar.start, operation.running, longest) == bar.end
            ):  # fmt: skip
                found[bar.start] = bar.end
        return found


class _Setups:
    """A line's setups as a clock."""

    def __init__(self, line: Line, calendar: Calendar, matrix: SetupMatrix | None) -> None:
        self.any_time, self.calendar, self.matrix = line.setup_any_time, calendar, matrix
        self.since = 0 if line.setup_any_time else calendar.opens[0]  # the initial family is there from then on

    def seconds(self, before: FamilyId | None, after: FamilyId | None) -> int:
        return self.matrix.between(before, after) if self.matrix is not None else 0

    def after(self, end: int, before: FamilyId | None, after: FamilyId | None) -> int:
        """The first instant at which the setup that begins at `end` is done."""
        setup = self.seconds(before, after)
        if not setup or self.any_time:
            return end + setup
        work = self.calendar.work(end) + setup
        return self.calendar.end(work) if work <= self.calendar.total else NEVER

    def fits(self, end: int, family: FamilyId | None, bar: _Bar) -> bool:
        """Whether the setup to a bar fits between `end` and its start."""
        if end > bar.start:
            return False
        setup = self.seconds(family, bar.family)
        there = bar.start - end if self.any_time else self.calendar.work(bar.start) - self.calendar.work(end)
        return there >= setup


def _first(low: int, high: int, holds: Callable[[int], bool]) -> int:
    """The first instant of [low, high] at which something holds that then goes on holding; `high` if none."""
    while low < high:
        middle = (low + high) // 2
        if holds(middle):
            high = middle
        else:
            low = middle + 1
    return low


def _between(free: Sequence[tuple[int, int]], low: int, high: int) -> Iterator[_Block]:
    """What of [low, high) is not within the closed intervals `free`."""
    at = low
    for start, end in free:
        if at < start:
            yield _Block(at, start, Reason.CLOSED)
        at = max(at, end + 1)
    if at < high:
        yield _Block(at, high, Reason.CLOSED)


def _without(blocks: list[_Block], instants: Iterable[int]) -> list[_Block]:
    """The blocks, without these instants."""
    for at in instants:
        blocks = [
            piece
            for block in blocks
            for piece in (replace(block, end=min(block.end, at)), replace(block, start=max(block.start, at + 1)))
            if piece.start < piece.end
        ]
    return blocks


def _at(blocks: Sequence[_Block], instant: int) -> _Block | None:
    i = bisect_right(blocks, instant, key=lambda block: block.start) - 1
    return blocks[i] if i >= 0 and instant < blocks[i].end else None


def _binding(kinds: Iterable[Sequence[_Block]], instant: int) -> _Block | None:
    """The block at an instant whose kind goes on without a gap for longest."""
    best: tuple[int, _Block] | None = None
    for blocks in kinds:
        here = _at(blocks, instant)
        if here is None:
            continue
        reach = here.end
        for block in blocks[bisect_right(blocks, here.start, key=lambda block: block.start) :]:
            if block.start > reach:
                break
            reach = max(reach, block.end)
        if best is None or reach > best[0]:
            best = (reach, here)
    return best[1] if best else None
