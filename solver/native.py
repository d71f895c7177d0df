"""The one door to numba: compiled kernels, cached on disk, free of the interpreter's lock."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from hashlib import sha256
from types import FunctionType
from typing import Any, Final, TypeVar

import numba
from llvmlite import binding as llvm

Function = TypeVar("Function", bound=Callable[..., Any])

_INLINED: Final = 50  # instructions of a kernel, beyond those that hand on its arguments, that LLVM puts into callers
_CONSTANTS: Final = (bool, int, float, str, bytes, tuple)


def kernel(
    *signatures: str, into_callers: bool = False, allocates: bool = False, inner: bool = False
) -> Callable[[Function], Function]:
    """Compile at import for these signatures (or load from the cache): no call ever waits for the compiler.

    A kernel takes and fills arrays, allocates little, and raises nothing. It runs without the interpreter's lock, so a
    long one does not freeze other threads. Arrays are C-contiguous (`uint8[::1]`). `into_callers`: for a few lines that
    the hottest loops call, where the call itself, which hands on each array in seven words, would cost as much.
    `allocates`: for a kernel that makes arrays of its own; then each call counts references to its arguments too, with
    two atomic additions an array, which in small kernels is most of their time. Without it the caller owns all arrays.
    `inner`: for one that only kernels call: nothing is compiled for calls from Python, which are a TypeError then.

    A kernel is compiled again where its module, a constant or a kernel that it uses has changed, in whatever module.
    """
    how: dict[str, Any] = {
        "error_model": "numpy", "boundscheck": False, "forceinline": into_callers, "_nrt": allocates,
        "no_cfunc_wrapper": True, "no_cpython_wrapper": inner,
    }  # fmt: skip

    def compiled(function: Function) -> Function:
        made: Any = numba.njit(cache=True, nogil=True, **how)(function)
        _renew_with_what_it_uses(made)
        for signature in signatures:
            made.compile(signature)
        made.disable_compile()
        if inner:
            made._clear()  # its entries lead nowhere: a call from Python is refused, not followed
        if not into_callers:
            _call_where_it_is(made)
        return made  # type: ignore[no-any-return]

    return compiled


def _renew_with_what_it_uses(made: Any) -> None:
    """Let the cache's stamp be of the module and of all constants and kernels of others that the function names."""
    file = made._cache._cache_file
    function: FunctionType = made.py_func
    used = {name: function.__globals__.get(name) for name in sorted(function.__code__.co_names)}
    stamp = sha256(file._source_stamp)
    for name, value in used.items():
        if isinstance(value, _CONSTANTS):
            stamp.update(f"{name}={value!r};".encode())
        elif isinstance(value, type(made)):
            stamp.update(value._cache._cache_file._source_stamp)
    file._source_stamp = stamp.digest()


def _call_where_it_is(made: Any) -> None:
    """Let callers call the kernel by its address instead of being linked with it and all that it calls.

    numba would optimise the bodies of all kernels that a kernel calls, however deep, again with each of them: of a
    hundred kernels that call each other some ten times as much code as there is. A name for it that is the same in each
    process stands in what the cache holds of its callers.
    """
    for result in made.overloads.values():
        library, name = result.library, result.fndesc.mangled_name
        symbol = f"{made.py_func.__module__}.{made.py_func.__qualname__}{result.signature}"
        llvm.add_symbol(symbol, library.get_pointer_to_function(name))
        library._get_module_for_linking = _Forwarding(library, name, symbol)


class _Forwarding:
    """What callers of a kernel are linked with: a small one's code, else a call of its address."""

    def __init__(self, library: Any, name: str, symbol: str) -> None:
        self._library, self._name, self._symbol = library, name, symbol
        self._whole = library._get_module_for_linking
        self._module: Any = None

    def __call__(self) -> Any:
        if self._module is None:
            whole = self._whole()
            function = whole.get_function(self._name)
            result, _, kinds = str(function.global_value_type)[:-1].partition(" (")
            if str(function).count("\n") <= _INLINED + kinds.count(",") + 1:
                self._module = whole
            else:
                self._module = self._call(result, kinds.split(", "))
        return self._module

    def _call(self, result: str, kinds: list[str]) -> Any:
        arguments = ", ".join(f"{kind} %{place}" for place, kind in enumerate(kinds))
        return llvm.parse_assembly(
            f"{self._library.codegen._create_empty_module(self._symbol)}\n"
            f'declare {result} @"{self._symbol}"({", ".join(kinds)})\n'
            f'define linkonce_odr {result} @"{self._name}"({arguments}) alwaysinline {{\n'
            f'  %result = call {result} @"{self._symbol}"({arguments})\n'
            f"  ret {result} %result\n"
            "}\n"
        )


KERNELS = (
    (
        "solver.configuration.diagram_order",
        "solver.configuration.diagram_passes",
        "solver.configuration.diagram_store",
        "solver.configuration.diagram_sift",
        "solver.configuration.propagation",
        "solver.configuration.mixed_passes",
    ),
    ("solver.configuration.branch_passes",),
    (
        "solver.scheduling.timing",
        "solver.scheduling.heads",
        "solver.scheduling.chance",
        "solver.scheduling.pools",
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
    ),
)  # the modules that have kernels: these groups share none, and so are compiled side by side


def fill_cache() -> None:
    """Compile what the cache lacks, a process a group: the first time takes half a minute.

    Without the garbage collector, which would look through all that the compiler knows again and again.
    """
    commands = [f"import gc; gc.disable(); import {', '.join(group)}" for group in KERNELS]
    running = [subprocess.Popen([sys.executable, "-c", command]) for command in commands]
    ended = [process.wait() for process in running]
    if any(ended):
        raise SystemExit("Compiling the solver's kernels failed; see above.")


if __name__ == "__main__":
    fill_cache()
