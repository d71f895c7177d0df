"""Compiled: an order comes into a book; others are pushed back on their lines, or taken out and put elsewhere."""

from __future__ import annotations

from typing import Any

from solver.native import kernel
from solver.scheduling.arrays import LINE_PLANT, LINE_UNLIMITED
from solver.scheduling.book_words import (
    AFTER,
    BATCH,
    CAME_BY,
    CHOSEN,
    COUNT,
    EARLIEST,
    END,
    FAMILY,
    FIRM,
    FIXED_FOR,
    FREEZE,
    FROM,
    HEAP_SIZE,
    LENGTH,
    LINE,
    LOOKS,
    M_END,
    M_FAMILY,
    M_LINE,
    M_NEEDS,
    M_OUT,
    M_PLACE,
    M_TIME,
    MODE_SIZE,
    MODES,
    MOST,
    MOVES_FOR,
    NO_ROOM,
    NOTING,
    NOW,
    OPERATION_SIZE,
    ORDER,
    ORDER_HEAD,
    PREDS,
    PUSHED,
    QUESTION,
    RECALL,
    RECALLING,
    ROW_CAPACITY,
    ROWS,
    START,
    SUCCS,
    TOO_MUCH,
    TRAIL_SIZE,
    TRIES,
)
from solver.scheduling.problem import NEVER
from solver.scheduling.room import (
    best_place,
    first_place,
    give,
    line_ready,
    order_limit,
    order_ready,
    put_in,
    served,
    stays,
    take_out,
)
from solver.scheduling.timing import after_setup, arrival, setup_of
from solver.scheduling.trail import undo

# --- what is in the way is put elsewhere ------------------------------------------------------------------------------


@kernel("UniTuple(int64, 3)(int64[::1], int64[::1], int64, int64)")
def _elsewhere(s: Any, b: Any, op: int, stands: int) -> tuple[int, int, int]:
    """Where an operation would end soonest without its order or any other passing a limit: end (or NEVER), mode, place.

    `stands`: it is on its line still, where only what comes behind the next one counts; then any such place will do.
    """
    modes, best, best_mode, best_at = b[op + MODES], NEVER, 0, 0
    for mode in range(modes + 1, modes + 1 + MODE_SIZE * b[modes], MODE_SIZE):
        line = b[mode + M_LINE]
        if b[mode + M_NEEDS] or b[b[BATCH] + line]:  # there it would be a wall
            continue
        plant = s[s[LINE_PLANT] + line]
        ready = max(order_ready(s, b, op, plant), b[FREEZE], b[FROM])
        if stands and line == b[op + LINE]:
            after = b[op + AFTER]
            ready = max(ready, b[after + END] if after else b[op + END])
        end, place = best_place(s, b, op, mode, ready, min(best - 1, order_limit(s, b, op, plant)))
        if end < best:
            best, best_mode, best_at = end, mode, place
            if stands:
                break
    return best, best_mode, best_at


@kernel("boolean(int64[::1], int64[::1], int64)")
def _may_leave(s: Any, b: Any, op: int) -> bool:
    """Whether an operation seems to have another place; looked at once a question."""
    if b[op + FIXED_FOR] == b[QUESTION]:
        return False
    if b[op + MOVES_FOR] != b[QUESTION]:
        b[LOOKS] -= 1
        if _elsewhere(s, b, op, 1)[0] >= NEVER:
            b[op + FIXED_FOR] = b[QUESTION]
            return False
        b[op + MOVES_FOR] = b[QUESTION]
    return True


@kernel("void(int64[::1], int64[::1], int64, int64, int64, int64)")
def _take_better_place(s: Any, b: Any, op: int, mode: int, ready: int, best: int) -> None:
    """The first place of a mode where an operation ends before `best` if what is there leaves: M_END, PLACE and OUT."""
    line, time, family = b[mode + M_LINE], b[mode + M_TIME], b[mode + M_FAMILY]
    if s[s[LINE_UNLIMITED] + line] or b[b[BATCH] + line]:
        return
    row, length = b[ROWS] + line * b[ROW_CAPACITY], b[b[LENGTH] + line]
    place, solid, roof = first_place(b, op, line, ready)
    while place < length:
        before, out = b[row + place - 1] if place else 0, b[row + place]
        if before:
            solid = max(solid, b[before + END])
            if solid + time >= best or b[before + START] >= roof:
                return
        after = b[out + AFTER]
        blocked = stays(b, out) or b[out + ORDER] == b[op + ORDER] or b[out + FIXED_FOR] == b[QUESTION]
        if not blocked and (after == 0 or max(ready, solid) + time <= give(b, after)):
            free = max(ready, line_ready(s, b, line, before, family), solid)
            end = served(s, b, op, mode, free)[1]
            setup = setup_of(s, line, family, b[after + FAMILY]) if after else 0
            fits = end < best and (after == 0 or after_setup(s, line, end, setup) <= give(b, after))
            if fits and b[LOOKS] == 0:
                return
            if fits and _may_leave(s, b, out):
                b[mode + M_END], b[mode + M_PLACE], b[mode + M_OUT] = end, place, out
                return
        place += 1


@kernel("int64(int64[::1], int64, int64)")
def _floor(b: Any, order: int, first: int) -> int:
    """No operation of the order from number `first` on can start earlier; those before it are placed, or will be."""
    floor = NEVER
    for k in range(first, b[order + COUNT]):
        op = order + ORDER_HEAD + k * OPERATION_SIZE
        ready, preds = max(b[op + EARLIEST], b[NOW]), b[op + PREDS]
        for i in range(preds + 1, preds + 1 + 2 * b[preds], 2):
            ready = max(ready, b[b[i] + END] + b[i + 1])
        b[op + END] = ready  # until it is placed
        floor = min(floor, ready)
    return int(floor)


@kernel("int64(int64[::1], int64[::1], int64, int64, int64)")
def _put_instead(s: Any, b: Any, order: int, k: int, mode: int) -> int:
    """Put operation number `k` where another one is, and that one elsewhere; 0, nothing changed, if it cannot be."""
    out, mark, pushed, floor = b[mode + M_OUT], b[TRAIL_SIZE], b[PUSHED], b[FROM]
    b[TRIES] -= 1
    op = order + ORDER_HEAD + k * OPERATION_SIZE
    if take_out(s, b, out, floor) and put_in(s, b, op, mode, b[mode + M_PLACE], floor):
        end, there, place = _elsewhere(s, b, out, 0)
        if end < NEVER and put_in(s, b, out, there, place, _floor(b, order, k + 1)):
            return 1
    undo(b, mark)
    b[PUSHED] = pushed
    b[out + FIXED_FOR] = b[QUESTION]
    return 0


# --- an order comes ---------------------------------------------------------------------------------------------------


@kernel("int64(int64[::1], int64[::1], int64, int64, int64)", into_callers=True)
def _beaten(s: Any, b: Any, op: int, mode: int, within: int) -> int:
    """To be of use a mode has to end before `within`, and before those ahead of it in the same plant."""
    modes, plant = b[op + MODES], s[s[LINE_PLANT] + b[mode + M_LINE]]
    for other in range(modes + 1, mode, MODE_SIZE):
        if s[s[LINE_PLANT] + b[other + M_LINE]] == plant:
            within = min(within, b[other + M_END])
    return int(within)


@kernel("int64(int64[::1], int64[::1], int64, int64, int64)")
def look(s: Any, b: Any, order: int, first: int, within: int) -> int:
    """The best modes for an order's operations from number `first` on, those before placed: the earliest end; NEVER.

    M_END and M_PLACE of each mode: where it would be made soonest, those before it made where that is best for it.
    M_END is NEVER where a mode ahead of it is as good. So is the answer if an operation cannot end before `within`.
    """
    count, done = b[order + COUNT], 0
    for k in range(first, count):
        op = order + ORDER_HEAD + k * OPERATION_SIZE
        modes, best = b[op + MODES], NEVER
        preds = b[op + PREDS]
        for mode in range(modes + 1, modes + 1 + MODE_SIZE * b[modes], MODE_SIZE):
            plant = s[s[LINE_PLANT] + b[mode + M_LINE]]
            ready = order_ready(s, b, op, plant)
            for i in range(preds + 1, preds + 1 + 2 * b[preds], 2):
                before = b[i]
                if b[before + START] < 0:
                    soonest, ways = NEVER, b[before + MODES]
                    for way in range(ways + 1, ways + 1 + MODE_SIZE * b[ways], MODE_SIZE):
                        if b[way + M_END] < NEVER:
                            came = b[way + M_END] + b[i + 1]
                            soonest = min(soonest, arrival(s, s[s[LINE_PLANT] + b[way + M_LINE]], plant, came))
                    ready = max(ready, soonest)
            b[mode + M_END], b[mode + M_OUT] = NEVER, 0
            useful = _beaten(s, b, op, mode, within)
            if ready + b[mode + M_TIME] < useful:
                b[mode + M_END], b[mode + M_PLACE] = best_place(s, b, op, mode, ready, useful - 1)
                if b[TRIES] and b[LOOKS] > 0:
                    _take_better_place(s, b, op, mode, ready, min(useful, b[mode + M_END]))
            best = min(best, b[mode + M_END])
        if best == NEVER:
            b[order + NO_ROOM] = k
            return NEVER
        if b[b[op + SUCCS]] == 0:
            done = max(done, best)
    return int(done)


@kernel("int64(int64[::1], int64[::1], int64, int64)")
def choose(s: Any, b: Any, order: int, first: int) -> int:
    """The mode of operation number `first` on the best way that `look` has found."""
    for k in range(b[order + COUNT] - 1, first - 1, -1):
        op = order + ORDER_HEAD + k * OPERATION_SIZE
        modes, succs = b[op + MODES], b[op + SUCCS]
        best, soonest = NEVER, NEVER
        for mode in range(modes + 1, modes + 1 + MODE_SIZE * b[modes], MODE_SIZE):
            end = b[mode + M_END]
            if end >= NEVER:
                continue
            came = end
            for i in range(succs + 1, succs + 1 + 2 * b[succs], 2):
                there = s[s[LINE_PLANT] + b[b[b[i] + CHOSEN] + M_LINE]]
                came = max(came, arrival(s, s[s[LINE_PLANT] + b[mode + M_LINE]], there, end + b[i + 1]))
            if came < best or (came == best and end < soonest) or soonest == NEVER:
                best, soonest = came, end
                b[op + CHOSEN] = mode
    return int(b[order + ORDER_HEAD + first * OPERATION_SIZE + CHOSEN])


@kernel("int64(int64[::1], int64)")
def completion(b: Any, order: int) -> int:
    """The end of an order's last operation."""
    end = 0
    for k in range(b[order + COUNT]):
        end = max(end, b[order + ORDER_HEAD + k * OPERATION_SIZE + END])
    return int(end)


@kernel("void(int64[::1], int64, int64, int64)")
def _note(b: Any, op: int, way: int, done: int) -> None:
    """Note, when a question is looked at first, by which way an operation came, or could not; else compare."""
    if b[RECALL] == NOTING and done:
        b[op + CAME_BY] = way
    elif b[RECALL] == NOTING and way > 0 and b[PUSHED] + b[HEAP_SIZE] > b[MOST]:
        b[op + TOO_MUCH] = way
    elif b[RECALL] == RECALLING and done and b[op + CAME_BY] != way:
        b[RECALL] = 0


@kernel("int64(int64[::1], int64[::1], int64, int64, int64, int64)")
def _place(s: Any, b: Any, order: int, k: int, freeze: int, within: int) -> int:
    """Place an order's operation number `k` on the best way that is known; 0 if there is no room or too much moves.

    -1 if the order would not end before `within`. `freeze`: what the others give way by once the place is found.
    """
    op, free = order + ORDER_HEAD + k * OPERATION_SIZE, b[FREEZE] == NEVER
    while True:
        done = look(s, b, order, k, within)
        if done >= within:
            return 0 if within == NEVER else -1
        mode = choose(s, b, order, k)
        if b[mode + M_OUT] == 0:
            way = mode * b[ROW_CAPACITY] + b[mode + M_PLACE]
            if b[RECALL] == RECALLING and not free and way == b[op + TOO_MUCH]:
                return 0
            b[op + END], b[FREEZE] = b[mode + M_END], freeze
            done = put_in(s, b, op, mode, b[mode + M_PLACE], _floor(b, order, k + 1))
            _note(b, op, -way if free else way, done)
            return int(done)
        if _put_instead(s, b, order, k, mode):
            _note(b, op, 0, 1)
            return 1


@kernel("int64(int64[::1], int64[::1], int64, int64)")
def place_order(s: Any, b: Any, order: int, within: int) -> int:
    """Place an order, each operation on the best way that is known when it comes: its completion, or NEVER.

    NO_ROOM of the order is then the number of the operation without room. It is given up where it would not end before
    `within`. First operations that stand somewhere stay there.
    """
    first = 0
    while first < b[order + COUNT] and b[order + ORDER_HEAD + first * OPERATION_SIZE + START] >= 0:
        first += 1
    for k in range(first, b[order + COUNT]):
        mark, freeze, pushed, tries = b[TRAIL_SIZE], b[FREEZE], b[PUSHED], b[TRIES]
        b[FROM] = _floor(b, order, k)
        found = _place(s, b, order, k, freeze, within)
        if found == 0:  # into free room alone
            undo(b, mark)
            b[FREEZE], b[PUSHED], b[TRIES] = NEVER, pushed, 0
            found = _place(s, b, order, k, freeze, NEVER)  # what follows may be pushed again: it may still be early
            b[FREEZE], b[TRIES] = freeze, tries
        if found <= 0:
            b[order + NO_ROOM] = k
            return NEVER
    return completion(b, order)


@kernel("UniTuple(int64, 2)(int64[::1], int64[::1], int64, int64, int64)")
def place_early(s: Any, b: Any, order: int, tries: int, looks: int) -> tuple[int, int]:
    """`place_order` where what is in the way may be put elsewhere; the completion, and a bound of it if nothing is.

    A `place_order` of the same that comes next does without the ways in that were seen here to move too much.
    That is tried for so many operations; so many are looked at whether they have another place.
    """
    b[QUESTION] += 1
    b[TRIES] = b[PUSHED] = b[RECALL] = 0
    bound = look(s, b, order, 0, NEVER)
    if bound >= NEVER:
        return NEVER, NEVER
    b[TRIES], b[LOOKS], b[FIRM], b[RECALL] = tries, looks, tries > 0, NOTING
    done = place_order(s, b, order, NEVER)
    b[TRIES] = b[FIRM] = 0
    b[RECALL] = RECALLING
    return done, bound
