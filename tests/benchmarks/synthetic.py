"""Models that are made: a catalogue with two tight sums, and feature trees whose cross-tree rules tie all together.

Every rule holds in some variants that were drawn first, so that no model is void and few options are dead.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from random import Random

from solver.configuration.problem import (
    ConfigurationProblem,
    ExpressionRule,
    GroupId,
    OptionGroup,
    OptionId,
    RuleId,
)
from solver.configuration.rules import (
    And,
    Comparator,
    Comparison,
    Expression,
    Implies,
    Member,
    Not,
    Number,
    Or,
    Sum,
)

GROUPS, OPTIONS, RULES = 40, 6, 60
DRAWN = 20_000  # choices from which the limits of the sums are read
TIGHT = (0.01, 0.05)  # both sums lie between these quantiles of random choices
KEPT = 3  # variants that every rule keeps


def catalogue(seed: int) -> ConfigurationProblem:
    """40 groups of 6 options, 60 rules, and two sums, each of which one choice in 25 keeps."""
    random = Random(seed)
    amounts = {name: [[random.randrange(1, 100) for _ in range(OPTIONS)] for _ in range(GROUPS)] for name in "pw"}
    drawn = [[random.randrange(OPTIONS) for _ in range(GROUPS)] for _ in range(DRAWN)]
    limits = {name: _limits(table, drawn) for name, table in amounts.items()}
    kept = [
        choice
        for choice in drawn
        if all(low <= _total(amounts[name], choice) <= high for name, (low, high) in limits.items())
    ][:KEPT]
    groups = tuple(
        OptionGroup(
            _group(g),
            tuple(_option(o) for o in range(OPTIONS)),
            numbers={
                name: {_option(o): amounts[letter][g][o] for o in range(OPTIONS)}
                for letter, name in (("p", "price"), ("w", "weight"))
            },
        )
        for g in range(GROUPS)
    )
    rules = [ExpressionRule(RuleId(f"rule {k}"), rule) for k, rule in enumerate(_rules(random, kept))]
    for letter, name in (("p", "price"), ("w", "weight")):
        total = Sum(tuple(Member(_group(g), name) for g in range(GROUPS)))
        low, high = limits[letter]
        for comparator, limit in ((Comparator.GREATER_OR_EQUAL, low), (Comparator.LESS_OR_EQUAL, high)):
            rule = Comparison(total, comparator, Number(Fraction(limit)))
            rules.append(ExpressionRule(RuleId(f"{name} {comparator}"), rule))
    return ConfigurationProblem(groups, rules=tuple(rules))


def _group(number: int) -> GroupId:
    return GroupId(f"group_{number}")


def _option(number: int) -> OptionId:
    return OptionId(f"option_{number}")


def _total(table: Sequence[Sequence[int]], choice: Sequence[int]) -> int:
    return sum(row[option] for row, option in zip(table, choice, strict=True))


def _limits(table: Sequence[Sequence[int]], drawn: Sequence[Sequence[int]]) -> tuple[int, int]:
    totals = sorted(_total(table, choice) for choice in drawn)
    return totals[int(TIGHT[0] * DRAWN)], totals[int(TIGHT[1] * DRAWN)]


def _rules(random: Random, kept: Sequence[Sequence[int]]) -> Iterator[Expression]:
    """Requirements, exclusions and requirements of one of three, each true of all variants that are kept."""
    made = 0
    while made < RULES:
        a, b, c = random.sample(range(GROUPS), 3)
        i, j, k, m = (random.randrange(OPTIONS) for _ in range(4))
        kind = random.randrange(4)
        if kind == 0:
            rule = Implies(_is(a, i), Not(_is(b, j)))
            holds = [v[a] != i or v[b] != j for v in kept]
        elif kind == 1:
            rule = Implies(_is(a, i), Or((_is(b, j), _is(b, k), _is(b, m))))
            holds = [v[a] != i or v[b] in (j, k, m) for v in kept]
        elif kind == 2:
            rule = Implies(And((_is(a, i), _is(b, j))), Or((_is(c, k), _is(c, m))))
            holds = [v[a] != i or v[b] != j or v[c] in (k, m) for v in kept]
        else:
            rule = Or((Not(_is(a, i)), Not(_is(b, j)), Not(_is(c, k))))
            holds = [v[a] != i or v[b] != j or v[c] != k for v in kept]
        if all(holds):
            made += 1
            yield rule


def _is(group: int, option: int) -> Member:
    return Member(_group(group), _option(option))


# --- feature trees --------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Shape:
    """What a feature tree is like. `kinds`: weights of mandatory, optional, or, alternative groups; `children`: most of
    a group; `constraints`: across the tree, `longest` literals each at most; `hubs`: features that many of them name;
    `kept`: configurations that every rule keeps.
    """

    name: str
    seed: int
    features: int
    constraints: int
    kinds: tuple[int, int, int, int]
    children: int
    longest: int
    hubs: int
    kept: int


# Features as many as, and rules of the kinds of, an embedded operating system's, a bank's, a car's and a kernel's.
TREES = (
    Shape("ecos-like", 11, 1_245, 2_600, (1, 12, 1, 1), 12, 3, 60, 20),
    Shape("financial-like", 12, 771, 1_080, (3, 4, 1, 6), 8, 5, 40, 40),
    Shape("automotive-like", 13, 2_513, 2_833, (3, 5, 1, 6), 9, 4, 120, 40),
    Shape("kernel-like", 14, 6_467, 14_000, (1, 12, 0, 1), 25, 4, 300, 20),
)


@dataclass(slots=True)
class _Group:
    parent: int
    kind: str
    members: list[int]


def tree(shape: Shape) -> str:
    """A feature tree with rules across it, as a UVL file."""
    random = Random(shape.seed)
    groups = _grow(random, shape)
    kept = _kept(random, shape, groups)
    lines = ["features", "\tf0"]
    below: dict[int, list[_Group]] = {}
    for group in groups:
        below.setdefault(group.parent, []).append(group)
    waiting: list[tuple[int, _Group | int]] = [(2, group) for group in reversed(below.get(0, []))]
    while waiting:
        depth, one = waiting.pop()
        if isinstance(one, int):
            lines.append("\t" * depth + f"f{one}")
            waiting.extend((depth + 1, group) for group in reversed(below.get(one, [])))
        else:
            lines.append("\t" * depth + one.kind)
            waiting.extend((depth + 1, member) for member in reversed(one.members))
    lines.append("constraints")
    lines.extend(f"\t{constraint}" for constraint in _across(random, shape, kept))
    return "\n".join(lines) + "\n"


def _grow(random: Random, shape: Shape) -> list[_Group]:
    """Groups, each parent before its members, breadth first so that the tree stays shallow."""
    groups: list[_Group] = []
    waiting, made = [0], 1
    while made < shape.features:
        parent = waiting.pop(random.randrange(min(len(waiting), 40)))
        kind = random.choices(("mandatory", "optional", "or", "alternative"), shape.kinds)[0]
        least = 2 if kind in ("or", "alternative") else 1
        count = min(random.randint(least, shape.children), shape.features - made)
        if count < least:
            kind = "optional"
        members = list(range(made, made + count))
        made += count
        groups.append(_Group(parent, kind, members))
        waiting.extend(members)
        if not waiting or random.random() < 0.2:
            waiting.append(parent)
    return groups


def _kept(random: Random, shape: Shape, groups: Sequence[_Group]) -> list[list[bool]]:
    """Random configurations of the tree alone, each with a feature that none before it has."""
    above = {member: group for group in groups for member in group.members}
    missing = set(range(shape.features))
    kept: list[list[bool]] = []
    while missing and len(kept) < shape.kept:
        wanted: set[int] = set()
        feature = random.choice(sorted(missing))
        while feature:
            wanted.add(feature)
            feature = above[feature].parent
        kept.append(_draw(random, shape.features, groups, wanted))
        missing = {feature for feature in missing if not kept[-1][feature]}
    return kept


def _draw(random: Random, features: int, groups: Sequence[_Group], wanted: set[int]) -> list[bool]:
    """A random configuration of the tree alone that has the wanted features."""
    chosen = [False] * features
    chosen[0] = True
    for group in groups:
        if not chosen[group.parent]:
            continue
        if group.kind == "mandatory":
            picked = group.members
        elif group.kind == "alternative":
            picked = [next((member for member in group.members if member in wanted), random.choice(group.members))]
        else:
            picked = [member for member in group.members if random.random() < 0.6 or member in wanted]
            if group.kind == "or" and not picked:
                picked = [random.choice(group.members)]
        for member in picked:
            chosen[member] = True
    return chosen


def _across(random: Random, shape: Shape, kept: Sequence[Sequence[bool]]) -> Iterator[str]:
    """Rules over features from anywhere in the tree, each true of all kept configurations and not for nothing."""
    hubs = random.sample(range(1, shape.features), shape.hubs)
    made = 0
    known: set[tuple[int, ...]] = set()
    while made < shape.constraints:
        length = random.randint(2, shape.longest)
        picked = [random.choice(hubs) if random.random() < 0.3 else random.randrange(1, shape.features)]
        picked += [random.choice(hubs) if random.random() < 0.3 else random.randrange(1, shape.features)
                   for _ in range(length - 1)]
        if len(set(picked)) < length:
            continue
        signs = [False, *(random.random() < 0.6 for _ in range(length - 1))]
        if tuple(picked) in known or not any(configuration[picked[0]] for configuration in kept):
            continue
        if all(any(c[f] == sign for f, sign in zip(picked, signs, strict=True)) for c in kept):
            known.add(tuple(picked))
            made += 1
            rest = [f"f{f}" if sign else f"!f{f}" for f, sign in zip(picked[1:], signs[1:], strict=True)]
            yield f"f{picked[0]} => {' | '.join(rest)}"
