"""Why decisions conflict, and what to change: minimal conflicts, each member verified by re-solving, and repairs.

The groups' own limits are always in force and are not named.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import islice
from typing import Final

import numpy as np

from solver.configuration.compile import CompiledProblem
from solver.configuration.decisions import decided
from solver.configuration.parts import Cut
from solver.configuration.problem import Choose, Decision, Enter, GroupId, OptionId, RuleId
from solver.configuration.question import STRICT, Assignment, Clock, OutOfTime, nearest_in
from solver.configuration.rooms import Room

_REPAIRS: Final = 3


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
    compiled: CompiledProblem,
    decisions: Sequence[Decision],
    newest: Sequence[Decision],
    *,
    seconds: float = 2.0,
    count: int = _REPAIRS,
    weights: Mapping[Decision, int] | None = None,
    cost: Callable[[Repair], int] | None = None,
) -> Conflict:
    """The conflict among decisions of which no variant has all. `newest`: those that a repair should keep.

    Up to `count` repairs, those that change least first: by the number of decisions, or by the `weights` of those that
    change (1 if not given; at least 1). `cost` ranks them by what they come to instead, for example a price. A number
    that changes is as near to what was entered as the rest of its repair allows, if time tells.
    """
    clock = Clock.of(seconds)
    repairs: tuple[Repair, ...] = ()
    try:
        reason = _conflict(compiled, decisions, newest, clock)
    except OutOfTime:
        reason = Reason((), ())
    with suppress(OutOfTime):
        repairs = _repairs(compiled, decisions, newest, count, weights or {}, clock)
    if not repairs and decisions:
        repairs = (_fallback(compiled, decisions, newest),)
    repairs = tuple(_nearer(compiled, repair, clock) for repair in repairs)
    if cost is not None:
        repairs = tuple(sorted(repairs, key=cost))
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


def _why(compiled: CompiledProblem, decisions: Sequence[Decision], opposite: Choose, seconds: float) -> Reason:
    after = decided(compiled.problem, decisions, opposite)
    clock = Clock.of(seconds)
    try:
        if compiled.possible(after, clock):
            raise ValueError(f"{opposite} is possible.")
        reason = _conflict(compiled, after, (opposite,), clock)
    except OutOfTime:
        return Reason((), ())
    return Reason(tuple(decision for decision in reason.decisions if decision != opposite), reason.rules)


# --- conflicts ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Inside:
    """The decisions about one room, in their order, and what they do there."""

    position: int
    room: Room
    decisions: tuple[Decision, ...]
    cuts: Mapping[Decision, Cut]

    def cuts_of(self, decisions: Sequence[Decision]) -> list[Cut]:
        return [self.cuts[decision] for decision in decisions]


def _rooms(compiled: CompiledProblem, decisions: Sequence[Decision]) -> list[_Inside]:
    """The rooms that are touched, and the decisions about each; numbers off their grid are in none."""
    explaining = compiled.explaining
    found: dict[int, dict[Decision, Cut]] = {}
    for decision in decisions:
        cut = explaining.layout.cut(decision)
        if not cut.never:
            found.setdefault(cut.part, {})[decision] = cut
    return [_Inside(part, explaining.room(part), tuple(cuts), cuts) for part, cuts in found.items()]


def _never(compiled: CompiledProblem, decisions: Sequence[Decision]) -> list[Decision]:
    """Numbers that can never be entered."""
    return [decision for decision in decisions if compiled.explaining.layout.cut(decision).never]


def _conflict(
    compiled: CompiledProblem, decisions: Sequence[Decision], newest: Sequence[Decision], clock: Clock
) -> Reason:
    """A minimal conflict, its decisions in their order."""
    if never := _never(compiled, decisions):
        return Reason((never[0],), ())
    inside = _broken(compiled, decisions, newest, clock)[0]
    keep = [decision for decision in inside.decisions if decision in newest]
    others = [decision for decision in inside.decisions if decision not in newest]
    preferred = (*keep, *reversed(others))
    core = inside.room.core(inside.cuts_of(preferred), clock)
    kept = {preferred[place] for place in core.cuts}
    rules = inside.room.network.rules
    return Reason(
        tuple(decision for decision in decisions if decision in kept), tuple(rules[rule] for rule in core.rules)
    )


def _broken(
    compiled: CompiledProblem, decisions: Sequence[Decision], newest: Sequence[Decision], clock: Clock
) -> list[_Inside]:
    """The rooms whose decisions cannot hold together, that of the newest decision first."""
    rooms = [inside for inside in _rooms(compiled, decisions) if not compiled.possible(inside.decisions, clock)]
    return sorted(rooms, key=lambda inside: not any(decision in newest for decision in inside.decisions))


# --- repairs --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Part:
    """A way out for one room: what goes, and what stands there instead."""

    gone: frozenset[Decision]
    assignment: Assignment
    inside: _Inside


def _repairs(
    compiled: CompiledProblem,
    decisions: Sequence[Decision],
    newest: Sequence[Decision],
    count: int,
    weights: Mapping[Decision, int],
    clock: Clock,
) -> tuple[Repair, ...]:
    never = _never(compiled, decisions)
    possible = [decision for decision in decisions if decision not in never]
    broken = _broken(compiled, possible, newest, clock)
    by_room = [_ways(compiled, inside, newest, count, weights, clock) for inside in broken]
    # The best way out of every room; then each room's others beside the best of the rest.
    rows = [[ways[0] for ways in by_room]]
    for place, ways in enumerate(by_room):
        rows.extend([*rows[0][:place], way, *rows[0][place + 1 :]] for way in ways[1:])
    found = [_repair(compiled, decisions, never, row, clock) for row in rows[:count]]
    for repair in tuple(found):
        if len(found) < count:
            found.extend(islice(_alternatives(compiled, repair, clock), count - len(found)))

    def weight(repair: Repair) -> tuple[int, int]:
        return sum(weights.get(change.old, 1) for change in repair.changes), len(repair.changes)

    return tuple(sorted(found, key=weight))


def _ways(
    compiled: CompiledProblem,
    inside: _Inside,
    newest: Sequence[Decision],
    count: int,
    weights: Mapping[Decision, int],
    clock: Clock,
) -> list[_Part]:
    keep = [decision for decision in inside.decisions if decision in newest]
    others = [decision for decision in inside.decisions if decision not in newest]
    if keep and not compiled.possible(keep, clock):
        keep, others = [], list(inside.decisions)  # impossible whatever else is decided: it must go itself
    ways = inside.room.ways(
        inside.cuts_of(keep), inside.cuts_of(others), count, [weights.get(decision, 1) for decision in others], clock
    )
    return [_Part(frozenset(others[place] for place in way.gone), way.assignment, inside) for way in ways]


def _repair(
    compiled: CompiledProblem,
    decisions: Sequence[Decision],
    never: Sequence[Decision],
    row: Sequence[_Part],
    clock: Clock,
) -> Repair:
    """Each decision that is gone becomes what some variant has in its place, where that is one thing."""
    gone = {decision: part for part in row for decision in part.gone}
    by_old: dict[Decision, Decision | None] = {old: _instead(compiled, old, part) for old, part in gone.items()}
    if never:
        kept = [decision for decision in decisions if decision not in gone and decision not in never]
        known = [decision for decision in by_old.values() if decision is not None]
        some = compiled.find([*kept, *known], clock)
        assert some is not None  # what is kept was found to be possible
        numbers = compiled.variant(some).numbers
        by_old.update({old: Enter(old.parameter, numbers[old.parameter]) for old in never if isinstance(old, Enter)})
    changes = tuple(Change(old, by_old[old]) for old in decisions if old in by_old)
    after = (by_old.get(decision, decision) for decision in decisions)
    return Repair(changes, decided(compiled.problem, (), *(decision for decision in after if decision is not None)))


def _instead(compiled: CompiledProblem, old: Decision, part: _Part) -> Decision | None:
    """What a way out has in place of a decision about its room; rooms keep every value of every variable."""
    cut, found = part.inside.cuts[old], part.assignment
    if isinstance(old, Enter) and cut.number >= 0:
        return Enter(old.parameter, found.numbers[cut.number])
    variable = int(np.searchsorted(part.inside.room.network.first, cut.first))
    value = int(found.values[variable])
    if isinstance(old, Enter):
        return Enter(old.parameter, compiled.problem.parameter_by_id[old.parameter].values[value])
    group = compiled.problem.group_by_id[old.group]
    return Choose(group.id, group.options[value]) if group.exactly_one and old.chosen else None


def _alternatives(compiled: CompiledProblem, repair: Repair, clock: Clock) -> list[Repair]:
    """Other options to which the only change of a repair could lead."""
    found: list[Repair] = []
    if len(repair.changes) != 1 or not isinstance(new := repair.changes[0].new, Choose):
        return found
    gathered = compiled.layout.gather(decision for decision in repair.decisions if decision != new)
    first = compiled.layout.cut(new)
    if gathered is None or first.part < 0:
        return found
    answer = compiled.answer(first.part, gathered.get(first.part, ()), clock)
    if answer is None:
        return found
    for option in compiled.problem.group_by_id[new.group].options:
        other = Choose(new.group, option)
        cut = compiled.layout.cut(other)
        if other != new and cut.part == first.part and answer.valid[cut.literal] & STRICT:
            after = tuple(other if decision == new else decision for decision in repair.decisions)
            found.append(Repair((Change(repair.changes[0].old, other),), after))
    return found


def _nearer(compiled: CompiledProblem, repair: Repair, clock: Clock) -> Repair:
    """The repair with every number that it changes as near to what was entered as the rest of it allows."""
    for place, change in enumerate(repair.changes):
        if isinstance(change.old, Enter) and isinstance(change.new, Enter):
            new = _nearest(compiled, repair.decisions, change.old.value, change.new, clock)
            changes = (*repair.changes[:place], Change(change.old, new), *repair.changes[place + 1 :])
            repair = Repair(changes, tuple(new if one == change.new else one for one in repair.decisions))
    return repair


def _nearest(
    compiled: CompiledProblem, decisions: Sequence[Decision], wanted: int, known: Enter, clock: Clock
) -> Enter:
    """The number nearest to `wanted` that goes with the other decisions; the known one if that is not known, or not
    asked for.
    """
    asked = compiled.problem.parameter_by_id[known.parameter].asked
    cut = compiled.layout.cut(known)
    gathered = compiled.layout.gather(decision for decision in decisions if decision != known)
    if known.value not in asked or cut.part < 0 or gathered is None:
        return known
    answer = compiled.answer(cut.part, gathered.get(cut.part, ()), clock)
    if answer is None:
        return known
    if cut.number >= 0:
        spans = [span for span in answer.numbers[cut.number] if span[0] in asked]
        if not spans or cut.number in answer.open_numbers:
            return known
        near = (nearest_in(span, wanted) for span in spans)
        return Enter(known.parameter, min(near, key=lambda value: abs(value - wanted)))
    for value in sorted(asked, key=lambda value: abs(value - wanted)):
        other = compiled.layout.cut(Enter(known.parameter, value))
        if not other.never and answer.open[other.literal] & STRICT:
            return known
        if not other.never and answer.valid[other.literal] & STRICT:
            return Enter(known.parameter, value)
    return known


def _fallback(compiled: CompiledProblem, decisions: Sequence[Decision], newest: Sequence[Decision]) -> Repair:
    """Without time to search: take the newest back, or everything. What was there before was possible."""
    gone = frozenset(newest or decisions)
    changes = tuple(Change(old, None) for old in decisions if old in gone)
    return Repair(changes, tuple(decision for decision in decisions if decision not in gone))

