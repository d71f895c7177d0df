"""Known variants as a matrix of bits: most questions of a click are answered by one that was seen before."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from threading import Lock

import numpy as np
from numpy.typing import NDArray

from solver.configuration.kernel import Domains, bits
from solver.configuration.problem import ParameterId

MAXIMUM_ROWS = 2_048
MAXIMUM_CELLS = 8_000_000

Bits = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Witness:
    """A valid variant as the kernel sees it: a value (as a mask) for each variable, and the large parameters."""

    masks: tuple[int, ...]
    numbers: Mapping[ParameterId, int]


class Pool:
    """Valid variants, the oldest ones replaced when it is full. Safe to share between threads."""

    def __init__(self, sizes: Sequence[int], large: Sequence[ParameterId]) -> None:
        self._starts = np.concatenate([[0], np.cumsum(sizes)]).astype(int).tolist()
        width = max(1, self._starts[-1])
        rows = max(16, min(MAXIMUM_ROWS, MAXIMUM_CELLS // width))
        self._columns = np.zeros((width, rows), dtype=np.bool_)  # a row for each value: filters read along memory
        self._large = {parameter: k for k, parameter in enumerate(large)}
        self._numbers = np.zeros((len(large), rows), dtype=np.int64)
        self._witnesses: list[Witness] = []
        self._known: set[tuple[int, ...]] = set()
        self._next = 0
        self._lock = Lock()

    def __len__(self) -> int:
        return len(self._witnesses)

    def __iter__(self) -> Iterator[Witness]:
        return iter(tuple(self._witnesses))

    def add(self, witness: Witness) -> None:
        """Keep a valid variant; one that looks the same to the variables is kept once."""
        key = self._key(witness)
        with self._lock:
            if key in self._known:
                return
            place = self._next
            if place < len(self._witnesses):
                self._known.discard(self._key(self._witnesses[place]))
                self._columns[:, place] = False
                self._witnesses[place] = witness
            else:
                self._witnesses.append(witness)
            self._known.add(key)
            columns = [s + m.bit_length() - 1 for s, m in zip(self._starts[:-1], witness.masks, strict=True)]
            self._columns[columns, place] = True
            for parameter, k in self._large.items():
                self._numbers[k, place] = witness.numbers[parameter]
            self._next = (place + 1) % self._columns.shape[1]

    def some_within(
        self, asked: Mapping[int, int], numbers: Mapping[ParameterId, int], limit: int = 8
    ) -> list[Witness]:
        """Up to `limit` known variants that keep all limits."""
        with self._lock:
            places = np.flatnonzero(self._kept(asked, numbers).all(axis=0))[:limit].tolist()
            return [self._witnesses[place] for place in places]

    def within(
        self, asked: Mapping[int, int], numbers: Mapping[ParameterId, int], released: Mapping[int, int]
    ) -> tuple[list[int], dict[int, int]]:
        """What the known variants show.

        `asked`: a mask for each variable that is limited; `numbers`: large parameters that are set. The first answer
        is, for each variable, the values of the variants that keep all limits. The second is, for each variable in
        `released`, the values (within its mask there) of the variants that keep all limits but its own.
        """
        with self._lock:
            variables = list(asked)
            kept = self._kept(asked, numbers)
            columns = self._columns[:, : kept.shape[1]]
            broken = len(kept) - kept.sum(axis=0)
            seen = self._masks(np.flatnonzero(columns[:, broken == 0].any(axis=1)).tolist())
            other: dict[int, int] = {}
            near = np.flatnonzero(broken == 1)
            if near.size and released:
                where = {variable: k for k, variable in enumerate(variables)}
                for variable, mask in released.items():
                    mine = near[~kept[where[variable], near]]
                    if mine.size:
                        start, end = self._starts[variable], self._starts[variable + 1]
                        shown = np.flatnonzero(columns[start:end][:, mine].any(axis=1)).tolist()
                        other[variable] = sum(1 << entry for entry in shown) & mask
            return seen, other

    def one_within(self, domains: Domains, numbers: Mapping[ParameterId, int]) -> Witness | None:
        """A known variant within the domains that has these large numbers."""
        for witness in self._witnesses:
            if all(mask & domain for mask, domain in zip(witness.masks, domains, strict=True)) and all(
                witness.numbers[parameter] == number for parameter, number in numbers.items()
            ):
                return witness
        return None

    def _kept(self, asked: Mapping[int, int], numbers: Mapping[ParameterId, int]) -> Bits:
        """For each limit, and a last one that always holds, which known variants keep it."""
        count = len(self._witnesses)
        columns = self._columns[:, :count]
        kept = np.ones((len(asked) + len(numbers) + 1, count), dtype=np.bool_)
        for k, (variable, mask) in enumerate(asked.items()):
            start = self._starts[variable]
            places = [start + entry for entry in bits(mask)]
            kept[k] = columns[places[0]] if len(places) == 1 else columns[places].any(axis=0)
        for k, (parameter, number) in enumerate(numbers.items(), start=len(asked)):
            kept[k] = self._numbers[self._large[parameter], :count] == number
        return kept

    @staticmethod
    def _key(witness: Witness) -> tuple[int, ...]:
        return (*witness.masks, *witness.numbers.values())

    def _masks(self, shown: Sequence[int]) -> list[int]:
        starts = self._starts
        found = [0] * (len(starts) - 1)
        variable = 0
        for column in shown:
            while column >= starts[variable + 1]:
                variable += 1
            found[variable] |= 1 << (column - starts[variable])
        return found
