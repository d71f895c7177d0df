"""What a catalog file holds, and what is already published around it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date

from catalog.document import Document
from catalog.factory import FactoryContent
from catalog.manufacturing import ManufacturingContent
from catalog.price import PriceListContent
from catalog.products import ProductContent
from solver.configuration.compile import CompiledProblem

FORMAT = 1
SECTIONS = ("product", "prices", "manufacturing", "factory")


@dataclass(frozen=True, slots=True)
class CatalogFile:
    """The sections of a file, each checked; None where the file does not have it."""

    document: Document
    product: ProductContent | None = None
    prices: PriceListContent | None = None
    manufacturing: ManufacturingContent | None = None
    factory: FactoryContent | None = None
    compiled: CompiledProblem | None = None  # of the product


@dataclass(frozen=True, slots=True)
class Around:
    """What is published and in force when a file is loaded, by product code.

    `manufacturing`: the revision in force on `today` and those that will be. `owners`: price list code -> product code.
    `stamp` says whether anything was published since. `complete`: a name that is neither here nor in the file does not
    exist; otherwise nothing is known of what is not in the file, and it is not judged.
    """

    today: date = date.min
    products: Mapping[str, ProductContent] = field(default_factory=dict)
    prices: Mapping[str, tuple[PriceListContent, ...]] = field(default_factory=dict)
    manufacturing: Mapping[str, tuple[ManufacturingContent, ...]] = field(default_factory=dict)
    owners: Mapping[str, str] = field(default_factory=dict)
    factory: FactoryContent | None = None
    stamp: tuple[object, ...] = ()
    complete: bool = False
