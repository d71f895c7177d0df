"""What can be said of a problem as a whole: so far, seeded samples of its variants."""

from __future__ import annotations

from random import Random

from solver.configuration.compile import Clock, CompiledProblem, OutOfTime
from solver.configuration.kernel import Domains, Nodes, OutOfNodes, masks
from solver.configuration.pool import Witness
from solver.configuration.problem import Variant

_NODES = 2_000


def sample(compiled: CompiledProblem, count: int, seed: int) -> tuple[Variant, ...]:
    """`count` valid variants, diverse but not uniform, the same for the same seed; they may repeat. No texts."""
    random = Random(seed)  # noqa: S311 - a sample, not a secret
    return tuple(compiled.variant(_one(compiled, random)) for _ in range(count))


def fill_pool(compiled: CompiledProblem, count: int, seed: int) -> None:
    """Put `count` sampled variants into the pool."""
    random = Random(seed)  # noqa: S311
    for _ in range(count):
        compiled.pool.add(_one(compiled, random))


def _one(compiled: CompiledProblem, random: Random) -> Witness:
    """A random walk: values drawn and propagated, in random order, as long as nothing is contradicted.

    What is left is searched for; if there is nothing there, the last draws are given up.
    """
    kernel = compiled.kernel
    domains = list(kernel.full)
    kernel.propagate(domains)
    trail: list[Domains] = [domains]
    order = list(range(len(domains)))
    random.shuffle(order)
    for variable in order:
        choices = list(masks(domains[variable]))
        if len(choices) == 1:
            continue
        child = domains.copy()
        child[variable] = random.choice(choices)
        if kernel.propagate(child, (variable,)):
            domains = child
            trail.append(domains)
    numbers = {p: random.choice(compiled.problem.parameter_by_id[p].values) for p in compiled.kernel.free}
    while True:
        found = _complete(compiled, domains, random, seeded=random.randrange(2**31))
        if found is not None:
            return Witness(found.masks, {**found.numbers, **numbers})
        trail = trail[: len(trail) // 2] or trail[:1]
        domains = trail[-1]


def _complete(compiled: CompiledProblem, domains: Domains, random: Random, seeded: int) -> Witness | None:
    if compiled.kernel.closed:
        try:
            wanted = [1 << random.randrange(variable.size) for variable in compiled.kernel.variables]
            found = compiled.kernel.find(domains, wanted, Nodes(_NODES))
        except OutOfNodes:
            pass
        else:
            return None if found is None else compiled.witness(found, {})
    try:
        return compiled.ask(domains, {}, Clock.of(10.0), seed=seeded)
    except OutOfTime:
        return None
