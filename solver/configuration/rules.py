"""The rule language: grammar, syntax tree, evaluation, printing. Nothing is ever executed as Python.

    drive.belt => gears.hub_5 or gears.hub_8          group.option: 1 if chosen, else 0
    tyres.width + 2 * 6 <= fork.gap                   group.number: that number of what is chosen, summed
    ceil(width / 1000) * 1.5                          a parameter, exact decimals
    when width > 1200 then 3 else 2                   min(a, b), max(a, b), floor(a), length(text)

Every expression has a number as its value, an exact rational; true is 1, false is 0, and what is not 0 holds.
From loosest to tightest: `when`, `=>` (to the right), `or`, `and`, `not`, comparison, `+ -`, `* /`, unary `-`.
`and`, `or`, `=>` and `when` look from left to right and stop as soon as the answer is known.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from fractions import Fraction
from functools import lru_cache
from math import ceil, floor
from operator import eq, ge, gt, le, lt, ne
from typing import Any, Final, NoReturn, Protocol

from lark import Lark, Token, Transformer, UnexpectedCharacters, UnexpectedInput, UnexpectedToken

MAXIMUM_LENGTH: Final = 10_000  # characters
MAXIMUM_DEPTH: Final = 50  # levels of the tree
MAXIMUM_DIGITS: Final = 18  # before, and after, the decimal point

Exact = int | Fraction  # whole values stay int: an order of magnitude quicker


class RuleSyntaxError(ValueError):
    """The text is no expression. `column` counts from 1; `found` and `expected` are words for people."""

    def __init__(self, column: int, found: str, expected: str) -> None:
        super().__init__(f"column {column}: found {found}, expected {expected}")
        self.column = column
        self.found = found
        self.expected = expected


class DividedByZero(ArithmeticError):
    """An expression divides by something that is 0 in this configuration. A rule that does so does not hold."""


class Answers(Protocol):
    """What an expression asks a configuration."""

    def member(self, group: str, name: str) -> bool | int:
        """Whether the option is chosen, or the sum of that number over the chosen options."""

    def parameter(self, name: str) -> int:
        """The number that was entered."""

    def text(self, name: str) -> str:
        """The text that was typed ("" if none)."""


class Comparator(StrEnum):
    """How two values compare."""

    EQUAL = "="
    UNEQUAL = "!="
    LESS = "<"
    LESS_OR_EQUAL = "<="
    GREATER = ">"
    GREATER_OR_EQUAL = ">="


_COMPARE: Final[dict[Comparator, Callable[[Any, Any], bool]]] = {
    Comparator.EQUAL: eq,
    Comparator.UNEQUAL: ne,
    Comparator.LESS: lt,
    Comparator.LESS_OR_EQUAL: le,
    Comparator.GREATER: gt,
    Comparator.GREATER_OR_EQUAL: ge,
}


class Expression:
    """A frozen syntax tree. Two trees are equal if they print alike."""

    __slots__ = ()
    depth: int

    def children(self) -> tuple[Expression, ...]:
        """The expressions right below this one."""
        return ()

    def evaluate(self, answers: Answers) -> Exact:
        """The exact value; raises DividedByZero."""
        raise NotImplementedError

    def _set_depth(self) -> None:
        depth = 1 + max((child.depth for child in self.children()), default=0)
        if depth > MAXIMUM_DEPTH:
            raise _TooDeep
        object.__setattr__(self, "depth", depth)


class _TooDeep(ValueError):
    """More than MAXIMUM_DEPTH levels."""

    def __init__(self) -> None:
        super().__init__(f"An expression has at most {MAXIMUM_DEPTH} levels.")


def _depth() -> Any:
    return field(init=False, repr=False, compare=False)


@dataclass(frozen=True, slots=True)
class Number(Expression):
    """A decimal that is not negative."""

    value: Fraction
    depth: int = _depth()

    def __post_init__(self) -> None:
        if self.value < 0 or (10**MAXIMUM_DIGITS * self.value).denominator != 1:
            raise ValueError(f"{self.value}: need a decimal of at most {MAXIMUM_DIGITS} places, not negative.")
        self._set_depth()

    def evaluate(self, answers: Answers) -> Exact:
        value = self.value
        return value.numerator if value.denominator == 1 else value


@dataclass(frozen=True, slots=True)
class Member(Expression):
    """`group.option` or `group.number`."""

    group: str
    name: str
    depth: int = _depth()

    def __post_init__(self) -> None:
        self._set_depth()

    def evaluate(self, answers: Answers) -> Exact:
        return int(answers.member(self.group, self.name))


@dataclass(frozen=True, slots=True)
class Parameter(Expression):
    """A parameter by its name."""

    name: str
    depth: int = _depth()

    def __post_init__(self) -> None:
        self._set_depth()

    def evaluate(self, answers: Answers) -> Exact:
        return answers.parameter(self.name)


@dataclass(frozen=True, slots=True)
class Length(Expression):
    """`length(text)`: code points of what was typed."""

    name: str
    depth: int = _depth()

    def __post_init__(self) -> None:
        self._set_depth()

    def evaluate(self, answers: Answers) -> Exact:
        return len(answers.text(self.name))


@dataclass(frozen=True, slots=True)
class _Unary(Expression):
    operand: Expression
    depth: int = _depth()

    def __post_init__(self) -> None:
        self._set_depth()

    def children(self) -> tuple[Expression, ...]:
        return (self.operand,)


@dataclass(frozen=True, slots=True)
class Not(_Unary):
    """1 if the operand is 0, else 0."""

    def evaluate(self, answers: Answers) -> Exact:
        return 0 if self.operand.evaluate(answers) else 1


@dataclass(frozen=True, slots=True)
class Negative(_Unary):
    """The operand's value with the other sign."""

    def evaluate(self, answers: Answers) -> Exact:
        return -self.operand.evaluate(answers)


@dataclass(frozen=True, slots=True)
class Ceil(_Unary):
    """The least whole number that is not below the operand."""

    def evaluate(self, answers: Answers) -> Exact:
        return ceil(self.operand.evaluate(answers))


@dataclass(frozen=True, slots=True)
class Floor(_Unary):
    """The greatest whole number that is not above the operand."""

    def evaluate(self, answers: Answers) -> Exact:
        return floor(self.operand.evaluate(answers))


@dataclass(frozen=True, slots=True)
class _Several(Expression):
    operands: tuple[Expression, ...]
    depth: int = _depth()

    def __post_init__(self) -> None:
        if len(self.operands) < 2:
            raise ValueError("Need at least two operands.")
        self._set_depth()

    def children(self) -> tuple[Expression, ...]:
        return self.operands


@dataclass(frozen=True, slots=True)
class And(_Several):
    """1 if no operand is 0."""

    def evaluate(self, answers: Answers) -> Exact:
        for operand in self.operands:
            if not operand.evaluate(answers):
                return 0
        return 1


@dataclass(frozen=True, slots=True)
class Or(_Several):
    """1 if some operand is not 0."""

    def evaluate(self, answers: Answers) -> Exact:
        for operand in self.operands:
            if operand.evaluate(answers):
                return 1
        return 0


@dataclass(frozen=True, slots=True)
class Sum(_Several):
    """The sum; `a - b` is Sum((a, Negative(b)))."""

    def evaluate(self, answers: Answers) -> Exact:
        total: Exact = 0
        for operand in self.operands:
            total += operand.evaluate(answers)
        return total


@dataclass(frozen=True, slots=True)
class Product(_Several):
    """The product."""

    def evaluate(self, answers: Answers) -> Exact:
        total: Exact = 1
        for operand in self.operands:
            total *= operand.evaluate(answers)
        return total


@dataclass(frozen=True, slots=True)
class Min(_Several):
    """The least of the values."""

    def evaluate(self, answers: Answers) -> Exact:
        return min(operand.evaluate(answers) for operand in self.operands)


@dataclass(frozen=True, slots=True)
class Max(_Several):
    """The greatest of the values."""

    def evaluate(self, answers: Answers) -> Exact:
        return max(operand.evaluate(answers) for operand in self.operands)


@dataclass(frozen=True, slots=True)
class _Binary(Expression):
    left: Expression
    right: Expression
    depth: int = _depth()

    def __post_init__(self) -> None:
        self._set_depth()

    def children(self) -> tuple[Expression, ...]:
        return (self.left, self.right)


@dataclass(frozen=True, slots=True)
class Quotient(_Binary):
    """Exact division."""

    def evaluate(self, answers: Answers) -> Exact:
        left, right = self.left.evaluate(answers), self.right.evaluate(answers)
        if not right:
            raise DividedByZero(print_expression(self))
        return Fraction(left) / right


@dataclass(frozen=True, slots=True)
class Implies(_Binary):
    """0 only if the left holds and the right does not."""

    def evaluate(self, answers: Answers) -> Exact:
        return 1 if not self.left.evaluate(answers) or self.right.evaluate(answers) else 0


@dataclass(frozen=True, slots=True)
class Comparison(Expression):
    """1 if the values compare so."""

    left: Expression
    comparator: Comparator
    right: Expression
    depth: int = _depth()

    def __post_init__(self) -> None:
        self._set_depth()

    def children(self) -> tuple[Expression, ...]:
        return (self.left, self.right)

    def evaluate(self, answers: Answers) -> Exact:
        return int(_COMPARE[self.comparator](self.left.evaluate(answers), self.right.evaluate(answers)))


@dataclass(frozen=True, slots=True)
class When(Expression):
    """`when condition then yes else no`."""

    condition: Expression
    yes: Expression
    no: Expression
    depth: int = _depth()

    def __post_init__(self) -> None:
        self._set_depth()

    def children(self) -> tuple[Expression, ...]:
        return (self.condition, self.yes, self.no)

    def evaluate(self, answers: Answers) -> Exact:
        return (self.yes if self.condition.evaluate(answers) else self.no).evaluate(answers)


def holds(expression: Expression, answers: Answers) -> bool:
    """Whether the value is not 0. Raises DividedByZero."""
    return bool(expression.evaluate(answers))


def value(expression: Expression, answers: Answers) -> Fraction:
    """The exact value. Raises DividedByZero."""
    return Fraction(expression.evaluate(answers))


def names_in(expression: Expression) -> frozenset[tuple[str, str | None]]:
    """What the expression asks: (group, member), or (parameter or text, None)."""
    found: set[tuple[str, str | None]] = set()
    for part in walk(expression):
        if isinstance(part, Member):
            found.add((part.group, part.name))
        elif isinstance(part, Parameter | Length):
            found.add((part.name, None))
    return frozenset(found)


def texts_in(expression: Expression) -> frozenset[str]:
    """The texts whose length is asked."""
    return frozenset(part.name for part in walk(expression) if isinstance(part, Length))


def walk(expression: Expression) -> Iterator[Expression]:
    """The expression and all below it, from the top."""
    waiting = [expression]
    while waiting:
        part = waiting.pop()
        yield part
        waiting.extend(reversed(part.children()))


# --- reading -------------------------------------------------------------------------------------------------------

_GRAMMAR: Final = r"""
start: top

?top: "when" top "then" top "else" top -> when
    | implies
?implies: or_
    | or_ _ARROW implies
?or_: and_
    | and_ ("or" and_)+ -> any_of
?and_: not_
    | not_ ("and" not_)+ -> all_of
?not_: "not" not_ -> negation
    | comparison
?comparison: sum
    | sum COMPARATOR sum -> compare
?sum: product
    | product ((PLUS | MINUS) product)+ -> add
?product: unary
    | unary (TIMES unary)+ -> multiply
?unary: MINUS unary -> negative
    | atom
?atom: NUMBER -> number
    | NAME -> parameter
    | NAME "." NAME -> member
    | "min" "(" top ("," top)+ ")" -> least
    | "max" "(" top ("," top)+ ")" -> greatest
    | "ceil" "(" top ")" -> ceil
    | "floor" "(" top ")" -> floor
    | "length" "(" NAME ")" -> length
    | "(" top ")"

_ARROW.2: "=>"
COMPARATOR: "<=" | ">=" | "!=" | "=" | "<" | ">"
PLUS: "+"
MINUS: "-"
TIMES: "*" | "/"
NUMBER: /[0-9]+(\.[0-9]+)?/
NAME: /[A-Za-z_][A-Za-z0-9_]*/
%ignore /[ \t\r\n]+/
"""


class _Build(Transformer[Token, Expression]):
    """Builds the tree while the parser reduces, so that nothing recurses over what is not yet known to be shallow."""

    def start(self, parts: list[Expression]) -> Expression:
        return parts[0]

    def when(self, parts: list[Expression]) -> Expression:
        return When(parts[0], parts[1], parts[2])

    def implies(self, parts: list[Expression]) -> Expression:
        return Implies(parts[0], parts[1])

    def any_of(self, parts: list[Expression]) -> Expression:
        return Or(tuple(parts))

    def all_of(self, parts: list[Expression]) -> Expression:
        return And(tuple(parts))

    def negation(self, parts: list[Expression]) -> Expression:
        return Not(parts[0])

    def compare(self, parts: list[Any]) -> Expression:
        return Comparison(parts[0], Comparator(str(parts[1])), parts[2])

    def add(self, parts: list[Any]) -> Expression:
        signed = zip(parts[1::2], parts[2::2], strict=True)
        return Sum((parts[0], *(Negative(part) if sign == "-" else part for sign, part in signed)))

    def multiply(self, parts: list[Any]) -> Expression:
        factors: list[Expression] = [parts[0]]
        for times, part in zip(parts[1::2], parts[2::2], strict=True):
            if times == "*":
                factors.append(part)
            else:
                factors = [Quotient(factors[0] if len(factors) == 1 else Product(tuple(factors)), part)]
        return factors[0] if len(factors) == 1 else Product(tuple(factors))

    def negative(self, parts: list[Any]) -> Expression:
        return Negative(parts[1])

    def number(self, parts: list[Token]) -> Expression:
        whole, _, places = str(parts[0]).partition(".")
        if len(whole) > MAXIMUM_DIGITS or len(places) > MAXIMUM_DIGITS:
            column = parts[0].column or 1
            raise RuleSyntaxError(column, "a very long number", f"at most {MAXIMUM_DIGITS} digits")
        return Number(Fraction(str(parts[0])))

    def parameter(self, parts: list[Token]) -> Expression:
        return Parameter(str(parts[0]))

    def member(self, parts: list[Token]) -> Expression:
        return Member(str(parts[0]), str(parts[1]))

    def least(self, parts: list[Expression]) -> Expression:
        return Min(tuple(parts))

    def greatest(self, parts: list[Expression]) -> Expression:
        return Max(tuple(parts))

    def ceil(self, parts: list[Expression]) -> Expression:
        return Ceil(parts[0])

    def floor(self, parts: list[Expression]) -> Expression:
        return Floor(parts[0])

    def length(self, parts: list[Token]) -> Expression:
        return Length(str(parts[0]))


@lru_cache(maxsize=1)
def _parser() -> Lark:
    return Lark(_GRAMMAR, parser="lalr", lexer="basic", transformer=_Build(), maybe_placeholders=False)


def parse(text: str) -> Expression:
    """The syntax tree of a rule or formula. Raises RuleSyntaxError, within a second whatever the text is."""
    if len(text) > MAXIMUM_LENGTH:
        raise RuleSyntaxError(MAXIMUM_LENGTH + 1, "a very long text", f"at most {MAXIMUM_LENGTH:,} characters")
    try:
        tree: Any = _parser().parse(text)
    except _TooDeep:
        raise RuleSyntaxError(1, "a deeply nested expression", f"at most {MAXIMUM_DEPTH} levels") from None
    except UnexpectedInput as error:
        _refuse(text, error)
    assert isinstance(tree, Expression)
    return tree


_SHOWN: Final = {
    "NUMBER": "a number",
    "NAME": "a name",
    "COMPARATOR": "a comparison",
    "_ARROW": "=>",
    "PLUS": "+",
    "TIMES": "* or /",
    "LPAR": "(",
    "RPAR": ")",
    "COMMA": ",",
    "DOT": ".",
    "MINUS": "-",
    "$END": "the end",
}
_OPERAND: Final = frozenset({"NUMBER", "NAME", "LPAR"})


def _refuse(text: str, error: UnexpectedInput) -> NoReturn:
    if isinstance(error, UnexpectedToken):
        at_end = error.token.type == "$END"
        position = len(text) if at_end else error.token.start_pos or 0
        found = "the end" if at_end else f"`{str(error.token)[:40]}`"
        raise RuleSyntaxError(position + 1, found, _in_words(error.accepts or error.expected)) from None
    assert isinstance(error, UnexpectedCharacters)
    position = error.pos_in_stream or 0
    raise RuleSyntaxError(position + 1, f"`{text[position]}`", _in_words(error.allowed or set())) from None


def _in_words(terminals: set[str]) -> str:
    """What could stand here. An operand sums up all that one can begin with."""
    if terminals >= _OPERAND:
        return "a number, a name or ("
    kinds = sorted(_SHOWN.get(name, name.lower()) for name in terminals)
    return " or ".join((", ".join(kinds[:-1]), kinds[-1])) if len(kinds) > 1 else "".join(kinds) or "an expression"


# --- printing ------------------------------------------------------------------------------------------------------

# How tightly a node binds; a child that binds less tightly than its place asks for is put into parentheses.
_WHEN, _IMPLIES, _OR, _AND, _NOT, _COMPARISON, _SUM, _PRODUCT, _UNARY, _ATOM = range(10)


def print_expression(expression: Expression) -> str:
    """The text of a tree; parsing it gives an equal tree."""
    return _print(expression)[0]


def _at(expression: Expression, level: int) -> str:
    text, own = _print(expression)
    return text if own >= level else f"({text})"


def _print(expression: Expression) -> tuple[str, int]:
    match expression:
        case Number(value=number):
            return _decimal(number), _ATOM
        case Member(group=group, name=name):
            return f"{group}.{name}", _ATOM
        case Parameter(name=name):
            return name, _ATOM
        case Length(name=name):
            return f"length({name})", _ATOM
        case Ceil() | Floor():
            return f"{type(expression).__name__.lower()}({_at(expression.operand, _WHEN)})", _ATOM
        case Min() | Max():
            inside = ", ".join(_at(operand, _WHEN) for operand in expression.operands)
            return f"{type(expression).__name__.lower()}({inside})", _ATOM
        case Negative(operand=operand):
            return f"-{_at(operand, _UNARY)}", _UNARY
        case Product(operands=operands):
            # A quotient may stand first without parentheses, `a / b * c`; a product may not, it would be merged.
            first = _at(operands[0], _PRODUCT if isinstance(operands[0], Quotient) else _UNARY)
            return " * ".join((first, *(_at(operand, _UNARY) for operand in operands[1:]))), _PRODUCT
        case Quotient(left=left, right=right):
            return f"{_at(left, _PRODUCT)} / {_at(right, _UNARY)}", _PRODUCT
        case Sum(operands=operands):
            return _print_sum(operands), _SUM
        case Comparison(left=left, comparator=comparator, right=right):
            return f"{_at(left, _SUM)} {comparator} {_at(right, _SUM)}", _COMPARISON
        case Not(operand=operand):
            return f"not {_at(operand, _NOT)}", _NOT
        case And(operands=operands):
            return " and ".join(_at(operand, _NOT) for operand in operands), _AND
        case Or(operands=operands):
            return " or ".join(_at(operand, _AND) for operand in operands), _OR
        case Implies(left=left, right=right):
            return f"{_at(left, _OR)} => {_at(right, _IMPLIES)}", _IMPLIES
        case When(condition=condition, yes=yes, no=no):
            parts = (_at(part, _WHEN) for part in (condition, yes, no))
            return "when {} then {} else {}".format(*parts), _WHEN
    raise TypeError(f"{expression!r} is no expression.")


def _print_sum(operands: tuple[Expression, ...]) -> str:
    text = _at(operands[0], _PRODUCT)
    for operand in operands[1:]:
        if isinstance(operand, Negative):
            text += f" - {_at(operand.operand, _PRODUCT)}"
        else:
            text += f" + {_at(operand, _PRODUCT)}"
    return text


def _decimal(number: Fraction) -> str:
    scaled = str(number.numerator * 10**MAXIMUM_DIGITS // number.denominator).rjust(MAXIMUM_DIGITS + 1, "0")
    whole, places = scaled[:-MAXIMUM_DIGITS], scaled[-MAXIMUM_DIGITS:].rstrip("0")
    return f"{whole}.{places}" if places else whole
