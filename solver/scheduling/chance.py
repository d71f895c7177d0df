"""Compiled: random numbers for the local searches."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from solver.native import kernel


@kernel("int64(uint64[::1], int64)")
def below(r: Any, size: int) -> int:
    """A random number from 0 to size - 1 (xorshift, Marsaglia 2003)."""
    x = r[0]
    x ^= x << np.uint64(13)
    x ^= x >> np.uint64(7)
    x ^= x << np.uint64(17)
    r[0] = x
    return int((x >> np.uint64(33)) % np.uint64(size))


def seeded(seed: int) -> NDArray[np.uint64]:
    """The numbers' state of a seed."""
    return np.array([seed * 2_654_435_769 + 88_172_645_463_325_252], dtype=np.uint64)
