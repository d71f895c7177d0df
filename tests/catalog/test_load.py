"""Loading a catalog file: what is new is published, what is refused leaves nothing behind."""

# ruff: noqa: E501 - tables of one row a line

from __future__ import annotations

import unicodedata
from datetime import UTC, date, datetime
from pathlib import Path

import pytest
from sqlalchemy import func
from sqlmodel import Session, SQLModel, col, select

from catalog.compiled import CompiledRevision
from catalog.factory import (
    Calendar,
    Carrier,
    FactoryLoad,
    Line,
    Material,
    MaterialSupply,
    Plant,
    SetupMatrix,
    plant_facts,
    plants_of,
)
from catalog.load import Loaded, load_catalog
from catalog.manufacturing import ManufacturingRevision
from catalog.offer import NotOffered, current_offer, forget_offers, offer_of
from catalog.price import PriceList, PriceListRevision, quote_price
from catalog.problems import Refused
from catalog.products import Product, ProductRevision
from catalog.rows import Company
from catalog.transport import Transport
from catalog.verify import facts_of
from configurator.db import Database
from solver.configuration.complete import complete
from tests.catalog.small import LAMP, broken, section

FAMILIES = Path(__file__).parents[2] / "catalog" / "families"
NOW = datetime(2026, 3, 10, 20, tzinfo=UTC)  # already the 11th in Shanghai
only_sqlite = pytest.mark.parametrize("database_kind", ["sqlite"], indirect=True)  # nothing here depends on it
TABLES = (
    Product, ProductRevision, PriceList, PriceListRevision, ManufacturingRevision, FactoryLoad, Plant, Line, Calendar,
    SetupMatrix, Material, MaterialSupply, Carrier, CompiledRevision, Transport,
)  # fmt: skip


def load(database: Database, company_id: int, text: str, at: datetime = NOW) -> Loaded:
    """Load in a transaction of its own."""
    with database.writing() as session:
        return load_catalog(session, company_id, text, loaded_at=at)


def refused(database: Database, company_id: int, text: str) -> str:
    """What the file is refused for, as one text; proves that it left nothing."""
    before = counts(database)
    with pytest.raises(Refused) as error:
        load(database, company_id, text)
    assert counts(database) == before
    return str(error.value)


def counts(database: Database) -> dict[str, int]:
    """Rows by table."""
    with database.reading() as session:
        return {t.__name__: session.exec(select(func.count()).select_from(t)).one() for t in TABLES}


@pytest.fixture
def lamp(database: Database, company_id: int) -> Loaded:
    """The lamp, loaded."""
    return load(database, company_id, LAMP)


def test_the_demo_files_are_loaded_and_offered(database: Database, company_id: int) -> None:
    for name in ("factory", "bicycle"):
        load(database, company_id, (FAMILIES / f"{name}.yaml").read_text())
    with database.reading() as session:
        offer = current_offer(session, company_id, "bicycle", today=NOW.date())
        assert offer.product.name.zh == "通勤自行车"
        variant = complete(offer.compiled, (), seconds=5)
        price = quote_price(offer.prices, offer.problem, variant, country="CN")
        assert price.gross == price.net + price.tax > 0
        plants = plants_of(session, company_id)
        assert [plant.code for plant in plants] == ["chengdu", "wuxi"]
        assert len(plant_facts(session, plants[1]).stages["assembly"]) == 3


def test_the_same_file_again_publishes_nothing(database: Database, company_id: int, lamp: Loaded) -> None:
    assert lamp.unchanged == ()
    before = counts(database)
    again = load(database, company_id, "# a comment changes nothing\n" + LAMP)
    assert again.unchanged == ("product", "prices", "manufacturing", "factory")
    assert counts(database) == before


@only_sqlite
def test_a_changed_section_makes_the_next_revision_and_the_others_none(
    database: Database, company_id: int, lamp: Loaded
) -> None:
    loaded = load(database, company_id, broken("amount: 49.90", "amount: 59.90"))
    assert loaded.unchanged == ("product", "manufacturing", "factory")
    assert loaded.prices and loaded.prices.number == 2
    assert load(database, company_id, LAMP).prices.number == 3  # back again is a revision of its own  # type: ignore[union-attr]


@only_sqlite
def test_an_offer_of_an_earlier_revision_stays_what_it_was(database: Database, company_id: int, lamp: Loaded) -> None:
    with database.reading() as session:
        old = current_offer(session, company_id, "lamp", today=NOW.date())
    load(database, company_id, broken("amount: 49.90", "amount: 59.90"))
    forget_offers()
    with database.reading() as session:
        again = offer_of(
            session, company_id, old.product_revision_id, old.price_list_revision_id, old.manufacturing_revision_id
        )
        new = current_offer(session, company_id, "lamp", today=NOW.date())
    assert again.prices.items[0].amount == "49.90"
    assert new.prices.items[0].amount == "59.90"


@only_sqlite
def test_sections_may_come_in_files_of_their_own(database: Database, company_id: int) -> None:
    for name in ("factory", "product", "prices", "manufacturing"):
        load(database, company_id, section(name))
    with database.reading() as session:
        assert current_offer(session, company_id, "lamp", today=NOW.date()).product.code == "lamp"


# Each is refused against what is published: (file, what is said).
AGAINST_PUBLISHED = [
    ("prices", "colour.blue, ", "colour.azure, ", "colour.azure does not exist"),
    ("prices", "code: lamp_retail", "code: lamp_retail\n  colour: x", "this field is not known"),
    ("prices", "product: lamp", "product: sofa", "there is no product sofa; expected the product of this file or a published one: lamp"),
    ("manufacturing", "stage: fitting", "stage: mounting", "mounting does not exist"),
    ("manufacturing", "material: tube", "material: pipe", "pipe does not exist"),
    # what stays in force must fit what is changed
    ("product", "{id: blue, name: {zh: 蓝, en: Blue}}", "{id: green, name: {zh: 绿, en: Green}}", "the published price list lamp_retail would no longer fit: colour.blue does not exist"),
    ("product", "numbers: {width: 20}}", "numbers: {width: 20}}\n        - {id: huge, name: {zh: 巨, en: Huge}}\n        - {id: huge, name: {zh: 巨, en: Huge}}", "huge is given twice"),
    ("product", "{id: height, step", "{id: tallness, step", "the published routing of lamp would no longer fit: height does not exist"),
    ("factory", "stage: fitting, calendar", "stage: mounting, calendar", "the published routing of lamp would no longer fit: fitting does not exist"),
    ("factory", "blue: cold", "azure: cold", "the setup matrix paint does not know blue"),
    # operations may stand on lines and take materials
    ("factory", "        - {code: saw,", "        - {code: saw-2,", "the line saw is missing"),
    ("factory", "    - code: ulm", "    - code: bonn", "the plant ulm is missing"),
    ("factory", "        paint: {stock: 1000}\n", "", "the material paint is missing"),
]  # fmt: skip


@pytest.mark.parametrize("database_kind", ["sqlite"], indirect=True)
@pytest.mark.parametrize(("name", "old", "new", "said"), AGAINST_PUBLISHED)
def test_a_file_is_judged_with_what_is_published(
    database: Database, company_id: int, lamp: Loaded, name: str, old: str, new: str, said: str
) -> None:
    text = section(name)
    if name == "product":  # its own rules and presets follow the change, so that only what is published complains
        text = text.replace("colour: blue", "colour: red").replace("[blue, large]", "[red, large]")
        text = text.replace("        - [red, large]\n          - [red, large]", "        - [red, large]")
        text = text.replace("height > 40", "tallness > 40") if "tallness" in new else text
    assert old in text
    assert said in refused(database, company_id, text.replace(old, new))


def test_a_refused_file_leaves_nothing_though_most_of_it_is_good(database: Database, company_id: int) -> None:
    assert "takes" in refused(database, company_id, broken("takes: [tube]}", "takes: []}"))
    assert sum(counts(database).values()) == 0


@only_sqlite
def test_a_routing_needs_a_factory(database: Database, company_id: int) -> None:
    text = LAMP[: LAMP.index("factory:")]
    assert "there is no factory to make it" in refused(database, company_id, text)


@only_sqlite
def test_a_price_list_belongs_to_one_product(database: Database, company_id: int, lamp: Loaded) -> None:
    text = LAMP[: LAMP.index("factory:")].replace("  code: lamp\n", "  code: lantern\n")
    text = text.replace("product: lamp\n", "product: lantern\n")
    assert "the price list lamp_retail belongs to lamp" in refused(database, company_id, text)
    load(database, company_id, text.replace("code: lamp_retail", "code: lantern_retail"))


def test_a_routing_is_in_force_from_its_day_on(database: Database, company_id: int, lamp: Loaded) -> None:
    later = section("manufacturing").replace("2026-01-01", "2026-06-01").replace("minutes: 10,", "minutes: 12,")
    load(database, company_id, later)
    with database.reading() as session:
        before = current_offer(session, company_id, "lamp", today=date(2026, 5, 31))
        after = current_offer(session, company_id, "lamp", today=date(2026, 6, 1))
        with pytest.raises(NotOffered):
            current_offer(session, company_id, "lamp", today=date(2025, 12, 31))
    assert (before.manufacturing.routing[2].minutes, after.manufacturing.routing[2].minutes) == ("10", "12")
    # The one of today must still fit a new product, though it is not the newest.
    gone = section("product").replace(
        "{id: felt, name: {zh: 毛毡, en: Felt}}", "{id: cork, name: {zh: 软木, en: Cork}}"
    )
    load(database, company_id, gone)  # nobody named felt
    todays = section("manufacturing").replace("minutes: 8,", "minutes: 8 + feet.cork,")
    load(database, company_id, todays)
    load(database, company_id, later)
    assert "feet.cork does not exist" in refused(database, company_id, section("product"))
    both = section("product") + later.removeprefix("format: 1\n")  # the new routing does not need it, today's does
    assert "feet.cork does not exist" in refused(database, company_id, both.replace("2026-06-01", "2026-07-01"))
    load(database, company_id, both.replace("2026-06-01", "2026-03-01"))  # now it is in force at once


def test_two_companies_have_the_same_codes_and_nothing_in_common(
    database: Database, company_id: int, lamp: Loaded
) -> None:
    with database.writing() as session:
        other = Company(code="other", name="Other", zone="UTC", currency="EUR")
        session.add(other)
        session.flush()
        other_id = other.id or 0
    assert load(database, other_id, broken("amount: 49.90", "amount: 10")).prices.number == 1  # type: ignore[union-attr]
    with database.reading() as session:
        mine, theirs = (current_offer(session, one, "lamp", today=NOW.date()) for one in (company_id, other_id))
        with pytest.raises(NotOffered):
            offer_of(
                session, company_id, theirs.product_revision_id, theirs.price_list_revision_id,
                theirs.manufacturing_revision_id,
            )  # fmt: skip
    assert (mine.prices.items[0].amount, theirs.prices.items[0].amount) == ("49.90", "10")


# --- the factory ----------------------------------------------------------------------------------------------------


def stock_of(session: Session, code: str) -> tuple[int, list[tuple[datetime, int]]]:
    material = session.exec(select(Material).where(Material.code == code)).one()
    query = select(MaterialSupply).where(MaterialSupply.material_id == material.id)
    rows = session.exec(query.order_by(col(MaterialSupply.arrives_at))).all()
    return material.stock, [(row.arrives_at, row.quantity) for row in rows]


def test_supply_is_counted_from_the_plants_local_day_of_loading(database: Database, company_id: int) -> None:
    text = section("factory").replace(
        "      zone: Europe/Berlin\n      country", "      zone: Asia/Shanghai\n      country"
    )
    load(database, company_id, text)
    with database.reading() as session:
        stock, supply = stock_of(session, "tube")
    assert stock == 100
    midnight = [datetime(2026, 3, day - 1, 16, tzinfo=UTC) for day in (13, 20, 27)]  # in Shanghai, loaded on the 11th
    assert supply == [(midnight[0], 50), (midnight[1], 51), (midnight[2], 50)]  # both of the 20th are one arrival


def test_stock_changes_only_where_the_file_states_it_anew(database: Database, company_id: int, lamp: Loaded) -> None:
    with database.writing() as session:
        for material in session.exec(select(Material)).all():
            material.stock -= 30  # the floor has taken some
    faster = section("factory").replace("speed_percent: 80", "speed_percent: 90")
    load(database, company_id, faster)
    with database.reading() as session:
        assert [stock_of(session, code)[0] for code in ("tube", "paint")] == [70, 970]
        assert session.exec(select(Line.speed_percent).where(Line.code == "bench")).one() == 90
    load(database, company_id, faster.replace("paint: {stock: 1000}", "paint: {stock: 800}"))
    with database.reading() as session:
        assert [stock_of(session, code)[0] for code in ("tube", "paint")] == [70, 800]


def test_a_changed_factory_gives_its_plants_a_new_version(database: Database, company_id: int, lamp: Loaded) -> None:
    def version() -> int:
        with database.reading() as session:
            return session.exec(select(Plant.schedule_version)).one()

    first = version()
    load(database, company_id, LAMP)
    assert version() == first  # nothing is new
    load(database, company_id, section("factory").replace('end: "16:00"', 'end: "15:00"'))
    assert version() == first + 1


def test_rows_of_the_factory_keep_their_ids(database: Database, company_id: int, lamp: Loaded) -> None:
    def ids() -> list[list[int | None]]:
        with database.reading() as session:
            return [[row.id for row in session.exec(select(table)).all()] for table in (Plant, Line, Material)]

    before = ids()
    text = section("factory").replace("code: day", "code: shift").replace("calendar: day", "calendar: shift")
    text = text.replace("code: parcel", "code: express")
    load(database, company_id, text)
    assert ids() == before
    with database.reading() as session:  # what nothing uses any more is gone
        assert session.exec(select(Calendar.code)).all() == ["shift"]
        assert session.exec(select(Carrier.code)).all() == ["express"]


@only_sqlite
def test_a_plants_facts_are_the_same_from_the_file_and_from_the_rows(
    database: Database, company_id: int, lamp: Loaded
) -> None:
    from catalog.load import read_file

    factory = read_file(LAMP).factory
    assert factory is not None
    with database.reading() as session:
        assert plant_facts(session, plants_of(session, company_id)[0]) == facts_of(factory.plants[0])


# --- every script ---------------------------------------------------------------------------------------------------

SCRIPTS = {
    "Chinese": "无锡通勤自行车，骑得远。",
    "rare Chinese": "𠮷野家𪚥",
    "emoji": "🚲👩🏽‍🔧🇨🇳❤️",
    "right to left": "دراجة المدينة — אופני עיר",
    "NFC": unicodedata.normalize("NFC", "Zürich café Å"),
    "NFD": unicodedata.normalize("NFD", "Zürich café Å"),
    "Thai and Hindi": "จักรยาน साइकिल",
    "quotes": "“it's” \\ \" ' & <b> %(x)s {{ 7*7 }}",
}


def test_every_script_is_kept_byte_for_byte(database: Database, company_id: int) -> None:
    for words in SCRIPTS.values():
        quoted = '"' + words.replace("\\", "\\\\").replace('"', '\\"') + '"'
        new = f"description: {{zh: {quoted}, en: {quoted}}}"
        load(database, company_id, broken("description: {zh: 一盏灯, en: A lamp}", new))
        with database.reading() as session:
            product = current_offer(session, company_id, "lamp", today=NOW.date()).product
        assert product.description.zh.encode() == product.description.en.encode() == words.encode()


def test_composed_and_decomposed_letters_are_two_contents() -> None:
    from catalog.load import read_file

    both = [
        read_file(broken("en: A lamp}", f"en: {unicodedata.normalize(form, 'café')}}}")).product
        for form in ("NFC", "NFD")
    ]
    assert both[0] and both[1] and both[0].sha256() != both[1].sha256()


def test_all_catalog_tables_are_counted_above() -> None:
    ours = {m.class_.__name__ for m in SQLModel._sa_registry.mappers if m.class_.__module__.startswith("catalog.")}
    assert ours - {t.__name__ for t in TABLES} == {"Company", "Downtime", "Picture"}
