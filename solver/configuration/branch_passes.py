"""The lowest cost of each literal under clauses and limits of sums: branch and bound, in compiled code.

For any weights w of the sums, what an assignment costs is at least the least of (cost + w * sums) less h(w), where h(w)
is the most that the limits allow of w * sums. Without clauses that least is taken variable by variable; what of the
clauses and limits that breaks is branched on. Weights are whole and a cost is `unit` times itself, so that all bounds
are exact. Sources: Polyak, Minimization of unsmooth functionals, 1969 (the step); Fisher, The Lagrangian relaxation
method for solving integer programming problems, 1981.

A domain is a word with a bit for each value of a variable. A clause is some pairs of a variable and a word: one of its
variables at least has one of these values.
"""

from __future__ import annotations

from functools import partial
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from solver.native import kernel

FAR: Final = 1 << 62  # a cost of nothing
DONE: Final = -1  # no literal is open, or each had its nodes
_ROOT: Final = 40  # steps of the weights for a literal, and for a branch
_STEPS: Final = 3
_ROUNDS: Final = 2  # of what is propagated in one branch
_HARDLY: Final = 400  # a part of the dearest cost that hardly counts where a branch is chosen

Words = NDArray[np.int64]
Many = Any  # words in rows

_w, _ww = "int64[::1]", "int64[:, ::1]"
_model = f"{_w}, {_w}, {_w}, {_w}, {_ww}, {_w}, {_w}, float64[::1]"
_scale = "int64, int64, int64, float64"
_inner = partial(kernel, inner=True)


@_inner(f"void({_w}, {_ww}, {_w}, int64, {_w})")
def _weigh(costs: Words, amounts: Many, weights: Words, unit: int, weighed: Words) -> None:
    """unit * cost + weights * amounts of each literal."""
    for literal in range(len(costs)):
        weighed[literal] = unit * costs[literal]
    for row in range(len(weights)):
        weight = weights[row]
        if weight != 0:
            for literal in range(len(costs)):
                weighed[literal] += weight * amounts[row, literal]


@_inner(f"int64({_w}, {_w}, {_w})")
def _allowed_of(weights: Words, low: Words, high: Words) -> int:
    """The most that the limits allow of the weighed sums."""
    total = 0
    for row in range(len(weights)):
        total += weights[row] * (high[row] if weights[row] > 0 else low[row])
    return total


@_inner(f"int64({_w}, {_w}, {_w}, {_w}, {_w})")
def _look(first: Words, domains: Words, weighed: Words, least: Words, point: Words) -> int:
    """The least of each variable, where it is (a literal), and what that is together."""
    total = 0
    for variable in range(len(domains)):
        one, at = FAR, -1
        begin, domain = first[variable], domains[variable]
        for literal in range(begin, first[variable + 1]):
            if (domain >> (literal - begin)) & 1 and weighed[literal] < one:
                one, at = weighed[literal], literal
        least[variable], point[variable] = one, at
        total += one
    return total


@_inner(f"int64({_w}, {_w}, {_w}, {_w})")
def _clauses(start: Words, variables: Words, words: Words, domains: Words) -> int:
    """What each clause alone shows: 1 if something, 0 if nothing, -1 on a contradiction."""
    changed = 0
    for clause in range(len(start) - 1):
        left = -1
        for index in range(start[clause], start[clause + 1]):
            domain = domains[variables[index]]
            if domain & words[index] == 0:
                continue
            if left >= 0 or domain & ~words[index] == 0:
                left = -2
                break
            left = index
        if left == -1:
            return -1
        if left >= 0:
            domains[variables[left]] &= words[left]
            changed = 1
    return changed


@_inner(f"int64({_w}, {_ww}, {_w}, {_w}, {_w}, {_w}, {_w})")
def _limits(
    first: Words, amounts: Many, low: Words, high: Words, domains: Words, least: Words, most: Words
) -> int:
    """What each limit alone shows, as `_clauses`. `least`, `most`: scratch for each variable."""
    changed = 0
    for row in range(len(low)):
        total = total_most = 0
        for variable in range(len(domains)):
            begin, domain = first[variable], domains[variable]
            one, other = FAR, -FAR
            for literal in range(begin, first[variable + 1]):
                if (domain >> (literal - begin)) & 1:
                    one, other = min(one, amounts[row, literal]), max(other, amounts[row, literal])
            least[variable], most[variable] = one, other
            total += one
            total_most += other
        if total > high[row] or total_most < low[row]:
            return -1
        for variable in range(len(domains)):
            up, down = high[row] - total + least[variable], low[row] - total_most + most[variable]
            if most[variable] <= up and least[variable] >= down:
                continue
            begin = first[variable]
            for literal in range(begin, first[variable + 1]):
                if (domains[variable] >> (literal - begin)) & 1 and not down <= amounts[row, literal] <= up:
                    domains[variable] ^= np.int64(1) << (literal - begin)
                    changed = 1
            if domains[variable] == 0:
                return -1
    return changed


@_inner(f"int64({_w}, {_w}, {_w}, {_w}, int64)")
def _costs(first: Words, domains: Words, weighed: Words, least: Words, slack: int) -> int:
    """Leave out the values that cost more than the slack above the least of their variable: whether there were any."""
    changed = 0
    for variable in range(len(domains)):
        begin = first[variable]
        for literal in range(begin, first[variable + 1]):
            if weighed[literal] - least[variable] > slack and (domains[variable] >> (literal - begin)) & 1:
                domains[variable] ^= np.int64(1) << (literal - begin)
                changed = 1
    return changed


@_inner(f"boolean({_model}, {_w}, {_w}, {_w}, {_w}, {_w}, int64)")
def _propagate(
    first: Words, start: Words, variables: Words, words: Words, amounts: Many, low: Words, high: Words, spread: Any,
    domains: Words, weighed: Words, least: Words, most: Words, point: Words, limit: int,
) -> bool:
    """To a fixpoint, or nearly; False on a contradiction. `limit`: of what is weighed. The point is the least then."""
    for _ in range(_ROUNDS):
        changed = 1
        while changed > 0:
            changed = _clauses(start, variables, words, domains)
        if changed < 0:
            return False
        changed = _limits(first, amounts, low, high, domains, least, most)
        if changed < 0:
            return False
        total = _look(first, domains, weighed, least, point)
        if total > limit:
            return False
        if limit < FAR:
            changed |= _costs(first, domains, weighed, least, limit - total)
        if changed == 0:
            break
    return True


@_inner(f"int64({_w}, {_w}, {_w}, {_w}, {_w}, {_w}, {_w}, {_w}, {_w}, {_w})")
def _broken(
    first: Words, start: Words, variables: Words, words: Words, domains: Words, weighed: Words, least: Words,
    point: Words, counted: Words, found: Words,
) -> int:
    """What it costs more at least to mend the clauses that the point breaks: of those that share nothing, each alone.

    FAR: one of them cannot be mended. found[0]: where the clause whose cheapest mending is dearest has that (-1: none
    is broken). `counted`: scratch.
    """
    found[0] = -1
    total, dearest = 0, -1
    for variable in range(len(domains)):
        counted[variable] = 0
    for clause in range(len(start) - 1):
        holds, apart = False, True
        for index in range(start[clause], start[clause + 1]):
            variable = variables[index]
            if (words[index] >> (point[variable] - first[variable])) & 1:
                holds = True
                break
            apart = apart and counted[variable] == 0
        if holds:
            continue
        cheapest, at = FAR, -1
        for index in range(start[clause], start[clause + 1]):
            variable = variables[index]
            begin, left = first[variable], domains[variable] & words[index]
            for literal in range(begin, first[variable + 1]):
                if (left >> (literal - begin)) & 1 and weighed[literal] - least[variable] < cheapest:
                    cheapest, at = weighed[literal] - least[variable], index
        if at < 0:
            return FAR
        if cheapest > dearest:
            dearest = cheapest
            found[0] = at
        if apart:
            total += cheapest
            for index in range(start[clause], start[clause + 1]):
                counted[variables[index]] = 1
    return total


@_inner(f"boolean({_ww}, {_w}, {_w}, {_w}, {_w}, float64[::1])")
def _beside(amounts: Many, low: Words, high: Words, point: Words, weights: Words, slope: Any) -> bool:
    """Whether the point keeps the limits; and by how much its sums are beside where the weights want them."""
    keeps = True
    for row in range(len(low)):
        total = 0
        for variable in range(len(point)):
            total += amounts[row, point[variable]]
        keeps = keeps and low[row] <= total <= high[row]
        if weights[row] > 0:
            slope[row] = total - high[row]
        elif weights[row] < 0:
            slope[row] = total - low[row]
        else:
            slope[row] = total - min(max(total, low[row]), high[row])
    return keeps


@_inner(f"boolean({_w}, {_w}, float64[::1], float64[::1], float64, float64)")
def _step(old: Words, weights: Words, slope: Any, spread: Any, gain: float, heaviest: float) -> bool:
    """Other weights, along the slope, that would gain so much if all went straight; False if there are none."""
    length = 0.0
    for row in range(len(old)):
        length += (slope[row] / spread[row]) ** 2
    if length == 0.0:
        return False
    moved = False
    for row in range(len(old)):
        wish = old[row] + gain * slope[row] / (length * spread[row] * spread[row])
        if old[row] != 0 and (wish > 0) != (old[row] > 0):
            wish = 0.0
        weights[row] = round(min(max(wish, -heaviest), heaviest))
        moved = moved or weights[row] != old[row]
    return moved


@_inner(f"int64({_w}, {_ww}, {_w}, {_w}, {_w}, float64[::1], float64[::1], float64)")
def _aside(
    first: Words, amounts: Many, domains: Words, weighed: Words, point: Words, slope: Any, spread: Any, hardly: float
) -> int:
    """A literal other than the point's that brings the sums to where they are wanted at the least cost; -1: none is."""
    best, chosen = -1.0, -1
    for variable in range(len(domains)):
        begin, domain, own = first[variable], domains[variable], point[variable]
        if domain & (domain - 1) == 0:
            continue
        for literal in range(begin, first[variable + 1]):
            if literal == own or (domain >> (literal - begin)) & 1 == 0:
                continue
            nearer = 0.0
            for row in range(len(spread)):
                nearer -= slope[row] * (amounts[row, literal] - amounts[row, own]) / (spread[row] * spread[row])
            score = max(nearer, 1e-9) / (hardly + weighed[literal] - weighed[own])
            if score > best:
                best, chosen = score, literal
    return chosen


@_inner(f"void({_w}, {_w}, {_w}, {_w})")
def _take(costs: Words, point: Words, span: Words, values: Words) -> None:
    """The point, which holds, if it is the cheapest so far."""
    cost = 0
    for variable in range(len(point)):
        cost += costs[point[variable]]
    if cost < span[1]:
        span[1] = cost
        for variable in range(len(point)):
            values[variable] = point[variable]


@_inner(
    f"int64({_model}, {_w}, {_w}, {_scale}, {_ww}, {_ww}, {_w}, {_w}, {_w}, {_w}, int64)",
    allocates=True,
)
def _lowest(
    first: Words, start: Words, variables: Words, words: Words, amounts: Many, low: Words, high: Words, spread: Any,
    costs: Words, weights: Words, least_step: int, dearest: int, unit: int, heaviest: float,
    waiting: Many, waiting_weights: Many, waiting_bound: Words, span: Words, values: Words, used: Words, nodes: int,
) -> int:
    """The cheapest assignment in waiting[0] (domains). 1: proved, 0: so many nodes did not suffice.

    span: a bound below which none is, and the cost of the best (FAR: none), which `values` (literals) has if it is new.
    `least_step`: two costs differ by so much at least; `dearest`: at most. `weights`: to begin with, and what they
    became for all of the question; none is beyond `heaviest`.
    """
    count, rows = len(first) - 1, len(low)
    weighed = np.empty(len(costs), np.int64)
    least, most = np.empty(count, np.int64), np.empty(count, np.int64)
    point, counted = np.empty(count, np.int64), np.empty(count, np.int64)
    domains, found = np.empty(count, np.int64), np.empty(1, np.int64)
    now, tried = np.empty(rows, np.int64), np.empty(rows, np.int64)
    slope = np.empty(rows, np.float64)
    hardly = 1.0 + unit * dearest / _HARDLY
    waiting_weights[0, :] = weights
    waiting_bound[0] = -FAR
    many = 1
    root = True
    while many > 0:
        if nodes <= 0:
            bound = waiting_bound[0]
            for index in range(1, many):
                bound = min(bound, waiting_bound[index])
            if bound > -FAR:
                span[0] = max(span[0], min(-((-bound) // unit), span[1]))
            return 0
        many -= 1
        if span[1] < FAR and waiting_bound[many] > unit * (span[1] - least_step):
            continue
        nodes -= 1
        used[0] += 1
        domains[:] = waiting[many]
        now[:] = waiting_weights[many]
        steps = _ROOT if root else _STEPS
        best = -FAR
        gone = False
        failed = 0
        for turn in range(steps + 1):
            limit = FAR
            allowed = _allowed_of(now, low, high)
            _weigh(costs, amounts, now, unit, weighed)
            if span[1] < FAR:
                limit = unit * (span[1] - least_step) + allowed
            if turn == 0 and not _propagate(
                first, start, variables, words, amounts, low, high, spread, domains, weighed, least, most, point, limit
            ):
                gone = True
                break
            bound = _look(first, domains, weighed, least, point) - allowed
            if limit < FAR and bound + allowed > limit:
                gone = True
                break
            keeps = _beside(amounts, low, high, point, now, slope)
            if turn == 0 or keeps:
                mending = _broken(first, start, variables, words, domains, weighed, least, point, counted, found)
                if mending >= FAR or (limit < FAR and bound + allowed + mending > limit):
                    gone = True
                    break
            if keeps and found[0] < 0:
                _take(costs, point, span, values)
                if bound > unit * (span[1] - least_step):
                    gone = True
                    break
            if bound > best:
                best = bound
                waiting_weights[many, :] = now
                failed = 0
            else:
                failed += 1
                if failed > (8 if root else 1):
                    break
            if turn == steps:
                break
            hope = unit * (span[1] - least_step) if span[1] < FAR else bound + unit * dearest // 40
            gain = max(1.0, float(hope - bound)) / (1.0 + 0.5 * failed + (0.1 * turn if root else 0.0))
            if not _step(now, tried, slope, spread, gain, heaviest):
                break
            now[:] = tried
        if gone:
            root = False
            continue
        now[:] = waiting_weights[many]
        if root:
            weights[:] = now
            root = False
        allowed = _allowed_of(now, low, high)
        _weigh(costs, amounts, now, unit, weighed)
        limit = unit * (span[1] - least_step) + allowed if span[1] < FAR else FAR
        if not _propagate(
            first, start, variables, words, amounts, low, high, spread, domains, weighed, least, most, point, limit
        ):
            continue
        bound = _look(first, domains, weighed, least, point) - allowed
        mending = _broken(first, start, variables, words, domains, weighed, least, point, counted, found)
        if mending >= FAR:
            continue
        if _beside(amounts, low, high, point, now, slope) and found[0] < 0:
            _take(costs, point, span, values)
        if span[1] < FAR and bound + mending > unit * (span[1] - least_step):
            continue
        index = found[0]
        if index >= 0:
            variable, kept = variables[index], domains[variables[index]] & words[index]
        else:
            literal = _aside(first, amounts, domains, weighed, point, slope, spread, hardly)
            if literal < 0:
                continue  # it is the point alone, which was looked at
            variable = np.searchsorted(first, literal, side="right") - 1
            kept = np.int64(1) << (literal - first[variable])
        for other in range(2):
            waiting[many, :] = domains
            waiting[many, variable] = domains[variable] & ~kept if other == 0 else kept  # this one first
            waiting_weights[many, :] = now
            waiting_bound[many] = bound + mending
            if waiting[many, variable] != 0:
                many += 1
    span[0] = span[1]
    return 1


@kernel(
    f"int64({_model}, {_ww}, {_w}, {_scale}, {_w}, {_ww}, {_ww}, {_w}, {_ww}, int64, int64, int64, {_ww}, {_w})",
    allocates=True,
)
def lowest(
    first: Words, start: Words, variables: Words, words: Words, amounts: Many, low: Words, high: Words, spread: Any,
    costs: Many, base: Words, least_step: int, dearest: int, unit: int, heaviest: float,
    order: Words, bound: Many, met: Many, possible: Words, weights: Many, at: int, each: int, total: int,
    fresh: Many, counts: Words,
) -> int:
    """For each literal the lowest cost, and the lowest in the opposite sense (rows of `costs`, `bound`, `met`).

    `base`: the domains that all decisions leave; a literal's own variable is released. `order`: what is asked, as
    row * literals + literal; from the place `at` on, `each` nodes for one, until `total` are spent: the place to go on
    from, DONE at the end. What is found is in `met` (FAR: none), and the assignments in `fresh` while there is room,
    counts[0]: how many. `possible`: 0 where nothing has the literal.
    """
    literals, count = costs.shape[1], len(first) - 1
    waiting = np.empty((literals + 2, count), np.int64)
    waiting_weights = np.empty((literals + 2, len(low)), np.int64)
    waiting_bound = np.empty(literals + 2, np.int64)
    values, span, used = np.empty(count, np.int64), np.empty(2, np.int64), np.zeros(1, np.int64)
    for place in range(at, len(order)):
        row, literal = order[place] // literals, order[place] % literals
        if possible[literal] == 0 or bound[row, literal] >= met[row, literal]:
            continue
        if used[0] >= total:
            return place
        variable = np.searchsorted(first, literal, side="right") - 1
        value = np.int64(1) << (literal - first[variable])
        waiting[0, :] = base
        waiting[0, variable] = value
        span[0], span[1] = bound[row, literal], met[row, literal]
        settled = _lowest(
            first, start, variables, words, amounts, low, high, spread, costs[row], weights[row], least_step, dearest,
            unit, heaviest, waiting, waiting_weights, waiting_bound, span, values, used, each,
        )
        bound[row, literal] = span[0]
        if span[1] < met[row, literal]:
            met[row, literal] = span[1]
            for other in range(count if base[variable] & value else 0):
                found = values[other]
                met[row, found] = min(met[row, found], span[1])
                met[1 - row, found] = min(met[1 - row, found], -span[1])
            if counts[0] < len(fresh):
                fresh[counts[0], :] = values
                counts[0] += 1
        if settled != 0 and span[1] >= FAR:
            possible[literal] = 0
    return DONE
