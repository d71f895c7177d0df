"""The words of the state that a search changes: where each section begins in `w`.

Operations on a line are linked both ways; a line's row holds them sorted by start for looking places up. What an oven
takes together is a ring, of which the *head* alone stands in the row. Units of resources are counted (see `pools`).
"""

# --- the header of w ---
MODE = 0  # of each operation
START = 1
END = 2
BEFORE = 3  # on its line; -1
AFTER = 4
DONE = 5  # of each order: the end of its last operation
ROW = 6  # each line's operations by start, from LINE_AT on
LENGTH = 7  # of each line's row
HEAP = 8  # operations to time anew, the one with the earliest old start first
WAITS = 9  # of each operation: whether it is in the heap
TRAIL = 10  # three words for each change: what, and what it was before (see `undo`)
HEAP_SIZE = 11
TRAIL_SIZE = 12
FAMILY = 13  # of each operation: where it is on its line, to be read without its mode
WEIGHTS = 14  # nine words for the search that changes the state
HEAD = 23  # of each operation: itself, or the one of its batch that stands in the line's row
RING = 24  # the next one of its batch; itself when it is alone
UNITS = 25  # of each share (see `pools`): so many units its operation has
SHARES = 26  # each resource's shares by start, from SHARE_ROW on
SHARE_STARTS = 27  # the starts and ends of those in the rows
SHARE_ENDS = 28
SHARES_LENGTH = 29  # of each resource's row
SHARES_LONGEST = 30  # from start to end nothing in the row is longer
IN_USE = 31  # two words for each share: room for what is in use at an instant
SHORT = 32  # 1: some rows end early; what stands behind the last one there is linked to it, but out of reach
SHARE_PLACES = 33  # of each share: its place in its resource's row
WAYS = 34  # of each mode: about the least seconds from its end to that of its order, ways between plants included
WORK_HEADER = 35
