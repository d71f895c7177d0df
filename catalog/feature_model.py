"""A feature model as UVL and FeatureIDE files state it: a tree of features, groups, and constraints across the tree."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from fractions import Fraction
from typing import Any, Final

MAXIMUM_LEVELS: Final = 40  # of one constraint's tree


@dataclass(frozen=True, slots=True)
class Fault:
    """What is wrong in a line (counted from 1; 0: the file as a whole). `file`: empty if there is only one."""

    line: int
    message: str
    file: str = ""

    def __str__(self) -> str:
        return said_at(self.file, self.line, self.message)


@dataclass(frozen=True, slots=True)
class Note:
    """What had to be assumed of a line, in a sentence."""

    line: int
    message: str
    file: str = ""

    def __str__(self) -> str:
        return said_at(self.file, self.line, self.message)


class ModelSyntaxError(ValueError):
    """The file is no feature model. `faults` has every fault that was found, in the order of the lines."""

    def __init__(self, faults: tuple[Fault, ...]) -> None:
        super().__init__("\n".join(str(fault) for fault in faults))
        self.faults = faults


class UvlSyntaxError(ModelSyntaxError):
    """The text is no UVL."""


class NotSupported(ValueError):
    """The file is right, but says what this reader cannot take. `left_out` has every such construct with its line."""

    def __init__(self, left_out: tuple[LeftOut, ...]) -> None:
        super().__init__("\n".join(str(one) for one in left_out))
        self.left_out = left_out


@dataclass(frozen=True, slots=True)
class LeftOut:
    """A construct that is not supported: its line, its name, and what the line says."""

    line: int
    construct: str
    text: str
    file: str = ""

    def __str__(self) -> str:
        return said_at(self.file, self.line, f"{self.construct}: {self.text}")


def said_at(file: str, line: int, message: str) -> str:
    """`file:line: message`, without what is not known."""
    places = [part for part in (file, str(line) if line else "") if part]
    return f"{':'.join(places)}: {message}" if places else message


class FeatureType(StrEnum):
    """What a feature has besides being chosen or not."""

    BOOLEAN = "Boolean"
    INTEGER = "Integer"
    REAL = "Real"
    STRING = "String"


class GroupKind(StrEnum):
    """How many of a group's features are chosen where its parent is."""

    MANDATORY = "mandatory"
    OPTIONAL = "optional"
    OR = "or"
    ALTERNATIVE = "alternative"
    CARDINALITY = "cardinality"


@dataclass(frozen=True, slots=True)
class Instances:
    """How often a chosen feature is there, each time with everything below it: `minimum` to `maximum` times."""

    minimum: int
    maximum: int


@dataclass(frozen=True, slots=True)
class Feature:
    """`attributes`: path ("price", "size.width") to value: bool, Fraction, str, or a tuple of these.

    `instances`: of a feature with a cardinality; None: it is there once.
    """

    name: str
    line: int
    type: FeatureType = FeatureType.BOOLEAN
    attributes: Mapping[str, Any] = field(default_factory=dict)
    abstract: bool = False
    hidden: bool = False
    parent: str | None = None
    file: str = ""
    instances: Instances | None = None


@dataclass(frozen=True, slots=True)
class FeatureGroup:
    """Where `parent` is chosen, `minimum` to `maximum` of `members` are; elsewhere none."""

    parent: str
    kind: GroupKind
    members: tuple[str, ...]
    line: int
    minimum: int
    maximum: int


class Operator(StrEnum):
    """What an operation does with its operands."""

    NOT = "!"
    AND = "&"
    OR = "|"
    IMPLIES = "=>"
    EQUIVALENT = "<=>"
    AT_MOST_ONE = "atmost1"
    EQUAL = "=="
    UNEQUAL = "!="
    LESS = "<"
    LESS_OR_EQUAL = "<="
    GREATER = ">"
    GREATER_OR_EQUAL = ">="
    PLUS = "+"
    MINUS = "-"
    TIMES = "*"
    DIVIDE = "/"
    NEGATIVE = "neg"


LOGICAL: Final = frozenset(
    {Operator.NOT, Operator.AND, Operator.OR, Operator.IMPLIES, Operator.EQUIVALENT, Operator.AT_MOST_ONE}
)
COMPARING: Final = frozenset(
    {
        Operator.EQUAL,
        Operator.UNEQUAL,
        Operator.LESS,
        Operator.LESS_OR_EQUAL,
        Operator.GREATER,
        Operator.GREATER_OR_EQUAL,
    }
)


TURNED: Final[Mapping[Operator, Operator]] = {
    Operator.LESS: Operator.GREATER,
    Operator.LESS_OR_EQUAL: Operator.GREATER_OR_EQUAL,
    Operator.GREATER: Operator.LESS,
    Operator.GREATER_OR_EQUAL: Operator.LESS_OR_EQUAL,
}  # what a comparison becomes when its sides change places


class TooDeep(ValueError):
    """A constraint of more than MAXIMUM_LEVELS levels."""

    def __init__(self) -> None:
        super().__init__(f"a constraint has at most {MAXIMUM_LEVELS} levels")


@dataclass(frozen=True, slots=True)
class Reference:
    """A feature, or one of its attributes, by the parts of its name."""

    path: tuple[str, ...]

    def __str__(self) -> str:
        return ".".join(self.path)


@dataclass(frozen=True, slots=True)
class NumberTerm:
    """A number."""

    value: Fraction


@dataclass(frozen=True, slots=True)
class TextTerm:
    """A text in quotes."""

    value: str


@dataclass(frozen=True, slots=True)
class Aggregate:
    """`sum`, `avg`, `len`, `floor` or `ceil` of a reference, perhaps only below a feature."""

    function: str
    references: tuple[Reference, ...]


@dataclass(frozen=True, slots=True)
class Operation:
    """An operator and its operands; `depth` counts levels."""

    operator: Operator
    operands: tuple[Term, ...]
    depth: int = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        deepest = 0
        for operand in self.operands:
            if type(operand) is Operation and operand.depth > deepest:
                deepest = operand.depth
        if deepest >= MAXIMUM_LEVELS:
            raise TooDeep
        object.__setattr__(self, "depth", deepest + 1)


Term = Reference | NumberTerm | TextTerm | Aggregate | Operation


def terms_in(term: Term) -> Iterator[Term]:
    """The term and all below it, from the left; what an aggregate is over is not among them."""
    waiting = [term]
    while waiting:
        part = waiting.pop()
        yield part
        if isinstance(part, Operation):
            waiting.extend(reversed(part.operands))


@dataclass(frozen=True, slots=True)
class Constraint:
    """What must hold, with the line and the words that say so."""

    line: int
    text: str
    term: Term
    file: str = ""


@dataclass(frozen=True, slots=True)
class FeatureModel:
    """A whole file, with what it imports put in. `features` is in the order of the file, the root first.

    `left_out`: what was not supported. `notes`: what a reader may not expect.
    """

    root: str
    features: Mapping[str, Feature]
    groups: tuple[FeatureGroup, ...]
    constraints: tuple[Constraint, ...]
    namespace: str | None = None
    levels: tuple[str, ...] = ()
    left_out: tuple[LeftOut, ...] = ()
    notes: tuple[Note, ...] = ()

    def below(self, name: str) -> frozenset[str]:
        """The feature and all below it."""
        children: dict[str, list[str]] = {}
        for feature in self.features.values():
            if feature.parent is not None:
                children.setdefault(feature.parent, []).append(feature.name)
        found, waiting = {name}, [name]
        while waiting:
            for child in children.get(waiting.pop(), ()):
                found.add(child)
                waiting.append(child)
        return frozenset(found)
