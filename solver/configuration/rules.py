"""The rule language: grammar, syntax tree, evaluation, printing. Nothing is ever executed as Python.

    drive.belt => gears.hub_5 or gears.hub_8          group.option: 1 if chosen, else 0
    tyres.width + 2 * 6 <= fork.gap                   group.number: that number of what is chosen, summed
    ceil(width / 1000) * 1.5 <= boards                a parameter or a derived quantity, exact decimals
    length mod profile.step = 0                       a mod b: a - b * floor(a / b)
    when width > 1200 then 3 when oak then 2 else 1   the value after the first condition that holds
    colour in {red, blue}                             short for (colour.red or colour.blue)
    a <=> b                                           short for (a => b) and (b => a)
    min(a, b), max(a, b), floor(a), ceil(a), length(text)
    sum(drawer, front.width)                          over all instances of a component; count, all, any, min, max

Every expression has a number as its value, an exact rational; true is 1, false is 0, and what is not 0 holds.
From loosest to tightest: `when`, `=>` (to the right) and `<=>`, `or`, `and`, `not`, comparison, `+ -`, `* / mod`,
unary `-`. `and`, `or`, `=>` and `when` look from left to right and stop as soon as the answer is known.
The grammar is written out in README.md. What is asked of a component is expanded (`expand`) before it is evaluated.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from fractions import Fraction
from functools import lru_cache
from itertools import islice
from math import ceil, floor
from operator import eq, ge, gt, le, lt, ne
from typing import Any, Final, NoReturn, Protocol

from lark import Lark, Token, Transformer, UnexpectedCharacters, UnexpectedInput, UnexpectedToken

MAXIMUM_LENGTH: Final = 10_000  # characters
MAXIMUM_DEPTH: Final = 50  # levels of the tree
MAXIMUM_DIGITS: Final = 18  # before, and after, the decimal point
MAXIMUM_PARTS: Final = 100_000  # of an expression whose components were expanded
RESERVED: Final = frozenset({"when", "then", "else", "and", "or", "not", "mod"})  # no names
_EQUIVALENT: Final = 100  # parts of either side of `<=>`, which it writes twice

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

    def __init__(self, expression: Expression) -> None:
        super().__init__()
        self.expression = expression

    def __str__(self) -> str:
        return print_expression(self.expression)  # not before somebody reads it


class Answers(Protocol):
    """What an expression asks a configuration."""

    def member(self, group: str, name: str) -> bool | int:
        """Whether the option is chosen, or the sum of that number over the chosen options."""

    def parameter(self, name: str) -> Exact:
        """The number that was entered, or the value of the derived quantity. May raise DividedByZero."""

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
    """A parameter or a derived quantity by its name."""

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


def divided(left: Exact, right: Exact, at: Expression) -> Exact:
    """The exact quotient, whole where it can be. Raises DividedByZero of the expression."""
    if not right:
        raise DividedByZero(at)
    found = Fraction(left) / right
    return found.numerator if found.denominator == 1 else found


def left_over(left: Exact, right: Exact, at: Expression) -> Exact:
    """left - right * floor(left / right). Raises DividedByZero of the expression."""
    if not right:
        raise DividedByZero(at)
    return left % right


@dataclass(frozen=True, slots=True)
class Quotient(_Binary):
    """Exact division."""

    def evaluate(self, answers: Answers) -> Exact:
        return divided(self.left.evaluate(answers), self.right.evaluate(answers), self)


@dataclass(frozen=True, slots=True)
class Modulo(_Binary):
    """What is left of division by a whole number of times: left - right * floor(left / right)."""

    def evaluate(self, answers: Answers) -> Exact:
        return left_over(self.left.evaluate(answers), self.right.evaluate(answers), self)


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


@dataclass(frozen=True, slots=True)
class Cases(Expression):
    """`when a then x when b then y else z`: the value after the first condition that holds (one alone is a `When`)."""

    cases: tuple[tuple[Expression, Expression], ...]  # condition, value
    otherwise: Expression
    depth: int = _depth()

    def __post_init__(self) -> None:
        if len(self.cases) < 2:
            raise ValueError("Need at least two cases.")
        self._set_depth()

    def children(self) -> tuple[Expression, ...]:
        return (*(part for case in self.cases for part in case), self.otherwise)

    def evaluate(self, answers: Answers) -> Exact:
        for condition, value in self.cases:
            if condition.evaluate(answers):
                return value.evaluate(answers)
        return self.otherwise.evaluate(answers)


class EachKind(StrEnum):
    """What is made of the instances of a component that are in use."""

    SUM = "sum"
    COUNT = "count"
    ALL = "all"
    ANY = "any"


@dataclass(frozen=True, slots=True)
class Each(Expression):
    """`sum(drawer, front.width)`: `expand` puts the instances in its place. It has no value of its own.

    The body names groups and parameters as the component does; other names are those of the product.
    `min(drawer, ...)` and `max(drawer, ...)` are read as Min and Max whose first operand is a Parameter.
    """

    kind: EachKind
    component: str
    body: Expression
    depth: int = _depth()

    def __post_init__(self) -> None:
        self._set_depth()

    def children(self) -> tuple[Expression, ...]:
        return (self.body,)

    def evaluate(self, answers: Answers) -> Exact:
        raise TypeError(f"{print_expression(self)} has to be expanded first.")


@dataclass(frozen=True, slots=True)
class Instance:
    """One instance of a component: the component's own names -> those of the instance, and when it is in use.

    `when` None: always. `zero`: own parameters and quantities (as the component names them) that are 0 while the
    instance is not in use, as every group is: what is made of these alone needs no condition in a sum. `around`: those
    of the names that belong to what the instance is inside of, which may be there without it.
    """

    names: Mapping[str, str]
    when: Expression | None = None
    zero: frozenset[str] = frozenset()
    around: frozenset[str] = frozenset()


def holds(expression: Expression, answers: Answers) -> bool:
    """Whether the value is not 0. Raises DividedByZero."""
    return bool(expression.evaluate(answers))


def value(expression: Expression, answers: Answers) -> Fraction:
    """The exact value. Raises DividedByZero."""
    return Fraction(expression.evaluate(answers))


def names_in(expression: Expression) -> frozenset[tuple[str, str | None]]:
    """What the expression asks: (group, member), or (parameter, derived quantity or text, None)."""
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


# --- components ----------------------------------------------------------------------------------------------------


def expand(expression: Expression, instances: Callable[[str], Sequence[Instance]]) -> Expression:
    """The expression with all instances in the place of what asks a component; `instances` raises KeyError for others.

    Over the instances in use: a sum or count of none is 0, `all` of none 1, `any` of none 0, `min` and `max` of none 0.
    For `min` and `max` an instance is in use only if those before it are. Raises ValueError if it becomes too large.
    """
    if not any(isinstance(part, Each | Min | Max) for part in walk(expression)):
        return expression
    return _Expansion(instances).of(expression, {})


class _Expansion:
    def __init__(self, instances: Callable[[str], Sequence[Instance]]) -> None:
        self._instances = instances
        self._left = MAXIMUM_PARTS

    def of(self, expression: Expression, names: Mapping[str, str]) -> Expression:
        self._left -= 1
        if self._left < 0:
            raise ValueError(f"With all instances an expression has at most {MAXIMUM_PARTS:,} parts.")
        match expression:
            case Number():
                return expression
            case Member(group=group, name=name):
                return Member(names.get(group, group), name)
            case Parameter(name=name):
                return Parameter(names.get(name, name))
            case Length(name=name):
                return Length(names.get(name, name))
            case Each(kind=kind, component=component, body=body):
                found = self._instances(names.get(component, component))
                return self._each(kind, [(one, self.of(body, {**names, **one.names})) for one in found], body)
            case Min(operands=operands) | Max(operands=operands):
                if len(operands) == 2 and isinstance(operands[0], Parameter):
                    try:
                        found = self._instances(names.get(operands[0].name, operands[0].name))
                    except KeyError:
                        pass
                    else:
                        bodies = [(one, self.of(operands[1], {**names, **one.names})) for one in found]
                        return _extreme(type(expression), bodies)
        return rebuilt(expression, [self.of(child, names) for child in expression.children()])

    def _each(self, kind: EachKind, bodies: Sequence[tuple[Instance, Expression]], body: Expression) -> Expression:
        parts: list[Expression] = []
        for one, part in bodies:
            if kind is EachKind.COUNT:
                part = Not(Not(part)) if one.when is None else And((one.when, part))
            elif one.when is None or (kind is not EachKind.ALL and _vanishes(body, one)):
                pass
            elif kind is EachKind.SUM:
                part = When(one.when, part, _ZERO)
            else:
                part = Implies(one.when, part) if kind is EachKind.ALL else And((one.when, part))
            parts.append(part)
        several: dict[EachKind, type[_Several]] = {EachKind.ALL: And, EachKind.ANY: Or}
        if len(parts) > 1:
            return several.get(kind, Sum)(tuple(parts))
        if not parts:
            return Number(Fraction(kind is EachKind.ALL))
        return parts[0] if kind in (EachKind.SUM, EachKind.COUNT) else Not(Not(parts[0]))


def _extreme(kind: type[Min] | type[Max], bodies: Sequence[tuple[Instance, Expression]]) -> Expression:
    """The least or greatest over the first instances that are in use."""
    found: Expression = _ZERO
    for count in range(1, len(bodies) + 1):
        one = bodies[count - 1][0]
        parts = tuple(part for _, part in bodies[:count])
        value = parts[0] if count == 1 else kind(parts)
        found = value if one.when is None else _case(one.when, value, found)
    return found


def _case(condition: Expression, value: Expression, otherwise: Expression) -> Expression:
    """`when` in front of others, without another level."""
    if isinstance(otherwise, When):
        return Cases(((condition, value), (otherwise.condition, otherwise.yes)), otherwise.no)
    if isinstance(otherwise, Cases):
        return Cases(((condition, value), *otherwise.cases), otherwise.otherwise)
    return When(condition, value, otherwise)


def _vanishes(body: Expression, instance: Instance) -> bool:
    """Whether the body is 0 whenever the instance is not in use."""
    match body:
        case Member(group=group):
            return group in instance.names and group not in instance.around
        case Parameter(name=name):
            return name in instance.zero
        case Negative() | Ceil() | Floor():
            return _vanishes(body.operand, instance)
        case Product(operands=operands) | And(operands=operands):
            return any(_vanishes(part, instance) for part in operands) and not any(map(_divides, walk(body)))
        case Sum(operands=operands) | Or(operands=operands) | Min(operands=operands) | Max(operands=operands):
            return all(_vanishes(part, instance) for part in operands)
        case Quotient(left=left, right=right):
            return _vanishes(left, instance) and isinstance(right, Number) and right.value != 0
    return False


def _divides(part: Expression) -> bool:
    return isinstance(part, Quotient | Modulo)


def rebuilt(expression: Expression, parts: Sequence[Expression]) -> Expression:
    """The same kind of expression with other children."""
    match expression:
        case Comparison(comparator=comparator):
            return Comparison(parts[0], comparator, parts[1])
        case When():
            return When(parts[0], parts[1], parts[2])
        case Cases():
            return Cases(tuple(zip(parts[:-1:2], parts[1:-1:2], strict=True)), parts[-1])
        case _Several():
            return type(expression)(tuple(parts))
        case _Binary():
            return type(expression)(parts[0], parts[1])
        case _Unary():
            return type(expression)(parts[0])
    raise TypeError(f"{expression!r} is no expression.")


_ZERO: Final = Number(Fraction(0))

# --- building ------------------------------------------------------------------------------------------------------


def number_of(value: Exact) -> Expression:
    """A number as an expression; raises ValueError if it is no decimal of at most MAXIMUM_DIGITS places."""
    return Number(Fraction(value)) if value >= 0 else Negative(Number(Fraction(-value)))


def all_of(parts: Sequence[Expression]) -> Expression:
    """That all hold; of none: 1."""
    return _joined(And, parts, 1)


def any_of(parts: Sequence[Expression]) -> Expression:
    """That one holds; of none: 0."""
    return _joined(Or, parts, 0)


def sum_of(parts: Sequence[Expression]) -> Expression:
    """The sum; of none: 0."""
    return _joined(Sum, parts, 0)


def _joined(kind: type[And] | type[Or] | type[Sum], parts: Sequence[Expression], nothing: int) -> Expression:
    if not parts:
        return number_of(nothing)
    return parts[0] if len(parts) == 1 else kind(tuple(parts))


# --- reading -------------------------------------------------------------------------------------------------------

_GRAMMAR: Final = r"""
start: top

?top: ("when" top "then" top)+ "else" top -> when
    | implies
?implies: or_
    | or_ _ARROW implies
    | or_ BOTH or_ -> both
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
    | unary ((TIMES | MOD) unary)+ -> multiply
?unary: MINUS unary -> negative
    | atom
?atom: NUMBER -> number
    | NAME -> parameter
    | NAME "." NAME -> member
    | NAME _IN "{" NAME ("," NAME)* "}" -> among
    | EACH "(" NAME "," top ")" -> each
    | _MIN "(" top ("," top)+ ")" -> least
    | _MAX "(" top ("," top)+ ")" -> greatest
    | _CEIL "(" top ")" -> ceil
    | _FLOOR "(" top ")" -> floor
    | _LENGTH "(" NAME ")" -> length
    | "(" top ")"

_ARROW.2: "=>"
BOTH.2: "<=>"
EACH.2: /(sum|count|all|any)(?=[ \t\r\n]*\()/
_MIN.2: /min(?=[ \t\r\n]*\()/
_MAX.2: /max(?=[ \t\r\n]*\()/
_CEIL.2: /ceil(?=[ \t\r\n]*\()/
_FLOOR.2: /floor(?=[ \t\r\n]*\()/
_LENGTH.2: /length(?=[ \t\r\n]*\()/
_IN.2: /in(?=[ \t\r\n]*\{)/
COMPARATOR: "<=" | ">=" | "!=" | "=" | "<" | ">"
PLUS: "+"
MINUS: "-"
TIMES: "*" | "/"
MOD: "mod"
NUMBER: /[0-9]+(\.[0-9]+)?/
NAME: /[A-Za-z_][A-Za-z0-9_]*/
%ignore /[ \t\r\n]+/
"""


class _Build(Transformer[Token, Expression]):
    """Builds the tree while the parser reduces, so that nothing recurses over what is not yet known to be shallow."""

    def start(self, parts: list[Expression]) -> Expression:
        return parts[0]

    def when(self, parts: list[Expression]) -> Expression:
        if len(parts) == 3:
            return When(parts[0], parts[1], parts[2])
        return Cases(tuple(zip(parts[:-1:2], parts[1:-1:2], strict=True)), parts[-1])

    def implies(self, parts: list[Expression]) -> Expression:
        return Implies(parts[0], parts[1])

    def both(self, parts: list[Any]) -> Expression:
        left, token, right = parts
        if any(sum(1 for _ in islice(walk(side), _EQUIVALENT + 1)) > _EQUIVALENT for side in (left, right)):
            raise RuleSyntaxError(token.column or 1, "`<=>`", f"at most {_EQUIVALENT} parts on either side of it")
        return And((Implies(left, right), Implies(right, left)))

    def among(self, parts: list[Token]) -> Expression:
        group, *options = (str(part) for part in parts)
        members = tuple(Member(group, option) for option in options)
        return members[0] if len(members) == 1 else Or(members)

    def each(self, parts: list[Any]) -> Expression:
        return Each(EachKind(str(parts[0])), str(parts[1]), parts[2])

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
                kind = Quotient if times == "/" else Modulo
                factors = [kind(factors[0] if len(factors) == 1 else Product(tuple(factors)), part)]
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
    "BOTH": "<=>",
    "_IN": "in {",
    "LBRACE": "{",
    "RBRACE": "}",
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
        case Each(kind=kind, component=component, body=body):
            return f"{kind}({component}, {_at(body, _WHEN)})", _ATOM
        case Min() | Max():
            inside = ", ".join(_at(operand, _WHEN) for operand in expression.operands)
            return f"{type(expression).__name__.lower()}({inside})", _ATOM
        case Negative(operand=operand):
            return f"-{_at(operand, _UNARY)}", _UNARY
        case Product(operands=operands):
            # A quotient may stand first without parentheses, `a / b * c`; a product may not, it would be merged.
            first = _at(operands[0], _PRODUCT if isinstance(operands[0], Quotient | Modulo) else _UNARY)
            return " * ".join((first, *(_at(operand, _UNARY) for operand in operands[1:]))), _PRODUCT
        case Quotient(left=left, right=right):
            return f"{_at(left, _PRODUCT)} / {_at(right, _UNARY)}", _PRODUCT
        case Modulo(left=left, right=right):
            return f"{_at(left, _PRODUCT)} mod {_at(right, _UNARY)}", _PRODUCT
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
        case Cases(cases=cases, otherwise=otherwise):
            lines = [f"when {_at(condition, _WHEN)} then {_at(value, _WHEN)}" for condition, value in cases]
            return f"{' '.join(lines)} else {_at(otherwise, _WHEN)}", _WHEN
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
