"""Which variants cannot be priced or routed: every condition and formula of prices, parts and operations is asked.

The solver is asked for a variant in which something goes wrong; the one that it finds is priced and exploded in plain
Python, and what that says is the finding. Where no such variant exists, the case is proved to be covered.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction
from typing import Final

from catalog.components import all_texts, all_uploads
from catalog.factory import FactoryContent
from catalog.manufacturing import ManufacturingContent
from catalog.price import PriceListContent
from catalog.problems import N_, Path
from catalog.products import ProductContent
from catalog.shape import Finding
from catalog.state import formula_of, state
from catalog.uploads import MAXIMUM_ANSWER
from catalog.verify import facts_of, faults_of
from solver.configuration.bounds import Bound, bound
from solver.configuration.problem import (
    ConfigurationProblem,
    ExpressionRule,
    GroupId,
    IntegerParameter,
    InvalidProblem,
    ParameterId,
    RuleId,
    Variant,
)
from solver.configuration.question import Clock, OutOfTime
from solver.configuration.questions import ZERO, Questions, fails, zero
from solver.configuration.rules import (
    Comparator,
    Comparison,
    Expression,
    Length,
    Member,
    Not,
    Number,
    Or,
    Parameter,
    When,
    all_of,
    any_of,
    number_of,
    rebuilt,
    sum_of,
)

_ONE: Final = 5.0  # seconds for one question
_LIMIT: Final = 10**9  # of an amount
_MOST: Final = 10**6  # of a quantity, of minutes
_CASES: Final = 100_000  # problems of a case, so that a file cannot ask for ever


@dataclass(frozen=True, slots=True)
class Fault:
    """Something goes wrong in the variant `witness`; `section` of the file and `finding.path` say where."""

    section: str
    finding: Finding
    witness: Variant


@dataclass(frozen=True, slots=True)
class Unused:
    """A row, price item or operation whose condition holds in no variant."""

    section: str
    path: Path
    name: str


@dataclass(frozen=True, slots=True)
class Unsettled:
    """A question that time did not settle, or that cannot be stated exactly: nothing is said about it."""

    section: str
    path: Path


@dataclass(frozen=True, slots=True)
class Review:
    """What was asked and found. `asked`: questions in all; every one that is in no list is proved to be fine."""

    asked: int = 0
    faults: tuple[Fault, ...] = ()
    unused: tuple[Unused, ...] = ()
    unsettled: tuple[Unsettled, ...] = ()


def review(
    product: ProductContent,
    prices: PriceListContent | None,
    manufacturing: ManufacturingContent | None,
    factory: FactoryContent | None,
    *,
    seconds: float = 30.0,
    report: Callable[[int, int], None] = lambda _done, _total: None,
    stop: Callable[[], bool] = lambda: False,
) -> Review:
    """Review prices and routing of a product that has variants, for about `seconds`.

    Names in them exist (`verify`). A text is taken to have any length up to its maximum wherever it may be used.
    """
    stated = _Stated(product)
    cases = [*stated.prices(prices), *stated.manufacturing(manufacturing, factory)]
    return _Reviewer(stated, cases, prices, manufacturing, factory, Clock.of(seconds), report, stop).run()


@dataclass(frozen=True, slots=True)
class _Case:
    """`wrong` holds wherever something goes wrong at this place, and maybe elsewhere. `used`: it is a question whether
    the place is used at all, so that a variant is what is hoped for.
    """

    section: str
    path: Path
    wrong: Expression | None  # None: it cannot be stated
    used: str | None = None


@dataclass(slots=True)
class _Reviewer:
    stated: _Stated
    cases: Sequence[_Case]
    prices: PriceListContent | None
    made: ManufacturingContent | None
    factory: FactoryContent | None
    clock: Clock
    report: Callable[[int, int], None]
    stop: Callable[[], bool]
    faults: dict[tuple[str, Path], Fault] = field(default_factory=dict)
    unused: list[Unused] = field(default_factory=list)
    unsettled: list[Unsettled] = field(default_factory=list)

    def run(self) -> Review:
        possible = [case for case in self.cases if case.wrong is None or self.stated.can_hold(case.wrong)]
        ids = {id(case): RuleId(f"review:{number}") for number, case in enumerate(possible)}
        questions, lost = _questions(
            self.stated.problem, [(ids[id(case)], case.wrong) for case in possible if case.wrong is not None]
        )
        for done, case in enumerate(possible):
            self.report(done, len(possible))
            rule = ids[id(case)]
            if case.wrong is None or rule in lost or self.stop() or self.clock.left <= 0:
                self.unsettled.append(Unsettled(case.section, case.path))
                continue
            try:
                found = questions.find(
                    [*questions.own, rule], Clock.of(min(_ONE, self.clock.left))
                )
            except OutOfTime:
                self.unsettled.append(Unsettled(case.section, case.path))
            else:
                self._judge(case, found)
        for case in self.cases:
            if case.used is not None and case.wrong is not None and not self.stated.can_hold(case.wrong):
                self.unused.append(Unused(case.section, case.path, case.used))
        self.report(len(possible), len(possible))
        settled = [one for one in self.unsettled if (one.section, one.path) not in self.faults]
        return Review(len(self.cases), tuple(self.faults.values()), tuple(self.unused), tuple(dict.fromkeys(settled)))

    def _judge(self, case: _Case, found: Variant | None) -> None:
        if case.used is not None:
            if found is None:
                self.unused.append(Unused(case.section, case.path, case.used))
            return
        if found is None:
            return
        variant = self.stated.with_texts(found)
        here = False
        for section, finding in (*self._faults(variant), *_unanswered(case, self.stated, self.made, variant)):
            key = (section, finding.path)
            self.faults.setdefault(key, Fault(section, finding, variant))
            here |= section == case.section and finding.path[: len(case.path)] == case.path
        if not here:
            self.unsettled.append(Unsettled(case.section, case.path))

    def _faults(self, variant: Variant) -> Iterator[tuple[str, Finding]]:
        made = None if self._family_missing(variant) else self.made
        yield from faults_of(self.stated.product_problem, variant, self.prices, made, self.factory)

    def _family_missing(self, variant: Variant) -> bool:
        """Then it cannot be exploded, which has a finding of its own."""
        rows = self.made.routing if self.made is not None else ()
        return any(row.family_of is not None and not variant.chosen[GroupId(row.family_of)] for row in rows)


def _questions(
    problem: ConfigurationProblem, wanted: Sequence[tuple[RuleId, Expression]]
) -> tuple[Questions, frozenset[RuleId]]:
    """The questions, and those that the problem refuses: they might leave what can be reckoned exactly."""
    lost: set[RuleId] = set()
    while True:
        more = [ExpressionRule(rule, wrong) for rule, wrong in wanted if rule not in lost]
        try:
            return Questions(problem, more), frozenset(lost)
        except InvalidProblem as error:
            refused = RuleId(str(error).partition(": ")[0])
            if refused not in {rule.id for rule in more}:
                return Questions(problem), frozenset(rule for rule, _ in wanted)
            lost.add(refused)


def _unanswered(
    case: _Case, stated: _Stated, made: ManufacturingContent | None, variant: Variant
) -> Iterator[tuple[str, Finding]]:
    """An operation whose setup family is the answer to a question that this variant does not answer."""
    if made is None or case.path[:1] != ("routing",) or case.path[2:] != ("family_of",):
        return
    row = made.routing[int(case.path[1])]
    if row.family_of is not None and not variant.chosen[GroupId(row.family_of)]:
        message, wanted = N_("%(name)s has no answer in some variant"), N_("a group that is always answered then")
        yield "manufacturing", Finding(case.path, message, wanted, {"name": row.family_of})


# --- stating --------------------------------------------------------------------------------------------------------


class _Stated:
    """A product's problem, with the length of each text as one more number, and its cases."""

    def __init__(self, product: ProductContent) -> None:
        self.product_problem = state(product)
        asked, files = all_texts(product), all_uploads(product)
        self._texts = {text.id: max(limits.maximum_length for limits in text.limits) for text in asked}
        self._texts |= {upload.id: MAXIMUM_ANSWER for upload in files}
        lengths = [IntegerParameter(ParameterId(name), 0, most) for name, most in self._texts.items()]
        self.problem: ConfigurationProblem = replace(
            self.product_problem, parameters=(*self.product_problem.parameters, *lengths)
        )
        conditions = {text.id: text.requires for text in asked} | {one.id: one.when for one in files}
        required = [
            Or((_equal(Parameter(name), 0), self._formula(condition)))
            for name, condition in conditions.items()
            if condition is not None
        ]
        if required:
            rules = [ExpressionRule(RuleId(f"review:text{k}"), one) for k, one in enumerate(required)]
            self.problem = replace(self.problem, rules=(*self.problem.rules, *rules))
        self._known: dict[str, Bound] = {}
        for parameter in self.problem.parameters:
            self._known[parameter.id] = Bound(parameter.values[0], parameter.values[-1])
        for derived in self.problem.derived:
            self._known[derived.id] = bound(derived.expression, self._bound_of)

    def with_texts(self, found: Variant) -> Variant:
        """The variant with texts of the lengths that were found."""
        numbers = {name: number for name, number in found.numbers.items() if name not in self._texts}
        texts = {name: "x" * found.numbers[ParameterId(name)] for name in self._texts}
        return Variant(found.chosen, numbers, texts)

    def can_hold(self, expression: Expression) -> bool:
        """False if interval arithmetic alone shows that it never holds."""
        found = bound(expression, self._bound_of)
        return not found.low == found.high == 0

    def _bound_of(self, name: Member | Parameter) -> Bound:
        if isinstance(name, Parameter):
            return self._known[name.name]
        return Bound(*self.problem.group_by_id[GroupId(name.group)].span(name.name))

    def _formula(self, text: str) -> Expression:
        return _lengths(formula_of(self.product_problem, text))

    def _condition(self, text: str | None) -> Expression | None:
        return None if text is None else self._formula(text)

    # --- prices ---

    def prices(self, content: PriceListContent | None) -> Iterator[_Case]:
        """Amounts and costs that have no value or are too large, items that nobody pays, a price below 0."""
        if content is None:
            return
        terms: list[Expression] = []
        for index, item in enumerate(content.items):
            path: Path = ("items", index)
            chosen = None if item.chosen is None else Member(str(item.chosen[0]), str(item.chosen[1]))
            when, amount = self._condition(item.when), self._formula(item.amount)
            cost = self._condition(item.cost)
            applies = [part for part in (chosen, when) if part is not None]
            if when is not None:
                yield from self._zero("prices", (*path, "when"), [chosen], when)
            if applies:
                yield _case("prices", path, lambda applies=applies: all_of(applies), used=item.id)  # type: ignore[misc]
            for key, formula in (("amount", amount), ("cost", cost)):
                if formula is not None:
                    yield from self._zero("prices", (*path, key), applies, formula)
                    yield from self._outside("prices", (*path, key), applies, formula, -_LIMIT, _LIMIT)
            terms.append(amount if not applies else When(all_of(applies), amount, ZERO))
        total = sum_of(terms)
        half = Fraction(len(terms), 2 * 10**content.exponent)  # what rounding each item can come to
        for limit in (-half, half):  # surely below 0; maybe
            yield _case(
                "prices",
                ("items",),
                lambda limit=limit: Comparison(total, Comparator.LESS, number_of(limit)),  # type: ignore[misc]
            )

    # --- manufacturing ---

    def manufacturing(self, content: ManufacturingContent | None, factory: FactoryContent | None) -> Iterator[_Case]:
        """Quantities and minutes that cannot be, rows that nobody needs, parts that nobody takes, nobody who can."""
        if content is None:
            return
        for index, part in enumerate(content.bom):
            path: Path = ("bom", index)
            yield from self._row("manufacturing", path, part.component, part.when, "quantity", part.quantity, least=0)
        for index, row in enumerate(content.routing):
            path = ("routing", index)
            yield from self._row("manufacturing", path, row.operation, row.when, "minutes", row.minutes, least=None)
            condition = self._condition(row.when)
            for place, way in enumerate(row.alternatives):
                at: Path = (*path, "alternatives", place, "minutes")
                applies, minutes = [] if condition is None else [condition], self._formula(way.minutes)
                yield from self._zero("manufacturing", at, applies, minutes)
                yield from self._outside("manufacturing", at, applies, minutes, None, _MOST)
            group = self.problem.group_by_id.get(GroupId(row.family_of)) if row.family_of is not None else None
            if group is not None and group.may_be_empty:
                none = [Not(Member(group.id, option)) for option in group.options]
                when = self._condition(row.when)
                yield _case(
                    "manufacturing",
                    (*path, "family_of"),
                    lambda when=when, none=none: all_of([*([] if when is None else [when]), *none]),  # type: ignore[misc]
                )
        yield from self._no_operation(content)
        yield from self._taken(content)
        if factory is not None:
            yield from self._no_plant(content, factory)

    def _row(
        self, section: str, path: Path, name: str, when: str | None, key: str, formula: str, *, least: int | None
    ) -> Iterator[_Case]:
        condition, amount = self._condition(when), self._formula(formula)
        applies = [] if condition is None else [condition]
        if condition is not None:
            yield from self._zero(section, (*path, "when"), [], condition)
            yield _case(section, path, lambda: condition, used=name)
        yield from self._zero(section, (*path, key), applies, amount)
        yield from self._outside(section, (*path, key), applies, amount, least, _MOST)

    def _no_operation(self, content: ManufacturingContent) -> Iterator[_Case]:
        conditions = [self._condition(row.when) for row in content.routing]
        needed = [when for when in conditions if when is not None]
        if len(needed) == len(conditions):
            yield _case("manufacturing", ("routing",), lambda: all_of([fails(when) for when in needed]))

    def _taken(self, content: ManufacturingContent) -> Iterator[_Case]:
        """A counted part that is needed is taken by exactly one of the operations that are."""
        rows = {part.component: index for index, part in reversed((*enumerate(content.bom),))}
        for part in content.bom:
            if part.material is None:
                continue
            conditions = [self._condition(row.when) for row in content.routing if part.component in row.takes]
            always = sum(when is None for when in conditions)
            sometimes = [Not(Not(when)) for when in conditions if when is not None]
            if always == 1 and not sometimes:
                continue
            needed = self._needed(part.when, part.quantity)
            times = sum_of([Number(Fraction(always)), *sometimes])
            yield _case(
                "manufacturing",
                ("bom", rows[part.component], "component"),
                lambda needed=needed, times=times: all_of([*needed, Not(_equal(times, 1))]),  # type: ignore[misc]
            )

    def _needed(self, when: str | None, quantity: str) -> list[Expression]:
        condition = self._condition(when)
        needed = [] if condition is None else [condition]
        return [*needed, Comparison(self._formula(quantity), Comparator.GREATER, ZERO)]

    def _no_plant(self, content: ManufacturingContent, factory: FactoryContent) -> Iterator[_Case]:
        """Every plant lacks a line or a material that the variant needs."""
        lacking: list[list[Expression]] = []
        for plant in factory.plants:
            facts = facts_of(plant)
            lacks: list[Expression] = []
            for row in content.routing:
                condition = self._condition(row.when)
                needed = [] if condition is None else [condition]
                if not any(facts.stages.get(way.stage) for way in row.ways):
                    lacks.append(all_of(needed))
                for part in content.bom:
                    if part.component not in row.takes or part.material is None or part.material in facts.materials:
                        continue
                    lacks.append(all_of([*needed, *self._needed(part.when, part.quantity)]))
            lacking.append(lacks)
        if all(lacking) and sum(map(len, lacking)) <= _CASES:
            yield _case("manufacturing", ("routing",), lambda: all_of([any_of(lacks) for lacks in lacking]))

    # --- kinds of questions ---

    def _zero(
        self, section: str, path: Path, applies: Sequence[Expression | None], formula: Expression
    ) -> Iterator[_Case]:
        divisors = zero(self.problem, formula)
        if divisors is not None:
            parts = [part for part in applies if part is not None]
            yield _case(section, path, lambda: all_of([*parts, divisors]))

    def _outside(
        self,
        section: str,
        path: Path,
        applies: Sequence[Expression],
        formula: Expression,
        least: int | None,
        most: int,
    ) -> Iterator[_Case]:
        """The value is below `least` (None: 0 or less), or above `most`."""
        if least is None:
            low = Comparison(formula, Comparator.LESS_OR_EQUAL, ZERO)
        else:
            low = Comparison(formula, Comparator.LESS, number_of(Fraction(least)))
        high = Comparison(formula, Comparator.GREATER, number_of(Fraction(most)))
        yield _case(section, path, lambda: all_of([*applies, low]))
        yield _case(section, path, lambda: all_of([*applies, high]))


def _case(section: str, path: Path, wrong: Callable[[], Expression], *, used: str | None = None) -> _Case:
    try:
        return _Case(section, path, wrong(), used)
    except ValueError:  # more levels than an expression has
        return _Case(section, path, None, used)


def _lengths(expression: Expression) -> Expression:
    """The length of a text as the number of its name."""
    if isinstance(expression, Length):
        return Parameter(expression.name)
    children = expression.children()
    return rebuilt(expression, [_lengths(child) for child in children]) if children else expression





def _equal(expression: Expression, number: int) -> Expression:
    return Comparison(expression, Comparator.EQUAL, Number(Fraction(number)))

