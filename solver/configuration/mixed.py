"""The engine for parts with sums, large numbers or formulas: propagation and search in compiled code.

It knows assignments (a pool, also those that earlier questions found) and asks, for each literal that none of them
has, whether propagation refutes it, else a search for an assignment with it. What neither settles within its nodes is
left to `fallback`, if there is one, and else stays open.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from threading import Lock
from typing import Final

import numpy as np
from numpy.typing import NDArray

from solver.configuration import branch_passes
from solver.configuration import mixed_passes as passes
from solver.configuration.branching import Branching
from solver.configuration.dag import arrays_of
from solver.configuration.diagram_sums import Summed
from solver.configuration.network import OWN, Network
from solver.configuration.problem import ConfigurationProblem, IntegerParameter
from solver.configuration.question import (
    RELEASED,
    STRICT,
    Answer,
    Assignment,
    Clock,
    Costs,
    Flags,
    Interval,
    Least,
    OutOfTime,
    Question,
    Spans,
)

_POOL: Final = 8_192  # assignments known at most
_SPREAD: Final = 1_024  # of them that are looked at for the values of numbers
_FRESH: Final = 256  # room for new ones in one pass
_EACH: Final = 400  # nodes of one search at first
_PASS: Final = 4_000  # nodes between two looks at the clock
_FEW: Final = 48  # nodes of each search for what is nearest, whatever the time is, where branch and bound goes on
_SOME: Final = 160  # where nothing else does
_LOOK: Final = 64  # nodes between two looks at the clock in such searches
_ENOUGH: Final = 30_000  # nodes of one search, before another solver is asked
_BEGUN: Final = 64  # questions that time did not settle, remembered
_ROOM: Final = 8_192  # intervals of one number
_PATHS: Final = 1.2  # seconds for spans by paths of a diagram, which settle half of them soonest and some hardly ever
_PATHS_SHARE: Final = 0.7  # of the time, at most
_COST: Final = 1 << 45  # of an assignment
ANY: Final = 1 << 62  # a number that is not entered

Words = NDArray[np.int64]
Pair = list[int]  # from, to
Known = tuple[NDArray[np.int32], Words]  # literals and numbers of assignments
Fallback = Callable[[Question, Flags, Clock], Assignment | None]  # may raise OutOfTime


@dataclass(slots=True)
class _Begun:
    """How far a question has come: literals seen and refuted, and the nodes that a search is given."""

    valid: Flags
    closed: Flags
    nodes: int

    @classmethod
    def of(cls, literals: int) -> _Begun:
        return cls(np.zeros(literals, dtype=np.uint8), np.zeros(literals, dtype=np.uint8), _EACH)


class Mixed:
    """The engine of one part. Shared by all threads: what a call changes is its own, the pool is exchanged whole."""

    def __init__(self, network: Network, problem: ConfigurationProblem, *, seed: int = 0) -> None:
        self.network = network
        self.seed = seed
        self.fallback: Fallback | None = None  # an assignment with one of the literals, None: there is none
        self.summed: Summed | None = None  # a diagram of all but the sums, for bounds of costs where nothing branches
        self._m = arrays_of(network, problem, merged=True)
        self._plain = arrays_of(network, problem, merged=False)  # where rules can be told apart
        words = _desk(self._m)
        self._copied = words[: int(self._m[passes.COPIED])].copy()
        self._idle: list[Words] = [words]
        self._idle_plain: list[Words] = []
        self._begun: OrderedDict[bytes, _Begun] = OrderedDict()
        self._lock = Lock()
        self._first = np.ascontiguousarray(network.first[:-1])
        self._known = np.empty((0, len(network.variables)), dtype=np.int32)
        self._known_numbers = np.empty((0, len(network.numbers)), dtype=np.int64)
        self._many = 0  # rows of both that hold something

    @cached_property
    def branching(self) -> Branching | None:
        """What answers spans of costs exactly, if the part is such."""
        return Branching.of(self.network)

    def _take_desk(self) -> Words:
        with self._lock:
            if self._idle:
                return self._idle.pop()
        return _desk(self._m)

    def _give_back(self, words: Words) -> None:
        with self._lock:
            self._idle.append(words)

    def _entered(self, question: Question) -> Words:
        entered = np.full(len(self.network.numbers), ANY, dtype=np.int64)
        for number, value in question.numbers.items():
            entered[number] = value
        return entered

    # --- finding ---

    def find(
        self,
        question: Question,
        clock: Clock,
        prefer: Flags | None = None,
        rules: Flags | None = None,
    ) -> Assignment | None:
        """An assignment with all decisions, or None if there is none. Raises OutOfTime.

        `prefer`: literals that are tried first. `rules`: which of the network's rules are in force (None: all).
        """
        liked = np.zeros(self.network.literals, dtype=np.uint8) if prefer is None else prefer
        m, words, copied = self._desk_for(rules)
        values = np.full(len(self.network.variables), -1, dtype=np.int32)
        numbers = np.full(len(self.network.numbers), passes.ANYWHERE, dtype=np.int64)
        entered = self._entered(question)
        allowed = np.ascontiguousarray(question.allowed)
        nodes, turn = _PASS, 0
        try:
            while True:
                found = passes.find(
                    m, words, copied, allowed, entered, liked, values, numbers, nodes, self.seed + turn
                )
                if found == passes.VOID:
                    return None
                if found == passes.DONE:
                    if rules is None:
                        self._keep(values[None, :], numbers[None, :])
                    return self._assignment(values, numbers)
                if clock.left <= 0:
                    raise OutOfTime
                nodes, turn = min(2 * nodes, 8 * _PASS), turn + 1
        finally:
            with self._lock:
                (self._idle if rules is None else self._idle_plain).append(words)

    def _desk_for(self, rules: Flags | None) -> tuple[Words, Words, Words]:
        if rules is None:
            return self._m, self._take_desk(), self._copied
        m = self._plain
        with self._lock:
            words = self._idle_plain.pop() if self._idle_plain else _blank(m)
        of = m[int(m[passes.RULE]) :][: int(m[passes.CONSTRAINTS])]
        active = words[int(m[passes.ACTIVE]) :][: len(of)]
        active[:] = 1
        active[of != OWN] = np.asarray(rules, dtype=np.int64)[of[of != OWN]]
        passes.prepare(m, words)
        return m, words, words[: int(m[passes.COPIED])].copy()

    def scopes(self) -> list[tuple[int, list[int]]]:
        """What each constraint is about, nodes that it reads included: its rule; variables, then numbers."""
        m = self._plain
        count = int(m[passes.CONSTRAINTS])
        begins = m[int(m[passes.SCOPE]) :][: count + 1].tolist()
        rules = m[int(m[passes.RULE]) :][:count].tolist()
        return [(rule, m[first:stop].tolist()) for rule, first, stop in zip(rules, begins, begins[1:], strict=False)]

    # --- domains ---

    def domains(self, question: Question, clock: Clock) -> Answer | None:
        """Which literals and numbers some assignment has; None if none has all decisions.

        What time did not settle is open; the same question, asked again, goes on where it stopped.
        """
        allowed, asked = np.ascontiguousarray(question.allowed), np.ascontiguousarray(question.asked)
        entered = self._entered(question)
        key = b"".join((allowed.tobytes(), asked.tobytes(), entered.tobytes()))
        with self._lock:
            begun = self._begun.pop(key, None) or _Begun.of(len(allowed))
        known = self._settle(question, allowed, asked, entered, begun, clock)
        if known is None:
            return None
        valid, closed = begun.valid, begun.closed & (STRICT | RELEASED)
        strict = (allowed != 0) & ((valid | closed) & 1 == 0)
        released = (asked != 0) & ((valid | closed) & 2 == 0)
        if strict.any() or released.any():
            with self._lock:
                self._begun[key] = begun
                while len(self._begun) > _BEGUN:
                    self._begun.popitem(last=False)
        if not len(allowed):  # numbers alone: no literal tells whether anything has all decisions
            try:
                if self.find(question, clock) is None:
                    return None
            except OutOfTime:
                pass
        elif not (valid & 1).any() and not strict.any():
            return None
        still_open = (strict * STRICT + released * RELEASED).astype(np.uint8)
        numbers, open_numbers = self._values(allowed, entered, known, clock)
        return Answer(valid.copy(), still_open, numbers, open_numbers)

    def _settle(
        self, question: Question, allowed: Flags, asked: Flags, entered: Words, begun: _Begun, clock: Clock
    ) -> Known | None:
        """Go on with a question until it is settled or due; None if nothing has all decisions.

        What is known that has all decisions, or all but those about one variable.
        """
        words = self._take_desk()
        try:
            while True:
                room, room_numbers, counts = self._room()
                known, known_numbers = self._pool
                strays = np.empty(len(known), dtype=np.int64)
                ended = passes.settle(
                    self._m, words, self._copied, allowed, asked, entered, known, known_numbers,
                    room, room_numbers, counts, begun.valid, begun.closed, strays, begun.nodes, _PASS,
                )  # fmt: skip
                fresh, fresh_numbers = room[: counts[0]], room_numbers[: counts[0]]
                self._keep(fresh, fresh_numbers)
                if ended == passes.VOID:
                    return None
                if ended == passes.DONE:
                    if not (begun.closed & 12).any():
                        break
                    begun.closed &= STRICT | RELEASED  # what was given up is tried again, with more nodes
                    begun.nodes *= 4
                    if begun.nodes > _ENOUGH and self.fallback is not None:
                        self._fall_back(self.fallback, question, begun, clock)
                        break
                if clock.left <= 0:
                    break
        finally:
            self._give_back(words)
        fits = np.flatnonzero(strays > -2)[-_SPREAD:]
        return np.concatenate((known[fits], fresh)), np.concatenate((known_numbers[fits], fresh_numbers))

    def _fall_back(self, fallback: Fallback, question: Question, begun: _Begun, clock: Clock) -> None:
        """Leave what is open to another solver: with all decisions first, then each variable released by itself."""
        known = begun.valid | begun.closed  # nothing is marked as given up here
        cases = [(question, (question.allowed != 0) & (known & 1 == 0), STRICT | RELEASED)]
        of = self._m[int(self._m[passes.OF]) :][: self.network.literals]
        released = (question.asked != 0) & (question.allowed == 0) & (known & 2 == 0)
        for variable in np.unique(of[released]).tolist():
            own = of == variable
            free = np.where(own, question.asked, question.allowed).astype(np.uint8)
            cases.append((Question(free, question.asked, question.numbers), released & own, RELEASED))
        try:
            for case, unseen, bits in cases:
                while unseen.any():
                    found = fallback(case, unseen.astype(np.uint8), clock)
                    if found is None:
                        begun.closed[unseen] |= bits
                        break
                    literals = (found.values + self._first).astype(np.int32)
                    self._keep(literals[None, :], np.array([found.numbers], dtype=np.int64).reshape(1, -1))
                    begun.valid[literals] |= np.where(question.allowed[literals] != 0, bits, RELEASED).astype(np.uint8)
                    unseen[literals] = False
        except OutOfTime:
            pass

    def _values(
        self, allowed: Flags, entered: Words, known: Known, clock: Clock
    ) -> tuple[tuple[tuple[Interval, ...], ...], frozenset[int]]:
        """The valid values of each number, its own entry released; and the numbers of which time left some open.

        `known`: assignments with all decisions, or nearly.
        """
        found: list[tuple[Interval, ...]] = [()] * len(self.network.numbers)
        still_open: set[int] = set()
        begun = False
        pieces = np.empty((3, _ROOM, 2), dtype=np.int64)
        words = self._take_desk()
        try:
            for number in sorted(range(len(found)), key=lambda number: entered[number] != ANY):  # its own entry last
                others = entered.copy()
                others[number] = ANY
                begun &= bool(entered[number] == ANY)
                near = known if entered[number] == ANY else self._pool
                good, unknown = self._spread(words, pieces, number, allowed, others, near, clock, begun=begun)
                begun = True
                if unknown:
                    still_open.add(number)
                found[number] = _intervals(self.network.numbers[number], [*good, *unknown])
        finally:
            self._give_back(words)
        return tuple(found), frozenset(still_open)

    def _spread(
        self,
        words: Words,
        pieces: Words,
        number: int,
        allowed: Flags,
        entered: Words,
        known: Known,
        clock: Clock,
        *,
        begun: bool,
    ) -> tuple[list[Pair], list[Pair]]:
        """Intervals of valid values, and of values that time did not settle.

        `pieces`: room for them. `begun`: the last call with these words was for the same decisions.
        """
        values = self.network.numbers[number].values
        good, left, stuck = pieces
        left[0] = values[0], values[-1]
        sizes = np.array([0, 1, 0], dtype=np.int64)
        each = _EACH
        valid: list[Pair] = []
        while True:
            room, room_numbers, counts = self._room()
            ended = passes.spread(
                self._m, words, self._copied, allowed, entered, number, *known,
                room, room_numbers, counts, good, left, stuck, sizes, each, _PASS, int(begun),
            )  # fmt: skip
            begun = True
            self._keep(room[: counts[0]], room_numbers[: counts[0]])
            if ended == passes.VOID:
                return valid, []
            valid.extend(good[: sizes[0]].tolist())
            sizes[0] = 0
            if ended == passes.DONE:
                if sizes[2] == 0:
                    return valid, []
                left, stuck = stuck, left
                sizes[1], sizes[2] = sizes[2], 0
                each *= 4
            elif sizes[1] + passes.PIECES >= _ROOM or sizes[2] >= _ROOM:
                break
            if clock.left <= 0:
                break
        return valid, [*left[: sizes[1]].tolist(), *stuck[: sizes[2]].tolist()]

    # --- costs ---

    def least(self, question: Question, costs: Costs, clock: Clock) -> Least | None:
        """The cheapest assignment with all decisions, None if there is none. Raises OutOfTime if none was found."""
        goal = self._goal(costs)
        allowed, entered = np.ascontiguousarray(question.allowed), self._entered(question)
        span = np.array([-passes.FREE, passes.FREE], dtype=np.int64)
        values, numbers = self._cheapest_known(goal, allowed, entered, span)
        words = self._take_desk()
        try:
            ended = self._improve(words, allowed, entered, goal, span, values, numbers, clock)
        finally:
            self._give_back(words)
        if ended == passes.VOID:
            return None
        if span[1] >= passes.FREE:
            raise OutOfTime
        self._keep(values[None, :], numbers[None, :])
        return Least(self._assignment(values, numbers), int(span[1]), int(span[0]))

    def _improve(
        self,
        words: Words,
        allowed: Flags,
        entered: Words,
        goal: Words,
        span: Words,
        values: NDArray[np.int32],
        numbers: Words,
        clock: Clock,
    ) -> int:
        nodes = _PASS
        while True:
            ended = int(
                passes.improve(self._m, words, self._copied, allowed, entered, goal, span, values, numbers, nodes)
            )
            if ended != passes.PAUSED or clock.left <= 0:
                return ended
            nodes = min(2 * nodes, 16 * _PASS)

    def _goal(self, costs: Costs) -> Words:
        """Costs as the passes want them. Raises ValueError if an assignment could cost more than 64 bits bear."""
        numbers = costs.numbers or (0,) * len(self.network.numbers)
        total = 0.0
        if self.network.literals:
            total = float(np.maximum.reduceat(np.abs(costs.literals.astype(float)), self.network.first[:-1]).sum())
        total += sum(
            abs(factor) * max(abs(parameter.values[0]), abs(parameter.values[-1]))
            for factor, parameter in zip(numbers, self.network.numbers, strict=True)
        )
        if total > _COST:
            raise ValueError(f"costs up to {total}, at most {_COST} can be added up exactly")
        goal = np.empty(self.network.literals + 2 * len(numbers), dtype=np.int64)
        goal[: self.network.literals] = costs.literals
        goal[self.network.literals :: 2] = numbers
        goal[self.network.literals + 1 :: 2] = passes.ANYWHERE
        return goal

    def _cheapest_known(
        self, goal: Words, allowed: Flags, entered: Words, span: Words
    ) -> tuple[NDArray[np.int32], Words]:
        """The cheapest assignment of the pool with all decisions, its cost in span[1]; else what is to be filled."""
        known, known_numbers = self._pool
        best = passes.cheapest_of(self._m, goal, allowed, entered, known, known_numbers, span)
        if best >= 0:
            return known[best].copy(), known_numbers[best].copy()
        return (
            np.full(len(self.network.variables), -1, dtype=np.int32),
            np.full(len(self.network.numbers), passes.ANYWHERE, dtype=np.int64),
        )

    def _assignment(self, values: NDArray[np.int32], numbers: Words) -> Assignment:
        return Assignment((values - self._first).astype(np.int32), tuple(numbers.tolist()))

    def spans(self, question: Question, costs: Costs, clock: Clock, *, exact: bool = True) -> Spans:
        """The lowest and highest cost of an assignment with each literal; bounds at once, exact as the clock allows."""
        goal = self._goal(costs)
        allowed, asked = np.ascontiguousarray(question.allowed), np.ascontiguousarray(question.asked)
        entered = self._entered(question)
        literals = self.network.literals
        best = np.full((2, literals), passes.FREE, dtype=np.int64)
        known, known_numbers = self._pool
        self._mark_extremes(goal, allowed, asked, entered, known, known_numbers, best)
        if self.branching is not None:
            spans, fresh = self.branching.spans(question, costs, _or_far(best), clock)
            self._keep(fresh, np.empty((len(fresh), 0), dtype=np.int64))
            return spans
        summed = None
        if self.summed is not None:
            seconds = min(_PATHS, _PATHS_SHARE * clock.left) if exact else 0.0
            summed = self.summed.ends(question, costs, Clock.of(seconds))
        opposite = goal.copy()
        opposite[:literals] *= -1
        opposite[literals::2] *= -1
        ends = np.empty((2, literals + 1), dtype=np.int64)
        free = np.empty(literals, dtype=np.uint8)
        words = self._take_desk()
        try:
            for row, one in enumerate((goal, opposite)):
                passes.bounds(self._m, words, self._copied, allowed, asked, entered, one, free, ends[row])
            possible = np.asarray((ends[:, :literals] < passes.FREE).all(axis=0))
            if summed is not None:
                possible &= ~summed.none
                ends[:, :literals] = np.maximum(ends[:, :literals], summed.bound)
                best = np.minimum(best, summed.met)
            if exact:
                self._settle_spans(words, goal, opposite, allowed, asked, entered, ends, best, possible, clock)
        finally:
            self._give_back(words)
        low, high = ends[0, :literals], -ends[1, :literals]
        low[~possible], high[~possible] = 1, 0
        proved = (ends[:, :literals] == best) | ~possible
        return Spans(low, high, (proved[0] * 1 + proved[1] * 2).astype(np.uint8))

    def _mark_extremes(
        self,
        goal: Words,
        allowed: Flags,
        asked: Flags,
        entered: Words,
        known: NDArray[np.int32],
        known_numbers: Words,
        best: Words,
    ) -> None:
        """What known assignments cost at least, and at least in the opposite sense, into `best`."""
        highest = -best[1]
        passes.extremes(self._m, goal, allowed, asked, entered, known, known_numbers, best[0], highest)
        best[1] = -highest

    def _settle_spans(
        self,
        words: Words,
        goal: Words,
        opposite: Words,
        allowed: Flags,
        asked: Flags,
        entered: Words,
        ends: Words,
        best: Words,
        possible: NDArray[np.bool_],
        clock: Clock,
    ) -> None:
        """Search between the bounds and what is known: a little for each literal, then more, until the clock ends."""
        of = self._m[int(self._m[passes.OF]) :][: self.network.literals]
        nodes = _EACH
        span = np.empty(2, dtype=np.int64)
        while clock.left > 0:
            unsettled = 0
            for row, one in enumerate((goal, opposite)):
                for literal in np.flatnonzero(possible & (ends[row, :-1] < best[row])).tolist():
                    if clock.left <= 0:
                        return
                    if not possible[literal] or ends[row, literal] >= best[row, literal]:
                        continue  # settled on the way
                    free = allowed.copy()
                    variable = of[literal]
                    free[self.network.first[variable] : self.network.first[variable + 1]] = 0
                    free[literal] = asked[literal]
                    span[:] = ends[row, literal], best[row, literal]
                    values = np.full(len(self.network.variables), -1, dtype=np.int32)
                    numbers = np.full(len(self.network.numbers), passes.ANYWHERE, dtype=np.int64)
                    ended = passes.improve(
                        self._m, words, self._copied, free, entered, one, span, values, numbers, nodes
                    )
                    if ended == passes.VOID:
                        possible[literal] = False
                        continue
                    ends[row, literal] = span[0]
                    if span[1] < best[row, literal]:
                        found, found_numbers = values[None, :], numbers[None, :]
                        self._keep(found, found_numbers)
                        self._mark_extremes(goal, allowed, asked, entered, found, found_numbers, best)
                    unsettled += ended == passes.PAUSED
            if not unsettled:
                return
            nodes = max(4 * nodes, _EACH)

    def nearest(
        self, question: Question, standing: Assignment, weights: Costs, literals: Sequence[int], clock: Clock
    ) -> list[Assignment | None]:
        """For each literal the assignment with it that is nearest to `standing`, the literal's own variable released.

        Nearest: the least sum of the weights of what differs, `weights.literals` at the literal that it has instead and
        `weights.numbers` for a number that changes (none below 0). None: no assignment has it, or none was found in
        time. The best that was found where time did not prove it.
        """
        goal = self._goal(weights)
        goal[self.network.literals + 1 :: 2] = standing.numbers
        stands, stands_numbers = (standing.values + self._first).astype(np.int32), np.array(standing.numbers, np.int64)
        goal[stands] = 0
        wanted = np.asarray(literals, dtype=np.int64)
        values, numbers = np.tile(stands, (len(wanted), 1)), np.tile(stands_numbers, (len(wanted), 1))
        spans = np.tile(np.array([0, passes.FREE], dtype=np.int64), (len(wanted), 1))
        entered = self._entered(question)
        words = self._take_desk()
        paused: list[int] = []
        try:
            for allowed, rows in self._released(question, wanted):
                some = values[rows], numbers[rows], spans[rows]
                ended = self._settle_nearest(
                    words, allowed, entered, goal, stands, stands_numbers, wanted[rows], *some, clock
                )
                values[rows], numbers[rows], spans[rows] = some
                paused.extend(rows[ended == passes.PAUSED])
        finally:
            self._give_back(words)
        if paused and self.branching is not None:
            costs, best = Costs(goal[: self.network.literals]), _or_far(spans[paused, 1])
            nearer = self.branching.cheapest(question, costs, wanted[paused], best, clock)
            values[paused] = np.where(nearer < 0, values[paused], nearer)
            spans[paused, 1] = best
        found = spans[:, 1] < passes.FREE
        return [self._assignment(values[row], numbers[row]) if found[row] else None for row in range(len(wanted))]

    def _released(self, question: Question, wanted: Words) -> Iterator[tuple[Flags, NDArray[np.intp]]]:
        """What is allowed, and which of the literals that is for: each variable's own decision released."""
        allowed, asked = np.ascontiguousarray(question.allowed), question.asked
        within = allowed[wanted] != 0
        if within.any():
            yield allowed, np.flatnonzero(within)
        of = self._m[int(self._m[passes.OF]) :][wanted]
        for variable in np.unique(of[~within]).tolist():
            free = allowed.copy()
            own = slice(self.network.first[variable], self.network.first[variable + 1])
            free[own] = asked[own]
            yield free, np.flatnonzero(~within & (of == variable))

    def _settle_nearest(
        self,
        words: Words,
        allowed: Flags,
        entered: Words,
        goal: Words,
        stands: NDArray[np.int32],
        stands_numbers: Words,
        wanted: Words,
        values: NDArray[np.int32],
        numbers: Words,
        spans: Words,
        clock: Clock,
    ) -> Words:
        """A little for each literal, whatever the time is, so that nearly all have one; then until the clock ends.

        How each ended. What the first turn leaves is left to branch and bound where that is possible.
        """
        ended = np.full(len(wanted), passes.PAUSED, dtype=np.int64)
        least = np.zeros(self.network.literals, dtype=np.int64)
        asked = (self._m, words, self._copied, allowed, entered, goal)
        passes.begin_nearest(*asked, stands, stands_numbers, wanted, least, spans, ended, values, numbers)
        order = goal[: self.network.literals].argsort(kind="stable")
        turns = spans[:, 0].argsort(kind="stable")  # what is needed by others before these
        nodes = _SOME if self.branching is None else _FEW
        again = False
        while (ended == passes.PAUSED).any() and (not again or clock.left > 0):
            turn = 0
            while turn < len(turns) and (not again or clock.left > 0):
                turn = passes.nearest(
                    *asked, order, stands, stands_numbers, wanted, turns, turn,
                    nodes, _LOOK, int(again), least, spans, ended, values, numbers,
                )  # fmt: skip
            if self.branching is not None:
                break
            nodes, again = 4 * nodes, True
        return ended

    # --- the pool ---

    @property
    def _pool(self) -> Known:
        """What is known: literals and numbers. A view that nobody changes."""
        with self._lock:
            return self._known[: self._many], self._known_numbers[: self._many]

    def _room(self) -> tuple[NDArray[np.int32], Words, Words]:
        """Room for new assignments, and how many there are."""
        shape = self._known.shape[1]
        numbers = np.empty((_FRESH, self._known_numbers.shape[1]), dtype=np.int64)
        return np.empty((_FRESH, shape), dtype=np.int32), numbers, np.zeros(1, dtype=np.int64)

    def _keep(self, values: NDArray[np.int32], numbers: Words) -> None:
        """Join assignments (as literals) to the pool; the older half leaves it when it is full.

        Rows are only ever added behind those that a view of another thread ends with.
        """
        with self._lock:
            if self._many + len(values) > len(self._known):
                kept = self._many if self._many < _POOL else _POOL // 2
                size = max(min(2 * kept, _POOL), kept + len(values), 4 * _FRESH)
                old, old_numbers = self._known, self._known_numbers
                self._known = np.empty((size, old.shape[1]), dtype=np.int32)
                self._known_numbers = np.empty((size, old_numbers.shape[1]), dtype=np.int64)
                self._known[:kept] = old[self._many - kept : self._many]
                self._known_numbers[:kept] = old_numbers[self._many - kept : self._many]
                self._many = kept
            end = self._many + len(values)
            self._known[self._many : end] = values
            self._known_numbers[self._many : end] = numbers
            self._many = end


def _or_far(costs: Words) -> Words:
    """Costs as branch and bound has them, which says otherwise where there is none."""
    return np.where(costs >= passes.FREE, branch_passes.FAR, costs)


def _blank(m: Words) -> Words:
    """Zeros: memory that is not written is not there."""
    return np.zeros(int(m[passes.WORK_SIZE]), dtype=np.int64)


def _desk(m: Words) -> Words:
    """What one call works on, everything propagated."""
    words = _blank(m)
    at = int(m[passes.ACTIVE])
    words[at : at + int(m[passes.CONSTRAINTS])] = 1
    passes.prepare(m, words)
    return words


def _intervals(parameter: IntegerParameter, found: Sequence[Pair]) -> tuple[Interval, ...]:
    """Values from low to high (all on the grid, or between two that are) as intervals with steps, sorted and joined."""
    joined: list[Pair] = []
    for low, high in sorted(found):  # as numbers first: looking for places costs more
        if joined and low <= joined[-1][1] + 1:
            joined[-1][1] = max(joined[-1][1], high)
        else:
            joined.append([low, high])
    places: list[Pair] = []
    for one, other in joined:
        low, high = parameter.places(one, other)
        if low > high:
            continue
        if places and low <= places[-1][1] + 1:
            places[-1][1] = high
        else:
            places.append([low, high])
    return tuple(interval for low, high in places for interval in parameter.intervals(low, high))
