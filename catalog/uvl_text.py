"""What one text of UVL (Universal Variability Language) says, line by line.

Lines are put together and indented by a first pass, each is then read by a grammar: that of the language's parser
(Universal-Variability-Language/uvl-parser, UVLParser.g4).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from functools import lru_cache
from typing import Any, Final

from lark import Lark, Token, Transformer, UnexpectedCharacters, UnexpectedInput, UnexpectedToken, v_args
from lark.exceptions import VisitError

from catalog.feature_model import (
    Aggregate,
    Constraint,
    Fault,
    Feature,
    FeatureGroup,
    FeatureType,
    GroupKind,
    Instances,
    LeftOut,
    NumberTerm,
    Operation,
    Operator,
    Reference,
    Term,
    TextTerm,
    TooDeep,
    UvlSyntaxError,
)

MAXIMUM_SIZE: Final = 16_000_000  # characters of a file
MAXIMUM_LINE: Final = 50_000  # characters of a line
MAXIMUM_DIGITS: Final = 18  # before, and after, the decimal point
MAXIMUM_FAULTS: Final = 100  # that are listed
MAXIMUM_INSTANCES: Final = 200  # of a feature
TAB: Final = 8  # columns from one stop to the next

# --- lines ----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Line:
    number: int
    indent: int
    text: str


class Faults:
    """What is wrong in a file, or in several; raises as soon as there is too much."""

    def __init__(self, file: str = "", found: list[Fault] | None = None) -> None:
        self.file = file
        self.found: list[Fault] = [] if found is None else found

    def of(self, file: str) -> Faults:
        """The same list, for another file."""
        return Faults(file, self.found)

    def add(self, line: int, message: str) -> None:
        """Note a fault; raises UvlSyntaxError if it is one too many."""
        self.found.append(Fault(line, message, self.file))
        if len(self.found) >= MAXIMUM_FAULTS:
            self.raise_()

    def raise_(self) -> None:
        """Raise UvlSyntaxError if there is any."""
        if self.found:
            raise UvlSyntaxError(tuple(sorted(self.found, key=lambda fault: (fault.file, fault.line))))


_INNER: Final = "\v"  # a line break within a comment
_WORD: Final = r"[^\W\d][\w#§%?\\';]*"
_PIECE: Final = re.compile(rf"""{_WORD}|"[^"\r\n]*"|'[^'\r\n]*'|(?P<comment>//[^\r\n]*)|(?P<block>/\*)""")
_BRACKET: Final = re.compile(rf"""{_WORD}|"[^"]*"|'[^']*'|(?P<open>[({{\[])|(?P<close>[)}}\]])""")


def _without_comments(text: str, faults: Faults) -> str:
    """The text with its comments blotted out; lines stay where they are."""
    if "//" not in text and "/*" not in text:
        return text
    kept: list[str] = []
    position = 0
    while (found := _PIECE.search(text, position)) is not None:
        end = found.end()
        if found["comment"] is not None:
            kept.append(text[position : found.start()])
        elif found["block"] is not None:
            close = text.find("*/", end)
            if close < 0:
                faults.add(text.count("\n", 0, found.start()) + 1, "the comment that begins here never ends")
                close = len(text)
            kept.append(text[position : found.start()])
            # What is left of a line break within a comment: it counts as a line, but does not end one.
            kept.append(_INNER * text.count("\n", found.start(), close) or " ")
            end = close + 2
        else:
            kept.append(text[position:end])
        position = end
    kept.append(text[position:])
    return "".join(kept)


def _lines(text: str, faults: Faults) -> Iterator[_Line]:
    """Lines that say something; one that ends within brackets goes on in the next."""
    waiting: list[str] = []
    first, indent, opened, length = 0, 0, 0, 0
    following = 1
    for line in text.split("\n"):
        number, following = following, following + 1 + line.count(_INNER)
        bare = line.strip()
        if not bare:
            continue
        leading = line[: len(line) - len(line.lstrip())]
        if not waiting:
            first, length = number + leading.count(_INNER), 0
            indent = len(leading.replace(_INNER, "").expandtabs(TAB))
        bare = bare.replace(_INNER, " ")
        length += len(bare) + 1
        if length > MAXIMUM_LINE:
            faults.add(first, f"a line has at most {MAXIMUM_LINE:,} characters, all within its brackets counted")
            faults.raise_()
        if waiting or "(" in bare or "{" in bare or "[" in bare:
            for piece in _BRACKET.finditer(bare):
                opened += (piece["open"] is not None) - (piece["close"] is not None)
        waiting.append(bare)
        if opened <= 0:
            yield _Line(first, indent, " ".join(waiting))
            waiting, opened = [], 0
    if waiting:
        faults.add(first, "a bracket that opens here is never closed")


# --- the grammar of a line ------------------------------------------------------------------------------------------

_GRAMMAR: Final = rf"""
feature: [TYPE] reference ["cardinality" RANGE] [attributes]
attributes: "{{" [attribute ("," attribute)*] "}}"
?attribute: name -> flag
    | name value -> valued
    | "constraint" constraint -> constraint_one
    | "constraints" "[" [constraint ("," constraint)*] "]" -> constraint_many
?value: TRUTH -> truth
    | NUMBER -> number_value
    | MINUS NUMBER -> negative_value
    | TEXT -> text_value
    | QUOTED -> quoted_value
    | attributes
    | "[" [value ("," value)*] "]" -> vector

?constraint: equivalence
?equivalence: implication
    | equivalence "<=>" implication -> equivalent
?implication: disjunction
    | implication "=>" disjunction -> implies
?disjunction: conjunction
    | conjunction ("|" conjunction)+ -> any_of
?conjunction: negation
    | negation ("&" negation)+ -> all_of
?negation: "!" negation -> negate
    | comparison
?comparison: sum
    | sum COMPARATOR sum -> compare
?sum: product
    | product ((PLUS | MINUS) product)+ -> add
?product: unary
    | unary ((TIMES | DIVIDE) unary)+ -> multiply
?unary: MINUS unary -> negative
    | atom
?atom: NUMBER -> number
    | TEXT -> text
    | reference
    | FUNCTION "(" reference ("," reference)* ")" -> aggregate
    | "(" constraint ")"

reference: name ("." name)*
?name: WORD -> word
    | QUOTED -> quoted

level: LEVEL [LEVEL_PART]
imported: reference ["as" reference]

TYPE.2: /(Boolean|Integer|Real|String)(?=\s)/
TRUTH.2: /(true|false)(?![\w#])/
FUNCTION.2: /(sum|avg|len|floor|ceil)(?=\s*\()/
RANGE: /\[\s*[0-9]{{1,9}}\s*(\.\.\s*([0-9]{{1,9}}|\*)\s*)?\]/
COMPARATOR: "==" | "!=" | "<=" | ">=" | "<" | ">"
PLUS: "+"
MINUS: "-"
TIMES: "*"
DIVIDE: "/"
NUMBER: /[0-9]+(\.[0-9]+)?|\.[0-9]+/
TEXT: /'[^'\r\n]*'/
QUOTED: /"[^"\r\n]+"/
WORD: /{_WORD}/
LEVEL: /[A-Za-z]+(-[A-Za-z]+)*/
LEVEL_PART: /\.\s*([a-z-]+|\*)/
%ignore /[ \t\r]+/
"""


@dataclass(frozen=True, slots=True)
class _Stated:
    """A feature's line: what comes before, on and after its name."""

    type: str | None
    path: tuple[str, ...]
    cardinality: str | None
    attributes: dict[str, Any]
    constraints: tuple[Term, ...]


class _NotAValue(ValueError):
    """A value that cannot be: its words say why."""


@dataclass(slots=True)
class _Attributes:
    values: dict[str, Any] = field(default_factory=dict)
    constraints: list[Term] = field(default_factory=list)


@v_args(inline=True)
class _Build(Transformer[Token, Any]):
    """Builds terms while the parser reduces, so that nothing recurses over what is not yet known to be shallow."""

    def feature(self, kind: Any, name: Reference, cardinality: Any, attributes: _Attributes | None) -> _Stated:
        attributes = attributes or _Attributes()
        return _Stated(
            None if kind is None else str(kind),
            name.path,
            None if cardinality is None else str(cardinality),
            attributes.values,
            tuple(attributes.constraints),
        )

    def attributes(self, *parts: Any) -> _Attributes:
        found = _Attributes()
        for part in parts:
            if part is None:
                continue
            if isinstance(part, list):
                found.constraints.extend(part)
                continue
            key, value = part
            if isinstance(value, _Attributes):
                found.constraints.extend(value.constraints)
                found.values[key] = True
                found.values.update((f"{key}.{inner}", one) for inner, one in value.values.items())
            else:
                found.values[key] = value
        return found

    def flag(self, key: str) -> tuple[str, Any]:
        return key, True

    def valued(self, key: str, value: Any) -> tuple[str, Any]:
        return key, value

    def constraint_one(self, term: Term) -> list[Term]:
        return [term]

    def constraint_many(self, *terms: Term | None) -> list[Term]:
        return [term for term in terms if term is not None]

    def truth(self, token: Token) -> bool:
        return str(token) == "true"

    def number_value(self, token: Token) -> Fraction:
        return _number(str(token))

    def negative_value(self, _minus: Token, token: Token) -> Fraction:
        return -_number(str(token))

    def text_value(self, token: Token) -> str:
        return str(token)[1:-1]

    quoted_value = text_value

    def vector(self, *values: Any) -> tuple[Any, ...]:
        return tuple(value for value in values if value is not None)

    def word(self, token: Token) -> str:
        return str(token)

    def quoted(self, token: Token) -> str:
        return str(token)[1:-1]

    def reference(self, *names: str) -> Reference:
        return Reference(names)

    def number(self, token: Token) -> NumberTerm:
        return NumberTerm(_number(str(token)))

    def text(self, token: Token) -> TextTerm:
        return TextTerm(str(token)[1:-1])

    def aggregate(self, function: Token, *references: Reference) -> Aggregate:
        return Aggregate(str(function), references)

    def compare(self, left: Term, comparator: Token, right: Term) -> Operation:
        return Operation(Operator(str(comparator)), (left, right))

    def all_of(self, *parts: Term) -> Operation:
        return _joined(Operator.AND, parts)

    def any_of(self, *parts: Term) -> Operation:
        return _joined(Operator.OR, parts)

    def equivalent(self, left: Term, right: Term) -> Operation:
        return Operation(Operator.EQUIVALENT, (left, right))

    def implies(self, left: Term, right: Term) -> Operation:
        return Operation(Operator.IMPLIES, (left, right))

    def negate(self, part: Term) -> Operation:
        return Operation(Operator.NOT, (part,))

    def negative(self, _minus: Token, part: Term) -> Term:
        return NumberTerm(-part.value) if isinstance(part, NumberTerm) else Operation(Operator.NEGATIVE, (part,))

    def add(self, *parts: Any) -> Operation:
        signed = zip(parts[1::2], parts[2::2], strict=True)
        terms = (Operation(Operator.NEGATIVE, (part,)) if sign == "-" else part for sign, part in signed)
        return Operation(Operator.PLUS, (parts[0], *terms))

    def multiply(self, *parts: Any) -> Term:
        factors: list[Term] = [parts[0]]
        for sign, part in zip(parts[1::2], parts[2::2], strict=True):
            if sign == "*":
                factors.append(part)
            else:
                left = factors[0] if len(factors) == 1 else Operation(Operator.TIMES, tuple(factors))
                factors = [Operation(Operator.DIVIDE, (left, part))]
        return factors[0] if len(factors) == 1 else Operation(Operator.TIMES, tuple(factors))

    def level(self, major: Token, minor: Token | None) -> str:
        return str(major) + ("" if minor is None else str(minor).replace(" ", ""))

    def imported(self, name: Reference, alias: Reference | None) -> tuple[Reference, Reference]:
        return name, alias or name


def _joined(operator: Operator, parts: tuple[Term, ...]) -> Operation:
    """One operation, also of what stands in brackets: programs write (((a | b) | c) | d) as deep as it takes."""
    flat: list[Term] = []
    for part in parts:
        flat.extend(part.operands if isinstance(part, Operation) and part.operator is operator else (part,))
    return Operation(operator, tuple(flat))


def _number(text: str) -> Fraction:
    whole, _, places = text.partition(".")
    if len(whole) > MAXIMUM_DIGITS or len(places) > MAXIMUM_DIGITS:
        raise _NotAValue(f"a number has at most {MAXIMUM_DIGITS} digits before and after the point")
    return Fraction("0" + text)


@lru_cache(maxsize=1)
def _parser() -> Lark:
    return Lark(
        _GRAMMAR,
        parser="lalr",
        lexer="contextual",
        start=["feature", "constraint", "level", "imported", "reference"],
        transformer=_Build(),
        maybe_placeholders=True,
    )


def _parse(text: str, start: str) -> Any:
    """What the line says; raises _NotAValue with words that say what is wrong."""
    try:
        return _parser().parse(text, start=start)
    except TooDeep as deep:
        raise _NotAValue(str(deep)) from None
    except VisitError as error:
        raise _NotAValue(str(error.orig_exc)) from None
    except UnexpectedInput as error:
        raise _NotAValue(_in_words(text, error)) from None


_SHOWN: Final = {
    "$END": "the end of the line",
    "WORD": "a name",
    "QUOTED": "a name",
    "NUMBER": "a number",
    "TEXT": "a text in quotes",
    "COMPARATOR": "a comparison",
    "LPAR": "(",
    "RPAR": ")",
    "LBRACE": "{",
    "RBRACE": "}",
    "LSQB": "[",
    "RSQB": "]",
    "COMMA": ",",
    "DOT": ".",
    "VBAR": "|",
    "BANG": "!",
}


def _in_words(text: str, error: UnexpectedInput) -> str:
    if isinstance(error, UnexpectedToken):
        at_end = error.token.type == "$END"
        position = len(text) if at_end else error.token.start_pos or 0
        found, wanted = "the end" if at_end else f"`{str(error.token)[:40]}`", error.accepts or error.expected
    else:
        assert isinstance(error, UnexpectedCharacters)
        position = error.pos_in_stream or 0
        found, wanted = f"`{text[position]}`", error.allowed or set()
    shown = sorted({_SHOWN[name] for name in wanted if name in _SHOWN})
    expected = f", expected {' or '.join(shown)}" if 0 < len(shown) < 5 else ""
    return f"column {position + 1}: found {found}{expected}"


# --- the whole text -------------------------------------------------------------------------------------------------

_SECTIONS: Final = ("namespace", "include", "imports", "features", "constraints")
_PLAIN: Final = re.compile(r"[^\W\d]\w*")  # a feature that is nothing but its name
_GROUP: Final = re.compile(r"or|alternative|optional|mandatory|\[\s*(\d{1,9})\s*(?:(\.\.)\s*(\d{1,9}|\*)\s*)?\]")
_KEYWORDS: Final = frozenset({"or", "alternative", "optional", "mandatory"})


@dataclass(frozen=True, slots=True)
class Import:
    """A line of the imports: the names that lead to the file, what it is called here, and what the line says."""

    line: int
    path: tuple[str, ...]
    alias: str
    text: str


@dataclass(frozen=True, slots=True)
class UvlText:
    """What one text says by itself: names of imported features and those in constraints are not looked up.

    `size`: characters. `namespace`: its parts, none if the text states none.
    """

    file: str
    size: int
    root: str
    features: Mapping[str, Feature]
    groups: tuple[FeatureGroup, ...]
    constraints: tuple[Constraint, ...]
    imports: tuple[Import, ...]
    namespace: tuple[str, ...]
    levels: tuple[str, ...]
    left_out: tuple[LeftOut, ...]


@dataclass(slots=True)
class _Group:
    parent: str
    keyword: str
    line: int
    members: list[str] = field(default_factory=list)
    closed: bool = False


@dataclass(slots=True)
class _Frame:
    """A line of the tree that lines further in belong to."""

    indent: int
    within: str | _Group  # a feature's name, or a group
    inner: int = -1  # the indentation of what is right below, once known


class _Reader:
    def __init__(self, faults: Faults) -> None:
        self.faults = faults
        self.features: dict[str, Feature] = {}
        self.groups: list[_Group] = []
        self.constraints: list[Constraint] = []
        self.left_out: list[LeftOut] = []
        self.imports: list[Import] = []
        self.namespace: tuple[str, ...] = ()
        self.levels: list[str] = []
        self.root: str | None = None
        self._stack: list[_Frame] = []
        self._features_at: int | None = None

    def read(self, lines: Iterator[_Line]) -> None:
        """Every section."""
        section, outer = "", None
        seen: set[str] = set()
        for line in lines:
            if outer is None:
                outer = line.indent
            if line.indent <= outer:
                section = self._open(line, outer, seen)
            elif section == "features":
                self._add_tree_line(line)
            elif section == "constraints":
                self._add_constraint(line.number, line.text, line.text)
            elif section == "include":
                self._add_level(line)
            elif section == "imports":
                self._add_import(line)
            elif section == "namespace":
                self.faults.add(line.number, "a namespace is one line")
        if self.root is None and not self.faults.found:
            self.faults.add(self._features_at or 0, "there is no feature")
        self._end_groups()

    def _open(self, line: _Line, outer: int, seen: set[str]) -> str:
        word, _, rest = line.text.partition(" ")
        word, rest = (word, rest.strip()) if "\t" not in word else (line.text.split()[0], line.text.split(None, 1)[1])
        if line.indent != outer or word not in _SECTIONS or (rest and word != "namespace"):
            self.faults.add(line.number, f"found `{line.text[:40]}`, expected one of {', '.join(_SECTIONS)}")
            return ""
        if word in seen:
            self.faults.add(line.number, f"a second section {word}")
        seen.add(word)
        if word == "features":
            self._features_at = line.number
            self._stack = []
        elif word == "namespace":
            try:
                self.namespace = _parse(rest, "reference").path
            except _NotAValue as error:
                self.faults.add(line.number, str(error))
        return word

    def _add_level(self, line: _Line) -> None:
        try:
            self.levels.append(_parse(line.text, "level"))
        except _NotAValue:
            self.faults.add(line.number, f"found `{line.text[:40]}`, expected a language level")

    def _add_import(self, line: _Line) -> None:
        try:
            name, alias = _parse(line.text, "imported")
        except _NotAValue as error:
            self.faults.add(line.number, str(error))
            return
        if any(str(alias) == one.alias for one in self.imports):
            self.faults.add(line.number, f"a second import is called {alias}")
        self.imports.append(Import(line.number, name.path, str(alias), line.text))

    # --- the tree ---

    def _add_tree_line(self, line: _Line) -> None:
        stack = self._stack
        while stack and stack[-1].indent >= line.indent:
            stack.pop()
        if not stack:
            if self.root is not None:
                self.faults.add(line.number, f"`{line.text[:40]}` stands outside of the root feature {self.root}")
                return
            name = self._add_feature(line, None)
            self.root = name
            stack.append(_Frame(line.indent, name))
            return
        above = stack[-1]
        if above.inner not in (-1, line.indent):
            self.faults.add(line.number, f"indented by {line.indent}, but its neighbours by {above.inner}")
        above.inner = line.indent
        if isinstance(above.within, _Group):
            name = self._add_feature(line, above.within)
            stack.append(_Frame(line.indent, name))
        elif _GROUP.fullmatch(line.text):
            group = _Group(above.within, line.text, line.number)
            self.groups.append(group)
            stack.append(_Frame(line.indent, group))
        else:
            words = "or, alternative, optional, mandatory or [n..m]"
            self.faults.add(line.number, f"found `{line.text[:40]}` below a feature, expected {words}")
            stack.append(_Frame(line.indent, _Group(above.within, "optional", line.number)))

    def _add_feature(self, line: _Line, group: _Group | None) -> str:
        parent = None if group is None else group.parent
        if _PLAIN.fullmatch(line.text):
            name = line.text
            if name in _KEYWORDS:
                self.faults.add(line.number, f"found `{name}` where a feature is expected")
            feature = Feature(name, line.number, parent=parent, file=self.faults.file)
        else:
            found = self._stated(line, parent)
            if found is None:
                return f"\0{line.number}"  # what is below it can still be read
            feature = found
            name = feature.name
        if name in self.features:
            self.faults.add(line.number, f"{name} is in line {self.features[name].line} already")
            return name
        self.features[name] = feature
        if group is not None:
            group.members.append(name)
        return name

    def _stated(self, line: _Line, parent: str | None) -> Feature | None:
        try:
            stated: _Stated = _parse(line.text, "feature")
        except _NotAValue as error:
            self.faults.add(line.number, str(error))
            return None
        for term in stated.constraints:
            self.constraints.append(Constraint(line.number, line.text, term, self.faults.file))
        kind = FeatureType.BOOLEAN if stated.type is None else FeatureType(stated.type)
        abstract = stated.attributes.get("abstract") is True
        hidden = stated.attributes.get("hidden") is True
        return Feature(
            ".".join(stated.path),
            line.number,
            kind,
            stated.attributes,
            abstract,
            hidden,
            parent,
            self.faults.file,
            None if stated.cardinality is None else self._instances(line, kind, stated.cardinality),
        )

    def _instances(self, line: _Line, kind: FeatureType, cardinality: str) -> Instances | None:
        """How often the feature is there; None if that is once, or not supported."""
        low, _, high = cardinality.strip("[]").replace(" ", "").partition("..")
        minimum, maximum = int(low), int(low) if not high else MAXIMUM_INSTANCES + 1 if high == "*" else int(high)
        if minimum > maximum and high != "*":
            self.faults.add(line.number, f"cardinality {cardinality} cannot be kept")
        elif maximum > MAXIMUM_INSTANCES:
            self._leave_out(line, f"feature cardinality above {MAXIMUM_INSTANCES}")
        elif kind is not FeatureType.BOOLEAN and (minimum, maximum) != (1, 1):
            self._leave_out(line, f"feature cardinality of a {kind}")
        elif (minimum, maximum) != (1, 1):
            return Instances(minimum, maximum)
        return None

    def _leave_out(self, line: _Line, construct: str) -> None:
        self.left_out.append(LeftOut(line.number, construct, line.text, self.faults.file))

    def _end_groups(self) -> None:
        for group in self.groups:
            if not group.members and not self.faults.found:
                self.faults.add(group.line, f"the group {group.keyword} has no feature")

    def _add_constraint(self, number: int, text: str, shown: str) -> None:
        try:
            self.constraints.append(Constraint(number, shown, _parse(text, "constraint"), self.faults.file))
        except _NotAValue as error:
            self.faults.add(number, str(error))

    def frozen_groups(self) -> Iterator[FeatureGroup]:
        """The groups, with their numbers."""
        for group in self.groups:
            count = len(group.members)
            match = _GROUP.fullmatch(group.keyword)
            if match is not None and match[1] is not None:
                low = int(match[1])
                high = count if match[3] == "*" else int(match[3] or low)
                if low > high or low > count:
                    self.faults.add(group.line, f"{group.keyword} cannot be kept by {count} features")
                    continue
                kind = GroupKind.CARDINALITY
            else:
                kind = GroupKind(group.keyword)
                low, high = {
                    GroupKind.MANDATORY: (count, count),
                    GroupKind.OPTIONAL: (0, count),
                    GroupKind.OR: (1, count),
                    GroupKind.ALTERNATIVE: (1, 1),
                }[kind]
            yield FeatureGroup(group.parent, kind, tuple(group.members), group.line, low, min(high, count))


def read_text(text: str, faults: Faults) -> UvlText | None:
    """What a text of UVL says; None if `faults` has any, this text's among them (raises them if they are too many)."""
    if len(text) > MAXIMUM_SIZE:
        faults.add(0, f"a file has at most {MAXIMUM_SIZE:,} characters")
        return None
    text = text.removeprefix("\ufeff").replace("\r\n", "\n").replace("\r", "\n").replace(_INNER, " ")
    reader = _Reader(faults)
    reader.read(_lines(_without_comments(text, faults), faults))
    groups = () if faults.found else tuple(reader.frozen_groups())
    if faults.found:
        return None
    assert reader.root is not None
    return UvlText(
        faults.file,
        len(text),
        reader.root,
        reader.features,
        groups,
        tuple(reader.constraints),
        tuple(reader.imports),
        reader.namespace,
        tuple(reader.levels),
        tuple(reader.left_out),
    )
