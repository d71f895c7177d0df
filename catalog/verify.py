"""What is wrong with contents that have the right shape: names that do not exist, rules that leave nothing to choose,
parts that nobody takes, formulas that give nonsense. One function a subject; each yields everything it finds.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Container, Iterable, Iterator, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from fractions import Fraction
from importlib.resources import files

from babel.numbers import get_currency_precision, list_currencies

from catalog.cells import ANYTHING, BadCell, interval
from catalog.components import NUMBER, Made, Owner, all_texts, all_uploads, made, most_of
from catalog.content import MAXIMUM_CODE, parsed
from catalog.draw import compile_drawing
from catalog.explode import LineFact, NotMakeable, PlantFacts, components_of, explode
from catalog.factory import FactoryContent, LineContent, PlantContent
from catalog.manufacturing import ManufacturingContent
from catalog.price import PriceListContent, quote_price
from catalog.problems import N_, Path, Sentence
from catalog.products import (
    MAXIMUM_INSTANCES,
    ComponentContent,
    GroupContent,
    LookupContent,
    ParameterContent,
    PreferenceContent,
    ProductContent,
    QuantityContent,
    RuleContent,
    TextContent,
    UploadContent,
)
from catalog.reckon import Reckoning
from catalog.shape import Finding
from catalog.state import default_decisions, formula_of, names_asked, preset_decisions, state, text_limits, upload_asked
from solver.configuration.compile import CompiledProblem, VoidProblem, compile_problem
from solver.configuration.complete import complete
from solver.configuration.explain import Conflicting
from solver.configuration.problem import Choose, ConfigurationProblem, Decision, OptionGroup, Variant
from solver.configuration.question import OutOfTime
from solver.configuration.rules import (
    Answers,
    DividedByZero,
    Each,
    Expression,
    Length,
    Max,
    Member,
    Min,
    Parameter,
    RuleSyntaxError,
    holds,
    names_in,
    value,
    walk,
)
from solver.configuration.samples import sample
from solver.scheduling.problem import InvalidProblem as InvalidWorkOrder
from solver.scheduling.problem import LineId, MaterialId, PlantId, Second

SECONDS = 5.0  # for one question to the solver
COMPILING = 30.0  # for the first one, whether anything is valid
Compile = Callable[[ConfigurationProblem], CompiledProblem]
MAXIMUM_INSIDE = 20  # instances of a component in one of another
MAXIMUM_WRITTEN_OUT = 100_000  # options, rules and rows of all instances of all components
SAMPLE = 40  # valid variants whose price and work order are tried


# --- names ----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Names:
    """What rules and formulas of a product may name; `inside`: what each component may, its own names as it says them.

    `groups` and `parameters` (quantities too) have every instance of every component under its id in the product.
    """

    groups: Mapping[str, GroupContent]
    members: Mapping[str, frozenset[str]]  # options and numbers by group
    parameters: frozenset[str]
    texts: frozenset[str]
    components: frozenset[str]
    inside: dict[str, Names]
    uploads: frozenset[str] = frozenset()

    @classmethod
    def of(cls, product: ProductContent) -> Names:
        """The names of a product."""
        groups = {group.id: group for group in product.groups}
        numbers = {*_ids_of(product.parameters), *_ids_of(product.quantities), *_ids_of(product.lookups)}
        texts, uploads = {text.id for text in product.texts}, {upload.id for upload in product.uploads}
        for one in _made(product):
            groups |= {one.id_of(group.id): group for group in one.component.groups}
            numbers |= {one.id_of(name) for name in _numbers_of(one.component)}
            texts |= {one.id_of(text.id) for text in one.component.texts}
            uploads |= {one.id_of(upload.id) for upload in one.component.uploads}
        members = {name: _members(group) for name, group in groups.items()}
        components = frozenset(component.id for component in product.components)
        whole = cls(groups, members, frozenset(numbers), frozenset(texts), components, {}, frozenset(uploads))
        inside: dict[str, Names] = {}
        for component in product.components:
            inside[component.id] = within = whole._within(component)
            inside.update({inner.id: within._within(inner) for inner in component.components})
        for names in (whole, *inside.values()):
            names.inside.update(inside)
        return whole

    def _within(self, component: ComponentContent) -> Names:
        """What the component may name: these, its own, and those of what is inside it."""
        own = {group.id: group for group in component.groups}
        return Names(
            {**self.groups, **own},
            {**self.members, **{name: _members(group) for name, group in own.items()}},
            (self.parameters | _numbers_of(component)) - own.keys(),
            self.texts.union(text.id for text in component.texts),
            self.components.union(inner.id for inner in component.components),
            {},
            self.uploads.union(upload.id for upload in component.uploads),
        )

    @property
    def measured(self) -> frozenset[str]:
        """What has a length: a text its own, a file that was sent some length above 0."""
        return self.texts | self.uploads

    def is_group(self, name: str) -> bool:
        """Whether it is a group (and no number)."""
        return name in self.groups

    def problems(self, path: Path, formula: str | None, *, texts: bool = True) -> Iterator[Finding]:
        """Every name in the formula that does not exist, or may not be used here."""
        if formula is None:
            return
        lengths: set[tuple[str, str]] = set()
        found: set[tuple[str, str | None, str]] = set()
        for part, where in _scoped(parsed(formula), self.inside):
            match part:
                case Length(name=name):
                    lengths.add((name, where))
                case Member(group=group, name=member):
                    found.add((group, member, where))
                case Parameter(name=name):
                    found.add((name, None, where))
                case Each(component=component):
                    known = self.inside.get(where, self).components
                    if component not in known:
                        yield _unknown(path, component, known, N_("a component: %(known)s"))
        for name, where in sorted(lengths):
            known = self.inside.get(where, self).measured
            if name not in known:
                yield _unknown(path, name, known, N_("length() of a text: %(known)s"))
        if not texts and any(name in self.inside.get(where, self).measured for name, where in lengths):
            yield Finding(path, N_("a rule cannot depend on a text"), N_("groups and parameters only"))
        for name, asked, where in sorted(found, key=str):
            names = self.inside.get(where, self)
            if asked is None:
                yield from names._parameter(path, name)
            else:
                yield from names.member(path, name, asked)

    def member(self, path: Path, group: str, member: str) -> Iterator[Finding]:
        """What is wrong with `group.member`."""
        if group not in self.groups:
            yield _unknown(path, group, self.groups, N_("a group: %(known)s"))
        elif member not in self.members[group]:
            known = self.members[group]
            yield _unknown(path, f"{group}.{member}", [f"{group}.{name}" for name in known], N_("one of: %(known)s"))

    def answer(self, path: Path, name: str, answer: str) -> Iterator[Finding]:
        """What is wrong with an option of a group, or a number of a parameter, that is to be chosen."""
        if name in self.groups:
            options = [option.id for option in self.groups[name].options]
            if answer not in options:
                yield _unknown(path, answer, options, N_("an option: %(known)s"))
        elif name not in self.parameters:
            yield _unknown(path, name, [*self.groups, *self.parameters], N_("a group or parameter: %(known)s"))
        elif not _WHOLE.fullmatch(answer):
            yield Finding(path, N_("%(found)s cannot be entered"), N_("a whole number"), {"found": answer})

    def _parameter(self, path: Path, name: str) -> Iterator[Finding]:
        if name in self.parameters:
            return
        if name in self.groups:
            wanted = N_("an option or number of the group: %(known)s")
            yield _unknown(path, name, [f"{name}.{member}" for member in self.members[name]], wanted)
        elif name in self.measured:
            yield Finding(path, N_("%(name)s is a text"), N_("length(%(name)s)"), {"name": name})
        elif name in self.components:
            wanted = N_("sum(%(name)s, ...), count, all, any, min or max")
            yield Finding(path, N_("%(name)s is a component"), wanted, {"name": name})
        else:
            known = [*self.parameters, *self.groups]
            yield _unknown(path, name, known, N_("a parameter, or group.option: %(known)s"))


_WHOLE = re.compile(r"-?\d{1,10}")


def _ids_of(
    named: Iterable[ParameterContent] | Iterable[QuantityContent] | Iterable[LookupContent],
) -> Iterator[str]:
    return (one.id for one in named)


def _numbers_of(component: ComponentContent) -> set[str]:
    return {*_ids_of(component.parameters), *_ids_of(component.quantities), *_ids_of(component.lookups), NUMBER}


def _members(group: GroupContent) -> frozenset[str]:
    return frozenset(o.id for o in group.options) | {n for o in group.options for n in o.numbers}


def _made(product: ProductContent) -> Iterator[Made]:
    """Every instance, as far as the counts make sense, so that the rest can still be judged."""
    return made(product, _instances)


def _instances(component: ComponentContent, owner: Owner) -> int:
    """How many instances there can be; 1 where that is not known, and where there are too many of them together."""
    try:
        most = most_of(component, owner)
    except KeyError:
        most = component.maximum or 1
    inner = isinstance(owner, ComponentContent)
    return min(most, MAXIMUM_INSIDE if inner else MAXIMUM_INSTANCES)


def _scoped(expression: Expression, components: Container[str], where: str = "") -> Iterator[tuple[Expression, str]]:
    """Every part of an expression with the component in whose names it speaks ("": the product's own)."""
    waiting = [(expression, where)]
    while waiting:
        part, inside = waiting.pop()
        match part:
            case Each(component=component):
                yield part, inside
                waiting.append((part.body, component))
            case Min(operands=(Parameter(name=name), body)) | Max(operands=(Parameter(name=name), body)) if (
                name in components
            ):
                waiting.append((body, name))
            case _:
                yield part, inside
                waiting += [(child, inside) for child in part.children()]


def _unknown(path: Path, name: str, known: Iterable[str], wanted: str) -> Finding:
    """A name that does not exist, and the nearest ones that do."""
    return Finding(path, N_("%(name)s does not exist"), wanted, {"name": name, "known": _nearest(name, known)})


def _nearest(name: str, known: Iterable[str]) -> str:
    everything = sorted(set(known))
    close = get_close_matches(name, everything, n=3, cutoff=0.5)
    rest = [one for one in everything if one not in close][: 8 - len(close)]
    return ", ".join([*close, *rest]) or "-"


def _twice(path: Path, key: str, names: Iterable[str]) -> Iterator[Finding]:
    seen: set[str] = set()
    for index, name in enumerate(names):
        if name in seen:
            yield Finding((*path, index, key), N_("%(name)s is given twice"), N_("each name once"), {"name": name})
        seen.add(name)


# --- product --------------------------------------------------------------------------------------------------------


def product_problems(product: ProductContent) -> Iterator[Finding]:
    """What contradicts inside a product, as far as it can be seen without solving."""
    names = Names.of(product)
    yield from _ids(product)
    yield from _steps(product)
    for index, group in enumerate(product.groups):
        yield from _group(("groups", index), group)
    yield from _parameters((), product.parameters)
    yield from _asked((), product.groups, product.parameters, names)
    yield from _texts((), product.texts, names)
    yield from _uploads((), product.uploads, names)
    yield from _reckoned((), product.quantities, product.lookups, names)
    yield from _rules((), product.rules, names)
    yield from _components(product, names)
    yield from _circles(product)
    yield from _presets(product, names)
    yield from _needs_asked(product, names)
    yield from _preferences((), product.preferences, names)


def _ids(product: ProductContent) -> Iterator[Finding]:
    yield from _twice(("steps",), "id", (step.id for step in product.steps))
    yield from _twice(("presets",), "id", (preset.id for preset in product.presets))
    yield from _twice(("rules",), "id", (rule.id for rule in product.rules))
    owner = dict.fromkeys((rule.id for rule in product.rules), "rules")
    yield from _written_out_ids(product, "rules", owner)
    owner = {}
    for kind in (*_NAMED, "texts", "uploads", "components"):
        yield from _own_ids((), kind, [one.id for one in getattr(product, kind)], owner)
    for index, component in enumerate(product.components):
        inner = {**owner, NUMBER: "quantities"}  # a name of the product would be out of reach inside
        for kind in (*_NAMED, "texts", "uploads", "components"):
            yield from _own_ids(("components", index), kind, [one.id for one in getattr(component, kind)], inner)
        for place, deeper in enumerate(component.components):
            innermost = dict(inner)
            for kind in (*_NAMED, "texts", "uploads"):
                path: Path = ("components", index, "components", place)
                yield from _own_ids(path, kind, [one.id for one in getattr(deeper, kind)], innermost)
    for kind in (*_NAMED, "texts", "uploads"):
        yield from _written_out_ids(product, kind, owner)


_NAMED = ("groups", "parameters", "quantities", "lookups")  # what rules and formulas name


def _own_ids(path: Path, kind: str, ids: Iterable[str], owner: dict[str, str]) -> Iterator[Finding]:
    for index, name in enumerate(ids):
        if name in owner:
            message = N_("%(name)s is already the id of one of the %(kind)s")
            values = {"name": name, "kind": owner[name]}
            yield Finding((*path, kind, index, "id"), message, N_("another id"), values)
        owner.setdefault(name, kind)


def _written_out_ids(product: ProductContent, kind: str, owner: Mapping[str, str]) -> Iterator[Finding]:
    """The id of every instance is a code of its own."""
    told: set[Path] = set()
    places = {id(component): path for path, component, _ in _every(product)}
    for instance in _made(product):
        for index, one in enumerate(getattr(instance.component, kind)):
            path: Path = (*places[id(instance.component)], kind, index, "id")
            name = instance.id_of(one.id)
            if path in told:
                continue
            if len(name) > MAXIMUM_CODE:
                told.add(path)
                wanted = N_("at most %(most)s characters with its component")
                yield Finding(path, N_("the id becomes %(name)s"), wanted, {"name": name, "most": MAXIMUM_CODE})
            elif name in owner:
                told.add(path)
                message = N_("%(name)s is already the id of one of the %(kind)s")
                yield Finding(path, message, N_("another id"), {"name": name, "kind": owner[name]})


def _every(product: ProductContent) -> Iterator[tuple[Path, ComponentContent, Owner]]:
    """Every component with its place in the file and what it is in."""
    for index, component in enumerate(product.components):
        yield ("components", index), component, product
        for place, inner in enumerate(component.components):
            yield ("components", index, "components", place), inner, component


def _steps(product: ProductContent) -> Iterator[Finding]:
    known = {step.id for step in product.steps}
    used: set[str] = set()
    for kind in ("groups", "parameters", "texts", "uploads"):
        yield from _in_steps((kind,), (one.step for one in getattr(product, kind)), known, used)
    for path, component, _ in _every(product):
        for kind in ("groups", "parameters", "texts", "uploads"):
            yield from _in_steps((*path, kind), (one.step for one in getattr(component, kind)), known, used)
    for index, one in enumerate(product.steps):
        if one.id not in used:
            yield Finding(("steps", index, "id"), N_("the step asks nothing"), N_("a group, parameter or text in it"))


def _in_steps(path: Path, steps: Iterable[str], known: set[str], used: set[str]) -> Iterator[Finding]:
    for index, step in enumerate(steps):
        used.add(step)
        if step not in known:
            yield _unknown((*path, index, "step"), step, known, N_("a step: %(known)s"))


def _asked(
    path: Path, groups: Iterable[GroupContent], parameters: Iterable[ParameterContent], names: Names
) -> Iterator[Finding]:
    for index, group in enumerate(groups):
        yield from names.problems((*path, "groups", index, "when"), group.when, texts=False)
    for index, parameter in enumerate(parameters):
        yield from names.problems((*path, "parameters", index, "when"), parameter.when, texts=False)
        if parameter.when is None and parameter.otherwise:
            at = (*path, "parameters", index, "otherwise")
            yield Finding(at, N_("the parameter is always asked for"), N_("otherwise only beside when"))


def _uploads(above: Path, uploads: Iterable[UploadContent], names: Names) -> Iterator[Finding]:
    for index, upload in enumerate(uploads):
        yield from names.problems((*above, "uploads", index, "when"), upload.when, texts=False)


def _texts(above: Path, texts: Iterable[TextContent], names: Names) -> Iterator[Finding]:
    for index, text in enumerate(texts):
        path: Path = (*above, "texts", index)
        yield from names.problems((*path, "requires"), text.requires, texts=False)
        for place, pattern in enumerate(text.patterns):
            yield from names.problems((*path, "patterns", place, "when"), pattern.when, texts=False)
        for place, limits in enumerate(text.limits):
            if limits.minimum_length > limits.maximum_length:
                at = path if place == len(text.patterns) else (*path, "patterns", place)
                message, wanted = N_("the minimum is above the maximum"), N_("at most %(most)s")
                yield Finding((*at, "minimum_length"), message, wanted, {"most": limits.maximum_length})


def _reckoned(
    path: Path, quantities: Iterable[QuantityContent], lookups: Iterable[LookupContent], names: Names
) -> Iterator[Finding]:
    for index, quantity in enumerate(quantities):
        yield from names.problems((*path, "quantities", index, "formula"), quantity.formula, texts=False)
    for index, lookup in enumerate(lookups):
        at: Path = (*path, "lookups", index)
        yield from names.problems((*at, "otherwise"), lookup.otherwise, texts=False)
        good = True
        for finding in _columns((*at, "columns"), lookup.columns, names):
            good = False
            yield finding
        seen: dict[tuple[str, ...], int] = {}
        for number, row in enumerate(lookup.rows):
            where: Path = (*at, "rows", number)
            if len(row) != len(lookup.columns) + 1:
                message, wanted = N_("the row has %(count)s cells"), N_("%(columns)s: one a column, and the value")
                yield Finding(where, message, wanted, {"count": len(row), "columns": len(lookup.columns) + 1})
                continue
            if good:
                yield from _cells(where, lookup.columns, row[:-1], names)
            if (first := seen.setdefault(row[:-1], number)) != number:
                message = N_("row %(first)s has the same cells")
                yield Finding(where, message, N_("each combination once"), {"first": first + 1})
            try:
                yield from names.problems((*where, len(row) - 1), row[-1], texts=False)
            except RuleSyntaxError as error:
                values = {"column": error.column, "found": error.found, "wanted": error.expected}
                yield Finding((*where, len(row) - 1), N_("column %(column)s: found %(found)s"), "%(wanted)s", values)


def _components(product: ProductContent, names: Names) -> Iterator[Finding]:
    size = 0
    for path, component, owner in _every(product):
        yield from _count(path, component, owner)
        inside = names.inside[component.id]
        for place, group in enumerate(component.groups):
            yield from _group((*path, "groups", place), group)
        yield from _parameters(path, component.parameters)
        yield from _asked(path, component.groups, component.parameters, inside)
        yield from _texts(path, component.texts, inside)
        yield from _uploads(path, component.uploads, inside)
        yield from _preferences(path, component.preferences, inside)
        yield from _reckoned(path, component.quantities, component.lookups, inside)
        yield from _twice((*path, "rules"), "id", (rule.id for rule in component.rules))
        yield from _rules(path, component.rules, inside)
        if not component.groups and not component.parameters:
            yield Finding(path, N_("the component asks nothing"), N_("at least one group or parameter"))
        if component.components and owner is not product:
            message = N_("components are inside components of components")
            yield Finding((*path, "components"), message, N_("components inside components, once"))
        parts = 1 + len(component.rules) + sum(len(group.options) for group in component.groups)
        parts += sum(len(lookup.rows) for lookup in component.lookups)
        parts += sum(len(rule.table.rows) for rule in component.rules if rule.table is not None)
        outer = 1 if isinstance(owner, ProductContent) else _instances(owner, product)
        size += parts * _instances(component, owner) * outer
    if size > MAXIMUM_WRITTEN_OUT:
        message = N_("with every instance there are %(count)s options, rules and rows")
        wanted = N_("at most %(most)s")
        yield Finding(("components",), message, wanted, {"count": size, "most": MAXIMUM_WRITTEN_OUT})


def _count(path: Path, component: ComponentContent, owner: Owner) -> Iterator[Finding]:
    limit = MAXIMUM_INSIDE if isinstance(owner, ComponentContent) else MAXIMUM_INSTANCES
    if component.number is not None:
        if component.number > limit:
            yield _too_many((*path, "count"), component.number, limit)
        if component.maximum is not None and component.maximum != component.number:
            wanted = N_("no maximum, where the count is a number")
            yield Finding((*path, "maximum"), N_("the count is always the same"), wanted)
        return
    parameter = next((one for one in owner.parameters if one.id == component.count), None)
    if parameter is None:
        # A parameter of another component cannot count: components would need each other in a circle.
        known = [one.id for one in owner.parameters]
        wanted = N_("a number, or a parameter of the product itself: %(known)s")
        if isinstance(owner, ComponentContent):
            wanted = N_("a number, or a parameter of the component that it is in: %(known)s")
        yield _unknown((*path, "count"), component.count, known, wanted)
        return
    if isinstance(owner, ComponentContent) and parameter.otherwise:
        at: Path = (*path[:-2], "parameters", owner.parameters.index(parameter), "otherwise")
        yield Finding(at, N_("it counts, also where nothing is there"), N_("otherwise: 0"))
    if component.maximum is not None and component.maximum < parameter.maximum:
        message = N_("%(name)s can be more than that")
        values = {"name": parameter.id, "most": parameter.maximum}
        yield Finding((*path, "maximum"), message, N_("at least %(most)s"), values)
    elif component.maximum is None and not 1 <= parameter.maximum <= limit:
        yield _too_many((*path, "count"), parameter.maximum, limit)
    elif component.maximum is not None and component.maximum > limit:
        yield _too_many((*path, "maximum"), component.maximum, limit)


def _too_many(path: Path, count: int, limit: int) -> Finding:
    values = {"count": count, "most": limit}
    return Finding(path, N_("there could be %(count)s of it"), N_("1 to %(most)s"), values)


def _circles(product: ProductContent) -> Iterator[Finding]:
    """Quantities that need each other; one of a component stands for those of all its instances."""
    places, needs = _needs(product)
    done: set[str] = set()
    for start in needs:
        path: dict[str, Iterator[str]] = {} if start in done else {start: iter(sorted(needs[start]))}
        while path:
            last = next(reversed(path))
            following = next(path[last], None)
            if following is None:
                del path[last]
                done.add(last)
            elif following in path:
                circle = [*list(path)[list(path).index(following) :], following]
                message = N_("it needs itself: %(circle)s")
                wanted = N_("quantities that do not need each other in a circle")
                values = {"circle": " → ".join(name.removeprefix(".") for name in circle)}
                yield Finding(places[following], message, wanted, values)
                return
            elif following not in done:
                path[following] = iter(sorted(needs[following]))


def _needs(product: ProductContent) -> tuple[dict[str, Path], dict[str, set[str]]]:
    """Where each quantity stands, and which others it names; `drawer.weight`: of the component drawer."""
    around = {component.id: owner.id for _, component, owner in _every(product) if isinstance(owner, ComponentContent)}
    components = {component.id for _, component, _ in _every(product)}
    places: dict[str, Path] = {}
    formulas: dict[str, tuple[str, list[str]]] = {}
    known: dict[str, str] = {}  # what formulas say, `inside.` a component or not -> quantity
    owners: list[tuple[str, Path, ProductContent | ComponentContent]] = [("", (), product)]
    owners += [(one.id, path, one) for path, one, _ in _every(product)]
    for where, path, owner in owners:
        for index, quantity in enumerate(owner.quantities):
            name = f"{where}.{quantity.id}"
            places[name] = (*path, "quantities", index, "formula")
            formulas[name] = (where, [quantity.formula])
        for index, lookup in enumerate(owner.lookups):
            name = f"{where}.{lookup.id}"
            places[name] = (*path, "lookups", index, "rows")
            formulas[name] = (where, _formulas_of(lookup))
        for own in (*_ids_of(owner.quantities), *_ids_of(owner.lookups)):
            known[f"{where}.{own}"] = f"{where}.{own}"
    for one in _made(product):
        for own in (*_ids_of(one.component.quantities), *_ids_of(one.component.lookups)):
            known[f".{one.id_of(own)}"] = f"{one.component.id}.{own}"
    needs: dict[str, set[str]] = {name: set() for name in formulas}
    for name, (where, texts) in formulas.items():
        for text in texts:
            try:
                tree = parsed(text)
            except RuleSyntaxError:
                continue  # is told where it stands
            for part, inside in _scoped(tree, components, where):
                if isinstance(part, Parameter):
                    scopes = (inside, around.get(inside, ""), "")
                    asked = next((known[f"{one}.{part.name}"] for one in scopes if f"{one}.{part.name}" in known), None)
                    if asked is not None:
                        needs[name].add(asked)
    return places, needs


def _formulas_of(lookup: LookupContent) -> list[str]:
    values = dict.fromkeys(row[-1] for row in lookup.rows)
    return [*lookup.columns, *values, *([lookup.otherwise] if lookup.otherwise is not None else [])]


def _preferences(above: Path, preferences: Iterable[PreferenceContent], names: Names) -> Iterator[Finding]:
    for index, preference in enumerate(preferences):
        path: Path = (*above, "preferences", index)
        yield from names.problems((*path, "when"), preference.when, texts=False)
        for name, answer in preference.choose.items():
            yield from names.answer((*path, "choose", name), name, answer)


def _group(path: Path, group: GroupContent) -> Iterator[Finding]:
    options = [option.id for option in group.options]
    yield from _twice((*path, "options"), "id", options)
    if group.minimum > group.maximum:
        message, wanted = N_("the minimum is above the maximum"), N_("at most %(most)s")
        yield Finding((*path, "minimum"), message, wanted, {"most": group.maximum})
    if group.maximum > len(options):
        message, wanted = N_("the maximum is above the number of options"), N_("at most %(most)s")
        yield Finding((*path, "maximum"), message, wanted, {"most": len(options)})
    for index, option in enumerate(group.options):
        for number in option.numbers:
            if number in options:
                yield Finding(
                    (*path, "options", index, "numbers", number),
                    N_("%(name)s is an option of this group"),
                    N_("another name"),
                    {"name": number},
                )
    if group.default is not None and group.default not in options:
        yield _unknown((*path, "default"), group.default, options, N_("an option: %(known)s"))


def _parameters(above: Path, parameters: Iterable[ParameterContent]) -> Iterator[Finding]:
    for index, parameter in enumerate(parameters):
        path: Path = (*above, "parameters", index)
        if parameter.minimum > parameter.maximum:
            message, wanted = N_("the minimum is above the maximum"), N_("at most %(most)s")
            yield Finding((*path, "minimum"), message, wanted, {"most": parameter.maximum})
            continue
        allowed = range(parameter.minimum, parameter.maximum + 1, parameter.step_size)
        if parameter.default is not None and parameter.default not in allowed:
            yield Finding(
                (*path, "default"),
                N_("%(found)s cannot be entered"),
                N_("%(least)s to %(most)s in steps of %(step)s"),
                {"found": parameter.default, "least": allowed[0], "most": allowed[-1], "step": parameter.step_size},
            )


def _rules(above: Path, rules: Iterable[RuleContent], names: Names) -> Iterator[Finding]:
    for index, rule in enumerate(rules):
        path: Path = (*above, "rules", index)
        yield from names.problems((*path, "expression"), rule.expression, texts=False)
        table = rule.table
        if table is None:
            continue
        key = "groups" if table.groups else "columns"
        good = True
        for finding in _columns((*path, "table", key), table.names, names, groups_only=bool(table.groups)):
            good = False
            yield finding
        if good:
            yield from _rows((*path, "table", "rows"), table.names, table.rows, names)


def _columns(path: Path, columns: tuple[str, ...], names: Names, *, groups_only: bool = False) -> Iterator[Finding]:
    for index, name in enumerate(columns):
        if name in names.groups:
            if names.groups[name].maximum != 1 or (groups_only and not _exactly_one(names.groups[name])):
                message, wanted = N_("%(name)s may have several answers, or none"), N_("a group of exactly one")
                yield Finding((*path, index), message, wanted, {"name": name})
        elif groups_only:
            yield _unknown((*path, index), name, names.groups, N_("a group: %(known)s"))
        elif name not in names.parameters:
            known = [*names.groups, *names.parameters]
            yield _unknown((*path, index), name, known, N_("a group, parameter or quantity: %(known)s"))
    if len(set(columns)) < len(columns):
        message = N_("a group is given twice") if groups_only else N_("a column is given twice")
        yield Finding(path, message, N_("each group once") if groups_only else N_("each column once"))


def _rows(path: Path, columns: tuple[str, ...], rows: tuple[tuple[str, ...], ...], names: Names) -> Iterator[Finding]:
    for index, row in enumerate(rows):
        if len(row) != len(columns):
            if all(name in names.groups for name in columns):
                message, wanted = N_("the row has %(count)s options"), N_("%(groups)s, one a group")
            else:
                message, wanted = N_("the row has %(count)s cells"), N_("%(groups)s, one a column")
            yield Finding((*path, index), message, wanted, {"count": len(row), "groups": len(columns)})
            continue
        yield from _cells((*path, index), columns, row, names)


def _cells(path: Path, columns: tuple[str, ...], row: tuple[str, ...], names: Names) -> Iterator[Finding]:
    for column, (name, text) in enumerate(zip(columns, row, strict=True)):
        if text == ANYTHING:
            continue
        if name in names.groups:
            options = [o.id for o in names.groups[name].options]
            if text not in options:
                yield _unknown((*path, column), text, options, N_("an option: %(known)s"))
            continue
        try:
            interval(text)
        except BadCell:
            wanted = N_("a number, an interval (0..1200, ..5, 1201..) or *")
            yield Finding((*path, column), N_("%(found)s is no interval"), wanted, {"found": text[:60]})


def _presets(product: ProductContent, names: Names) -> Iterator[Finding]:
    for index, preset in enumerate(product.presets):
        for name, answer in preset.choices.items():
            yield from names.answer(("presets", index, "choices", name), name, answer)


def _needs_asked(product: ProductContent, names: Names) -> Iterator[Finding]:
    yield from _twice(("needs",), "id", (need.id for need in product.needs))
    asked = [*(group.id for group in product.groups), *(parameter.id for parameter in product.parameters)]
    for index, need in enumerate(product.needs):
        if not need.answers and need.id not in asked:
            yield _unknown(("needs", index, "id"), need.id, asked, N_("a group or parameter: %(known)s"))
        yield from _twice(("needs", index, "answers"), "id", (answer.id for answer in need.answers))
        for place, answer in enumerate(need.answers):
            for name, choice in answer.choices.items():
                yield from names.answer(("needs", index, "answers", place, "choices", name), name, choice)


def _exactly_one(group: GroupContent | OptionGroup) -> bool:
    return group.minimum == group.maximum == 1 and group.when is None


def compile_in_time(problem: ConfigurationProblem) -> CompiledProblem:
    """Compile, within the time that a file's product may take. Raises as `compile_problem` does."""
    return compile_problem(problem, seconds=COMPILING)


def solved_problems(
    product: ProductContent, compile_: Compile = compile_in_time
) -> tuple[CompiledProblem | None, tuple[Finding, ...]]:
    """The compiled problem, and what only the solver sees: nothing is valid, a preset or the defaults conflict.

    The product has no `product_problems`.
    """
    try:
        compiled = compile_(state(product))
    except VoidProblem as void:
        message = N_("no configuration is valid under the rules: %(rules)s")
        rules = ", ".join(sorted(void.rules)) or "-"
        return None, (Finding(("rules",), message, N_("rules that can hold together"), {"rules": rules}),)
    except OutOfTime:
        message = N_("it was not found within %(seconds)s seconds whether anything is valid")
        return None, (Finding(("rules",), message, N_("simpler rules"), {"seconds": round(COMPILING)}),)
    except ValueError as error:  # InvalidProblem, or an expression that becomes too large with every instance
        path = _path_of(product, str(error).partition(":")[0])
        return None, (Finding(path, "%(said)s", N_("a rule that can be solved"), {"said": str(error)}),)
    return compiled, (*_conflicts(product, compiled),)


def _path_of(product: ProductContent, name: str) -> Path:
    """Where the file says what the problem calls by this id; else the rules."""
    name = name.removesuffix(":when").removesuffix(":row")
    kinds = ("rules", *_NAMED)
    for kind in kinds:
        for index, one in enumerate(getattr(product, kind)):
            if one.id == name:
                return (kind, index)
    for path, component, owner in _every(product):
        above = rf"{owner.id}_\d+_" if isinstance(owner, ComponentContent) else ""
        for kind in kinds:
            for index, one in enumerate(getattr(component, kind)):
                if re.fullmatch(rf"{above}{component.id}_\d+_{one.id}", name):
                    return (*path, kind, index)
    return ("rules",)


def _conflicts(product: ProductContent, compiled: CompiledProblem) -> Iterator[Finding]:
    for index, preset in enumerate(product.presets):
        yield from _conflict(compiled, ("presets", index, "choices"), preset_decisions(product, preset.id))
    for index, group in enumerate(product.groups):
        if group.default is not None:
            choice = tuple(d for d in default_decisions(product) if isinstance(d, Choose) and d.group == group.id)
            dead = (*_conflict(compiled, ("groups", index, "default"), choice),)
            yield from dead
            if dead:
                return  # together they conflict for the same reason
    unconditional = {group.id for group in product.groups if group.when is None}
    unconditional |= {parameter.id for parameter in product.parameters if parameter.when is None}
    together = tuple(decision for decision in default_decisions(product) if decision.question in unconditional)
    yield from _conflict(compiled, ("groups",), together)


def _conflict(compiled: CompiledProblem, path: Path, decisions: tuple[Decision, ...]) -> Iterator[Finding]:
    try:
        complete(compiled, decisions, seconds=SECONDS)
    except OutOfTime:
        return  # not known to conflict
    except Conflicting as error:
        conflict = error.conflict
        shown = ", ".join(sorted(_decision(decision) for decision in conflict.decisions))
        values = {"decisions": shown, "rules": ", ".join(sorted(conflict.rules)) or "-"}
        message = N_("%(decisions)s cannot be chosen together under the rules: %(rules)s")
        yield Finding(path, message, N_("choices that are valid together"), values)


def _decision(decision: Decision) -> str:
    if isinstance(decision, Choose):
        return f"{decision.group}.{decision.option}"
    return f"{decision.parameter} = {decision.value}"


# --- prices ---------------------------------------------------------------------------------------------------------


def price_problems(prices: PriceListContent, product: ProductContent | None) -> Iterator[Finding]:
    """What is wrong with a price list; against its product, if that is known."""
    yield from _currency(prices)
    for country in prices.tax:
        if country not in COUNTRIES:
            yield _no_country(("tax", country), country)
    yield from _twice(("items",), "id", (item.id for item in prices.items))
    if product is None:
        return
    names = Names.of(product)
    for index, item in enumerate(prices.items):
        path: Path = ("items", index)
        yield from _constant((*path, "amount"), item.amount)
        if item.chosen is not None:
            group, option = item.chosen
            if group in names.groups and option not in (o.id for o in names.groups[group].options):
                options = [f"{group}.{o.id}" for o in names.groups[group].options]
                yield _unknown((*path, "option"), f"{group}.{option}", options, N_("an option: %(known)s"))
            elif group not in names.groups:
                yield _unknown((*path, "option"), group, names.groups, N_("a group: %(known)s"))
        yield from names.problems((*path, "amount"), item.amount)
        yield from names.problems((*path, "cost"), item.cost)
        yield from names.problems((*path, "when"), item.when)


def _constant(path: Path, formula: str) -> Iterator[Finding]:
    """An amount without names is reckoned once, for every variant."""
    if not names_in(parsed(formula)) and not any(isinstance(part, Each) for part in walk(parsed(formula))):
        try:
            value(parsed(formula), _Nothing())
        except DividedByZero:
            yield Finding(path, N_("it divides by 0"), N_("a divisor that is never 0"))


class _Nothing:
    """Answers for a formula that asks nothing."""

    def member(self, group: str, name: str) -> bool | int:
        raise KeyError(group)

    def parameter(self, name: str) -> int:
        raise KeyError(name)

    def text(self, name: str) -> str:
        raise KeyError(name)


def _currency(prices: PriceListContent) -> Iterator[Finding]:
    if prices.currency not in list_currencies():
        message, wanted = N_("%(name)s is not a currency"), N_("an ISO 4217 code, e.g. CNY or EUR")
        yield Finding(("currency",), message, wanted, {"name": prices.currency})
    elif prices.exponent != (digits := get_currency_precision(prices.currency)):
        message, wanted = N_("%(name)s is not counted in such units"), N_("%(digits)s digits after the point")
        yield Finding(("exponent",), message, wanted, {"name": prices.currency, "digits": digits})


def _countries() -> frozenset[str]:
    table = files("tzdata").joinpath("zoneinfo/iso3166.tab").read_text(encoding="utf-8")
    return frozenset(line.split("\t")[0] for line in table.splitlines() if line and not line.startswith("#"))


COUNTRIES = _countries()  # ISO 3166-1 alpha-2


def _no_country(path: Path, country: str) -> Finding:
    return Finding(path, N_("%(name)s is not a country"), N_("an ISO 3166 code, e.g. CN or DE"), {"name": country})


# --- manufacturing --------------------------------------------------------------------------------------------------


def manufacturing_problems(
    content: ManufacturingContent, product: ProductContent | None, factory: FactoryContent | None
) -> Iterator[Finding]:
    """What is wrong with a bill of materials and routing; against product and factory, if those are known."""
    yield from _routing(content)
    if product is not None:
        yield from _manufacturing_names(content, Names.of(product))
    if factory is not None:
        yield from _made_by(content, product, factory)


def _routing(content: ManufacturingContent) -> Iterator[Finding]:
    yield from _twice(("routing",), "operation", (row.operation for row in content.routing))
    components = {row.component for row in content.bom}
    taken = {component for row in content.routing for component in row.takes}
    operations = {row.operation for row in content.routing}
    earlier: set[str] = set()
    for index, row in enumerate(content.routing):
        path: Path = ("routing", index)
        for column, after in enumerate(row.after):
            at = (*path, "after", column, "operation")
            if after.operation not in operations:
                yield _unknown(at, after.operation, earlier, N_("an earlier operation: %(known)s"))
            elif after.operation not in earlier:
                values = {"name": after.operation, "known": _nearest(after.operation, earlier)}
                yield Finding(at, N_("%(name)s comes later"), N_("an earlier operation: %(known)s"), values)
        for column, component in enumerate(row.takes):
            if component not in components:
                wanted = N_("a component of the bill of materials: %(known)s")
                yield _unknown((*path, "takes", column), component, components, wanted)
        earlier.add(row.operation)
    yield from _parts(content)
    for index, part in enumerate(content.bom):
        if part.material is not None and part.component not in taken:
            message, wanted = N_("no operation takes it from stock"), N_("one operation whose takes names %(name)s")
            yield Finding(("bom", index, "component"), message, wanted, {"name": part.component})


def _parts(content: ManufacturingContent) -> Iterator[Finding]:
    """A part's operations wait for nothing but each other, and something comes after them."""
    yield from _twice(("parts",), "part", (part.part for part in content.parts))
    after = {row.operation: [before.operation for before in row.after] for row in content.routing}
    owner: dict[str, str] = {}
    for index, part in enumerate(content.parts):
        path: Path = ("parts", index, "operations")
        for column, operation in enumerate(part.operations):
            at: Path = (*path, column)
            if operation not in after:
                yield _unknown(at, operation, after, N_("an operation of the routing: %(known)s"))
            elif operation in owner:
                message, wanted = N_("%(name)s belongs to %(owner)s already"), N_("each operation in one part, once")
                yield Finding(at, message, wanted, {"name": operation, "owner": owner[operation]})
            elif outside := [before for before in after[operation] if before not in part.operations]:
                message = N_("%(name)s comes after %(before)s, which is not in this part")
                wanted = N_("operations that come after nothing, or after others of this part")
                yield Finding(at, message, wanted, {"name": operation, "before": outside[0]})
            owner.setdefault(operation, part.part)
        rest = [row for row in after if row not in part.operations]
        if not any(before in part.operations for row in rest for before in after[row]):
            wanted = N_("at least one operation outside of it that comes after one of these")
            yield Finding(path, N_("nothing comes after this part"), wanted)


def _manufacturing_names(content: ManufacturingContent, names: Names) -> Iterator[Finding]:
    for index, part in enumerate(content.bom):
        yield from names.problems(("bom", index, "when"), part.when)
        yield from names.problems(("bom", index, "quantity"), part.quantity)
    for index, row in enumerate(content.routing):
        path: Path = ("routing", index)
        yield from names.problems((*path, "when"), row.when)
        yield from names.problems((*path, "minutes"), row.minutes)
        for place, way in enumerate(row.alternatives):
            yield from names.problems((*path, "alternatives", place, "minutes"), way.minutes)
        if row.family_of is None:
            continue
        if row.family_of not in names.groups:
            yield _unknown((*path, "family_of"), row.family_of, names.groups, N_("a group: %(known)s"))
        elif not _exactly_one(names.groups[row.family_of]):
            message, wanted = N_("%(name)s may have several answers, or none"), N_("a group of exactly one")
            yield Finding((*path, "family_of"), message, wanted, {"name": row.family_of})


def _made_by(
    content: ManufacturingContent, product: ProductContent | None, factory: FactoryContent
) -> Iterator[Finding]:
    lines: dict[str, list[LineContent]] = {}
    for plant in factory.plants:
        for line in plant.lines:
            lines.setdefault(line.stage, []).append(line)
    kept = {material for plant in factory.plants for material in plant.materials}
    matrices = {matrix.code: matrix for matrix in factory.setup_matrices}
    groups = {group.id: group for group in product.groups} if product else {}
    for index, part in enumerate(content.bom):
        if part.material is not None and part.material not in kept:
            yield _unknown(("bom", index, "material"), part.material, kept, N_("a material of a plant: %(known)s"))
    yield from _parts_by(content, factory)
    for index, row in enumerate(content.routing):
        path: Path = ("routing", index)
        for place, way in enumerate(row.ways):
            if way.stage not in lines:
                at: Path = (*path, "alternatives", place - 1, "stage") if place else (*path, "stage")
                yield _unknown(at, way.stage, lines, N_("the stage of a line: %(known)s"))
        key = "family_of" if row.family_of is not None else "family"
        group = groups.get(row.family_of or "")
        families = {option.id for option in group.options} if group else {row.family} if row.family else set()
        used = (line for way in row.ways for line in lines.get(way.stage, ()))
        for code in sorted({line.setup_matrix for line in used if line.setup_matrix}):
            missing = families - set(matrices[code].families) if code in matrices else set()
            if missing:
                message = N_("the setup matrix %(matrix)s does not know %(families)s")
                values = {"matrix": code, "families": ", ".join(sorted(missing))}
                yield Finding((*path, key), message, N_("a setup class for every family"), values)


def _parts_by(content: ManufacturingContent, factory: FactoryContent) -> Iterator[Finding]:
    """The plants that may make a part are there, and a transport leaves each of them."""
    plants = [plant.code for plant in factory.plants]
    left = {transport.origin for transport in factory.transports}
    for index, part in enumerate(content.parts):
        path: Path = ("parts", index, "plants")
        for column, plant in enumerate(part.plants):
            if plant not in plants:
                yield _unknown((*path, column), plant, plants, N_("a plant: %(known)s"))
            elif plant not in left:
                wanted = N_("a plant from which a transport goes: %(known)s")
                values = {"name": plant, "known": ", ".join(sorted(left)) or "-"}
                yield Finding((*path, column), N_("no transport leaves %(name)s"), wanted, values)
        if not part.plants and not left:
            wanted = N_("a transport in the factory that leaves a plant")
            yield Finding(("parts", index, "part"), N_("no transport goes from any plant to another"), wanted)


# --- factory --------------------------------------------------------------------------------------------------------


def factory_problems(factory: FactoryContent, before: FactoryContent | None) -> Iterator[Finding]:
    """What is wrong with a factory; against the one in force, whose schedule stands on its lines."""
    yield from _twice(("calendars",), "code", (c.code for c in factory.calendars))
    yield from _twice(("setup_matrices",), "code", (m.code for m in factory.setup_matrices))
    yield from _twice(("materials",), "code", (m.code for m in factory.materials))
    yield from _twice(("plants",), "code", (p.code for p in factory.plants))
    for index, calendar in enumerate(factory.calendars):
        if calendar.holidays is not None and calendar.holidays not in factory.holidays:
            wanted = N_("a list of holidays: %(known)s")
            yield _unknown(("calendars", index, "holidays"), calendar.holidays, factory.holidays, wanted)
    for index, matrix in enumerate(factory.setup_matrices):
        classes = set(matrix.families.values())
        for one in (*matrix.minutes, *(after for row in matrix.minutes.values() for after in row)):
            if one not in classes:
                yield _unknown(("setup_matrices", index, "minutes"), one, classes, N_("a class: %(known)s"))
                break
    for index, plant in enumerate(factory.plants):
        yield from _plant(("plants", index), plant, factory)
    yield from _transports(factory)
    if before is not None:
        yield from _kept(factory, before)


def _plant(path: Path, plant: PlantContent, factory: FactoryContent) -> Iterator[Finding]:
    calendars = [calendar.code for calendar in factory.calendars]
    matrices = [matrix.code for matrix in factory.setup_matrices]
    materials = [material.code for material in factory.materials]
    if plant.country not in COUNTRIES:
        yield _no_country((*path, "country"), plant.country)
    yield from _twice((*path, "lines"), "code", (line.code for line in plant.lines))
    yield from _twice((*path, "carriers"), "code", (carrier.code for carrier in plant.carriers))
    for index, line in enumerate(plant.lines):
        at: Path = (*path, "lines", index)
        if line.calendar not in calendars:
            yield _unknown((*at, "calendar"), line.calendar, calendars, N_("a calendar: %(known)s"))
        if line.setup_matrix is not None and line.setup_matrix not in matrices:
            yield _unknown((*at, "setup_matrix"), line.setup_matrix, matrices, N_("a setup matrix: %(known)s"))
    for material, stock in plant.materials.items():
        if material not in materials:
            yield _unknown((*path, "materials", material), material, materials, N_("a material: %(known)s"))
        if stock.stock + sum(supply.quantity * supply.times for supply in stock.supply) > 2_000_000_000:
            wanted = N_("at most 2,000,000,000 of stock and supply together")
            yield Finding((*path, "materials", material), N_("that is too much"), wanted)
    for index, carrier in enumerate(plant.carriers):
        for country in carrier.transit_days:
            if country not in COUNTRIES:
                yield _no_country((*path, "carriers", index, "transit_days", country), country)


def _transports(factory: FactoryContent) -> Iterator[Finding]:
    """Each leads from one plant of the factory to another one, once, and leaves at a time once a day."""
    plants = [plant.code for plant in factory.plants]
    seen: set[tuple[str, str]] = set()
    for index, transport in enumerate(factory.transports):
        path: Path = ("transports", index)
        for key in ("origin", "destination"):
            if getattr(transport, key) not in plants:
                yield _unknown((*path, key), getattr(transport, key), plants, N_("a plant: %(known)s"))
        if transport.origin == transport.destination:
            yield Finding((*path, "destination"), N_("it leads to where it comes from"), N_("another plant"))
        if (transport.origin, transport.destination) in seen:
            values = {"origin": transport.origin, "destination": transport.destination}
            message = N_("there is a transport from %(origin)s to %(destination)s already")
            yield Finding(path, message, N_("one transport with all of its departures"), values)
        seen.add((transport.origin, transport.destination))
        if transport.holidays is not None and transport.holidays not in factory.holidays:
            wanted = N_("a list of holidays: %(known)s")
            yield _unknown((*path, "holidays"), transport.holidays, factory.holidays, wanted)


def _kept(factory: FactoryContent, before: FactoryContent) -> Iterator[Finding]:
    """Plants, lines and materials in use stay: operations stand on them and take from them."""
    now = {plant.code: (index, plant) for index, plant in enumerate(factory.plants)}
    wanted = N_("everything that is there: orders may need it (close a line by a downtime)")
    for plant in before.plants:
        if plant.code not in now:
            yield Finding(("plants",), N_("the plant %(name)s is missing"), wanted, {"name": plant.code})
            continue
        index, present = now[plant.code]
        for code in sorted({line.code for line in plant.lines} - {line.code for line in present.lines}):
            yield Finding(("plants", index, "lines"), N_("the line %(name)s is missing"), wanted, {"name": code})
        for code in sorted(set(plant.materials) - set(present.materials)):
            message = N_("the material %(name)s is missing")
            yield Finding(("plants", index, "materials"), message, wanted, {"name": code})


# --- all of them together -------------------------------------------------------------------------------------------


def tried_problems(
    compiled: CompiledProblem,
    product: ProductContent,
    prices: PriceListContent | None,
    manufacturing: ManufacturingContent | None,
    factory: FactoryContent | None,
) -> Iterator[tuple[str, Finding]]:
    """(section, finding): what price and work order of sampled valid variants give that cannot be.

    Every text is tried empty and at full length. A sample proves nothing; it finds the slip that is in every variant.
    """
    problem = state(product)
    seen: set[tuple[str, Path]] = set()
    drawing = compile_drawing(product, problem)
    asked, files = all_texts(product), all_uploads(product)
    try:
        variants = sample(compiled, SAMPLE, 0)
    except OutOfTime:
        return  # what could be tried is missing, not wrong
    for drawn in variants:
        full = {text.id: "x" * text_limits(problem, text, drawn).maximum_length for text in asked}
        full |= {one.id: "x" for one in files if upload_asked(problem, one, drawn)}
        for texts in ({}, full) if full else ({},):
            variant = Variant(drawn.chosen, drawn.numbers, texts)
            for section, finding in faults_of(problem, variant, prices, manufacturing, factory):
                if (section, finding.path) not in seen:
                    seen.add((section, finding.path))
                    yield section, finding
            if drawing is not None and ("product", ("drawing",)) not in seen:
                try:
                    drawing.svg(variant, "en", "")
                except ArithmeticError:
                    seen.add(("product", ("drawing",)))
                    yield "product", _by_zero(("drawing",), None, problem, variant)


def faults_of(
    problem: ConfigurationProblem,
    variant: Variant,
    prices: PriceListContent | None,
    manufacturing: ManufacturingContent | None,
    factory: FactoryContent | None,
) -> Iterator[tuple[str, Finding]]:
    """(section, finding): what price and work order of one valid variant give that cannot be."""
    asked = Reckoning(problem, variant)
    if prices is not None:
        found = (*_tried_prices(prices, problem, asked, variant),)
        yield from (("prices", finding) for finding in found)
    if manufacturing is not None:
        found = (*_tried_formulas(manufacturing, problem, asked, variant),)
        if not found and factory is not None:
            found = (*_tried_plants(manufacturing, problem, asked, variant, factory),)
        yield from (("manufacturing", finding) for finding in found)


def _tried_prices(
    prices: PriceListContent, problem: ConfigurationProblem, asked: Answers, variant: Variant
) -> Iterator[Finding]:
    sound = True
    for index, item in enumerate(prices.items):
        if item.chosen is not None and item.chosen[1] not in variant.chosen[item.chosen[0]]:
            continue
        for key, formula in (("when", item.when), ("amount", item.amount), ("cost", item.cost)):
            result = _value(formula, problem, asked)
            if result is None:
                sound = False
                yield _by_zero(("items", index, key), formula, problem, variant)
            elif key == "when" and not result:
                break
            elif abs(result) > 10**9:
                sound = False
                message, wanted = N_("it is %(result)s for %(variant)s"), N_("at most 1,000,000,000")
                yield _nonsense(("items", index, key), formula, problem, variant, message, wanted, result)
    if sound:
        total = quote_price(prices, problem, variant, country=next(iter(prices.tax))).gross
        if total < 0:
            message, wanted = N_("the price is below 0 for %(variant)s"), N_("0 or more")
            yield Finding(("items",), message, wanted, {"variant": _shown(variant, problem, None)})


def _tried_formulas(
    content: ManufacturingContent, problem: ConfigurationProblem, asked: Answers, variant: Variant
) -> Iterator[Finding]:
    rows: list[tuple[Path, str | None, str, str]] = [
        *((("bom", index), part.when, "quantity", part.quantity) for index, part in enumerate(content.bom)),
        *((("routing", index), row.when, "minutes", row.minutes) for index, row in enumerate(content.routing)),
        *(
            (("routing", index, "alternatives", place), row.when, "minutes", way.minutes)
            for index, row in enumerate(content.routing)
            for place, way in enumerate(row.alternatives)
        ),
    ]
    for path, when, key, formula in rows:
        applies = _value(when, problem, asked)
        if applies is None:
            yield _by_zero((*path, "when"), when, problem, variant)
            continue
        if not applies:
            continue
        result = _value(formula, problem, asked)
        if result is None:
            yield _by_zero((*path, key), formula, problem, variant)
        elif result < 0 or (key == "minutes" and result == 0) or result > 10**6:
            wanted = N_("0 to 1,000,000") if key == "quantity" else N_("more than 0, at most 1,000,000")
            message = N_("it is %(result)s for %(variant)s")
            yield _nonsense((*path, key), formula, problem, variant, message, wanted, result)


def _tried_plants(
    content: ManufacturingContent,
    problem: ConfigurationProblem,
    asked: Reckoning,
    variant: Variant,
    factory: FactoryContent,
) -> Iterator[Finding]:
    reasons: list[str] = []
    for plant in factory.plants:
        facts = facts_of(plant)
        try:
            explode(content, problem, variant, facts, order_id="x", release=Second(0), due=Second(0))
        except NotMakeable as error:
            reasons.append(str(error))
            continue
        except InvalidWorkOrder:
            message, wanted = N_("%(variant)s needs no operation"), N_("at least one for every variant")
            yield Finding(("routing",), message, wanted, {"variant": _shown(variant, problem, None)})
            return
        yield from _taken(content, problem, asked)
        return
    message, wanted = N_("no plant can make %(variant)s: %(reasons)s"), N_("a plant with every stage and material")
    values = {"variant": _shown(variant, problem, None), "reasons": " ".join(dict.fromkeys(reasons))}
    yield Finding(("routing",), message, wanted, values)


def _taken(content: ManufacturingContent, problem: ConfigurationProblem, asked: Reckoning) -> Iterator[Finding]:
    """Every counted part of a variant is taken by exactly one of the operations that it needs."""
    needed = (row for row in content.routing if row.when is None or holds(formula_of(problem, row.when), asked))
    times = Counter(component for row in needed for component in row.takes)
    rows = {part.component: index for index, part in reversed((*enumerate(content.bom),))}
    for part in components_of(content, asked):
        if part.material is not None and times[part.code] != 1:
            message = N_("%(count)s operations take it from stock in some variant")
            wanted = N_("exactly one")
            yield Finding(("bom", rows[part.code], "component"), message, wanted, {"count": times[part.code]})


def facts_of(plant: PlantContent) -> PlantFacts:
    """What exploding asks of a plant, as its file says it."""
    stages: dict[str, list[LineFact]] = {}
    for line in plant.lines:
        stages.setdefault(line.stage, []).append(LineFact(LineId(f"{plant.code}/{line.code}"), line.speed_percent))
    materials = {code: MaterialId(f"{plant.code}/{code}") for code in plant.materials}
    return PlantFacts(PlantId(plant.code), {stage: tuple(facts) for stage, facts in stages.items()}, materials)


def _value(formula: str | None, problem: ConfigurationProblem, asked: Answers) -> Fraction | None:
    """The value (1 where there is no formula), None where it divides by 0."""
    if formula is None:
        return Fraction(1)
    try:
        return value(formula_of(problem, formula), asked)
    except DividedByZero:
        return None


def _by_zero(path: Path, formula: str | None, problem: ConfigurationProblem, variant: Variant) -> Finding:
    values = {"variant": _shown(variant, problem, formula)}
    return Finding(path, N_("it divides by 0 for %(variant)s"), N_("a divisor that is never 0"), values)


def _nonsense(
    path: Path,
    formula: str | None,
    problem: ConfigurationProblem,
    variant: Variant,
    message: str,
    wanted: str,
    result: Fraction,
) -> Finding:
    values = {"variant": _shown(variant, problem, formula), "result": _number(result)}
    return Finding(path, message, wanted, values)


def _number(result: Fraction) -> str:
    return f"{float(result):g}" if abs(result) < 10**15 else f"{'-' if result < 0 else ''}10^15"


def _shown(variant: Variant, problem: ConfigurationProblem, formula: str | None) -> str | Sentence:
    """The choices of a variant that a formula asks for (all, without one)."""
    names = names_asked(problem, formula_of(problem, formula)) if formula else None
    chosen = [
        f"{group}.{option}"
        for group, options in variant.chosen.items()
        if names is None or group in names
        for option in sorted(options)
    ]
    numbers = [f"{name} = {number}" for name, number in variant.numbers.items() if names is None or name in names]
    texts = [f"{name} = {text[:20]}" for name, text in variant.texts.items() if names is None or name in names]
    return ", ".join([*chosen, *numbers, *texts]) or Sentence(N_("every variant"))
