"""A model in the words that all engines are asked in: variables, literals and constraints as plain lists (JSON).

A literal is one value of one variable, numbered through. A choice is what a buyer can do: `[literal, first, stop]`, one
value of the variable whose literals are `first` to `stop`. An answer says of each choice whether a complete
configuration has it ("can"), and whether one has not ("cannot"), as two texts of 0 and 1.

Formulas do not go into plain lists. Of a model with some, the peers get the CP-SAT model that our encoder makes.
"""

from typing import Any

from solver.configuration.encode import Encoding
from solver.configuration.problem import Choose, Decision
from solver.configuration.translate import Names, translate
from tests.benchmarks.models import Model

Statement = dict[str, Any]


def state(model: Model) -> tuple[Statement, Names]:
    """The model as plain lists, and where the problem's questions are among them."""
    network, names = translate(model.problem)
    variables = [
        [int(network.first[place]), variable.size, variable.group is not None or variable.parameter is not None]
        for place, variable in enumerate(network.variables)
    ]
    statement: Statement = {
        "name": model.source.name,
        "path": str(model.source.path) if model.features and not model.notes else None,  # a peer may read it itself
        "literals": network.literals,
        "variables": variables,
        "choices": choices(names),
        "clauses": [clause.literals for clause in network.clauses],
        "counts": [[count.literals, count.low, count.high] for count in network.counts],
        "tables": [[table.scope, table.rows.tolist()] for table in network.tables],
        "sums": [[one.literals, one.numbers, one.low, one.high] for one in network.sums],
        "numbers": [[number.minimum, number.maximum, number.step] for number in network.numbers],
        "formulas": len(network.formulas),
        "features": {name: signed(names, decision) for name, decision in model.features.items()},
        "encoded": encoded(model, names) if network.formulas else None,
    }
    return statement, names


def encoded(model: Model, names: Names) -> dict[str, Any]:
    """The CP-SAT model (as text), its literal for each of the statement's, and its variable for each large number.

    A large number's variable is a position in its values.
    """
    encoding = Encoding(model.problem)
    literals: list[int | None] = [None] * names.starts[-1]
    for place, variable in enumerate(names.variables):
        start = names.starts[place]
        if variable.parameter is not None:
            position = encoding.parameter[variable.parameter]
            literals[start : start + variable.size] = [encoding.equal(position, k) for k in range(variable.size)]
        elif variable.option is not None and variable.group is not None:
            chosen = encoding.option[variable.group, variable.option]
            literals[start : start + 2] = [-chosen - 1, chosen]
        elif variable.group is not None:
            options = model.problem.group_by_id[variable.group].options
            mine = [encoding.option[variable.group, option] for option in options]
            literals[start : start + variable.size] = [*mine, encoding.nothing(variable.group)][: variable.size]
    numbers = [encoding.parameter[number.id] for number in names.numbers]
    return {"model": str(encoding.model.proto), "literals": literals, "numbers": numbers}


def choices(names: Names) -> list[list[int]]:
    """Every option, and every value of a parameter with few values."""
    found: list[list[int]] = []
    for place, variable in enumerate(names.variables):
        start, stop = names.starts[place], names.starts[place + 1]
        if variable.option is not None:
            found.append([start + 1, start, stop])
        elif variable.group is not None:
            options = len(names.problem.group_by_id[variable.group].options)
            found.extend([start + value, start, stop] for value in range(options))
        elif variable.parameter is not None:
            found.extend([literal, start, stop] for literal in range(start, stop))
    return found


def signed(names: Names, decision: Decision) -> int:
    """The decision as a literal: literal + 1 if it must hold, -(literal + 1) if it must not."""
    if isinstance(decision, Choose):
        variable, value = names.value(decision.group, decision.option)
        literal = names.starts[variable] + value + 1
        return literal if decision.chosen else -literal
    variable = names.of_parameter[decision.parameter]
    values = names.problem.parameter_by_id[decision.parameter].values
    return names.starts[variable] + values.index(decision.value) + 1
