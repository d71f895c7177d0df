"""A simplified network has the variants of the network it came from, each under the place of its literals."""

from __future__ import annotations

import numpy as np
import pytest
from pysat.solvers import Solver

from solver.configuration import clausal
from solver.configuration.cnf import encode
from solver.configuration.network import CORE, DEAD, OWN, Clause, Count, Formula, Network, Sum, Table, Variable
from solver.configuration.problem import GroupId, IntegerParameter, OptionId, ParameterId, RuleId
from solver.configuration.rules import parse
from solver.configuration.simplify import Part, Void, simplify, split
from tests.solver.configuration.networks import every_assignment, literals_of, random_network


def _rows(network: Network) -> set[tuple[int, ...]]:
    return {tuple(row) for row in literals_of(network, every_assignment(network)).tolist()}


def _restored(old: Network, place: np.ndarray, row: tuple[int, ...]) -> tuple[int, ...]:
    """The old literals of a new assignment: of each variable the one whose place holds."""
    true = set(row)
    found = []
    for start, end in zip(old.first[:-1].tolist(), old.first[1:].tolist(), strict=True):
        here = [x for x in range(start, end) if place[x] == CORE or place[x] in true]
        assert len(here) == 1, "every variable has exactly one value"
        found.append(here[0])
    return tuple(found)


@pytest.mark.parametrize("seed", range(150))
def test_simplifying_keeps_every_variant_and_adds_none(seed: int) -> None:
    network = random_network(seed, sums=seed % 3 == 0)
    truth = _rows(network)
    protected = set(range(0, 7, 3)) if seed % 2 else set()
    try:
        simplified = simplify(network, protected=protected)
    except Void:
        assert not truth
        return
    new = simplified.network
    found = [_restored(network, simplified.place, row) for row in sorted(_rows(new))]
    assert len(set(found)) == len(found)
    assert set(found) == truth
    assert len(new.clauses) <= len(network.clauses) + len(network.counts) + network.literals


@pytest.mark.parametrize("seed", range(300, 350))
def test_dead_and_core_are_exactly_what_no_and_every_variant_has(seed: int) -> None:
    network = random_network(seed)
    truth = _rows(network)
    try:
        place = simplify(network).place
    except Void:
        assert not truth
        return
    for literal in range(network.literals):
        having = sum(literal in row for row in truth)
        assert (place[literal] == DEAD) == (having == 0)
        assert (place[literal] == CORE) == (having == len(truth))


def test_equal_and_opposite_variables_share_a_place() -> None:
    # a = b, b = not c; and d's value 0 goes with a, its value 1 without: d is a again
    network = _boolean(4, [(-2, 4), (2, -4), (4, 6), (-4, -6), (8, 2), (-8, -2)])
    simplified = simplify(network)
    assert len(simplified.network.variables) == 1
    assert simplified.place.tolist() == [0, 1, 0, 1, 1, 0, 1, 0]


def test_wide_variables_merge_where_their_values_go_in_pairs() -> None:
    rows = np.array([[0, 2], [1, 0], [2, 1]], dtype=np.int32)
    network = Network(_variables(3, 3), np.array([0, 3, 6]), (), (RuleId("r"),), tables=(Table(0, (0, 1), rows),))
    simplified = simplify(network)
    assert simplified.place.tolist() == [0, 1, 2, 1, 2, 0]
    assert not simplified.network.tables


def test_a_void_network_is_refused() -> None:
    with pytest.raises(Void):
        simplify(_boolean(2, [(2, 4), (2, -4), (-2, 4), (-2, -4)]))


def test_protected_variables_keep_their_values_and_the_dead_are_forbidden() -> None:
    network = Network(_variables(3, 2), np.array([0, 3, 5]), (), (RuleId("r"),), clauses=(Clause(0, (-1,)),))
    simplified = simplify(network, protected=[0])
    assert [variable.size for variable in simplified.network.variables] == [3, 2]
    assert simplified.network.clauses == (Clause(OWN, (-1,)),)
    assert simplified.place.tolist() == [DEAD, 1, 2, 3, 4]


def test_variables_in_sums_are_protected_by_themselves() -> None:
    network = Network(
        _variables(2, 2),
        np.array([0, 2, 4]),
        (),
        (RuleId("r"),),
        clauses=(Clause(0, (-2, 4)), Clause(0, (2, -4))),
        sums=(Sum(0, ((1, 5), (3, 7)), (), 0, 20),),
    )
    assert simplify(network).network.sums == network.sums


def test_a_count_of_two_equal_variables_still_counts_both() -> None:
    network = Network(
        _variables(2, 2, 2),
        np.array([0, 2, 4, 6]),
        (),
        (RuleId("r"),),
        clauses=(Clause(0, (-2, 4)), Clause(0, (2, -4))),
        counts=(Count(0, (1, 3, 5), 0, 2),),
    )
    simplified = simplify(network)
    assert len(every_assignment(simplified.network)) == len(every_assignment(network)) == 3


def test_subsumed_and_repeated_clauses_go() -> None:
    network = _boolean(3, [(2, 4, 6), (2, 4), (4, 2), (2, 6, 4)])
    assert [clause.literals for clause in simplify(network).network.clauses] == [(2, 4)]


@pytest.mark.parametrize("steps", [-1, 10, 30, 60])
def test_out_of_time_leaves_values_undecided_but_wrong_about_none(steps: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clausal, "_STEPS", steps)
    undecided = 0
    for seed in range(4, 14):
        network = random_network(seed)
        truth = _rows(network)
        try:
            simplified = simplify(network, seconds=0)
        except Void:
            assert not truth
            continue
        undecided += simplified.undecided
        assert {_restored(network, simplified.place, row) for row in _rows(simplified.network)} == truth
    assert undecided > 0


# --- parts -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(400, 440))
def test_parts_put_together_are_the_whole(seed: int) -> None:
    network = random_network(seed, variables=7, sums=seed % 2)
    parts = split(network)
    assert sorted(x for part in parts for x in part.variables.tolist()) == list(range(7))
    whole = {()}
    for part in parts:
        here = [tuple(part.literals[list(row)].tolist()) for row in _rows(part.network)]
        whole = {(*row, *more) for row in whole for more in here}
    assert {tuple(sorted(row)) for row in whole} == _rows(network)


def test_what_no_constraint_names_is_one_part() -> None:
    parts = split(_boolean(5, [(2, 4)]))
    assert [part.variables.tolist() for part in parts] == [[0, 1], [2, 3, 4]]
    assert not parts[1].network.clauses


def test_formulas_tie_what_they_name_through_derived_quantities() -> None:
    variables = (
        Variable(3, group=GroupId("size")),
        Variable(2, group=GroupId("extras"), option=OptionId("lamp")),
        Variable(2, group=GroupId("extras"), option=OptionId("bell")),
        Variable(4, parameter=ParameterId("boards")),
    )
    network = Network(
        variables,
        np.array([0, 3, 5, 7, 11]),
        (IntegerParameter(ParameterId("width"), 0, 5000), IntegerParameter(ParameterId("depth"), 0, 5000)),
        (RuleId("r"),),
        formulas=(Formula(0, parse("weight <= 5 * boards")), Formula(0, parse("extras.lamp => depth * depth > 5"))),
    )
    parts = split(network, {"weight": parse("width * size.weight")})
    found = [(part.variables.tolist(), part.numbers.tolist()) for part in parts]
    assert found == [([0, 3], [0]), ([1], [1]), ([2], [])]
    assert [number.id for number in parts[0].network.numbers] == ["width"]
    assert [len(part.network.formulas) for part in parts] == [1, 1, 0]


# --- clauses ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(500, 550))
def test_the_encoding_has_one_model_for_each_variant(seed: int) -> None:
    network = random_network(seed, variables=5)
    cnf = encode(network)
    found = []
    with Solver("glucose4", bootstrap_with=cnf.lists()) as solver:
        for name in range(1, cnf.own + 1):
            solver.add_clause([name, -name])  # a model names what clauses name
        for model in solver.enum_models():
            true = set(model)
            found.append(tuple(x for x in range(network.literals) if cnf.names[x] in true))
            assert len(found) <= 5**5
    assert len(found) == len(set(found))
    assert set(found) == _rows(network)


@pytest.mark.parametrize("size", [33, 40, 100])
def test_a_wide_variable_has_one_value(size: int) -> None:
    network = Network(_variables(size, 2), np.array([0, size, size + 2]), (), ())
    cnf = encode(network)
    assert len(cnf.starts) < size * 6
    with Solver("glucose4", bootstrap_with=cnf.lists()) as solver:
        assert len(list(solver.enum_models())) == 2 * size


@pytest.mark.parametrize(
    ("low", "high"), [(0, 0), (1, 1), (2, 3), (0, 4), (4, 6), (6, 6), (5, 5), (0, 6), (1, 6), (3, 6)]
)
def test_a_count_leaves_only_what_it_counts_and_propagates_fully(low: int, high: int) -> None:
    counts = (Count(0, (1, 3, 5, 7, 9, 11), low, high),)
    network = Network(_variables(*[2] * 6), np.arange(0, 13, 2), (), (RuleId("r"),), counts=counts)
    cnf = encode(network)
    with Solver("glucose4", bootstrap_with=cnf.lists()) as solver:
        for code in range(3**6):
            known = [(k + 1) * (code // 3**k % 3 - 1) for k in range(6) if code // 3**k % 3 != 1]
            true, false = sum(x > 0 for x in known), sum(x < 0 for x in known)
            assert solver.propagate(assumptions=known)[0] == (true <= high and 6 - false >= low)
            for literal in (x for k in range(1, 7) for x in (k, -k) if k not in map(abs, known)):
                possible = true + (literal > 0) <= high and 6 - false - (literal < 0) >= low
                assert solver.propagate(assumptions=[*known, literal])[0] == possible


def _variables(*sizes: int) -> tuple[Variable, ...]:
    return tuple(Variable(size, group=GroupId(f"g{k}")) for k, size in enumerate(sizes))


def _boolean(variables: int, clauses: list[tuple[int, ...]]) -> Network:
    first = np.arange(0, 2 * variables + 1, 2)
    rules = (RuleId("r"),)
    return Network(_variables(*[2] * variables), first, (), rules, clauses=tuple(Clause(0, c) for c in clauses))


def test_parts_name_where_their_variables_come_from() -> None:
    parts = split(_boolean(4, [(2, 8), (4, 6)]))
    assert [(part.variables.tolist(), part.literals.tolist()) for part in parts] == [
        ([0, 3], [0, 1, 6, 7]),
        ([1, 2], [2, 3, 4, 5]),
    ]
    assert all(isinstance(part, Part) for part in parts)
