"""The wardrobe of tests/models, as the benchmarks ask it: millimetres, three sums, up to five modules."""

from functools import lru_cache
from pathlib import Path

from catalog.document import read_document
from catalog.products import ProductContent
from catalog.state import ProductProblem, state

FILE = Path(__file__).parents[1] / "models" / "wardrobe.yaml"


@lru_cache(maxsize=1)
def wardrobe_content() -> ProductContent:
    """The product as its file says it."""
    return ProductContent.from_data(read_document(FILE.read_bytes()).data["product"])


@lru_cache(maxsize=1)
def wardrobe() -> ProductProblem:
    """The wardrobe as a configuration problem, with every module written out."""
    return state(wardrobe_content())
