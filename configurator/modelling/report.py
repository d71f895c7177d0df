"""What an analysis says of a catalog file, as plain data with words in both languages: stored, shown, printed.

Sentences of the catalog stay templates with values; they are put into words where they are read.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from flask_babel import gettext

from catalog.compare import Difference, Example
from catalog.components import AskedContent
from catalog.content import Text
from catalog.document import Document
from catalog.price import PriceListContent
from catalog.price_changes import ItemTerms, PriceChanges
from catalog.problems import Problem, Sentence
from catalog.review import Review
from catalog.shape import field_of
from configurator.modelling.totals import Totals
from solver.configuration.analyse import Analysis, Proof
from solver.configuration.count import Counted
from solver.configuration.problem import Decision, Enter, Variant

Words = dict[str, str]
MOST = 200  # rows of one kind; the number of all is kept beside them


def listed(rows: Iterable[dict[str, Any]]) -> dict[str, Any]:
    """The first rows of one kind, and how many there are."""
    found = list(rows)
    return {"total": len(found), "rows": found[:MOST]}


class Wording:
    """A product's names in both languages, by id; what has none is called by its id."""

    def __init__(self, product: AskedContent) -> None:
        self._groups = {group.id: group for group in product.groups}
        self._options = {(g.id, o.id): o for g in product.groups for o in g.options}
        self._parameters = {parameter.id: parameter for parameter in product.parameters}
        self._rules = {rule.id: rule for rule in product.rules}

    def question(self, name: str) -> Words:
        """A group or parameter."""
        found = self._groups.get(name) or self._parameters.get(name)
        return _words(found.name if found is not None else None, name)

    def option(self, group: str, option: str) -> dict[str, Any]:
        """An option with its group: `Colour: Red`."""
        found = self._options.get((group, option))
        asked = self.question(group)
        name = _words(found.name if found is not None else None, option)
        return {"id": f"{group}.{option}", "zh": f"{asked['zh']}：{name['zh']}", "en": f"{asked['en']}: {name['en']}"}

    def rule(self, rule: str) -> dict[str, Any]:
        """A rule with its sentence."""
        found = self._rules.get(rule)
        return {"id": rule, **_words(found.text if found is not None else None, rule)}

    def decision(self, decision: Decision) -> dict[str, Any]:
        """A decision: `Colour: Red`, `Height: 20`."""
        if isinstance(decision, Enter):
            return self.number(decision.parameter, decision.value)
        return {**self.option(decision.group, decision.option), "chosen": decision.chosen}

    def number(self, parameter: str, value: int) -> dict[str, Any]:
        """A parameter with a number."""
        asked = self.question(parameter)
        return {"id": f"{parameter}={value}", "zh": f"{asked['zh']}：{value}", "en": f"{asked['en']}: {value}"}

    def variant(self, variant: Variant) -> list[dict[str, Any]]:
        """Everything that a variant has."""
        chosen = [self.option(group, o) for group, options in variant.chosen.items() for o in sorted(options)]
        numbers = [self.number(name, number) for name, number in variant.numbers.items()]
        texts = [{"id": name, "zh": f"{name}：{text}", "en": f"{name}: {text}"} for name, text in variant.texts.items()]
        return [*chosen, *numbers, *(one for one in texts if variant.texts[one["id"]])]

    def proof(self, proof: Proof) -> dict[str, Any]:
        """Rules that force something."""
        return {"minimal": proof.minimal, "rules": [self.rule(rule) for rule in proof.rules]}


def _words(text: Text | None, name: str) -> Words:
    return {"zh": name, "en": name} if text is None else {"zh": text.zh, "en": text.en}


def sentence_data(sentence: Sentence) -> dict[str, Any]:
    """A sentence as plain data; `sentence_from` reads it back."""
    values = {
        name: {"sentence": sentence_data(value)} if isinstance(value, Sentence) else str(value)
        for name, value in sentence.values.items()
    }
    return {"template": sentence.template, "values": values}


def sentence_from(data: Mapping[str, Any]) -> Sentence:
    """A sentence from plain data."""
    values = {
        name: sentence_from(value["sentence"]) if isinstance(value, dict) else value
        for name, value in data["values"].items()
    }
    return Sentence(data["template"], values)


def translated(sentence: Sentence) -> str:
    """A sentence of the catalog in the language of the request."""
    template = gettext(sentence.template) if sentence.template else ""
    values = {name: translated(v) if isinstance(v, Sentence) else v for name, v in sentence.values.items()}
    return template % values if values else template


def problem_data(problem: Problem) -> dict[str, Any]:
    """Something to repair in the file."""
    return {
        "line": problem.line,
        "field": problem.field,
        "what": sentence_data(problem.what),
        "expected": sentence_data(problem.expected),
    }


def problem_from(data: Mapping[str, Any]) -> Problem:
    """Something to repair, from plain data."""
    what, expected = sentence_from(data["what"]), sentence_from(data["expected"])
    return Problem(int(data["line"]), str(data["field"]), what, expected)


# --- the analysis ---------------------------------------------------------------------------------------------------


def analysis_data(analysis: Analysis, words: Wording) -> dict[str, Any]:
    """Everything that was found about a product's options and rules."""
    return {
        "void": analysis.void,
        "stopped": analysis.stopped,
        "variants": None if analysis.variants is None else counted_data(analysis.variants),
        "contradictions": listed(
            {"rules": [words.rule(r) for r in one.rules], "options": [words.option(*o) for o in one.options]}
            for one in analysis.contradictions
        ),
        "dead": listed(
            {"option": words.option(one.group, one.option), "proof": words.proof(one.proof)} for one in analysis.dead
        ),
        "core": listed(
            {"option": words.option(one.group, one.option), "proof": words.proof(one.proof)} for one in analysis.core
        ),
        "numbers": listed(
            {
                "parameter": {"id": one.parameter, **words.question(one.parameter)},
                "valid": [list(interval) for interval in one.valid],
                "dead": one.dead,
                "proof": words.proof(one.proof),
            }
            for one in analysis.numbers
        ),
        "only_with": listed(
            {
                "option": words.option(one.group, one.option),
                "other": words.option(one.other_group, one.other),
                "proof": words.proof(one.proof),
            }
            for one in analysis.only_with
        ),
        "redundant": listed(
            {"rule": words.rule(one.rule), "vacuous": one.vacuous, "proof": words.proof(one.proof)}
            for one in analysis.redundant
        ),
        "unused_rows": listed(
            {"rule": words.rule(one.rule), "rows": [row + 1 for row in one.rows[:MOST]], "count": len(one.rows)}
            for one in analysis.unused_rows
        ),
        "unsettled": {
            str(one.step): {"total": len(one.subjects), "subjects": list(one.subjects[:20])}
            for one in analysis.unsettled
        },
    }


def counted_data(counted: Counted) -> dict[str, Any]:
    """A number of variants; as texts, for it may have a hundred digits."""
    exact = None if counted.exact is None else str(counted.exact)
    return {"exact": exact, "low": str(counted.low), "high": str(counted.high), "confidence": counted.confidence}


# --- prices and routing ---------------------------------------------------------------------------------------------


def review_data(found: Review, words: Wording, document: Document, sections: Sequence[str]) -> dict[str, Any]:
    """What cannot be priced or routed. Lines are told of the sections that the file itself has."""

    def place(section: str, path: tuple[str | int, ...]) -> dict[str, Any]:
        if section not in sections:
            return {"section": section, "line": None, "field": field_of((section, *path), None)}
        whole = (section, *path)
        return {"section": section, "line": document.line_of(whole), "field": field_of(whole, document.data)}

    return {
        "asked": found.asked,
        "faults": listed(
            {
                **place(one.section, one.finding.path),
                "what": sentence_data(one.finding.what),
                "expected": sentence_data(one.finding.expected),
                "variant": words.variant(one.witness),
            }
            for one in found.faults
        ),
        "unused": listed({**place(one.section, one.path), "name": one.name} for one in found.unused),
        "unsettled": listed(place(one.section, one.path) for one in found.unsettled),
    }


# --- the revision before --------------------------------------------------------------------------------------------


def difference_data(found: Difference, old: Wording, new: Wording) -> dict[str, Any]:
    """What becomes possible and what no longer is."""
    return {
        "same": found.same,
        "gained": listed(new.option(*one) for one in found.gained),
        "lost": listed(old.option(*one) for one in found.lost),
        "new_questions": [{"id": one, **new.question(one)} for one in found.new_questions],
        "gone_questions": [{"id": one, **old.question(one)} for one in found.gone_questions],
        "only_old": listed(_example(one, new, old) for one in found.only_old),
        "only_new": listed(_example(one, old, new) for one in found.only_new),
        "unsettled": list(found.unsettled),
        "old_variants": None if found.old_count is None else counted_data(found.old_count),
        "new_variants": None if found.new_count is None else counted_data(found.new_count),
    }


def _example(example: Example, rules: Wording, names: Wording) -> dict[str, Any]:
    return {"rule": rules.rule(example.rule), "variant": names.variant(example.variant)}


# --- what it costs ----------------------------------------------------------------------------------------------------


def prices_data(
    changes: PriceChanges,
    sampled: Totals | None,
    lists: tuple[PriceListContent, PriceListContent],
    words: tuple[Wording, Wording],
) -> dict[str, Any]:
    """What is charged otherwise, and what that makes of a sample; of that the largest changes first.

    `lists`, `words`: the prices and names until now and from now on.
    """
    old, new = lists
    return {
        "code": new.code,
        "currencies": list(changes.currencies),
        "exponents": [old.exponent, new.exponent],
        "bases": [str(basis) for basis in changes.bases],
        "changed": listed(
            {
                "id": one.id, "zh": one.name.zh, "en": one.name.en,
                "old": None if one.old is None else _terms_data(one.old, words[0]),
                "new": None if one.new is None else _terms_data(one.new, words[1]),
            }
            for one in changes.items
        ),
        "tax": [{"country": one.country, "old": one.old, "new": one.new} for one in changes.tax],
        "totals": None if sampled is None else _totals_data(sampled, same_money=old.currency == new.currency),
    }  # fmt: skip


def _terms_data(terms: ItemTerms, words: Wording) -> dict[str, Any]:
    option = None if terms.chosen is None else words.option(*terms.chosen)
    return {"amount": terms.amount, "cost": terms.cost, "when": terms.when, "option": option}


def _totals_data(sampled: Totals, *, same_money: bool) -> dict[str, Any]:
    other = [one for one in sampled.totals if one.old != one.new or not same_money]
    return {
        "country": sampled.country,
        "seen": len(sampled.totals) + sampled.without + sampled.unsettled,
        "same": len(sampled.totals) - len(other),
        "dearer": sum(one.new > one.old for one in other) if same_money else None,
        "cheaper": sum(one.new < one.old for one in other) if same_money else None,
        "without": sampled.without,
        "unsettled": sampled.unsettled,
        "other": listed(
            {
                "kind": str(one.kind), "old": one.old, "new": one.new, "number": one.number, "revision": one.revision,
                "name": None if one.name is None else {"zh": one.name.zh, "en": one.name.en},
                "created_at": None if one.created_at is None else one.created_at.isoformat(),
                "percent": round(100 * (one.new - one.old) / one.old, 1) if same_money and one.old else None,
            }
            for one in sorted(other, key=lambda one: -abs(one.new - one.old))
        ),
    }  # fmt: skip


def change_data(old: Decision, new: Decision | None, before: Wording, after: Wording) -> dict[str, Any]:
    """A decision that a repair changes; `new` None: it is taken back."""
    return {"old": before.decision(old), "new": None if new is None else after.decision(new)}
