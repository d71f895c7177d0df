"""Decisions in parts that answer at once, made ready: what each writes into what was valid before.

A click on such a part costs little more than its one call of compiled code; what it would ask again is kept here.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import chain, islice
from typing import Final

import numpy as np
from numpy.typing import NDArray

from solver.configuration import diagram_passes as passes
from solver.configuration.diagram import Diagram
from solver.configuration.free import Free
from solver.configuration.parts import Cut, Layout, Part, run
from solver.configuration.problem import Choose, Decision, Enter
from solver.configuration.question import RELEASED, STRICT, Flags

AT_ONCE: Final = 1_000  # edges of a diagram that is asked again rather than remembered
_MOST: Final = 100_000  # decisions that are kept
_READY: Final = 2_000  # of which so many are made before anybody asks
_FEW: Final = 16  # places that are written to quicker one by one than as a slice
_NOWHERE: Final = slice(0, 0)
_NOTHING: Final = np.zeros(0, dtype=np.uint8)

State = NDArray[np.int32]  # what a diagram was asked, a word for each literal by level, and scratch behind it


def answers_at_once(part: Part) -> bool:
    """Whether the part answers in less time than it takes to look whether it has been asked the same before."""
    engine = part.engine
    return isinstance(engine, Free) or (isinstance(engine, Diagram) and engine.edges <= AT_ONCE)


class Flat:
    """A diagram in one array, and its question as flags by level: see `diagram_passes.click`."""

    def __init__(self, diagram: Diagram, places: Sequence[Sequence[int]]) -> None:
        self._diagram = diagram
        self.words = diagram.flat(places)
        literals, nodes, levels = (int(self.words[at]) for at in (passes.LITERALS, passes.NODES, passes.LEVELS))
        self.size = literals + nodes + levels + 4
        self.untouched = self.state(np.full(diagram.network.literals, STRICT | RELEASED, dtype=np.uint8))

    def asked(self, layout: Layout, part: int, cuts: Sequence[Cut]) -> State:
        """What the diagram of a part has been asked, and answered."""
        question = layout.question(part, cuts)
        assert question is not None
        allowed, asked = self._diagram.by_level(question.allowed), self._diagram.by_level(question.asked)
        return self.state(allowed * np.uint8(STRICT) + asked * np.uint8(RELEASED))

    def state(self, flags: Flags) -> State:
        """Flags by level as `diagram_passes.click` leaves them."""
        found = np.zeros(self.size, dtype=np.int32)
        found[: len(flags)] = flags
        found.setflags(write=False)
        return found


@dataclass(frozen=True, slots=True)
class Click:
    """A decision about one variable of a part that answers at once, where nothing else is decided about the variable.

    `about`, `variable`: see Step. In a part without constraints `at` becomes `to` among the literals of the network; in
    a `flat` diagram `choice` is made: twice the literal, by level, and one more to take it.
    """

    about: object
    variable: int
    part: int
    at: slice | NDArray[np.int64] = field(default_factory=lambda: _NOWHERE)
    to: Flags = field(default_factory=lambda: _NOTHING)
    flat: Flat | None = None
    choice: int = 0


NEW: Final = Click(None, -1, -1)  # stands for what has not been made


def key_of(decision: Decision) -> Hashable:
    """What tells a decision from all others, quicker to compare than itself."""
    if isinstance(decision, Choose):
        return decision.group, decision.option, decision.chosen
    return decision.parameter, decision.value


class Clicks:
    """The clicks of a problem, each made when it is first asked for. Shared by all threads."""

    def __init__(self, layout: Layout, parts: Sequence[Part]) -> None:
        self._layout = layout
        self._parts = parts
        self._flat: dict[int, Flat] = {}
        self.known: dict[Hashable, Click | None] = {}

    def make_ready(self) -> None:
        """Make what a first session may ask, so that it waits for nothing; of a large problem the first ones."""
        problem = self._layout.names.problem
        choices: Iterator[Decision] = (
            Choose(group.id, option, chosen)
            for group in problem.groups for option in group.options for chosen in (True, False)
        )  # fmt: skip
        entries: Iterator[Decision] = (
            Enter(parameter, value)
            for parameter in self._layout.names.of_parameter for value in problem.parameter_by_id[parameter].values
        )  # fmt: skip
        for decision in islice(chain(choices, entries), _READY):
            self.of(decision)

    def of(self, decision: Decision) -> Click | None:
        """The decision as a click; None if it is none. It has to be one of the problem's."""
        found = self._made(decision)
        if len(self.known) < _MOST:
            self.known[key_of(decision)] = found
        return found

    def _made(self, decision: Decision) -> Click | None:
        step = self._layout.step(decision)
        cut = step.cut
        if step.variable < 0 or not answers_at_once(self._parts[cut.part]):
            return None
        engine = self._parts[cut.part].engine
        if isinstance(engine, Diagram):
            choice = 2 * engine.by_level_of(cut.literal) + cut.chosen
            return Click(step.about, step.variable, cut.part, flat=self._flat_of(cut.part, engine), choice=choice)
        literals = range(cut.first, cut.stop)
        if len(literals) < 2:
            return None  # without its only value nothing is left
        after = dict.fromkeys(literals, RELEASED if cut.chosen else STRICT | RELEASED)
        after[cut.literal] = STRICT | RELEASED if cut.chosen else 0
        start = self._parts[cut.part].start
        pairs = [(place, after[literal]) for literal in literals for place in self._layout.literals_at(start + literal)]
        at, to = zip(*sorted(pairs), strict=True)
        where = np.array(at) if len(at) <= _FEW else run(np.array(at))
        return Click(step.about, step.variable, cut.part, where, np.array(to, dtype=np.uint8))

    def _flat_of(self, part: int, diagram: Diagram) -> Flat:
        found = self._flat.get(part)
        if found is None:
            start, stop = self._parts[part].start, self._parts[part].stop
            places = [self._layout.literals_at(place) for place in range(start, stop)]
            found = self._flat[part] = Flat(diagram, places)
        return found
