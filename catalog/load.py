"""Catalog file -> published revisions and factory tables, or all that is wrong with the file by line and field."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, time, timedelta
from itertools import islice
from typing import Any, TypeVar
from zoneinfo import ZoneInfo

from sqlalchemy import delete, func, update
from sqlmodel import Session, col, select

from catalog.content import Content
from catalog.document import Document, NotReadable, read_document
from catalog.drawable import drawing_problems
from catalog.factory import (
    Calendar,
    Carrier,
    FactoryContent,
    FactoryLoad,
    Line,
    Material,
    MaterialSupply,
    Plant,
    PlantContent,
    SetupMatrix,
    StockContent,
    local_instant,
)
from catalog.file import FORMAT, SECTIONS, Around, CatalogFile
from catalog.keep import to_row
from catalog.manufacturing import ManufacturingContent, ManufacturingRevision
from catalog.price import PriceList, PriceListContent, PriceListRevision
from catalog.problems import N_, Path, Problem, Refused, Sentence
from catalog.products import Product, ProductContent, ProductRevision, RevisionStatus
from catalog.review import review
from catalog.rows import Company, CompanyRow
from catalog.shape import Finding, field_of, shaped
from catalog.transport import Transport
from catalog.verify import (
    Compile,
    compile_in_time,
    factory_problems,
    manufacturing_problems,
    price_problems,
    product_problems,
    solved_problems,
    tried_problems,
)
from solver.configuration.compile import CompiledProblem

MOST = 500  # problems told at once
REVIEW = 2.0  # seconds in which variants that cannot be priced or made are looked for; the analysis takes longer

_KINDS: Mapping[str, type[Content]] = {
    "product": ProductContent,
    "prices": PriceListContent,
    "manufacturing": ManufacturingContent,
    "factory": FactoryContent,
}


@dataclass(frozen=True, slots=True)
class LoadedPart:
    """What became of one section: its code, the number of the revision in force, and whether this file made it."""

    code: str
    number: int
    published: bool


@dataclass(frozen=True, slots=True)
class Loaded:
    """What a file published; None where the file has no such section."""

    product: LoadedPart | None = None
    prices: LoadedPart | None = None
    manufacturing: LoadedPart | None = None
    factory: LoadedPart | None = None

    @property
    def unchanged(self) -> tuple[str, ...]:
        """The sections whose content was already published."""
        parts = ((name, getattr(self, name)) for name in SECTIONS)
        return tuple(name for name, part in parts if part is not None and not part.published)


def load_catalog(session: Session, company_id: int, text: str | bytes, *, loaded_at: datetime) -> Loaded:
    """Read a file and publish what is new in it, in the caller's transaction. Raises Refused before it writes.

    A section whose content equals the newest published one makes no new revision. A factory replaces stock and supply
    only of materials whose stock the file states anew; supply is counted from the plant's local day of `loaded_at`.
    """
    around = surroundings(session, company_id, loaded_at.astimezone(UTC).date())
    return publish(session, company_id, read_file(text, around), loaded_at=loaded_at)


# --- reading --------------------------------------------------------------------------------------------------------


def read_file(
    text: str | bytes, around: Around | None = None, *, compile_: Compile = compile_in_time
) -> CatalogFile:
    """The sections of a file, all of them good. Raises Refused with everything that is wrong.

    `compile_`: what compiles its product; what else than a fault of the product it raises goes through.

    What is already published comes `around` the file; without it, names that the file itself does not have are not
    judged. Rules, prices and routings are judged together once each section has its right shape.
    """
    try:
        document = read_document(text)
    except NotReadable as error:
        raise Refused((Problem(error.line, field_of(error.path, None), error.message, error.expected),)) from error
    found = _Findings(document)
    sections = _sections(document, found)
    file = CatalogFile(document, **sections)
    compiled = _verify(file, around or Around(), found, compile_)
    found.refuse()
    return replace(file, compiled=compiled)


@dataclass(slots=True)
class _Findings:
    """What was found so far, each thing once."""

    document: Document
    problems: dict[tuple[int, str, str], Problem] = field(default_factory=dict)

    def add(self, path: Path, what: Sentence, expected: Sentence) -> None:
        problem = Problem(self.document.line_of(path), field_of(path, self.document.data), what, expected)
        self.problems.setdefault((problem.line, problem.field, str(what)), problem)

    def take(self, section: str, findings: Iterable[Finding]) -> bool:
        """Add the findings of a section of the file; whether there were none."""
        good = True
        for finding in findings:
            good = False
            self.add((section, *finding.path), finding.what, finding.expected)
        return good

    def refuse(self) -> None:
        """Raise Refused if anything was found."""
        problems = sorted(self.problems.values(), key=lambda problem: problem.line)
        if len(problems) > MOST:
            what, expected = Sentence(N_("there are more problems below")), Sentence(N_("these repaired first"))
            problems[MOST:] = [Problem(problems[MOST].line, "", what, expected)]
        if problems:
            raise Refused(tuple(problems))


def _sections(document: Document, found: _Findings) -> dict[str, Any]:
    """The sections that have their right shape."""
    data = document.data
    if not isinstance(data, dict):
        found.add((), Sentence(N_("the file is no list of sections")), Sentence(N_("format and at least one section")))
        return {}
    known = {"format", *SECTIONS}
    for name in islice((name for name in data if name not in known), MOST + 1):
        expected = Sentence(N_("one of: %(fields)s"), {"fields": ", ".join(("format", *SECTIONS))})
        found.add((name,), Sentence(N_("this field is not known")), expected)
    if data.get("format") != FORMAT or isinstance(data.get("format"), bool):
        found.add(("format",), Sentence(N_("the format is not known")), Sentence(N_("format: 1")))
    if not any(name in data for name in SECTIONS):
        expected = Sentence(N_("at least one of: %(fields)s"), {"fields": ", ".join(SECTIONS)})
        found.add((), Sentence(N_("the file has no section")), expected)
    sections: dict[str, Any] = {}
    for name, kind in _KINDS.items():
        if name in data:
            match shaped(kind, data[name]):
                case tuple() as findings:
                    found.take(name, findings)
                case content:
                    sections[name] = content
    return sections


def _verify(file: CatalogFile, around: Around, found: _Findings, compile_: Compile) -> CompiledProblem | None:
    """Every section by itself, then what hangs together: what is published stands for sections that are missing.

    The product, compiled, if there is one.
    """
    broken = {name for name in SECTIONS if name in (file.document.data or ()) and getattr(file, name) is None}
    factory = file.factory or (None if "factory" in broken else around.factory)
    if file.factory is not None and not found.take("factory", factory_problems(file.factory, around.factory)):
        factory = None
    compiled = None
    product_good = file.product is None or found.take("product", product_problems(file.product))
    if file.product is not None and product_good:
        product_good = found.take("product", drawing_problems(file.product))
    if file.product is not None and product_good:
        compiled, solved = solved_problems(file.product, compile_)
        found.take("product", solved)
    _verify_prices(file, around, found, "product" in broken)
    _verify_manufacturing(file, around, found, "product" in broken, factory)
    _verify_published(file, around, found, factory)
    if compiled is None or file.product is None or found.problems:
        return compiled
    code = file.product.code
    prices = file.prices if file.prices and file.prices.product == code else None
    manufacturing = file.manufacturing if file.manufacturing and file.manufacturing.product == code else None
    for section, finding in tried_problems(compiled, file.product, prices, manufacturing, factory):
        found.take(section, (finding,))
    if not found.problems:  # what no sample met, the solver may find
        for fault in review(file.product, prices, manufacturing, factory, seconds=REVIEW).faults:
            found.take(fault.section, (fault.finding,))
    return compiled


def _product_of(code: str, file: CatalogFile, around: Around) -> ProductContent | None:
    return file.product if file.product is not None and file.product.code == code else around.products.get(code)


def _no_product(code: str, known: Iterable[str]) -> Finding:
    values = {"name": code, "known": ", ".join(sorted(known)) or "-"}
    wanted = N_("the product of this file or a published one: %(known)s")
    return Finding(("product",), N_("there is no product %(name)s"), wanted, values)


def _known_products(file: CatalogFile, around: Around) -> set[str]:
    return {*around.products, *((file.product.code,) if file.product else ())}


def _verify_prices(file: CatalogFile, around: Around, found: _Findings, product_broken: bool) -> None:
    prices = file.prices
    if prices is None:
        return
    product = _product_of(prices.product, file, around)
    if product is None and not product_broken and (around.complete or file.product is not None):
        found.take("prices", (_no_product(prices.product, _known_products(file, around)),))
    owner = around.owners.get(prices.code, prices.product)
    if owner != prices.product:
        message, values = N_("the price list %(name)s belongs to %(owner)s"), {"name": prices.code, "owner": owner}
        found.take("prices", (Finding(("code",), message, N_("a code of its own"), values),))
    usable = None if product_broken else product
    found.take("prices", price_problems(prices, usable))


def _verify_manufacturing(
    file: CatalogFile, around: Around, found: _Findings, product_broken: bool, factory: FactoryContent | None
) -> None:
    content = file.manufacturing
    if content is None:
        return
    product = _product_of(content.product, file, around)
    if product is None and not product_broken and (around.complete or file.product is not None):
        found.take("manufacturing", (_no_product(content.product, _known_products(file, around)),))
    no_factory = around.complete and around.factory is None and "factory" not in file.document.data
    if no_factory:
        message, wanted = N_("there is no factory to make it"), N_("a factory, in this file or loaded before")
        found.take("manufacturing", (Finding(("routing",), message, wanted),))
    usable = None if product_broken else product
    found.take("manufacturing", manufacturing_problems(content, usable, factory))


def _verify_published(file: CatalogFile, around: Around, found: _Findings, factory: FactoryContent | None) -> None:
    """What is published and stays in force must fit what this file changes."""
    for section, changed in (("product", file.product is not None), ("factory", file.factory is not None)):
        if not changed or (section == "factory" and factory is None):
            continue
        codes = [file.product.code] if section == "product" and file.product else list(around.products)
        for code in codes:
            if section == "factory" and file.product is not None and file.product.code == code:
                continue  # judged with the product
            for name, finding in _stale(code, file, around, factory):
                values = {"name": name, "problem": finding.what}
                message = N_("the published %(name)s would no longer fit: %(problem)s")
                wanted = Sentence(N_("what it needs, or a new one in the same file"))
                found.add((section,), Sentence(message, values), wanted)


def _stale(
    code: str, file: CatalogFile, around: Around, factory: FactoryContent | None
) -> Iterator[tuple[str, Finding]]:
    product = _product_of(code, file, around)
    for prices in around.prices.get(code, ()):
        if file.product is not None and (file.prices is None or file.prices.code != prices.code):
            for finding in price_problems(prices, product):
                yield f"price list {prices.code}", finding
    new = file.manufacturing if file.manufacturing and file.manufacturing.product == code else None
    for content in around.manufacturing.get(code, ()):
        if new is None or new.valid_from > around.today:
            for finding in manufacturing_problems(content, product, factory):
                yield f"routing of {code}", finding


# --- what is published ----------------------------------------------------------------------------------------------


def surroundings(session: Session, company_id: int, today: date) -> Around:
    """What is published and in force on `today`."""
    codes: dict[int, str] = {
        row.id or 0: row.code for row in session.exec(select(Product).where(Product.company_id == company_id))
    }
    products: dict[str, ProductContent] = {}
    for row in _published(session, ProductRevision, company_id):
        products.setdefault(codes[row.product_id], ProductContent.from_data(row.content))
    lists = {row.id or 0: row for row in session.exec(select(PriceList).where(PriceList.company_id == company_id))}
    prices: dict[int, PriceListContent] = {}
    for price in _published(session, PriceListRevision, company_id):
        if price.price_list_id not in prices:
            prices[price.price_list_id] = PriceListContent.from_data(price.content)
    routings: dict[str, list[ManufacturingContent]] = {}
    settled: set[str] = set()
    for made in _published(session, ManufacturingRevision, company_id):
        code = codes[made.product_id]
        if code not in settled:
            routings.setdefault(code, []).append(ManufacturingContent.from_data(made.content))
            if made.valid_from <= today:
                settled.add(code)
    load = _newest_load(session, company_id)
    return Around(
        today=today,
        products=products,
        prices={code: tuple(c for c in prices.values() if c.product == code) for code in products},
        manufacturing={code: tuple(contents) for code, contents in routings.items()},
        owners={row.code: codes[row.product_id] for row in lists.values()},
        factory=FactoryContent.from_data(load.content) if load else None,
        stamp=catalog_stamp(session, company_id),
        complete=True,
    )


def catalog_stamp(session: Session, company_id: int) -> tuple[object, ...]:
    """Changes whenever something is published or loaded."""
    tables = (ProductRevision, PriceListRevision, ManufacturingRevision, FactoryLoad)
    return tuple(
        session.exec(select(func.max(table.id)).where(col(table.company_id) == company_id)).one() for table in tables
    )


Revision = TypeVar("Revision", ProductRevision, PriceListRevision, ManufacturingRevision)
Row = TypeVar("Row", bound=CompanyRow)


def _published(session: Session, table: type[Revision], company_id: int) -> Iterable[Revision]:
    """Published revisions, the newest first."""
    query = select(table).where(table.company_id == company_id, table.status == RevisionStatus.PUBLISHED)
    return session.exec(query.order_by(col(table.number).desc())).all()


def _newest_load(session: Session, company_id: int) -> FactoryLoad | None:
    query = select(FactoryLoad).where(FactoryLoad.company_id == company_id)
    return session.exec(query.order_by(col(FactoryLoad.number).desc()).limit(1)).first()


# --- publishing -----------------------------------------------------------------------------------------------------


def publish(session: Session, company_id: int, file: CatalogFile, *, loaded_at: datetime) -> Loaded:
    """Write what is new of a file that was read with the present `surroundings`, in the caller's transaction."""
    # One load at a time; whoever writes rows of the company meanwhile need not wait.
    session.exec(select(Company).where(Company.id == company_id).with_for_update(key_share=True)).one()
    return Loaded(
        factory=_publish_factory(session, company_id, file.factory, loaded_at) if file.factory else None,
        product=_publish_product(session, company_id, file, loaded_at) if file.product else None,
        prices=_publish_prices(session, company_id, file.prices, loaded_at) if file.prices else None,
        manufacturing=_publish_routing(session, company_id, file.manufacturing, loaded_at)
        if file.manufacturing
        else None,
    )


def _publish_product(session: Session, company_id: int, file: CatalogFile, at: datetime) -> LoadedPart:
    """The revision, and beside it what clicks are answered from."""
    content = file.product
    assert content is not None
    product = session.exec(
        select(Product).where(Product.company_id == company_id, Product.code == content.code)
    ).one_or_none()
    if product is None:
        product = _added(session, Product(company_id=company_id, code=content.code))
    part = _publish_revision(session, ProductRevision, company_id, content, content.code, at, product_id=product.id)
    if part.published and file.compiled is not None:
        mine = (ProductRevision.company_id == company_id, ProductRevision.product_id == product.id)
        revision = session.exec(select(ProductRevision.id).where(*mine, ProductRevision.number == part.number)).one()
        session.add(to_row(company_id, revision or 0, file.compiled))
        session.flush()
    return part


def _publish_prices(session: Session, company_id: int, content: PriceListContent, at: datetime) -> LoadedPart:
    prices = session.exec(
        select(PriceList).where(PriceList.company_id == company_id, PriceList.code == content.code)
    ).one_or_none()
    if prices is None:
        owner = _product_id(session, company_id, content.product)
        prices = _added(session, PriceList(company_id=company_id, code=content.code, product_id=owner))
    return _publish_revision(session, PriceListRevision, company_id, content, content.code, at, price_list_id=prices.id)


def _publish_routing(session: Session, company_id: int, content: ManufacturingContent, at: datetime) -> LoadedPart:
    owner = {"product_id": _product_id(session, company_id, content.product)}
    more = {"valid_from": content.valid_from}
    return _publish_revision(session, ManufacturingRevision, company_id, content, content.product, at, more, **owner)


def _product_id(session: Session, company_id: int, code: str) -> int:
    return session.exec(select(Product).where(Product.company_id == company_id, Product.code == code)).one().id or 0


def _publish_revision(
    session: Session,
    table: type[Revision],
    company_id: int,
    content: Content,
    code: str,
    at: datetime,
    more: Mapping[str, Any] | None = None,
    **owner: Any,
) -> LoadedPart:
    """The next revision of its owner, unless the newest published one has this content."""
    mine = [col(table.company_id) == company_id, *(col(getattr(table, key)) == value for key, value in owner.items())]
    last = session.exec(select(func.max(table.number)).where(*mine)).one() or 0
    query = select(table).where(*mine, table.status == RevisionStatus.PUBLISHED)
    newest = session.exec(query.order_by(col(table.number).desc()).limit(1)).first()
    digest = content.sha256()
    if newest is not None and newest.sha256 == digest:
        return LoadedPart(code, newest.number, published=False)
    values: dict[str, Any] = {**owner, **(more or {})}
    row = table(
        company_id=company_id,
        number=last + 1,
        status=RevisionStatus.PUBLISHED.value,
        published_at=at,
        content=content.canonical(),
        sha256=digest,
        **values,
    )
    return LoadedPart(code, _added(session, row).number, published=True)


def _added(session: Session, row: Row) -> Row:
    session.add(row)
    session.flush()
    return row


# --- the factory ----------------------------------------------------------------------------------------------------


def _publish_factory(session: Session, company_id: int, content: FactoryContent, at: datetime) -> LoadedPart:
    newest = _newest_load(session, company_id)
    digest = content.sha256()
    if newest is not None and newest.sha256 == digest:
        return LoadedPart("factory", newest.number, published=False)
    before = FactoryContent.from_data(newest.content) if newest else None
    # The plants' locks come before their stock, as everywhere; several in the order of their ids.
    plants = select(Plant.id).where(Plant.company_id == company_id).order_by(col(Plant.id))
    session.exec(plants.with_for_update(key_share=True)).all()
    calendars = _keep_calendars(session, company_id, content)
    matrices = _keep_matrices(session, company_id, content)
    for plant in content.plants:
        row = _keep(
            session,
            Plant,
            {"company_id": company_id, "code": plant.code},
            name=plant.name.canonical(),
            zone=plant.zone,
            country=plant.country,
            accepts_automatic_moves=plant.accepts_automatic_moves and plant.partner is None,
            frozen_minutes=plant.frozen_minutes,
            capacity_hours=plant.partner.capacity_hours if plant.partner else None,
            pickup=plant.pickup.canonical() if plant.pickup else None,
        )
        _keep_lines(session, row, plant, calendars, matrices)
        _keep_carriers(session, row, plant)
        earlier = next((one for one in before.plants if one.code == plant.code), None) if before else None
        _keep_materials(session, row, plant, content, earlier, at)
        _renew_books(session, row)
    _keep_transports(session, company_id, content)
    _drop(session, Calendar, company_id, calendars.values())
    _drop(session, SetupMatrix, company_id, matrices.values())
    number = newest.number + 1 if newest else 1
    load = FactoryLoad(company_id=company_id, number=number, loaded_at=at, content=content.canonical(), sha256=digest)
    return LoadedPart("factory", _added(session, load).number, published=True)


def _renew_books(session: Session, plant: Plant) -> None:
    """A new schedule version without an event of its own: whoever keeps the plant in memory reads it anew."""
    next_version = update(Plant).where(col(Plant.id) == plant.id).values(schedule_version=Plant.schedule_version + 1)
    session.execute(next_version.execution_options(synchronize_session="fetch"))


def _keep(session: Session, table: type[Row], key: Mapping[str, Any], **values: Any) -> Row:
    """The row of this key with these values; only what differs is written."""
    query = select(table).where(*(col(getattr(table, name)) == value for name, value in key.items()))
    row = session.exec(query).one_or_none()
    if row is None:
        return _added(session, table(**key, **values))
    for name, value in values.items():
        if getattr(row, name) != value:
            setattr(row, name, value)
    session.flush()
    return row


def _keep_calendars(session: Session, company_id: int, content: FactoryContent) -> dict[str, int]:
    found = {}
    for calendar in content.calendars:
        holidays = content.holidays.get(calendar.holidays or "", ())
        row = _keep(
            session,
            Calendar,
            {"company_id": company_id, "code": calendar.code},
            zone=calendar.zone,
            weekly=[shift.canonical() for shift in calendar.weekly],
            holidays=[holiday.canonical() for holiday in holidays],
        )
        found[calendar.code] = row.id or 0
    return found


def _keep_matrices(session: Session, company_id: int, content: FactoryContent) -> dict[str, int]:
    found = {}
    for matrix in content.setup_matrices:
        key = {"company_id": company_id, "code": matrix.code}
        row = _keep(session, SetupMatrix, key, families=dict(matrix.families), minutes=matrix.canonical()["minutes"])
        found[matrix.code] = row.id or 0
    return found


def _keep_lines(
    session: Session, row: Plant, plant: PlantContent, calendars: Mapping[str, int], matrices: Mapping[str, int]
) -> None:
    for line in plant.lines:
        _keep(
            session,
            Line,
            {"company_id": row.company_id, "plant_id": row.id, "code": line.code},
            name=line.name.canonical(),
            stage=line.stage,
            calendar_id=calendars[line.calendar],
            setup_matrix_id=matrices[line.setup_matrix] if line.setup_matrix else None,
            speed_percent=line.speed_percent,
        )


def _keep_carriers(session: Session, row: Plant, plant: PlantContent) -> None:
    kept = [
        _keep(
            session,
            Carrier,
            {"company_id": row.company_id, "plant_id": row.id, "code": carrier.code},
            name=carrier.name.canonical(),
            cutoff=carrier.cutoff,
            working_days=[day.value for day in carrier.working_days],
            transit_days=dict(carrier.transit_days),
        ).id
        for carrier in plant.carriers
    ]
    session.execute(
        delete(Carrier).where(
            col(Carrier.company_id) == row.company_id, col(Carrier.plant_id) == row.id, col(Carrier.id).not_in(kept)
        )
    )


def _keep_transports(session: Session, company_id: int, content: FactoryContent) -> None:
    plants = {row.code: row.id for row in session.exec(select(Plant).where(Plant.company_id == company_id))}
    kept = [
        _keep(
            session,
            Transport,
            {
                "company_id": company_id,
                "origin_id": plants[transport.origin],
                "destination_id": plants[transport.destination],
            },
            minutes=transport.minutes,
            departures=[departure.canonical() for departure in transport.departures],
            holidays=[holiday.canonical() for holiday in content.holidays.get(transport.holidays or "", ())],
        ).id
        for transport in content.transports
    ]
    _drop(session, Transport, company_id, [key for key in kept if key is not None])


def _keep_materials(
    session: Session,
    row: Plant,
    plant: PlantContent,
    content: FactoryContent,
    before: PlantContent | None,
    at: datetime,
) -> None:
    """Stock is what was counted when the file was written: it replaces ours only where the file states it anew."""
    known = {material.code: material for material in content.materials}
    for code, stock in plant.materials.items():
        key = {"company_id": row.company_id, "plant_id": row.id, "code": code}
        material = _keep(session, Material, key, name=known[code].name.canonical(), unit=known[code].unit)
        if before is None or before.materials.get(code) != stock:
            material.stock = stock.stock
            session.execute(
                delete(MaterialSupply).where(
                    col(MaterialSupply.company_id) == row.company_id, col(MaterialSupply.material_id) == material.id
                )
            )
            session.add_all(
                MaterialSupply(company_id=row.company_id, material_id=material.id or 0, arrives_at=when, quantity=many)
                for when, many in arrivals(stock, plant.zone, at).items()
            )
    session.flush()


def arrivals(stock: StockContent, zone: str, loaded_at: datetime) -> dict[datetime, int]:
    """What comes when: at the start of the local day, counted from the plant's local day of `loaded_at`."""
    local = ZoneInfo(zone)
    today = loaded_at.astimezone(local).date()
    found: dict[datetime, int] = {}
    for supply in stock.supply:
        for turn in range(supply.times):
            day = today + timedelta(days=supply.arrives_in_days + turn * supply.every_days)
            when = local_instant(day, time(0), local)
            found[when] = found.get(when, 0) + supply.quantity
    return dict(sorted(found.items()))


def _drop(session: Session, table: type[CompanyRow], company_id: int, kept: Iterable[int]) -> None:
    """Delete what the file does not have any more: everything that could use it is in the file."""
    session.execute(delete(table).where(col(table.company_id) == company_id, col(table.id).not_in(list(kept))))
