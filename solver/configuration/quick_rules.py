"""An expression as one Python function: what `evaluate` says of it, without walking the tree again each time."""

from __future__ import annotations

from collections.abc import Callable
from math import ceil, floor
from typing import Any, Final

from solver.configuration.rules import (
    And,
    Answers,
    Cases,
    Ceil,
    Comparison,
    Exact,
    Expression,
    Floor,
    Implies,
    Length,
    Max,
    Member,
    Min,
    Modulo,
    Negative,
    Not,
    Number,
    Or,
    Parameter,
    Product,
    Quotient,
    Sum,
    When,
    divided,
    left_over,
)

Function = Callable[[Answers], Exact]
_JOINED: Final = {Sum: "+", Product: "*"}
_CALLED: Final = {Min: "min", Max: "max", Ceil: "ceil", Floor: "floor"}
_LOGICAL: Final = {And: "and", Or: "or"}


def function_of(expression: Expression) -> Function:
    """The expression's value as a function of the answers; raises DividedByZero as `evaluate` does."""
    writer = _Writer()
    try:
        source = writer.of(expression)
    except KeyError:  # what has no value of its own
        return expression.evaluate
    made: Function = eval(f"lambda a: {source}", writer.names)  # noqa: S307 - of names and numbers alone, see _Writer
    return made


class _Writer:
    """Python for expressions. Whatever somebody has typed is a constant in `names`, never part of the text."""

    def __init__(self) -> None:
        self.names: dict[str, Any] = {
            "__builtins__": {}, "min": min, "max": max, "ceil": ceil, "floor": floor, "len": len,
            "divided": divided, "left_over": left_over,
        }

    def of(self, node: Expression) -> str:
        """Raises KeyError for a kind of node that has no value."""
        match node:
            case Number(value):
                return self._constant(value.numerator if value.denominator == 1 else value)
            case Member(group, name):
                return f"(+a.member({self._constant(group)}, {self._constant(name)}))"
            case Parameter(name):
                return f"a.parameter({self._constant(name)})"
            case Length(name):
                return f"len(a.text({self._constant(name)}))"
            case Not(operand):
                return f"(0 if {self.of(operand)} else 1)"
            case Negative(operand):
                return f"(-{self.of(operand)})"
            case Implies(left, right):
                return f"(0 if {self.of(left)} and not {self.of(right)} else 1)"
            case Comparison(left, comparator, right):
                sign = "==" if comparator == "=" else str(comparator)
                return f"(1 if {self.of(left)} {sign} {self.of(right)} else 0)"
            case Quotient(left, right):
                return f"divided({self.of(left)}, {self.of(right)}, {self._constant(node)})"
            case Modulo(left, right):
                return f"left_over({self.of(left)}, {self.of(right)}, {self._constant(node)})"
            case When(condition, yes, no):
                return f"({self.of(yes)} if {self.of(condition)} else {self.of(no)})"
            case Cases(cases, otherwise):
                several = "".join(f"{self.of(value)} if {self.of(condition)} else " for condition, value in cases)
                return f"({several}{self.of(otherwise)})"
        parts = [self.of(part) for part in node.children()]
        kind = type(node)
        if kind in _LOGICAL:
            return f"(1 if {f' {_LOGICAL[kind]} '.join(parts)} else 0)"
        if kind in _JOINED:
            return f"({_JOINED[kind].join(parts)})"
        return f"{_CALLED[kind]}({', '.join(parts)})"

    def _constant(self, value: Any) -> str:
        name = f"k{len(self.names)}"
        self.names[name] = value
        return name
