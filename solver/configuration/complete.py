"""Completions: from decisions to a whole variant, by what is preferred and by what it costs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Final

from solver import cp
from solver.configuration.check import is_valid
from solver.configuration.compile import Asker, Clock, CompiledProblem, Fixed, OutOfTime
from solver.configuration.decisions import decided, require_known
from solver.configuration.encode import Encoding
from solver.configuration.explain import Conflicting, explain
from solver.configuration.kernel import Domains, Nodes, OutOfNodes, Weights, bits
from solver.configuration.pool import Witness
from solver.configuration.problem import Choose, Decision, Enter, GroupId, OptionId, ParameterId, Variant

Costs = Mapping[tuple[GroupId, OptionId] | ParameterId, int]

_NODES: Final = 3_000  # of a branch and bound, before CP-SAT is asked
_LARGEST: Final = 2**60  # of a CP-SAT objective


def complete(
    compiled: CompiledProblem,
    decisions: Sequence[Decision],
    *,
    prefer: Sequence[Decision] = (),
    costs: Costs | None = None,
    seconds: float = 1.0,
) -> Variant:
    """The variant with all decisions that breaks the fewest of `prefer`, and of these one of least cost.

    `costs`: what an option, or one more of a parameter, adds. The same question has the same answer in every process,
    unless CP-SAT was stopped by the clock. Raises Conflicting, UnknownDecision, and OutOfTime if nothing was found.
    """
    key = (frozenset(decisions), tuple(prefer), None if costs is None else frozenset(costs.items()))
    known: Variant | None = compiled.completions_memo.get(key)
    if known is None:
        require_known(compiled.problem, (*decisions, *prefer))
        known = _complete(compiled, decisions, prefer, costs or {}, Clock.of(seconds))
        compiled.completions_memo.put(key, known)
    return known


def complete_with(
    compiled: CompiledProblem,
    decisions: Sequence[Decision],
    standing: Variant,
    group: GroupId,
    option: OptionId,
    *,
    costs: Costs | None = None,
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


def decisions_of(compiled: CompiledProblem, variant: Variant) -> tuple[Decision, ...]:
    """Everything that a variant has, as decisions."""
    found: list[Decision] = []
    for group in compiled.problem.groups:
        chosen = variant.chosen[group.id]
        if group.exactly_one:
            found.extend(Choose(group.id, option) for option in chosen)
        else:
            found.extend(Choose(group.id, option, option in chosen) for option in group.options)
    found.extend(Enter(parameter, number) for parameter, number in variant.numbers.items())
    return tuple(found)


def _complete(
    compiled: CompiledProblem, decisions: Sequence[Decision], prefer: Sequence[Decision], costs: Costs, clock: Clock
) -> Variant:
    fixed = compiled.fix(decisions)
    if fixed.possible:
        variant = _as_preferred(compiled, fixed, prefer)
        if variant is not None:
            return variant
        found = _search(compiled, fixed, prefer, costs, clock)
        if found is not None:
            return compiled.variant(found, _free(compiled, fixed, prefer, costs))
    raise Conflicting(explain(compiled, tuple(decisions), ()))


def _as_preferred(compiled: CompiledProblem, fixed: Fixed, prefer: Sequence[Decision]) -> Variant | None:
    """The variant that decisions and preferences spell out, if they do and it is valid: nothing can be better."""
    domains, numbers = list(fixed.domains), dict(fixed.numbers)
    for decision in prefer:
        one = compiled.fix_one(decision)
        if one is None:
            return None
        if isinstance(one, tuple):
            variable, mask = one
            if domains[variable] & mask:
                domains[variable] &= mask
            elif fixed.domains[variable] & mask:
                return None  # two preferences contradict each other: which one to break is a question of cost
        elif isinstance(decision, Enter) and one not in fixed.numbers:
            if one in numbers and numbers[one] != decision.value:
                return None
            numbers[one] = decision.value
    if len(numbers) < len(compiled.large) or any(domain & (domain - 1) for domain in domains):
        return None
    variant = compiled.variant(Witness(tuple(domains), numbers))
    if compiled.kernel.closed:
        return variant if compiled.kernel.keeps(domains) else None
    return variant if is_valid(compiled.problem, variant) else None


def _free(compiled: CompiledProblem, fixed: Fixed, prefer: Sequence[Decision], costs: Costs) -> dict[ParameterId, int]:
    """Large parameters that no rule asks for: as decided, as preferred, or the cheapest end."""
    found: dict[ParameterId, int] = {}
    for parameter in compiled.kernel.free:
        values = compiled.problem.parameter_by_id[parameter].values
        wished = [d.value for d in prefer if isinstance(d, Enter) and d.parameter == parameter and d.value in values]
        cheapest = values[-1] if costs.get(parameter, 0) < 0 else values[0]
        found[parameter] = fixed.numbers.get(parameter, wished[0] if wished else cheapest)
    return found


def _search(
    compiled: CompiledProblem, fixed: Fixed, prefer: Sequence[Decision], costs: Costs, clock: Clock
) -> Witness | None:
    domains = list(fixed.domains)
    if not compiled.kernel.propagate(domains):
        return None
    if compiled.kernel.closed:
        try:
            found = compiled.kernel.find_least(domains, _weights(compiled, prefer, costs), Nodes(_NODES))
        except OutOfNodes:
            pass
        else:
            return None if found is None else compiled.witness(found, fixed.numbers)
    return _ask_least(compiled, domains, fixed, prefer, costs, clock)


def _weights(compiled: CompiledProblem, prefer: Sequence[Decision], costs: Costs) -> Weights:
    """Costs by value; a broken preference outweighs every sum of costs."""
    kernel = compiled.kernel
    table = [[0] * variable.size for variable in kernel.variables]
    for key, cost in costs.items():
        if isinstance(key, tuple):
            if key[0] in kernel.of_group and key[1] in compiled.problem.group_by_id[key[0]].options:
                variable, mask = kernel.literal(*key)
                table[variable][mask.bit_length() - 1] += cost
        elif key in kernel.of_parameter:
            values = compiled.problem.parameter_by_id[key].values
            for place, number in enumerate(values):
                table[kernel.of_parameter[key]][place] += cost * number
    heavy = 1 + sum(max(row) - min(row) for row in table)
    for decision in prefer:
        one = compiled.fix_one(decision)
        if isinstance(one, tuple):
            variable, mask = one
            for entry in bits(kernel.full[variable] & ~mask):
                table[variable][entry] += heavy
    return Weights(table)


def _ask_least(
    compiled: CompiledProblem,
    domains: Domains,
    fixed: Fixed,
    prefer: Sequence[Decision],
    costs: Costs,
    clock: Clock,
) -> Witness | None:
    """The same by CP-SAT, on a model of its own: the answer must not depend on what was asked before."""
    asker = Asker(Encoding(compiled.problem, compiled.kernel))
    encoding = asker.encoding
    wishes = [literal for d in prefer if (literal := _literal(encoding, d)) is not None]
    terms: list[tuple[int, int]] = []  # variable, coefficient
    for key, cost in costs.items():
        if isinstance(key, tuple):
            if key in encoding.option:
                terms.append((encoding.option[key], cost))
        elif key in encoding.parameter:
            terms.append((encoding.parameter[key], cost * compiled.problem.parameter_by_id[key].step))
    width = 1 + sum(
        abs(cost) * (encoding.bounds(variable)[1] - encoding.bounds(variable)[0]) for variable, cost in terms
    )
    # Sums that would leave 64 bits are rounded to a coarser unit; prices never are.
    coarse = 1 + width * (1 + len(wishes)) // _LARGEST
    terms = [(variable, cost // coarse) for variable, cost in terms]
    encoding.minimize(terms, wishes, 1 + width // coarse)
    asker.restrict(asker.limits(domains, fixed.numbers, None, None))
    answer = cp.solve(encoding.model, cp.Limits(max(clock.left, 0.01), seed=compiled.seed), settings=cp.LIGHT)
    if answer.status is cp.Status.UNKNOWN:
        raise OutOfTime
    return asker.read(answer.values) if answer.status.solved else None


def _literal(encoding: Encoding, decision: Decision) -> int | None:
    """A literal that is true exactly if the decision is met; None if it never is."""
    if isinstance(decision, Enter):
        values = encoding.problem.parameter_by_id[decision.parameter].values
        if decision.value not in values:
            return None
        return encoding.equal(encoding.parameter[decision.parameter], values.index(decision.value))
    literal = encoding.option[decision.group, decision.option]
    return literal if decision.chosen else -literal - 1
