"""Our engine in a process of its own: publishes a model, answers random sessions and explains them (JSON lines)."""

import gc
import json
import mmap
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
from numpy.typing import NDArray

from solver.configuration.artifact import from_bytes, to_bytes
from solver.configuration.compile import CompiledProblem, compile_problem
from solver.configuration.complete import complete
from solver.configuration.decisions import decided
from solver.configuration.explain import Conflict, Reason, explain, why_excluded, why_implied
from solver.configuration.nearest import nearest_completions
from solver.configuration.problem import Choose, Decision, Enter, GroupId, OptionId, ParameterId, RuleId
from solver.configuration.question import STRICT, Clock
from solver.configuration.session import Session, ValidDomains
from solver.configuration.spans import CostSpans, cost_spans
from solver.configuration.translate import Names
from tests.benchmarks.models import Model, Source, load
from tests.benchmarks.peers.talk import answer_each, memory_mb
from tests.benchmarks.statement import choices, signed, state

Message = dict[str, Any]


class Ours:
    """One model and what was compiled of it."""

    def __init__(self) -> None:
        self.model: Model
        self.names: Names
        self.compiled: CompiledProblem

    def read(self, source: dict[str, Any], folder: str) -> Message:
        """Read the model and write its statement for the peers."""
        path = None if source["path"] is None else Path(source["path"])
        self.model = load(Source(source["name"], path, source["made"], source["seed"]))
        statement, self.names = state(self.model)
        written = Path(folder) / "statement.json"
        written.write_text(json.dumps(statement))
        self.choices = np.array(choices(self.names), dtype=np.int64).reshape(-1, 3)
        self.starts = np.array(self.names.starts[:-1], dtype=np.int64)
        return {
            "statement": str(written),
            "seconds": self.model.seconds,
            "notes": self.model.notes,
            "choices": len(self.choices),
        }

    def publish(self, seconds: float) -> Message:
        """Compile."""
        start = time.perf_counter()
        self.compiled = compile_problem(self.model.problem, seconds=seconds)
        took = time.perf_counter() - start
        facts = self.compiled.facts
        Session(self.compiled).domains()  # what every process does once
        return {
            "seconds": took,
            "memory_mb": memory_mb(),
            "compiled_share": facts.compiled_share,
            "facts": f"{facts.variables} variables, parts {dict(facts.parts)}, {facts.nodes} nodes",
        }

    def draw(self, seed: int, length: int) -> Message:
        """A random session: each decision is among what is still open."""
        random = Random(seed)
        session = Session(self.compiled)
        start = time.perf_counter()
        self._decide(random, session, length)
        return {"decisions": [_written(one) for one in session.decisions], "seconds": time.perf_counter() - start}

    def sessions(
        self, several: Sequence[Sequence[Sequence[Any]]], warm: int, seconds: float, budget: float
    ) -> Message:
        """Sessions drawn before: after each decision, everything that is still possible.

        One right after the other, as a server has them, as long as the budget lasts; it has had the first `warm`, which
        are not counted. As a peer gets them: the decisions are known, and answers are looked at when all are made.
        """
        for decisions in several[:warm]:
            self._played(decisions, seconds)
        played, spent = [], 0.0
        for decisions in several[warm:]:
            played.append(self._played(decisions, seconds))
            spent += sum(played[-1][3])
            if spent > budget:
                break
        return {"sessions": [self._steps(*one) for one in played], "memory_mb": memory_mb()}

    def _played(
        self, decisions: Sequence[Sequence[Any]], seconds: float
    ) -> tuple[list[Decision], ValidDomains, list[ValidDomains | Conflict], list[float]]:
        """The decisions, what is valid before them, the answer to each and the seconds that it took."""
        made = [_read(one) for one in decisions]
        self.compiled.domains_memo.clear()
        session = Session(self.compiled, seconds=seconds)
        before = session.domains()
        found: list[ValidDomains | Conflict] = []
        took: list[float] = []
        for decision in made:
            start = time.perf_counter()
            domains = session.decide(decision)
            if isinstance(domains, ValidDomains):
                self._valid(domains)
            took.append(time.perf_counter() - start)
            found.append(domains)
        return made, before, found, took

    def _steps(
        self, made: list[Decision], before: ValidDomains, found: list[ValidDomains | Conflict], took: list[float]
    ) -> list[Message]:
        steps: list[Message] = []
        for place, (domains, spent) in enumerate(zip(found, took, strict=True)):
            if isinstance(domains, Conflict):
                raise RuntimeError(f"{made[place]} was offered and is refused")
            offered = (self._valid(before) | before.open) & STRICT
            can, cannot = self._answer(domains)
            so_far = decided(self.model.problem, (), *made[: place + 1])
            fixed = [signed(self.names, one) for one in so_far if self._is_literal(one)]
            numbers = {
                self.names.number[one.parameter]: [one.value, self._position(one)]
                for one in so_far
                if isinstance(one, Enter) and one.parameter in self.names.number
            }
            steps.append({
                "ms": spent * 1000, "fixed": fixed, "numbers": numbers, "offered": _letters(offered),
                "can": _letters(can), "cannot": _letters(cannot), "open_numbers": len(domains.undecided_numbers),
            })
            before = domains
        return steps

    def conflicts(self, seed: int, length: int, count: int, seconds: float) -> Message:
        """Explain refused decisions, up to `count` of those that come after a random session; and repair each.

        `wrong`: explanations that CP-SAT does not confirm (members that suffice, none of which can be left out), and
        repairs that are not possible. Checked as long as the `seconds` last.
        """
        random = Random(seed)
        session = Session(self.compiled)
        domains = self._decide(random, session, random.randrange(1, length + 1))
        refused = self._refused(random, session, domains, count)
        conflicts, repairs, checked = [], [], 0
        wrong: list[str] = []
        due = time.perf_counter() + seconds
        for decision in refused:
            after = decided(self.model.problem, session.decisions, decision)
            start = time.perf_counter()
            reason = self._reason(session.decisions, decision)
            conflicts.append((time.perf_counter() - start) * 1000)
            start = time.perf_counter()
            conflict = explain(self.compiled, after, (decision,), count=1)
            repairs.append((time.perf_counter() - start) * 1000)
            if time.perf_counter() < due:
                checked += 1
                wrong.extend(self._wrong(Conflict((*reason.decisions, decision), reason.rules, conflict.repairs)))
        return {"conflicts": conflicts, "repairs": repairs, "checked": checked, "wrong": wrong}

    def spans(self, seed: int, length: int, seconds: float, checked: int) -> Message:
        """After a random session: what each option's variants cost, as bounds at once and exactly, by random costs.

        CP-SAT looks for the cheapest and dearest variant of `checked` options; `wrong`: what it finds against a span.
        Also what differs from a completion with each other option (the nearest ones, all in one call).
        """
        random = Random(seed)
        session = Session(self.compiled)
        self._decide(random, session, length)
        costs: dict[tuple[GroupId, OptionId] | ParameterId, int] = {
            (group.id, option): random.randrange(1, 500) * 100
            for group in self.model.problem.groups
            for option in group.options
        }
        start = time.perf_counter()
        bounds = cost_spans(self.compiled, session.decisions, costs, seconds=0.0)
        at_once = time.perf_counter()
        exact = cost_spans(self.compiled, session.decisions, costs, seconds=seconds)
        settled = time.perf_counter()
        assert bounds is not None and exact is not None
        standing = complete(self.compiled, session.decisions, costs=costs, seconds=10.0)
        asked = time.perf_counter()
        nearest = nearest_completions(self.compiled, session.decisions, standing, costs=costs)
        answered = time.perf_counter()
        every = [*exact.options.values()]
        wrong = self._outside(random, session.decisions, costs, exact, checked)
        wrong += sum(
            bounds.options[key].low > span.low or bounds.options[key].high < span.high
            for key, span in exact.options.items()
        )
        return {
            "bounds_ms": (at_once - start) * 1000,
            "exact_ms": (settled - at_once) * 1000,
            "nearest_ms": (answered - asked) * 1000,
            "nearest": len(nearest),
            "options": len(every),
            "exact": sum(span.low_exact and span.high_exact for span in every),
            "wrong": wrong,
        }

    def _decide(self, random: Random, session: Session, length: int) -> ValidDomains:
        domains = session.domains()
        for _ in range(length):
            decision = self._drawn(random, domains)
            found = session.decide(decision) if decision is not None else None
            if not isinstance(found, ValidDomains):
                break
            domains = found
        return domains

    def _outside(
        self,
        random: Random,
        decisions: Sequence[Decision],
        costs: Mapping[tuple[GroupId, OptionId] | ParameterId, int],
        exact: CostSpans,
        checked: int,
    ) -> int:
        """How many ends of spans CP-SAT contradicts: by a variant outside of one, or none at an exact one."""
        found = 0
        keys = sorted(exact.options)
        for key in random.sample(keys, min(checked, len(keys))):
            span = exact.options[key]
            after = decided(self.model.problem, decisions, Choose(*key))
            for sign, end, is_exact in ((1, span.low, span.low_exact), (-1, span.high, span.high_exact)):
                best, bound = self._cp_sat_least(after, costs, sign)
                found += best < sign * end or (is_exact and bound > sign * end)
        return found

    def _cp_sat_least(
        self, decisions: Sequence[Decision], costs: Mapping[tuple[GroupId, OptionId] | ParameterId, int], sign: int
    ) -> tuple[int, int]:
        allowed, numbers = self._allowed(decisions)
        terms = []
        for key, cost in costs.items():
            assert isinstance(key, tuple)
            variable, value = self.names.value(*key)
            terms.append((self.names.starts[variable] + value, sign * cost))
        least = self.compiled.cp_sat.least(allowed, numbers, terms, [0] * len(self.names.numbers), Clock.of(20.0))
        assert least is not None
        return least[1], least[2]

    def _refused(self, random: Random, session: Session, domains: ValidDomains, count: int) -> list[Decision]:
        """Decisions that would be refused now, drawn at random."""
        can, cannot = self._answer(domains)
        made = {self.names.value(d.group, d.option)[0] for d in session.decisions if isinstance(d, Choose)}
        possible: list[Decision] = []
        for place in np.flatnonzero((can == 0) | (cannot == 0)).tolist():
            literal = int(self.choices[place, 0])
            variable = self.names.variables[self.names.owner[literal]]
            if self.names.owner[literal] in made or variable.group is None:
                continue
            if can[place] == 0 or variable.option is not None:
                option = variable.option or self.names.problem.group_by_id[variable.group].options[
                    literal - self.names.starts[self.names.owner[literal]]
                ]
                possible.append(Choose(variable.group, option, bool(can[place] == 0)))
        return random.sample(possible, min(count, len(possible)))

    def _reason(self, decisions: Sequence[Decision], refused: Decision) -> Reason:
        assert isinstance(refused, Choose)
        why = why_excluded if refused.chosen else why_implied
        return why(self.compiled, decisions, refused.group, refused.option)

    def _wrong(self, conflict: Conflict) -> list[str]:
        """What CP-SAT says against a conflict and its repairs."""
        found: list[str] = []
        if not conflict.decisions or self._cp_sat_finds(conflict.decisions, conflict.rules):
            found.append("a conflict that is none")
        for gone in conflict.decisions:
            if not self._cp_sat_finds([d for d in conflict.decisions if d != gone], conflict.rules):
                found.append("a decision too many")
        for rule in conflict.rules:
            if not self._cp_sat_finds(conflict.decisions, [r for r in conflict.rules if r != rule]):
                found.append("a rule too many")
        if not conflict.repairs:
            found.append("no repair")
        for repair in conflict.repairs:
            if not self._cp_sat_finds(repair.decisions, None):
                found.append("a repair that is none")
        return found

    def _cp_sat_finds(self, decisions: Sequence[Decision], rules: Sequence[RuleId] | None) -> bool:
        allowed, numbers = self._allowed(decisions)
        inside = None
        if rules is not None:
            inside = np.array([rule.id in set(rules) for rule in self.model.problem.constraints], dtype=np.uint8)
        return self.compiled.cp_sat.find(allowed, numbers, Clock.of(20.0), rules=inside) is not None

    def _allowed(self, decisions: Sequence[Decision]) -> tuple[NDArray[np.uint8], dict[int, int]]:
        """Decisions as flags of literals, and large numbers."""
        allowed = np.ones(self.names.starts[-1], dtype=np.uint8)
        numbers: dict[int, int] = {}
        for decision in decisions:
            if not self._is_literal(decision):
                assert isinstance(decision, Enter)
                numbers[self.names.number[decision.parameter]] = decision.value
                continue
            literal = signed(self.names, decision)
            variable = self.names.owner[abs(literal) - 1]
            if literal > 0:
                keep = allowed[literal - 1]
                allowed[self.names.starts[variable] : self.names.starts[variable + 1]] = 0
                allowed[literal - 1] = keep
            else:
                allowed[-literal - 1] = 0
        return allowed, numbers

    def store(self, path: str) -> Message:
        """Write what was compiled."""
        data = to_bytes(self.compiled)
        Path(path).write_bytes(data)
        return {"file_mb": len(data) / 1e6}

    def load(self, path: str) -> Message:
        """Map what another process stored, and answer a first click."""
        start = time.perf_counter()
        with open(path, "rb") as file:
            self._map = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        self.compiled = from_bytes(self.model.problem, memoryview(self._map))
        loaded = time.perf_counter() - start
        session = Session(self.compiled)
        domains = session.domains()
        decision = self._drawn(Random(0), domains)
        start = time.perf_counter()
        if decision is not None:
            session.decide(decision)
        return {"seconds": loaded, "click_ms": (time.perf_counter() - start) * 1000, "memory_mb": memory_mb()}

    def _valid(self, domains: ValidDomains) -> NDArray[np.uint8]:
        return domains.valid

    def _answer(self, domains: ValidDomains) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
        """For each choice whether it can be made, and whether it can be left: 1 yes, 0 no, 2 not settled."""
        valid, unsettled = domains.valid & STRICT, domains.open & STRICT
        literal, first = self.choices[:, 0], self.choices[:, 1]
        variable = np.searchsorted(self.starts, first)
        others = np.add.reduceat(valid, self.starts)[variable] - valid[literal]
        unsettled_others = np.add.reduceat(unsettled, self.starts)[variable] - unsettled[literal]
        can = np.where(valid[literal] > 0, 1, np.where(unsettled[literal] > 0, 2, 0))
        cannot = np.where(others > 0, 1, np.where(unsettled_others > 0, 2, 0))
        return can.astype(np.uint8), cannot.astype(np.uint8)

    def _position(self, entered: Enter) -> int:
        return self.model.problem.parameter_by_id[entered.parameter].values.index(entered.value)

    def _is_literal(self, decision: Decision) -> bool:
        return isinstance(decision, Choose) or decision.parameter in self.names.of_parameter

    def _drawn(self, random: Random, domains: ValidDomains) -> Decision | None:
        """A decision about a question that is still open, drawn at random, then one of its values; None: none is."""
        can, cannot = self._answer(domains)
        free = np.flatnonzero((can == 1) & (cannot == 1))
        questions = np.unique(self.choices[free, 1])
        large = [p for p in self.names.number if p in domains.open_questions] if self.names.number else []
        if not len(questions) + len(large):
            return None
        drawn = random.randrange(len(questions) + len(large))
        if drawn >= len(questions):
            parameter = large[drawn - len(questions)]
            low, high, step = random.choice(domains.numbers[parameter])
            return Enter(parameter, random.randrange(low, high + 1, step))
        mine = free[self.choices[free, 1] == questions[drawn]]
        return self._decision(int(self.choices[random.choice(mine.tolist()), 0]), random)

    def _decision(self, literal: int, random: Random) -> Decision:
        place = self.names.owner[literal]
        variable, value = self.names.variables[place], literal - self.names.starts[place]
        if variable.parameter is not None:
            parameter = self.names.problem.parameter_by_id[variable.parameter]
            return Enter(parameter.id, parameter.values[value])
        assert variable.group is not None
        if variable.option is not None:
            return Choose(variable.group, variable.option, random.random() < 0.5)
        return Choose(variable.group, self.names.problem.group_by_id[variable.group].options[value])


def _written(decision: Decision) -> list[Any]:
    if isinstance(decision, Choose):
        return [decision.group, decision.option, decision.chosen]
    return [decision.parameter, decision.value]


def _read(written: Sequence[Any]) -> Decision:
    return Choose(*written) if len(written) == 3 else Enter(*written)


def _letters(flags: NDArray[np.uint8]) -> str:
    return (flags + ord("0")).astype(np.uint8).tobytes().decode()


def main() -> None:
    """Answer until the questions end; a fault is an answer too."""
    ours = Ours()

    def sessions(**asked: Any) -> Message:
        gc.freeze()  # as the web process does
        gc.set_threshold(10_000, 20, 500)
        return ours.sessions(**asked)

    asked: dict[str, Callable[..., Message]] = {
        "ready": dict,  # that it has started, and its kernels with it
        "read": ours.read,
        "publish": ours.publish,
        "draw": ours.draw,
        "sessions": sessions,
        "conflicts": ours.conflicts,
        "store": ours.store,
        "load": ours.load,
        "spans": ours.spans,
    }
    answer_each(lambda message: asked[message.pop("ask")](**message))


if __name__ == "__main__":
    main()
