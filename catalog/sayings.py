"""Sentences for what a file states without one: why a question is, or is not, asked."""

from __future__ import annotations

from typing import TYPE_CHECKING

from catalog.content import Text
from catalog.products import GroupContent, ParameterContent, ProductContent, RuleContent
from solver.configuration.rules import (
    And,
    Comparator,
    Comparison,
    Expression,
    Member,
    Negative,
    Not,
    Number,
    Or,
    Parameter,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

_SIGNS = {Comparator.LESS_OR_EQUAL: "≤", Comparator.GREATER_OR_EQUAL: "≥", Comparator.UNEQUAL: "≠"}


def there_from(
    rule_id: str, question: GroupContent | ParameterContent, count: ParameterContent, number: int
) -> RuleContent:
    """Why a question of an instance is asked: there are as many."""
    name = question.name
    return _said(
        rule_id,
        Text.model_construct(
            zh=f"“{name.zh}”只在“{count.name.zh}”不少于 {number} 时才有。",
            en=f"“{name.en}” is there only if “{count.name.en}” is at least {number}.",
        ),
    )


def asked_where(
    rule_id: str, question: GroupContent | ParameterContent, condition: Expression, product: ProductContent
) -> RuleContent:
    """Why a question is asked: its condition in words, as far as it has short ones."""
    name = question.name
    zh, en = _words(condition, product, "zh"), _words(condition, product, "en")
    if zh is None or en is None:
        text = Text.model_construct(
            zh=f"“{name.zh}”只在其他选择需要它时才有。",
            en=f"“{name.en}” is asked only where your other choices need it.",
        )
    else:
        text = Text.model_construct(zh=f"“{name.zh}”只用于：{zh}。", en=f"“{name.en}” goes only with {en}.")
    return _said(rule_id, text)


def _said(rule_id: str, text: Text) -> RuleContent:
    return RuleContent.model_construct(id=rule_id, text=text, expression=None, table=None)


def _words(condition: Expression, product: ProductContent, lang: str) -> str | None:
    """A condition in words; None where that would need more than names, numbers, and, or, not."""
    match condition:
        case Member(group=group, name=option):
            return _option(product, group, option, lang)
        case Not(operand=Member() as operand):
            inner = _words(operand, product, lang)
            return None if inner is None else (f"不是“{inner}”" if lang == "zh" else f"not {inner}")
        case And(operands=operands):
            return _list(operands, product, lang, "且" if lang == "zh" else " and ")
        case Or(operands=operands):
            return _list(operands, product, lang, "或" if lang == "zh" else " or ")
        case Comparison(left=Parameter(name=name), comparator=comparator, right=right):
            number = _number(right)
            found = next((p for p in product.parameters if p.id == name), None)
            if number is None or found is None:
                return None
            return f"{getattr(found.name, lang)} {_SIGNS.get(comparator, comparator)} {number}"
    return None


def _option(product: ProductContent, group_id: str, option_id: str, lang: str) -> str | None:
    group = next((g for g in product.groups if g.id == group_id), None)
    option = next((o for o in group.options if o.id == option_id), None) if group else None
    if group is None or option is None:
        return None
    colon = "：" if lang == "zh" else ": "
    return f"{getattr(group.name, lang)}{colon}{getattr(option.name, lang)}"


def _list(parts: Sequence[Expression], product: ProductContent, lang: str, between: str) -> str | None:
    if any(isinstance(part, And | Or) for part in parts):
        return None  # which of both comes first could be misread
    found = [_words(part, product, lang) for part in parts]
    return None if None in found else between.join(words for words in found if words)


def _number(expression: Expression) -> str | None:
    match expression:
        case Number(value=value) if value.denominator == 1:
            return str(value)
        case Negative(operand=Number(value=value)) if value.denominator == 1:
            return f"−{value}"
    return None
