"""Feature models and their constraints as UVL text. Reading what is printed gives a model that means the same."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from fractions import Fraction
from itertools import combinations
from typing import Any, Final

from catalog.feature_model import (
    Aggregate,
    Feature,
    FeatureGroup,
    FeatureModel,
    FeatureType,
    GroupKind,
    NumberTerm,
    Operation,
    Operator,
    Reference,
    Term,
    TextTerm,
)

_STRICT: Final = re.compile(r"[A-Za-z][A-Za-z0-9_]*")
_WORDS: Final = frozenset(
    {"include", "features", "imports", "namespace", "as", "constraint", "constraints", "cardinality"}
    | {"String", "Boolean", "Integer", "Real", "Type", "Arithmetic", "true", "false"}
    | {"len", "sum", "avg", "floor", "ceil", "or", "alternative", "optional", "mandatory"}
)
_INDENT: Final = "    "

# How tightly an operator binds.
_LEVELS: Final = {
    Operator.EQUIVALENT: 1,
    Operator.IMPLIES: 2,
    Operator.OR: 3,
    Operator.AND: 4,
    Operator.NOT: 5,
    Operator.EQUAL: 6,
    Operator.UNEQUAL: 6,
    Operator.LESS: 6,
    Operator.LESS_OR_EQUAL: 6,
    Operator.GREATER: 6,
    Operator.GREATER_OR_EQUAL: 6,
    Operator.PLUS: 7,
    Operator.TIMES: 8,
    Operator.DIVIDE: 8,
    Operator.NEGATIVE: 8,  # it is written as a product
}
_SIGNED: Final = 9
_ATOM: Final = 10


class CannotPrint(ValueError):
    """A name or text that UVL has no way to write."""


def print_name(name: str) -> str:
    """A name as UVL writes it: in quotes if it is not a plain word. Raises CannotPrint."""
    if _STRICT.fullmatch(name) and name not in _WORDS:
        return name
    if not name or any(sign in name for sign in '"\r\n'):
        raise CannotPrint(f"{name!r} cannot be written")
    return f'"{name}"'


def print_term(term: Term) -> str:
    """A constraint as UVL writes it."""
    return _print(term)[0]


def _at(term: Term, level: int) -> str:
    text, own = _print(term)
    return text if own >= level else f"({text})"


def _print(term: Term) -> tuple[str, int]:
    if isinstance(term, Reference):
        return ".".join(print_name(part) for part in term.path), _ATOM
    if isinstance(term, NumberTerm):
        return _number(term.value), _ATOM if term.value >= 0 else _SIGNED
    if isinstance(term, TextTerm):
        return _text(term.value), _ATOM
    if isinstance(term, Aggregate):
        inside = ", ".join(print_term(reference) for reference in term.references)
        return f"{term.function}({inside})", _ATOM
    if term.operator is Operator.AT_MOST_ONE:
        pairs = combinations(term.operands, 2)
        apart = [Operation(Operator.NOT, (Operation(Operator.AND, pair),)) for pair in pairs]
        if not apart:
            first = term.operands[0]
            return _print(Operation(Operator.OR, (first, Operation(Operator.NOT, (first,)))))
        return _print(apart[0] if len(apart) == 1 else Operation(Operator.AND, tuple(apart)))
    return _print_operation(term), _LEVELS[term.operator]


def _print_operation(term: Operation) -> str:
    operator, level = term.operator, _LEVELS[term.operator]
    first, rest = term.operands[0], term.operands[1:]
    if operator is Operator.NOT:
        inner = print_term(first)
        return f"!{inner}" if isinstance(first, Reference) or _is_not(first) else f"!({inner})"
    if operator is Operator.NEGATIVE:
        # A sign before anything but a number is in no published grammar.
        return f"-1 * {_at(first, level + 1)}"
    if operator is Operator.PLUS:
        text = _at(first, level + 1)
        for operand in rest:
            if isinstance(operand, Operation) and operand.operator is Operator.NEGATIVE:
                text += f" - {_at(operand.operands[0], level + 1)}"
            elif isinstance(operand, NumberTerm) and operand.value < 0:
                text += f" - {_number(-operand.value)}"
            else:
                text += f" + {_at(operand, level + 1)}"
        return text
    if operator in (Operator.AND, Operator.OR, Operator.TIMES):
        return f" {operator} ".join(_at(operand, level + 1) for operand in term.operands)
    if operator in (Operator.IMPLIES, Operator.EQUIVALENT, Operator.DIVIDE):
        return f" {operator} ".join((_at(first, level), *(_at(operand, level + 1) for operand in rest)))
    return f" {operator} ".join(_at(operand, level + 1) for operand in term.operands)


def _is_not(term: Term) -> bool:
    return isinstance(term, Operation) and term.operator is Operator.NOT


def _number(value: Fraction) -> str:
    if value < 0:
        return f"-{_number(-value)}"
    places, scaled = 0, value
    while scaled.denominator != 1:
        scaled, places = scaled * 10, places + 1
        if places > 18:
            raise CannotPrint(f"{value} is no decimal of at most 18 places")
    digits = str(scaled.numerator).rjust(places + 1, "0")
    return f"{digits[:-places]}.{digits[-places:]}" if places else digits


def _text(value: str) -> str:
    if any(sign in value for sign in "'\r\n"):
        raise CannotPrint(f"{value!r} cannot be written")
    return f"'{value}'"


def print_uvl(model: FeatureModel, comments: Sequence[str] = (), remarks: Mapping[int, str] | None = None) -> str:
    """A feature model as UVL text, with comments at its head and `remarks` above constraints (by their position).

    Raises CannotPrint.
    """
    lines = [f"// {line}" for comment in comments for line in comment.splitlines()]
    if model.namespace is not None:
        lines.extend((f"namespace {'.'.join(print_name(part) for part in model.namespace.split('.'))}", ""))
    if model.levels:
        lines.extend(("include", *(f"{_INDENT}{level}" for level in model.levels), ""))
    lines.append("features")
    lines.extend(_tree(model))
    if model.constraints:
        lines.extend(("", "constraints"))
    for position, constraint in enumerate(model.constraints):
        lines.extend(f"{_INDENT}// {line}" for line in (remarks or {}).get(position, "").splitlines())
        lines.append(f"{_INDENT}{print_term(constraint.term)}")
    return "\n".join(lines) + "\n"


def _tree(model: FeatureModel) -> Iterator[str]:
    below: dict[str, list[FeatureGroup]] = {}
    for group in model.groups:
        below.setdefault(group.parent, []).append(group)
    waiting: list[tuple[int, str | FeatureGroup]] = [(1, model.root)]
    while waiting:
        level, one = waiting.pop()
        if isinstance(one, str):
            yield f"{_INDENT * level}{_feature(model.features[one])}"
            waiting.extend((level + 1, group) for group in reversed(below.get(one, [])))
        else:
            word = one.kind if one.kind is not GroupKind.CARDINALITY else f"[{one.minimum}..{one.maximum}]"
            yield f"{_INDENT * level}{word}"
            waiting.extend((level + 1, member) for member in reversed(one.members))


def _feature(feature: Feature) -> str:
    words = [] if feature.type is FeatureType.BOOLEAN else [str(feature.type)]
    words.append(print_name(feature.name))
    if feature.instances is not None:
        words.append(f"cardinality [{feature.instances.minimum}..{feature.instances.maximum}]")
    attributes = {path: value for path, value in feature.attributes.items() if path not in ("abstract", "hidden")}
    parts = [word for word, held in (("abstract", feature.abstract), ("hidden", feature.hidden)) if held]
    parts.extend(_attributes(attributes))
    if parts:
        words.append("{" + ", ".join(parts) + "}")
    return " ".join(words)


def _attributes(attributes: dict[str, Any]) -> Iterator[str]:
    for path, value in attributes.items():
        names = path.split(".")
        if len(names) == 1:
            nested = any(other.startswith(path + ".") for other in attributes)
            if not (nested and value is True):  # the inner ones say it
                yield f"{print_name(path)} {_value(value)}"
        else:
            inner = f"{print_name(names[-1])} {_value(value)}"
            for name in reversed(names[:-1]):
                inner = f"{print_name(name)} {{{inner}}}"
            yield inner


def _value(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, Fraction):
        return _number(value)
    if isinstance(value, str):
        return _text(value)
    return "[" + ", ".join(_value(one) for one in value) + "]"
