"""A statement as a CP-SAT model: a 0/1 variable for a question of two values, otherwise one for each value."""

from collections.abc import Sequence
from typing import Any

from ortools.sat.python import cp_model


class Stated:
    """The model, built once; `literal` has the CP-SAT literal of each literal of the statement."""

    def __init__(self, statement: dict[str, Any], *, tables_as_clauses: bool) -> None:
        self.model = cp_model.CpModel()
        self.choices = [tuple(choice) for choice in statement["choices"]]
        self.variables = [(first, first + size) for first, size, _ in statement["variables"]]
        self.asked = [(first, first + size) for first, size, named in statement["variables"] if named]
        self.literal: list[Any] = [None] * statement["literals"]
        self.positions = statement["encoded"] is not None  # a large number's variable is its place among its values
        if statement["encoded"] is not None:
            self._take(statement["encoded"])
        else:
            self._state(statement, tables_as_clauses=tables_as_clauses)
        self._domains = [list(variable.domain) for variable in self.model.proto.variables]
        self._restricted: list[int] = []

    def _take(self, encoded: dict[str, Any]) -> None:
        """A model with formulas comes as it was encoded by others."""
        self.model.proto.parse_text_format(encoded["model"])
        for place, literal in enumerate(encoded["literals"]):
            if literal is not None:
                chosen = self.model.get_bool_var_from_proto_index(literal if literal >= 0 else -literal - 1)
                self.literal[place] = chosen if literal >= 0 else chosen.negated()
        self.numbers = [self.model.get_int_var_from_proto_index(index) for index in encoded["numbers"]]

    def _state(self, statement: dict[str, Any], *, tables_as_clauses: bool) -> None:
        for first, size, _ in statement["variables"]:
            if size == 2:
                self.literal[first + 1] = self.model.new_bool_var("")
                self.literal[first] = self.literal[first + 1].negated()
            else:
                for place in range(first, first + size):
                    self.literal[place] = self.model.new_bool_var("")
                self.model.add_exactly_one(self.literal[first : first + size])
        self.numbers = [
            self.model.new_int_var_from_domain(cp_model.Domain.from_values(range(low, high + 1, step)), "")
            if step > 1
            else self.model.new_int_var(low, high, "")
            for low, high, step in statement["numbers"]
        ]
        for clause in statement["clauses"]:
            self.model.add_bool_or([self.signed(one) for one in clause])
        for literals, low, high in statement["counts"]:
            self.model.add_linear_constraint(sum(self.literal[one] for one in literals), low, high)
        for scope, rows in statement["tables"]:
            if tables_as_clauses:
                self._add_diagram(scope, rows)
            else:
                self._add_table(scope, rows)
        for literals, numbers, low, high in statement["sums"]:
            terms = [factor * self.literal[one] for one, factor in literals]
            terms += [factor * self.numbers[number] for number, factor in numbers]
            self.model.add_linear_constraint(sum(terms), low, high)

    def signed(self, one: int) -> Any:
        """The CP-SAT literal of a signed literal."""
        return self.literal[one - 1] if one > 0 else self.literal[-one - 1].negated()

    # --- editing between questions ---

    def restrict(self, fixed: Sequence[int], numbers: dict[int, tuple[int, int]]) -> None:
        """Set the domains of what is decided; all others are as they were built."""
        for index in self._restricted:
            self._set(index, self._domains[index])
        self._restricted = []
        for one in fixed:
            index = self.signed(one).index
            self._fix(index if index >= 0 else -index - 1, int(index >= 0))
        for number, entered in numbers.items():
            self._fix(self.numbers[number].index, entered[self.positions])

    def _fix(self, index: int, value: int) -> None:
        self._set(index, [value, value])
        self._restricted.append(index)

    def _set(self, index: int, domain: Sequence[int]) -> None:
        proto = self.model.proto.variables[index].domain
        proto.clear()
        proto.extend(domain)

    # --- questions and answers ---

    def open_literals(self, fixed: Sequence[int], offered: Sequence[bool]) -> list[int]:
        """The literals to ask for: those still offered of questions that are not decided."""
        chosen = {one - 1 for one in fixed if one > 0}
        refused = {-one - 1 for one in fixed if one < 0}
        found: list[int] = []
        for first, stop in self.asked:
            if chosen.isdisjoint(range(first, stop)):
                found.extend(one for one in range(first, stop) if offered[one] and one not in refused)
        return found

    def decided(self, fixed: Sequence[int]) -> list[int]:
        """What is valid of each literal before anything is asked: what was chosen, and nothing else."""
        valid = [0] * len(self.literal)
        for one in fixed:
            if one > 0:
                valid[one - 1] = 1
        return valid

    def answer(self, valid: Sequence[int]) -> tuple[list[int], list[int]]:
        """For each choice whether it can be made and whether it can be left, from what is valid (2: not settled)."""
        can: list[int] = []
        cannot: list[int] = []
        for literal, first, stop in self.choices:
            can.append(valid[literal])
            others = [valid[other] for other in range(first, stop) if other != literal]
            cannot.append(1 if 1 in others else max(others, default=0))
        return can, cannot

    # --- tables ---

    def _add_table(self, scope: Sequence[int], rows: Sequence[Sequence[int]]) -> None:
        """An integer variable for each column, tied to its values, and CP-SAT's table constraint."""
        columns = []
        for variable in scope:
            first, stop = self.variables[variable]
            column = self.model.new_int_var(0, stop - first - 1, "")
            for value in range(stop - first):
                self.model.add(column == value).only_enforce_if(self.literal[first + value])
            columns.append(column)
        self.model.add_allowed_assignments(columns, rows)

    def _add_diagram(self, scope: Sequence[int], rows: Sequence[Sequence[int]]) -> None:
        """The table as a decision diagram, a literal for each node, and clauses that propagate both ways along it."""
        layers = _diagram(rows)
        nodes: list[list[Any]] = [[self.model.new_bool_var("") for _ in layer] for layer in layers]
        for column, (layer, names) in enumerate(zip(layers, nodes, strict=True)):
            first, stop = self.variables[scope[column]]
            values = self.literal[first:stop]
            below = nodes[column + 1] if column + 1 < len(nodes) else []
            above: list[list[Any]] = [[] for _ in below]
            having: list[list[Any]] = [[] for _ in values]
            self.model.add_exactly_one(names)
            for edges, name in zip(layer, names, strict=True):
                self.model.add_bool_or([name.negated(), *(values[value] for value in edges)])
                for value in range(len(values)):
                    if value not in edges:
                        self.model.add_bool_or([name.negated(), values[value].negated()])
                        continue
                    having[value].append(name)
                    if below:
                        child = edges[value]
                        self.model.add_bool_or([name.negated(), values[value].negated(), below[child]])
                        above[child].append(name)
            for value, names_with in zip(values, having, strict=True):
                self.model.add_bool_or([value.negated(), *names_with])
            for child, parents in zip(below, above, strict=True):
                self.model.add_bool_or([child.negated(), *parents])


def _diagram(rows: Sequence[Sequence[int]]) -> list[list[dict[int, int]]]:
    """Rows, sorted, as layers of nodes: a node maps each value to its child in the next layer. Equal ones are one."""
    width = len(rows[0])
    layers: list[list[dict[int, int]]] = [[] for _ in range(width)]
    known: list[dict[tuple[tuple[int, int], ...], int]] = [{} for _ in range(width)]

    def node(column: int, first: int, stop: int) -> int:
        edges: dict[int, int] = {}
        while first < stop:
            value, end = rows[first][column], first
            while end < stop and rows[end][column] == value:
                end += 1
            edges[value] = node(column + 1, first, end) if column + 1 < width else 0
            first = end
        key = tuple(edges.items())
        if key not in known[column]:
            known[column][key] = len(layers[column])
            layers[column].append(edges)
        return known[column][key]

    node(0, 0, len(rows))
    return layers
