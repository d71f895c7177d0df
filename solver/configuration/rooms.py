"""The rules as they were written, each of which can be left out: what explanations ask.

A *room* is a part of the network before anything was simplified. Rooms without sums and large numbers are asked by SAT
with a switch for each rule; in the others conflicts are found by QuickXplain (Junker 2004) and repairs by Reiter's
hitting-set tree (1987), with searches under a part of the rules.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from heapq import heappop, heappush
from threading import Lock
from typing import Final, Protocol, TypeVar

import numpy as np

from solver.configuration.asking import CpSat, Fallback
from solver.configuration.cores import Explainer
from solver.configuration.mixed import Mixed
from solver.configuration.network import Network
from solver.configuration.parts import Cut, Layout, Stretch, laid_out
from solver.configuration.problem import ConfigurationProblem, Decision, RuleId
from solver.configuration.question import Assignment, Clock, Flags
from solver.configuration.simplify import split
from solver.configuration.translate import Names

_TREE: Final = 60  # questions of one hitting-set tree
_NEAR: Final = 8  # rules that are asked first, whether they suffice

Item = TypeVar("Item")
Found = TypeVar("Found", Assignment, Assignment | None)


@dataclass(frozen=True, slots=True)
class Core:
    """Cuts (by position) and rules (by number) that cannot hold together, none of which can be left out."""

    cuts: tuple[int, ...]
    rules: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Way:
    """Cuts (by position among those that may go) that go, and an assignment that has all others."""

    gone: frozenset[int]
    assignment: Assignment


class Room(Protocol):
    """What explanations ask of a part of the rules as they were written."""

    network: Network

    def find(self, cuts: Sequence[Cut], rules: Flags | None, clock: Clock) -> Assignment | None:
        """An assignment with all cuts under the rules that are flagged (None: all). Raises OutOfTime."""

    def core(self, cuts: Sequence[Cut], clock: Clock) -> Core:
        """A minimal conflict of cuts that cannot hold together; early ones are preferred. Raises OutOfTime."""

    def ways(
        self, keep: Sequence[Cut], others: Sequence[Cut], count: int, weights: Sequence[int], clock: Clock
    ) -> list[Way]:
        """Up to `count` minimal sets of others to let go, lightest first. `keep` holds by itself. Raises OutOfTime."""


class ClosedRoom:
    """A room of clauses, counts and tables."""

    def __init__(self, network: Network) -> None:
        self.network = network
        self._explainer = Explainer(network)

    def find(self, cuts: Sequence[Cut], rules: Flags | None, clock: Clock) -> Assignment | None:
        """See Room."""
        return self._whole(self._explainer.satisfiable([signed(cut) for cut in cuts], clock, rules))

    def core(self, cuts: Sequence[Cut], clock: Clock) -> Core:
        """See Room."""
        assumed = [signed(cut) for cut in cuts]
        found = self._explainer.conflict(assumed, clock)
        if found is None:
            raise ValueError("The cuts do not conflict.")
        return Core(tuple(assumed.index(literal) for literal in found.assumed), tuple(sorted(found.rules)))

    def ways(
        self, keep: Sequence[Cut], others: Sequence[Cut], count: int, weights: Sequence[int], clock: Clock
    ) -> list[Way]:
        """See Room."""
        literals = [signed(cut) for cut in others]
        found = self._explainer.repairs([signed(cut) for cut in keep], literals, count, clock, weights)
        return [
            Way(frozenset(literals.index(literal) for literal in way.given_up), self._whole(way.assignment))
            for way in found
        ]

    def _whole(self, found: Found) -> Found:
        """With any values of the numbers that no rule asks."""
        numbers = self.network.numbers
        return replace(found, numbers=tuple(number.values[0] for number in numbers)) if found and numbers else found


class OpenRoom:
    """A room with sums, large numbers or formulas. `search(cuts, rules, clock)` raises OutOfTime.

    `scopes`: what each constraint is about (its rule; variables, then numbers).
    """

    def __init__(
        self,
        network: Network,
        search: Callable[[Sequence[Cut], Flags | None, Clock], Assignment | None],
        scopes: Sequence[tuple[int, Sequence[int]]],
    ) -> None:
        self.network = network
        self.find = search
        self._scopes = scopes

    def core(self, cuts: Sequence[Cut], clock: Clock) -> Core:
        """See Room."""
        places = minimal(
            range(len(cuts)), lambda some: self.find([cuts[k] for k in some], None, clock) is None
        )
        kept = [cuts[k] for k in places]
        used = self._nearest_first(kept)
        size = len(self.network.rules)

        def fails(some: Sequence[int]) -> bool:
            mask = np.zeros(size, dtype=np.uint8)
            mask[list(some)] = 1
            return self.find(kept, mask, clock) is None

        count = _NEAR  # rules far from what was decided seldom matter, and a few rules are asked quickly
        while count < len(used) and not fails(used[:count]):
            count *= 2
        return Core(tuple(sorted(places)), tuple(sorted(minimal(used[:count], fails))))

    def _nearest_first(self, cuts: Sequence[Cut]) -> list[int]:
        """All rules, those first that are about what the cuts are about, then those that share something with these."""
        variables = len(self.network.variables)
        about = {
            int(np.searchsorted(self.network.first, cut.literal, side="right")) - 1
            if cut.number < 0
            else variables + cut.number
            for cut in cuts
        }
        found: dict[int, None] = {}
        left = sorted((one for one in self._scopes if one[0] >= 0), key=lambda one: len(one[1]))
        while left:
            near = [one for one in left if not about.isdisjoint(one[1])] or left
            found.update(dict.fromkeys(rule for rule, _ in near))
            about.update(item for _, scope in near for item in scope)
            left = [one for one in left if one[0] not in found]
        return list(found)

    def ways(
        self, keep: Sequence[Cut], others: Sequence[Cut], count: int, weights: Sequence[int], clock: Clock
    ) -> list[Way]:
        """See Room."""

        def conflict(left: Sequence[int]) -> frozenset[int]:
            return frozenset(
                minimal(
                    tuple(reversed(left)),
                    lambda some: self.find([*keep, *(others[place] for place in some)], None, clock) is None,
                )
            )

        return _ways(self, keep, others, count, weights, clock, conflict)


def _ways(
    room: Room,
    keep: Sequence[Cut],
    others: Sequence[Cut],
    count: int,
    weights: Sequence[int],
    clock: Clock,
    conflict: Callable[[Sequence[int]], frozenset[int]],
) -> list[Way]:
    """Lightest first through the hitting-set tree; if it grows too large, what can be kept one after the other.

    `conflict` gives a minimal part of others (by position) that cannot hold together with what is kept.
    """
    found: list[Way] = []
    conflicts: list[frozenset[int]] = []
    waiting: list[tuple[int, int, frozenset[int]]] = [(0, 0, frozenset())]
    visited: set[frozenset[int]] = set()
    made = asked = 0
    while waiting and len(found) < count and asked < _TREE:
        weight, _, gone = heappop(waiting)
        if gone in visited or any(way.gone <= gone for way in found):
            continue
        visited.add(gone)
        part = next((known for known in conflicts if not known & gone), None)
        if part is None:
            asked += 1
            left = [place for place in range(len(others)) if place not in gone]
            assignment = room.find([*keep, *(others[place] for place in left)], None, clock)
            if assignment is not None:
                found.append(Way(gone, assignment))
                continue
            part = conflict(left)
            conflicts.append(part)
        for place in sorted(part):  # every way out lets one of this conflict go
            made += 1
            heappush(waiting, (weight + weights[place], made, gone | {place}))
    return found or [_grown(room, keep, others, weights, clock)]


def _grown(room: Room, keep: Sequence[Cut], others: Sequence[Cut], weights: Sequence[int], clock: Clock) -> Way:
    """Keep what can be kept, one after the other, the heaviest first, then the newest."""
    kept: list[int] = []
    best = room.find(keep, None, clock)
    for place in sorted(range(len(others)), key=lambda place: (-weights[place], -place)):
        found = room.find([*keep, *(others[k] for k in kept), others[place]], None, clock)
        if found is not None:
            kept.append(place)
            best = found
    assert best is not None  # what must be kept holds by itself
    return Way(frozenset(range(len(others))) - frozenset(kept), best)


class Explaining:
    """All rooms of a problem, each made ready when it is first asked."""

    def __init__(self, problem: ConfigurationProblem, names: Names, network: Network, cp_sat: CpSat) -> None:
        self._problem = problem
        self._cp_sat = cp_sat
        stretches, places = laid_out(split(network, names.derived), network.literals)
        self.layout = Layout(names, network.first, places, stretches)
        self._rules = {rule: number for number, rule in enumerate(network.rules)}
        self._rooms: dict[int, Room] = {}
        self._lock = Lock()

    def room(self, position: int) -> Room:
        """The room of this number."""
        with self._lock:
            found = self._rooms.get(position)
            if found is None:
                found = self._rooms[position] = self._made(self.layout.parts[position])
        return found

    def _made(self, part: Stretch) -> Room:
        network = part.network
        if not network.sums and not network.formulas:
            return ClosedRoom(network)
        engine = Mixed(network, self._problem, seed=0)
        engine.fallback = Fallback(self.layout, part, self._cp_sat)

        def search(cuts: Sequence[Cut], rules: Flags | None, clock: Clock) -> Assignment | None:
            question = self.layout.question(part.position, cuts)
            return None if question is None else engine.find(question, clock, None, rules)

        return OpenRoom(network, search, engine.scopes())

    def find(self, decisions: Sequence[Decision], clock: Clock, rules: frozenset[RuleId]) -> Assignment | None:
        """All variables' values and all numbers of a variant with all decisions under these rules. Raises OutOfTime."""
        by_room: dict[int, list[Cut]] = {}
        for decision in decisions:
            cut = self.layout.cut(decision)
            if cut.never:
                return None
            by_room.setdefault(cut.part, []).append(cut)
        mask = np.zeros(len(self._rules), dtype=np.uint8)
        mask[[self._rules[rule] for rule in rules]] = 1
        found: list[Assignment] = []
        for part in self.layout.parts:
            assignment = self.room(part.position).find(by_room.get(part.position, ()), mask, clock)
            if assignment is None:
                return None
            found.append(assignment)
        return self.layout.whole(found)


def signed(cut: Cut) -> int:
    """A cut of a literal as a signed literal (of two values only that of value 1 is named)."""
    if cut.stop - cut.first == 2:
        one = cut.first + 2
        return one if cut.chosen == (cut.literal == cut.first + 1) else -one
    return cut.literal + 1 if cut.chosen else -(cut.literal + 1)


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
