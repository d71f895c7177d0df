"""What variants with an option cost at least and at most: the "from 1,290" on an option."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from solver.configuration.compile import CompiledProblem
from solver.configuration.complete import CostsByOption, Weighed, weigh
from solver.configuration.decisions import require_known
from solver.configuration.network import CORE
from solver.configuration.parts import Part
from solver.configuration.problem import Decision, GroupId, OptionId
from solver.configuration.question import Clock, Costs, OutOfTime, Question, Spans


@dataclass(frozen=True, slots=True)
class Span:
    """The costs of the cheapest and of the dearest variant with an option.

    Where `low_exact` (`high_exact`) is false, time left it a bound: no variant with the option is below (above) it.
    """

    low: int
    high: int
    low_exact: bool = True
    high_exact: bool = True


@dataclass(frozen=True, slots=True)
class CostSpans:
    """`whole`: of all variants with the decisions. `options`: of each option that some variant has.

    As in valid domains, an option of a group in which one was chosen is judged in that one's place.
    """

    whole: Span
    options: Mapping[tuple[GroupId, OptionId], Span]


def cost_spans(
    compiled: CompiledProblem, decisions: Sequence[Decision], costs: CostsByOption, *, seconds: float = 1.0
) -> CostSpans | None:
    """Lowest and highest costs of all variants and of each option's; None if the decisions conflict.

    `costs` is any additive vector: what an option, or one more of a parameter, adds. Exact where time suffices;
    `seconds` of 0 gives the bounds that are there at once. Raises UnknownDecision.
    """
    require_known(compiled.problem, decisions)
    gathered = compiled.layout.gather(decisions)
    if gathered is None:
        return None
    clock = Clock.of(seconds)
    weighed = weigh(compiled, costs, {})
    found: list[Spans] = []
    wholes: list[Span] = []
    for part in compiled.parts:
        question = compiled.layout.question(part.position, gathered.get(part.position, ()))
        if question is None:
            return None
        spans, whole = _part(part, question, weighed, clock)
        if whole is None:
            return None
        found.append(spans)
        wholes.append(whole)
    total = _sum([Span(weighed.constant, weighed.constant), *wholes])
    return CostSpans(total, _options(compiled, found, wholes, total))


def _part(part: Part, question: Question, weighed: Weighed, clock: Clock) -> tuple[Spans, Span | None]:
    """The spans of a part's literals, and of the part as a whole: through whichever value of its first variable."""
    costs = weighed.parts[part.position]
    spans = part.engine.spans(question, costs, clock)
    if not part.network.literals:
        return spans, _numbers(part, question, costs, clock)
    stop = int(part.network.first[1])
    there = [
        literal for literal in range(stop) if question.allowed[literal] and spans.low[literal] <= spans.high[literal]
    ]
    if not there:
        return spans, None
    low = min(there, key=lambda literal: (spans.low[literal], spans.exact[literal] & 1))
    high = max(there, key=lambda literal: (spans.high[literal], -(int(spans.exact[literal]) & 2)))
    return spans, Span(
        int(spans.low[low]), int(spans.high[high]), bool(spans.exact[low] & 1), bool(spans.exact[high] & 2)
    )


def _numbers(part: Part, question: Question, costs: Costs, clock: Clock) -> Span | None:
    """The span of a part that has numbers only: what no single literal stands for."""
    ends, proved = [], []
    for sign in (1, -1):
        signed = Costs(sign * costs.literals, tuple(sign * cost for cost in costs.numbers))
        try:
            least = part.engine.least(question, signed, clock)
        except OutOfTime:
            ends.append(_floor(part, question, signed))
            proved.append(False)
            continue
        if least is None:
            return None
        ends.append(least.bound)
        proved.append(least.bound == least.cost)
    return Span(ends[0], -ends[1], *proved)


def _floor(part: Part, question: Question, costs: Costs) -> int:
    """What each number costs at least by itself, added up."""
    return sum(
        cost * question.numbers[place]
        if place in question.numbers
        else min(cost * number.values[0], cost * number.values[-1])
        for place, (cost, number) in enumerate(zip(costs.numbers, part.network.numbers, strict=True))
    )


def _sum(spans: Sequence[Span]) -> Span:
    return Span(
        sum(span.low for span in spans),
        sum(span.high for span in spans),
        all(span.low_exact for span in spans),
        all(span.high_exact for span in spans),
    )


def _options(
    compiled: CompiledProblem, found: Sequence[Spans], wholes: Sequence[Span], total: Span
) -> dict[tuple[GroupId, OptionId], Span]:
    layout, names = compiled.layout, compiled.names
    lows = np.concatenate([np.zeros(0, dtype=np.int64), *(spans.low for spans in found)])
    highs = np.concatenate([np.zeros(0, dtype=np.int64), *(spans.high for spans in found)])
    exact = np.concatenate([np.zeros(0, dtype=np.uint8), *(spans.exact for spans in found)])
    inexact_low = {part for part, span in enumerate(wholes) if not span.low_exact}
    inexact_high = {part for part, span in enumerate(wholes) if not span.high_exact}
    spans: dict[tuple[GroupId, OptionId], Span] = {}
    for group in compiled.problem.groups:
        for option in group.options:
            variable, value = names.value(group.id, option)
            place = int(layout.place[names.starts[variable] + value])
            if place == CORE:
                spans[group.id, option] = total
            elif place >= 0 and lows[place] <= highs[place]:
                part = layout.part_of(place)
                spans[group.id, option] = Span(
                    int(lows[place]) + total.low - wholes[part].low,
                    int(highs[place]) + total.high - wholes[part].high,
                    bool(exact[place] & 1) and inexact_low <= {part},
                    bool(exact[place] & 2) and inexact_high <= {part},
                )
    return spans
