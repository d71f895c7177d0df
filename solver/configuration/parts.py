"""A problem taken apart: what no rule ties together is answered apart, each part by the engine that suits it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from solver.configuration.network import DEAD, Network
from solver.configuration.problem import Decision, Enter, ParameterId
from solver.configuration.question import Answer, Assignment, Clock, Costs, Flags, Least, Question, Spans
from solver.configuration.simplify import Part as Piece
from solver.configuration.translate import Names


class Kind(StrEnum):
    """Which engine answers a part."""

    FREE = "free"  # nothing to ask
    DIAGRAM = "diagram"  # compiled: every answer is one pass over it
    CLAUSAL = "clausal"  # too large to compile: SAT
    MIXED = "mixed"  # with sums, large numbers or formulas: constraint programming


class Engine(Protocol):
    """What answers questions about one part. Shared by all threads."""

    network: Network

    def domains(self, question: Question, clock: Clock) -> Answer | None:
        """Everything that is valid; None if nothing has all decisions."""

    def find(self, question: Question, clock: Clock, prefer: Flags | None = None) -> Assignment | None:
        """One assignment with all decisions, with literals that are liked where that is easy. Raises OutOfTime."""

    def least(self, question: Question, costs: Costs, clock: Clock) -> Least | None:
        """A cheapest assignment with all decisions. Raises OutOfTime if none was found."""

    def spans(self, question: Question, costs: Costs, clock: Clock) -> Spans:
        """For each literal the lowest and the highest cost of an assignment that has it."""


@dataclass(frozen=True, slots=True)
class Stretch:
    """Variables and numbers that constraints tie together. Their literals are the places `start` to `stop` of all."""

    position: int
    start: int
    stop: int
    network: Network


@dataclass(frozen=True, slots=True)
class Part(Stretch):
    """A stretch, and what answers for it."""

    kind: Kind
    engine: Engine


def laid_out(pieces: Sequence[Piece], literals: int) -> tuple[list[Stretch], NDArray[np.int32]]:
    """Pieces of a network of so many literals, one after the other; and the place of each of its literals."""
    places = np.full(literals, DEAD, dtype=np.int32)
    found: list[Stretch] = []
    start = 0
    for position, piece in enumerate(pieces):
        stop = start + piece.network.literals
        places[piece.literals] = np.arange(start, stop, dtype=np.int32)
        found.append(Stretch(position, start, stop, piece.network))
        start = stop
    return found, places


@dataclass(frozen=True, slots=True)
class Cut:
    """What one decision does to one part: it asks for a literal, or forbids it, or sets a number."""

    part: int  # -1: nothing, whatever else is decided
    literal: int = -1  # of the part
    first: int = 0  # first literal of its variable, and the one after its last
    stop: int = 0
    chosen: bool = True
    number: int = -1  # of the part
    value: int = 0
    never: bool = False  # no variant has it

    @property
    def key(self) -> int | tuple[int, int]:
        """What tells it from others of its part, quicker to compare than all of it."""
        if self.number >= 0:
            return self.number, self.value
        return 2 * self.literal + self.chosen


@dataclass(frozen=True, slots=True)
class Step:
    """One decision beside those about other things. `about`: what of the problem it is about, `variable`: what of all
    parts (the place of its first literal; -1: nothing), so that decisions with others of both do not meet it.
    """

    cut: Cut
    about: object
    variable: int


@dataclass(frozen=True, slots=True, eq=False)
class Spots:
    """Where a part's literals are in the network, and which of the part's literal is at each of these."""

    at: slice | NDArray[np.int64]
    literal: slice | NDArray[np.int64]


class Layout:
    """Where the questions of a problem are among the parts; and decisions as cuts."""

    def __init__(
        self, names: Names, first: NDArray[np.int64], place: NDArray[np.int32], parts: Sequence[Stretch]
    ) -> None:
        self.names = names
        self.first = first
        self.place = place
        self.parts = tuple(parts)
        self.size = parts[-1].stop if parts else 0
        self._places: list[int] = place.tolist()
        self._starts: list[int] = first.tolist()
        self._part = np.repeat(
            np.arange(len(parts), dtype=np.int32), [part.stop - part.start for part in parts]
        ).tolist()
        starts = [
            np.repeat(part.network.first[:-1], np.diff(part.network.first)).astype(np.int64) for part in parts
        ]
        stops = [np.repeat(part.network.first[1:], np.diff(part.network.first)).astype(np.int64) for part in parts]
        self._firsts = np.concatenate(starts).tolist() if starts else []
        self._stops = np.concatenate(stops).tolist() if stops else []
        self._numbers = {
            number.id: (part.position, place) for part in parts for place, number in enumerate(part.network.numbers)
        }
        self._cuts: dict[Decision, Cut] = {}
        self._spots: dict[int, Spots] = {}
        self._literals: dict[int, list[int]] = {}
        self._untouched: dict[int, Question] = {}
        # place + 2 looks up what is true: core, dead, then the places.
        self._look = place.astype(np.int64) + 2

    def part_of(self, place: int) -> int:
        """The part in which a place lies."""
        return self._part[place]

    def literals_at(self, place: int) -> list[int]:
        """The literals of the network that are at a place: one, or several that are equal in every variant."""
        found = self._literals.get(place)
        if found is None:
            order, starts = self._at
            found = self._literals[place] = order[starts[place] : starts[place + 1]].tolist()
        return found

    @cached_property
    def _at(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        order = np.argsort(self.place, kind="stable")
        return order, np.searchsorted(self.place[order], np.arange(self.size + 1))

    def cut(self, decision: Decision) -> Cut:
        """What the decision does; remembered."""
        found = self._cuts.get(decision)
        if found is None:
            found = self._cut(decision)
            if len(self._cuts) < 100_000:  # entered numbers are without end
                self._cuts[decision] = found
        return found

    def step(self, decision: Decision) -> Step:
        """The decision as a step. It has to be one of the problem's."""
        cut = self.cut(decision)
        about: object
        if isinstance(decision, Enter):
            about = decision.parameter
        elif self.names.problem.group_by_id[decision.group].single:
            about = decision.group
        else:
            about = (decision.group, decision.option)
        variable = self.parts[cut.part].start + cut.first if cut.part >= 0 and cut.number < 0 else -1
        return Step(cut, about, variable)

    def spots(self, part: int) -> Spots:
        """Where the part's literals are in the network; remembered."""
        found = self._spots.get(part)
        if found is None:
            start, stop = self.parts[part].start, self.parts[part].stop
            order, starts = self._at
            at = np.sort(order[starts[start] : starts[stop]])
            literal = self.place[at].astype(np.int64) - start
            found = self._spots[part] = Spots(run(at), run(literal, whole=stop - start))
        return found

    def untouched(self, part: int) -> Question:
        """The question without any decision. Only to be read."""
        found = self._untouched.get(part)
        if found is None:
            everything = np.ones(self.parts[part].stop - self.parts[part].start, dtype=np.uint8)
            found = self._untouched[part] = Question(everything, everything)
        return found

    def _cut(self, decision: Decision) -> Cut:
        problem = self.names.problem
        if isinstance(decision, Enter):
            values = problem.parameter_by_id[decision.parameter].values
            if decision.value not in values:
                return Cut(-1, never=True)
            if decision.parameter in self._numbers:
                part, number = self._numbers[decision.parameter]
                return Cut(part, number=number, value=decision.value)
            variable, value, chosen = self.names.of_parameter[decision.parameter], values.index(decision.value), True
        else:
            variable, value = self.names.value(decision.group, decision.option)
            chosen = decision.chosen
        return self.cut_of(self._starts[variable] + value, chosen=chosen)

    def cut_of(self, literal: int, *, chosen: bool) -> Cut:
        """The cut of one literal of the network."""
        place = self._places[literal]
        if place < 0:
            return Cut(-1, never=(place == DEAD) == chosen)
        start = self.parts[self._part[place]].start
        return Cut(self._part[place], place - start, self._firsts[place], self._stops[place], chosen)

    def gather(self, decisions: Iterable[Decision]) -> dict[int, tuple[Cut, ...]] | None:
        """The cuts of each part that the decisions touch; None if one of them is in no variant."""
        found: dict[int, list[Cut]] = {}
        for decision in decisions:
            cut = self.cut(decision)
            if cut.never:
                return None
            if cut.part >= 0:
                found.setdefault(cut.part, []).append(cut)
        return {part: tuple(cuts) for part, cuts in found.items()}

    def question(self, part: int, cuts: Sequence[Cut]) -> Question | None:
        """The cuts as a question to the part; None if they contradict each other."""
        size = self.parts[part].stop - self.parts[part].start
        allowed = np.ones(size, dtype=np.uint8)
        numbers: dict[int, int] = {}
        fixed: dict[int, tuple[int, int]] = {}  # variable -> its end, how many decisions ask for a value of it
        for cut in cuts:
            if cut.number >= 0:
                if numbers.setdefault(cut.number, cut.value) != cut.value:
                    return None
            elif not cut.chosen:
                allowed[cut.literal] = 0
            else:
                fixed[cut.first] = (cut.stop, fixed.get(cut.first, (0, 0))[1] + 1)
        asked = allowed.copy() if fixed else allowed
        for cut in cuts:
            if cut.number < 0 and cut.chosen:
                kept = allowed[cut.literal]
                allowed[cut.first : cut.stop] = 0
                allowed[cut.literal] = kept
        for first, (stop, times) in fixed.items():
            if times > 1:  # merged questions: each is kept by the other
                asked[first:stop] = allowed[first:stop]
        for cut in cuts:
            if cut.number < 0 and not allowed[cut.first : cut.stop].any():
                return None
        return Question(allowed, asked, numbers)

    def spread(self, flags: NDArray[np.uint8], core: int, dead: int = 0) -> NDArray[np.uint8]:
        """Flags of places as flags of the network's literals."""
        looked = np.empty(self.size + 2, dtype=np.uint8)
        looked[0], looked[1], looked[2:] = core, dead, flags
        spread: NDArray[np.uint8] = looked[self._look]
        return spread

    def whole(self, assignments: Sequence[Assignment]) -> Assignment:
        """Assignments of all parts as one of the network's variables and numbers."""
        flags = np.zeros(self.size, dtype=np.uint8)
        entered: dict[ParameterId, int] = {}
        for part, assignment in zip(self.parts, assignments, strict=True):
            flags[part.start + part.network.first[:-1] + assignment.values] = 1
            for number, value in zip(part.network.numbers, assignment.numbers, strict=True):
                entered[number.id] = value
        true = np.flatnonzero(self.spread(flags, core=1))
        numbers = tuple(entered[number.id] for number in self.names.numbers)
        return Assignment((true - self.first[:-1]).astype(np.int32), numbers)

    def inward(self, literals: NDArray[np.int64]) -> NDArray[np.int64]:
        """Numbers of the network's literals, added up for each place."""
        inside = self.place >= 0
        found = np.zeros(self.size, dtype=np.int64)
        np.add.at(found, self.place[inside], literals[inside])
        return found


def run(places: NDArray[np.int64], whole: int = -1) -> slice | NDArray[np.int64]:
    """Places that follow each other as a slice: quicker. `whole`: so many from 0 on are all."""
    if len(places) and np.array_equal(places, np.arange(places[0], places[0] + len(places))):
        every = places[0] == 0 and len(places) == whole
        return slice(None) if every else slice(int(places[0]), int(places[-1]) + 1)
    return places
