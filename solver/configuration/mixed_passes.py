"""The compiled passes of the mixed engine: propagation, search, and what a given assignment does to every constraint.

All of a network is one array `m` that is only read (`dag.Graph.arrays`): a header, whose entries say where each
section begins, then the sections. All that a call changes is one array `w` of its own: a few scalars, then sections
whose places are in the header of `m` too. Two flat arrays, because a call in compiled code then costs next to nothing.

Domains are flags of literals and intervals of nodes; the first nodes are the large numbers. Whatever changes is put on
a trail, so that going back costs what was done. A constraint is asked again when something that it reads has changed.
Sources: Rossi, van Beek, Walsh, Handbook of Constraint Programming (bounds consistency, trailing, restarts); Lecoutre,
STR2 (tables: the rows still possible as a sparse set); Benhamou et al., Revising hull and box consistency (formulas:
forward and backward through the graph); Demeulenaere and others, Compact-table (tables of few rows: those still
possible as bits, and the rows of each value); Luby, Sinclair, Zuckerman (restarts).
"""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from solver.native import kernel

Words = NDArray[np.int64]

# --- kinds of constraints, and their arguments (dag.py writes them) ---
CLAUSE = 0  # 2 * literal for values, some or all but one; of a variable with all but one 2 * that literal + 1
COUNT = 1  # low, high, literals
TABLE = 2  # its number, columns, rows, variables, rows of literals
LINEAR = 3  # low, high, how many variables and nodes; variable and an amount for each value; node and factor
AFFINE = 4  # the same; low = high, and the last node, of factor -1, is defined by it
PRODUCT = 5  # node, x, y
MINIMUM_OF = 6  # node, of nodes
MAXIMUM_OF = 7
FLOOR = 8  # node, x, divisor > 0
DIVIDE = 9  # node, x, y >= 0: floor(x / y), 0 where y is 0
IS_LOW = 10  # node, x: whether x <= 0
IS_ZERO = 11  # node, x: whether x = 0
ALL_OF = 12  # node, truths (2 * node, + 1 for its opposite)
CHOOSE = 13  # node, truth, x, y
ASSERT = 14  # truth

# --- header of m: sizes ---
VARIABLES = 0
LITERALS = 1
NODES = 2
NUMBERS = 3
CONSTRAINTS = 4
TABLES = 5
TRAIL_SIZE = 6
DEPTH = 7
WORK_SIZE = 8
PURES = 9
# sections of m
FIRST = 10
OF = 11
KIND = 12
RULE = 13
ARGUMENTS = 14
START = 15
ON_REMOVED = 16
ON_FIXED = 17
ON_CHANGED = 18
ON_NODE = 19
TOUCHED = 20  # for each item (variable, or number after them) the constraints that depend on it and define no node
READING = 60  # where among them, last, those begin that read nodes other than numbers
JUDGED = 61  # three lists: constraints that neither define nodes nor read any but numbers, that define, that read
SLACK = 22  # for each variable whether sums over variables and numbers are all that asks for it
FED = 21  # for each item the constraints that define the nodes that depend on it
ROOT_LOW = 23
ROOT_HIGH = 24
GRID = 25  # of each number: first, how many, step, whether there is another value, that value
PURE = 26  # sums over variables and numbers only
TABLE_ROWS = 27
SCOPE = 28  # for each constraint the variables (and variables + number) that it is about
# sections of w
DOMAIN = 30
SIZE = 31
LOW = 32
HIGH = 33
QUEUE = 34
QUEUED = 35
ACTIVE = 36
TRAIL = 37  # literal; literals + node; literals + nodes + table
TRAIL_A = 38
TRAIL_B = 39
STAMP = 40
LIMIT = 41
ROWS = 42
ITEM_LOW = 43
ITEM_HIGH = 44
MARK = 45
ACTIVITY = 46
PHASE = 47
NUMBER_PHASE = 48
LIKED = 49
POINT = 50
POINT_LOW = 51
POINT_HIGH = 52
STACK = 53  # of each decision: what, which value, trail, which branch
OBJECTIVE = 54
OBJECTIVE_LIMIT = 55
TOUCHED_AT = 57  # and where in a sum over variables and numbers only the item's amounts begin, or -1
PURE_IS = 59  # for each constraint whether it is such a sum
AMOUNT = 58  # of a sum, at the point
SAVED = 62  # nodes with what they were before an item changed
COPIED = 56  # how much of w a question begins with
DENSE = 63  # in m: of the first sums over variables and numbers an amount for each literal
CHANGE = 64  # literals that the point could have instead, the cheapest first, and what each costs more
CHANGE_COST = 65
HIT = 66  # of each item how many constraints that the point breaks one change of it alone could mend
BEST = 67  # what each item has in the nearest assignment that a search has found
COVERED = 68  # in m: of each literal which values of its variable every constraint allows wherever it allows this one
STATES = 69  # a size: how many words of w say what is left of the tables
TABLE_STATE = 70  # where those of each table begin (in LIMIT): how many rows are left, or a bit for each
SUPPORT = 71  # where the rows of a table's values are, a bit each (column, value, word); 0: its rows are looked at
HEADER = 72

# --- scalars of w ---
TOP = 0
HEAD = 1
COUNTED = 2
LEVEL = 3
FAILED = 4
FULL = 5
LOOSE = 6
SEED = 7
OBJECTIVES = 8
DIRTY = 9
RUNNING = 10
SEARCHED = 11
BUMP = 12
SIDE = 14  # which pair of sums, and which sides of them, was combined last
SIDE_ONE = 15
SIDE_OTHER = 16
SIDE_NEXT = 17
EFFORT = 18  # how much may be computed anew to mend one broken formula
CHEAP = 13  # 1 + the objective in whose order values are tried; 0: none
GUESSING = 19  # whether a search may end with a guess that holds
KEPT = 20  # how much of SAVED is in use
BROKEN = 21  # how many constraints a guess breaks; they are in ITEM_HIGH
NEAR = 22  # whether a search is for what is nearest to where searches stay: it decides on what that breaks
NEED = 23  # what is known to be needed of the objective
HAVE = 24  # whether a search for what is nearest has found something (BEST)
SCALARS = 26

# --- how a pass over a question ended ---
DONE = 1
VOID = 0
PAUSED = -1

OBJECTIVES_MOST = 4  # the first may be a goal; the others are combinations of sums
PIECES = 2_200  # that one look at a number's values may add
FREE = 1 << 61  # a limit that is none
SUMS_MOST = 6
_TOGETHER = 3  # changes of a point that are tried together
_GAINS = 4 * _TOGETHER
_TRIALS = 400_000  # of them, from one point
_CLOSELY = 200  # trials that one counts for whose sums hold
_UNIT = 1 << 16
_SHIFTED = 500  # of them that are made
_SHIFTS = 40  # changes tried from one assignment for other values of a number
_FEW = 4  # constraints that a guess may break, to be mended
_NARROW = 12  # items of a formula, beyond which a change nearby is first hoped to leave it alone
_BIG = 1 << 62
ANYWHERE = -_BIG
_FOUND, _NONE, _GAVE_UP = 1, 0, -1
_HOLDS, _HOPELESS, _ANY, _NARROWED = -1, -2, -3, -4  # in the place of an item to decide on
_words, _flags, _literals = "int64[::1]", "uint8[::1]", "int32[::1]"
_mm = f"{_words}, {_words}"  # m, w
_inner = partial(kernel, inner=True)


@_inner(f"void({_mm}, int64)")
def _schedule(m: Words, w: Words, constraint: int) -> None:
    queued = m[QUEUED] + constraint
    if w[queued] == 0 and w[m[ACTIVE] + constraint] != 0:
        w[queued] = 1
        size = m[CONSTRAINTS]
        place = w[HEAD] + w[COUNTED]
        if place >= size:
            place -= size
        w[m[QUEUE] + place] = constraint
        w[COUNTED] += 1


@_inner(f"void({_mm}, int64, int64)")
def _schedule_all(m: Words, w: Words, section: int, entry: int) -> None:
    at = m[section] + entry
    for place in range(m[at], m[at + 1]):
        _schedule(m, w, m[place])


@_inner(f"boolean({_mm}, int64, int64, int64)")
def _save(m: Words, w: Words, what: int, one: int, other: int) -> bool:
    top = w[TOP]
    if top >= m[TRAIL_SIZE]:
        w[FULL] = 1
        return False
    w[m[TRAIL] + top] = what
    w[m[TRAIL_A] + top] = one
    w[m[TRAIL_B] + top] = other
    w[TOP] = top + 1
    return True


@_inner(f"void({_mm}, int64)")
def _remove(m: Words, w: Words, literal: int) -> None:
    """The variable does not have this value."""
    place = m[DOMAIN] + literal
    if w[place] == 0 or not _save(m, w, literal, 0, 0):
        return
    w[place] = 0
    variable = m[m[OF] + literal]
    size = w[m[SIZE] + variable] - 1
    w[m[SIZE] + variable] = size
    w[DIRTY] = 1
    if size == 0:
        w[FAILED] = 1
        return
    _schedule_all(m, w, ON_REMOVED, literal)
    _schedule_all(m, w, ON_CHANGED, variable)
    if size == 1:
        left = m[m[FIRST] + variable]
        while w[m[DOMAIN] + left] == 0:
            left += 1
        _schedule_all(m, w, ON_FIXED, left)


@_inner(f"void({_mm}, int64)")
def _take(m: Words, w: Words, literal: int) -> None:
    """The variable has this value."""
    if w[m[DOMAIN] + literal] == 0:
        w[FAILED] = 1
        return
    variable = m[m[OF] + literal]
    for other in range(m[m[FIRST] + variable], m[m[FIRST] + variable + 1]):
        if other != literal:
            _remove(m, w, other)


@_inner("int64(int64[::1], int64, int64)")
def _up(m: Words, number: int, least: int) -> int:
    """The least value of the number that is not below; _BIG if there is none."""
    at = m[GRID] + 5 * number
    first, many, step = m[at], m[at + 1], m[at + 2]
    found = first
    if least > first:
        steps = (least - first + step - 1) // step
        found = first + steps * step if steps < many else _BIG
    if m[at + 3] != 0 and least <= m[at + 4] < found:
        found = m[at + 4]
    return int(found)


@_inner("int64(int64[::1], int64, int64)")
def _down(m: Words, number: int, most: int) -> int:
    """The greatest value of the number that is not above; -_BIG if there is none."""
    at = m[GRID] + 5 * number
    first, many, step = m[at], m[at + 1], m[at + 2]
    found = -_BIG
    if most >= first:
        found = first + min(many - 1, (most - first) // step) * step
    if m[at + 3] != 0 and most >= m[at + 4] > found:
        found = m[at + 4]
    return found


@_inner(f"boolean({_mm}, int64)")
def _save_node(m: Words, w: Words, node: int) -> bool:
    """Once a level is enough."""
    if w[m[STAMP] + node] == w[LEVEL]:
        return True
    if not _save(m, w, m[LITERALS] + node, w[m[LOW] + node], w[m[HIGH] + node]):
        return False
    w[m[STAMP] + node] = w[LEVEL]
    return True


@_inner(f"void({_mm}, int64, int64)")
def _at_least(m: Words, w: Words, node: int, bound: int) -> None:
    if bound <= w[m[LOW] + node]:
        return
    if node < m[NUMBERS]:
        bound = _up(m, node, bound)
    if bound > w[m[HIGH] + node]:
        w[FAILED] = 1
        return
    if _save_node(m, w, node):
        w[m[LOW] + node] = bound
        w[DIRTY] = 1
        _schedule_all(m, w, ON_NODE, node)


@_inner(f"void({_mm}, int64, int64)")
def _at_most(m: Words, w: Words, node: int, bound: int) -> None:
    if bound >= w[m[HIGH] + node]:
        return
    if node < m[NUMBERS]:
        bound = _down(m, node, bound)
    if bound < w[m[LOW] + node]:
        w[FAILED] = 1
        return
    if _save_node(m, w, node):
        w[m[HIGH] + node] = bound
        w[DIRTY] = 1
        _schedule_all(m, w, ON_NODE, node)


@_inner(f"void({_mm})")
def _forget_queue(m: Words, w: Words) -> None:
    size = m[CONSTRAINTS]
    while w[COUNTED] > 0:
        w[m[QUEUED] + w[m[QUEUE] + w[HEAD]]] = 0
        w[HEAD] += 1
        if w[HEAD] >= size:
            w[HEAD] = 0
        w[COUNTED] -= 1
    w[DIRTY] = 0


@_inner(f"void({_mm}, int64)")
def _undo(m: Words, w: Words, mark: int) -> None:
    """Back to where the trail had this length."""
    literals, nodes = m[LITERALS], m[NODES]
    while w[TOP] > mark:
        top = w[TOP] - 1
        w[TOP] = top
        what = w[m[TRAIL] + top]
        if what < literals:
            w[m[DOMAIN] + what] = 1
            w[m[SIZE] + m[m[OF] + what]] += 1
        elif what < literals + nodes:
            w[m[LOW] + what - literals] = w[m[TRAIL_A] + top]
            w[m[HIGH] + what - literals] = w[m[TRAIL_B] + top]
        else:
            w[m[LIMIT] + what - literals - nodes] = w[m[TRAIL_A] + top]
    _forget_queue(m, w)
    w[FAILED] = 0
    w[LEVEL] += 1


# --- one constraint each ---


@_inner("int64(int64, int64)")
def _ceil_divide(over: int, under: int) -> int:
    return -((-over) // under)


@_inner(f"void({_mm}, int64, int64)")
def _clause(m: Words, w: Words, start: int, end: int) -> None:
    """What is open of it, if that is about one variable, is what this variable can be."""
    domain, of = m[DOMAIN], m[OF]
    only, many, last = -1, 0, -1
    for place in range(start, end):
        item = m[place]
        literal = item >> 1
        variable = m[of + literal]
        if item & 1:
            if w[domain + literal] == 0:
                return  # another value: it holds
            if w[m[SIZE] + variable] == 1:
                continue
        else:
            if w[domain + literal] == 0:
                continue
            if w[m[SIZE] + variable] == 1:
                return
        if only >= 0 and variable != only:
            return
        only, last = variable, item
        many += 1
    if only < 0:
        w[FAILED] = 1
    elif last & 1:
        _remove(m, w, last >> 1)
    elif many == 1:
        _take(m, w, last >> 1)
    elif many < w[m[SIZE] + only]:
        begin, stop = m[m[FIRST] + only], m[m[FIRST] + only + 1]
        for literal in range(begin, stop):
            w[m[MARK] + literal] = 0
        for place in range(start, end):
            w[m[MARK] + (m[place] >> 1)] = 1
        for literal in range(begin, stop):
            if w[m[MARK] + literal] == 0:
                _remove(m, w, literal)


@_inner(f"void({_mm}, int64, int64)")
def _count(m: Words, w: Words, start: int, end: int) -> None:
    low, high = m[start], m[start + 1]
    domain, size, of = m[DOMAIN], m[SIZE], m[OF]
    sure = possible = 0
    for place in range(start + 2, end):
        literal = m[place]
        if w[domain + literal] != 0:
            possible += 1
            if w[size + m[of + literal]] == 1:
                sure += 1
    if sure > high or possible < low:
        w[FAILED] = 1
        return
    if sure < possible and (sure == high or possible == low):
        for place in range(start + 2, end):
            literal = m[place]
            if w[domain + literal] != 0 and w[size + m[of + literal]] > 1:
                if sure == high:
                    _remove(m, w, literal)
                else:
                    _take(m, w, literal)


@_inner(f"boolean({_mm}, int64, int64)")
def _set_state(m: Words, w: Words, entry: int, left: int) -> bool:
    """What is left of a table, in one word; False: the trail is full."""
    stamp = m[STAMP] + m[NODES] + entry
    if w[stamp] != w[LEVEL]:
        if not _save(m, w, m[LITERALS] + m[NODES] + entry, w[m[LIMIT] + entry], 0):
            return False
        w[stamp] = w[LEVEL]
    w[m[LIMIT] + entry] = left
    return True


@_inner(f"void({_mm}, int64)")
def _table_by_bits(m: Words, w: Words, start: int) -> None:
    """Keep the rows that have a possible value in each column, then the values that one of them has."""
    number, columns, words = m[start], m[start + 1], (m[start + 2] + 63) >> 6
    scope, support = start + 3, m[m[SUPPORT] + m[start]]
    entry = m[m[TABLE_STATE] + number]
    state, domain, first = m[LIMIT] + entry, m[DOMAIN], m[FIRST]
    some, changed = 0, w[LEVEL] == 1  # to begin with a value may have no row at all
    for word in range(words):
        before = left = w[state + word]
        at = support + word
        for column in range(columns):
            variable = m[scope + column]
            begin, end = m[first + variable], m[first + variable + 1]
            if left != 0 and w[m[SIZE] + variable] < end - begin:
                having = 0
                for literal in range(begin, end):
                    if w[domain + literal] != 0:
                        having |= m[at + (literal - begin) * words]
                left &= having
            at += (end - begin) * words
        if left != before:
            changed = True
            if not _set_state(m, w, entry + word, left):
                return
        some |= left
    if some == 0:
        w[FAILED] = 1
        return
    at = support
    for column in range(columns if changed else 0):
        variable = m[scope + column]
        begin, end = m[first + variable], m[first + variable + 1]
        if w[m[SIZE] + variable] > 1:
            for literal in range(begin, end):
                if w[domain + literal] != 0:
                    word, own = 0, at + (literal - begin) * words
                    while word < words and m[own + word] & w[state + word] == 0:
                        word += 1
                    if word == words:
                        _remove(m, w, literal)
        at += (end - begin) * words


@_inner(f"void({_mm}, int64)")
def _table(m: Words, w: Words, start: int) -> None:
    """Keep the rows that are still possible, then the values that one of them has (STR)."""
    number, columns = m[start], m[start + 1]
    if m[m[SUPPORT] + number] != 0:
        _table_by_bits(m, w, start)
        return
    scope = start + 3
    rows = scope + columns
    order = m[ROWS] + m[m[TABLE_ROWS] + number]
    domain, mark = m[DOMAIN], m[MARK]
    missing = 0
    for column in range(columns):
        variable = m[scope + column]
        for literal in range(m[m[FIRST] + variable], m[m[FIRST] + variable + 1]):
            w[mark + literal] = 0
            missing += w[domain + literal]
    before = limit = w[m[LIMIT] + m[m[TABLE_STATE] + number]]
    place = 0
    while place < limit:
        row = w[order + place]
        at = rows + row * columns
        possible = True
        for column in range(columns):
            if w[domain + m[at + column]] == 0:
                possible = False
                break
        if possible:
            if missing > 0:
                for column in range(columns):
                    literal = m[at + column]
                    if w[mark + literal] == 0:
                        w[mark + literal] = 1
                        missing -= 1
            place += 1
        else:
            limit -= 1
            w[order + place] = w[order + limit]
            w[order + limit] = row
    if limit == 0:
        w[FAILED] = 1
        return
    if limit < before and not _set_state(m, w, m[m[TABLE_STATE] + number], limit):
        return
    if missing > 0:
        for column in range(columns):
            variable = m[scope + column]
            for literal in range(m[m[FIRST] + variable], m[m[FIRST] + variable + 1]):
                if w[domain + literal] != 0 and w[mark + literal] == 0:
                    _remove(m, w, literal)


@_inner(f"void({_mm}, int64)")
def _residue(m: Words, w: Words, start: int) -> None:
    """An equation: what the variables come to is known modulo what all their values differ by, and so is a number.

    Only where one number at most is open, and goes in single steps.
    """
    variables, nodes = m[start + 2], m[start + 3]
    at = m[start]  # the equation's right side, then less what is known to be there
    place = start + 4
    by = 0
    for _ in range(variables):
        variable = m[place]
        begin, end = m[m[FIRST] + variable], m[m[FIRST] + variable + 1]
        own, known = 0, False
        for literal in range(begin, end):
            if w[m[DOMAIN] + literal] != 0:
                amount = m[place + 1 + literal - begin]
                if known:
                    other = abs(amount - own)
                    while other != 0:
                        by, other = other, by % other
                    if by == 1:
                        return
                else:
                    own, known = amount, True
        at -= own
        place += 1 + end - begin
    if by == 0:
        return
    number, sign = -1, 0
    for _ in range(nodes):
        node, factor = m[place], m[place + 1]
        place += 2
        if w[m[LOW] + node] == w[m[HIGH] + node]:
            at -= factor * w[m[LOW] + node]
        elif number >= 0 or abs(factor) != 1:
            return
        else:
            number, sign = node, factor
    if number < 0:
        if at % by != 0:
            w[FAILED] = 1
        return
    rest = (sign * at) % by
    low, high = w[m[LOW] + number], w[m[HIGH] + number]
    _at_least(m, w, number, low + (rest - low) % by)
    if w[FAILED] == 0:
        _at_most(m, w, number, high - (high - rest) % by)


@_inner(f"void({_mm}, int64)")
def _linear(m: Words, w: Words, start: int) -> None:
    """Bounds consistency of low <= sum <= high; a variable's values are looked at one by one."""
    low, high, variables, nodes = m[start], m[start + 1], m[start + 2], m[start + 3]
    domain, first, item_low, item_high = m[DOMAIN], m[FIRST], m[ITEM_LOW], m[ITEM_HIGH]
    least = most = 0
    at = start + 4
    for item in range(variables):
        variable = m[at]
        begin, end = m[first + variable], m[first + variable + 1]
        one, other = _BIG, -_BIG
        at += 1 - begin
        for literal in range(begin, end):
            if w[domain + literal] != 0:
                amount = m[at + literal]
                if amount < one:
                    one = amount
                if amount > other:
                    other = amount
        at += end
        w[item_low + item] = one
        w[item_high + item] = other
        least += one
        most += other
    for item in range(variables, variables + nodes):
        node, factor = m[at], m[at + 1]
        at += 2
        one, other = factor * w[m[LOW] + node], factor * w[m[HIGH] + node]
        if factor < 0:
            one, other = other, one
        w[item_low + item] = one
        w[item_high + item] = other
        least += one
        most += other
    if least > high or most < low:
        w[FAILED] = 1
        return
    if least >= low and most <= high:
        return
    above, below = high - least, most - low  # by how much an item may exceed its least, fall short of its most
    at = start + 4
    for item in range(variables):
        variable = m[at]
        begin, end = m[first + variable], m[first + variable + 1]
        at += 1 - begin
        one, other = w[item_low + item], w[item_high + item]
        if other - one > above or other - one > below:
            for literal in range(begin, end):
                if w[domain + literal] != 0:
                    amount = m[at + literal]
                    if amount - one > above or other - amount > below:
                        _remove(m, w, literal)
                        if w[FAILED] != 0:
                            return
        at += end
    for item in range(variables, variables + nodes):
        node, factor = m[at], m[at + 1]
        at += 2
        one, other = w[item_low + item], w[item_high + item]
        if other - one > above:
            if factor > 0:
                _at_most(m, w, node, (one + above) // factor)
            else:
                _at_least(m, w, node, _ceil_divide(one + above, factor))
        if other - one > below:
            if factor > 0:
                _at_least(m, w, node, _ceil_divide(other - below, factor))
            else:
                _at_most(m, w, node, (other - below) // factor)
        if w[FAILED] != 0:
            return


@_inner(f"void({_mm}, int64, int64, int64)")
def _factor(m: Words, w: Words, node: int, x: int, y: int) -> None:
    """What x can be if node = x * y."""
    low, high = w[m[LOW] + node], w[m[HIGH] + node]
    one, other = w[m[LOW] + y], w[m[HIGH] + y]
    if low > 0 or high < 0:
        if one == 0:
            one = 1
        if other == 0:
            other = -1
    if one > other:
        w[FAILED] = 1
        return
    if one <= 0 <= other:
        return
    least = min(
        min(_ceil_divide(low, one), _ceil_divide(low, other)), min(_ceil_divide(high, one), _ceil_divide(high, other))
    )
    most = max(max(low // one, low // other), max(high // one, high // other))
    _at_least(m, w, x, least)
    if w[FAILED] == 0:
        _at_most(m, w, x, most)


@_inner(f"void({_mm}, int64)")
def _product(m: Words, w: Words, start: int) -> None:
    node, x, y = m[start], m[start + 1], m[start + 2]
    a, b, c, d = w[m[LOW] + x], w[m[HIGH] + x], w[m[LOW] + y], w[m[HIGH] + y]
    one, two, three, four = a * c, a * d, b * c, b * d
    low, high = min(min(one, two), min(three, four)), max(max(one, two), max(three, four))
    if x == y and low < 0:
        low = 0
    _at_least(m, w, node, low)
    if w[FAILED] == 0:
        _at_most(m, w, node, high)
    if w[FAILED] == 0:
        _factor(m, w, node, x, y)
    if w[FAILED] == 0 and x != y:
        _factor(m, w, node, y, x)


@_inner(f"void({_mm}, int64, int64)")
def _minimum(m: Words, w: Words, start: int, end: int) -> None:
    node = m[start]
    low, high = _BIG, _BIG
    for place in range(start + 1, end):
        low = min(low, w[m[LOW] + m[place]])
        high = min(high, w[m[HIGH] + m[place]])
    _at_least(m, w, node, low)
    if w[FAILED] != 0:
        return
    _at_most(m, w, node, high)
    if w[FAILED] != 0:
        return
    low, high = w[m[LOW] + node], w[m[HIGH] + node]
    able, which = 0, -1
    for place in range(start + 1, end):
        _at_least(m, w, m[place], low)
        if w[FAILED] != 0:
            return
        if w[m[LOW] + m[place]] <= high:
            able += 1
            which = m[place]
    if able == 0:
        w[FAILED] = 1
    elif able == 1:
        _at_most(m, w, which, high)


@_inner(f"void({_mm}, int64, int64)")
def _maximum(m: Words, w: Words, start: int, end: int) -> None:
    node = m[start]
    low, high = -_BIG, -_BIG
    for place in range(start + 1, end):
        low = max(low, w[m[LOW] + m[place]])
        high = max(high, w[m[HIGH] + m[place]])
    _at_least(m, w, node, low)
    if w[FAILED] != 0:
        return
    _at_most(m, w, node, high)
    if w[FAILED] != 0:
        return
    low, high = w[m[LOW] + node], w[m[HIGH] + node]
    able, which = 0, -1
    for place in range(start + 1, end):
        _at_most(m, w, m[place], high)
        if w[FAILED] != 0:
            return
        if w[m[HIGH] + m[place]] >= low:
            able += 1
            which = m[place]
    if able == 0:
        w[FAILED] = 1
    elif able == 1:
        _at_least(m, w, which, low)


@_inner(f"void({_mm}, int64)")
def _floor(m: Words, w: Words, start: int) -> None:
    node, x, by = m[start], m[start + 1], m[start + 2]
    _at_least(m, w, node, w[m[LOW] + x] // by)
    if w[FAILED] == 0:
        _at_most(m, w, node, w[m[HIGH] + x] // by)
    if w[FAILED] == 0:
        _at_least(m, w, x, w[m[LOW] + node] * by)
    if w[FAILED] == 0:
        _at_most(m, w, x, w[m[HIGH] + node] * by + by - 1)


@_inner(f"void({_mm}, int64)")
def _divide(m: Words, w: Words, start: int) -> None:
    node, x, y = m[start], m[start + 1], m[start + 2]
    a, b, c, d = w[m[LOW] + x], w[m[HIGH] + x], w[m[LOW] + y], w[m[HIGH] + y]
    if d == 0:
        low = high = 0
    else:
        least = max(1, c)
        low = min(a // least, a // d)
        high = max(b // least, b // d)
        if c == 0:
            low, high = min(low, 0), max(high, 0)
    _at_least(m, w, node, low)
    if w[FAILED] == 0:
        _at_most(m, w, node, high)
    if w[FAILED] == 0 and c > 0:  # node * y <= x < (node + 1) * y
        low, high = w[m[LOW] + node], w[m[HIGH] + node] + 1
        _at_least(m, w, x, min(low * c, low * d))
        if w[FAILED] == 0:
            _at_most(m, w, x, max(high * c, high * d) - 1)


@_inner(f"void({_mm}, int64, int64)")
def _is(m: Words, w: Words, start: int, kind: int) -> None:
    """Whether x <= 0 (IS_LOW), or x = 0."""
    node, x = m[start], m[start + 1]
    low, high = w[m[LOW] + x], w[m[HIGH] + x]
    if low > 0 or (kind == IS_ZERO and high < 0):
        _at_most(m, w, node, 0)
    elif high <= 0 and (kind == IS_LOW or low == 0):
        _at_least(m, w, node, 1)
    elif w[m[LOW] + node] == 1:
        _at_most(m, w, x, 0)
        if kind == IS_ZERO and w[FAILED] == 0:
            _at_least(m, w, x, 0)
    elif w[m[HIGH] + node] == 0:
        if kind == IS_LOW or low == 0:
            _at_least(m, w, x, 1)
        elif high == 0:
            _at_most(m, w, x, -1)


@_inner(f"int64({_mm}, int64)")
def _known(m: Words, w: Words, truth: int) -> int:
    """1 true, 0 false, -1 neither."""
    low, high = w[m[LOW] + (truth >> 1)], w[m[HIGH] + (truth >> 1)]
    if low < high:
        return -1
    return int(low ^ (truth & 1))


@_inner(f"void({_mm}, int64, int64)")
def _set(m: Words, w: Words, truth: int, value: int) -> None:
    if value ^ (truth & 1):
        _at_least(m, w, truth >> 1, 1)
    else:
        _at_most(m, w, truth >> 1, 0)


@_inner(f"void({_mm}, int64, int64)")
def _all_of(m: Words, w: Words, start: int, end: int) -> None:
    node = m[start]
    undecided, which = 0, -1
    for place in range(start + 1, end):
        known = _known(m, w, m[place])
        if known == 0:
            _at_most(m, w, node, 0)
            return
        if known < 0:
            undecided += 1
            which = m[place]
    if undecided == 0:
        _at_least(m, w, node, 1)
    elif w[m[LOW] + node] == 1:
        for place in range(start + 1, end):
            _set(m, w, m[place], 1)
            if w[FAILED] != 0:
                return
    elif w[m[HIGH] + node] == 0 and undecided == 1:
        _set(m, w, which, 0)


@_inner(f"void({_mm}, int64, int64)")
def _same(m: Words, w: Words, x: int, y: int) -> None:
    _at_least(m, w, x, w[m[LOW] + y])
    if w[FAILED] == 0:
        _at_most(m, w, x, w[m[HIGH] + y])
    if w[FAILED] == 0:
        _at_least(m, w, y, w[m[LOW] + x])
    if w[FAILED] == 0:
        _at_most(m, w, y, w[m[HIGH] + x])


@_inner(f"void({_mm}, int64)")
def _choose(m: Words, w: Words, start: int) -> None:
    node, truth, x, y = m[start], m[start + 1], m[start + 2], m[start + 3]
    known = _known(m, w, truth)
    if known < 0:
        low, high = w[m[LOW] + node], w[m[HIGH] + node]
        first = w[m[LOW] + x] <= high and w[m[HIGH] + x] >= low
        second = w[m[LOW] + y] <= high and w[m[HIGH] + y] >= low
        if not first and not second:
            w[FAILED] = 1
            return
        if first and second:
            _at_least(m, w, node, min(w[m[LOW] + x], w[m[LOW] + y]))
            if w[FAILED] == 0:
                _at_most(m, w, node, max(w[m[HIGH] + x], w[m[HIGH] + y]))
            return
        known = 1 if first else 0
        _set(m, w, truth, known)
        if w[FAILED] != 0:
            return
    _same(m, w, node, x if known == 1 else y)


@_inner(f"void({_mm})")
def _objectives(m: Words, w: Words) -> None:
    """Each additive cost is at most its limit.

    An objective is a cost for each literal, then a factor and a place for each number: with the place ANYWHERE it costs
    factor * number, otherwise the factor (not below 0) if the number is not at its place.
    """
    literals, numbers, variables = m[LITERALS], m[NUMBERS], m[VARIABLES]
    domain, first, item_low = m[DOMAIN], m[FIRST], m[ITEM_LOW]
    width = literals + 2 * numbers
    for objective in range(w[OBJECTIVES]):
        limit = w[m[OBJECTIVE_LIMIT] + objective]
        if limit >= FREE:
            continue
        costs = m[OBJECTIVE] + objective * width
        least = 0
        for variable in range(variables):
            one = _BIG
            for literal in range(m[first + variable], m[first + variable + 1]):
                if w[domain + literal] != 0 and w[costs + literal] < one:
                    one = w[costs + literal]
            w[item_low + variable] = one
            least += one
        for number in range(numbers):
            factor, place = w[costs + literals + 2 * number], w[costs + literals + 2 * number + 1]
            low, high = w[m[LOW] + number], w[m[HIGH] + number]
            if place == ANYWHERE:
                one = factor * (low if factor > 0 else high)
            else:
                one = factor if low > place or high < place else 0
            w[item_low + variables + number] = one
            least += one
        if least > limit:
            w[FAILED] = 1
            return
        slack = limit - least
        for variable in range(variables):
            one = w[item_low + variable] + slack
            if w[m[SIZE] + variable] > 1:
                for literal in range(m[first + variable], m[first + variable + 1]):
                    if w[costs + literal] > one and w[domain + literal] != 0:
                        _remove(m, w, literal)
        for number in range(numbers):
            factor, place = w[costs + literals + 2 * number], w[costs + literals + 2 * number + 1]
            if place == ANYWHERE:
                if factor > 0:
                    _at_most(m, w, number, w[m[LOW] + number] + slack // factor)
                elif factor < 0:
                    _at_least(m, w, number, w[m[HIGH] + number] - slack // -factor)
            elif factor > slack and w[item_low + variables + number] == 0:
                _at_least(m, w, number, place)
                if w[FAILED] == 0:
                    _at_most(m, w, number, place)
            if w[FAILED] != 0:
                return


@_inner(f"boolean({_mm})")
def _propagate(m: Words, w: Words) -> bool:
    """To a fixpoint; False on a contradiction. Intervals that creep are left after so many steps (LOOSE)."""
    left = 64 * m[CONSTRAINTS] + 4096
    size = m[CONSTRAINTS]
    while w[FAILED] == 0:
        if w[COUNTED] == 0:
            if w[DIRTY] == 0 or w[OBJECTIVES] == 0:
                w[DIRTY] = 0
                return True
            w[DIRTY] = 0
            w[RUNNING] = -1
            _objectives(m, w)
            continue
        constraint = w[m[QUEUE] + w[HEAD]]
        w[HEAD] += 1
        if w[HEAD] >= size:
            w[HEAD] = 0
        w[COUNTED] -= 1
        w[m[QUEUED] + constraint] = 0
        w[RUNNING] = constraint
        left -= 1
        if left < 0:
            w[LOOSE] = 1
            _forget_queue(m, w)
            return True
        start, end = m[m[START] + constraint], m[m[START] + constraint + 1]
        kind = m[m[KIND] + constraint]
        if kind == CLAUSE:
            _clause(m, w, start, end)
        elif kind == COUNT:
            _count(m, w, start, end)
        elif kind == TABLE:
            _table(m, w, start)
        elif kind in (LINEAR, AFFINE):
            _linear(m, w, start)
            if kind == LINEAR and m[start] == m[start + 1] and w[FAILED] == 0:
                _residue(m, w, start)
        elif kind == PRODUCT:
            _product(m, w, start)
        elif kind == MINIMUM_OF:
            _minimum(m, w, start, end)
        elif kind == MAXIMUM_OF:
            _maximum(m, w, start, end)
        elif kind == FLOOR:
            _floor(m, w, start)
        elif kind == DIVIDE:
            _divide(m, w, start)
        elif kind in (IS_LOW, IS_ZERO):
            _is(m, w, start, kind)
        elif kind == ALL_OF:
            _all_of(m, w, start, end)
        elif kind == CHOOSE:
            _choose(m, w, start)
        else:
            _set(m, w, m[start], 1)
    _forget_queue(m, w)
    return False


# --- what a point does to the constraints ---


@_inner(f"int64({_mm}, int64)")
def _truth_at(m: Words, w: Words, truth: int) -> int:
    low, high = w[m[POINT_LOW] + (truth >> 1)], w[m[POINT_HIGH] + (truth >> 1)]
    if low < high:
        return -1
    return int(low ^ (truth & 1))


@_inner(f"int64({_mm}, int64, int64)")
def _row_at(m: Words, w: Words, start: int, rows: int) -> int:
    """Whether the point is among the sorted rows of a table."""
    columns = m[start + 1]
    scope = start + 3
    low, high = 0, m[start + 2] - 1
    while low <= high:
        middle = (low + high) // 2
        at = rows + middle * columns
        order = 0
        for column in range(columns):
            own = w[m[POINT] + m[scope + column]]
            if m[at + column] != own:
                order = -1 if m[at + column] < own else 1
                break
        if order == 0:
            return 1
        if order < 0:
            low = middle + 1
        else:
            high = middle - 1
    return 0


@_inner(f"void({_mm}, int64)", into_callers=True)
def _define(m: Words, w: Words, constraint: int) -> None:
    """Compute the node that a constraint defines from the intervals of POINT_LOW and POINT_HIGH."""
    start, end = m[m[START] + constraint], m[m[START] + constraint + 1]
    kind = m[m[KIND] + constraint]
    low_of, high_of = m[POINT_LOW], m[POINT_HIGH]
    node = m[start]
    if kind == AFFINE:
        low = -node
        at = start + 4
        for _ in range(m[start + 2]):
            variable = m[at]
            begin = m[m[FIRST] + variable]
            low += m[at + 1 + w[m[POINT] + variable] - begin]
            at += 1 + m[m[FIRST] + variable + 1] - begin
        high = low
        node = m[end - 2]
        for place in range(at, end - 2, 2):
            factor = m[place + 1]
            one, other = factor * w[low_of + m[place]], factor * w[high_of + m[place]]
            low += min(one, other)
            high += max(one, other)
        low, high = max(low, m[m[ROOT_LOW] + node]), min(high, m[m[ROOT_HIGH] + node])
    elif kind == ALL_OF:
        low = high = 1
        for place in range(start + 1, end):
            known = _truth_at(m, w, m[place])
            if known == 0:
                low = high = 0
                break
            if known < 0:
                low = 0
    elif kind in (MINIMUM_OF, MAXIMUM_OF):
        low, high = w[low_of + m[start + 1]], w[high_of + m[start + 1]]
        for place in range(start + 2, end):
            if kind == MINIMUM_OF:
                low, high = min(low, w[low_of + m[place]]), min(high, w[high_of + m[place]])
            else:
                low, high = max(low, w[low_of + m[place]]), max(high, w[high_of + m[place]])
    elif kind == CHOOSE:
        known = _truth_at(m, w, m[start + 1])
        x = m[start + 3] if known == 0 else m[start + 2]
        low, high = w[low_of + x], w[high_of + x]
        if known < 0:
            y = m[start + 3]
            low, high = min(low, w[low_of + y]), max(high, w[high_of + y])
    else:
        x = m[start + 1]
        a, b = w[low_of + x], w[high_of + x]
        if kind == FLOOR:
            low, high = a // m[start + 2], b // m[start + 2]
        elif kind == IS_LOW:
            low, high = (1 if b <= 0 else 0), (1 if a <= 0 else 0)
        elif kind == IS_ZERO:
            low, high = (1 if a == 0 and b == 0 else 0), (1 if a <= 0 <= b else 0)
        else:
            y = m[start + 2]
            c, d = w[low_of + y], w[high_of + y]
            if kind == PRODUCT:
                one, two, three, four = a * c, a * d, b * c, b * d
                low, high = min(min(one, two), min(three, four)), max(max(one, two), max(three, four))
            elif d == 0:
                low = high = 0
            else:
                least = max(1, c)
                low, high = min(a // least, a // d), max(b // least, b // d)
                if c == 0:
                    low, high = min(low, 0), max(high, 0)
    w[low_of + node] = low
    w[high_of + node] = high


@_inner(f"void({_mm}, int64, int64)")
def _define_all(m: Words, w: Words, first: int, last: int) -> None:
    """Compute the nodes that listed constraints define; they come before what reads them."""
    for index in range(first, last):
        _define(m, w, m[index])


@_inner(f"int64({_mm}, int64)", into_callers=True)
def _clause_at(m: Words, w: Words, constraint: int) -> int:
    """Whether a clause holds at the point."""
    for place in range(m[m[START] + constraint], m[m[START] + constraint + 1]):
        literal = m[place] >> 1
        if (w[m[POINT] + m[m[OF] + literal]] == literal) == (m[place] & 1 == 0):
            return 1
    return 0


@_inner(f"int64({_mm}, int64)")
def _at_point(m: Words, w: Words, constraint: int) -> int:
    """Whether a constraint that defines no node holds at the point: 1, 0, or -1 if the nodes' intervals do not tell.

    Variables have the literals of POINT, nodes the intervals of POINT_LOW and POINT_HIGH.
    """
    start, end = m[m[START] + constraint], m[m[START] + constraint + 1]
    kind = m[m[KIND] + constraint]
    point = m[POINT]
    if kind == CLAUSE:
        return int(_clause_at(m, w, constraint))
    if kind == COUNT:
        many = 0
        for place in range(start + 2, end):
            if w[point + m[m[OF] + m[place]]] == m[place]:
                many += 1
        return 1 if m[start] <= many <= m[start + 1] else 0
    if kind == TABLE:
        return _row_at(m, w, start, start + 3 + m[start + 1])
    if kind == ASSERT:
        return _truth_at(m, w, m[start])
    low = high = 0
    at = start + 4
    for _ in range(m[start + 2]):
        variable = m[at]
        begin = m[m[FIRST] + variable]
        amount = m[at + 1 + w[point + variable] - begin]
        low += amount
        high += amount
        at += 1 + m[m[FIRST] + variable + 1] - begin
    for place in range(at, end, 2):
        factor = m[place + 1]
        one, other = factor * w[m[POINT_LOW] + m[place]], factor * w[m[POINT_HIGH] + m[place]]
        low += min(one, other)
        high += max(one, other)
    if low >= m[start] and high <= m[start + 1]:
        return 1
    return 0 if high < m[start] or low > m[start + 1] else -1


@_inner(f"int64({_mm}, int64, int64)")
def _all_at_point(m: Words, w: Words, first: int, last: int) -> int:
    """Whether all of listed constraints hold at the point: 1, 0, or -1 if the nodes' intervals do not tell."""
    result = 1
    for index in range(first, last):
        constraint = m[index]
        if w[m[ACTIVE] + constraint] != 0:
            clause = m[m[KIND] + constraint] == CLAUSE
            found = _clause_at(m, w, constraint) if clause else _at_point(m, w, constraint)
            if found == 0:
                return 0
            if found < 0:
                result = -1
    return result


@_inner(f"int64({_mm})")
def _judge(m: Words, w: Words) -> int:
    """Whether all constraints hold at the point; the nodes are then computed."""
    plain, defining, reading, end = m[m[JUDGED]], m[m[JUDGED] + 1], m[m[JUDGED] + 2], m[m[JUDGED] + 3]
    if _all_at_point(m, w, plain, defining) == 0:
        return 0
    _define_all(m, w, defining, reading)
    return _all_at_point(m, w, reading, end)


@_inner(f"void({_mm})")
def _guess(m: Words, w: Words) -> None:
    """The point becomes where searches stay, with what cannot be so changed: to what is liked, or the first possible.

    A number that a sum over variables and numbers needs otherwise is set to what it needs.
    """
    domain = m[DOMAIN]
    for variable in range(m[VARIABLES]):
        phase = w[m[PHASE] + variable]
        if phase < 0 or w[domain + phase] == 0:
            best, phase = -1, m[m[FIRST] + variable]
            for literal in range(phase, m[m[FIRST] + variable + 1]):
                if w[domain + literal] != 0 and w[m[LIKED] + literal] > best:
                    best, phase = w[m[LIKED] + literal], literal
        w[m[POINT] + variable] = phase
    for number in range(m[NUMBERS]):
        value = max(w[m[LOW] + number], min(w[m[NUMBER_PHASE] + number], w[m[HIGH] + number]))
        if _up(m, number, value) != value:
            value = w[m[LOW] + number]
        w[m[POINT_LOW] + number] = w[m[POINT_HIGH] + number] = value
    for index in range(m[PURES]):
        constraint = m[m[PURE] + index]
        if w[m[ACTIVE] + constraint] == 0 or m[m[m[START] + constraint] + 3] == 0:
            continue
        if _at_point(m, w, constraint) == 1:
            continue
        at, end = m[m[START] + constraint], m[m[START] + constraint + 1]
        low, high = m[at], m[at + 1]
        amount, many = 0, m[at + 2]
        at += 4
        for _ in range(many):
            amount += m[at + 1 + w[m[POINT] + m[at]] - m[m[FIRST] + m[at]]]
            at += 1 + m[m[FIRST] + m[at] + 1] - m[m[FIRST] + m[at]]
        for place in range(at, end, 2):
            amount += m[place + 1] * w[m[POINT_LOW] + m[place]]
        for place in range(at, end, 2):
            number, factor = m[place], m[place + 1]
            if w[m[LOW] + number] < w[m[HIGH] + number]:
                own = w[m[POINT_LOW] + number]
                rest = amount - factor * own
                least, most = _ceil_divide(low - rest, factor), (high - rest) // factor
                if factor < 0:
                    least, most = _ceil_divide(high - rest, factor), (low - rest) // factor
                value = _up(m, number, max(least, w[m[LOW] + number]))
                if own > most:
                    value = _down(m, number, min(most, w[m[HIGH] + number]))
                if least <= value <= most and w[m[LOW] + number] <= value <= w[m[HIGH] + number]:
                    w[m[POINT_LOW] + number] = w[m[POINT_HIGH] + number] = value
                    break


@_inner(f"boolean({_mm})")
def _guesses(m: Words, w: Words) -> bool:
    """Whether a guess from the present domains holds; it is the point then."""
    if w[GUESSING] == 0:
        return False
    _guess(m, w)
    for index in range(m[PURES]):  # they fail most
        if w[m[ACTIVE] + m[m[PURE] + index]] != 0 and _at_point(m, w, m[m[PURE] + index]) != 1:
            return False
    return _judge(m, w) == 1


@_inner(f"void({_mm})")
def _settled(m: Words, w: Words) -> None:
    """Everything is fixed: make it the point."""
    for variable in range(m[VARIABLES]):
        literal = m[m[FIRST] + variable]
        while w[m[DOMAIN] + literal] == 0:
            literal += 1
        w[m[POINT] + variable] = literal
    for number in range(m[NUMBERS]):
        w[m[POINT_LOW] + number] = w[m[POINT_HIGH] + number] = w[m[LOW] + number]


# --- search ---


@_inner(f"int64({_mm}, int64)")
def _random(m: Words, w: Words, below: int) -> int:
    """A number from 0 on, below `below` (a linear congruential generator)."""
    seed = (w[SEED] * 1103515245 + 12345) & 0x7FFFFFFF
    w[SEED] = seed
    return int((seed >> 8) % below)


@_inner(f"void({_mm})")
def _blame(m: Words, w: Words) -> None:
    """What the failed constraint is about is decided earlier from now on."""
    constraint = w[RUNNING]
    if constraint < 0:
        return
    bump = w[BUMP]
    at = m[SCOPE] + constraint
    for place in range(m[at], m[at + 1]):
        w[m[ACTIVITY] + m[place]] += bump
    w[BUMP] = bump + (bump >> 4)
    if w[BUMP] > 1 << 40:
        w[BUMP] >>= 30
        for item in range(m[VARIABLES] + m[NUMBERS]):
            w[m[ACTIVITY] + item] = 1 + (w[m[ACTIVITY] + item] >> 30)


@_inner(f"int64({_mm}, int64)")
def _literal_for(m: Words, w: Words, variable: int) -> int:
    """The value to try first: liked, else the cheapest, else as in the assignment to stay near to, else any."""
    begin, end = m[m[FIRST] + variable], m[m[FIRST] + variable + 1]
    domain, liked = m[DOMAIN], m[LIKED]
    best, found = 0, -1
    for literal in range(begin, end):
        if w[domain + literal] != 0 and w[liked + literal] > best:
            best, found = w[liked + literal], literal
    if found >= 0:
        return found
    phase = w[m[PHASE] + variable]
    if phase >= 0 and w[domain + phase] != 0:
        return int(phase)
    if w[CHEAP] != 0:
        least = _BIG
        costs = m[OBJECTIVE] + (w[CHEAP] - 1) * (m[LITERALS] + 2 * m[NUMBERS])
        for literal in range(begin, end):
            if w[domain + literal] != 0 and w[costs + literal] < least:
                least, found = w[costs + literal], literal
        return found
    skip = _random(m, w, w[m[SIZE] + variable])
    for literal in range(begin, end):
        if w[domain + literal] != 0:
            if skip == 0:
                return literal
            skip -= 1
    return -1


@_inner(f"boolean({_mm})")
def _check_loose(m: Words, w: Words) -> bool:
    """Everything is fixed: ask every constraint once more if some propagation was cut short."""
    if w[LOOSE] == 0:
        return True
    for constraint in range(m[CONSTRAINTS]):
        _schedule(m, w, constraint)
    w[DIRTY] = 1
    return _propagate(m, w)


@_inner(f"int64({_mm})")
def _stays(m: Words, w: Words) -> int:
    """The point becomes where searches stay, with what cannot be so as it costs least; what that costs.

    ITEM_LOW: what the next cheapest value of an item costs more, _BIG where there is none.
    """
    literals, variables, numbers = m[LITERALS], m[VARIABLES], m[NUMBERS]
    costs, domain = m[OBJECTIVE], m[DOMAIN]
    total = 0
    for variable in range(variables):
        least = second = _BIG
        found = w[m[PHASE] + variable]
        if found < 0 or w[domain + found] == 0:
            found = -1
        for literal in range(m[m[FIRST] + variable], m[m[FIRST] + variable + 1]):
            if w[domain + literal] == 0:
                continue
            cost = w[costs + literal]
            if cost < least or (cost == least and literal == found):
                least, second = cost, least
                w[m[POINT] + variable] = literal
            elif cost < second:
                second = cost
        w[m[ITEM_LOW] + variable] = second - least if second < _BIG else _BIG
        total += least
    for number in range(numbers):
        low, high = w[m[LOW] + number], w[m[HIGH] + number]
        factor, phase = w[costs + literals + 2 * number], w[costs + literals + 2 * number + 1]
        value = max(low, min(phase, high))
        w[m[POINT_LOW] + number] = w[m[POINT_HIGH] + number] = value
        total += 0 if value == phase else factor
        w[m[ITEM_LOW] + variables + number] = _BIG if low == high else factor if value == phase else 0
    return total


@_inner(f"int64({_mm}, int64)")
def _changes_needed(m: Words, w: Words, constraint: int) -> int:
    """How many items at least must change for a sum that the point breaks: each adds its most to what is missing."""
    start = m[m[START] + constraint]
    if m[m[PURE_IS] + constraint] == 0:
        return 1
    amount, up, down = 0, 0, 0
    at = start + 4
    for _ in range(m[start + 2]):
        begin, end = m[m[FIRST] + m[at]], m[m[FIRST] + m[at] + 1]
        own = m[at + 1 + w[m[POINT] + m[at]] - begin]
        amount += own
        for literal in range(begin, end):
            if w[m[DOMAIN] + literal] != 0:
                up = max(up, m[at + 1 + literal - begin] - own)
                down = max(down, own - m[at + 1 + literal - begin])
        at += 1 + end - begin
    for _ in range(m[start + 3]):
        number, factor = m[at], m[at + 1]
        own = factor * w[m[POINT_LOW] + number]
        amount += own
        one, other = factor * w[m[LOW] + number], factor * w[m[HIGH] + number]
        up = max(up, max(one, other) - own)
        down = max(down, own - min(one, other))
        at += 2
    missing, most = (m[start] - amount, up) if amount < m[start] else (amount - m[start + 1], down)
    return int(_ceil_divide(missing, most)) if missing > 0 and most > 0 else 1


@_inner(f"boolean({_mm}, int64)")
def _only_one(m: Words, w: Words, slack: int) -> bool:
    """Whether so much more does not pay for changes of two items from where searches stay; some change for nothing."""
    one = other = FREE
    for item in range(m[VARIABLES] + m[NUMBERS]):
        w[m[HIT] + item] = 0
        extra = w[m[ITEM_LOW] + item]
        if 0 < extra < one:
            one, other = extra, one
        elif 0 < extra < other:
            other = extra
    return one + other > slack


@_inner(f"boolean({_mm}, int64)")
def _hit(m: Words, w: Words, constraint: int) -> bool:
    """Count a broken constraint for the items that could mend it; False if one could for nothing."""
    at = m[SCOPE] + constraint
    for place in range(m[at], m[at + 1]):
        if w[m[ITEM_LOW] + m[place]] == 0:
            return False
    for place in range(m[at], m[at + 1]):
        w[m[HIT] + m[place]] += 1
    return True


@_inner(f"boolean({_mm}, int64)")
def _keep_others(m: Words, w: Words, broken: int) -> bool:
    """All stays that costs something to change and does not mend all of so many constraints; whether any was open."""
    variables = m[VARIABLES]
    narrowed = False
    for item in range(variables + m[NUMBERS]):
        if not 0 < w[m[ITEM_LOW] + item] < _BIG or w[m[HIT] + item] == broken:
            continue
        narrowed = True
        if item < variables:
            _take(m, w, w[m[POINT] + item])
        else:
            _at_least(m, w, item - variables, w[m[POINT_LOW] + item - variables])
            _at_most(m, w, item - variables, w[m[POINT_LOW] + item - variables])
    return narrowed


@_inner(f"int64({_mm})")
def _to_mend(m: Words, w: Words) -> int:
    """What to decide on next in a search for what is nearest: an open item of a constraint that the point breaks.

    The point is where searches stay. _HOLDS: it breaks none. _HOPELESS: to mend what it breaks costs more than the
    limit: of constraints that share nothing open each costs the cheapest of its changes, as often as it needs one.
    _ANY: anything. _NARROWED: nothing yet; only one item can change, and what cannot be that one stays now. NEED: what
    is needed at least.
    """
    variables = m[VARIABLES]
    limit = w[m[OBJECTIVE_LIMIT]]
    w[NEED] = total = _stays(m, w)
    items = variables + m[NUMBERS]
    for item in range(items):
        w[m[ITEM_HIGH] + item] = 0  # whether a constraint that is counted asks for it
    one, hits = _only_one(m, w, limit - total), 0
    fewest, chosen = _BIG, -1
    for part in range(0, 3, 2):
        if part == 2:
            _define_all(m, w, m[m[JUDGED] + 1], m[m[JUDGED] + 2])
        for index in range(m[m[JUDGED] + part], m[m[JUDGED] + part + 1]):
            constraint = m[index]
            if w[m[ACTIVE] + constraint] == 0 or _at_point(m, w, constraint) == 1:
                continue
            at = m[SCOPE] + constraint
            many, least, apart = 0, _BIG, True
            for place in range(m[at], m[at + 1]):
                extra = w[m[ITEM_LOW] + m[place]]
                if extra < _BIG:
                    many += 1
                    least = min(least, extra)
                    apart = apart and w[m[ITEM_HIGH] + m[place]] == 0
            if many == 0:
                w[RUNNING] = constraint
                return _HOPELESS
            if apart:
                total += least * _changes_needed(m, w, constraint)
                for place in range(m[at], m[at + 1]):
                    w[m[ITEM_HIGH] + m[place]] = 1
            if one and _hit(m, w, constraint):
                hits += 1
            if many < fewest:
                fewest, chosen = many, constraint
        w[NEED] = total
        if total > limit:
            w[RUNNING] = -1
            return _HOPELESS
    if chosen < 0:
        return _HOLDS
    if hits > 0 and _keep_others(m, w, hits):
        return _NARROWED
    best, found = -1, _ANY
    at = m[SCOPE] + chosen
    for place in range(m[at], m[at + 1]):
        w[m[ITEM_HIGH] + m[place]] = 2
    if m[m[PURE_IS] + chosen] != 0:  # of a sum that is not enough: what shares a rule with what it is about
        for place in range(m[at], m[at + 1]):
            touched = m[TOUCHED] + m[place]
            for index in range(m[touched], m[touched + 1]):
                scope = m[SCOPE] + m[index]
                if m[scope + 1] - m[scope] <= _NARROW:
                    for other in range(m[scope], m[scope + 1]):
                        w[m[ITEM_HIGH] + m[other]] = 2
    for item in range(items):
        if w[m[ITEM_HIGH] + item] == 2 and w[m[ITEM_LOW] + item] < _BIG:
            activity = w[m[ACTIVITY] + item] * 64 // (w[m[SIZE] + item] if item < variables else 64)
            if activity > best:
                best, found = activity, item
    return int(found)


@_inner(f"int64({_mm}, int64)")
def _held(m: Words, w: Words, item: int) -> int:
    """The literal, or the number, that an item has at the point."""
    variables = m[VARIABLES]
    return int(w[m[POINT] + item] if item < variables else w[m[POINT_LOW] + item - variables])


@_inner(f"void({_mm})")
def _keep_best(m: Words, w: Words) -> None:
    """The point, which holds and is the nearest in the present domains; from now on only what is nearer counts."""
    for item in range(m[VARIABLES] + m[NUMBERS]):
        w[m[BEST] + item] = _held(m, w, item)
    w[HAVE] = 1
    w[m[OBJECTIVE_LIMIT]] = w[NEED] - 1
    w[RUNNING] = -1


@_inner(f"int64({_mm}, int64, int64)")
def _dive(m: Words, w: Words, nodes: int, conflicts: int) -> int:
    """Depth first from a propagated state. _FOUND: the point is an assignment. _NONE, _GAVE_UP: the state is as it was.

    A decision is a literal, or a bound of a number; its other branch is the opposite. A search for what is nearest to a
    known one goes on from what it finds (HAVE) to what is nearer.
    """
    base = w[TOP]
    depth = 0
    variables, numbers = m[VARIABLES], m[NUMBERS]
    size, activity, stack = m[SIZE], m[ACTIVITY], m[STACK]
    while True:
        if _guesses(m, w):
            return _FOUND
        best, best_size, chosen = 0, 1, -1
        mended = _to_mend(m, w) if w[NEAR] != 0 else _ANY
        if mended == _HOLDS:
            if w[m[OBJECTIVE_LIMIT]] >= FREE:
                return _FOUND
            _keep_best(m, w)
            mended = _HOPELESS
        for variable in range(variables if mended == _ANY else 0):
            own = w[size + variable]
            if own > 1 and w[activity + variable] * best_size > best * own:
                best, best_size, chosen = w[activity + variable], own, variable
        for number in range(numbers if mended == _ANY else 0):
            if w[m[LOW] + number] < w[m[HIGH] + number]:
                own = w[activity + variables + number]
                if own * best_size > best * 64:
                    best, best_size, chosen = own, 64, variables + number
        if mended >= 0:
            chosen = mended
        good = True
        if mended == _HOPELESS:
            good = False
        elif mended == _NARROWED:
            good = _propagate(m, w)
        elif chosen < 0:
            if _check_loose(m, w):
                _settled(m, w)
                return _FOUND
            good = False
        elif nodes <= 0 or depth >= m[DEPTH] or w[FULL] != 0:
            _undo(m, w, base)
            return _GAVE_UP
        else:
            nodes -= 1
            w[SEARCHED] += 1
            at = stack + 4 * depth
            w[at] = chosen
            w[at + 2] = w[TOP]
            w[LEVEL] += 1
            if chosen < variables:
                w[at + 1] = _literal_for(m, w, chosen)
                _take(m, w, w[at + 1])
            else:
                number = chosen - variables
                low, high = w[m[LOW] + number], w[m[HIGH] + number]
                phase = w[m[NUMBER_PHASE] + number]
                if low <= phase < high:
                    w[at + 1], w[at + 3] = phase, 0
                elif phase == high:
                    w[at + 1], w[at + 3] = phase - 1, 1
                else:
                    w[at + 1], w[at + 3] = low + (high - low) // 2, _random(m, w, 2)
                    if phase != ANYWHERE:
                        w[at + 3] = 0 if phase < low else 1
                if w[at + 3] == 0:
                    _at_most(m, w, number, w[at + 1])
                else:
                    _at_least(m, w, number, w[at + 1] + 1)
            depth += 1
            good = _propagate(m, w)
        while not good:
            _blame(m, w)
            conflicts -= 1
            if depth == 0:
                _undo(m, w, base)
                return _NONE
            if conflicts < 0:
                _undo(m, w, base)
                return _GAVE_UP
            depth -= 1
            at = stack + 4 * depth
            _undo(m, w, w[at + 2])
            chosen = w[at]
            if chosen < variables:
                _remove(m, w, w[at + 1])
            elif w[at + 3] == 0:
                _at_least(m, w, chosen - variables, w[at + 1] + 1)
            else:
                _at_most(m, w, chosen - variables, w[at + 1])
            good = _propagate(m, w)


@_inner(f"void({_mm}, int64, int64, float64[:, ::1], float64[:, ::1])")
def _dense(m: Words, w: Words, constraint: int, row: int, amounts: Any, limits: Any) -> None:
    """A sum as an amount for each literal and number; an own number of the limits: low, high, range."""
    literals = m[LITERALS]
    for place in range(literals + m[NUMBERS]):
        amounts[row, place] = 0.0
    if constraint < 0:  # the goal
        for literal in range(literals):
            amounts[row, literal] = w[m[OBJECTIVE] + literal]
        for number in range(m[NUMBERS]):
            if w[m[OBJECTIVE] + literals + 2 * number + 1] == ANYWHERE:
                amounts[row, literals + number] = w[m[OBJECTIVE] + literals + 2 * number]
        limits[row, 0], limits[row, 1] = -1e30, w[m[OBJECTIVE_LIMIT]]
        return
    at = m[m[START] + constraint]
    limits[row, 0], limits[row, 1] = m[at], m[at + 1]
    variables, numbers = m[at + 2], m[at + 3]
    at += 4
    for _ in range(variables):
        begin, end = m[m[FIRST] + m[at]], m[m[FIRST] + m[at] + 1]
        for literal in range(begin, end):
            amounts[row, literal] = m[at + 1 + literal - begin]
        at += 1 + end - begin
    for _ in range(numbers):
        amounts[row, literals + m[at]] += m[at + 1]
        at += 2


@_inner(f"float64({_mm}, float64[:, ::1], float64[:, ::1], int64, float64, int64, float64)")
def _gap(m: Words, w: Words, amounts: Any, limits: Any, one: int, by: float, other: int, by_other: float) -> float:
    """By how much the least of by * one + by_other * other is beyond what the two limits leave; above 0: impossible."""
    literals, domain, first = m[LITERALS], m[DOMAIN], m[FIRST]
    total = 0.0
    total -= by * (limits[one, 1] if by > 0 else limits[one, 0])
    total -= by_other * (limits[other, 1] if by_other > 0 else limits[other, 0])
    for variable in range(m[VARIABLES]):
        least = 1e300
        for literal in range(m[first + variable], m[first + variable + 1]):
            if w[domain + literal] != 0:
                amount = by * amounts[one, literal] + by_other * amounts[other, literal]
                if amount < least:
                    least = amount
        total += least
    for number in range(m[NUMBERS]):
        factor = by * amounts[one, literals + number] + by_other * amounts[other, literals + number]
        total += factor * w[(m[LOW] if factor > 0 else m[HIGH]) + number]
    return float(total)


@_inner(f"boolean({_mm}, int64)", allocates=True)
def _combine(m: Words, w: Words, goal: int) -> bool:
    """The tightest weighted combinations of two sums (a Lagrangian bound) join the goal; False on a contradiction.

    For each pair and each choice of sides the weight is found by ternary search: the gap is concave in it.
    """
    literals, numbers = m[LITERALS], m[NUMBERS]
    w[OBJECTIVES] = goal
    many = min(m[PURES], SUMS_MOST) + (1 if goal > 0 else 0)
    if many < 2:
        return True
    amounts = np.empty((many, literals + numbers), np.float64)
    limits = np.empty((many, 3), np.float64)
    for row in range(many):
        _dense(m, w, -1 if goal > 0 and row == many - 1 else m[m[PURE] + row], row, amounts, limits)
        spread_of = 0.0
        for variable in range(m[VARIABLES]):
            least, most = 1e300, -1e300
            for literal in range(m[m[FIRST] + variable], m[m[FIRST] + variable + 1]):
                if w[m[DOMAIN] + literal] != 0:
                    least = min(least, amounts[row, literal])
                    most = max(most, amounts[row, literal])
            spread_of += most - least
        for number in range(numbers):
            spread_of += abs(amounts[row, literals + number]) * (w[m[HIGH] + number] - w[m[LOW] + number])
        limits[row, 2] = spread_of
    for _ in range(2):
        best, at_one, at_other, by, by_other = -1e300, -1, -1, 0.0, 0.0
        for one in range(many):
            for other in range(one + 1, many):
                if limits[one, 2] <= 0 or limits[other, 2] <= 0:
                    continue
                for side in range(4):
                    if side & 2 and goal > 0 and other == many - 1:
                        continue
                    x = (1.0 if side & 1 == 0 else -1.0) / limits[one, 2]
                    y = (1.0 if side & 2 == 0 else -1.0) / limits[other, 2]
                    if w[OBJECTIVES] > goal and one == w[SIDE_ONE] and other == w[SIDE_OTHER] and side == w[SIDE]:
                        continue
                    low, high = 0.0, 1.0
                    for _ in range(14):
                        left, right = low + (high - low) / 3, high - (high - low) / 3
                        if _gap(m, w, amounts, limits, one, x * left, other, y * (1 - left)) < _gap(
                            m, w, amounts, limits, one, x * right, other, y * (1 - right)
                        ):
                            low = left
                        else:
                            high = right
                    middle = (low + high) / 2
                    if not 0.02 < middle < 0.98:
                        continue  # hardly more than one of them alone
                    gap = _gap(m, w, amounts, limits, one, x * middle, other, y * (1 - middle))
                    if gap > best:
                        best, at_one, at_other, by, by_other = gap, one, other, x * middle, y * (1 - middle)
                        w[SIDE_NEXT] = side
        if at_one < 0:
            break
        scale = 1000.0 / min(abs(by), abs(by_other))
        k, k_other = round(by * scale), round(by_other * scale)
        size = abs(k) * (limits[at_one, 2] + abs(limits[at_one, 1])) + abs(k_other) * (
            limits[at_other, 2] + abs(limits[at_other, 1])
        )
        if size > 1e17:
            break
        w[SIDE_ONE], w[SIDE_OTHER], w[SIDE] = at_one, at_other, w[SIDE_NEXT]
        slot = w[OBJECTIVES]
        costs = m[OBJECTIVE] + slot * (literals + 2 * numbers)
        for literal in range(literals):
            w[costs + literal] = k * int(amounts[at_one, literal]) + k_other * int(amounts[at_other, literal])
        for number in range(numbers):
            factor = k * int(amounts[at_one, literals + number]) + k_other * int(amounts[at_other, literals + number])
            w[costs + literals + 2 * number] = factor
            w[costs + literals + 2 * number + 1] = ANYWHERE
        w[m[OBJECTIVE_LIMIT] + slot] = k * int(limits[at_one, 1 if k > 0 else 0]) + k_other * int(
            limits[at_other, 1 if k_other > 0 else 0]
        )
        w[OBJECTIVES] = slot + 1
    w[DIRTY] = 1
    return _propagate(m, w)


@_inner("int64(int64)")
def _luby(step: int) -> int:
    """1 1 2 1 1 2 4 ..., from step 1 on."""
    while True:
        power = 1
        while power < step + 1:
            power *= 2
        if power == step + 1:
            return power // 2
        step -= power // 2 - 1


@_inner(f"int64({_mm}, int64)")
def _find(m: Words, w: Words, nodes: int) -> int:
    """`_dive` with restarts, then without. Only the first dive goes for what is liked."""
    end = w[SEARCHED] + nodes
    goal, base = w[OBJECTIVES], w[TOP]
    step = 1
    while True:
        left = end - w[SEARCHED]
        conflicts = 24 * _luby(step) if step <= 7 else _BIG
        if w[NEAR] != 0 and step > 1:
            conflicts = _BIG
        found = _dive(m, w, left, conflicts)
        if found != _GAVE_UP or w[SEARCHED] >= end or w[FULL] != 0 or step > 7:
            break
        if step == 1:
            for literal in range(m[LITERALS]):
                w[m[LIKED] + literal] = 0
            w[LEVEL] += 1
            if w[NEAR] == 0 and not _combine(m, w, goal):
                found = _NONE
                break
        step += 1
    w[OBJECTIVES] = goal
    if found != _FOUND:
        _undo(m, w, base)
    return found


@_inner(f"boolean({_mm}, int64, int64)")
def _around(m: Words, w: Words, variable: int, widest: int) -> bool:
    """A short search in which only what must change, and what shares a constraint with that, differs from where
    searches stay. Constraints about more items than `widest` do not count, unless they are sums.

    True: the point is an assignment. False: the state is as it was.
    """
    base = w[TOP]
    variables = m[VARIABLES]
    items = variables + m[NUMBERS]
    free = m[ITEM_HIGH]
    for item in range(items):
        w[free + item] = 0
    for item in range(variables):
        phase = w[m[PHASE] + item]
        if item != variable and phase >= 0 and w[m[DOMAIN] + phase] != 0:
            continue
        w[free + item] = 1
        at = m[TOUCHED] + item
        for index in range(m[at], m[at + 1]):
            constraint = m[index]
            scope = m[SCOPE] + constraint
            if m[scope + 1] - m[scope] > widest and m[m[PURE_IS] + constraint] == 0:
                continue
            for place in range(m[scope], m[scope + 1]):
                w[free + m[place]] = 1
    w[LEVEL] += 1
    for item in range(items):
        if w[free + item] != 0 or w[FAILED] != 0:
            continue
        if item < variables:
            _take(m, w, w[m[PHASE] + item])
        else:
            number = item - variables
            phase = w[m[NUMBER_PHASE] + number]
            if w[m[LOW] + number] <= phase <= w[m[HIGH] + number]:
                _at_least(m, w, number, phase)
                _at_most(m, w, number, phase)
    if w[FAILED] == 0 and _propagate(m, w) and _dive(m, w, 60, 8) == _FOUND:
        return True
    _undo(m, w, base)
    return False


# --- moving the point ---


@_inner(f"boolean({_mm})")
def _measure(m: Words, w: Words) -> bool:
    """Compute the nodes and what the sums come to at the point; whether it holds."""
    holds_there = _judge(m, w) == 1
    for index in range(m[PURES]):
        constraint = m[m[PURE] + index]
        at = m[m[START] + constraint]
        variables, numbers = m[at + 2], m[at + 3]
        at += 4
        amount = 0
        for _ in range(variables):
            begin = m[m[FIRST] + m[at]]
            amount += m[at + 1 + w[m[POINT] + m[at]] - begin]
            at += 1 + m[m[FIRST] + m[at] + 1] - begin
        for _ in range(numbers):
            amount += m[at + 1] * w[m[POINT_LOW] + m[at]]
            at += 2
        w[m[AMOUNT] + constraint] = amount
    return holds_there


@_inner(f"void({_mm}, int64, int64)")
def _move(m: Words, w: Words, item: int, value: int) -> None:
    """Change one item of the point (a variable's literal, a number), with the sums that ask for it; no node."""
    variables = m[VARIABLES]
    at, end = m[m[TOUCHED] + item], m[m[READING] + item]
    shift = m[m[TOUCHED_AT] + item] - m[m[TOUCHED] + item]
    if item < variables:
        before, begin = w[m[POINT] + item], m[m[FIRST] + item]
        for index in range(at, end):
            amounts = m[index + shift]
            if amounts >= 0:
                w[m[AMOUNT] + m[index]] += m[amounts + value - begin] - m[amounts + before - begin]
        w[m[POINT] + item] = value
    else:
        number = item - variables
        before = w[m[POINT_LOW] + number]
        for index in range(at, end):
            amounts = m[index + shift]
            if amounts >= 0:
                w[m[AMOUNT] + m[index]] += m[amounts] * (value - before)
        w[m[POINT_LOW] + number] = value
        w[m[POINT_HIGH] + number] = value


@_inner(f"void({_mm}, int64)")
def _feed(m: Words, w: Words, item: int) -> None:
    """Compute the nodes that depend on an item; what they were is kept."""
    at, end = m[m[FED] + item], m[m[FED] + item + 1]
    place = m[SAVED] + w[KEPT]
    for index in range(at, end):
        start = m[m[START] + m[index]]
        node = m[m[m[START] + m[index] + 1] - 2] if m[m[KIND] + m[index]] == AFFINE else m[start]
        w[place] = node
        w[place + 1] = w[m[POINT_LOW] + node]
        w[place + 2] = w[m[POINT_HIGH] + node]
        place += 3
    w[KEPT] = place - m[SAVED]
    _define_all(m, w, at, end)


@_inner(f"void({_mm}, int64)")
def _starve(m: Words, w: Words, kept: int) -> None:
    """Give the nodes back what they were when so much was kept."""
    place = m[SAVED] + w[KEPT]
    while place > m[SAVED] + kept:
        place -= 3
        w[m[POINT_LOW] + w[place]] = w[place + 1]
        w[m[POINT_HIGH] + w[place]] = w[place + 2]
    w[KEPT] = kept


@_inner(f"void({_mm}, int64, int64)")
def _put(m: Words, w: Words, item: int, value: int) -> None:
    """Change one item of the point, with the sums and nodes that depend on it."""
    _move(m, w, item, value)
    _define_all(m, w, m[m[FED] + item], m[m[FED] + item + 1])


@_inner(f"int64({_mm}, int64, int64)")
def _broken(m: Words, w: Words, item: int, skip: int) -> int:
    """The first constraint about the item, after so many, that the point does not keep; -1 if there is none.

    Of those that read no node.
    """
    at, end = m[m[TOUCHED] + item], m[m[READING] + item]
    shift = m[m[TOUCHED_AT] + item] - at
    for index in range(at, end):
        constraint = m[index]
        if w[m[ACTIVE] + constraint] == 0:
            continue
        if m[index + shift] >= 0:
            amount, start = w[m[AMOUNT] + constraint], m[m[START] + constraint]
            if m[start] <= amount <= m[start + 1]:
                continue
        elif m[m[KIND] + constraint] == CLAUSE:
            if _clause_at(m, w, constraint) == 1:
                continue
        elif _at_point(m, w, constraint) == 1:
            continue
        if skip == 0:
            return int(constraint)
        skip -= 1
    return -1


@_inner(f"int64({_mm}, int64)")
def _broken_reading(m: Words, w: Words, item: int) -> int:
    """As `_broken`, of those that read nodes, which are computed."""
    for index in range(m[m[READING] + item], m[m[TOUCHED] + item + 1]):
        if w[m[ACTIVE] + m[index]] != 0 and _at_point(m, w, m[index]) != 1:
            return int(m[index])
    return -1


@_inner(f"boolean({_mm}, int64)")
def _stays_broken(m: Words, w: Words, item: int) -> bool:
    """Whether what a change of the item (or, for -1, a guess) broke still is, of what reads no node."""
    if item >= 0:
        return bool(_broken(m, w, item, 0) >= 0)
    for place in range(m[ITEM_HIGH], m[ITEM_HIGH] + w[BROKEN]):
        kind = m[m[KIND] + w[place]]
        if (kind <= TABLE or m[m[PURE_IS] + w[place]] != 0) and _at_point(m, w, w[place]) != 1:
            return True
    return False


@_inner(f"boolean({_mm}, int64)")
def _stays_broken_reading(m: Words, w: Words, item: int) -> bool:
    """As `_stays_broken`, of what reads nodes, which are computed."""
    if item >= 0:
        return bool(_broken_reading(m, w, item) >= 0)
    broken = 0
    for place in range(m[ITEM_HIGH], m[ITEM_HIGH] + w[BROKEN]):
        broken += _at_point(m, w, w[place]) != 1
    return broken > 0


@_inner(f"int64({_mm}, int64, int64)")
def _changes(m: Words, w: Words, item: int, value: int) -> int:
    """Give an item of the point this value; what that breaks first, or -1. Nodes are computed where nothing else is."""
    _move(m, w, item, value)
    broken = _broken(m, w, item, 0)
    if broken < 0:
        _feed(m, w, item)
        broken = _broken_reading(m, w, item)
    return int(broken)


@_inner(f"void({_mm}, int64, int64)")
def _back(m: Words, w: Words, item: int, value: int) -> None:
    """Take a change back that `_changes` made: the item had this value."""
    _starve(m, w, 0)
    _move(m, w, item, value)


@_inner(f"boolean({_mm}, int64, int64, int64, int64)")
def _mends(m: Words, w: Words, item: int, other: int, value: int, first: int) -> bool:
    """Whether this value of the other item mends what the item's change (-1: a guess) broke; the point then has it.

    `first`: a constraint to be looked at first, or -1.
    """
    before, kept = _held(m, w, other), w[KEPT]
    _move(m, w, other, value)
    if (first >= 0 and _at_point(m, w, first) != 1) or _stays_broken(m, w, item) or _broken(m, w, other, 0) >= 0:
        _move(m, w, other, before)
        return False
    if kept == 0 and item >= 0:  # the nodes that depend on the item have not been computed, or there are none
        _move(m, w, other, before)
        _feed(m, w, item)
        _move(m, w, other, value)
        kept = w[KEPT]
    _feed(m, w, other)
    if not _stays_broken_reading(m, w, item) and _broken_reading(m, w, other) < 0:
        w[KEPT] = 0
        return True
    _starve(m, w, kept)
    _move(m, w, other, before)
    return False


@_inner(f"boolean({_mm}, int64, int64)")
def _tries(m: Words, w: Words, variable: int, broken: int) -> bool:
    """Whether one other item changed mends what a change of the variable (-1: a guess) broke; the point then has it.

    The other value is one of those possible at present, and mends the constraint `broken`. Not everything is tried
    where that is a formula.
    """
    variables = m[VARIABLES]
    domain, first = m[DOMAIN], m[FIRST]
    start, end = m[m[START] + broken], m[m[START] + broken + 1]
    if m[m[PURE_IS] + broken] != 0:
        low, high, amount, many, numbers = m[start], m[start + 1], w[m[AMOUNT] + broken], m[start + 2], m[start + 3]
        at = end - 2 * numbers
        for _ in range(numbers):
            number, factor = m[at], m[at + 1]
            at += 2
            if w[m[LOW] + number] < w[m[HIGH] + number]:
                own = w[m[POINT_LOW] + number]
                rest = amount - factor * own
                least, most = _ceil_divide(low - rest, factor), (high - rest) // factor
                if factor < 0:
                    least, most = _ceil_divide(high - rest, factor), (low - rest) // factor
                value = _up(m, number, max(least, w[m[LOW] + number]))
                if own > most:
                    value = _down(m, number, min(most, w[m[HIGH] + number]))
                fits = least <= value <= most and w[m[LOW] + number] <= value <= w[m[HIGH] + number]
                if fits and _mends(m, w, variable, variables + number, value, -1):
                    return True
        skip = _random(m, w, max(many, 1))
        for turn in range(2):  # from a variable on that is drawn, so that one witness is not like the other
            at = start + 4
            for item in range(many):
                other = m[at]
                begin, stop = m[first + other], m[first + other + 1]
                at += 1 - begin
                if (item >= skip) == (turn == 0) and other != variable:
                    own = w[m[POINT] + other]
                    rest = amount - m[at + own]
                    for candidate in range(begin, stop):
                        if candidate == own or w[domain + candidate] == 0:
                            continue
                        fits = low <= rest + m[at + candidate] <= high
                        if fits and _mends(m, w, variable, other, candidate, -1):
                            return True
                at += stop
    else:
        left = w[EFFORT]
        plain = broken if m[m[KIND] + broken] <= TABLE else -1
        at = m[SCOPE] + broken
        for index in range(m[at], m[at + 1]):
            other = m[index]
            if other < variables and other != variable and w[m[SIZE] + other] > 1:
                own = w[m[POINT] + other]
                effort = 4 + m[m[FED] + other + 1] - m[m[FED] + other]
                for candidate in range(m[first + other], m[first + other + 1]):
                    if candidate != own and w[domain + candidate] != 0 and left > 0:
                        left -= effort
                        if _mends(m, w, variable, other, candidate, plain):
                            return True
            if left <= 0:
                break
    return False


@_inner(f"boolean({_mm}, int64)")
def _reaches(m: Words, w: Words, literal: int) -> bool:
    """Whether the point, which holds, does so with this value too, with one other item changed at most; it then has it.

    The other value is one of those possible at present. Not everything is tried where a formula is broken.
    """
    variable = m[m[OF] + literal]
    before = w[m[POINT] + variable]
    broken = _changes(m, w, variable, literal)
    if broken < 0:
        w[KEPT] = 0
        return True
    if _broken(m, w, variable, 5) < 0 and _tries(m, w, variable, broken):  # else too much
        return True
    _back(m, w, variable, before)
    return False


@_inner(f"boolean({_mm})")
def _mended(m: Words, w: Words) -> bool:
    """Whether the guess that was made holds with one item changed; it is then the point."""
    _measure(m, w)
    _define_all(m, w, m[m[JUDGED] + 1], m[m[JUDGED] + 2])
    w[BROKEN] = 0
    most = min(_FEW, m[VARIABLES] + m[NUMBERS])
    first = -1
    for part in range(0, 3, 2):
        for index in range(m[m[JUDGED] + part], m[m[JUDGED] + part + 1]):
            constraint = m[index]
            if w[m[ACTIVE] + constraint] != 0 and _at_point(m, w, constraint) != 1:
                if w[BROKEN] == most:
                    return False
                w[m[ITEM_HIGH] + w[BROKEN]] = constraint
                w[BROKEN] += 1
                if first < 0 or (m[m[PURE_IS] + constraint] != 0 and m[m[PURE_IS] + first] == 0):
                    first = constraint
    return first >= 0 and _tries(m, w, -1, first) and _judge(m, w) == 1


@_inner(f"boolean({_mm}, int64)")
def _nearby(m: Words, w: Words, variable: int) -> bool:
    """`_around` the variable, first without formulas that are about much (a weight depends on nearly everything).

    Before that a guess, and a guess with one change, which cost less.
    """
    if _guesses(m, w) or (variable >= 0 and _mended(m, w)):
        return True
    return _around(m, w, variable, _NARROW) or _around(m, w, variable, m[VARIABLES] + m[NUMBERS])


# --- questions ---


@kernel(f"void({_mm})")
def prepare(m: Words, w: Words) -> None:
    """Begin anew, whatever `w` holds: everything possible, then all constraints that are ACTIVE propagated."""
    for place in range(SCALARS):
        w[place] = 0
    for constraint in range(m[CONSTRAINTS]):
        w[m[QUEUED] + constraint] = 0
    for stamp in range(m[NODES] + m[STATES]):
        w[m[STAMP] + stamp] = 0
    for literal in range(m[LITERALS]):
        w[m[LIKED] + literal] = 0
    for literal in range(m[LITERALS]):
        w[m[DOMAIN] + literal] = 1
    for variable in range(m[VARIABLES]):
        w[m[SIZE] + variable] = m[m[FIRST] + variable + 1] - m[m[FIRST] + variable]
    for node in range(m[NODES]):
        w[m[LOW] + node] = m[m[ROOT_LOW] + node]
        w[m[HIGH] + node] = m[m[ROOT_HIGH] + node]
    for table in range(m[TABLES]):
        rows = m[m[TABLE_ROWS] + table + 1] - m[m[TABLE_ROWS] + table]
        entry = m[LIMIT] + m[m[TABLE_STATE] + table]
        if m[m[SUPPORT] + table] == 0:
            w[entry] = rows
            for row in range(rows):
                w[m[ROWS] + m[m[TABLE_ROWS] + table] + row] = row
            continue
        for word in range((rows + 63) >> 6):
            many = min(rows - 64 * word, 64)
            w[entry + word] = -1 if many == 64 else (1 << many) - 1
    for item in range(m[VARIABLES] + m[NUMBERS]):
        w[m[ACTIVITY] + item] = 1024
    for variable in range(m[VARIABLES]):
        w[m[PHASE] + variable] = -1
    for number in range(m[NUMBERS]):
        w[m[NUMBER_PHASE] + number] = ANYWHERE
    w[BUMP] = 1024
    w[LEVEL] = 1
    for constraint in range(m[CONSTRAINTS]):
        _schedule(m, w, constraint)
    _propagate(m, w)
    w[TOP] = 0  # the trail begins here


@_inner(f"boolean({_mm}, int64[::1], uint8[::1], int64[::1])")
def _begin(m: Words, w: Words, base: Words, allowed: Any, entered: Words) -> bool:
    """From the prepared `base` (its beginning is copied) to the decisions, propagated."""
    for place in range(len(base)):
        w[place] = base[place]
    if w[FAILED] != 0:
        return False
    for literal in range(m[LITERALS]):
        if allowed[literal] == 0 and w[m[DOMAIN] + literal] != 0:
            _remove(m, w, literal)
    for number in range(m[NUMBERS]):
        if entered[number] != _BIG:
            if _up(m, number, entered[number]) != entered[number]:
                w[FAILED] = 1
                break
            _at_least(m, w, number, entered[number])
            _at_most(m, w, number, entered[number])
    return _propagate(m, w)


@_inner(f"void({_mm}, int32[::1], int64[::1])")
def _read(m: Words, w: Words, values: Any, numbers: Words) -> None:
    """The point, which a search has left, as an assignment."""
    for variable in range(m[VARIABLES]):
        values[variable] = w[m[POINT] + variable]
    for number in range(m[NUMBERS]):
        numbers[number] = w[m[POINT_LOW] + number]


@kernel(f"int64({_mm}, int64[::1], uint8[::1], int64[::1], uint8[::1], int32[::1], int64[::1], int64, int64)")
def find(
    m: Words,
    w: Words,
    base: Words,
    allowed: Any,
    entered: Words,
    liked: Any,
    values: Any,
    numbers: Words,
    nodes: int,
    seed: int,
) -> int:
    """An assignment into `values` (literals; what they hold before is tried first where it is not -1) and `numbers`."""
    if not _begin(m, w, base, allowed, entered):
        return VOID
    w[SEED] = seed
    for literal in range(m[LITERALS]):
        w[m[LIKED] + literal] = liked[literal]
    for variable in range(m[VARIABLES]):
        w[m[PHASE] + variable] = values[variable]
    for number in range(m[NUMBERS]):
        w[m[NUMBER_PHASE] + number] = numbers[number]
    found = _find(m, w, nodes)
    if found == _FOUND:
        _read(m, w, values, numbers)
    return found


@_inner(f"void({_mm}, int32[::1], int64[::1])")
def _stand(m: Words, w: Words, values: Any, numbers: Words) -> None:
    """Make an assignment the point, and what later searches stay near to."""
    for variable in range(m[VARIABLES]):
        w[m[POINT] + variable] = values[variable]
        w[m[PHASE] + variable] = values[variable]
    for number in range(m[NUMBERS]):
        w[m[POINT_LOW] + number] = numbers[number]
        w[m[POINT_HIGH] + number] = numbers[number]
        w[m[NUMBER_PHASE] + number] = numbers[number]


@kernel(f"boolean({_mm}, int32[::1], int64[::1])")
def holds(m: Words, w: Words, values: Any, numbers: Words) -> bool:
    """Whether an assignment (literals) keeps all constraints; `w` has been prepared."""
    _stand(m, w, values, numbers)
    return _judge(m, w) == 1


@_inner("void(int64[::1], int32[:, ::1], int64[:, ::1], int32[::1], int64[::1])")
def _join(counts: Words, fresh: Any, fresh_numbers: Any, values: Any, numbers: Words) -> None:
    """Add an assignment to the new ones if there is room."""
    index = counts[0]
    if index >= fresh.shape[0]:
        return
    for variable in range(len(values)):
        fresh[index, variable] = values[variable]
    for number in range(len(numbers)):
        fresh_numbers[index, number] = numbers[number]
    counts[0] = index + 1


@_inner(f"void({_mm}, boolean)")
def _stay(m: Words, w: Words, here: bool) -> None:
    """Make the point the place that later searches stay near to, or go back to that place."""
    variables = m[VARIABLES]
    for variable in range(variables):
        if w[m[POINT] + variable] != w[m[PHASE] + variable]:
            if here:
                w[m[PHASE] + variable] = w[m[POINT] + variable]
            else:
                _put(m, w, variable, w[m[PHASE] + variable])
    for number in range(m[NUMBERS]):
        if w[m[POINT_LOW] + number] != w[m[NUMBER_PHASE] + number]:
            if here:
                w[m[NUMBER_PHASE] + number] = w[m[POINT_LOW] + number]
            else:
                _put(m, w, variables + number, w[m[NUMBER_PHASE] + number])


@_inner(f"boolean({_mm}, {_flags}, {_literals}, {_words}, int64)")
def _adapts(m: Words, w: Words, allowed: Any, values: Any, numbers: Words, stray: int) -> bool:
    """From a known assignment, of which one variable alone has a value that is not allowed, to one with all decisions.

    By that variable's allowed value (the first few are tried) and one change more at most; the point then holds.
    """
    _stand(m, w, values, numbers)
    if not _measure(m, w):
        return False
    left = 3
    for literal in range(m[m[FIRST] + stray], m[m[FIRST] + stray + 1]):
        if allowed[literal] != 0 and w[m[DOMAIN] + literal] != 0:
            if _reaches(m, w, literal):
                return True
            left -= 1
            if left == 0:
                break
    return False


@_inner(f"boolean({_mm}, int64)")
def _slack_takes(m: Words, w: Words, literal: int) -> bool:
    """Whether the point, which holds, does so with another value of a variable that only sums ask for."""
    variable = m[m[OF] + literal]
    begin = m[m[FIRST] + variable]
    at, end = m[m[TOUCHED] + variable], m[m[TOUCHED] + variable + 1]
    shift = m[m[TOUCHED_AT] + variable] - at
    for index in range(at, end):
        constraint, amounts = m[index], m[index + shift] - begin
        if w[m[ACTIVE] + constraint] != 0:
            amount = w[m[AMOUNT] + constraint] + m[amounts + literal] - m[amounts + w[m[POINT] + variable]]
            if not m[m[m[START] + constraint]] <= amount <= m[m[m[START] + constraint] + 1]:
                return False
    return True


@_inner(f"void({_mm}, {_flags}, {_flags}, {_flags}, {_flags}, {_words}, int32[:, ::1], int64[:, ::1])", allocates=True)
def _slide(
    m: Words, w: Words, allowed: Any, asked: Any, valid: Any, closed: Any, counts: Words, fresh: Any, fresh_numbers: Any
) -> None:
    """From the point to as many literals that nobody has seen as one or two changes reach; afterwards it stands."""
    variables = m[VARIABLES]
    values = np.empty(variables, np.int32)
    numbers = np.empty(m[NUMBERS], np.int64)
    _measure(m, w)
    w[EFFORT] = max(w[EFFORT] // 2, 16)
    for literal in range(m[LITERALS]):
        bit = 1 if allowed[literal] != 0 else 2
        if asked[literal] == 0 or (valid[literal] | closed[literal]) & bit:
            continue
        if bit == 1 and w[m[DOMAIN] + literal] == 0:
            continue
        if m[m[SLACK] + m[m[OF] + literal]] != 0 and _slack_takes(m, w, literal):
            valid[literal] |= 3 if bit == 1 else 2  # so quickly seen again that it need not be remembered
            continue
        if not _reaches(m, w, literal):
            continue
        _read(m, w, values, numbers)
        if m[m[SLACK] + m[m[OF] + literal]] == 0:
            _join(counts, fresh, fresh_numbers, values, numbers)
        if bit == 1:
            for variable in range(variables):
                valid[values[variable]] |= 3
        else:
            valid[literal] |= 2
        _stay(m, w, bit == 1)


@kernel(
    f"int64({_mm}, {_words}, {_flags}, {_flags}, {_words}, int32[:, ::1], int64[:, ::1], int32[:, ::1], int64[:, ::1],"
    f" {_words}, {_flags}, {_flags}, {_words}, int64, int64)",
    allocates=True,
)
def settle(
    m: Words,
    w: Words,
    base: Words,
    allowed: Any,
    asked: Any,
    entered: Words,
    known: Any,
    known_numbers: Any,
    fresh: Any,
    fresh_numbers: Any,
    counts: Words,
    valid: Any,
    closed: Any,
    strays: Words,
    each: int,
    total: int,
) -> int:
    """Which literals an assignment has: bits STRICT (1) and RELEASED (2) into `valid`, refuted ones into `closed`.

    Where a search gave up after `each` nodes, `closed` has the same bits times 4, and it is not tried again. `known`,
    `known_numbers`: assignments; `strays`: of each the variable that is not as decided, -1: none, -2: it has more than
    that. New ones go into `fresh` while there is room, counts[0]: how many. DONE; VOID: no assignment has all
    decisions; PAUSED after `total` nodes.
    """
    literals, variables, numbers = m[LITERALS], m[VARIABLES], m[NUMBERS]
    if not _begin(m, w, base, allowed, entered):
        return VOID
    w[SEARCHED] = 0
    w[SEED] = 1
    w[EFFORT] = 256
    w[GUESSING] = 1
    inside = -1
    before = known.shape[0]
    for index in range(before):
        strays[index] = -2
        stray = -1
        good = True
        for number in range(numbers):
            if entered[number] != _BIG and known_numbers[index, number] != entered[number]:
                good = False
        if not good:
            continue
        for variable in range(variables):
            literal = known[index, variable]
            if allowed[literal] == 0:
                if stray >= 0 or asked[literal] == 0:
                    good = False
                    break
                stray = literal
        if not good:
            continue
        strays[index] = -1
        if stray >= 0:
            valid[stray] |= 2
            strays[index] = m[m[OF] + stray]
        else:
            inside = index
            for variable in range(variables):
                valid[known[index, variable]] |= 3
    values = np.empty(variables, np.int32)
    numbers_found = np.empty(numbers, np.int64)
    if inside >= 0:
        for variable in range(variables):
            values[variable] = known[inside, variable]
        for number in range(numbers):
            numbers_found[number] = known_numbers[inside, number]
        _stand(m, w, values, numbers_found)
        _slide(m, w, allowed, asked, valid, closed, counts, fresh, fresh_numbers)
        _read(m, w, values, numbers_found)
    for literal in range(literals):
        w[m[LIKED] + literal] = 0 if valid[literal] & 1 else 1
    top = w[TOP]
    others = np.empty(variables, np.int32)
    other_numbers = np.empty(numbers, np.int64)
    failed = 0
    # with all decisions
    for literal in range(literals):
        if valid[literal] & 1 or closed[literal] & 5 or w[m[DOMAIN] + literal] == 0:
            continue
        if w[SEARCHED] > total:
            return PAUSED
        variable = m[m[OF] + literal]
        adapted = False
        left = 4 if failed < 12 else 0
        for index in range(before - 1, -1, -1):
            if left == 0:
                break
            if strays[index] >= 0 and known[index, variable] == literal and strays[index] != variable:
                if _adapts(m, w, allowed, known[index], known_numbers[index], strays[index]):
                    adapted = w[m[POINT] + variable] == literal
                    if adapted:
                        break
                left -= 1
                failed += 1
        if adapted:
            failed = 0
            _read(m, w, values, numbers_found)
            _stay(m, w, True)
            inside = 1
            _join(counts, fresh, fresh_numbers, values, numbers_found)
            for place in range(variables):
                valid[values[place]] |= 3
                w[m[LIKED] + values[place]] = 0
            continue
        if inside >= 0:
            _stand(m, w, values, numbers_found)
        w[LEVEL] += 1
        _take(m, w, literal)
        found = _NONE
        if _propagate(m, w):
            found = _FOUND if inside >= 0 and _nearby(m, w, variable) else _find(m, w, each)
        if found == _FOUND:
            _read(m, w, values, numbers_found)
            _undo(m, w, top)
            inside = 1
            _stand(m, w, values, numbers_found)
            _join(counts, fresh, fresh_numbers, values, numbers_found)
            for variable in range(variables):
                valid[values[variable]] |= 3
            _slide(m, w, allowed, asked, valid, closed, counts, fresh, fresh_numbers)
            _read(m, w, values, numbers_found)
            for other in range(literals):
                w[m[LIKED] + other] = 0 if valid[other] & 1 else 1
        elif found == _NONE:
            _undo(m, w, top)
            closed[literal] |= 3
            _remove(m, w, literal)
            if not _propagate(m, w):
                return VOID
            top = w[TOP]
        else:
            _undo(m, w, top)
            closed[literal] |= 4
            for other in range(literals):
                w[m[LIKED] + other] = 0 if valid[other] & 1 else 1
    for literal in range(literals):
        if allowed[literal] != 0 and w[m[DOMAIN] + literal] == 0:
            closed[literal] |= 3
    # without those about the literal's own variable: all but one of them, by halves, so that halves are shared
    waiting = np.empty(variables, np.int64)
    many = 0
    free = np.empty(literals, np.uint8)
    for literal in range(literals):
        free[literal] = allowed[literal]
    for variable in range(variables):
        begin, end = m[m[FIRST] + variable], m[m[FIRST] + variable + 1]
        for literal in range(begin, end):
            if asked[literal] != 0 and allowed[literal] == 0 and (valid[literal] & 2) | (closed[literal] & 10) == 0:
                waiting[many] = variable
                many += 1
                for other in range(begin, end):
                    free[other] = asked[other]
                break
    if many == 0:
        return DONE
    searched = w[SEARCHED]
    possible = _begin(m, w, base, free, entered)
    w[SEARCHED] = searched
    w[GUESSING] = 1
    w[EFFORT] = 64
    if inside >= 0:
        _stand(m, w, values, numbers_found)
    frames = np.empty((2 * variables + 2, 5), np.int64)  # from, to, stage, trail, possible
    depth = 0
    frames[0, 0], frames[0, 1], frames[0, 2], frames[0, 3] = 0, many, 0, w[TOP]
    frames[0, 4] = 1 if possible else 0
    while depth >= 0:
        start, end, stage, mark = frames[depth, 0], frames[depth, 1], frames[depth, 2], frames[depth, 3]
        possible = frames[depth, 4] != 0
        if end - start > 1 and stage < 2 and possible:
            middle = (start + end) // 2
            if stage == 1:
                _undo(m, w, mark)
            frames[depth, 2] = stage + 1
            w[LEVEL] += 1
            first, last = (middle, end) if stage == 0 else (start, middle)
            for index in range(first, last):
                variable = waiting[index]
                for literal in range(m[m[FIRST] + variable], m[m[FIRST] + variable + 1]):
                    if allowed[literal] == 0:
                        _remove(m, w, literal)
            possible = _propagate(m, w)
            depth += 1
            frames[depth, 0] = start if stage == 0 else middle
            frames[depth, 1] = middle if stage == 0 else end
            frames[depth, 2], frames[depth, 3] = 0, w[TOP]
            frames[depth, 4] = 1 if possible else 0
            continue
        if end - start == 1 or not possible:
            for index in range(start, end):
                variable = waiting[index]
                for literal in range(m[m[FIRST] + variable], m[m[FIRST] + variable + 1]):
                    if asked[literal] == 0 or allowed[literal] != 0 or (valid[literal] & 2) | (closed[literal] & 10):
                        continue
                    if not possible or w[m[DOMAIN] + literal] == 0:
                        closed[literal] |= 2
                        continue
                    if w[SEARCHED] > total:
                        return PAUSED
                    w[LEVEL] += 1
                    _take(m, w, literal)
                    found = _NONE
                    if _propagate(m, w):
                        found = _FOUND if inside >= 0 and _nearby(m, w, variable) else _find(m, w, each)
                    if found == _FOUND:
                        _read(m, w, others, other_numbers)
                        valid[literal] |= 2
                        _join(counts, fresh, fresh_numbers, others, other_numbers)
                    elif found == _NONE:
                        closed[literal] |= 2
                    else:
                        closed[literal] |= 8
                    _undo(m, w, mark)
        depth -= 1
        if depth >= 0:
            _undo(m, w, frames[depth, 3])
    return DONE


# --- the values of a large number ---


@_inner(f"boolean({_mm}, int64)")
def _steps(m: Words, w: Words, at: int) -> bool:
    """Whether the amounts (of a variable, at its place in a sum) of the values left go in single steps."""
    begin, end = m[m[FIRST] + m[at]], m[m[FIRST] + m[at] + 1]
    many, before, step = 0, 0, 0
    for literal in range(begin, end):
        if w[m[DOMAIN] + literal] != 0:
            amount = m[at + 1 + literal - begin]
            if many == 1:
                step = amount - before
            if many > 0 and (amount - before != step or abs(step) != 1):
                return False
            before = amount
            many += 1
    return True


@_inner(f"boolean({_mm}, int64)")
def _whole(m: Words, w: Words, number: int) -> bool:
    """All but numbers and slack is fixed, and propagated: whether each value left to the number is an assignment's.

    So it is if what is not settled anyway are sums in which all else that is free goes in single steps, and of which no
    two share anything else that is free: then every whole amount between the bounds of the others is reached.
    """
    numbers, variables, first = m[NUMBERS], m[VARIABLES], m[FIRST]
    for variable in range(variables):
        if w[m[SIZE] + variable] == 1:
            literal = m[first + variable]
            while w[m[DOMAIN] + literal] == 0:
                literal += 1
            w[m[POINT] + variable] = literal
    for item in range(variables + numbers):
        w[m[ITEM_LOW] + item] = 0  # whether a sum that is not settled has asked for it
    for other in range(numbers):
        w[m[POINT_LOW] + other] = w[m[LOW] + other]
        w[m[POINT_HIGH] + other] = w[m[HIGH] + other]
    _define_all(m, w, m[m[JUDGED] + 1], m[m[JUDGED] + 2])
    if _all_at_point(m, w, m[m[JUDGED] + 2], m[m[JUDGED] + 3]) != 1:
        return False
    for index in range(m[m[JUDGED]], m[m[JUDGED] + 1]):
        constraint = m[index]
        if w[m[ACTIVE] + constraint] == 0:
            continue
        if m[m[PURE_IS] + constraint] == 0:
            if _at_point(m, w, constraint) != 1:
                return False
            continue
        start = m[m[START] + constraint]
        low = high = 0
        at = start + 4
        for _ in range(m[start + 2]):
            begin, end = m[first + m[at]], m[first + m[at] + 1]
            least, most = _BIG, -_BIG
            for literal in range(begin, end):
                if w[m[DOMAIN] + literal] != 0:
                    least = min(least, m[at + 1 + literal - begin])
                    most = max(most, m[at + 1 + literal - begin])
            low += least
            high += most
            at += 1 + end - begin
        for _ in range(m[start + 3]):
            one, other = m[at + 1] * w[m[LOW] + m[at]], m[at + 1] * w[m[HIGH] + m[at]]
            low += min(one, other)
            high += max(one, other)
            at += 2
        if high < m[start] or low > m[start + 1]:
            return False
        if low >= m[start] and high <= m[start + 1]:
            continue
        at = start + 4
        for _ in range(m[start + 2]):
            variable = m[at]
            if w[m[SIZE] + variable] > 1:
                if w[m[ITEM_LOW] + variable] != 0 or not _steps(m, w, at):
                    return False
                w[m[ITEM_LOW] + variable] = 1
            at += 1 + m[first + variable + 1] - m[first + variable]
        for _ in range(m[start + 3]):
            node, factor = m[at], m[at + 1]
            at += 2
            if node != number and w[m[LOW] + node] < w[m[HIGH] + node]:
                grid = m[GRID] + 5 * node
                if abs(factor) != 1 or m[grid + 2] != 1 or m[grid + 3] != 0 or w[m[ITEM_LOW] + variables + node] != 0:
                    return False
                w[m[ITEM_LOW] + variables + node] = 1
    return True


@_inner(f"void({_mm}, int64, int64, int64)")
def _widen(m: Words, w: Words, number: int, low: int, high: int) -> None:
    """Give a number of the point an interval, with the nodes that depend on it but not what sums come to."""
    w[m[POINT_LOW] + number], w[m[POINT_HIGH] + number] = low, high
    item = m[VARIABLES] + number
    _define_all(m, w, m[m[FED] + item], m[m[FED] + item + 1])


@_inner(f"int64({_mm}, int64, int64, int64)")
def _all_hold(m: Words, w: Words, number: int, low: int, high: int) -> int:
    """Whether what is about the number holds at the point with all of its values (1), with none (0), or else (-1)."""
    _widen(m, w, number, low, high)
    item = m[VARIABLES] + number
    return _all_at_point(m, w, m[m[TOUCHED] + item], m[m[TOUCHED] + item + 1])


@_inner(f"boolean({_mm}, int64, int64[:, ::1], int64)")
def _reach(m: Words, w: Words, number: int, good: Any, row: int) -> bool:
    """All else as in the point, which holds, but for slack: an interval of the number's values into a row of `good`.

    Slack is a variable that one sum alone asks for, its values left go in single steps. False if there is none.
    """
    item = m[VARIABLES] + number
    at, end = m[m[TOUCHED] + item], m[m[TOUCHED] + item + 1]
    low, high = w[m[LOW] + number], w[m[HIGH] + number]
    for index in range(at, end):
        constraint = m[index]
        if m[m[PURE_IS] + constraint] == 0 or w[m[ACTIVE] + constraint] == 0:
            continue
        start, stop = m[m[START] + constraint], m[m[START] + constraint + 1]
        least = most = 0
        place = start + 4
        for _ in range(m[start + 2]):
            variable = m[place]
            begin, last = m[m[FIRST] + variable], m[m[FIRST] + variable + 1]
            own = m[place + 1 + w[m[POINT] + variable] - begin]
            one, other = own, own
            alone = m[m[TOUCHED] + variable + 1] - m[m[TOUCHED] + variable] == 1
            if m[m[SLACK] + variable] != 0 and alone and _steps(m, w, place):
                for literal in range(begin, last):
                    if w[m[DOMAIN] + literal] != 0:
                        one = min(one, m[place + 1 + literal - begin])
                        other = max(other, m[place + 1 + literal - begin])
            least += one
            most += other
            place += 1 + last - begin
        factor = 0
        while place < stop:
            if m[place] == number:
                factor += m[place + 1]
            else:
                amount = m[place + 1] * w[m[POINT_LOW] + m[place]]
                least += amount
                most += amount
            place += 2
        if factor > 0:
            low = max(low, _ceil_divide(m[start] - most, factor))
            high = min(high, (m[start + 1] - least) // factor)
        elif factor < 0:
            low = max(low, _ceil_divide(m[start + 1] - least, factor))
            high = min(high, (m[start] - most) // factor)
    low, high = _up(m, number, low), _down(m, number, high)
    if low >= high:
        return False
    own = w[m[POINT_LOW] + number]
    _widen(m, w, number, low, high)
    holds_all = True
    for index in range(at, end):
        constraint = m[index]
        if m[m[PURE_IS] + constraint] == 0 and w[m[ACTIVE] + constraint] != 0 and _at_point(m, w, constraint) != 1:
            holds_all = False
            break
    _widen(m, w, number, own, own)
    if holds_all:
        good[row, 0], good[row, 1] = low, high
    return holds_all


@_inner(f"int64({_mm}, int64, int64, int64, int64[:, ::1], int64)", allocates=True)
def _places(m: Words, w: Words, number: int, low: int, high: int, good: Any, many: int) -> int:
    """All else as in the point, which holds: intervals of the number's values that do, added to `good`; their count.

    By halves, on the intervals of the nodes; after some thousand it is left at what was found.
    """
    waiting = np.empty((128, 2), np.int64)
    waiting[0, 0], waiting[0, 1] = low, high
    depth = 1
    before = many
    left = PIECES - 100
    while depth > 0 and left > 0 and many < good.shape[0] - 1:
        left -= 1
        depth -= 1
        one, other = waiting[depth, 0], waiting[depth, 1]
        found = _all_hold(m, w, number, one, other)
        if found == 1:
            if many > before and _up(m, number, good[many - 1, 1] + 1) == one:
                good[many - 1, 1] = other
            else:
                good[many, 0], good[many, 1] = one, other
                many += 1
        elif found < 0 and one < other:
            middle = one + (other - one) // 2
            waiting[depth, 0], waiting[depth, 1] = _up(m, number, middle + 1), other
            waiting[depth + 1, 0], waiting[depth + 1, 1] = one, _down(m, number, middle)
            depth += 2
    return many


@_inner(f"boolean({_mm}, int64, int64, int64, {_literals}, {_words})")
def _varies(m: Words, w: Words, number: int, low: int, high: int, values: Any, numbers: Words) -> bool:
    """A short search for an assignment with the number in an interval, into `values` and `numbers`.

    Only the variables of the sums that ask for the number may differ from what the assignment was before.
    """
    variables = m[VARIABLES]
    top = w[TOP]
    item = variables + number
    for variable in range(variables):
        w[m[ITEM_HIGH] + variable] = 0
    for index in range(m[m[TOUCHED] + item], m[m[TOUCHED] + item + 1]):
        if m[m[PURE_IS] + m[index]] != 0:
            at = m[m[START] + m[index]] + 4
            for _ in range(m[at - 2]):
                w[m[ITEM_HIGH] + m[at]] = 1
                at += 1 + m[m[FIRST] + m[at] + 1] - m[m[FIRST] + m[at]]
    w[LEVEL] += 1
    for variable in range(variables):
        if w[m[ITEM_HIGH] + variable] == 0:
            _take(m, w, values[variable])
    for other in range(m[NUMBERS]):
        if other != number:
            _at_least(m, w, other, numbers[other])
            _at_most(m, w, other, numbers[other])
    if w[FAILED] == 0:
        _at_least(m, w, number, low)
    if w[FAILED] == 0:
        _at_most(m, w, number, high)
    found = w[FAILED] == 0 and _propagate(m, w) and _dive(m, w, 60, 8) == _FOUND
    if found:
        _read(m, w, values, numbers)
    _undo(m, w, top)
    return found


@_inner(f"boolean({_mm}, int64, int64[:, ::1], int64, int64, int64)")
def _shifts(m: Words, w: Words, number: int, left: Any, many: int, low: int, high: int) -> bool:
    """From the point, which holds, and does with the number in an interval, towards one of the intervals left.

    One variable of a sum that asks for the number changes, and the interval with it; the point then holds again.
    """
    item = m[VARIABLES] + number
    tries = _SHIFTS
    at_end = m[m[TOUCHED] + item + 1]
    many_sums = at_end - m[m[TOUCHED] + item]
    for turn in range(2 * many_sums):  # first those that add much to what is known
        constraint = m[at_end - 1 - turn % many_sums]
        least = 3 * (high - low) // 4 if turn < many_sums else 0
        if m[m[PURE_IS] + constraint] == 0 or w[m[ACTIVE] + constraint] == 0:
            continue
        start, stop = m[m[START] + constraint], m[m[START] + constraint + 1]
        factor = 0
        for place in range(stop - 2 * m[start + 3], stop, 2):
            if m[place] == number:
                factor = m[place + 1]
        at = start + 4
        for _ in range(m[start + 2]):
            variable = m[at]
            begin, end = m[m[FIRST] + variable], m[m[FIRST] + variable + 1]
            at += 1 - begin
            own = m[at + w[m[POINT] + variable]]
            for literal in range(begin, end):
                by = own - m[at + literal]
                if by == 0 or w[m[DOMAIN] + literal] == 0 or m[m[SLACK] + variable] != 0:
                    continue
                by = by // factor
                for place in range(many):
                    if min(left[place, 1], high + by) - max(left[place, 0], low + by) >= least:
                        before, value = w[m[POINT] + variable], w[m[POINT_LOW] + number] + by
                        if _changes(m, w, variable, literal) < 0:
                            w[KEPT] = 0
                            return True
                        fits = w[m[LOW] + number] <= value <= w[m[HIGH] + number] and _up(m, number, value) == value
                        if fits and _mends(m, w, variable, item, value, -1):
                            return True
                        _back(m, w, variable, before)
                        tries -= 1
                        break
                if tries <= 0:
                    return False
            at += end
    return False


@_inner("int64(int64[:, ::1], int64)")
def _room_of(left: Any, many: int) -> int:
    """How long intervals are together."""
    room = 0
    for index in range(many):
        room += left[index, 1] - left[index, 0] + 1
    return room


@_inner("int64(int64[:, ::1], int64, int64, int64, int64[:, ::1])")
def _without(left: Any, many: int, low: int, high: int, spare: Any) -> int:
    """Take an interval out of intervals; how many there are then."""
    kept = 0
    for index in range(many):
        one, other = left[index, 0], left[index, 1]
        if other < low or one > high:
            spare[kept, 0], spare[kept, 1] = one, other
            kept += 1
            continue
        if one < low and kept < spare.shape[0]:
            spare[kept, 0], spare[kept, 1] = one, low - 1
            kept += 1
        if other > high and kept < spare.shape[0]:
            spare[kept, 0], spare[kept, 1] = high + 1, other
            kept += 1
    for index in range(kept):
        left[index, 0], left[index, 1] = spare[index, 0], spare[index, 1]
    return kept


@kernel(
    f"int64({_mm}, {_words}, {_flags}, {_words}, int64, int32[:, ::1], int64[:, ::1], int32[:, ::1], int64[:, ::1],"
    f" {_words}, int64[:, ::1], int64[:, ::1], int64[:, ::1], {_words}, int64, int64, int64)",
    allocates=True,
)
def spread(
    m: Words,
    w: Words,
    base: Words,
    allowed: Any,
    entered: Words,
    number: int,
    known: Any,
    known_numbers: Any,
    fresh: Any,
    fresh_numbers: Any,
    counts: Words,
    good: Any,
    left: Any,
    stuck: Any,
    sizes: Words,
    each: int,
    total: int,
    begun: int,
) -> int:
    """The values of a number that an assignment has, as intervals (of its grid) in `good`.

    `left`: intervals that nothing is known of, `stuck`: those where a search gave up; sizes: how many of the three
    there are. `known`, `fresh` and `counts` as in `settle`. DONE: nothing is left. VOID, or PAUSED after `total` nodes.
    With `begun` the last call with `w` was one for the same decisions, and has left it where this one begins.
    """
    variables, numbers = m[VARIABLES], m[NUMBERS]
    if (begun == 0 or w[FAILED] != 0 or w[FULL] != 0) and not _begin(m, w, base, allowed, entered):
        return VOID
    w[SEARCHED] = 0
    w[SEED] = 1
    spare = np.empty_like(left)
    values = np.empty(variables, np.int32)
    found_numbers = np.empty(numbers, np.int64)
    top = w[TOP]
    tried = seen = failed = 0
    standing = False
    measured = False  # whether the point is what was found last, with its nodes and sums
    shifted = moved = 0
    shares = False  # sums with other numbers that are open
    item = variables + number
    for index in range(m[m[TOUCHED] + item], m[m[TOUCHED] + item + 1]):
        at = m[SCOPE] + m[index]
        for place in range(m[at], m[at + 1]):
            other = m[place] - variables
            if other >= 0 and other != number and w[m[LOW] + other] < w[m[HIGH] + other]:
                shares = True
    w[EFFORT] = 64
    w[GUESSING] = 1
    while sizes[1] > 0:
        if w[SEARCHED] > total or sizes[0] + PIECES >= good.shape[0] or sizes[1] + PIECES >= left.shape[0]:
            return PAUSED
        found = _GAVE_UP
        while tried < known.shape[0] and found != _FOUND:  # then what is known
            fits = True
            stray = -1
            for other in range(numbers):
                if entered[other] != _BIG and known_numbers[tried, other] != entered[other]:
                    fits = False
            if fits:
                fits = False
                for index in range(sizes[1]):
                    if left[index, 0] <= known_numbers[tried, number] <= left[index, 1]:
                        fits = True
                        break
            if fits:
                for variable in range(variables):
                    if allowed[known[tried, variable]] == 0:
                        fits = stray < 0
                        stray = variable
                        if not fits:
                            break
            if fits:
                measured = False
            if fits and stray < 0:
                found = _FOUND
                for variable in range(variables):
                    values[variable] = known[tried, variable]
                for other in range(numbers):
                    found_numbers[other] = known_numbers[tried, other]
            elif fits and failed < 2 and _adapts(m, w, allowed, known[tried], known_numbers[tried], stray):
                failed = 0
                _read(m, w, values, found_numbers)
                kept = True
                for other in range(numbers):
                    if entered[other] != _BIG and found_numbers[other] != entered[other]:
                        kept = False
                for index in range(sizes[1]):
                    if kept and left[index, 0] <= found_numbers[number] <= left[index, 1]:
                        found = _FOUND
                if found == _FOUND:
                    _join(counts, fresh, fresh_numbers, values, found_numbers)
            elif fits:
                failed += 1
            tried += 1
        if found != _FOUND and moved != 0 and shifted < _SHIFTED:
            _stand(m, w, values, found_numbers)
            if not measured:
                measured = _measure(m, w)
            if measured and _shifts(m, w, number, left, sizes[1], good[sizes[0] - 2, 0], good[sizes[0] - 2, 1]):
                shifted += 1
                found = _FOUND
                _read(m, w, values, found_numbers)
                _join(counts, fresh, fresh_numbers, values, found_numbers)
        moved = 0
        low, high = left[sizes[1] - 1, 0], left[sizes[1] - 1, 1]
        measured = measured and found == _FOUND
        if found != _FOUND and standing and _varies(m, w, number, low, high, values, found_numbers):
            found = _FOUND
            _join(counts, fresh, fresh_numbers, values, found_numbers)
        standing = False
        if found != _FOUND:
            w[LEVEL] += 1
            _at_least(m, w, number, low)
            if w[FAILED] == 0:
                _at_most(m, w, number, high)
            found = _NONE
            if w[FAILED] == 0 and _propagate(m, w):
                found = _find(m, w, each)
            if found == _FOUND:
                _read(m, w, values, found_numbers)
                _join(counts, fresh, fresh_numbers, values, found_numbers)
            else:
                sizes[1] -= 1
                if found == _GAVE_UP:
                    first, last = _up(m, number, low), _down(m, number, high)
                    if first < last:
                        middle = first + (last - first) // 2
                        left[sizes[1], 0], left[sizes[1], 1] = first, middle
                        left[sizes[1] + 1, 0], left[sizes[1] + 1, 1] = middle + 1, last
                        sizes[1] += 2
                    elif sizes[2] < stuck.shape[0]:
                        stuck[sizes[2], 0], stuck[sizes[2], 1] = first, last
                        sizes[2] += 1
                    else:
                        return PAUSED
            _undo(m, w, top)
        if found != _FOUND:
            continue
        room = _room_of(left, sizes[1])
        before = sizes[0]
        seen += 1
        if not shares:
            _stand(m, w, values, found_numbers)
            if not measured:
                measured = _measure(m, w)
            standing = True
            if _reach(m, w, number, good, before):
                sizes[0] = before + 1
                moved = 1
        for attempt in range(2 if seen <= 2 and moved == 0 else 0):  # left free: other numbers and slack, other numbers
            w[LEVEL] += 1
            for variable in range(variables):
                if attempt == 1 or m[m[SLACK] + variable] == 0:
                    _take(m, w, values[variable])
            measured = False
            if w[FAILED] == 0 and _propagate(m, w) and _whole(m, w, number):
                good[before, 0], good[before, 1] = w[m[LOW] + number], w[m[HIGH] + number]
                sizes[0] = before + 1
            _undo(m, w, top)
            if sizes[0] > before:
                break
        if sizes[0] == before or moved != 0:
            low = found_numbers[number]
            if moved == 0:
                _stand(m, w, values, found_numbers)
                if not measured:
                    measured = _measure(m, w)
                standing = True
                if shares and _reach(m, w, number, good, before):
                    sizes[0] = before + 1
                    moved = 1
            if moved == 0:
                for index in range(sizes[1]):
                    if left[index, 0] <= low <= left[index, 1]:
                        one, other = _up(m, number, left[index, 0]), _down(m, number, left[index, 1])
                        sizes[0] = _places(m, w, number, one, other, good, before)
                        _widen(m, w, number, low, low)
                        break
            good[sizes[0], 0] = good[sizes[0], 1] = low  # whatever else: this one
            sizes[0] += 1
        w[m[NUMBER_PHASE] + number] = ANYWHERE
        for index in range(before, sizes[0]):
            sizes[1] = _without(left, sizes[1], good[index, 0], good[index, 1], spare)
        if _room_of(left, sizes[1]) == room:
            shifted = _SHIFTED  # nothing new
    return DONE


# --- costs ---


@_inner(f"void({_mm}, int64[::1], int64)")
def _aim(m: Words, w: Words, goal: Words, limit: int) -> None:
    """Costs (of literals; of each number its factor and place) become the first objective, at most the limit."""
    for place in range(len(goal)):
        w[m[OBJECTIVE] + place] = goal[place]
    w[m[OBJECTIVE_LIMIT]] = limit
    w[OBJECTIVES] = 1
    w[DIRTY] = 1


@kernel("int64(int64[::1], int64[::1], int32[::1], int64[::1])")
def cost_of(m: Words, goal: Words, values: Any, numbers: Words) -> int:
    """What an assignment (of literals) costs."""
    total = 0
    for variable in range(len(values)):
        total += goal[values[variable]]
    at = m[LITERALS]
    for number in range(len(numbers)):
        if goal[at + 1] == ANYWHERE:
            total += goal[at] * numbers[number]
        elif numbers[number] != goal[at + 1]:
            total += goal[at]
        at += 2
    return total


@_inner(f"int64({_mm}, int64[::1], int64[::1])", allocates=True)
def _weigh(m: Words, w: Words, goal: Words, costs: Words) -> int:
    """Weights of the sums for a Lagrangian bound of the cost in the present domains, by subgradient steps.

    `costs`: for each literal and number _UNIT * cost + the weighted amounts; gives the constant part. Any weights give
    a bound, so that they are rounded to 1 / _UNIT and all is exact from there on.
    """
    literals, numbers, variables = m[LITERALS], m[NUMBERS], m[VARIABLES]
    domain, first = m[DOMAIN], m[FIRST]
    many = min(m[PURES], SUMS_MOST)
    amounts = np.empty((many, literals + numbers), np.float64)
    limits = np.empty((many, 3), np.float64)
    for row in range(many):
        _dense(m, w, m[m[PURE] + row], row, amounts, limits)
        limits[row, 2] = 1.0
        for variable in range(variables):
            least, most = 1e300, -1e300
            for literal in range(m[first + variable], m[first + variable + 1]):
                least = min(least, amounts[row, literal])
                most = max(most, amounts[row, literal])
            limits[row, 2] += most - least
    weights = np.zeros(many, np.float64)
    tried = np.zeros(many, np.float64)
    slope = np.empty(many, np.float64)
    best = -1e300
    step = 0.0
    for turn in range(40):
        total = 0.0
        for row in range(many):
            limit = limits[row, 1] if tried[row] > 0 else limits[row, 0]
            total -= tried[row] * limit
            slope[row] = -limit
        for variable in range(variables):
            least, at = 1e300, -1
            for literal in range(m[first + variable], m[first + variable + 1]):
                if w[domain + literal] != 0:
                    amount = float(goal[literal])
                    for row in range(many):
                        amount += tried[row] * amounts[row, literal]
                    if amount < least:
                        least, at = amount, literal
            total += least
            for row in range(many):
                slope[row] += amounts[row, at]
        for number in range(numbers):
            factor = float(goal[literals + 2 * number]) if goal[literals + 2 * number + 1] == ANYWHERE else 0.0
            for row in range(many):
                factor += tried[row] * amounts[row, literals + number]
            end = w[(m[LOW] if factor > 0 else m[HIGH]) + number]
            total += factor * end
            for row in range(many):
                slope[row] += amounts[row, literals + number] * end
        if total > best:
            best = total
            for row in range(many):
                weights[row] = tried[row]
        norm = 0.0
        for row in range(many):
            if tried[row] == 0.0:  # the sum may be inside its limits
                amount = slope[row] + limits[row, 0]
                slope[row] = min(amount - limits[row, 0], max(amount - limits[row, 1], 0.0))
            if limits[row, 2] > 0:
                norm += slope[row] * slope[row] / (limits[row, 2] * limits[row, 2])
        if norm == 0.0:
            break
        if turn == 0:
            step = 1.0
            for variable in range(variables):
                least, most = 1e300, -1e300
                for literal in range(m[first + variable], m[first + variable + 1]):
                    if w[domain + literal] != 0:
                        least = min(least, float(goal[literal]))
                        most = max(most, float(goal[literal]))
                step += most - least
            step *= 0.5
        for row in range(many):
            if limits[row, 2] > 0:
                tried[row] += step / norm**0.5 * slope[row] / (limits[row, 2] * limits[row, 2]) / (1 + turn * 0.5)
    constant = 0
    for literal in range(literals + 2 * numbers):
        costs[literal] = _UNIT * goal[literal]
    for number in range(numbers):
        if goal[literals + 2 * number + 1] != ANYWHERE:
            costs[literals + 2 * number] = 0
    for row in range(many):
        if abs(weights[row]) * (abs(limits[row, 0]) + abs(limits[row, 1]) + limits[row, 2]) > 1e13:
            continue
        weight = round(weights[row] * _UNIT)
        constant -= weight * int(limits[row, 1] if weight > 0 else limits[row, 0])
        for literal in range(literals):
            costs[literal] += weight * int(amounts[row, literal])
        for number in range(numbers):
            costs[literals + 2 * number] += weight * int(amounts[row, literals + number])
    return constant


@_inner(f"int64({_mm}, int64[::1], int64)")
def _bound(m: Words, w: Words, costs: Words, constant: int) -> int:
    """The bound that `_weigh`'s costs give in the present domains."""
    total = constant
    for variable in range(m[VARIABLES]):
        least = _BIG
        for literal in range(m[m[FIRST] + variable], m[m[FIRST] + variable + 1]):
            if w[m[DOMAIN] + literal] != 0 and costs[literal] < least:
                least = costs[literal]
        total += least
    for number in range(m[NUMBERS]):
        factor = costs[m[LITERALS] + 2 * number]
        total += factor * w[(m[LOW] if factor > 0 else m[HIGH]) + number]
    return _ceil_divide(total, _UNIT)


@_inner(f"int64({_mm}, int64[::1], int32[::1], int64[::1], int64)")
def _descend(m: Words, w: Words, goal: Words, values: Any, numbers: Words, cost: int) -> int:
    """Cheaper assignments by one or two changes at a time; what the last of them costs. The trail is at its root."""
    _stand(m, w, values, numbers)
    _measure(m, w)
    w[EFFORT] = 64
    better = True
    while better:
        better = False
        for literal in range(m[LITERALS]):
            own = w[m[POINT] + m[m[OF] + literal]]
            if goal[literal] >= goal[own] or w[m[DOMAIN] + literal] == 0 or not _reaches(m, w, literal):
                continue
            _read(m, w, values, numbers)
            found = cost_of(m, goal, values, numbers)
            _stay(m, w, found < cost)
            if found < cost:
                cost = found
                better = True
    _read(m, w, values, numbers)
    return cost


@kernel(
    f"int64({_mm}, {_words}, {_flags}, {_words}, {_words}, {_words}, {_literals}, {_words}, int64)",
    allocates=True,
)
def improve(
    m: Words,
    w: Words,
    base: Words,
    allowed: Any,
    entered: Words,
    goal: Words,
    span: Words,
    values: Any,
    numbers: Words,
    nodes: int,
) -> int:
    """The cheapest assignment: DONE (proved), VOID (there is none), PAUSED after so many nodes.

    span: a bound below which none is, and the cost of `values` and `numbers` (FREE or more: they hold none yet).
    """
    if not _begin(m, w, base, allowed, entered):
        return VOID
    w[SEARCHED] = 0
    w[SEED] = 1
    costs = np.empty(len(goal), np.int64)
    constant = _weigh(m, w, goal, costs)
    span[0] = max(span[0], _bound(m, w, costs, constant))
    second = m[OBJECTIVE] + len(goal)
    for place in range(len(goal)):
        w[second + place] = costs[place]
    for number in range(m[NUMBERS]):
        w[second + m[LITERALS] + 2 * number + 1] = ANYWHERE
    w[CHEAP] = 2
    top = w[TOP]
    bold = closing = True  # closing: what half-way failed is next tried for the smallest gain, which would settle all
    while span[0] < span[1]:
        have = span[1] < FREE
        limit = span[1] - 1 if have else FREE
        if have and bold:
            limit = span[0] + (span[1] - 1 - span[0]) // 2
        w[LEVEL] += 1
        _aim(m, w, goal, limit)
        w[m[OBJECTIVE_LIMIT] + 1] = _UNIT * limit - constant if limit < FREE else FREE
        w[OBJECTIVES] = 2
        found = _NONE
        left = nodes - w[SEARCHED]
        if _propagate(m, w):
            found = _find(m, w, min(left, 200) if have and (bold or closing) else left)
        if found == _FOUND:
            _read(m, w, values, numbers)
            w[OBJECTIVES] = 0
            _undo(m, w, top)
            bold = closing = True
            span[1] = _descend(m, w, goal, values, numbers, cost_of(m, goal, values, numbers))
            for variable in range(m[VARIABLES]):
                w[m[PHASE] + variable] = -1
            for number in range(m[NUMBERS]):
                w[m[NUMBER_PHASE] + number] = ANYWHERE
        else:
            w[OBJECTIVES] = 0
            _undo(m, w, top)
            if found == _NONE:
                if not have:
                    return VOID
                span[0] = limit + 1
                bold = not bold or not closing
            elif have and bold:
                bold = closing = False
            elif have and closing:
                bold, closing = True, False
            else:
                return PAUSED
            if w[SEARCHED] >= nodes and span[0] < span[1]:
                return PAUSED
    return DONE


@_inner(f"int64({_mm}, {_words}, {_literals}, {_words}, {_literals}, {_words})")
def _closer(
    m: Words, w: Words, goal: Words, standing: Any, standing_numbers: Words, values: Any, numbers: Words
) -> int:
    """`_descend` from an assignment; searches stay near to the standing one. What the last costs."""
    cost = _descend(m, w, goal, values, numbers, cost_of(m, goal, values, numbers))
    for variable in range(m[VARIABLES]):
        w[m[PHASE] + variable] = standing[variable]
    for number in range(m[NUMBERS]):
        w[m[NUMBER_PHASE] + number] = standing_numbers[number]
    return cost


# --- few changes of the point, all of them ---


@_inner(f"int64({_mm}, {_words}, {_words})")
def _list_changes(m: Words, w: Words, goal: Words, order: Words) -> int:
    """What the point could have instead at present, by what that costs more; how many there are.

    `order`: all literals, the cheapest first.
    """
    many = 0
    changes, costs = m[CHANGE], m[CHANGE_COST]
    for index in range(m[LITERALS]):
        literal = order[index]
        own = w[m[POINT] + m[m[OF] + literal]]
        if literal == own or w[m[DOMAIN] + literal] == 0:
            continue
        cost = goal[literal] - goal[own]
        place = many
        while place > 0 and w[costs + place - 1] > cost:
            w[costs + place] = w[costs + place - 1]
            w[changes + place] = w[changes + place - 1]
            place -= 1
        w[costs + place] = cost
        w[changes + place] = literal
        many += 1
    return many


@_inner(f"void({_mm}, int64)")
def _measure_gains(m: Words, w: Words, many: int) -> None:
    """By how much one listed change raises, and lowers, each of the first sums at most (STACK, from _GAINS on)."""
    at = m[DENSE]
    gains = m[STACK] + _GAINS
    for index in range(min(m[PURES], SUMS_MOST)):
        up = down = 0
        for place in range(many):
            literal = w[m[CHANGE] + place]
            more = m[at + literal] - m[at + w[m[POINT] + m[m[OF] + literal]]]
            up, down = max(up, more), min(down, more)
        w[gains + 2 * index], w[gains + 2 * index + 1] = up, -down
        at += m[LITERALS]


@_inner(f"boolean({_mm}, int64, int64)")
def _sums_hold(m: Words, w: Words, literal: int, more: int) -> bool:
    """Whether the first sums would hold with this value, or might with so many changes more."""
    own = w[m[POINT] + m[m[OF] + literal]]
    at = m[DENSE]
    for index in range(min(m[PURES], SUMS_MOST)):
        constraint = m[m[PURE] + index]
        amount = w[m[AMOUNT] + constraint] + m[at + literal] - m[at + own]
        start = m[m[START] + constraint]
        gains = m[STACK] + _GAINS + 2 * index
        if amount + more * w[gains] < m[start] or amount - more * w[gains + 1] > m[start + 1]:
            return False
        at += m[LITERALS]
    return True


@_inner(f"boolean({_mm}, int64)")
def _mended_by(m: Words, w: Words, made: int) -> bool:
    """Whether the point holds since its changes (of the first variables of STACK) were made."""
    for index in range(made):
        if _broken(m, w, w[m[STACK] + index], 0) >= 0:
            return False
    for place in range(m[ITEM_HIGH], m[ITEM_HIGH] + w[BROKEN]):
        if _at_point(m, w, w[place]) != 1:
            return False
    listed = m[m[JUDGED] + 1] == m[m[JUDGED] + 3] and w[BROKEN] < m[VARIABLES]
    return listed or _judge(m, w) == 1


@_inner(f"int64({_mm}, int64, int64, int64)")
def _change(m: Words, w: Words, together: int, many: int, most: int) -> int:
    """The cheapest so many listed changes together that mend the point; what they cost, _BIG if none cost `most`.

    They are in STACK then, from 2 * _TOGETHER on. EFFORT: how many may be tried; below 0 not all were.
    """
    variables, own, places, best = m[STACK], m[STACK] + _TOGETHER, m[STACK] + 3 * _TOGETHER, m[STACK] + 2 * _TOGETHER
    changes, costs = m[CHANGE], m[CHANGE_COST]
    cheapest = _BIG
    depth = spent = place = 0
    while True:
        more = together - depth - 1
        if place >= many or spent + (more + 1) * w[costs + place] > most or w[EFFORT] < 0:
            depth -= 1
            if depth < 0:
                return cheapest
            place = w[places + depth]
            _move(m, w, w[variables + depth], w[own + depth])
            spent -= w[costs + place]
            place += 1
            continue
        literal = w[changes + place]
        variable = m[m[OF] + literal]
        w[EFFORT] -= 1
        apart = True
        for index in range(depth):
            apart = apart and w[variables + index] != variable
        if not apart or not _sums_hold(m, w, literal, more):
            place += 1
            continue
        w[variables + depth], w[own + depth], w[places + depth] = variable, w[m[POINT] + variable], place
        _move(m, w, variable, literal)
        if more > 0:
            spent += w[costs + place]
            depth += 1
            place += 1
            continue
        w[EFFORT] -= _CLOSELY
        if _mended_by(m, w, together):
            cheapest = spent + w[costs + place]
            most = cheapest - 1
            for index in range(together):
                w[best + index] = w[changes + w[places + index]]
        _move(m, w, variable, w[own + depth])
        place += 1


@_inner(f"void({_mm})")
def _list_broken(m: Words, w: Words) -> None:
    """What the point does not keep (ITEM_HIGH), of what reads no node: at most so much as there are variables."""
    w[BROKEN] = 0
    for index in range(m[m[JUDGED]], m[m[JUDGED] + 1]):
        constraint = m[index]
        if w[m[ACTIVE] + constraint] != 0 and w[BROKEN] < m[VARIABLES] and _at_point(m, w, constraint) != 1:
            w[m[ITEM_HIGH] + w[BROKEN]] = constraint
            w[BROKEN] += 1


@_inner(f"int64({_mm}, {_words}, {_words}, {_words}, {_literals}, {_words})")
def _change_few(m: Words, w: Words, goal: Words, order: Words, span: Words, values: Any, numbers: Words) -> int:
    """The nearest by at most _TOGETHER changes of what is nearest in the present domains, each value by itself.

    As `improve`: DONE if that is proved to be the nearest of all. Nothing where a number is open.
    """
    for number in range(m[NUMBERS]):
        if w[m[LOW] + number] < w[m[HIGH] + number]:
            return PAUSED
    _aim(m, w, goal, FREE)
    total = _stays(m, w)
    w[OBJECTIVES] = w[DIRTY] = 0
    span[0] = max(span[0], total)
    if _measure(m, w):
        _read(m, w, values, numbers)
        span[1] = total
        return DONE
    _list_broken(m, w)
    many = _list_changes(m, w, goal, order)
    _measure_gains(m, w, many)
    w[EFFORT] = _TRIALS
    least = 0
    for together in range(1, _TOGETHER + 1):
        cost = _change(m, w, together, many, span[1] - 1 - total)
        if cost < _BIG:
            _read(m, w, values, numbers)
            for index in range(together):
                literal = w[m[STACK] + 2 * _TOGETHER + index]
                values[m[m[OF] + literal]] = literal
            span[1] = total + cost
        if w[EFFORT] < 0:
            return PAUSED
        if many <= together:  # all of them were tried
            span[0] = span[1]
            return DONE if span[1] < FREE else VOID
        least += w[m[CHANGE_COST] + together - 1]
        span[0] = max(span[0], min(span[1], total + least + w[m[CHANGE_COST] + together]))
        if span[0] >= span[1]:
            return DONE
    return PAUSED


@_inner(f"int64({_mm}, {_words}, {_literals}, {_words}, {_words}, {_literals}, {_words}, int64)")
def _improve_near(
    m: Words,
    w: Words,
    goal: Words,
    standing: Any,
    standing_numbers: Words,
    span: Words,
    values: Any,
    numbers: Words,
    nodes: int,
) -> int:
    """`improve` in the present, propagated state, near to an assignment that costs nothing where it stays."""
    w[SEARCHED] = 0
    w[SEED] = 1
    w[CHEAP] = 1
    w[FULL] = w[LOOSE] = 0
    for variable in range(m[VARIABLES]):
        w[m[PHASE] + variable] = standing[variable]
    for number in range(m[NUMBERS]):
        w[m[NUMBER_PHASE] + number] = standing_numbers[number]
    top = w[TOP]
    found = _NONE
    if span[1] >= FREE:  # a first one by what a change makes necessary
        w[GUESSING] = 1
        w[LEVEL] += 1
        if _nearby(m, w, -1):
            _read(m, w, values, numbers)
            found = _FOUND
        w[GUESSING] = 0
        _undo(m, w, top)
        if found == _FOUND:
            span[1] = cost_of(m, goal, values, numbers)
            if span[0] < span[1]:
                span[1] = _closer(m, w, goal, standing, standing_numbers, values, numbers)
    ended = DONE
    while span[0] < span[1]:
        limit = span[1] - 1 if span[1] < FREE else FREE
        w[LEVEL] += 1
        _aim(m, w, goal, limit)
        span[0] = max(span[0], _stays(m, w))
        w[NEAR] = 1
        w[HAVE] = 0
        found = _NONE
        if span[0] <= limit and _propagate(m, w):
            found = _find(m, w, nodes - w[SEARCHED])
        w[NEAR] = 0
        w[OBJECTIVES] = 0
        if found == _FOUND:
            _read(m, w, values, numbers)
        elif w[HAVE] != 0:
            for variable in range(m[VARIABLES]):
                values[variable] = w[m[BEST] + variable]
            for number in range(m[NUMBERS]):
                numbers[number] = w[m[BEST] + m[VARIABLES] + number]
            span[1] = w[m[OBJECTIVE_LIMIT]] + 1
        _undo(m, w, top)
        if found == _FOUND:
            span[1] = _closer(m, w, goal, standing, standing_numbers, values, numbers)
        if found == _NONE:
            if limit == FREE:
                return VOID
            span[0] = span[1]
        elif found == _GAVE_UP or (w[SEARCHED] >= nodes and span[0] < span[1]):
            ended = PAUSED
            break
    return ended


@_inner(f"int64({_mm}, {_words}, {_literals}, int64)")
def _alone(m: Words, w: Words, goal: Words, standing: Any, literal: int) -> int:
    """What the literal costs, if whatever holds with it holds with what stands in its place too; else 0."""
    variable = m[m[OF] + literal]
    place = standing[variable] - m[m[FIRST] + variable]
    return int(goal[literal]) if place < 62 and (m[m[COVERED] + literal] >> place) & 1 else 0


@_inner(
    f"void({_mm}, {_words}, {_literals}, {_words}, int64[:, ::1], int32[:, ::1], int64[:, ::1], {_words}, int64)"
)
def _share(
    m: Words, w: Words, goal: Words, standing: Any, least: Words, spans: Any, values: Any, numbers: Words,
    literals: Words, row: int,
) -> None:  # fmt: skip
    """What is known of other literals: nothing is nearer than one that is needed with it, and what has it too."""
    alone = _alone(m, w, goal, standing, literals[row])
    for variable in range(m[VARIABLES]):
        bound = _BIG
        for literal in range(m[m[FIRST] + variable], m[m[FIRST] + variable + 1]):
            if w[m[DOMAIN] + literal] != 0:
                bound = min(bound, least[literal])
        spans[row, 0] = max(spans[row, 0], bound if variable == m[m[OF] + literals[row]] else bound + alone)
    variable = m[m[OF] + literals[row]]
    for other in range(len(literals)):
        if spans[other, 1] < spans[row, 1] and values[other, variable] == literals[row]:
            spans[row, 1] = spans[other, 1]
            for place in range(m[VARIABLES]):
                values[row, place] = values[other, place]
            for place in range(m[NUMBERS]):
                numbers[row, place] = numbers[other, place]


@_inner(f"void({_mm}, {_words}, {_literals}, {_words}, int64[:, ::1], int32[:, ::1], int64[:, ::1], {_words}, int64)")
def _adapt(
    m: Words,
    w: Words,
    goal: Words,
    standing: Any,
    standing_numbers: Words,
    spans: Any,
    values: Any,
    numbers: Any,
    literals: Words,
    row: int,
) -> None:
    """What is nearest to another literal, changed to this one and by one item more at most."""
    own = m[m[OF] + literals[row]]
    nearest_one, fewest = -1, 2  # of its values so many are not possible with this one
    for other in range(len(literals)):
        if spans[other, 1] >= spans[row, 1]:
            continue
        strays = 0
        for variable in range(m[VARIABLES]):
            strays += variable != own and w[m[DOMAIN] + values[other, variable]] == 0
        if strays < fewest or (strays == fewest < 2 and spans[other, 1] < spans[nearest_one, 1]):
            nearest_one, fewest = other, strays
    if nearest_one < 0:
        return
    _stand(m, w, values[nearest_one], numbers[nearest_one])
    _measure(m, w)
    w[EFFORT] = 64
    if not _reaches(m, w, literals[row]):
        return
    _read(m, w, values[row], numbers[row])
    spans[row, 1] = _closer(m, w, goal, standing, standing_numbers, values[row], numbers[row])


@_inner(f"boolean({_mm}, {_words}, {_literals}, {_words}, {_words}, int64, int64)")
def _leave_out(
    m: Words, w: Words, goal: Words, standing: Any, least: Words, literals: Words, row: int, limit: int
) -> bool:
    """Without the other literals of which nothing costs the limit or less together with this one; propagated."""
    own, alone = literals[row], _alone(m, w, goal, standing, literals[row])
    for other in range(len(literals)):
        if least[literals[other]] + alone > limit and m[m[OF] + literals[other]] != m[m[OF] + own]:
            _remove(m, w, literals[other])
    return bool(w[FAILED] == 0 and _propagate(m, w))


@kernel(
    f"void({_mm}, {_words}, {_flags}, {_words}, {_words}, {_literals}, {_words}, {_words}, {_words}, int64[:, ::1],"
    f" {_words}, int32[:, ::1], int64[:, ::1])"
)
def begin_nearest(
    m: Words,
    w: Words,
    base: Words,
    allowed: Any,
    entered: Words,
    goal: Words,
    standing: Any,
    standing_numbers: Words,
    literals: Words,
    least: Words,
    spans: Any,
    ended: Words,
    values: Any,
    numbers: Any,
) -> None:
    """What `nearest` begins with: for each literal a bound; DONE where nothing changes but what has to, else PAUSED."""
    possible = _begin(m, w, base, allowed, entered)
    top = w[TOP]
    w[FULL] = w[LOOSE] = 0
    for variable in range(m[VARIABLES]):
        w[m[PHASE] + variable] = standing[variable]
    for number in range(m[NUMBERS]):
        w[m[NUMBER_PHASE] + number] = standing_numbers[number]
    _aim(m, w, goal, FREE)
    w[OBJECTIVES] = w[DIRTY] = 0
    w[GUESSING] = 1
    for row in range(len(literals)):
        ended[row] = VOID
        if possible and w[m[DOMAIN] + literals[row]] != 0:
            w[LEVEL] += 1
            _take(m, w, literals[row])
            if _propagate(m, w):
                ended[row] = PAUSED
                holds_there = _to_mend(m, w) == _HOLDS
                spans[row, 0] = w[NEED]
                if holds_there or _guesses(m, w):
                    _read(m, w, values[row], numbers[row])
                    spans[row, 1] = cost_of(m, goal, values[row], numbers[row])
                    if spans[row, 1] == spans[row, 0]:
                        ended[row] = DONE
            _undo(m, w, top)
        least[literals[row]] = _BIG if ended[row] == VOID else spans[row, 0]
    w[GUESSING] = 0


@kernel(
    f"int64({_mm}, {_words}, {_flags}, {_words}, {_words}, {_words}, {_literals}, {_words}, {_words}, {_words}, int64,"
    f" int64, int64, int64, {_words}, int64[:, ::1], {_words}, int32[:, ::1], int64[:, ::1])"
)
def nearest(
    m: Words,
    w: Words,
    base: Words,
    allowed: Any,
    entered: Words,
    goal: Words,
    order: Words,
    standing: Any,
    standing_numbers: Words,
    literals: Words,
    turns: Words,
    first: int,
    nodes: int,
    total: int,
    again: int,
    least: Words,
    spans: Any,
    ended: Words,
    values: Any,
    numbers: Any,
) -> int:
    """The assignment nearest to the standing one for each literal that is PAUSED, a row each, as `improve`.

    In the order `turns`, from its place `first` on, `nodes` for each, until `total` are spent; the place to go on from.
    `again`: whether this is not the first time. `least`: for each literal a cost below which nothing with it is (0: not
    known).
    """
    _begin(m, w, base, allowed, entered)
    top = w[TOP]
    for turn in range(first, len(turns)):
        row = turns[turn]
        if ended[row] != PAUSED:
            continue
        if total <= 0:
            return turn
        w[LEVEL] += 1
        _take(m, w, literals[row])
        _propagate(m, w)  # which it did before
        _share(m, w, goal, standing, least, spans, values, numbers, literals, row)
        if again == 0:
            ended[row] = _change_few(m, w, goal, order, spans[row], values[row], numbers[row])
            if ended[row] == PAUSED:
                _adapt(m, w, goal, standing, standing_numbers, spans, values, numbers, literals, row)
        if ended[row] == PAUSED:
            if _leave_out(m, w, goal, standing, least, literals, row, spans[row, 1] - 1):
                ended[row] = _improve_near(
                    m, w, goal, standing, standing_numbers, spans[row], values[row], numbers[row], nodes
                )
                total -= w[SEARCHED]
            elif spans[row, 1] < FREE:
                ended[row] = DONE
                spans[row, 0] = spans[row, 1]
            else:
                ended[row] = VOID
        _undo(m, w, top)
        least[literals[row]] = _BIG if ended[row] == VOID else max(least[literals[row]], spans[row, 0])
    return len(turns)


@kernel(
    f"int64({_mm}, int64[::1], uint8[::1], uint8[::1], int64[::1], int64[::1], uint8[::1], int64[::1])",
    allocates=True,
)
def bounds(
    m: Words,
    w: Words,
    base: Words,
    allowed: Any,
    asked: Any,
    entered: Words,
    goal: Words,
    free: Any,
    low: Words,
) -> int:
    """For each literal asked a bound that no assignment with it (its own variable released) costs less than.

    _BIG: propagation refutes the literal. The last entry of `low` is for all of the question. VOID or DONE.
    """
    literals, variables, numbers = m[LITERALS], m[VARIABLES], m[NUMBERS]
    possible = _begin(m, w, base, allowed, entered)
    for literal in range(literals + 1):
        low[literal] = _BIG
    if not possible:
        return VOID
    costs = np.empty(literals + 2 * numbers, np.int64)
    constant = _weigh(m, w, goal, costs)
    low[literals] = _bound(m, w, costs, constant)
    top = w[TOP]
    for variable in range(variables):
        begin, end = m[m[FIRST] + variable], m[m[FIRST] + variable + 1]
        released = False
        for literal in range(begin, end):
            if asked[literal] != 0 and allowed[literal] == 0:
                released = True
            elif allowed[literal] != 0 and w[m[DOMAIN] + literal] != 0:
                w[LEVEL] += 1
                _take(m, w, literal)
                if _propagate(m, w):
                    low[literal] = _bound(m, w, costs, constant)
                _undo(m, w, top)
        if not released:
            continue
        for literal in range(literals):
            free[literal] = asked[literal] if begin <= literal < end else allowed[literal]
        if _begin(m, w, base, free, entered):
            mark = w[TOP]
            for literal in range(begin, end):
                if asked[literal] != 0 and allowed[literal] == 0 and w[m[DOMAIN] + literal] != 0:
                    w[LEVEL] += 1
                    _take(m, w, literal)
                    if _propagate(m, w):
                        low[literal] = _bound(m, w, costs, constant)
                    _undo(m, w, mark)
        _begin(m, w, base, allowed, entered)
    return DONE


@kernel(f"int64({_words}, {_words}, {_flags}, {_words}, int32[:, ::1], int64[:, ::1], {_words})")
def cheapest_of(
    m: Words, goal: Words, allowed: Any, entered: Words, known: Any, known_numbers: Any, span: Words
) -> int:
    """Which of the known assignments with all decisions costs least, that into span[1]; -1: none is below."""
    best = -1
    for index in range(known.shape[0]):
        fits = True
        for number in range(m[NUMBERS]):
            if entered[number] != _BIG and known_numbers[index, number] != entered[number]:
                fits = False
        if not fits:
            continue
        for variable in range(m[VARIABLES]):
            if allowed[known[index, variable]] == 0:
                fits = False
                break
        if fits:
            cost = cost_of(m, goal, known[index], known_numbers[index])
            if cost < span[1]:
                span[1], best = cost, index
    return best


@kernel(
    f"void({_words}, {_words}, {_flags}, {_flags}, {_words}, int32[:, ::1], int64[:, ::1], {_words}, {_words})"
)
def extremes(
    m: Words,
    goal: Words,
    allowed: Any,
    asked: Any,
    entered: Words,
    known: Any,
    known_numbers: Any,
    low: Words,
    high: Words,
) -> None:
    """Lowest and highest cost of the known assignments with each literal, its own variable released."""
    for index in range(known.shape[0]):
        fits = True
        for number in range(m[NUMBERS]):
            if entered[number] != _BIG and known_numbers[index, number] != entered[number]:
                fits = False
        stray = -1
        for variable in range(m[VARIABLES]):
            literal = known[index, variable]
            if allowed[literal] == 0:
                if stray >= 0 or asked[literal] == 0:
                    fits = False
                    break
                stray = literal
        if not fits:
            continue
        cost = cost_of(m, goal, known[index], known_numbers[index])
        if stray >= 0:
            low[stray] = min(low[stray], cost)
            high[stray] = max(high[stray], cost)
        else:
            for variable in range(m[VARIABLES]):
                literal = known[index, variable]
                low[literal] = min(low[literal], cost)
                high[literal] = max(high[literal], cost)
