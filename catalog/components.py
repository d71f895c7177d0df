"""Components that are in a product several times: their instances, and the product with every question written out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction

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
_Question = GroupContent | ParameterContent
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


# --- instances ------------------------------------------------------------------------------------------------------


def instance_id(component: str, number: int, own: str) -> str:
    """The id in the product of what a component calls `own` in one of its instances."""
    return f"{component}_{number}_{own}"


def most_of(component: ComponentContent, product: ProductContent) -> int:
    """How many instances there can be. Raises KeyError if `count` is no parameter of the product."""
    if component.number is not None:
        return component.number
    if component.maximum is not None:
        return component.maximum
    return max(0, product.parameter(component.count).maximum)


def _instances(component: ComponentContent, most: int) -> tuple[Instance, ...]:
    own = component.own_ids
    # A quantity of an instance that is not there is stated as 0 (catalog.state), and so is a parameter.
    zero = frozenset(
        (
            *(p.id for p in component.parameters if p.otherwise == 0),
            *(q.id for q in component.quantities),
            *(lookup.id for lookup in component.lookups),
        )
    )
    found = []
    for number in range(1, most + 1):
        names = {name: instance_id(component.id, number, name) for name in (*own, NUMBER)}
        found.append(Instance(names, in_use(component, number), zero))
    return tuple(found)


def in_use(component: ComponentContent, number: int) -> Expression | None:
    """Where the instance of this number is there; None: in every variant."""
    if component.number is not None:
        return None
    return Comparison(Parameter(component.count), Comparator.GREATER_OR_EQUAL, Number(Fraction(number)))


def instances_of(product: ProductContent) -> Instances:
    """The instances of every component. Raises KeyError if a `count` is no parameter of the product."""
    return {component.id: _instances(component, most_of(component, product)) for component in product.components}


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
    for component in product.components:
        for number, own in enumerate(instances[component.id], start=1):
            name = _instance_name(component, number)
            new_groups = [_group(one, instances, own, name) for one in component.groups]
            new_parameters = [_parameter(one, instances, own, name) for one in component.parameters]
            groups += new_groups
            parameters += new_parameters
            quantities += [_quantity(one, instances, own, name) for one in component.quantities]
            lookups += [_lookup(one, own, name) for one in component.lookups]
            preferences += [_preference(one, instances, own) for one in component.preferences]
            rules += [
                _rule(one, instances, own, instance_id(component.id, number, one.id), name) for one in component.rules
            ]
            asked: tuple[_Question, ...] = (*component.groups, *component.parameters)
            new: tuple[_Question, ...] = (*new_groups, *new_parameters)
            questions += new
            places.append(
                Place(
                    f"{component.id}_{number}", component.id, number, name,
                    {own.names[one.id]: one.name for one in (*asked, *component.texts)},
                )
            )  # fmt: skip
            for one, stated in zip(new, asked, strict=True):
                if stated.when is not None:
                    conditions[one.id] = expression_of(stated.when, instances, own)
                elif own.when is not None:
                    count = product.parameter(component.count)
                    said.append(there_from(when_id(one.id), one, count, number))
    whole = AskedContent.model_construct(
        **{
            **{name: getattr(product, name) for name in ProductContent.model_fields},
            "groups": tuple(groups),
            "parameters": tuple(parameters),
            "quantities": tuple(quantities),
            "lookups": tuple(lookups),
            "texts": all_texts(product),
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
        *(
            _text(text, instances, own, _instance_name(component, number))
            for component in product.components
            if component.texts
            for number, own in enumerate(instances[component.id], start=1)
            for text in component.texts
        ),
    )


def _instance_name(component: ComponentContent, number: int) -> Text:
    return _joined(component.name, Text(zh=str(number), en=str(number)), " ")


def _joined(before: Text, after: Text, colon: str | None = None) -> Text:
    zh, en = (colon, colon) if colon is not None else ("：", ": ")
    return Text.model_construct(zh=f"{before.zh}{zh}{after.zh}", en=f"{before.en}{en}{after.en}")


def _printed(formula: str | None, instances: Instances, own: Instance) -> str | None:
    return None if formula is None else print_expression(expression_of(formula, instances, own))


def _condition(when: str | None, instances: Instances, own: Instance) -> str | None:
    tree = condition_of(when, instances, own)
    return None if tree is None else print_expression(tree)


def _group(group: GroupContent, instances: Instances, own: Instance, name: Text) -> GroupContent:
    return group.model_copy(
        update={
            "id": own.names[group.id],
            "name": _joined(name, group.name),
            "when": _condition(group.when, instances, own),
        }
    )


def _parameter(parameter: ParameterContent, instances: Instances, own: Instance, name: Text) -> ParameterContent:
    return parameter.model_copy(
        update={
            "id": own.names[parameter.id],
            "name": _joined(name, parameter.name),
            "when": _condition(parameter.when, instances, own),
        }
    )


def _text(text: TextContent, instances: Instances, own: Instance, name: Text) -> TextContent:
    return text.model_copy(
        update={
            "id": own.names[text.id],
            "name": _joined(name, text.name),
            "requires": _condition(text.requires, instances, own),
            "patterns": tuple(
                one.model_copy(update={"when": _printed(one.when, instances, own)}) for one in text.patterns
            ),
        }
    )


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
