"""Components that are in a product several times: their instances, and the product with every question written out."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import TypeVar

from catalog.content import Text, parsed
from catalog.products import (
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
from catalog.sayings import asked_where, there_from
from solver.configuration.problem import when_id
from solver.configuration.rules import (
    And,
    Comparator,
    Comparison,
    Each,
    EachKind,
    Expression,
    Instance,
    Number,
    Parameter,
    expand,
    print_expression,
)

Instances = Mapping[str, tuple[Instance, ...]]  # by component
NUMBER = "number"  # what every instance calls its own number
Owner = ProductContent | ComponentContent  # what a component is in
_Question = GroupContent | ParameterContent
Asked = TypeVar("Asked", GroupContent, ParameterContent, TextContent, UploadContent)
_SELF = "-"  # the component that an expression about one instance belongs to: no id is written so


def covered_id(name: str) -> str:
    """The id of the rule that some row of a look-up fits."""
    return f"{name}:row"


@dataclass(frozen=True, slots=True)
class Place:
    """One instance of a component as people see it. `questions`: its ids in the product -> their names inside it."""

    id: str
    component: str
    number: int
    name: Text
    questions: Mapping[str, Text]


class AskedContent(ProductContent):
    """A product with every question, quantity and rule of every instance written out, and nothing repeated any more.

    Its rules are all those that a conflict may name, each with its sentence: also that a question is asked only under
    its condition, and that a look-up has a row. It is for showing and asking; `state` states the product itself, its
    `source`.
    """

    places: tuple[Place, ...] = ()
    source: ProductContent | None = None

    def place_of(self, question_id: str) -> Place | None:
        """The instance that a question belongs to."""
        return next((place for place in self.places if question_id in place.questions), None)


@dataclass(frozen=True, slots=True)
class Made:
    """One instance of a component. `kind`: which instances it is among; `id`: what the ids of its questions begin with.

    `outer`: the instance that it is inside of.
    """

    component: ComponentContent
    number: int
    kind: str
    id: str
    name: Text
    own: Instance
    outer: Made | None = None

    def id_of(self, own: str) -> str:
        """The id in the product of what the component calls `own`."""
        return f"{self.id}_{own}"


# --- instances ------------------------------------------------------------------------------------------------------


def most_of(component: ComponentContent, owner: Owner) -> int:
    """How many instances there can be. Raises KeyError if `count` is no parameter of what the component is in."""
    if component.number is not None:
        return component.number
    if component.maximum is not None:
        return component.maximum
    return max(0, _count(component, owner).maximum)


def made(product: ProductContent, most: Callable[[ComponentContent, Owner], int] = most_of) -> Iterator[Made]:
    """Every instance of every component, each before those inside it. `most`: how many there are of one."""
    for component in product.components:
        yield from _made(component, product, None, most)


def _made(
    component: ComponentContent, owner: Owner, outer: Made | None, most: Callable[[ComponentContent, Owner], int]
) -> Iterator[Made]:
    around = {} if outer is None else outer.own.names
    kind = component.id if outer is None else f"{outer.id}_{component.id}"
    for number in range(1, most(component, owner) + 1):
        begin = f"{kind}_{number}"
        inner = component.components if outer is None else ()
        own = {name: f"{begin}_{name}" for name in (*component.own_ids, NUMBER, *(one.id for one in inner))}
        when = _in_use(component, number, outer)
        name = _joined(component.name, Text(zh=str(number), en=str(number)), " ")
        name = name if outer is None else _joined(outer.name, name, " · ")
        instance = Instance({**around, **own}, when, _zero(component), frozenset(around.keys() - own.keys()))
        one = Made(component, number, kind, begin, name, instance, outer)
        yield one
        for deeper in inner:
            yield from _made(deeper, component, one, most)


def _zero(component: ComponentContent) -> frozenset[str]:
    # A quantity of an instance that is not there is stated as 0 (catalog.state), and so is a parameter.
    return frozenset(
        (
            *(p.id for p in component.parameters if p.otherwise == 0),
            *(q.id for q in component.quantities),
            *(lookup.id for lookup in component.lookups),
        )
    )


def _in_use(component: ComponentContent, number: int, outer: Made | None) -> Expression | None:
    """Where an instance is there; None: in every variant. In what is not there a parameter that counts is 0."""
    if component.number is not None:
        return None if outer is None else outer.own.when
    count = component.count if outer is None else outer.own.names.get(component.count, component.count)
    return Comparison(Parameter(count), Comparator.GREATER_OR_EQUAL, Number(Fraction(number)))


def _count(component: ComponentContent, owner: Owner) -> ParameterContent:
    """The parameter that says how many there are; raises KeyError."""
    found = next((one for one in owner.parameters if one.id == component.count), None)
    if found is None:
        raise KeyError(component.count)
    return found


def instances_of(product: ProductContent) -> Instances:
    """The instances of every component, `module_2_drawer` one for those of the drawer in module 2.

    Raises KeyError if a `count` is no parameter of what the component is in.
    """
    found: dict[str, tuple[Instance, ...]] = {component.id: () for component in product.components}
    for one in made(product):
        found[one.kind] = (*found.get(one.kind, ()), one.own)
    return found


def expression_of(formula: str, instances: Instances, own: Instance | None = None) -> Expression:
    """The tree of a formula with all instances in the place of what asks a component.

    `own`: the instance whose component the formula belongs to. Raises ValueError if it becomes too large, KeyError for
    an unknown component.
    """
    tree = parsed(formula)
    if own is not None:
        here = Instance(own.names)
        return expand(Each(EachKind.SUM, _SELF, tree), lambda name: (here,) if name == _SELF else instances[name])
    return expand(tree, instances.__getitem__) if instances else tree


def condition_of(when: str | None, instances: Instances, own: Instance | None = None) -> Expression | None:
    """Where a question is asked: its instance is there, and its own condition holds."""
    tree = None if when is None else expression_of(when, instances, own)
    if own is None or own.when is None:
        return tree
    return own.when if tree is None else And((own.when, tree))


# --- the product written out ----------------------------------------------------------------------------------------


def written_out(product: ProductContent) -> AskedContent:
    """The product with every question of every instance written out."""
    instances = instances_of(product)
    groups, parameters = list(product.groups), list(product.parameters)
    quantities, lookups, rules = list(product.quantities), list(product.lookups), list(product.rules)
    preferences = list(product.preferences)
    places: list[Place] = []
    said: list[RuleContent] = []
    questions: list[_Question] = [*groups, *parameters]
    conditions = {one.id: expression_of(one.when, instances) for one in questions if one.when is not None}
    for one in made(product):
        component, own, name = one.component, one.own, one.name
        new_groups = [_instanced(group, instances, own, name) for group in component.groups]
        new_parameters = [_instanced(parameter, instances, own, name) for parameter in component.parameters]
        groups += new_groups
        parameters += new_parameters
        quantities += [_quantity(quantity, instances, own, name) for quantity in component.quantities]
        lookups += [_lookup(lookup, own, name) for lookup in component.lookups]
        preferences += [_preference(preference, instances, own) for preference in component.preferences]
        rules += [_rule(rule, instances, own, one.id_of(rule.id), name) for rule in component.rules]
        asked: tuple[_Question, ...] = (*component.groups, *component.parameters)
        new: tuple[_Question, ...] = (*new_groups, *new_parameters)
        questions += new
        inside = {own.names[asks.id]: asks.name for asks in (*asked, *component.texts, *component.uploads)}
        places.append(Place(one.id, component.id, one.number, name, inside))
        for question, stated in zip(new, asked, strict=True):
            if stated.when is not None:
                conditions[question.id] = expression_of(stated.when, instances, own)
            elif own.when is not None:
                said.append(there_from(when_id(question.id), question, *_counted(one, product)))
    whole = AskedContent.model_construct(
        **{
            **{name: getattr(product, name) for name in ProductContent.model_fields},
            "groups": tuple(groups),
            "parameters": tuple(parameters),
            "quantities": tuple(quantities),
            "lookups": tuple(lookups),
            "texts": all_texts(product),
            "uploads": all_uploads(product),
            "preferences": tuple(preferences),
            "components": (),
            "places": tuple(places),
            "source": product,
        }
    )
    said += [
        asked_where(when_id(one.id), one, conditions[one.id], whole) for one in questions if one.id in conditions
    ]
    said += [
        RuleContent.model_construct(id=covered_id(one.id), text=one.text, expression=None, table=None)
        for one in lookups
        if one.otherwise is None
    ]
    return whole.model_copy(update={"rules": (*rules, *said)})


def all_texts(product: ProductContent) -> tuple[TextContent, ...]:
    """The texts of the product and of every instance of its components; these can be typed where the instance is."""
    instances = instances_of(product)
    return (
        *product.texts,
        *(_text(text, instances, one.own, one.name) for one in made(product) for text in one.component.texts),
    )


def all_uploads(product: ProductContent) -> tuple[UploadContent, ...]:
    """The files that the product and every instance of its components ask for; these where the instance is."""
    instances = instances_of(product)
    return (
        *product.uploads,
        *(_instanced(file, instances, one.own, one.name) for one in made(product) for file in one.component.uploads),
    )


def _counted(one: Made, product: ProductContent) -> tuple[ParameterContent, int]:
    """The parameter that says whether an instance is there, as it is written out, and from which number on it is."""
    while one.component.number is not None and one.outer is not None:
        one = one.outer
    if one.outer is None:
        return _count(one.component, product), one.number
    count = _count(one.component, one.outer.component)
    return count.model_copy(update={"name": _joined(one.outer.name, count.name)}), one.number


def _joined(before: Text, after: Text, colon: str | None = None) -> Text:
    zh, en = (colon, colon) if colon is not None else ("：", ": ")
    return Text.model_construct(zh=f"{before.zh}{zh}{after.zh}", en=f"{before.en}{en}{after.en}")


def _printed(formula: str | None, instances: Instances, own: Instance) -> str | None:
    return None if formula is None else print_expression(expression_of(formula, instances, own))


def _condition(when: str | None, instances: Instances, own: Instance) -> str | None:
    tree = condition_of(when, instances, own)
    return None if tree is None else print_expression(tree)


def _instanced(asked: Asked, instances: Instances, own: Instance, name: Text, when: str = "when") -> Asked:
    """A question as an instance of a component asks it. `when`: what its condition is called."""
    return asked.model_copy(
        update={
            "id": own.names[asked.id],
            "name": _joined(name, asked.name),
            when: _condition(getattr(asked, when), instances, own),
        }
    )


def _text(text: TextContent, instances: Instances, own: Instance, name: Text) -> TextContent:
    patterns = tuple(one.model_copy(update={"when": _printed(one.when, instances, own)}) for one in text.patterns)
    return _instanced(text, instances, own, name, "requires").model_copy(update={"patterns": patterns})


def _preference(preference: PreferenceContent, instances: Instances, own: Instance) -> PreferenceContent:
    return preference.model_copy(
        update={
            "when": _condition(preference.when, instances, own),
            "choose": {own.names.get(name, name): answer for name, answer in preference.choose.items()},
        }
    )


def _quantity(quantity: QuantityContent, instances: Instances, own: Instance, name: Text) -> QuantityContent:
    return quantity.model_copy(
        update={
            "id": own.names[quantity.id],
            "name": _joined(name, quantity.name) if quantity.name is not None else None,
            "formula": _printed(quantity.formula, instances, own),
        }
    )


def _lookup(lookup: LookupContent, own: Instance, name: Text) -> LookupContent:
    return lookup.model_copy(
        update={
            "id": own.names[lookup.id],
            "name": _joined(name, lookup.name) if lookup.name is not None else None,
            "text": _joined(name, lookup.text) if lookup.text is not None else None,
            "columns": tuple(own.names.get(column, column) for column in lookup.columns),
        }
    )


def _rule(rule: RuleContent, instances: Instances, own: Instance, rule_id: str, name: Text) -> RuleContent:
    """For its sentence: what holds is stated from the component's own rule."""
    return rule.model_copy(
        update={
            "id": rule_id,
            "text": _joined(name, rule.text),
            "expression": _printed(rule.expression, instances, own),
        }
    )
