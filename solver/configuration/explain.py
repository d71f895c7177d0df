"""Why decisions conflict, and what to change: minimal conflicts, each member verified by re-solving, and repairs.

A conflict is found by QuickXplain (Junker 2004), repairs by Reiter's hitting-set tree (1987), the fewest changes first.
The groups' own limits are always in force and are not named.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final, TypeVar

from solver.configuration.compile import Clock, CompiledProblem, OutOfTime
from solver.configuration.decisions import decided
from solver.configuration.pool import Witness
from solver.configuration.problem import (
    Choose,
    Decision,
    Enter,
    GroupId,
    OptionId,
    RuleId,
    Variant,
)

_REPAIRS: Final = 3
_TREE: Final = 60  # nodes of the hitting-set tree

Item = TypeVar("Item")


@dataclass(frozen=True, slots=True)
class Change:
    """What becomes of one of the buyer's decisions; `new` is None if it is taken back."""

    old: Decision
    new: Decision | None


@dataclass(frozen=True, slots=True)
class Repair:
    """A way out: what changes, and all decisions after it, which some variant has."""

    changes: tuple[Change, ...]
    decisions: tuple[Decision, ...]


@dataclass(frozen=True, slots=True)
class Conflict:
    """Decisions and rules that cannot hold together, none of which can be left out; and what to change.

    The newest decisions are kept by every repair if they can be. Empty `decisions`: time ran out before a reason.
    """

    decisions: tuple[Decision, ...]
    rules: tuple[RuleId, ...]
    repairs: tuple[Repair, ...]


class Conflicting(ValueError):
    """The decisions cannot be had together. `conflict` says why and what to change."""

    def __init__(self, conflict: Conflict) -> None:
        super().__init__("The decisions conflict.")
        self.conflict = conflict


@dataclass(frozen=True, slots=True)
class Reason:
    """The decisions and rules from which something follows, none of which can be left out."""

    decisions: tuple[Decision, ...]
    rules: tuple[RuleId, ...]


def explain(
    compiled: CompiledProblem, decisions: Sequence[Decision], newest: Sequence[Decision], *, seconds: float = 2.0
) -> Conflict:
    """The conflict among decisions of which no variant has all. `newest`: those that a repair should keep."""
    clock = Clock.of(seconds)
    keep = [decision for decision in decisions if decision in newest]
    others = [decision for decision in decisions if decision not in newest]
    reason = _reason(compiled, (*keep, *reversed(others)), decisions, clock)
    try:
        if keep and compiled.find(keep, clock) is None:
            keep, others = [], list(decisions)  # impossible whatever else is decided: it must go itself
        repairs = _repairs(compiled, decisions, keep, others, clock)
    except OutOfTime:
        repairs = ()
    if not repairs and others:
        repairs = (_fallback(compiled, decisions, newest),)
    return Conflict(reason.decisions, reason.rules, repairs)


def why_implied(
    compiled: CompiledProblem, decisions: Sequence[Decision], group: GroupId, option: OptionId, *, seconds: float = 1.0
) -> Reason:
    """Why every completion has the option. Raises ValueError if one does not."""
    return _why(compiled, decisions, Choose(group, option, chosen=False), seconds)


def why_excluded(
    compiled: CompiledProblem, decisions: Sequence[Decision], group: GroupId, option: OptionId, *, seconds: float = 1.0
) -> Reason:
    """Why choosing the option would be a conflict. Raises ValueError if it would not."""
    return _why(compiled, decisions, Choose(group, option), seconds)


def minimal(
    items: Sequence[Item], fails: Callable[[Sequence[Item]], bool], background: Sequence[Item] = ()
) -> tuple[Item, ...]:
    """A part of `items` that fails with the background and no part of which does; early items are preferred.

    QuickXplain: about 2k log2(n / k) questions for a part of k. `fails(background)` may be asked; `fails` of all holds.
    """
    if fails(background):
        return ()
    return _quick(tuple(items), tuple(background), asked=True, fails=fails)


def _quick(
    items: tuple[Item, ...], background: tuple[Item, ...], *, asked: bool, fails: Callable[[Sequence[Item]], bool]
) -> tuple[Item, ...]:
    """`asked`: the background is known not to fail."""
    if not asked and fails(background):
        return ()
    if len(items) <= 1:
        return items
    half = len(items) // 2
    first, second = items[:half], items[half:]
    later = _quick(second, (*background, *first), asked=False, fails=fails)
    earlier = _quick(first, (*background, *later), asked=not later, fails=fails)
    return (*earlier, *later)


def _why(compiled: CompiledProblem, decisions: Sequence[Decision], opposite: Choose, seconds: float) -> Reason:
    after = decided(compiled.problem, decisions, opposite)
    clock = Clock.of(seconds)
    try:
        if compiled.find(after, clock) is not None:
            raise ValueError(f"{opposite} is possible.")
    except OutOfTime:
        return Reason((), ())
    others = [decision for decision in after if decision != opposite]
    reason = _reason(compiled, (opposite, *reversed(others)), after, clock)
    return Reason(tuple(decision for decision in reason.decisions if decision != opposite), reason.rules)


def _reason(
    compiled: CompiledProblem, preferred: Sequence[Decision], order: Sequence[Decision], clock: Clock
) -> Reason:
    """A minimal conflict, its decisions in `order`; empty if time runs out."""
    problem = compiled.problem
    try:
        kept = minimal(preferred, lambda some: compiled.find(some, clock) is None)
        ids = [rule.id for rule in problem.rules]
        rules = minimal(ids, lambda some: compiled.find(kept, clock, frozenset(some)) is None)
    except OutOfTime:
        return Reason((), ())
    return Reason(
        tuple(decision for decision in order if decision in kept), tuple(rule for rule in ids if rule in rules)
    )


def _repairs(
    compiled: CompiledProblem,
    decisions: Sequence[Decision],
    keep: Sequence[Decision],
    others: Sequence[Decision],
    clock: Clock,
) -> tuple[Repair, ...]:
    """Up to three sets of decisions to change, smallest first: breadth first through the hitting-set tree."""
    found: list[tuple[frozenset[Decision], Witness]] = []
    waiting: list[frozenset[Decision]] = [frozenset()]
    visited: set[frozenset[Decision]] = set()
    for _ in range(_TREE):
        if not waiting or len(found) == _REPAIRS:
            break
        gone = waiting.pop(0)
        if gone in visited or any(known <= gone for known, _ in found):
            continue
        visited.add(gone)
        left = [decision for decision in others if decision not in gone]
        witness = compiled.find((*keep, *left), clock)
        if witness is not None:
            found.append((gone, witness))
            continue
        # Every way out changes one of the decisions of this conflict.
        part = minimal(tuple(reversed(left)), _failing(compiled, keep, clock))
        waiting.extend(gone | {decision} for decision in others if decision in part)
    if not found:
        found.append(_grown(compiled, keep, others, clock))
    repairs = [_repair(compiled, decisions, gone, witness) for gone, witness in found]
    for repair in tuple(repairs):
        if len(repairs) < _REPAIRS:
            repairs += _alternatives(compiled, repair, clock)[: _REPAIRS - len(repairs)]
    return tuple(sorted(repairs, key=lambda repair: len(repair.changes)))


def _alternatives(compiled: CompiledProblem, repair: Repair, clock: Clock) -> list[Repair]:
    """Other options to which the only change of a repair could lead."""
    found: list[Repair] = []
    if len(repair.changes) != 1 or not isinstance(new := repair.changes[0].new, Choose):
        return found
    for option in compiled.problem.group_by_id[new.group].options:
        other = Choose(new.group, option)
        after = tuple(other if decision == new else decision for decision in repair.decisions)
        if other != new and compiled.find(after, clock) is not None:
            found.append(Repair((Change(repair.changes[0].old, other),), after))
    return found


def _failing(compiled: CompiledProblem, keep: Sequence[Decision], clock: Clock) -> Callable[[Sequence[Decision]], bool]:
    return lambda some: compiled.find((*keep, *some), clock) is None


def _grown(
    compiled: CompiledProblem, keep: Sequence[Decision], others: Sequence[Decision], clock: Clock
) -> tuple[frozenset[Decision], Witness]:
    """Keep what can be kept, one decision after the other, the newest first."""
    kept = list(keep)
    witness = compiled.find(kept, clock)
    for decision in reversed(others):
        found = compiled.find((*kept, decision), clock)
        if found is not None:
            kept.append(decision)
            witness = found
    assert witness is not None  # nothing decided is always possible
    return frozenset(others) - frozenset(kept), witness


def _repair(
    compiled: CompiledProblem, decisions: Sequence[Decision], gone: frozenset[Decision], witness: Witness
) -> Repair:
    """Each decision that is gone becomes what the witness has in its place, where that is one thing."""
    variant = compiled.variant(witness)
    changes = tuple(Change(old, _in_place_of(compiled, old, variant)) for old in decisions if old in gone)
    by_old = {change.old: change.new for change in changes}
    after = (by_old.get(decision, decision) for decision in decisions)
    return Repair(changes, decided(compiled.problem, (), *(decision for decision in after if decision is not None)))


def _in_place_of(compiled: CompiledProblem, old: Decision, variant: Variant) -> Decision | None:
    if isinstance(old, Enter):
        return Enter(old.parameter, variant.numbers[old.parameter])
    group = compiled.problem.group_by_id[old.group]
    if group.exactly_one and old.chosen:
        return Choose(group.id, next(iter(variant.chosen[group.id])))
    return None


def _fallback(compiled: CompiledProblem, decisions: Sequence[Decision], newest: Sequence[Decision]) -> Repair:
    """Without time to search: take the newest back, or everything. What was there before was possible."""
    gone = frozenset(newest or decisions)
    changes = tuple(Change(old, None) for old in decisions if old in gone)
    return Repair(changes, tuple(decision for decision in decisions if decision not in gone))
