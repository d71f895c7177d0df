"""Decisions in parts that answer at once, made ready: what each writes into what was valid before.

A click on such a part costs little more than its one call of compiled code; what it would ask again is kept here.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import chain, islice
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from solver.configuration import diagram_passes as passes
from solver.configuration.diagram import Diagram
from solver.configuration.free import Free
from solver.configuration.parts import Cut, Layout, Part
from solver.configuration.problem import Choose, Decision, Enter
from solver.configuration.question import RELEASED, STRICT, Flags, Question

AT_ONCE: Final = 1_000  # edges of a diagram that is asked again rather than remembered
_MOST: Final = 100_000  # decisions that are kept
_READY: Final = 2_000  # of which so many are made before anybody asks


def answers_at_once(part: Part) -> bool:
    """Whether the part answers in less time than it takes to look whether it has been asked the same before."""
    engine = part.engine
    return isinstance(engine, Free) or (isinstance(engine, Diagram) and engine.edges <= AT_ONCE)


class Flat:
    """A diagram in one array, and its question as flags by level: see `diagram_passes.click`."""

    def __init__(self, diagram: Diagram, places: Sequence[Sequence[int]]) -> None:
        self._diagram = diagram
        self.words = diagram.flat(places)
        self.scratch = int(self.words[passes.NODES] + self.words[passes.LEVELS]) + 4
        self.untouched: Flags = np.full(diagram.network.literals, STRICT | RELEASED, dtype=np.uint8)
        self.untouched.setflags(write=False)

    def flags(self, question: Question) -> Flags:
        """The question as flags."""
        allowed, asked = self._diagram.by_level(question.allowed), self._diagram.by_level(question.asked)
        return allowed * np.uint8(STRICT) + asked * np.uint8(RELEASED)


class Click(NamedTuple):
    """A decision about one variable of a part that answers at once, where nothing else is decided about the variable.

    `about`, `variable`: see Step. In a part without constraints `at` becomes `to` among the literals of the network; in
    a `flat` diagram the variable is from `first` to `stop`, by level.
    """

    about: object
    variable: int
    part: int
    cut: Cut
    at: NDArray[np.int64]
    to: Flags
    flat: Flat | None = None
    first: int = 0
    stop: int = 0
    literal: int = 0


class Clicks:
    """The clicks of a problem, each made when it is first asked for. Shared by all threads."""

    def __init__(self, layout: Layout, parts: Sequence[Part]) -> None:
        self._layout = layout
        self._parts = parts
        self._flat: dict[int, Flat] = {}
        self.known: dict[Decision, Click | None] = {}

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
            self.known[decision] = found
        return found

    def _made(self, decision: Decision) -> Click | None:
        step = self._layout.step(decision)
        cut = step.cut
        if step.variable < 0 or not answers_at_once(self._parts[cut.part]):
            return None
        engine = self._parts[cut.part].engine
        literals, none = range(cut.first, cut.stop), np.zeros(0, dtype=np.int64)
        if isinstance(engine, Diagram):
            first, stop, literal = (engine.by_level_of(one) for one in (cut.first, cut.stop - 1, cut.literal))
            flat = self._flat_of(cut.part, engine)
            return Click(
                step.about, step.variable, cut.part, cut, none, none.astype(np.uint8), flat, first, stop + 1, literal
            )
        if len(literals) < 2:
            return None  # without its only value nothing is left
        after = dict.fromkeys(literals, RELEASED if cut.chosen else STRICT | RELEASED)
        after[cut.literal] = STRICT | RELEASED if cut.chosen else 0
        start = self._parts[cut.part].start
        pairs = [(place, after[literal]) for literal in literals for place in self._layout.literals_at(start + literal)]
        at, to = zip(*pairs, strict=True)
        return Click(step.about, step.variable, cut.part, cut, np.array(at), np.array(to, dtype=np.uint8))

    def _flat_of(self, part: int, diagram: Diagram) -> Flat:
        found = self._flat.get(part)
        if found is None:
            start, stop = self._parts[part].start, self._parts[part].stop
            places = [self._layout.literals_at(place) for place in range(start, stop)]
            found = self._flat[part] = Flat(diagram, places)
        return found
