"""Problem -> what answers clicks, once, at publishing: translate, simplify, split, and an engine for each part.

A part without sums and large numbers becomes a diagram if its nodes and the time allow it, else it is left to SAT. A
part with them is answered by constraint programming, and by CP-SAT where that gives up.
"""

from __future__ import annotations

from collections import Counter, OrderedDict
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from threading import Lock
from time import perf_counter
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from solver.configuration.asking import CpSat, Fallback
from solver.configuration.clausal import Clausal
from solver.configuration.clicks import Clicks, answers_at_once
from solver.configuration.dag import TooWide
from solver.configuration.diagram import Diagram, compile_diagram
from solver.configuration.diagram_sums import summed_of
from solver.configuration.free import Free
from solver.configuration.mixed import Mixed
from solver.configuration.network import CORE, DEAD, Network
from solver.configuration.parts import Cut, Engine, Kind, Layout, Part, Stretch, laid_out
from solver.configuration.problem import ConfigurationProblem, Decision, InvalidProblem, RuleId, Variant
from solver.configuration.question import RELEASED, STRICT, Answer, Assignment, Clock, Flags
from solver.configuration.rooms import Explaining, minimal
from solver.configuration.simplify import Void, simplify, split
from solver.configuration.translate import Names, translate, variant_of

NODES: Final = 2_000_000  # of all diagrams of a problem
_MEMO: Final = 8_192  # answers kept, of each kind
_COSTS: Final = 64  # costs kept as those of the network's literals
LARGEST: Final = 400_000  # nodes of one diagram
ATTEMPT: Final = 10.0  # seconds for one diagram
SUMMED: Final = 50_000  # nodes of a diagram that leaves sums out
SUMMING: Final = 3.0  # seconds for it


class VoidProblem(ValueError):
    """No variant is valid. `rules` cannot hold together (with the groups' own limits), none of them can be left out."""

    def __init__(self, rules: frozenset[RuleId]) -> None:
        super().__init__(f"Nothing is valid under {sorted(rules)}.")
        self.rules = rules


class Cancelled(Exception):
    """Publishing was stopped; nothing is left of it."""


@dataclass(frozen=True, slots=True)
class Publishing:
    """How far publishing is. `step`: translate, simplify, split, compile; `done` of `total` parts."""

    step: str
    done: int = 0
    total: int = 0


@dataclass(frozen=True, slots=True)
class Facts:
    """What publishing found. `compiled_share`: the share of open variables whose part is a diagram or free."""

    variables: int
    literals: int
    dead: int
    core: int
    parts: Mapping[str, int]  # by kind
    nodes: int
    compiled_share: float
    seconds: float


@dataclass(frozen=True, slots=True)
class Base:
    """What is valid before any decision: the parts' answers, and their flags in one row."""

    answers: tuple[Answer, ...]
    valid: Flags
    open: Flags
    spread: Flags  # `valid` over the literals of the network


class Memo:
    """The most recently used answers. Safe to share between threads."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._lock = Lock()
        self._answers: OrderedDict[Hashable, Any] = OrderedDict()

    def __len__(self) -> int:
        return len(self._answers)

    def get(self, key: Hashable) -> Any:
        """The answer, or None."""
        with self._lock:
            if key in self._answers:
                self._answers.move_to_end(key)
            return self._answers.get(key)

    def put(self, key: Hashable, answer: Any) -> None:
        """Keep an answer."""
        with self._lock:
            self._answers[key] = answer
            while len(self._answers) > self._size:
                self._answers.popitem(last=False)

    def clear(self) -> None:
        """Forget all answers."""
        with self._lock:
            self._answers.clear()


class CompiledProblem:
    """A problem ready for clicks. Safe to share between threads and to fork; its answers depend on nothing but it."""

    def __init__(
        self,
        problem: ConfigurationProblem,
        names: Names,
        first: NDArray[np.int64],
        place: NDArray[np.int32],
        parts: Sequence[Part],
        facts: Facts,
        seed: int,
        network: Network | None = None,
    ) -> None:
        self.problem = problem
        self.names = names
        self.layout = Layout(names, first, place, parts)
        self.parts = tuple(parts)
        self.facts = facts
        self.seed = seed
        self.cp_sat = CpSat(problem, names, seed)
        self.domains_memo = Memo(_MEMO)
        self.completions_memo = Memo(_MEMO)
        self.costs_memo = Memo(_COSTS)
        self.parts_with_numbers = tuple(part for part in parts if part.network.numbers)
        self.at_once = tuple(answers_at_once(part) for part in parts)
        self.clicks = Clicks(self.layout, self.parts)
        self.warm = not all(self.at_once)  # whether sessions need not be played before one counts
        self._base: Base | None = None
        self._network = network
        self._fallbacks: dict[int, Fallback] = {}
        for part in parts:
            if isinstance(part.engine, Mixed):
                part.engine.fallback = self.fallback(part.position)

    # --- asking ---

    def base(self, clock: Clock) -> Base:
        """What is valid before any decision. Raises ValueError if nothing is: such a problem is not compiled."""
        base = self._base
        if base is None:
            found = [self.answer(part.position, (), clock) for part in self.parts]
            answers = tuple(answer for answer in found if answer is not None)
            if len(answers) < len(found):
                raise ValueError("The problem is void.")
            none = np.zeros(0, dtype=np.uint8)
            valid = np.concatenate([none, *(answer.valid for answer in answers)])
            spread = self.layout.spread(valid, core=STRICT | RELEASED)
            spread.setflags(write=False)  # all sessions begin with it
            base = Base(answers, valid, np.concatenate([none, *(answer.open for answer in answers)]), spread)
            if not any(answer.open_numbers for answer in answers) and not base.open.any():
                self.clicks.make_ready()
                self._base = base
        return base

    def answer(self, part: int, cuts: tuple[Cut, ...], clock: Clock) -> Answer | None:
        """What is valid in a part under these cuts; None if nothing is. Remembered, unless time left something open."""
        if self.at_once[part]:
            question = self.layout.question(part, cuts) if cuts else self.layout.untouched(part)
            return None if question is None else self.parts[part].engine.domains(question, clock)
        key = (part, frozenset([cut.key for cut in cuts]))
        known = self.domains_memo.get(key)
        if known is not None:
            answer: Answer | None = known[0]
            return answer
        question = self.layout.question(part, cuts)
        found = None if question is None else self.parts[part].engine.domains(question, clock)
        if found is None or not (found.open_numbers or found.open.any()):
            self.domains_memo.put(key, (found,))
        return found

    def find(
        self, decisions: Sequence[Decision], clock: Clock, rules: frozenset[RuleId] | None = None
    ) -> Assignment | None:
        """A variant with all decisions under `rules` (None: all rules), or None if there is none. Raises OutOfTime."""
        if rules is not None:
            return self.explaining.find(decisions, clock, rules)
        gathered = self.layout.gather(decisions)
        if gathered is None:
            return None
        assignments: list[Assignment] = []
        for part in self.parts:
            question = self.layout.question(part.position, gathered.get(part.position, ()))
            found = None if question is None else part.engine.find(question, clock)
            if found is None:
                return None
            assignments.append(found)
        return self.layout.whole(assignments)

    def possible(self, decisions: Sequence[Decision], clock: Clock) -> bool:
        """Whether some variant has all decisions. Raises OutOfTime."""
        gathered = self.layout.gather(decisions)
        if gathered is None:
            return False
        for part, cuts in gathered.items():
            question = self.layout.question(part, cuts)
            if question is None or self.parts[part].engine.find(question, clock) is None:
                return False
        return True

    def fallback(self, part: int) -> Fallback:
        """CP-SAT for a part."""
        found = self._fallbacks.get(part)
        if found is None:
            found = self._fallbacks[part] = Fallback(self.layout, self.parts[part], self.cp_sat)
        return found

    def variant(self, whole: Assignment) -> Variant:
        """An assignment of the network as a variant, without texts."""
        return variant_of(self.names, whole)

    # --- the rules as they were written, built when somebody asks why ---

    @property
    def network(self) -> Network:
        """The network before anything was simplified: stated again if the compiled form was stored."""
        if self._network is None:
            self._network = translate(self.problem)[0]
        return self._network

    @cached_property
    def explaining(self) -> Explaining:
        """The rules as they were written, each of which can be left out."""
        return Explaining(self.problem, self.names, self.network, self.cp_sat)


def compile_problem(
    problem: ConfigurationProblem,
    *,
    seed: int = 0,
    seconds: float = 60.0,
    nodes: int = NODES,
    report: Callable[[Publishing], None] = lambda _: None,
    stop: Callable[[], bool] = lambda: False,
) -> CompiledProblem:
    """Compile, telling `report` how far it is and asking `stop` between steps whether to go on.

    Parts for which `nodes` or time do not suffice are left to SAT. Raises VoidProblem if nothing is valid, OutOfTime if
    that is not settled within the limit, Cancelled if it was stopped, and InvalidProblem if a rule can neither be said
    in sums nor has few enough combinations.
    """
    return _Compiling(problem, seed, Clock.of(seconds), nodes, report, stop).run()


class _Compiling:
    def __init__(
        self,
        problem: ConfigurationProblem,
        seed: int,
        clock: Clock,
        nodes: int,
        report: Callable[[Publishing], None],
        stop: Callable[[], bool],
    ) -> None:
        self.problem = problem
        self.seed = seed
        self.clock = clock
        self.nodes = nodes
        self.left = nodes  # of diagrams still to come
        self.report = report
        self.stop = stop
        self.started = perf_counter()

    def run(self) -> CompiledProblem:
        self._say("translate")
        network, names = translate(self.problem)
        try:
            self._say("simplify")
            named = {v for formula in network.formulas for v in names.scope_of(formula.expression)[0]}
            simplified = simplify(network, protected=named, seconds=max(1.0, self.clock.left / 3))
            self._say("split")
            stretches, places = laid_out(split(simplified.network, names.derived), simplified.network.literals)
            parts = self._parts(stretches)
            place = simplified.place.copy()
            inside = place >= 0
            place[inside] = places[place[inside]]
            facts = self._facts(network, place, parts)
            compiled = CompiledProblem(self.problem, names, network.first, place, parts, facts, self.seed, network)
            self._require_some(compiled)
        except Void:
            raise VoidProblem(self._why_void(network, names)) from None
        return compiled

    def _say(self, step: str, done: int = 0, total: int = 0) -> None:
        if self.stop():
            raise Cancelled
        self.report(Publishing(step, done, total))

    def _parts(self, stretches: Sequence[Stretch]) -> list[Part]:
        parts: list[Part] = []
        for one in stretches:
            if one.position % 100 == 0 or one.network.literals > 200:
                self._say("compile", one.position, len(stretches))
            kind, engine = self._engine(one.network)
            if isinstance(engine, Diagram):
                self.left -= engine.nodes
            parts.append(Part(one.position, one.start, one.stop, one.network, kind, engine))
        return parts

    def _engine(self, network: Network) -> tuple[Kind, Engine]:
        if network.sums or network.formulas:
            try:
                mixed = Mixed(network, self.problem, seed=self.seed)
            except TooWide as error:
                raise InvalidProblem(f"{network.rules[error.rule]}: a part of it may come to too much.") from error
            if mixed.branching is None and self.left > 0 and self.clock.left > 1:
                mixed.summed = summed_of(network, nodes=SUMMED, seconds=min(SUMMING, self.clock.left / 4))
            return Kind.MIXED, mixed
        if not (network.clauses or network.counts or network.tables):
            return Kind.FREE, Free(network)
        if self.left > 0 and self.clock.left > 1:
            diagram = compile_diagram(
                network, nodes=min(self.left, LARGEST), seconds=min(ATTEMPT, self.clock.left / 2)
            )
            if diagram is not None:
                return Kind.DIAGRAM, diagram
        return Kind.CLAUSAL, Clausal(network, seed=self.seed)

    def _facts(self, network: Network, place: NDArray[np.int32], parts: Sequence[Part]) -> Facts:
        kinds = Counter(part.kind for part in parts)
        open_ = sum(len(part.network.variables) for part in parts)
        light = sum(len(part.network.variables) for part in parts if part.kind in (Kind.FREE, Kind.DIAGRAM))
        return Facts(
            variables=len(network.variables),
            literals=network.literals,
            dead=int((place == DEAD).sum()),
            core=int((place == CORE).sum()),
            parts={str(kind): number for kind, number in sorted(kinds.items())},
            nodes=self.nodes - self.left,
            compiled_share=light / open_ if open_ else 1.0,
            seconds=perf_counter() - self.started,
        )

    def _require_some(self, compiled: CompiledProblem) -> None:
        for part in compiled.parts:
            if part.kind is Kind.MIXED:
                question = compiled.layout.question(part.position, ())
                assert question is not None
                if part.engine.find(question, self.clock) is None:
                    raise Void

    def _why_void(self, network: Network, names: Names) -> frozenset[RuleId]:
        """The rules of the first room in which nothing is valid; fewer if parts of them in other rooms suffice."""
        explaining = Explaining(self.problem, names, network, CpSat(self.problem, names, self.seed))
        for position in range(len(explaining.layout.parts)):
            room = explaining.room(position)
            if room.find((), None, self.clock) is None:
                rules = [network.rules[rule] for rule in room.core((), self.clock).rules]
                return frozenset(minimal(rules, lambda some: explaining.find((), self.clock, frozenset(some)) is None))
        raise AssertionError("every room has a variant, and yet there is none")
