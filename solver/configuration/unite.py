"""Clauses that differ in one variable as one: at least one of some variables has one of a set of values.

(rest or v in A) and (rest or v in B) is (rest or v in A & B). What is said so of a set is seen at once: where the rest
fails, v has none of the other values; where v has none of the set, the rest must hold. Of clauses of one value each
neither follows before v is settled.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from solver.configuration.network import Clause, Network

Sets = tuple[tuple[int, int], ...]  # variables, in order, each with its set: bit k for its value k
Ruled = tuple[int, Sets]  # with the rule that says so

_ROUNDS: Final = 4
_LONGEST: Final = 8  # variables of a clause that is united with others
_WIDEST: Final = 24  # values of a united set, unless all but one: one by one they are looked at


def united(network: Network) -> list[Ruled]:
    """The network's clauses, no two of the same rule alike but for one variable; those that always hold are left out.

    Each means: one of its variables at least has a value of its set.
    """
    sizes = [variable.size for variable in network.variables]
    owner = [place for place, size in enumerate(sizes) for _ in range(size)]
    first = network.first.tolist()
    found: dict[Ruled, None] = {}
    for clause in network.clauses:
        sets = _sets(clause, sizes, owner, first)
        if sets is not None:
            found[clause.rule, sets] = None
    for _ in range(_ROUNDS):
        fewer = _round(found, sizes)
        if fewer is None:
            break
        found = fewer
    return list(found)


def _sets(clause: Clause, sizes: list[int], owner: list[int], first: list[int]) -> Sets | None:
    sets: dict[int, int] = {}
    for signed in clause.literals:
        literal = abs(signed) - 1
        variable = owner[literal]
        value = 1 << (literal - first[variable])
        sets[variable] = sets.get(variable, 0) | (value if signed > 0 else _all(sizes[variable]) ^ value)
    if any(bits == _all(sizes[variable]) for variable, bits in sets.items()):
        return None
    return tuple(sorted(sets.items()))


def _all(size: int) -> int:
    return (1 << size) - 1


def _round(clauses: Iterable[Ruled], sizes: list[int]) -> dict[Ruled, None] | None:
    """Every set of clauses that differ in one variable as one clause; None if there is no such set."""
    alike: dict[tuple[int, Sets, int], list[tuple[int, Ruled]]] = {}
    for clause in clauses:
        rule, sets = clause
        if len(sets) <= _LONGEST:
            for place, (variable, bits) in enumerate(sets):
                rest = sets[:place] + sets[place + 1 :]
                alike.setdefault((rule, rest, variable), []).append((bits, clause))
    gone: set[Ruled] = set()
    made: dict[Ruled, None] = {}
    for (rule, rest, variable), several in alike.items():
        if len(several) < 2:
            continue
        common = _all(sizes[variable])
        for bits, _ in several:
            common &= bits
        if _WIDEST < common.bit_count() < sizes[variable] - 1:
            continue
        gone.update(clause for _, clause in several)
        made[rule, tuple(sorted((*rest, (variable, common)))) if common else rest] = None
    if not gone:
        return None
    return dict.fromkeys((*(clause for clause in clauses if clause not in gone), *made))
