"""FeatureIDE's XML files (plain and with attributes) into feature models.

Safe by refusal: a file with a document type, and so with entities, is not read. Nothing recurses over the file.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any, Final
from xml.parsers import expat

from catalog.feature_model import (
    Constraint,
    Fault,
    Feature,
    FeatureGroup,
    FeatureModel,
    GroupKind,
    LeftOut,
    ModelSyntaxError,
    NotSupported,
    Operation,
    Operator,
    Reference,
    Term,
    TooDeep,
)
from catalog.uvl_print import print_term

MAXIMUM_SIZE: Final = 16_000_000  # bytes of a file
MAXIMUM_NESTING: Final = 2_000  # elements within each other
MAXIMUM_FAULTS: Final = 100

_FEATURES: Final = frozenset({"and", "or", "alt", "feature"})
_RULES: Final = {
    "not": Operator.NOT,
    "conj": Operator.AND,
    "disj": Operator.OR,
    "imp": Operator.IMPLIES,
    "eq": Operator.EQUIVALENT,
    "atmost1": Operator.AT_MOST_ONE,
}
_OPERANDS: Final = {Operator.NOT: 1, Operator.IMPLIES: 2, Operator.EQUIVALENT: 2}
_QUIET: Final = frozenset({"description", "graphics", "tags"})  # words and places for people
_DECIMAL: Final = re.compile(r"[+-]?[0-9]{0,18}(\.[0-9]{0,18})?([eE][+-]?[0-9]{1,2})?")


class FeatureIdeSyntaxError(ModelSyntaxError):
    """The bytes are no FeatureIDE file."""


@dataclass(slots=True)
class _Element:
    tag: str
    line: int
    attributes: Mapping[str, str]
    children: list[_Element] = field(default_factory=list)
    text: list[str] = field(default_factory=list)
    term: Term | None = None  # what a rule's element says, once it is closed
    broken: bool = False


class _Reader:
    def __init__(self) -> None:
        self.faults: list[Fault] = []
        self.left_out: list[LeftOut] = []
        self.features: dict[str, Feature] = {}
        self.groups: list[FeatureGroup] = []
        self.constraints: list[Constraint] = []
        self.root: str | None = None
        self._open: list[_Element] = []
        self._parser = expat.ParserCreate()
        self._parser.StartElementHandler = self._start
        self._parser.EndElementHandler = self._end
        self._parser.CharacterDataHandler = self._characters
        self._parser.StartDoctypeDeclHandler = self._refuse
        self._parser.EntityDeclHandler = self._refuse
        self._parser.ExternalEntityRefHandler = self._refuse

    def read(self, data: bytes) -> None:
        try:
            self._parser.Parse(data, True)
        except expat.ExpatError as error:
            raise FeatureIdeSyntaxError((Fault(error.lineno, f"no XML: {expat.ErrorString(error.code)}"),)) from None

    def _fault(self, line: int, message: str) -> None:
        self.faults.append(Fault(line, message))
        if len(self.faults) >= MAXIMUM_FAULTS:
            raise FeatureIdeSyntaxError(tuple(self.faults))

    def _refuse(self, *_: object) -> int:
        line = self._parser.CurrentLineNumber
        raise FeatureIdeSyntaxError((Fault(line, "a document type or an entity is not allowed"),))

    def _start(self, tag: str, attributes: Mapping[str, str]) -> None:
        line = self._parser.CurrentLineNumber
        if len(self._open) >= MAXIMUM_NESTING:
            raise FeatureIdeSyntaxError((Fault(line, f"more than {MAXIMUM_NESTING} elements within each other"),))
        if not self._open and tag not in ("featureModel", "extendedFeatureModel"):
            raise FeatureIdeSyntaxError((Fault(line, f"found <{tag[:40]}>, expected <featureModel>"),))
        self._open.append(_Element(tag, line, attributes))

    def _characters(self, text: str) -> None:
        if self._open and self._open[-1].tag == "var":
            self._open[-1].text.append(text)

    def _end(self, _tag: str) -> None:
        element = self._open.pop()
        path = [above.tag for above in self._open]
        if "struct" in path:
            self._end_in_tree(element, path[-1])
        elif "constraints" in path:
            self._end_in_rules(element, path[-1])

    # --- the tree ---

    def _end_in_tree(self, element: _Element, above: str) -> None:
        parent = self._open[-1]
        if element.tag == "attribute":
            parent.children.append(element)
        elif element.tag in _FEATURES:
            self._add_feature(element)
            if above == "struct":
                if self.root is not None:
                    self._fault(element.line, f"a second root, {element.attributes.get('name')}")
                self.root = element.attributes.get("name")
            else:
                parent.children.append(element)
        elif element.tag not in _QUIET:
            self._fault(element.line, f"found <{element.tag[:40]}>, expected and, or, alt or feature")

    def _add_feature(self, element: _Element) -> None:
        name = element.attributes.get("name", "")
        if not name:
            self._fault(element.line, f"<{element.tag}> needs a name")
            return
        if name in self.features:
            self._fault(element.line, f"{name} is in line {self.features[name].line} already")
            return
        children = [child for child in element.children if child.tag in _FEATURES]
        if children and element.tag == "feature":
            self._fault(element.line, f"{name} is a <feature>, which has no features below it")
        self.features[name] = Feature(
            name,
            element.line,
            attributes=self._attributes(element),
            abstract=_is_true(element, "abstract"),
            hidden=_is_true(element, "hidden"),
        )
        self._add_groups(name, element, children)

    def _add_groups(self, name: str, element: _Element, children: list[_Element]) -> None:
        if element.tag != "and":
            kind = GroupKind.OR if element.tag == "or" else GroupKind.ALTERNATIVE
            self._add_group(name, element.line, kind, children)
            return
        needed = [child for child in children if _is_true(child, "mandatory")]
        self._add_group(name, element.line, GroupKind.MANDATORY, needed)
        self._add_group(name, element.line, GroupKind.OPTIONAL, [c for c in children if not _is_true(c, "mandatory")])

    def _add_group(self, parent: str, line: int, kind: GroupKind, children: list[_Element]) -> None:
        members = tuple(child.attributes.get("name", "") for child in children)
        if not members:
            return
        count = len(members)
        low = {GroupKind.MANDATORY: count, GroupKind.OPTIONAL: 0}.get(kind, 1)
        high = 1 if kind is GroupKind.ALTERNATIVE else count
        self.groups.append(FeatureGroup(parent, kind, members, line, low, high))

    def _attributes(self, element: _Element) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for child in element.children:
            if child.tag != "attribute" or "value" not in child.attributes:
                continue
            name, text = child.attributes.get("name", ""), child.attributes["value"].strip()
            kind = child.attributes.get("type", "string")
            if not name:
                self._fault(child.line, "<attribute> needs a name")
            elif kind == "boolean":
                found[name] = text == "true"
            elif kind in ("double", "long"):
                if not text:
                    continue
                number = _number(text)
                if number is None:
                    self._fault(child.line, f"{name} is no number of at most 18 digits: {text[:40]}")
                else:
                    found[name] = number
            else:
                found[name] = text
        return found

    # --- the rules ---

    def _end_in_rules(self, element: _Element, above: str) -> None:
        parent = self._open[-1]
        if element.tag in _QUIET:
            return
        if element.tag == "rule":
            if above == "constraints" and not element.broken:
                self._add_rule(element)
            return
        if element.tag == "var":
            element.term = Reference(("".join(element.text).strip(),))
        elif element.tag in _RULES:
            self._set_term(element)
        else:
            self.left_out.append(LeftOut(element.line, f"<{element.tag[:40]}> in a rule", element.tag[:40]))
            element.broken = True
        parent.broken = parent.broken or element.broken
        parent.children.append(element)

    def _set_term(self, element: _Element) -> None:
        operator = _RULES[element.tag]
        operands = [child.term for child in element.children if child.term is not None]
        wanted = _OPERANDS.get(operator)
        if element.broken:
            return
        if not operands or (wanted is not None and len(operands) != wanted):
            self._fault(element.line, f"<{element.tag}> has {len(operands)} parts, needs {wanted or 'some'}")
            element.broken = True
            return
        if operator in (Operator.AND, Operator.OR):
            flat: list[Term] = []
            for operand in operands:
                same = isinstance(operand, Operation) and operand.operator is operator
                flat.extend(operand.operands if same and isinstance(operand, Operation) else (operand,))
            operands = flat
        try:
            alone = len(operands) == 1 and operator in (Operator.AND, Operator.OR)
            element.term = operands[0] if alone else Operation(operator, tuple(operands))
        except TooDeep as deep:
            self._fault(element.line, str(deep))
            element.broken = True

    def _add_rule(self, rule: _Element) -> None:
        terms = [child.term for child in rule.children if child.term is not None]
        if len(terms) != 1:
            self._fault(rule.line, f"<rule> has {len(terms)} parts, needs 1")
            return
        self.constraints.append(Constraint(rule.line, print_term(terms[0]), terms[0]))


def _is_true(element: _Element, name: str) -> bool:
    return element.attributes.get(name) == "true"


def _number(text: str) -> Fraction | None:
    if not _DECIMAL.fullmatch(text) or not any(sign.isdigit() for sign in text.lower().partition("e")[0]):
        return None
    return Fraction(text if text[-1] != "." else text + "0")


def read_featureide(data: bytes, *, lenient: bool = False) -> FeatureModel:
    """The feature model of a FeatureIDE file.

    Raises FeatureIdeSyntaxError with every fault, or NotSupported with every element of a rule that is not known; if
    `lenient`, such rules, and those that ask a feature that is not there, are left out and listed in `left_out`.
    """
    if len(data) > MAXIMUM_SIZE:
        raise FeatureIdeSyntaxError((Fault(0, f"a file has at most {MAXIMUM_SIZE:,} bytes"),))
    reader = _Reader()
    reader.read(data)
    if reader.root is None and not reader.faults:
        reader.faults.append(Fault(0, "there is no feature"))
    kept: list[Constraint] = []
    for constraint in reader.constraints:
        unknown = _unknown(constraint.term, reader.features)
        if unknown is None:
            kept.append(constraint)
        elif lenient:
            reader.left_out.append(LeftOut(constraint.line, f"there is no feature {unknown}", constraint.text))
        else:
            reader.faults.append(Fault(constraint.line, f"there is no feature {unknown}"))
    if reader.faults:
        raise FeatureIdeSyntaxError(tuple(sorted(reader.faults, key=lambda fault: fault.line)))
    left_out = tuple(sorted(reader.left_out, key=lambda one: one.line))
    if left_out and not lenient:
        raise NotSupported(left_out)
    assert reader.root is not None
    parents = {member: group.parent for group in reader.groups for member in group.members}
    features = {
        feature.name: Feature(
            feature.name,
            feature.line,
            feature.type,
            feature.attributes,
            feature.abstract,
            feature.hidden,
            parents.get(feature.name),
        )
        for feature in sorted(reader.features.values(), key=lambda feature: feature.line)
    }
    ordered = {reader.root: features.pop(reader.root), **features}
    return FeatureModel(reader.root, ordered, tuple(reader.groups), tuple(kept), left_out=left_out)


def _unknown(term: Term, features: Mapping[str, Feature]) -> str | None:
    """A feature that the rule asks and that is not there."""
    waiting = [term]
    while waiting:
        part = waiting.pop()
        if isinstance(part, Reference) and part.path[0] not in features:
            return part.path[0]
        if isinstance(part, Operation):
            waiting.extend(part.operands)
    return None
