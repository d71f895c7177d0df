"""The one door to numba: compiled kernels, cached on disk, free of the interpreter's lock."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from typing import Any, TypeVar

import numba

Function = TypeVar("Function", bound=Callable[..., Any])


def kernel(
    *signatures: str, into_callers: bool = False, allocates: bool = False
) -> Callable[[Function], Function]:
    """Compile at import for these signatures (or load from the cache): no call ever waits for the compiler.

    A kernel takes and fills arrays, allocates little, and raises nothing. It runs without the interpreter's lock, so a
    long one does not freeze other threads. Arrays are C-contiguous (`uint8[::1]`). `into_callers`: for a few lines that
    the hottest loops call, where the call itself, which hands on each array in seven words, would cost as much.
    `allocates`: for a kernel that makes arrays of its own; then each call counts references to its arguments too, with
    two atomic additions an array, which in small kernels is most of their time. Without it the caller owns all arrays.
    """
    how: dict[str, Any] = {"error_model": "numpy", "boundscheck": False, "forceinline": into_callers, "_nrt": allocates}
    compiled: Any = numba.njit(list(signatures), cache=True, nogil=True, **how)
    return compiled  # type: ignore[no-any-return]


KERNELS = (
    "solver.configuration.diagram_order",
    "solver.configuration.diagram_passes",
    "solver.configuration.diagram_store",
    "solver.configuration.diagram_sift",
    "solver.configuration.propagation",
    "solver.scheduling.timing",
    "solver.scheduling.chance",
    "solver.scheduling.rows",
    "solver.scheduling.sequences",
    "solver.scheduling.trail",
    "solver.scheduling.room",
    "solver.scheduling.placing",
    "solver.scheduling.settle",
    "solver.scheduling.queues",
    "solver.scheduling.guide",
    "solver.scheduling.moves",
    "solver.scheduling.lifting",
    "solver.scheduling.campaigns",
    "solver.scheduling.flowshop",
    "solver.scheduling.conveyor",
    "solver.scheduling.dispatch",
    "solver.scheduling.critical",
    "solver.scheduling.anneal",
    "solver.scheduling.tabu",
    "solver.configuration.mixed_passes",
)  # the modules that have kernels, those that compile longest last: they are begun first


def fill_cache() -> None:
    """Compile what the cache lacks, module by module, in two processes: the first time takes a minute."""
    waiting = list(KERNELS)
    running: list[subprocess.Popen[bytes]] = []
    while waiting or running:
        while waiting and len(running) < 2:
            running.append(subprocess.Popen([sys.executable, "-c", f"import {waiting.pop()}"]))
        if running.pop(0).wait():
            raise SystemExit("Compiling the solver's kernels failed; see above.")


if __name__ == "__main__":
    fill_cache()
