"""What a configuration problem is: option groups, integer parameters, derived quantities and rules, all frozen."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import product
from typing import Final, NewType, overload

from solver.configuration.bounds import Bound, TooLarge, bound
from solver.configuration.rules import (
    And,
    Comparator,
    Comparison,
    Each,
    Exact,
    Expression,
    Implies,
    Length,
    Member,
    Modulo,
    Not,
    Number,
    Or,
    Parameter,
    Quotient,
    Sum,
    all_of,
    any_of,
    names_in,
    number_of,
    texts_in,
    walk,
)

GroupId = NewType("GroupId", str)
OptionId = NewType("OptionId", str)
ParameterId = NewType("ParameterId", str)
RuleId = NewType("RuleId", str)

MAXIMUM_OPTIONS: Final = 10_000  # of a group
MAXIMUM_AMOUNT: Final = 2**53  # that any part of a rule can come to
# With the derived quantities that it names in their places, an expression has at most so many levels and parts.
MAXIMUM_NESTING: Final = 150
MAXIMUM_UNFOLDED: Final = 300_000
MAXIMUM_TOTAL: Final = 3_000_000  # parts that all rules together get so
_FACTORED: Final = 4  # columns of a table that may be empty, all of whose sets are written out


class InvalidProblem(ValueError):
    """The problem contradicts itself or names something that it does not have. The message begins with the id."""


@dataclass(frozen=True, slots=True)
class OptionGroup:
    """A question. Between `minimum` and `maximum` of its options are chosen (1..1: exactly one).

    `numbers` holds, for each attribute name, one integer per option (0 where an option is not named):
    `tyres.width` in a rule is the sum of that attribute over the options chosen in `tyres`.
    `when`: the question is asked only where this holds; elsewhere nothing is chosen, and every number is 0.
    """

    id: GroupId
    options: tuple[OptionId, ...]
    minimum: int = 1
    maximum: int = 1
    numbers: Mapping[str, Mapping[OptionId, int]] = field(default_factory=dict)
    when: Expression | None = None

    def __post_init__(self) -> None:
        known = frozenset(self.options)
        if not self.options or len(known) != len(self.options):
            raise InvalidProblem(f"{self.id}: needs at least one option, each named once.")
        if len(self.options) > MAXIMUM_OPTIONS:
            raise InvalidProblem(f"{self.id}: has {len(self.options):,} options, at most {MAXIMUM_OPTIONS:,} can be.")
        if not 0 <= self.minimum <= self.maximum <= len(self.options) or self.maximum == 0:
            raise InvalidProblem(f"{self.id}: need 0 <= minimum <= maximum <= {len(self.options)}, maximum > 0.")
        for attribute, values in self.numbers.items():
            if attribute in known:
                raise InvalidProblem(f"{self.id}.{attribute}: is both an option and a number.")
            if unknown := set(values) - known:
                raise InvalidProblem(f"{self.id}.{attribute}: unknown options {sorted(unknown)}.")
            if any(abs(number) > MAXIMUM_AMOUNT for number in values.values()):
                raise InvalidProblem(f"{self.id}.{attribute}: need numbers within +-2^53.")

    @property
    def single(self) -> bool:
        """Whether at most one option is chosen, so that a new choice takes the place of an old one."""
        return self.maximum == 1

    @property
    def exactly_one(self) -> bool:
        """Whether one option is chosen in every variant, no more and no less."""
        return self.minimum == self.maximum == 1 and self.when is None

    @property
    def may_be_empty(self) -> bool:
        """Whether some variant may have nothing chosen: by itself, or because the question is not asked."""
        return self.minimum == 0 or self.when is not None

    def span(self, attribute: str) -> tuple[int, int]:
        """The least and the greatest sum of the attribute that a choice can have; of an option: 0 and 1."""
        if attribute not in self.numbers:
            return 0, 1
        counts = sorted(self.numbers[attribute].get(option, 0) for option in self.options)
        low = high = least = most = 0
        sums = [(0, 0)] if self.may_be_empty else []
        for k in range(self.maximum):
            low, high = low + counts[k], high + counts[-k - 1]
            if k + 1 >= self.minimum:
                sums.append((low, high))
        least, most = min(low for low, _ in sums), max(high for _, high in sums)
        return least, most


class Stepped(Sequence[int]):
    """The numbers of a range and one more that is not among them, in order. Takes no memory, however many they are."""

    __slots__ = ("extra", "place", "range")

    def __init__(self, of: range, extra: int) -> None:
        self.range = of
        self.extra = extra
        # How many of the range are less.
        self.place = min(max(-((of.start - extra) // of.step), 0), len(of))

    def __len__(self) -> int:
        return len(self.range) + 1

    @overload
    def __getitem__(self, place: int) -> int: ...

    @overload
    def __getitem__(self, place: slice) -> Sequence[int]: ...

    def __getitem__(self, place: int | slice) -> int | Sequence[int]:
        if isinstance(place, slice):
            return tuple(self[k] for k in range(*place.indices(len(self))))
        if place < 0:
            place += len(self)
        if not 0 <= place < len(self):
            raise IndexError(place)
        if place == self.place:
            return self.extra
        return self.range[place - (place > self.place)]

    def __contains__(self, number: object) -> bool:
        return number == self.extra or number in self.range

    def __iter__(self) -> Iterator[int]:
        yield from self.range[: self.place]
        yield self.extra
        yield from self.range[self.place :]

    def index(self, number: int, start: int = 0, stop: int | None = None) -> int:
        """The position of the number; raises ValueError."""
        if number == self.extra:
            found = self.place
        else:
            found = self.range.index(number)
            found += found >= self.place
        if not start <= found < (len(self) if stop is None else stop):
            raise ValueError(f"{number} is not in that part.")
        return found

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Stepped) and (self.range, self.extra) == (other.range, other.extra)

    def __hash__(self) -> int:
        return hash((self.range, self.extra))

    def __repr__(self) -> str:
        return f"Stepped({self.range!r}, {self.extra})"


@dataclass(frozen=True, slots=True)
class IntegerParameter:
    """A number to enter: minimum, minimum + step, ... up to maximum (inclusive).

    `when`: it is asked for only where this holds; elsewhere it is `otherwise`. `unit`: what it counts, for people.
    """

    id: ParameterId
    minimum: int
    maximum: int
    step: int = 1
    when: Expression | None = None
    otherwise: int = 0
    unit: str = ""

    def __post_init__(self) -> None:
        if self.step < 1 or self.minimum > self.maximum or max(abs(self.minimum), abs(self.maximum)) > 10**9:
            raise InvalidProblem(f"{self.id}: need minimum <= maximum within +-10^9 and step >= 1.")
        if abs(self.otherwise) > 10**9:
            raise InvalidProblem(f"{self.id}: need its value where it is not asked for within +-10^9.")

    @property
    def asked(self) -> range:
        """Every number that may be entered where it is asked for."""
        return range(self.minimum, self.maximum + 1, self.step)

    @property
    def values(self) -> Sequence[int]:
        """Every number that it may be, `otherwise` included; sorted."""
        if self.when is None or self.otherwise in self.asked:
            return self.asked
        return Stepped(self.asked, self.otherwise)

    def places(self, low: int, high: int) -> tuple[int, int]:
        """The positions of the first and the last value from `low` to `high` (first > last if there is none)."""
        asked = self.asked
        first = min(max(-((asked.start - low) // asked.step), 0), len(asked))
        last = min(max((high - asked.start) // asked.step, -1), len(asked) - 1)
        if self.when is None or self.otherwise in asked:
            return first, last
        return first + (self.otherwise < low), last + (self.otherwise <= high)

    def intervals(self, first: int, last: int) -> tuple[tuple[int, int, int], ...]:
        """The values from position `first` to `last` (included) as (from, to, step): up to three."""
        values = self.values
        if not isinstance(values, Stepped) or not first <= values.place <= last:
            return ((values[first], values[last], self.step),)
        found = [(values.extra, values.extra, self.step)]
        if first < values.place:
            found.insert(0, (values[first], values[values.place - 1], self.step))
        if values.place < last:
            found.append((values[values.place + 1], values[last], self.step))
        return tuple(found)


@dataclass(frozen=True, slots=True)
class Derived:
    """A quantity with a name: what rules, prices, bills of materials and routings may ask for as a parameter."""

    id: str
    expression: Expression


@dataclass(frozen=True, slots=True)
class ExpressionRule:
    """A boolean expression that must hold (a top-level comparison is a linear rule)."""

    id: RuleId
    expression: Expression


@dataclass(frozen=True, slots=True)
class Within:
    """A cell of a table: the number lies between `low` and `high`, both included (None: no limit on that side)."""

    low: Exact | None = None
    high: Exact | None = None


Cell = OptionId | Within | None  # None: whatever is there


@dataclass(frozen=True, slots=True)
class TableRule:
    """The options chosen in `groups` must be one of `rows` (or none, if not `allowed`).

    Instead of `groups` and `rows`, `columns` may name groups, parameters and derived quantities, and the `cells` be
    options, intervals of numbers, or anything. Where nothing is chosen in a group of at most one (because it is not
    asked, or optional), every cell of its column fits if the rows are allowed, and none but None if they are not:
    what was not answered can neither break an allowed table nor complete a row that is forbidden.
    """

    id: RuleId
    groups: tuple[GroupId, ...] = ()
    rows: tuple[tuple[OptionId, ...], ...] = ()
    allowed: bool = True
    columns: tuple[str, ...] = ()
    cells: tuple[tuple[Cell, ...], ...] = ()

    def __post_init__(self) -> None:
        if bool(self.groups) == bool(self.columns) or (self.cells and not self.columns) or (self.rows and self.columns):
            raise InvalidProblem(f"{self.id}: need groups and rows, or columns and cells.")

    @property
    def names(self) -> tuple[str, ...]:
        """What the columns are about."""
        return self.columns or self.groups

    @property
    def lines(self) -> Sequence[Sequence[Cell]]:
        """The rows or cells."""
        return self.cells if self.columns else self.rows


Rule = ExpressionRule | TableRule


def when_id(name: str) -> RuleId:
    """The id of the rule that a group or parameter is answered exactly where it is asked."""
    return RuleId(f"{name}:when")


@dataclass(frozen=True, slots=True)
class Choose:
    """The buyer wants this option (chosen=False: does not want it)."""

    group: GroupId
    option: OptionId
    chosen: bool = True

    @property
    def question(self) -> str:
        """The id of the group."""
        return self.group


@dataclass(frozen=True, slots=True)
class Enter:
    """The buyer enters this number."""

    parameter: ParameterId
    value: int

    @property
    def question(self) -> str:
        """The id of the parameter."""
        return self.parameter


Decision = Choose | Enter


@dataclass(frozen=True, slots=True)
class Variant:
    """A complete configuration. `chosen` has every group, `numbers` every parameter, `texts` what was typed.

    A group that is not asked has the empty set, a parameter that is not asked for its `otherwise`.
    """

    chosen: Mapping[GroupId, frozenset[OptionId]]
    numbers: Mapping[ParameterId, int] = field(default_factory=dict)
    texts: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ConfigurationProblem:
    """Option groups, parameters, derived quantities and rules. Building it checks every name and every bound.

    `derived` may name each other in any order, but not in a circle; they are kept so that each comes after those that
    it names. `constraints` is all that must hold beside the groups' own limits: the rules, tables that are not plain
    (cells that are no options, groups that may be empty) as expressions, and one rule for each `when`.
    """

    groups: tuple[OptionGroup, ...]
    parameters: tuple[IntegerParameter, ...] = ()
    rules: tuple[Rule, ...] = ()
    derived: tuple[Derived, ...] = ()
    group_by_id: Mapping[GroupId, OptionGroup] = field(init=False, repr=False, compare=False)
    parameter_by_id: Mapping[ParameterId, IntegerParameter] = field(init=False, repr=False, compare=False)
    derived_by_id: Mapping[str, Derived] = field(init=False, repr=False, compare=False)
    constraints: tuple[Rule, ...] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "group_by_id", {g.id: g for g in self.groups})
        object.__setattr__(self, "parameter_by_id", {p.id: p for p in self.parameters})
        object.__setattr__(self, "derived_by_id", {d.id: d for d in self.derived})
        ids = [*(g.id for g in self.groups), *(p.id for p in self.parameters), *(d.id for d in self.derived)]
        if twice := _twice(ids):
            raise InvalidProblem(f"{twice}: two groups, parameters or derived quantities share this id.")
        names = _Names(self)
        names.check()
        object.__setattr__(self, "derived", _in_order(self.derived))
        object.__setattr__(self, "constraints", (*_constraints(self),))
        if twice := _twice([rule.id for rule in self.constraints]):
            raise InvalidProblem(f"{twice}: two rules share this id.")
        _Bounds(self, names.scans).check()

    def stated(self) -> Iterator[tuple[str, Expression]]:
        """Every expression of the problem with the id of what it belongs to."""
        for one in self.derived:
            yield one.id, one.expression
        for group in self.groups:
            if group.when is not None:
                yield group.id, group.when
        for parameter in self.parameters:
            if parameter.when is not None:
                yield parameter.id, parameter.when
        for rule in self.rules:
            if isinstance(rule, ExpressionRule):
                yield rule.id, rule.expression


def _twice(ids: Sequence[str]) -> str | None:
    seen: set[str] = set()
    for one in ids:
        if one in seen:
            return one
        seen.add(one)
    return None


# --- names ---------------------------------------------------------------------------------------------------------


@dataclass(slots=True)
class _Scan:
    """What one walk over an expression finds; there may be hundreds of thousands of them."""

    members: set[tuple[str, str]] = field(default_factory=set)
    numbers: list[str] = field(default_factory=list)  # parameters and derived quantities, as often as they occur
    size: int = 0
    logical: bool = True  # options and logic alone, if the members are options
    strange: bool = False  # texts or components


_LOGICAL: Final = frozenset({Member, Not, And, Or, Implies})


def _scan(expression: Expression) -> _Scan:
    found = _Scan()
    waiting = [expression]
    while waiting:
        part = waiting.pop()
        found.size += 1
        if isinstance(part, Member):
            found.members.add((part.group, part.name))
            continue
        if type(part) not in _LOGICAL:
            found.logical = False
            if isinstance(part, Parameter):
                found.numbers.append(part.name)
            elif isinstance(part, Length | Each):
                found.strange = True
        waiting.extend(part.children())
    return found


class _Names:
    """Every name that an expression or a table asks is one that the problem has."""

    def __init__(self, problem: ConfigurationProblem) -> None:
        self.problem = problem
        self.options = {group.id: frozenset(group.options) for group in problem.groups}
        self.scans: dict[int, _Scan] = {}  # by the id of the expression, which the problem keeps

    def check(self) -> None:
        for owner, expression in self.problem.stated():
            found = self.scans[id(expression)] = _scan(expression)
            self._check_expression(owner, expression, found)
        for rule in self.problem.rules:
            if isinstance(rule, TableRule):
                self._check_table(rule)

    def _check_expression(self, owner: str, expression: Expression, found: _Scan) -> None:
        if found.strange:
            if texts := texts_in(expression):
                raise InvalidProblem(f"{owner}: asks the texts {sorted(texts)}, and a rule cannot.")
            raise InvalidProblem(f"{owner}: asks a component, and has not been expanded.")
        unknown = [name for name in found.numbers if not self._is_number(name)]
        for group, name in found.members:
            options = self.options.get(GroupId(group))
            if options is None or name not in options:
                found.logical = False
                if options is None or name not in self.problem.group_by_id[GroupId(group)].numbers:
                    unknown.append(f"{group}.{name}")
        if unknown:
            raise InvalidProblem(f"{owner}: unknown name {min(unknown)}.")

    def _is_number(self, name: str) -> bool:
        return ParameterId(name) in self.problem.parameter_by_id or name in self.problem.derived_by_id

    def _check_table(self, rule: TableRule) -> None:
        width = len(rule.names)
        for number, line in enumerate(rule.lines, start=1):
            if len(line) != width:
                raise InvalidProblem(f"{rule.id}: row {number} has {len(line)} cells, every row needs {width}.")
        for column, name in enumerate(rule.names):
            group = self.problem.group_by_id.get(GroupId(name))
            if group is not None and not group.single:
                raise InvalidProblem(f"{rule.id}: {name} must be a group of at most one.")
            if group is None and (rule.groups or not self._is_number(name)):
                kind = "group" if rule.groups else "group, parameter or derived quantity"
                raise InvalidProblem(f"{rule.id}: unknown {kind} {name}.")
            for number, line in enumerate(rule.lines, start=1):
                cell = line[column]
                if cell is None:
                    continue
                if group is None and not isinstance(cell, Within):
                    raise InvalidProblem(f"{rule.id}: row {number}: {name} needs an interval, not {cell}.")
                if group is not None and (isinstance(cell, Within) or cell not in self.options[group.id]):
                    raise InvalidProblem(f"{rule.id}: row {number}: unknown option {name}.{cell}.")


def _in_order(derived: Sequence[Derived]) -> tuple[Derived, ...]:
    """Each after those that it names. Raises InvalidProblem for a circle."""
    by_id = {one.id: one for one in derived}
    needs = {
        one.id: [name for name, member in sorted(names_in(one.expression), key=str) if member is None and name in by_id]
        for one in derived
    }
    ordered: list[Derived] = []
    done: set[str] = set()
    for start in by_id:
        path: dict[str, Iterator[str]] = {}
        if start not in done:
            path[start] = iter(needs[start])
        while path:
            last = next(reversed(path))
            following = next(path[last], None)
            if following is None:
                del path[last]
                done.add(last)
                ordered.append(by_id[last])
            elif following in path:
                names = list(path)
                circle = [*names[names.index(following) :], following]
                raise InvalidProblem(f"{following}: is derived from itself: {' from '.join(circle)}.")
            elif following not in done:
                path[following] = iter(needs[following])
    return tuple(ordered)


# --- bounds --------------------------------------------------------------------------------------------------------


class _Bounds:
    """No part of any expression can leave what every engine computes exactly, nor nest too deeply."""

    def __init__(self, problem: ConfigurationProblem, scans: Mapping[int, _Scan]) -> None:
        self.problem = problem
        self.scans = scans
        self.known: dict[str, Bound] = {}
        self.levels: dict[str, int] = {}
        self.sizes: dict[str, int] = {}
        for parameter in problem.parameters:
            values = parameter.values
            self.known[parameter.id] = Bound(values[0], values[-1])

    def check(self) -> None:
        total = 0
        for one in self.problem.derived:
            scan = self.scans[id(one.expression)]
            self.levels[one.id], self.sizes[one.id] = self._unfolded(one.id, one.expression, scan)
            self.known[one.id] = self._bound(one.id, one.expression)
        for rule in self.problem.constraints:
            if isinstance(rule, TableRule):
                continue
            scan = self.scans.get(id(rule.expression)) or _scan(rule.expression)
            total += self._unfolded(rule.id, rule.expression, scan)[1] - scan.size
            if total > MAXIMUM_TOTAL:
                raise InvalidProblem(
                    f"{rule.id}: with the quantities that they name all rules have more than {MAXIMUM_TOTAL:,} parts."
                )
            if not scan.logical:
                self._bound(rule.id, rule.expression)

    def _unfolded(self, owner: str, expression: Expression, scan: _Scan) -> tuple[int, int]:
        """Levels and parts, with the derived quantities in the places of their names."""
        level = expression.depth + max((self.levels.get(name, 0) for name in scan.numbers), default=0)
        size = scan.size + sum(self.sizes.get(name, 0) for name in scan.numbers)
        for found, limit, what in ((level, MAXIMUM_NESTING, "levels"), (size, MAXIMUM_UNFOLDED, "parts")):
            if found > limit:
                raise InvalidProblem(f"{owner}: has more than {limit:,} {what} with the quantities that it names.")
        return level, size

    def _bound(self, owner: str, expression: Expression) -> Bound:
        try:
            return bound(expression, self._asked, MAXIMUM_AMOUNT)
        except TooLarge as error:
            raise InvalidProblem(f"{owner}: {error}; the limit is +-2^53.") from error

    def _asked(self, name: Member | Parameter) -> Bound:
        if isinstance(name, Parameter):
            return self.known[name.name]
        return Bound(*self.problem.group_by_id[GroupId(name.group)].span(name.name))


# --- what must hold -------------------------------------------------------------------------------------------------


def _constraints(problem: ConfigurationProblem) -> Iterator[Rule]:
    for rule in problem.rules:
        plain = isinstance(rule, ExpressionRule) or all(
            name in problem.group_by_id and problem.group_by_id[GroupId(name)].exactly_one for name in rule.groups
        )
        if isinstance(rule, ExpressionRule) or (rule.groups and plain):
            yield rule
        else:
            yield ExpressionRule(rule.id, _table(problem, rule))
    for group in problem.groups:
        if group.when is not None:
            yield ExpressionRule(when_id(group.id), _asked_group(group, group.when))
    for parameter in problem.parameters:
        if parameter.when is not None:
            yield ExpressionRule(when_id(parameter.id), _asked_parameter(parameter, parameter.when))


def _asked_group(group: OptionGroup, when: Expression) -> Expression:
    """Not asked: nothing is chosen. Asked: at least the minimum; the maximum always holds."""
    members = [Member(group.id, option) for option in group.options]
    nothing = Or((when, Not(any_of(members))))
    if group.minimum == 0:
        return nothing
    if group.minimum == 1:
        return And((nothing, Implies(when, any_of(members))))
    enough = Comparison(Sum(tuple(members)), Comparator.GREATER_OR_EQUAL, number_of(group.minimum))
    return And((nothing, Implies(when, enough)))


def _asked_parameter(parameter: IntegerParameter, when: Expression) -> Expression:
    """Not asked for: `otherwise`. Asked for: one of its numbers."""
    name, otherwise = Parameter(parameter.id), number_of(parameter.otherwise)
    unasked = Or((when, Comparison(name, Comparator.EQUAL, otherwise)))
    if parameter.otherwise in parameter.asked:
        return unasked
    return And((unasked, Implies(when, Comparison(name, Comparator.UNEQUAL, otherwise))))


def divisors(problem: ConfigurationProblem, expression: Expression) -> tuple[Expression, ...]:
    """Everything that is divided by and may be 0, in the derived quantities too; the innermost first."""
    waiting, derived = [expression], set[str]()
    found: list[Expression] = []
    while waiting:
        for part in walk(waiting.pop()):
            if isinstance(part, Quotient | Modulo) and not (isinstance(part.right, Number) and part.right.value):
                found.append(part.right)
            elif isinstance(part, Parameter) and part.name in problem.derived_by_id and part.name not in derived:
                derived.add(part.name)
                waiting.append(problem.derived_by_id[part.name].expression)
    return tuple(dict.fromkeys(reversed(found)))


def _table(problem: ConfigurationProblem, rule: TableRule) -> Expression:
    """Some row fits (or none does, if they are not allowed).

    Rows are asked in their order, cells from the left, until a row fits: whatever divides by 0 on the way, breaks the
    table. So where something may, no way of saying it leaves out a row that is asked, or asks one that is not.
    """
    if not rule.allowed:
        return Not(_some_row(rule, frozenset()))
    may_be_empty = [
        name for name in dict.fromkeys(rule.names) if name in problem.group_by_id and _group(problem, name).may_be_empty
    ]
    divides = any(divisors(problem, Parameter(name)) for name in rule.names if name in problem.derived_by_id)
    if divides or len(may_be_empty) > _FACTORED:
        return _some_row(rule, frozenset(), {name: _nothing(problem, name) for name in may_be_empty}, every=divides)
    # For each set of columns in which nothing is chosen: that it is so, and a row that fits in the others.
    ways: list[Expression] = []
    for chosen in product((False, True), repeat=len(may_be_empty)):
        empty = [name for name, skipped in zip(may_be_empty, chosen, strict=True) if skipped]
        ways.append(all_of([*(_nothing(problem, name) for name in empty), _some_row(rule, frozenset(empty))]))
    return any_of(ways)


def _some_row(
    rule: TableRule, skipped: frozenset[str], nothing: Mapping[str, Expression] | None = None, *, every: bool = False
) -> Expression:
    """Some row fits in the columns that are not skipped; where `nothing` holds, every cell does.

    `every`: the rows before one that always fits are asked all the same.
    """
    rows: dict[tuple[tuple[str, Cell], ...], None] = {}
    for line in rule.lines:
        cells = zip(rule.names, line, strict=True)
        rows[tuple((name, cell) for name, cell in cells if cell is not None and name not in skipped)] = None
    if () in rows and not every:
        return number_of(1)
    return any_of([all_of([part for name, cell in row for part in _fits(rule, name, cell, nothing)]) for row in rows])


def _fits(rule: TableRule, name: str, cell: Cell, nothing: Mapping[str, Expression] | None) -> list[Expression]:
    if isinstance(cell, Within):
        limits = ((cell.low, Comparator.GREATER_OR_EQUAL), (cell.high, Comparator.LESS_OR_EQUAL))
        try:
            return [Comparison(Parameter(name), sign, number_of(end)) for end, sign in limits if end is not None]
        except ValueError as error:
            raise InvalidProblem(f"{rule.id}: {name}: {error}") from error
    member = Member(name, str(cell))
    return [Or((member, nothing[name]))] if nothing and name in nothing else [member]


def _group(problem: ConfigurationProblem, name: str) -> OptionGroup:
    return problem.group_by_id[GroupId(name)]


def _nothing(problem: ConfigurationProblem, name: str) -> Expression:
    return Not(any_of([Member(name, option) for option in _group(problem, name).options]))



