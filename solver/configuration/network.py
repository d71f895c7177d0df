"""A problem as the engines see it: variables with few values, numbers with many, and what must hold between them.

Every question is a *variable*: a group of at most one option (a value for each option, and a last one, "none", if it
may stay empty), each option of any other group (0: not chosen, 1: chosen), each parameter with few values. A parameter
with many values is a *number*. A *literal* is one value of one variable: `first[variable] + value`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from solver.configuration.problem import GroupId, IntegerParameter, OptionId, ParameterId, RuleId
from solver.configuration.rules import Expression

OWN: Final = -1  # the rule of a constraint that belongs to a group itself and is always in force
# Where a literal went that has no place in a smaller network or in its parts:
DEAD: Final = -1  # no variant has it
CORE: Final = -2  # every variant has it

Ints = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Variable:
    """A question: `group` and perhaps `option` (0/1), or `parameter`. `size`: how many values."""

    size: int
    group: GroupId | None = None
    option: OptionId | None = None
    parameter: ParameterId | None = None


@dataclass(frozen=True, slots=True)
class Clause:
    """At least one holds: literal + 1 says that the variable has the value, -(literal + 1) that it has not.

    Of a variable with two values only the literal of value 1 is named. `rule`: a position in Network.rules, or OWN.
    """

    rule: int
    literals: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Count:
    """Between `low` and `high` of the literals (of different variables) hold."""

    rule: int
    literals: tuple[int, ...]
    low: int
    high: int


@dataclass(frozen=True, slots=True, eq=False)
class Table:
    """The values of the variables in `scope` are one of `rows` (shape: rows x scope, sorted, each row once)."""

    rule: int
    scope: tuple[int, ...]
    rows: NDArray[np.int32]


@dataclass(frozen=True, slots=True)
class Sum:
    """low <= sum(coefficient, for each literal that holds) + sum(coefficient * number) <= high.

    `literals`: (literal, coefficient); `numbers`: (position in Network.numbers, coefficient of the number itself).
    """

    rule: int
    literals: tuple[tuple[int, int], ...]
    numbers: tuple[tuple[int, int], ...]
    low: int
    high: int


@dataclass(frozen=True, slots=True)
class Formula:
    """An expression that must not be 0 and is none of the above: a product, a quotient, a large parameter in a `when`.

    It names options, parameters and derived quantities as the problem does.
    """

    rule: int
    expression: Expression


@dataclass(frozen=True, slots=True, eq=False)
class Network:
    """All variables, numbers and constraints of a problem. Frozen; building it loses nothing of the rules."""

    variables: tuple[Variable, ...]
    first: Ints  # literal of each variable's value 0; one entry more than variables, the last: how many literals
    numbers: tuple[IntegerParameter, ...]
    rules: tuple[RuleId, ...]
    clauses: tuple[Clause, ...] = ()
    counts: tuple[Count, ...] = ()
    tables: tuple[Table, ...] = ()
    sums: tuple[Sum, ...] = ()
    formulas: tuple[Formula, ...] = ()

    @property
    def literals(self) -> int:
        """How many literals there are."""
        return int(self.first[-1])

    @property
    def closed(self) -> bool:
        """Whether clauses, counts and tables say it all: no sums, formulas or large numbers that a rule asks for."""
        return not self.sums and not self.formulas
