"""A small SAT solver in arrays: it learns from conflicts, and it *repairs* a known model instead of building a new one.

Propagation with two watched literals, learning at the first unique implication point, activities, restarts and a limit
on what is learnt are those of MiniSat (Eén and Sörensson 2003). What is new to it: a model of all clauses is always at
hand. A question is a few literals that must hold; they are propagated, every variable without a value keeps that of
the model, and only clauses that this breaks are decided on. A question therefore costs what it changes, not the size of
the problem; where repairing takes too many conflicts, all variables are decided as usual.

Literals are 2 * variable (true) and 2 * variable + 1 (false). A state is a tuple of arrays (ints), one of bytes and one
of floats; it belongs to one thread at a time. The kernels run without the interpreter's lock.
"""

from __future__ import annotations

from functools import partial
from typing import Any, Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from solver.native import kernel

Array: TypeAlias = NDArray[Any]
Ints: TypeAlias = tuple[Array, ...]
Bytes: TypeAlias = tuple[Array, ...]
Floats: TypeAlias = Array

# Places in `ints`.
SCALARS: Final = 0
TRAIL: Final = 1  # literals that hold, in order
STARTS: Final = 2  # where each level begins in the trail
LEVEL: Final = 3  # of each variable
REASON: Final = 4  # of each variable: a clause, -1 for none, -2 - literal for the clause of two with that literal
ARENA: Final = 5  # clauses: size, next watch of the first literal, of the second, mark, literals
WATCH: Final = 6  # of each literal the first watch: 2 * clause + place of the literal
PAIR_STARTS: Final = 7
PAIRS: Final = 8  # what each literal implies by a clause of two
USE_STARTS: Final = 9
USES: Final = 10  # clauses of three and more that were given, by literal
HEAP: Final = 11
HEAP_PLACE: Final = 12
QUEUE: Final = 13  # clauses that the model without what is decided no longer keeps
LEARNT: Final = 14  # the clause being learnt
UNITS: Final = 15  # learnt literals that hold at the root
STAMPS: Final = 16  # by level, for counting levels
INTS: Final = 17

# Places in `bytes`.
VALUE: Final = 0  # of each literal: 1 holds, -1 does not, 0 open
MODEL: Final = 1  # of each variable: 1 or 0
PHASE: Final = 2
MARK: Final = 3
BYTES: Final = 4

# Places in the scalars.
SIZE: Final = 0  # of the trail
DONE: Final = 1  # how much of it is propagated
DEPTH: Final = 2  # the level
TOP: Final = 3  # of the arena
GIVEN: Final = 4  # where in the arena what is learnt begins
ONE: Final = 5  # the clause of two that failed
OTHER: Final = 6
HEAP_SIZE: Final = 7
QUEUED: Final = 8
CHECKED: Final = 9  # how much of the trail was compared with the model
SCANNED: Final = 10
UNIT_COUNT: Final = 11
LEARNT_SIZE: Final = 12
LEARNT_LEVELS: Final = 13
STAMP: Final = 14
BROKEN: Final = 15  # 1: no model at all
CONFLICTS: Final = 16
CLASH: Final = 17  # the clause that failed last
SCALAR_COUNT: Final = 18

HEADER: Final = 4  # ints of a clause before its literals

NONE: Final = -1  # no conflict
PAIR: Final = -2  # the conflict is the clause (ONE, OTHER)

YES: Final = 1
NO: Final = 0
OUT: Final = -1

_TRIES: Final = 40  # decisions for one literal that is only tried
_IN_VAIN: Final = 400  # literals in a row that a model could not have too, before it is taken as it is
_TRUST: Final = 64  # steps in vain, beyond those that were of use, before a model is taken as it is

_inner = partial(kernel, inner=True)
_STATE = f"UniTuple(int32[::1], {INTS}), UniTuple(int8[::1], {BYTES}), float64[::1]"


@kernel(f"void({_STATE}, int32, int32)")
def assign(ints: Ints, bytes_: Bytes, floats: Floats, literal: Any, reason: Any) -> Any:
    """Let an open literal hold."""
    scalars, value = ints[SCALARS], bytes_[VALUE]
    value[literal] = 1
    value[literal ^ 1] = -1
    variable = literal >> 1
    ints[LEVEL][variable] = scalars[DEPTH]
    ints[REASON][variable] = reason
    ints[TRAIL][scalars[SIZE]] = literal
    scalars[SIZE] += 1


@kernel(f"int32({_STATE})")
def propagate(ints: Ints, bytes_: Bytes, floats: Floats) -> Any:
    """Everything that follows from the trail, clause by clause; the clause that fails, PAIR or NONE."""
    scalars, trail, level, reason = ints[SCALARS], ints[TRAIL], ints[LEVEL], ints[REASON]
    arena, watch, starts, pairs = ints[ARENA], ints[WATCH], ints[PAIR_STARTS], ints[PAIRS]
    value = bytes_[VALUE]
    depth = scalars[DEPTH]
    size, done = scalars[SIZE], scalars[DONE]
    while done < size:
        literal = trail[done]
        done += 1
        for k in range(starts[literal], starts[literal + 1]):
            other = pairs[k]
            found = value[other]
            if found < 0:
                scalars[ONE] = literal ^ 1
                scalars[OTHER] = other
                scalars[SIZE] = size
                scalars[DONE] = size
                return np.int32(PAIR)
            if found == 0:
                value[other] = 1
                value[other ^ 1] = -1
                level[other >> 1] = depth
                reason[other >> 1] = -2 - literal
                trail[size] = other
                size += 1
        false = literal ^ 1
        before = np.int32(-1)
        here = watch[false]
        while here >= 0:
            clause = here >> 1
            place = here & 1
            after = arena[clause + 1 + place]
            other = arena[clause + HEADER + 1 - place]
            found = value[other]
            if found <= 0:
                end = clause + HEADER + arena[clause]
                k = clause + HEADER + 2
                while k < end and value[arena[k]] < 0:
                    k += 1
                if k < end:
                    fresh = arena[k]
                    arena[k] = false
                    arena[clause + HEADER + place] = fresh
                    if before < 0:
                        watch[false] = after
                    else:
                        arena[(before >> 1) + 1 + (before & 1)] = after
                    arena[clause + 1 + place] = watch[fresh]
                    watch[fresh] = here
                    here = after
                    continue
                if found < 0:
                    scalars[SIZE] = size
                    scalars[DONE] = size
                    return np.int32(clause)
                value[other] = 1
                value[other ^ 1] = -1
                level[other >> 1] = depth
                reason[other >> 1] = clause
                trail[size] = other
                size += 1
            before = here
            here = after
    scalars[SIZE] = size
    scalars[DONE] = done
    return np.int32(NONE)


@_inner(f"void({_STATE}, int32)")
def _rise(ints: Ints, bytes_: Bytes, floats: Floats, place: Any) -> Any:
    heap, places = ints[HEAP], ints[HEAP_PLACE]
    variable = heap[place]
    while place > 0:
        above = (place - 1) >> 1
        if floats[heap[above]] >= floats[variable]:
            break
        heap[place] = heap[above]
        places[heap[place]] = place
        place = above
    heap[place] = variable
    places[variable] = place


@_inner(f"void({_STATE}, int32)")
def _sink(ints: Ints, bytes_: Bytes, floats: Floats, place: Any) -> Any:
    heap, places, size = ints[HEAP], ints[HEAP_PLACE], ints[SCALARS][HEAP_SIZE]
    variable = heap[place]
    while 2 * place + 1 < size:
        child = 2 * place + 1
        if child + 1 < size and floats[heap[child + 1]] > floats[heap[child]]:
            child += 1
        if floats[heap[child]] <= floats[variable]:
            break
        heap[place] = heap[child]
        places[heap[place]] = place
        place = child
    heap[place] = variable
    places[variable] = place


@_inner(f"int32({_STATE})")
def _next_variable(ints: Ints, bytes_: Bytes, floats: Floats) -> Any:
    """The open variable with the highest activity, or -1."""
    scalars, heap, places, value = ints[SCALARS], ints[HEAP], ints[HEAP_PLACE], bytes_[VALUE]
    while scalars[HEAP_SIZE] > 0:
        variable = heap[0]
        scalars[HEAP_SIZE] -= 1
        last = heap[scalars[HEAP_SIZE]]
        places[variable] = -1
        if scalars[HEAP_SIZE] > 0:
            heap[0] = last
            places[last] = 0
            _sink(ints, bytes_, floats, np.int32(0))
        if value[2 * variable] == 0:
            return np.int32(variable)
    return np.int32(-1)


@kernel(f"void({_STATE}, int32)")
def cancel(ints: Ints, bytes_: Bytes, floats: Floats, depth: Any) -> Any:
    """Take back every level above this one."""
    scalars = ints[SCALARS]
    if scalars[DEPTH] <= depth:
        return
    trail, value, phase = ints[TRAIL], bytes_[VALUE], bytes_[PHASE]
    heap, places = ints[HEAP], ints[HEAP_PLACE]
    start = ints[STARTS][depth + 1]
    for k in range(scalars[SIZE] - 1, start - 1, -1):
        literal = trail[k]
        value[literal] = 0
        value[literal ^ 1] = 0
        variable = literal >> 1
        phase[variable] = 1 - (literal & 1)
        if places[variable] < 0:
            place = scalars[HEAP_SIZE]
            heap[place] = variable
            places[variable] = place
            scalars[HEAP_SIZE] += 1
            _rise(ints, bytes_, floats, np.int32(place))
    scalars[SIZE] = start
    scalars[DONE] = start
    scalars[DEPTH] = depth
    scalars[CHECKED] = min(scalars[CHECKED], start)
    scalars[SCANNED] = 0


@kernel(f"void({_STATE})")
def deepen(ints: Ints, bytes_: Bytes, floats: Floats) -> Any:
    """Begin a level."""
    scalars = ints[SCALARS]
    scalars[DEPTH] += 1
    ints[STARTS][scalars[DEPTH]] = scalars[SIZE]


@_inner(f"void({_STATE}, int32)")
def _bump(ints: Ints, bytes_: Bytes, floats: Floats, variable: Any) -> Any:
    """Raise a variable's activity; the last entry of `floats` is the amount."""
    amount = floats[len(floats) - 1]
    floats[variable] += amount
    if floats[variable] > 1e100:
        for k in range(len(floats)):
            floats[k] *= 1e-100
    place = ints[HEAP_PLACE][variable]
    if place >= 0:
        _rise(ints, bytes_, floats, place)


@kernel(f"int32({_STATE}, int32)")
def analyse(ints: Ints, bytes_: Bytes, floats: Floats, conflict: Any) -> Any:
    """Learn a clause from the conflict at the present level; fills LEARNT, returns the level at which it forces."""
    scalars, trail, level, reason = ints[SCALARS], ints[TRAIL], ints[LEVEL], ints[REASON]
    arena, learnt, mark = ints[ARENA], ints[LEARNT], bytes_[MARK]
    depth = scalars[DEPTH]
    size = 1
    pending = 0
    k = scalars[SIZE] - 1
    resolved = np.int32(-1)  # the literal whose reason is looked at
    while True:
        # A clause of two is of a conflict (ONE, OTHER), or a reason: (resolved, the opposite of what implied it).
        count = 2 if conflict <= PAIR else arena[conflict]
        for place in range(count):
            if conflict > PAIR:
                literal = arena[conflict + HEADER + place]
            elif resolved < 0:
                literal = scalars[ONE] if place == 0 else scalars[OTHER]
            else:
                literal = resolved if place == 0 else (-2 - conflict) ^ 1
            variable = literal >> 1
            if literal == resolved or mark[variable] or level[variable] == 0:
                continue
            mark[variable] = 1
            _bump(ints, bytes_, floats, variable)
            if level[variable] >= depth:
                pending += 1
            else:
                learnt[size] = literal
                size += 1
        while not mark[trail[k] >> 1]:
            k -= 1
        resolved = trail[k]
        k -= 1
        mark[resolved >> 1] = 0
        pending -= 1
        if pending == 0:
            break
        conflict = reason[resolved >> 1]
    learnt[0] = resolved ^ 1
    # Literals that follow from others of the clause by one reason are left out.
    full = size
    size = 1
    for place in range(1, full):
        literal = learnt[place]
        cause = reason[literal >> 1]
        needed = cause == -1
        if cause <= -2:
            other = (-2 - cause) >> 1
            needed = not mark[other] and level[other] > 0
        elif cause >= 0:
            for k in range(cause + HEADER, cause + HEADER + arena[cause]):
                other = arena[k] >> 1
                if other != literal >> 1 and not mark[other] and level[other] > 0:
                    needed = True
                    break
        if needed:
            learnt[size], learnt[place] = learnt[place], learnt[size]
            size += 1
    for place in range(1, full):
        mark[learnt[place] >> 1] = 0
    back = np.int32(0)
    stamps = ints[STAMPS]
    scalars[STAMP] += 1
    levels = 1
    for place in range(1, size):
        at = level[learnt[place] >> 1]
        if stamps[at] != scalars[STAMP]:
            stamps[at] = scalars[STAMP]
            levels += 1
        if at > back:
            back = at
            learnt[1], learnt[place] = learnt[place], learnt[1]
    scalars[LEARNT_SIZE] = size
    scalars[LEARNT_LEVELS] = levels
    floats[len(floats) - 1] *= 1.0 / 0.95
    return back


@kernel(f"void({_STATE}, int64)", allocates=True)
def reduce_learnt(ints: Ints, bytes_: Bytes, floats: Floats, least: Any) -> Any:
    """Forget about half of what was learnt, the clauses over most levels first; what is a reason stays.

    Clauses over fewer levels than `least` stay too, as long as there is room.
    """
    scalars, reason, arena, watch, value = ints[SCALARS], ints[REASON], ints[ARENA], ints[WATCH], bytes_[VALUE]
    histogram = np.zeros(64, dtype=np.int64)
    total = 0
    clause = scalars[GIVEN]
    while clause < scalars[TOP]:
        histogram[min(arena[clause + 3], 63)] += arena[clause] + HEADER
        total += arena[clause] + HEADER
        clause += arena[clause] + HEADER
    most, kept = 0, 0
    while most < 63 and 2 * (kept + histogram[most]) <= total:
        kept += histogram[most]
        most += 1
    clause = scalars[GIVEN]
    to = clause
    end = scalars[TOP]
    while clause < end:
        size = arena[clause]
        keep = least > 0 and arena[clause + 3] < max(most, least)
        locked = -1
        for place in range(2):
            literal = arena[clause + HEADER + place]
            if value[literal] > 0 and reason[literal >> 1] == clause:
                locked = literal >> 1
        if keep and 4 * (to - scalars[GIVEN]) > 3 * total:
            keep = False
        if keep or locked >= 0:
            if locked >= 0:
                reason[locked] = to
            for k in range(size + HEADER):
                arena[to + k] = arena[clause + k]
            to += size + HEADER
        clause += size + HEADER
    scalars[TOP] = to
    for literal in range(len(watch)):
        watch[literal] = -1
    clause = 0
    while clause < to:
        for place in range(2):
            literal = arena[clause + HEADER + place]
            arena[clause + 1 + place] = watch[literal]
            watch[literal] = 2 * clause + place
        clause += arena[clause] + HEADER


@_inner(f"int32({_STATE})")
def _keep_learnt(ints: Ints, bytes_: Bytes, floats: Floats) -> Any:
    """Store the clause in LEARNT; its place, or -1 if it is a single literal or there is no room."""
    scalars, arena, watch, learnt = ints[SCALARS], ints[ARENA], ints[WATCH], ints[LEARNT]
    size = scalars[LEARNT_SIZE]
    if size == 1:
        if scalars[UNIT_COUNT] < len(ints[UNITS]):
            ints[UNITS][scalars[UNIT_COUNT]] = learnt[0]
            scalars[UNIT_COUNT] += 1
        return np.int32(-1)
    if scalars[TOP] + size + HEADER > len(arena):
        reduce_learnt(ints, bytes_, floats, np.int64(3))
        if scalars[TOP] + size + HEADER > len(arena):
            return np.int32(-1)
    clause = scalars[TOP]
    arena[clause] = size
    arena[clause + 3] = scalars[LEARNT_LEVELS]
    for place in range(size):
        arena[clause + HEADER + place] = learnt[place]
    for place in range(2):
        literal = learnt[place]
        arena[clause + 1 + place] = watch[literal]
        watch[literal] = 2 * clause + place
    scalars[TOP] = clause + size + HEADER
    return np.int32(clause)


@kernel(f"void({_STATE})")
def compare(ints: Ints, bytes_: Bytes, floats: Floats) -> Any:
    """Queue the clauses that the model does not keep where the trail differs from it."""
    scalars, trail, arena, queue = ints[SCALARS], ints[TRAIL], ints[ARENA], ints[QUEUE]
    starts, uses = ints[USE_STARTS], ints[USES]
    value, model = bytes_[VALUE], bytes_[MODEL]
    for k in range(scalars[CHECKED], scalars[SIZE]):
        literal = trail[k]
        if model[literal >> 1] == 1 - (literal & 1):
            continue
        for use in range(starts[literal ^ 1], starts[(literal ^ 1) + 1]):
            clause = uses[use]
            kept = False
            for other in arena[clause + HEADER : clause + HEADER + arena[clause]]:
                if model[other >> 1] == 1 - (other & 1) and value[other] >= 0:
                    kept = True
                    break
            if kept:
                continue
            place = arena[clause + 3]
            if place < scalars[QUEUED] and queue[place] == clause:
                scalars[SCANNED] = min(scalars[SCANNED], place)
            else:
                arena[clause + 3] = scalars[QUEUED]
                queue[scalars[QUEUED]] = clause
                scalars[QUEUED] += 1
    scalars[CHECKED] = scalars[SIZE]


@_inner(f"int32({_STATE}, uint8[::1])")
def _repairing(ints: Ints, bytes_: Bytes, floats: Floats, liked: Array) -> Any:
    """A literal to decide, of a clause that neither the trail nor the model keeps; -1 if all are kept.

    `liked`: 1 for a literal to take first, 2 for one that must not be taken; -2 if only such would help.
    """
    scalars, arena, queue = ints[SCALARS], ints[ARENA], ints[QUEUE]
    value, model = bytes_[VALUE], bytes_[MODEL]
    compare(ints, bytes_, floats)
    while scalars[SCANNED] < scalars[QUEUED]:
        clause = queue[scalars[SCANNED]]
        best = np.int32(-2)
        most = -1.0
        for literal in arena[clause + HEADER : clause + HEADER + arena[clause]]:
            if value[literal] > 0 or (value[literal] == 0 and model[literal >> 1] == 1 - (literal & 1)):
                best = np.int32(-1)
                break
            if value[literal] == 0 and liked[literal] != 2:
                weight = floats[literal >> 1]
                if liked[literal]:
                    weight += 1e100
                if weight > most:
                    most = weight
                    best = literal
        if best != -1:
            return best
        scalars[SCANNED] += 1
    return np.int32(-1)


@kernel("int64(int64)")
def luby(count: Any) -> Any:
    """1 1 2 1 1 2 4 1 1 2 ... (Luby, Sinclair, Zuckerman 1993), counted from 0."""
    size, power = 1, 0
    while size < count + 1:
        power += 1
        size = 2 * size + 1
    while size - 1 != count:
        size = (size - 1) >> 1
        power -= 1
        count = count % size
    return np.int64(1) << power


@kernel(f"int32({_STATE}, int32, int32, uint8[::1], int64[::1])")
def search(ints: Ints, bytes_: Bytes, floats: Floats, base: Any, target: Any, liked: Array, budget: Array) -> Any:
    """Whether what is assumed (levels up to `base`) goes together with `target` (-1: none).

    YES: the trail, and the model where the trail is open, are a model of all clauses. NO: `target` is shown to fail (or
    with -1 what is assumed). OUT: `budget` is spent: how many more literals may be propagated, and conflicts had; its
    third is how many conflicts one question may have before all variables are decided.
    """
    scalars, value, model, phase = ints[SCALARS], bytes_[VALUE], bytes_[MODEL], bytes_[PHASE]
    conflicts = 0
    since = 0
    restarts = 0
    everything = budget[2] == 0
    if everything:
        for variable in range(len(model)):
            phase[variable] = model[variable]
    while True:
        before = scalars[DONE]
        conflict = propagate(ints, bytes_, floats)
        budget[0] -= scalars[SIZE] - before + 1
        if conflict != NONE:
            conflicts += 1
            since += 1
            scalars[CONFLICTS] += 1
            if scalars[DEPTH] <= base:
                scalars[CLASH] = conflict
                return np.int32(NO)
            back = max(analyse(ints, bytes_, floats, conflict), base)
            cancel(ints, bytes_, floats, np.int32(back))
            cause = _keep_learnt(ints, bytes_, floats)
            budget[1] -= 1
            if cause >= 0 or scalars[LEARNT_SIZE] == 1:
                assign(ints, bytes_, floats, ints[LEARNT][0], cause)
            else:  # no room for it, so many are reasons: begin again with room
                cancel(ints, bytes_, floats, base)
                reduce_learnt(ints, bytes_, floats, np.int64(0))
            if budget[1] < 0 or budget[0] < 0:
                return np.int32(OUT)
            if not everything and conflicts >= budget[2]:
                everything = True
                for variable in range(len(model)):
                    phase[variable] = model[variable]
                cancel(ints, bytes_, floats, base)
            continue
        if budget[0] < 0:
            return np.int32(OUT)
        if target >= 0 and scalars[DEPTH] == base:
            if value[target] < 0:
                return np.int32(NO)
            deepen(ints, bytes_, floats)
            if value[target] == 0:
                assign(ints, bytes_, floats, target, np.int32(-1))
                continue
        if everything:
            if since >= 64 * luby(restarts):
                since = 0
                restarts += 1
                cancel(ints, bytes_, floats, base)
                continue
            variable = _next_variable(ints, bytes_, floats)
            if variable < 0:
                return np.int32(YES)
            literal = np.int32(2 * variable + 1 - phase[variable])
        else:
            literal = _repairing(ints, bytes_, floats, liked)
            if literal < 0:
                return np.int32(YES)
        deepen(ints, bytes_, floats)
        assign(ints, bytes_, floats, literal, np.int32(-1))


@kernel(f"int32({_STATE}, int32, uint8[::1], int64[::1])")
def attempt(ints: Ints, bytes_: Bytes, floats: Floats, literal: Any, liked: Array, budget: Array) -> Any:
    """Repair with one more literal on top of a repaired trail, or leave everything as it was (NO)."""
    scalars, trail = ints[SCALARS], ints[TRAIL]
    depth, queued = scalars[DEPTH], scalars[QUEUED]
    tries = 0
    while True:
        deepen(ints, bytes_, floats)
        assign(ints, bytes_, floats, literal, np.int32(-1))
        before = scalars[DONE]
        conflict = propagate(ints, bytes_, floats)
        budget[0] -= scalars[SIZE] - before + 1
        tries += 1
        failed = conflict != NONE or tries > _TRIES
        if not failed:
            for k in range(before, scalars[SIZE]):
                if liked[trail[k]] == 2:
                    failed = True
            if not failed:
                literal = _repairing(ints, bytes_, floats, liked)
                if literal == -1:
                    return np.int32(YES)
                failed = literal < 0
        if failed:
            cancel(ints, bytes_, floats, depth)
            scalars[QUEUED] = queued
            scalars[SCANNED] = queued
            return np.int32(NO)


@kernel(f"int32({_STATE})")
def begin(ints: Ints, bytes_: Bytes, floats: Floats) -> Any:
    """Go to the root and let hold there what was learnt to hold always; NO if nothing satisfies the clauses."""
    scalars, value = ints[SCALARS], bytes_[VALUE]
    cancel(ints, bytes_, floats, np.int32(0))
    for k in range(scalars[UNIT_COUNT]):
        literal = ints[UNITS][k]
        if value[literal] < 0:
            scalars[BROKEN] = 1
        elif value[literal] == 0:
            assign(ints, bytes_, floats, literal, np.int32(-1))
    scalars[UNIT_COUNT] = 0
    if propagate(ints, bytes_, floats) != NONE:
        scalars[BROKEN] = 1
    scalars[QUEUED] = 0
    scalars[SCANNED] = 0
    return np.int32(NO if scalars[BROKEN] else YES)


@kernel(f"int32({_STATE}, int32, int32[::1])")
def assume_above(ints: Ints, bytes_: Bytes, floats: Floats, depth: Any, literals: Array) -> Any:
    """One level above `depth` with these literals and what follows; NO if they fail, and why in CLASH.

    CLASH: the clause that failed, PAIR, or PAIR - 1 - literal if the literal was shown to be false.
    """
    scalars, value = ints[SCALARS], bytes_[VALUE]
    cancel(ints, bytes_, floats, depth)
    deepen(ints, bytes_, floats)
    scalars[CHECKED] = 0
    for literal in literals:
        if value[literal] < 0:
            scalars[CLASH] = PAIR - 1 - literal
            return np.int32(NO)
        if value[literal] == 0:
            assign(ints, bytes_, floats, literal, np.int32(-1))
            conflict = propagate(ints, bytes_, floats)
            if conflict != NONE:
                scalars[CLASH] = conflict
                return np.int32(NO)
    return np.int32(YES)


@kernel(f"int32({_STATE}, int32[::1])")
def assume(ints: Ints, bytes_: Bytes, floats: Floats, literals: Array) -> Any:
    """From the root, one level with these literals and what follows; NO if they fail."""
    if begin(ints, bytes_, floats) == NO:
        return np.int32(NO)
    return np.int32(assume_above(ints, bytes_, floats, np.int32(0), literals))


@kernel(f"int64({_STATE}, int32[::1])")
def trace(ints: Ints, bytes_: Bytes, floats: Floats, found: Array) -> Any:
    """The assumptions that lead to the failure in CLASH; how many, they are the first entries of `found`.

    Literals that were learnt to hold always may be among them.
    """
    scalars, trail, level, reason, arena = ints[SCALARS], ints[TRAIL], ints[LEVEL], ints[REASON], ints[ARENA]
    mark = bytes_[MARK]
    count = 0
    clash = scalars[CLASH]
    if clash < PAIR:
        failed = PAIR - 1 - clash
        mark[failed >> 1] = 1
        found[0] = failed
        count = 1
    elif clash == PAIR:
        mark[scalars[ONE] >> 1] = 1
        mark[scalars[OTHER] >> 1] = 1
    else:
        for literal in arena[clash + HEADER : clash + HEADER + arena[clash]]:
            mark[literal >> 1] = 1
    for k in range(scalars[SIZE] - 1, -1, -1):
        literal = trail[k]
        if not mark[literal >> 1]:
            continue
        mark[literal >> 1] = 0
        if level[literal >> 1] == 0:
            continue
        cause = reason[literal >> 1]
        if cause == -1:
            found[count] = literal
            count += 1
        elif cause <= -2:
            mark[(-2 - cause) >> 1] = 1
        else:
            for other in arena[cause + HEADER : cause + HEADER + arena[cause]]:
                if other != literal:
                    mark[other >> 1] = 1
    return np.int64(count)


@kernel(f"void({_STATE}, int32, uint8[::1], uint8[::1])")
def commit(ints: Ints, bytes_: Bytes, floats: Floats, start: Any, wanted: Array, seen: Array) -> Any:
    """Make the trail from `start` on part of the model, and mark what it shows."""
    trail, model = ints[TRAIL], bytes_[MODEL]
    for k in range(start, ints[SCALARS][SIZE]):
        literal = trail[k]
        model[literal >> 1] = 1 - (literal & 1)
        seen[literal] = 1
        wanted[literal] = 0


@kernel("void(int8[::1], uint64[:, ::1], int64[::1])")
def store(model: Array, pool: Array, rows: Array) -> Any:
    """Put a model into the pool, in place of the oldest if it is full."""
    row = pool[rows[0]]
    for word in range(len(row)):
        bits = np.uint64(0)
        for k in range(64 * word, min(64 * word + 64, len(model))):
            if model[k]:
                bits |= np.uint64(1) << np.uint64(k & 63)
        row[word] = bits
    rows[0] = (rows[0] + 1) % len(pool)
    rows[1] = min(rows[1] + 1, len(pool))


@kernel(f"void({_STATE})")
def agree(ints: Ints, bytes_: Bytes, floats: Floats) -> Any:
    """The model is known to keep what is on the trail: nothing is to be compared or repaired."""
    scalars = ints[SCALARS]
    scalars[CHECKED] = scalars[SIZE]
    scalars[QUEUED] = 0
    scalars[SCANNED] = 0


@kernel(
    f"int32({_STATE}, int32[::1], uint8[::1], uint8[::1], int32[::1], uint64[:, ::1], int64[::1], int64[::1])",
    allocates=True,
)
def settle(
    ints: Ints,
    bytes_: Bytes,
    floats: Floats,
    assumed: Array,
    wanted: Array,
    seen: Array,
    order: Array,
    pool: Array,
    rows: Array,
    budget: Array,
) -> Any:
    """Which of the wanted literals (`order`, flagged in `wanted`) go together with all that is assumed.

    A literal that does is marked in `seen`, and is no longer wanted once that is known either way. Each repair is
    carried on to as many wanted literals as it can have at once; its model joins `pool` (a ring: rows[0] is the next
    place, rows[1] how many) if it was harder to find than it is to keep. YES: all is known; NO: what is assumed fails
    by itself; OUT: `budget` is spent.
    """
    value, model, level = bytes_[VALUE], bytes_[MODEL], ints[LEVEL]
    if assume(ints, bytes_, floats, assumed) == NO:
        cancel(ints, bytes_, floats, np.int32(0))
        return np.int32(NO)
    answer = search(ints, bytes_, floats, np.int32(1), np.int32(-1), wanted, budget)
    if answer != YES:
        cancel(ints, bytes_, floats, np.int32(0))
        return np.int32(answer)
    commit(ints, bytes_, floats, np.int32(0), wanted, seen)
    for variable in range(len(model)):
        literal = 2 * variable + 1 - model[variable]
        seen[literal] = 1
        wanted[literal] = 0
    store(model, pool, rows)
    count = len(order)
    while count > 0 and answer == YES:
        cancel(ints, bytes_, floats, np.int32(1))
        agree(ints, bytes_, floats)
        first = True
        gained, lost = _TRUST, 0
        left = 0
        useful = 0
        effort = budget[0] - len(model) // 8
        conflicts = budget[1]
        for k in range(count):
            literal = order[k]
            if not wanted[literal]:
                continue
            if not first and k - useful > _IN_VAIN:  # such as thousands of options of one group
                order[left : left + count - k] = order[k:count].copy()
                left += count - k
                break
            if value[literal] < 0 and level[literal >> 1] <= 1:
                wanted[literal] = 0
                continue
            if value[literal] == 0 and answer == YES:
                if first:
                    found = search(ints, bytes_, floats, np.int32(1), literal, wanted, budget)
                    if found == YES:
                        first = False
                        useful = k
                    else:
                        cancel(ints, bytes_, floats, np.int32(1))
                        agree(ints, bytes_, floats)
                        if found == NO:
                            wanted[literal] = 0
                            continue
                        answer = np.int32(OUT)
                elif lost <= gained and budget[0] > 0:
                    before = budget[0]
                    if attempt(ints, bytes_, floats, literal, wanted, budget) == YES:
                        gained += before - budget[0]
                        useful = k
                    else:
                        lost += before - budget[0]
            order[left] = literal
            left += 1
        count = left
        if not first:
            commit(ints, bytes_, floats, ints[STARTS][2], wanted, seen)
            if budget[0] < effort or budget[1] < conflicts:
                store(model, pool, rows)
    cancel(ints, bytes_, floats, np.int32(0))
    return np.int32(answer)


@kernel(f"int32({_STATE}, int32[::1], int32[::1], int8[::1], int64[::1])", allocates=True)
def release(
    ints: Ints, bytes_: Bytes, floats: Floats, forbidden: Array, starts: Array, found: Array, budget: Array
) -> Any:
    """Which forbidden literals would hold in a model if only their own variable's decisions were taken back.

    The state's model has all decisions. `forbidden[starts[k]:starts[k + 1]]` are those of the k-th decided variable;
    `found`: OUT where it is asked, and then YES or NO; a rest of OUT (also returned) is not settled.
    """
    scalars, value = ints[SCALARS], bytes_[VALUE]
    liked = np.zeros(len(value), dtype=np.uint8)
    for literal in forbidden:
        liked[literal] = 2
    quick = np.array([_TRUST * 8, 0, 0], dtype=np.int64)
    assume(ints, bytes_, floats, forbidden[:0])
    variables = len(starts) - 1
    asked = np.int64(0)
    for group in range(variables):
        for k in range(starts[group], starts[group + 1]):
            liked[forbidden[k]] = 0
        for k in range(starts[group], starts[group + 1]):
            if found[k] == OUT:
                asked += 1
                if value[forbidden[k]] < 0:
                    found[k] = NO
                    asked -= 1
                    continue
                if quick[0] < 0:
                    continue
                agree(ints, bytes_, floats)
                before = quick[0]
                if attempt(ints, bytes_, floats, forbidden[k], liked, quick) == YES:
                    quick[0] = before + (before - quick[0])  # what is of use may go on for as long again
                    found[k] = YES
                    asked -= 1
                    cancel(ints, bytes_, floats, np.int32(1))
        for k in range(starts[group], starts[group + 1]):
            liked[forbidden[k]] = 2
    if asked == 0:
        cancel(ints, bytes_, floats, np.int32(0))
        return np.int32(YES)
    liked[:] = 0
    # Halve the decided variables: one half is assumed while the other half is looked at, and again inside of it.
    stack = np.zeros((128, 5), dtype=np.int64)  # first and end of what is looked at, of what is assumed for it, depth
    stack[0, 1] = variables
    height = 1
    while height > 0:
        height -= 1
        low, high, first, end, depth = stack[height]
        some = False
        for k in range(starts[low], starts[high]):
            some |= found[k] == OUT
        if not some:
            continue
        cancel(ints, bytes_, floats, np.int32(depth))
        deepen(ints, bytes_, floats)
        depth += 1
        for k in range(starts[first], starts[end]):
            literal = forbidden[k] ^ 1
            if value[literal] == 0:
                assign(ints, bytes_, floats, literal, np.int32(-1))
        before = scalars[DONE]
        propagate(ints, bytes_, floats)
        budget[0] -= scalars[SIZE] - before + 1
        if high - low > 1:
            middle = (low + high) // 2
            stack[height] = (low, middle, middle, high, depth)
            stack[height + 1] = (middle, high, low, middle, depth)
            height += 2
            continue
        for k in range(starts[low], starts[high]):
            if found[k] == OUT and budget[0] >= 0:
                cancel(ints, bytes_, floats, np.int32(depth))
                agree(ints, bytes_, floats)
                found[k] = search(ints, bytes_, floats, np.int32(depth), forbidden[k], liked, budget)
    cancel(ints, bytes_, floats, np.int32(0))
    for answer in found:
        if answer == OUT:
            return np.int32(OUT)
    return np.int32(YES)


@kernel(f"int32({_STATE}, int32[::1], int32[::1], uint8[::1], int64[::1])")
def follow(ints: Ints, bytes_: Bytes, floats: Floats, assumed: Array, order: Array, liked: Array, budget: Array) -> Any:
    """Make the model one with all that is assumed and with each literal in `order` that the ones before it allow.

    NO: there is none, as far as propagation alone can tell which literals to pass over. OUT: `budget` is spent.
    """
    scalars, value, model = ints[SCALARS], bytes_[VALUE], bytes_[MODEL]
    if assume(ints, bytes_, floats, assumed) == NO:
        cancel(ints, bytes_, floats, np.int32(0))
        return np.int32(NO)
    for literal in order:
        if value[literal] == 0:
            depth = scalars[DEPTH]
            deepen(ints, bytes_, floats)
            assign(ints, bytes_, floats, literal, np.int32(-1))
            if propagate(ints, bytes_, floats) != NONE:
                cancel(ints, bytes_, floats, depth)
    answer = search(ints, bytes_, floats, scalars[DEPTH], np.int32(-1), liked, budget)
    if answer == YES:
        for k in range(scalars[SIZE]):
            literal = ints[TRAIL][k]
            model[literal >> 1] = 1 - (literal & 1)
    cancel(ints, bytes_, floats, np.int32(0))
    return np.int32(answer)


@kernel(f"int32({_STATE}, int32[::1], int32[::1], int8[::1], uint8[::1], int64[::1])", allocates=True)
def come_near(
    ints: Ints,
    bytes_: Bytes,
    floats: Floats,
    targets: Array,
    order: Array,
    found: Array,
    liked: Array,
    budget: Array,
) -> Any:
    """Put a target on top of level 1, which the model keeps, and change back what can be; `found` becomes the model.

    `order`: literals of the model, those first that should stay. No literal of it that `found` lacks could be had
    besides those that `found` has, the target included. NO: the target fails; OUT: `budget` is spent.
    """
    scalars, trail, value, model = ints[SCALARS], ints[TRAIL], bytes_[VALUE], bytes_[MODEL]
    cancel(ints, bytes_, floats, np.int32(1))
    agree(ints, bytes_, floats)
    answer = search(ints, bytes_, floats, np.int32(1), targets[0], liked, budget)
    if answer != YES:
        return np.int32(answer)
    start = ints[STARTS][2]
    found[:] = model
    for k in range(start, scalars[SIZE]):
        found[trail[k] >> 1] = 1 - (trail[k] & 1)
    lost = 0
    for literal in order:
        if found[literal >> 1] != 1 - (literal & 1):
            lost += 1
    if lost <= 1:
        return np.int32(YES)
    home = model.copy()
    model[:] = found
    cancel(ints, bytes_, floats, np.int32(1))
    deepen(ints, bytes_, floats)
    if value[targets[0]] == 0:
        assign(ints, bytes_, floats, targets[0], np.int32(-1))
    for literal in order:
        if value[literal] == 0 and model[literal >> 1] == 1 - (literal & 1):
            assign(ints, bytes_, floats, literal, np.int32(-1))
    propagate(ints, bytes_, floats)
    for literal in order:
        if value[literal] != 0:
            continue
        agree(ints, bytes_, floats)
        answer = search(ints, bytes_, floats, np.int32(2), literal, liked, budget)
        if answer == YES:
            for k in range(ints[STARTS][3], scalars[SIZE]):
                model[trail[k] >> 1] = 1 - (trail[k] & 1)
        cancel(ints, bytes_, floats, np.int32(2))
        if answer == OUT:
            break
        if answer == YES and value[literal] == 0:
            assign(ints, bytes_, floats, literal, np.int32(-1))
            propagate(ints, bytes_, floats)
            for other in order:
                if value[other] == 0 and model[other >> 1] == 1 - (other & 1):
                    assign(ints, bytes_, floats, other, np.int32(-1))
            propagate(ints, bytes_, floats)
    found[:] = model
    model[:] = home
    return np.int32(YES)


@kernel(
    f"void({_STATE}, int32[::1], int64[::1], int32[::1], int32[::1], int64[::1], int64[::1], int64[::1], int64[::1])",
    allocates=True,
)
def weigh(
    ints: Ints,
    bytes_: Bytes,
    floats: Floats,
    assumed: Array,
    first: Array,
    literals: Array,
    owner: Array,
    costs: Array,
    targets: Array,
    low: Array,
    high: Array,
) -> Any:
    """Bounds on what a model costs that has all that is assumed and a target: each variable at its best and its worst.

    Of what propagation leaves, that is. `literals`: the literal of each value, those of a variable from first[variable]
    on; `owner`: the variable of each Boolean variable (-1: none). low > high where propagation refutes the target.
    """
    scalars, trail, value = ints[SCALARS], ints[TRAIL], bytes_[VALUE]
    count = len(first) - 1
    least = np.zeros(count, dtype=np.int64)
    most = np.zeros(count, dtype=np.int64)
    stamp = np.zeros(count, dtype=np.int64)
    possible = assume(ints, bytes_, floats, assumed) == YES
    total_least, total_most = np.int64(0), np.int64(0)
    for variable in range(count):
        started = False
        for k in range(first[variable], first[variable + 1]):
            if value[literals[k]] >= 0:
                if not started or costs[k] < least[variable]:
                    least[variable] = costs[k]
                if not started or costs[k] > most[variable]:
                    most[variable] = costs[k]
                started = True
        total_least += least[variable]
        total_most += most[variable]
    for place in range(len(targets)):
        literal = literals[targets[place]]
        low[place], high[place] = 1, 0
        if not possible or value[literal] < 0:
            continue
        below, above = total_least, total_most
        if value[literal] == 0:
            deepen(ints, bytes_, floats)
            start = scalars[SIZE]
            assign(ints, bytes_, floats, literal, np.int32(-1))
            if propagate(ints, bytes_, floats) != NONE:
                cancel(ints, bytes_, floats, np.int32(1))
                continue
            for at in range(start, scalars[SIZE]):
                variable = owner[trail[at] >> 1]
                if variable < 0 or stamp[variable] == place + 1:
                    continue
                stamp[variable] = place + 1
                started = False
                now_least, now_most = np.int64(0), np.int64(0)
                for k in range(first[variable], first[variable + 1]):
                    if value[literals[k]] >= 0:
                        if not started or costs[k] < now_least:
                            now_least = costs[k]
                        if not started or costs[k] > now_most:
                            now_most = costs[k]
                        started = True
                below += now_least - least[variable]
                above += now_most - most[variable]
            cancel(ints, bytes_, floats, np.int32(1))
        low[place], high[place] = below, above
    cancel(ints, bytes_, floats, np.int32(0))


@kernel(f"int32({_STATE}, int32, int32[::1], int64[::1])", allocates=True)
def possible(ints: Ints, bytes_: Bytes, floats: Floats, depth: Any, literals: Array, budget: Array) -> Any:
    """Whether what is assumed up to `depth` goes together with `literals`; the trail is left for `trace`.

    YES: the model is one that has them all. OUT: `budget` is spent.
    """
    scalars, model = ints[SCALARS], bytes_[MODEL]
    scalars[QUEUED] = 0
    if assume_above(ints, bytes_, floats, depth, literals) == NO:
        return np.int32(NO)
    liked = np.zeros(2 * len(model), dtype=np.uint8)
    answer = search(ints, bytes_, floats, np.int32(depth + 1), np.int32(-1), liked, budget)
    if answer == YES:
        for k in range(scalars[SIZE]):
            literal = ints[TRAIL][k]
            model[literal >> 1] = 1 - (literal & 1)
    return np.int32(answer)


@kernel(f"int32({_STATE}, int32[::1], uint8[::1], int32[::1], int64[::1])")
def near(ints: Ints, bytes_: Bytes, floats: Floats, assumed: Array, liked: Array, order: Array, budget: Array) -> Any:
    """Make the model one with all that is assumed and with many of the liked literals, the first in `order` first.

    NO: what is assumed fails. OUT: `budget` is spent; the model is what it was.
    """
    scalars, value, model = ints[SCALARS], bytes_[VALUE], bytes_[MODEL]
    if assume(ints, bytes_, floats, assumed) == NO:
        cancel(ints, bytes_, floats, np.int32(0))
        return np.int32(NO)
    answer = search(ints, bytes_, floats, np.int32(1), np.int32(-1), liked, budget)
    if answer == YES:
        for literal in order:
            if value[literal] == 0 and model[literal >> 1] != 1 - (literal & 1) and budget[0] > 0:
                attempt(ints, bytes_, floats, literal, liked, budget)
        for k in range(scalars[SIZE]):
            literal = ints[TRAIL][k]
            model[literal >> 1] = 1 - (literal & 1)
    cancel(ints, bytes_, floats, np.int32(0))
    return np.int32(answer)


@kernel("void(int8[::1], uint64[::1])")
def restore(model: Array, row: Array) -> Any:
    """Take a model from the pool."""
    for k in range(len(model)):
        model[k] = (row[k >> 6] >> np.uint64(k & 63)) & np.uint64(1)


@kernel("int64(uint64[:, ::1], int64, uint64[::1], uint64[::1], int64, uint8[::1], uint8[::1])", allocates=True)
def recall(pool: Array, rows: Any, never: Array, always: Array, variables: Any, seen: Array, released: Array) -> Any:
    """What the models of the pool show: the row that breaks the fewest decisions, or -1.

    `never`, `always`: bits of the variables that decisions have false, true. `seen`: literals of models that break
    none; `released`: the one literal in which a model breaks the decisions.
    """
    words = pool.shape[1]
    best: Any = np.int64(-1)
    fewest: Any = np.int64(1 << 60)
    true = np.zeros(words, dtype=np.uint64)
    false = np.zeros(words, dtype=np.uint64)
    for k in range(rows):
        broken: Any = np.int64(0)
        at: Any = np.int64(0)
        for word in range(words):
            bits = (pool[k, word] & never[word]) | (~pool[k, word] & always[word])
            while bits:
                broken += 1
                at = word
                bits &= bits - np.uint64(1)
            if broken > 1 and broken >= fewest:
                break
        if broken < fewest:
            best, fewest = np.int64(k), broken
        if broken == 0:
            for word in range(words):
                true[word] |= pool[k, word]
                false[word] |= ~pool[k, word]
        elif broken == 1:
            bits = (pool[k, at] & never[at]) | (~pool[k, at] & always[at])
            place = 64 * at
            while not bits & np.uint64(1):
                bits >>= np.uint64(1)
                place += 1
            holds = (pool[k, at] >> np.uint64(place & 63)) & np.uint64(1)
            released[2 * place + (0 if holds else 1)] = 1
    for variable in range(variables):
        shift = np.uint64(variable & 63)
        if (true[variable >> 6] >> shift) & np.uint64(1):
            seen[2 * variable] = 1
        if (false[variable >> 6] >> shift) & np.uint64(1):
            seen[2 * variable + 1] = 1
    return best
