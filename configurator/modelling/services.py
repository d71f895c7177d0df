"""What a modeller does: look at what is published, load a catalog file."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import func
from sqlmodel import Session, col, select

from catalog.factory import Carrier, FactoryLoad, Line, Material, Plant
from catalog.load import Loaded, catalog_stamp, publish, read_file, surroundings
from catalog.manufacturing import ManufacturingRevision
from catalog.price import PriceList, PriceListRevision
from catalog.products import Product, ProductContent, ProductRevision, RevisionStatus
from catalog.rows import Company, utc_now
from catalog.transport import Transport
from catalog.uvl_export import UvlExport, export_uvl
from configurator import db
from configurator.audit import record
from configurator.errors import NotFound, Outdated

TRIES = 3  # while others publish at the same moment
SHOWN = 10  # revisions a kind


class Kind(StrEnum):
    """What a product has revisions of."""

    PRODUCT = "product"
    PRICES = "prices"
    MANUFACTURING = "manufacturing"


class State(StrEnum):
    """What a revision is today."""

    IN_FORCE = "in_force"
    LATER = "later"
    REPLACED = "replaced"
    WITHDRAWN = "withdrawn"
    DRAFT = "draft"


@dataclass(frozen=True, slots=True)
class RevisionFacts:
    """One revision as the list shows it; `detail`: the price list's code or the day from which a routing is valid."""

    kind: Kind
    number: int
    published_at: datetime | None
    state: State
    detail: str | date | None = None


@dataclass(frozen=True, slots=True)
class ProductFacts:
    """A product with its newest revisions by kind, and how many older ones are not shown."""

    code: str
    name: Mapping[str, str]
    revisions: tuple[RevisionFacts, ...]
    hidden: int


@dataclass(frozen=True, slots=True)
class PlantFacts:
    """A plant as the list shows it."""

    code: str
    name: Mapping[str, str]
    zone: str
    country: str
    lines: int
    stages: int
    materials: int
    carriers: int
    transports: int  # that leave it


@dataclass(frozen=True, slots=True)
class Published:
    """Everything that the catalog page shows; `zone` is the company's."""

    zone: str
    products: tuple[ProductFacts, ...]
    plants: tuple[PlantFacts, ...]
    factory_loaded_at: datetime | None


def published(company_id: int) -> Published:
    """Products with their revisions, and plants."""
    with db.reading() as session:
        zone = session.get_one(Company, company_id).zone
        rows = session.exec(select(Product).where(Product.company_id == company_id).order_by(Product.code)).all()
        loaded_at = session.exec(select(func.max(FactoryLoad.loaded_at)).where(FactoryLoad.company_id == company_id))
        return Published(
            zone=zone,
            products=tuple(_product(session, row, utc_now().date()) for row in rows),
            plants=_plants(session, company_id),
            factory_loaded_at=loaded_at.one(),
        )


def load_file(
    company_id: int, text: bytes, *, actor_id: int | None, also: Callable[[Session], None] | None = None
) -> Loaded:
    """Publish what is new in a catalog file; raises catalog.problems.Refused.

    It is read, checked and compiled outside any transaction, then written in a short one, provided that nothing was
    published meanwhile; otherwise it is checked again, and raises Outdated in the end. `also` is done in that
    transaction.
    """
    for _ in range(TRIES):
        loaded_at = utc_now()
        with db.reading() as session:
            around = surroundings(session, company_id, loaded_at.astimezone(UTC).date())
        file = read_file(text, around)
        with db.writing() as session:
            session.exec(select(Company).where(Company.id == company_id).with_for_update(key_share=True)).one()
            if catalog_stamp(session, company_id) != around.stamp:
                continue
            loaded = publish(session, company_id, file, loaded_at=loaded_at)
            _audit(session, company_id, loaded, actor_id)
            if also is not None:
                also(session)
            return loaded
    raise Outdated(field="file")


def _audit(session: Session, company_id: int, loaded: Loaded, actor_id: int | None) -> None:
    parts = {"product": loaded.product, "prices": loaded.prices, "manufacturing": loaded.manufacturing,
             "factory": loaded.factory}
    new = {name: {"code": part.code, "number": part.number} for name, part in parts.items() if part and part.published}
    if new:
        record(session, company_id, "catalog.loaded", "catalog", None, actor_id=actor_id, **new)


@dataclass(frozen=True, slots=True)
class RulesView:
    """The options and rules of a revision of a product as UVL."""

    code: str
    number: int
    export: UvlExport


def rules(company_id: int, code: str, number: int | None = None) -> RulesView:
    """Those of a revision that was published, the newest without a number. Raises NotFound."""
    query = (
        select(ProductRevision)
        .join(Product, col(Product.id) == ProductRevision.product_id)
        .where(Product.company_id == company_id, Product.code == code)
        .order_by(col(ProductRevision.number).desc())
        .limit(1)
    )
    if number is None:
        query = query.where(ProductRevision.status == RevisionStatus.PUBLISHED)
    else:
        query = query.where(ProductRevision.number == number, ProductRevision.status != RevisionStatus.DRAFT)
    with db.reading() as session:
        row = session.exec(query).one_or_none()
        if row is None:
            raise NotFound(field="product" if number is None else "revision")
        found, content = row.number, row.content
    return RulesView(code, found, export_uvl(ProductContent.from_data(content)))


# --- what is published ------------------------------------------------------------------------------------------------


def _product(session: Session, product: Product, today: date) -> ProductFacts:
    mine = select(ProductRevision).where(
        ProductRevision.company_id == product.company_id, ProductRevision.product_id == product.id
    )
    products = session.exec(mine.order_by(col(ProductRevision.number).desc()).limit(SHOWN + 1)).all()
    prices = session.exec(
        select(PriceListRevision, PriceList.code)
        .join(PriceList, col(PriceList.id) == PriceListRevision.price_list_id)
        .where(PriceList.company_id == product.company_id, PriceList.product_id == product.id)
        .order_by(col(PriceListRevision.number).desc())
        .limit(SHOWN + 1)
    ).all()
    routings = session.exec(
        select(ManufacturingRevision)
        .where(
            ManufacturingRevision.company_id == product.company_id, ManufacturingRevision.product_id == product.id
        )
        .order_by(col(ManufacturingRevision.number).desc())
        .limit(SHOWN + 1)
    ).all()
    revisions = (
        *_facts(Kind.PRODUCT, ((row, None, True) for row in products)),
        *_facts(Kind.PRICES, ((row, code, True) for row, code in prices)),
        *_facts(Kind.MANUFACTURING, ((row, row.valid_from, row.valid_from <= today) for row in routings)),
    )
    newest = next((row for row in products if row.status == RevisionStatus.PUBLISHED), None)
    name = newest.content["name"] if newest is not None else {"zh": product.code, "en": product.code}
    hidden = sum(len(rows) > SHOWN for rows in (products, prices, routings))
    return ProductFacts(product.code, name, revisions, hidden)


def _facts(kind: Kind, rows: Iterable[tuple[Any, str | date | None, bool]]) -> Iterable[RevisionFacts]:
    """Newest first. In force is the newest published one that is already valid."""
    in_force: set[object] = set()
    for index, (row, detail, valid) in enumerate(rows):
        state = State(row.status) if row.status != RevisionStatus.PUBLISHED else State.LATER
        if row.status == RevisionStatus.PUBLISHED and valid:
            list_of = detail if kind is Kind.PRICES else None
            state = State.REPLACED if list_of in in_force else State.IN_FORCE
            in_force.add(list_of)
        if index < SHOWN:
            yield RevisionFacts(kind, row.number, row.published_at, state, detail)


def _plants(session: Session, company_id: int) -> tuple[PlantFacts, ...]:
    rows: Sequence[Plant] = session.exec(
        select(Plant).where(Plant.company_id == company_id).order_by(Plant.code)
    ).all()

    def count(table: type[Line] | type[Material] | type[Carrier]) -> dict[int, int]:
        query = select(col(table.plant_id), func.count()).where(table.company_id == company_id)
        return dict(session.exec(query.group_by(col(table.plant_id))).all())

    lines, materials, carriers = count(Line), count(Material), count(Carrier)
    transports: dict[int, int] = dict(
        session.exec(
            select(col(Transport.origin_id), func.count())
            .where(Transport.company_id == company_id)
            .group_by(col(Transport.origin_id))
        ).all()
    )
    stages: dict[int, int] = dict(
        session.exec(
            select(col(Line.plant_id), func.count(func.distinct(Line.stage)))
            .where(Line.company_id == company_id)
            .group_by(col(Line.plant_id))
        ).all()
    )
    return tuple(
        PlantFacts(row.code, row.name, row.zone, row.country, lines.get(row.id or 0, 0), stages.get(row.id or 0, 0),
                   materials.get(row.id or 0, 0), carriers.get(row.id or 0, 0), transports.get(row.id or 0, 0))
        for row in rows
    )
