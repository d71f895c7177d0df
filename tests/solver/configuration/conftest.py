"""The bicycle, compiled once; and both engines, so that what is proved of one is proved of the other."""

from __future__ import annotations

from pathlib import Path

import pytest

from catalog.document import read_document
from catalog.products import ProductContent
from catalog.state import state
from solver.configuration import translate
from solver.configuration.compile import CompiledProblem, compile_problem

FAMILIES = Path(__file__).parents[3] / "catalog" / "families"


@pytest.fixture(scope="session")
def bicycle_content() -> ProductContent:
    return ProductContent.from_data(read_document((FAMILIES / "bicycle.yaml").read_text()).data["product"])


@pytest.fixture(scope="session")
def bicycle(bicycle_content: ProductContent) -> CompiledProblem:
    return compile_problem(state(bicycle_content))


@pytest.fixture(params=["tables", "sums", "cp-sat"])
def engine(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """`tables`: the kernel settles everything. `sums`: by clauses and sums where it can, else by CP-SAT.

    `cp-sat`: it may tabulate nothing, every parameter is large, and CP-SAT has to settle it.
    """
    if request.param != "tables":
        monkeypatch.setattr(translate, "MAXIMUM_COMBINATIONS", 1)
    if request.param == "cp-sat":
        monkeypatch.setattr(translate, "MAXIMUM_VALUES", 1)
        monkeypatch.setattr(translate, "MAXIMUM_TERMS", -1)
        monkeypatch.setattr(translate, "MAXIMUM_CLAUSES", 0)
    return str(request.param)
