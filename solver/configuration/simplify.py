"""A smaller network that says the same: without dead and core values, with equals merged; and its independent parts."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from math import prod
from typing import Final

import numpy as np
from numpy.typing import NDArray

from solver.configuration.clausal import NoModel, values_at_root
from solver.configuration.cnf import Cnf, encode
from solver.configuration.network import CORE, DEAD, OWN, Clause, Count, Formula, Network, Sum, Table, Variable
from solver.configuration.question import Clock
from solver.configuration.rules import Expression, names_in

_SUBSET_TESTS: Final = 2_000_000  # literals looked at in search of subsumed clauses

Literals = NDArray[np.int32]


class Void(ValueError):
    """Clauses, counts and tables alone leave no variant."""


@dataclass(frozen=True, slots=True, eq=False)
class Simplified:
    """`place`: for each literal of the old network its literal in the new one, or DEAD or CORE.

    Two old literals may share a place: they are equal in every variant. `undecided`: how many literals the search for
    dead and core ones had no time for; they are kept.
    """

    network: Network
    place: Literals
    undecided: int = 0


@dataclass(frozen=True, slots=True, eq=False)
class Part:
    """Variables that no constraint ties to others. `variables`, `literals`, `numbers`: where each local one comes from
    in the whole network.
    """

    variables: Literals
    literals: Literals
    numbers: Literals
    network: Network


def simplify(network: Network, *, protected: Collection[int] = (), seconds: float = 60.0) -> Simplified:
    """The network without what is settled. Raises Void.

    `protected` variables, and those in sums, keep their values and are not merged: the dead are forbidden by clauses.
    Formulas are kept as they are, so the variables that they name have to be protected.
    """
    kept = set(protected)
    owner = owners(network)
    for total in network.sums:
        kept.update(owner[literal] for literal, _ in total.literals)
    cnf = encode(network)
    try:
        fixed, undecided = values_at_root(cnf, Clock.of(seconds))
    except NoModel:
        raise Void from None
    state = np.sign(cnf.names) * fixed[np.abs(cnf.names)]  # of each literal: 1 core, -1 dead, 0 open
    work = _Rewriting(network, owner, state.tolist(), kept)
    work.merge(cnf, fixed)
    return Simplified(work.rewritten(), np.array(work.place, dtype=np.int32), undecided)


def owners(network: Network) -> list[int]:
    """The variable of each literal."""
    found: list[int] = np.repeat(np.arange(len(network.variables)), np.diff(network.first)).tolist()
    return found


# --- rewriting -------------------------------------------------------------------------------------------------------


class _Rewriting:
    """The old network, what is settled of its literals, and where each goes."""

    def __init__(self, network: Network, owner: list[int], state: list[int], protected: set[int]) -> None:
        self.network = network
        self.owner = owner
        self.state = state
        self.protected = protected
        self.first: list[int] = network.first.tolist()
        self.alive: list[list[int]] = []
        for start, end in pairwise(self.first):  # when time ran out, one value may be settled and the others not
            alive = [literal for literal in range(start, end) if state[literal] >= 0]
            alive = [literal for literal in alive if state[literal] > 0] or alive
            state[start:end] = [-1] * (end - start)
            for literal in alive:
                state[literal] = int(len(alive) == 1)
            self.alive.append(alive)
        self.merged_into: dict[int, tuple[int, dict[int, int]]] = {}  # variable -> variable, literal -> its literal
        self.place: list[int] = []
        self.signed: list[int] = []  # of each old literal: the new signed name, or 0 where settled

    def merge(self, cnf: Cnf, fixed: NDArray[np.int8]) -> None:
        """Find variables of which one follows from the other, value by value, and give the later one up."""
        same = _components(cnf, fixed)
        names = cnf.names.tolist()
        known: dict[tuple[int, ...], int] = {}
        partners: dict[int, int] = {}
        for variable, alive in enumerate(self.alive):
            if len(alive) < 2 or variable in self.protected:
                continue
            key = tuple(sorted(same[names[literal]] for literal in alive))
            if len(set(key)) < len(key):
                continue
            other = known.setdefault(key, variable)
            if other != variable:
                partners[variable] = other
        for variable in self._needed_apart(partners):
            partners.pop(variable, None)
        for variable, other in partners.items():
            by_component = {same[names[literal]]: literal for literal in self.alive[other]}
            self.merged_into[variable] = (
                other,
                {literal: by_component[same[names[literal]]] for literal in self.alive[variable]},
            )

    def _needed_apart(self, partners: Mapping[int, int]) -> Iterator[int]:
        """Variables that a count names beside an equal one: what it counts twice has to stay two."""
        for count in self.network.counts:
            seen: set[int] = set()
            for literal in count.literals:
                variable = self.owner[literal]
                leader = partners.get(variable, variable)
                if leader in seen and variable in partners:
                    yield variable
                seen.add(leader)

    def rewritten(self) -> Network:
        """The new network; fills `place`."""
        old = self.network
        variables: list[Variable] = []
        starts = [0]
        self.place = [DEAD] * old.literals
        self.signed = [0] * old.literals
        forbidden: list[Clause] = []
        start_of: dict[int, int] = {}
        for variable, alive in enumerate(self.alive):
            kept = variable in self.protected
            if variable in self.merged_into or (len(alive) == 1 and not kept):
                continue
            literals = list(range(self.first[variable], self.first[variable + 1])) if kept else alive
            start_of[variable] = starts[-1]
            for value, literal in enumerate(literals):
                self.place[literal] = starts[-1] + value
                self.signed[literal] = _signed(starts[-1], value, len(literals))
            variables.append(replace(old.variables[variable], size=len(literals)))
            starts.append(starts[-1] + len(literals))
            if len(alive) < len(literals):
                dead = [literal for literal in literals if self.state[literal] < 0]
                if len(alive) == 1:
                    forbidden.append(Clause(OWN, (self.signed[alive[0]],)))
                else:
                    forbidden.extend(Clause(OWN, (-self.signed[literal],)) for literal in dead)
        for _, literals_of in self.merged_into.values():
            for literal, other in literals_of.items():
                self.place[literal] = self.place[other]
                self.signed[literal] = self.signed[other]
        offset = {
            literal: start + literal - self.first[variable]
            for variable, start in start_of.items()
            if variable in self.protected
            for literal in range(self.first[variable], self.first[variable + 1])
        }
        for literal, state in enumerate(self.state):
            if state:
                self.place[literal] = CORE if state > 0 else DEAD
        counts, extra = self._counts()
        tables = self._tables(starts, start_of)
        clauses = _without_subsumed([*self._clauses(), *extra])
        sums = tuple(
            replace(total, literals=tuple((offset[literal], factor) for literal, factor in total.literals))
            for total in old.sums
        )
        return Network(
            tuple(variables),
            np.array(starts, dtype=np.int64),
            old.numbers,
            old.rules,
            (*forbidden, *clauses),
            tuple(counts),
            tuple(tables),
            sums,
            old.formulas,
        )

    def _clauses(self) -> Iterator[Clause]:
        state, signed = self.state, self.signed
        for clause in self.network.clauses:
            left: list[int] = []
            for name in clause.literals:
                literal = abs(name) - 1
                known = state[literal] if name > 0 else -state[literal]
                if known > 0:
                    break
                if known == 0:
                    left.append(signed[literal] if name > 0 else -signed[literal])
            else:
                unique = set(left)
                if not any(-name in unique for name in unique):
                    yield Clause(clause.rule, tuple(sorted(unique, key=abs)))

    def _counts(self) -> tuple[list[Count], list[Clause]]:
        counts: list[Count] = []
        clauses: list[Clause] = []
        for count in self.network.counts:
            low, high = count.low, count.high
            left: list[int] = []
            for literal in count.literals:
                if self.state[literal] > 0:
                    low, high = low - 1, high - 1
                elif self.state[literal] == 0:
                    left.append(literal)
            total = len(left)
            if low <= 0 and high >= total:
                continue
            if low == 1 and high >= total:
                clauses.append(Clause(count.rule, tuple(sorted((self.signed[x] for x in left), key=abs))))
            elif low <= 0 and high == total - 1:
                clauses.append(Clause(count.rule, tuple(sorted((-self.signed[x] for x in left), key=abs))))
            else:
                counts.append(Count(count.rule, tuple(self.place[x] for x in left), max(low, 0), min(high, total)))
        return counts, clauses

    def _tables(self, starts: list[int], start_of: Mapping[int, int]) -> list[Table]:
        tables: list[Table] = []
        owner = np.repeat(np.arange(len(starts) - 1), np.diff(starts))
        place = np.array(self.place, dtype=np.int64)
        sizes = [len(self.alive[variable]) for variable in start_of]  # in the order of the new variables
        for table in self.network.tables:
            cells = place[table.rows + np.array([self.first[variable] for variable in table.scope])]
            cells = cells[np.all(cells != DEAD, axis=1)]
            columns: dict[int, NDArray[np.int64]] = {}
            agree = np.ones(len(cells), dtype=bool)
            for column in range(len(table.scope)):
                if cells[0, column] == CORE:
                    continue
                variable = int(owner[cells[0, column]])
                values = cells[:, column] - starts[variable]
                if variable in columns:
                    agree &= columns[variable] == values
                else:
                    columns[variable] = values
            if not columns:
                continue
            scope = sorted(columns)
            rows = np.unique(np.stack([columns[variable] for variable in scope], axis=1)[agree], axis=0)
            if len(rows) < prod(sizes[variable] for variable in scope):
                tables.append(Table(table.rule, tuple(scope), np.ascontiguousarray(rows, dtype=np.int32)))
        return tables


def _signed(start: int, value: int, size: int) -> int:
    """The name that a clause has for a value: of two values only the second is named."""
    if size == 2:
        return start + 2 if value else -(start + 2)
    return start + value + 1


def _components(cnf: Cnf, fixed: NDArray[np.int8]) -> dict[int, int]:
    """For each Boolean literal a number; literals with the same number imply each other by clauses of two."""
    total = cnf.variables
    after: list[list[int]] = [[] for _ in range(2 * total + 1)]  # of literal l at l + total: what it implies
    known = fixed.tolist()
    for clause in cnf.lists():
        left: list[int] = []
        for literal in clause:
            value = known[literal] if literal > 0 else -known[-literal]
            if value > 0 or (value == 0 and len(left) == 2):
                break
            if value == 0:
                left.append(literal)
        else:
            if len(left) == 2:
                one, other = left
                after[total - one].append(other)
                after[total - other].append(one)
    return _strongly_connected(after, total)


def _strongly_connected(after: list[list[int]], total: int) -> dict[int, int]:
    """Tarjan 1972, without recursion."""
    found: dict[int, int] = {}
    low = [0] * (2 * total + 1)
    index = [0] * (2 * total + 1)  # 0: not yet seen
    count = 0
    waiting: list[int] = []
    for root in range(-total, total + 1):
        if root == 0 or index[root + total]:
            continue
        path = [(root, 0)]
        while path:
            node, edge = path.pop()
            if edge == 0:
                count += 1
                index[node + total] = low[node + total] = count
                waiting.append(node)
            children = after[node + total]
            while edge < len(children):
                child = children[edge]
                edge += 1
                if not index[child + total]:
                    path.append((node, edge))
                    path.append((child, 0))
                    break
                if child not in found:
                    low[node + total] = min(low[node + total], index[child + total])
            else:
                if low[node + total] == index[node + total]:
                    while True:
                        member = waiting.pop()
                        found[member] = node
                        if member == node:
                            break
                if path:
                    parent = path[-1][0]
                    low[parent + total] = min(low[parent + total], low[node + total])
    return found


def _without_subsumed(clauses: Iterable[Clause]) -> list[Clause]:
    """Each clause once, and none that has all literals of another. The shorter, then the earlier one stays."""
    first: dict[tuple[int, ...], Clause] = {}
    for clause in clauses:
        first.setdefault(clause.literals, clause)
    kept: dict[tuple[int, ...], Clause] = {}
    by_literal: dict[int, list[frozenset[int]]] = {}  # each kept clause, at one of its literals
    tests = 0
    for literals in sorted(first, key=len):
        inside = frozenset(literals)
        if tests < _SUBSET_TESTS:
            near = [small for literal in literals for small in by_literal.get(literal, ())]
            tests += len(near) + len(literals)
            if any(small <= inside for small in near):
                continue
        kept[literals] = first[literals]
        rare = min(literals, key=lambda literal: len(by_literal.get(literal, ())))
        by_literal.setdefault(rare, []).append(inside)
    return [clause for literals, clause in first.items() if literals in kept]


# --- parts -----------------------------------------------------------------------------------------------------------


def split(network: Network, derived: Mapping[str, Expression] | None = None) -> list[Part]:
    """The parts that share no constraint, in the order of their first variables; what is in no constraint is one part.

    `derived`: the expressions of the derived quantities that formulas name. Every part has all rules' ids.
    """
    return _Splitting(network, derived or {}).parts()


class _Splitting:
    """Variables 0.., then numbers, as nodes of one forest (union-find)."""

    def __init__(self, network: Network, derived: Mapping[str, Expression]) -> None:
        self.network = network
        self.derived = derived
        self.owner = owners(network)
        self.parent = list(range(len(network.variables) + len(network.numbers)))
        self.by_group: dict[str, list[int]] = {}
        self.by_option: dict[tuple[str, str], int] = {}
        self.by_parameter: dict[str, int] = {}
        for position, variable in enumerate(network.variables):
            if variable.group is not None:
                self.by_group.setdefault(variable.group, []).append(position)
                if variable.option is not None:
                    self.by_option[variable.group, variable.option] = position
            elif variable.parameter is not None:
                self.by_parameter[variable.parameter] = position
        for position, number in enumerate(network.numbers, start=len(network.variables)):
            self.by_parameter[number.id] = position

    def parts(self) -> list[Part]:
        network = self.network
        scopes = [
            [[self.owner[abs(name) - 1] for name in clause.literals] for clause in network.clauses],
            [[self.owner[literal] for literal in count.literals] for count in network.counts],
            [list(table.scope) for table in network.tables],
            [self._scope_of_sum(total) for total in network.sums],
            [self._scope_of_formula(formula) for formula in network.formulas],
        ]
        tied = [False] * len(self.parent)
        for scopes_of_kind in scopes:
            for scope in scopes_of_kind:
                for node in scope:
                    tied[node] = True
                    self._join(scope[0], node)
        members: dict[int, list[int]] = {}
        for node, is_tied in enumerate(tied):
            members.setdefault(self._root(node) if is_tied else -1, []).append(node)
        constraints: dict[int, list[list[int]]] = {root: [[] for _ in scopes] for root in members}
        for kind, scopes_of_kind in enumerate(scopes):
            for position, scope in enumerate(scopes_of_kind):
                root = self._root(scope[0]) if scope else next(iter(members))
                constraints[root][kind].append(position)
        return [self._part(nodes, constraints[root]) for root, nodes in members.items()]

    def _root(self, node: int) -> int:
        while self.parent[node] != node:
            self.parent[node] = self.parent[self.parent[node]]
            node = self.parent[node]
        return node

    def _join(self, one: int, other: int) -> None:
        one, other = self._root(one), self._root(other)
        if one != other:
            self.parent[max(one, other)] = min(one, other)

    def _scope_of_sum(self, total: Sum) -> list[int]:
        variables = len(self.network.variables)
        numbers = (variables + number for number, _ in total.numbers)
        return [*(self.owner[literal] for literal, _ in total.literals), *numbers]

    def _scope_of_formula(self, formula: Formula) -> list[int]:
        found: dict[int, None] = {}
        waiting: list[Expression] = [formula.expression]
        known: set[str] = set()
        while waiting:
            expression = waiting.pop()
            for name, member in names_in(expression):
                if member is None and name in self.derived:
                    if name not in known:
                        known.add(name)
                        waiting.append(self.derived[name])
                elif member is None:
                    found[self.by_parameter[name]] = None
                elif (name, member) in self.by_option:
                    found[self.by_option[name, member]] = None
                else:
                    found.update(dict.fromkeys(self.by_group[name]))
        return list(found)

    def _part(self, nodes: Sequence[int], constraints: Sequence[Sequence[int]]) -> Part:
        network = self.network
        total = len(network.variables)
        variables = [node for node in nodes if node < total]
        numbers = [node - total for node in nodes if node >= total]
        first: list[int] = network.first.tolist()
        literals = [literal for variable in variables for literal in range(first[variable], first[variable + 1])]
        local = {literal: place for place, literal in enumerate(literals)}
        of_variable = {variable: place for place, variable in enumerate(variables)}
        of_number = {number: place for place, number in enumerate(numbers)}
        clauses, counts, tables, sums, formulas = constraints
        starts = np.zeros(len(variables) + 1, dtype=np.int64)
        np.cumsum([first[variable + 1] - first[variable] for variable in variables], out=starts[1:])
        inside = Network(
            tuple(network.variables[variable] for variable in variables),
            starts,
            tuple(network.numbers[number] for number in numbers),
            network.rules,
            tuple(_moved_clause(network.clauses[k], local) for k in clauses),
            tuple(
                replace(network.counts[k], literals=tuple(local[x] for x in network.counts[k].literals)) for k in counts
            ),
            tuple(_moved_table(network.tables[k], of_variable) for k in tables),
            tuple(_moved_sum(network.sums[k], local, of_number) for k in sums),
            tuple(network.formulas[k] for k in formulas),
        )
        return Part(
            np.array(variables, dtype=np.int32),
            np.array(literals, dtype=np.int32),
            np.array(numbers, dtype=np.int32),
            inside,
        )


def _moved_clause(clause: Clause, local: Mapping[int, int]) -> Clause:
    names = (local[name - 1] + 1 if name > 0 else -(local[-name - 1] + 1) for name in clause.literals)
    return Clause(clause.rule, tuple(names))


def _moved_table(table: Table, of_variable: Mapping[int, int]) -> Table:
    return Table(table.rule, tuple(of_variable[variable] for variable in table.scope), table.rows)


def _moved_sum(total: Sum, local: Mapping[int, int], of_number: Mapping[int, int]) -> Sum:
    return replace(
        total,
        literals=tuple((local[literal], factor) for literal, factor in total.literals),
        numbers=tuple((of_number[number], factor) for number, factor in total.numbers),
    )
