"""Completions: from decisions to a whole variant, by what is preferred and by what it costs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Final

import numpy as np
from numpy.typing import NDArray

from solver.configuration.compile import CompiledProblem
from solver.configuration.decisions import decided, require_known
from solver.configuration.explain import Conflicting, explain
from solver.configuration.network import CORE, Network
from solver.configuration.parts import Cut, Engine
from solver.configuration.problem import Choose, Decision, Enter, GroupId, OptionId, ParameterId, Variant
from solver.configuration.question import Assignment, Clock, Costs, Least, Question, nearest_in

_TIE: Final = 1024
_ROOM: Final = 2**44  # for all costs of a part: what every engine takes

CostsByOption = Mapping[tuple[GroupId, OptionId] | ParameterId, int]


def complete(
    compiled: CompiledProblem,
    decisions: Sequence[Decision],
    *,
    prefer: Sequence[Decision] | Mapping[Decision, int] = (),
    costs: CostsByOption | None = None,
    seconds: float = 1.0,
) -> Variant:
    """The variant with all decisions that breaks the fewest of `prefer`, and of these one of least cost.

    `prefer`: decisions, or decisions with weights (at least 1); then the broken ones weigh least.
    `costs`: what an option, or one more of a parameter, adds. The same question has the same answer in every process,
    unless a search was stopped by the clock. Raises Conflicting, UnknownDecision, and OutOfTime if nothing was found.
    """
    weights = prefer if isinstance(prefer, Mapping) else dict.fromkeys(prefer, 1)
    key = (frozenset(decisions), tuple(weights.items()), None if costs is None else frozenset(costs.items()))
    known: Variant | None = compiled.completions_memo.get(key)
    if known is None:
        require_known(compiled.problem, (*decisions, *weights))
        weighed = weigh(compiled, costs or {}, weights)
        found = _complete(compiled, decisions, weighed, Clock.of(seconds))
        if found is None:
            raise Conflicting(explain(compiled, tuple(decisions), ()))
        known = compiled.variant(found)
        compiled.completions_memo.put(key, known)
    return known


def complete_with(
    compiled: CompiledProblem,
    decisions: Sequence[Decision],
    standing: Variant,
    group: GroupId,
    option: OptionId,
    *,
    costs: CostsByOption | None = None,
    seconds: float = 1.0,
) -> Variant:
    """The variant nearest to `standing` that has the option and the other decisions; texts stay.

    Raises as `complete` does: Conflicting if the option is excluded.
    """
    after = decided(compiled.problem, decisions, Choose(group, option))
    prefer = tuple(d for d in decisions_of(compiled, standing) if not isinstance(d, Choose) or d.group != group)
    if not compiled.problem.group_by_id[group].single:
        prefer += tuple(Choose(group, other) for other in sorted(standing.chosen[group]) if other != option)
    return replace(complete(compiled, after, prefer=prefer, costs=costs, seconds=seconds), texts=standing.texts)


def cost_of(variant: Variant, costs: CostsByOption) -> int:
    """What the options and numbers of a variant come to."""
    total = 0
    for key, cost in costs.items():
        if isinstance(key, tuple):
            total += cost * (key[1] in variant.chosen.get(key[0], ()))
        else:
            total += cost * variant.numbers.get(key, 0)
    return total


def complete_within(
    compiled: CompiledProblem,
    decisions: Sequence[Decision],
    prefer: Mapping[Decision, int],
    costs: CostsByOption,
    limited: CostsByOption,
    most: int,
    clock: Clock,
) -> Variant | None:
    """As `complete`, where the `limited` costs come to `most` at most; None if nothing does. By CP-SAT.

    Raises OutOfTime if nothing was found in time.
    """
    names = compiled.names
    allowed = np.ones(names.starts[-1], dtype=np.uint8)
    entered: dict[int, int] = {}
    for decision in decisions:
        if isinstance(decision, Enter) and decision.parameter in names.number:
            entered[names.number[decision.parameter]] = decision.value
            continue
        variable, value, chosen = _asked(compiled, decision)
        literal = names.starts[variable] + value
        if chosen:
            kept = allowed[literal]
            allowed[names.starts[variable] : names.starts[variable + 1]] = 0
            allowed[literal] = kept
        else:
            allowed[literal] = 0
    weighed = _on_literals(compiled, costs, prefer)
    plain = _on_literals(compiled, limited, {})
    found = compiled.cp_sat.least(
        allowed,
        entered,
        list(enumerate(weighed.literals.tolist())),
        weighed.numbers,
        clock,
        weighed.wishes,
        weighed.heavy,
        (list(enumerate(plain.literals.tolist())), plain.numbers, most - plain.constant),
    )
    return None if found is None else compiled.variant(found[0])


def decisions_of(compiled: CompiledProblem, variant: Variant) -> tuple[Decision, ...]:
    """Everything that a variant has, as decisions."""
    found: list[Decision] = []
    for group in compiled.problem.groups:
        chosen = variant.chosen[group.id]
        if group.exactly_one and group.when is None:
            found.extend(Choose(group.id, option) for option in chosen)
        else:
            found.extend(Choose(group.id, option, option in chosen) for option in group.options)
    found.extend(Enter(parameter, number) for parameter, number in variant.numbers.items())
    return tuple(found)


# --- costs and preferences by part ----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Weighed:
    """Costs by part, and what all variants cost alike. A broken preference outweighs every sum of costs.

    `wishes`: large numbers that are preferred, by part, as (number, value); they are in no cost.
    """

    parts: tuple[Costs, ...]
    constant: int
    wishes: Mapping[int, tuple[tuple[int, int], ...]]
    heavy: int


@dataclass(frozen=True, slots=True)
class _OnLiterals:
    """Costs of the network's literals and large numbers, and what all variants cost besides."""

    literals: NDArray[np.int64]
    numbers: tuple[int, ...]
    constant: int
    wishes: tuple[tuple[int, int], ...]  # large numbers that are preferred, with their values; they are in no cost
    heavy: int


def weigh(compiled: CompiledProblem, costs: CostsByOption, prefer: Mapping[Decision, int]) -> Weighed:
    """Costs and preferences (with weights, at least 1) as costs of the parts' literals and numbers."""
    layout, names = compiled.layout, compiled.names
    whole = _on_literals(compiled, costs, prefer)
    inward = layout.inward(whole.literals)
    places = {number.id: place for place, number in enumerate(names.numbers)}
    parts: list[Costs] = []
    wishes: dict[int, tuple[tuple[int, int], ...]] = {}
    for part in compiled.parts:
        own = [places[number.id] for number in part.network.numbers]
        parts.append(Costs(inward[part.start : part.stop], tuple(whole.numbers[place] for place in own)))
        if found := tuple((own.index(place), value) for place, value in whole.wishes if place in own):
            wishes[part.position] = found
    constant = whole.constant + int(whole.literals[layout.place == CORE].sum())
    return Weighed(tuple(parts), constant, wishes, whole.heavy)


def _on_literals(compiled: CompiledProblem, costs: CostsByOption, prefer: Mapping[Decision, int]) -> _OnLiterals:
    names, layout = compiled.names, compiled.layout
    priced = _priced(compiled, costs)
    literals, heavy = priced.literals.copy(), priced.heavy
    wishes: list[tuple[int, int]] = []
    for decision, weight in prefer.items():
        cut = layout.cut(decision)
        if cut.part < 0:
            continue
        if isinstance(decision, Enter) and decision.parameter in names.number:
            wishes.append((names.number[decision.parameter], decision.value))
            continue
        variable, value, chosen = _asked(compiled, decision)
        start, stop = names.starts[variable], names.starts[variable + 1]
        if chosen:
            literals[start:stop] += heavy * weight
            literals[start + value] -= heavy * weight
        else:
            literals[start + value] += heavy * weight
    return replace(priced, literals=literals, wishes=tuple(wishes))


def _priced(compiled: CompiledProblem, costs: CostsByOption) -> _OnLiterals:
    """Costs alone; remembered, and only to be read. The cheapest value of each variable costs nothing."""
    key = frozenset(costs.items())
    known: _OnLiterals | None = compiled.costs_memo.get(key)
    if known is not None:
        return known
    names = compiled.names
    literals = np.zeros(names.starts[-1], dtype=np.int64)
    entered: dict[ParameterId, int] = {}
    constant = 0
    for what, cost in costs.items():
        if isinstance(what, tuple):
            group = compiled.problem.group_by_id.get(what[0])
            if group is not None and what[1] in names.places[group.id]:
                variable, value = names.value(*what)
                literals[names.starts[variable] + value] += cost
        elif what in names.of_parameter:
            variable = names.of_parameter[what]
            values = np.array(compiled.problem.parameter_by_id[what].values, dtype=np.int64)
            literals[names.starts[variable] : names.starts[variable + 1]] += cost * values
        elif what in names.number:
            entered[what] = entered.get(what, 0) + cost
    starts = np.array(names.starts[:-1], dtype=np.int64)
    if len(starts):  # so that `heavy` tells what is broken
        least = np.minimum.reduceat(literals, starts)
        constant = int(least.sum())
        literals -= np.repeat(least, np.diff(names.starts))
    heavy = 1 + _width(compiled, literals, entered)
    numbers = tuple(entered.get(number.id, 0) for number in names.numbers)
    known = _OnLiterals(literals, numbers, constant, (), heavy)
    compiled.costs_memo.put(key, known)
    return known


def _asked(compiled: CompiledProblem, decision: Decision) -> tuple[int, int, bool]:
    names = compiled.names
    if isinstance(decision, Enter):
        values = compiled.problem.parameter_by_id[decision.parameter].values
        return names.of_parameter[decision.parameter], values.index(decision.value), True
    variable, value = names.value(decision.group, decision.option)
    return variable, value, decision.chosen


def _width(compiled: CompiledProblem, literals: NDArray[np.int64], entered: Mapping[ParameterId, int]) -> int:
    """How far apart two variants can cost."""
    starts = np.array(compiled.names.starts[:-1], dtype=np.int64)
    width = 0
    if len(starts):
        width = int((np.maximum.reduceat(literals, starts) - np.minimum.reduceat(literals, starts)).sum())
    for parameter, cost in entered.items():
        values = compiled.problem.parameter_by_id[parameter].values
        width += abs(cost) * (values[-1] - values[0])
    return width


def _complete(
    compiled: CompiledProblem, decisions: Sequence[Decision], weighed: Weighed, clock: Clock
) -> Assignment | None:
    gathered = compiled.layout.gather(decisions)
    if gathered is None:
        return None
    found: list[Assignment] = []
    for part in compiled.parts:
        one = _complete_part(compiled, part.position, gathered.get(part.position, ()), weighed, clock)
        if one is None:
            return None
        found.append(one)
    return compiled.layout.whole(found)


def _complete_part(
    compiled: CompiledProblem, part: int, cuts: tuple[Cut, ...], weighed: Weighed, clock: Clock
) -> Assignment | None:
    question = compiled.layout.question(part, cuts)
    if question is None:
        return None
    engine = compiled.parts[part].engine
    costs, heavy = without_ties(engine.network, weighed.parts[part], weighed.heavy)
    wishes = weighed.wishes.get(part, ())
    met = {number: value for number, value in wishes if number not in question.numbers}
    if not met:
        least = engine.least(question, costs, clock)
        return None if least is None else least.assignment
    wished = replace(question, numbers={**question.numbers, **met})
    least = engine.least(wished, costs, clock)
    floor = sum(
        min(cost * number.values[0], cost * number.values[-1])
        for cost, number in zip(costs.numbers, engine.network.numbers, strict=True)
    )
    if least is not None and least.cost - floor < heavy:
        return least.assignment
    if least is None and engine.find(question, clock) is None:
        return None
    if len(met) == sum(number not in question.numbers for number, _ in wishes):
        one = _with_one_broken(engine, question, costs, met, heavy, least, clock)
        if one is not None and one.cost - floor < 2 * heavy:  # whatever breaks two costs more
            return one.assignment
    found = compiled.fallback(part).least(question.allowed, question.numbers, costs, clock, wishes, heavy)
    return None if found is None else found[0]


def _with_one_broken(
    engine: Engine,
    question: Question,
    costs: Costs,
    met: Mapping[int, int],
    heavy: int,
    all_met: Least | None,
    clock: Clock,
) -> Least | None:
    """The cheapest that meets all wishes for large numbers but one, or `all_met`; a number costs `heavy` more.

    The number that is not met is as near to its wish as the rest allows, where it costs nothing by itself: so it does
    not depend on what was asked before.
    """
    best, free = all_met, -1
    for number in met:
        others = {other: value for other, value in met.items() if other != number}
        least = engine.least(replace(question, numbers={**question.numbers, **others}), costs, clock)
        if least is not None and (best is None or least.cost + heavy < best.cost):
            best, free = replace(least, cost=least.cost + heavy), number
    if best is None or free < 0 or (costs.numbers and costs.numbers[free]):
        return best
    return replace(best, assignment=_nearest(engine, best.assignment, free, met[free], clock))


def _nearest(engine: Engine, found: Assignment, free: int, wanted: int, clock: Clock) -> Assignment:
    """The assignment with one of its large numbers as near to what is wanted as everything else in it allows."""
    network = engine.network
    allowed = np.zeros(network.literals, dtype=np.uint8)
    allowed[network.first[:-1] + found.values] = 1
    for place, variable in enumerate(network.variables):
        if variable.group is None and variable.parameter is None:  # it follows from the others
            allowed[network.first[place] : network.first[place + 1]] = 1
    numbers = {place: value for place, value in enumerate(found.numbers) if place != free}
    answer = engine.domains(Question(allowed, allowed, numbers), clock)
    if answer is None or free in answer.open_numbers or not answer.numbers[free]:
        return found
    near = min((nearest_in(span, wanted) for span in answer.numbers[free]), key=lambda value: abs(value - wanted))
    return replace(found, numbers=(*found.numbers[:free], near, *found.numbers[free + 1 :]))


def without_ties(network: Network, costs: Costs, heavy: int) -> tuple[Costs, int]:
    """The same costs in a finer unit, with something of its own for each literal: the cheapest is one, not any.

    A search finds one of several cheapest by what it saw before; with random weights there is just one, as good as
    always (Mulmuley, Vazirani, Vazirani 1987). So every process, and every way to ask, gives the same answer. Costs so
    large that no room is left for that stay as they are.
    """
    count = len(costs.literals)
    if not count:
        return costs, heavy
    sizes = np.abs(costs.literals)
    width = int(np.maximum.reduceat(sizes, network.first[:-1]).sum())
    for cost, number in zip(costs.numbers, network.numbers, strict=True):
        width += abs(cost) * max(abs(number.values[0]), abs(number.values[-1]))
    tie = min(_TIE, _ROOM // max(1, width) // count)
    if tie < 2:
        return costs, heavy
    unit = tie * count
    ties = _ties(count) * tie // _TIE
    return Costs(costs.literals * unit + ties, tuple(cost * unit for cost in costs.numbers)), heavy * unit


@lru_cache(maxsize=1024)
def _ties(count: int) -> NDArray[np.int64]:
    return np.random.default_rng(count).integers(0, _TIE, count)
