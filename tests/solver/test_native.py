"""Compiled kernels: called where they are, and compiled again when anything that they use has changed."""

import importlib
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

CALLEE = '''
from solver.native import kernel

WEIGHT = 3

@kernel("int64(int64[::1])")
def weighed(words):
    total = 0
    for one in range(len(words)):
        for other in range(len(words)):
            if words[one] > words[other]:
                total += words[one] * WEIGHT - words[other] // 2
            elif words[one] < words[other] - 2:
                total -= words[(one * other) % len(words)] % 11
            else:
                total ^= words[(one + other) % len(words)] << 2
    return total

@kernel("int64(int64)")
def plus_one(number):
    return number + 1
'''
CALLER = '''
from kernels_callee import plus_one, weighed
from solver.native import kernel

@kernel("int64(int64[::1])")
def asked(words):
    return plus_one(weighed(words))
'''
Read = Callable[[], Any]


@pytest.fixture
def read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Read:
    """The caller's module, read anew as another process would; what it says follows its files."""
    monkeypatch.syspath_prepend(str(tmp_path))
    (tmp_path / "kernels_callee.py").write_text(CALLEE)
    (tmp_path / "kernels_caller.py").write_text(CALLER)

    def fresh() -> Any:
        for name in ("kernels_callee", "kernels_caller"):
            sys.modules.pop(name, None)
        importlib.invalidate_caches()
        sys.dont_write_bytecode, before = True, sys.dont_write_bytecode  # two writes within a second look alike
        try:
            return importlib.import_module("kernels_caller")
        finally:
            sys.dont_write_bytecode = before

    return fresh


def test_a_kernel_is_loaded_from_the_cache_until_a_kernel_of_another_module_has_changed(
    read: Read, tmp_path: Path
) -> None:
    words = np.array([5, 1, 9, 4], dtype=np.int64)
    first = read()
    expected = first.weighed.py_func(words) + 1
    assert first.asked(words) == expected and sum(first.asked.stats.cache_hits.values()) == 0

    again = read()
    assert again.asked(words) == expected and sum(again.asked.stats.cache_hits.values()) == 1

    (tmp_path / "kernels_callee.py").write_text(CALLEE.replace("WEIGHT = 3", "WEIGHT = 30"))
    changed = read()
    assert sum(changed.asked.stats.cache_hits.values()) == 0
    assert changed.asked(words) == changed.weighed.py_func(words) + 1 != expected


def test_a_caller_holds_the_code_of_small_kernels_only(read: Read) -> None:
    (made,) = read().asked.overloads.values()
    code = made.library.get_llvm_str()
    assert 'call i32 @"kernels_callee.weighed' in code
    assert "kernels_callee.plus_one" not in code
