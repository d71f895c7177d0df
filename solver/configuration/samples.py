"""Seeded random variants: uniform where a part can count its variants, diverse elsewhere."""

from __future__ import annotations

from typing import Final

import numpy as np

from solver.configuration.compile import CompiledProblem
from solver.configuration.diagram import Diagram
from solver.configuration.parts import Kind, Part
from solver.configuration.problem import IntegerParameter, Variant
from solver.configuration.question import Assignment, Clock, Question

_SECONDS: Final = 60.0  # for all variants of one part


def is_uniform(compiled: CompiledProblem) -> bool:
    """Whether samples are drawn from all variants alike."""
    return all(part.kind in (Kind.FREE, Kind.DIAGRAM) for part in compiled.parts)


def sample(compiled: CompiledProblem, count: int, seed: int) -> tuple[Variant, ...]:
    """`count` valid variants, the same for the same seed; they may repeat. No texts. `is_uniform`: all alike."""
    generator = np.random.default_rng(seed)
    by_part = [_drawn(compiled, part, count, generator) for part in compiled.parts]
    return tuple(compiled.variant(compiled.layout.whole(row)) for row in zip(*by_part, strict=True))


def _drawn(compiled: CompiledProblem, part: Part, count: int, generator: np.random.Generator) -> list[Assignment]:
    if isinstance(part.engine, Diagram):
        return [Assignment(np.ascontiguousarray(row)) for row in part.engine.sample(generator, count)]
    if part.kind is Kind.FREE:
        sizes = np.diff(part.network.first)
        return [
            Assignment(
                generator.integers(0, sizes, dtype=np.int32),
                tuple(_any(number, generator) for number in part.network.numbers),
            )
            for _ in range(count)
        ]
    clock = Clock.of(_SECONDS)
    return [_walk(part, generator, clock) for _ in range(count)]


def _any(number: IntegerParameter, generator: np.random.Generator) -> int:
    return number.values[int(generator.integers(0, len(number.values)))]


def _walk(part: Part, generator: np.random.Generator, clock: Clock) -> Assignment:
    """An assignment in which some variables have a value drawn for them, and the others one that was liked."""
    network = part.network
    sizes = np.diff(network.first)
    while True:
        wanted = network.first[:-1] + generator.integers(0, sizes)
        prefer = np.zeros(network.literals, dtype=np.uint8)
        prefer[wanted] = 1
        allowed = np.ones(network.literals, dtype=np.uint8)
        fixed = generator.permutation(len(sizes))[: max(1, len(sizes) // 10)]
        for variable in fixed.tolist():  # as many as hold together
            before = allowed.copy()
            allowed[network.first[variable] : network.first[variable + 1]] = 0
            allowed[wanted[variable]] = 1
            if part.engine.find(Question(allowed, allowed), clock, prefer) is None:
                allowed = before
        found = part.engine.find(Question(allowed, allowed), clock, prefer)
        if found is not None:
            return found
