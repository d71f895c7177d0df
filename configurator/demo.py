"""The demo house: a factory, its products, one person a role, and a book of orders that a seed decides.

Orders are drawn from the catalog: wishes weighted by popularity, completed to valid variants, exploded, inserted into
the plants' books. Then a painting line stands still for some hours, so that the planner has something to do, and the
clock is rolled to the present. What is stored has passed the judges, or nothing is.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from importlib.resources import files
from pathlib import Path
from random import Random
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import insert, update
from sqlmodel import Session, col, select

from catalog.factory import Downtime, Material, Plant, line_key, lines_of, plants_of
from catalog.load import load_catalog
from catalog.offer import Offer, current_offer
from catalog.pictures import beside, store_picture
from catalog.products import GroupContent, ParameterContent, Product, ProductContent
from catalog.reckon import Reckoning
from catalog.rows import Company, utc_now
from catalog.state import default_decisions, preset_decisions
from configurator import db
from configurator.auth import add_user, demo_logins
from configurator.config import Settings
from configurator.numbers import draw_number
from configurator.planning.books import PlantBook, apply_placements, plant_book, read_rows
from configurator.planning.clock import roll_locked
from configurator.planning.forecasts import Destination, Forecast
from configurator.planning.margins import margins_of, write_margins
from configurator.planning.models import ManufacturingOperation, ManufacturingOrder, Transfer
from configurator.planning.options import configure
from configurator.planning.promise import best_each, manufacturing_order, operation_rows, zone_of
from configurator.planning.quoting import ASKED, NOBODYS, exploded
from configurator.planning.records import instant, renamed, renamed_placements, second
from configurator.planning.transfers import part_number
from configurator.sales.buyers import Invoicing, keep_bill_to
from configurator.sales.configurations import Configuration, decisions_to_json, judged, variant_to_json
from configurator.sales.models import DeliveryKind, DeliveryWay, SalesOrder, SalesOrderItem
from configurator.sales.parties import Party
from configurator.sales.terms import margin_columns, price_columns, price_for, price_items, promise_columns
from solver.configuration.check import answers, is_asked
from solver.configuration.complete import complete
from solver.configuration.problem import Choose, Decision, Enter, GroupId, OptionId, ParameterId, Variant
from solver.configuration.question import Clock
from solver.scheduling.check import violations
from solver.scheduling.problem import Second, WorkOrder
from solver.scheduling.roll import RollingBook
from solver.scheduling.schedule import Schedule

Show = Callable[..., None]  # what is being done, how much of it is done, of how much

FAMILIES = "families"  # the folder of catalog files: the factory, and what it makes
FACTORY = "factory.yaml"
HISTORY = timedelta(hours=30)  # how long the factory has been at work when the demo opens
SOON_DAYS = 2.2  # mean of the days that most buyers leave until their order is to be started
MADE = 0.3  # orders that are made already when the demo opens, for each one that is open
LATER = 0.14  # share of orders for one of the next three weeks
GRACE_MINUTES = 120  # of the demo house
STANDSTILL = timedelta(minutes=120)
WORKS = timedelta(days=12)  # that planned works on a line last yet
ENOUGH = 300  # open orders for which the factory's stock is enough; for more it has more
VARIANTS = 400  # of a product are drawn at most
PATIENT = 10.0  # seconds for one answer of the configuration engine: on a busy machine too, the seed alone decides


class SeedRefused(RuntimeError):
    """A judge found something against the seeded house; nothing was stored."""


@dataclass(frozen=True, slots=True)
class Customer:
    """Somebody who orders in the demo."""

    name: str
    mail: str
    street: str
    postal_code: str
    city: str
    country: str
    locale: str


PEOPLE = {
    "buyer": "王芳", "sales": "李娜", "planner": "陈伟", "operator": "赵强", "modeller": "Jonas Weber",
    "administrator": "Anna Krause",
}
SURNAMES = "王李张刘陈杨赵黄周吴徐孙马朱胡郭何林罗高梁郑谢宋唐许韩冯邓曹彭曾"
GIVEN = (
    "伟", "芳", "娜", "敏", "静", "磊", "洋", "艳", "勇", "军", "杰", "涛", "明", "超", "秀英", "建国", "雨桐", "子涵",
    "浩然", "思远", "晓燕", "志强", "文博", "佳怡", "梓轩", "若曦", "一诺", "天佑",
)
CITIES = (
    ("无锡市滨湖区", "太湖大道", "214000"), ("上海市徐汇区", "衡山路", "200030"),
    ("杭州市西湖区", "文三路", "310012"), ("成都市武侯区", "人民南路", "610041"),
    ("北京市海淀区", "中关村大街", "100080"), ("深圳市南山区", "深南大道", "518052"),
    ("南京市鼓楼区", "中山北路", "210003"), ("苏州市工业园区", "金鸡湖大道", "215021"),
)
GERMANS = (
    "Lena Hoffmann", "Paul Schneider", "Mia Fischer", "Ben Wagner", "Clara Becker", "Emil Schulz", "Ida Koch",
    "Felix Richter", "Greta Wolf", "Oskar Neumann",
)
GERMAN_CITIES = (
    ("Freiburg", "Wiehrestraße", "79100"), ("Münster", "Hammer Straße", "48153"),
    ("Leipzig", "Karl-Heine-Straße", "04229"), ("Bremen", "Humboldtstraße", "28203"),
)
INVOICED = {  # the newest order of each country is a company's
    "CN": Invoicing(
        company="无锡湖畔建设有限公司", tax_number="91350100M000100Y43", purchase_order="HP-2026-0117",
        name="财务部",
    ),
    "DE": Invoicing(
        company="Wolf & Richter Bau GmbH", tax_number="DE 123456789", purchase_order="4500-1182",
        name="Buchhaltung", street="Am Speicher 4", postal_code="28195", city="Bremen", country="DE",
    ),
}
ENGRAVINGS = (
    "风驰", "Greta", "骑着去看海", "LUNA 2026", "周末见", "Emil & Ida", "小满", "No. 7", "慢慢来，比较快", "Rosinante",
    "平安", "追光", "Lena", "山高水长", "Feierabend", "子涵的车",
)

_WEEK = ["mon", "tue", "wed", "thu", "fri"]


def _way(
    kind: DeliveryKind, zh: str, en: str, country: str, transit_days: int, *steps: list[str], prefixes: str = "",
    cutoff: str = "16:00", days: list[str] = _WEEK,
) -> dict[str, Any]:
    return {
        "kind": kind.value, "name": {"zh": zh, "en": en}, "country": country, "postal_prefixes": prefixes.split(),
        "transit_days": transit_days, "cutoff": cutoff, "working_days": days, "steps": list(steps),
    }


_WAYS = (
    _way(DeliveryKind.CARRIER, "标准配送", "Standard delivery", "CN", 3, ["0", "90"], ["3000", "0"]),
    _way(DeliveryKind.CARRIER, "特快专递", "Express", "CN", 1, ["0", "260"], days=[*_WEEK, "sat"]),
    _way(DeliveryKind.OWN, "自有货车送货上门", "Our own truck, carried in", "CN", 2, ["0", "180"], ["8000", "90"],
         prefixes="20 21 22 23 30 31 32 33", cutoff="14:00"),
    _way(DeliveryKind.PICKUP, "工厂自提", "Pick-up at the plant", "CN", 0, ["0", "0"], cutoff="17:00"),
    _way(DeliveryKind.CARRIER, "国际标准运输", "Standard freight", "DE", 10, ["0", "480"], ["12000", "0"]),
    _way(DeliveryKind.CARRIER, "国际空运特快", "Air express", "DE", 4, ["0", "1680"], ["12000", "980"]),
    _way(DeliveryKind.PICKUP, "由贵方货代到工厂提货", "Pick-up at the plant by your forwarder", "DE", 0, ["0", "0"],
         cutoff="17:00"),
)


_WORKS = {
    "wuxi/cabinets-1": "电控车间改造 · Electrical workshop is refitted",
    "chengdu/bench-1": "试验台检定 · Test bench is calibrated",
}


def seed(
    settings: Settings,
    *,
    orders: int = 300,
    seed: int = 2026,
    progress: Show = lambda *_: None,
) -> None:
    """Fill an empty database, in one transaction: the same seed and instant give the same house.

    `orders`: about so many are open; some more are made already. `progress(what, done, total)` is told what is done.
    Raises SeedRefused if a judge finds something against it.
    """
    configure(settings)
    random = Random(seed)  # noqa: S311 - not for secrets
    now = utc_now().replace(microsecond=0)
    with db.writing() as session:
        progress("Products and factory")
        company_id = _company(session, now)
        write_margins(session, company_id, replace(margins_of(session, company_id), grace=GRACE_MINUTES))
        offers = _offers(session, company_id)
        if orders > ENOUGH:
            more = Material.stock * math.ceil(orders / ENOUGH)
            session.execute(update(Material).where(col(Material.company_id) == company_id).values(stock=more))
        progress("People")
        _people(session, company_id)
        began = now - HISTORY
        _plan_works(session, company_id, now)
        # Their orders are firm when they are released, and their schedules have no version while they are filled.
        books = [
            replace(
                plant_book(session, read_rows(session, plant.id or 0, now=began), now.date()), version=NOBODYS,
                margins=replace(margins_of(session, company_id), grace=0),
            )
            for plant in plants_of(session, company_id)
        ]
        shares = [1 / _hours_a_line(offer, books) for offer in offers]
        variants: dict[str, list[Variant]] = {}
        wanted = [_wanted(random, offers, shares, began, variants) for _ in range(round(orders * (1 + MADE)))]
        drawn: list[Drawn] = []
        for order in sorted(wanted, key=lambda order: order.placed_at):
            drawn.append(_inserted(session, order, books))
            progress("Orders", len(drawn), len(wanted))
        progress("Writing")
        _store(session, company_id, drawn, books)
        for plant in plants_of(session, company_id):
            progress("Judging")
            _stand_still(session, plant, began, now)
            _judge(session, plant, began)
            roll_locked(session, plant, now, reports_itself=True)
            _judge(session, plant, now)


def _company(session: Session, now: datetime) -> int:
    name = "清风定制 Qingfeng Made to Order"
    company = Company(code="demo", name=name, zone="Asia/Shanghai", currency="CNY", locale="zh")
    session.add(company)
    session.flush()
    company_id = db.id_of(company)
    folder = [file for file in files("catalog").joinpath(FAMILIES).iterdir() if file.name.endswith(".yaml")]
    for file in sorted(folder, key=lambda file: (file.name != FACTORY, file.name)):
        load_catalog(session, company_id, file.read_bytes(), loaded_at=now)
        for name, data in beside(Path(str(file))).items():
            store_picture(session, company_id, name, data)
    session.add_all(DeliveryWay(company_id=company_id, currency="CNY", **way) for way in _WAYS)
    return company_id


def _plan_works(session: Session, company_id: int, now: datetime) -> None:
    """A line of each plant stands still for some days, known before anybody orders: one plant works for the other."""
    for plant in plants_of(session, company_id):
        for line in lines_of(session, plant):
            if (reason := _WORKS.get(line_key(plant, line))) is not None:
                session.add(Downtime(
                    company_id=company_id, line_id=db.id_of(line), starts_at=now - timedelta(hours=12),
                    ends_at=now + WORKS, reason=reason,
                ))
    session.flush()


def _offers(session: Session, company_id: int) -> list[Offer]:
    codes = session.exec(select(Product.code).where(Product.company_id == company_id).order_by(Product.code)).all()
    return [current_offer(session, company_id, code) for code in codes]


def _people(session: Session, company_id: int) -> None:
    for role, login, password in demo_logins():
        # No language of their own: whoever tries the demo keeps the one that the pages have spoken so far.
        add_user(session, company_id, login, password, PEOPLE[role.value], {role}, locale="")


# --- what is ordered --------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Wanted:
    """Somebody wants a variant, to be started on `release` or later."""

    offer: Offer
    variant: Variant
    customer: Customer
    placed_at: datetime
    release: datetime
    priority: int


@dataclass(frozen=True, slots=True)
class Drawn:
    """An order with its slots and the promise that was told. `part`: of what another plant makes of it."""

    wanted: Wanted
    number: str
    pegging_key: str
    forecast: Forecast
    order: WorkOrder
    plant: PlantBook
    part: Drawn | None = None


def _hours_a_line(offer: Offer, books: Sequence[PlantBook]) -> float:
    """How long the product's usual variant keeps the busiest kind of line of all plants busy.

    Products are ordered in inverse proportion to it, so that none of them fills the factory.
    """
    usual = complete(offer.compiled, (), prefer=default_decisions(offer.product), seconds=PATIENT)
    lines: Counter[str] = Counter()
    seconds: dict[str, int] = {}
    for plant in books:
        for stage, facts in plant.facts.stages.items():
            lines[stage] += len(facts)
        if (order := exploded(offer, usual, plant)) is not None:
            stages = {fact.line: stage for stage, facts in plant.facts.stages.items() for fact in facts}
            for operation in order.operations:
                stage = stages[operation.modes[0].line]
                seconds[stage] = max(seconds.get(stage, 0), operation.modes[0].duration)
    return max(seconds[stage] / lines[stage] for stage in seconds) / 3600


def _wanted(
    random: Random, offers: Sequence[Offer], shares: Sequence[float], began: datetime, drawn: dict[str, list[Variant]]
) -> Wanted:
    """`drawn`: the variants of each product so far; once there are very many, they are ordered again."""
    (offer,) = random.choices(offers, shares)
    known = drawn.setdefault(offer.product.code, [])
    days = random.uniform(6, 19) if random.random() < LATER else min(18.0, random.expovariate(1 / SOON_DAYS))
    release = began + timedelta(minutes=round(days * 24 * 60))
    placed_at = min(release, began) - timedelta(minutes=random.randint(5, 9 * 24 * 60))
    priority = 3 if random.random() < 0.1 else 1
    variant = random.choice(known) if len(known) >= VARIANTS else _variant(random, offer)
    known.append(variant)
    return Wanted(offer, variant, _customer(random), placed_at, release, priority)


def _variant(random: Random, offer: Offer) -> Variant:
    """A valid variant near to wishes that popularity has weighted, a third of them beginning with a preset.

    What is asked only beside some answers is wished for once these are there.
    """
    content = offer.product
    wishes: dict[str, Decision] = {}
    for group in content.groups:
        if group.minimum == group.maximum == 1:
            wishes[group.id] = Choose(GroupId(group.id), OptionId(_popular(random, group)))
    for parameter in content.parameters:
        wishes[parameter.id] = Enter(ParameterId(parameter.id), _usual(random, parameter))
    if content.presets and random.random() < 0.33:
        for decision in preset_decisions(content, random.choice(content.presets).id):
            if not isinstance(decision, Choose) or decision.group != GroupId(content.groups[1].id):
                wishes[decision.question] = decision
    conditions = {str(group.id): group.when for group in offer.problem.groups}
    conditions |= {str(parameter.id): parameter.when for parameter in offer.problem.parameters}
    given: tuple[Decision, ...] = ()
    for name in offer.compiled.names.number:  # a measure of many values is not given up for an option
        if conditions[name] is None and offer.compiled.possible((*given, wishes[name]), Clock.of(PATIENT)):
            given = (*given, wishes.pop(name))
    usual = [wish for name, wish in wishes.items() if conditions[name] is None]
    variant = complete(offer.compiled, given, prefer=usual, seconds=PATIENT)
    found = answers(offer.problem, variant)
    asked = [wish for name, wish in wishes.items() if is_asked(conditions[name], found)]
    if len(asked) < len(wishes):
        variant = complete(offer.compiled, given, prefer=asked, seconds=PATIENT)
    return judged(offer, replace(variant, texts=_texts(random, content)))


def _usual(random: Random, parameter: ParameterContent) -> int:
    """A number: the default three times out of ten, else any that can be entered, those near to it oftener."""
    values = range(parameter.minimum, parameter.maximum + 1, parameter.step_size)
    usual = parameter.default if parameter.default is not None else values[len(values) // 2]
    if random.random() < 0.3:
        return usual
    drawn = random.triangular(values[0], values[-1], usual)
    return values[min(len(values) - 1, round((drawn - values[0]) / parameter.step_size))]


def _popular(random: Random, group: GroupContent) -> str:
    """An option: the default four times as often as the first after it, each further one a little less."""
    options = [option.id for option in group.options]
    weights = [4.0 if option == group.default else 1.6 / (1 + place / 4) for place, option in enumerate(options)]
    return random.choices(options, weights)[0]


def _texts(random: Random, content: ProductContent) -> dict[str, str]:
    return {
        text.id: random.choice([words for words in ENGRAVINGS if text.accepts(words)])
        for text in content.texts if text.requires is None and random.random() < 0.3
    }


def _customer(random: Random) -> Customer:
    number = random.randint(1, 188)
    if random.random() < 0.12:
        name = random.choice(GERMANS)
        city, street, postal_code = random.choice(GERMAN_CITIES)
        mail = f"{name.lower().replace(' ', '.')}{number}@example.com"
        return Customer(name, mail, f"{street} {number}", postal_code, city, "DE", "en")
    name = random.choice(SURNAMES) + random.choice(GIVEN)
    city, street, postal_code = random.choice(CITIES)
    mail = f"buyer{random.randint(1000, 9999)}@example.com"
    return Customer(name, mail, f"{street} {number} 号", postal_code, city, "CN", "zh")


# --- when it is made --------------------------------------------------------------------------------------------------


def _inserted(session: Session, wanted: Wanted, books: Sequence[PlantBook]) -> Drawn:
    """The earliest slots of the best plant, or of two for one order, committed to their books."""
    to = Destination(wanted.customer.country, zone_of(wanted.customer.country))
    firm = Second(-(-second(wanted.release) // 60) * 60)
    (forecast,) = best_each(books, wanted.offer, [Reckoning(wanted.offer.problem, wanted.variant)], to, firm)
    if forecast is None:
        raise SeedRefused(f"No plant can make an order that is to start at {wanted.release}.")
    company_id = wanted.offer.company_id
    year = wanted.placed_at.astimezone(ZoneInfo("Asia/Shanghai")).year
    number, key = draw_number(session, company_id, "MO", year), draw_number(session, company_id, "SO", year)
    part = None
    if forecast.part is not None:
        part = _committed(wanted, part_number(number), key, forecast.part.forecast, books)
    return replace(_committed(wanted, number, key, forecast, books), part=part)


def _committed(
    wanted: Wanted, number: str, pegging_key: str, forecast: Forecast, books: Sequence[PlantBook]
) -> Drawn:
    """One order in its plant's book."""
    plant = next(plant for plant in books if plant.plant_id == forecast.plant_id)
    order = replace(
        renamed(forecast.work_order, number), release=second(wanted.release), due=second(forecast.promise_at),
        promise=second(forecast.dispatch_at), weight=wanted.priority,
    )
    plant.book.commit(order, renamed_placements(forecast.placements, ASKED, number), forecast.moved)
    return Drawn(wanted, number, pegging_key, forecast, order, plant)


def _stand_still(session: Session, plant: Plant, began: datetime, now: datetime) -> None:
    """The plant's first line with setups stands still for some working hours, beyond the frozen horizon.

    What stood there makes room, so that some orders are late now. Promises stay as they were told.
    """
    rows = read_rows(session, plant.id or 0, now=began)
    line = next((line for line in rows.problem.lines if line.setups is not None), None)
    if line is None or plant != plants_of(session, plant.company_id)[-1]:
        return
    earliest = second(now + timedelta(minutes=plant.frozen_minutes + 30))
    window = next(w for w in line.windows if w.end - max(w.start, earliest) >= STANDSTILL.total_seconds())
    starts_at = instant(max(window.start, earliest))
    session.add(Downtime(
        company_id=plant.company_id, line_id=rows.line_ids[line.id], starts_at=starts_at,
        ends_at=starts_at + STANDSTILL, reason="喷枪更换 · Spray gun replaced",
    ))
    session.flush()
    rows = read_rows(session, plant.id or 0, now=began)
    moved = RollingBook(rows.problem, rows.placements).repair()
    apply_placements(rows.operations, rows.orders, rows.line_ids, moved)
    session.flush()


def _judge(session: Session, plant: Plant, at: datetime) -> None:
    rows = read_rows(session, plant.id or 0, now=at)
    if faults := violations(rows.problem, Schedule(rows.placements)):
        raise SeedRefused("; ".join(f"{v.kind} {v.subject}: {v.what}" for v in faults[:5]))


# --- writing ----------------------------------------------------------------------------------------------------------


def _store(session: Session, company_id: int, drawn: Sequence[Drawn], books: Sequence[PlantBook]) -> None:
    """Manufacturing orders with their operations, parties, configurations, sales orders."""
    every = [*drawn, *(one.part for one in drawn if one.part is not None)]
    made = [manufacturing_order(one.wanted.offer, one.order, one.forecast, one.pegging_key) for one in every]
    standing = [tuple(one.plant.book.held(one.order.id).placements.values()) for one in every]  # later ones moved some
    for row, one, placements in zip(made, every, standing, strict=True):
        row.created_at = one.wanted.placed_at
        row.completes_at = instant(max(placement.end for placement in placements))
    _add(session, made)
    operations: list[dict[str, Any]] = []
    for row, one, placements in zip(made, every, standing, strict=True):
        operations += operation_rows(one.wanted.offer, one.order, placements, row, one.plant)
    if operations:
        session.execute(insert(ManufacturingOperation), operations)
    _add(session, _transfers(company_id, drawn, {row.number: db.id_of(row) for row in made}))
    _store_sales(session, company_id, drawn, made[: len(drawn)])
    for book in books:
        session.get_one(Plant, book.plant_id).schedule_version += 1
    session.flush()


def _transfers(company_id: int, drawn: Sequence[Drawn], ids: Mapping[str, int]) -> list[Transfer]:
    """The way of each part to the order that goes on with it."""
    return [
        Transfer(
            company_id=company_id, part_order_id=ids[one.part.number], order_id=ids[one.number], part=way.part,
            name=dict(way.name), leaves_at=way.leaves_at, arrives_at=way.arrives_at,
        )
        for one in drawn if one.part is not None and (way := one.forecast.part) is not None
    ]


def _store_sales(
    session: Session, company_id: int, drawn: Sequence[Drawn], made: Sequence[ManufacturingOrder]
) -> None:
    parties = [_party(company_id, one.wanted.customer) for one in drawn]
    configurations = [_configuration(company_id, one.wanted) for one in drawn]
    _add(session, parties)
    _add(session, configurations)
    currency = session.get_one(Company, company_id).currency
    prices = [price_for(one.wanted.offer, one.wanted.variant, one.wanted.customer.country) for one in drawn]
    orders = [
        SalesOrder(
            company_id=company_id, number=one.pegging_key, customer_id=db.id_of(party), ship_to_id=db.id_of(party),
            locale=one.wanted.customer.locale, placed_at=one.wanted.placed_at, **price_columns(price),
            **margin_columns(one.wanted.offer, one.wanted.variant, currency), **promise_columns(one.forecast),
        )
        for one, party, price in zip(drawn, parties, prices, strict=True)
    ]
    _add(session, orders)
    _invoice_companies(session, drawn, orders)
    _add(session, [
        SalesOrderItem(
            company_id=company_id, sales_order_id=db.id_of(order), configuration_id=db.id_of(configuration),
            price_items=price_items(price), net_minor=price.net, tax_minor=price.tax, gross_minor=price.gross,
            arrives_on=order.arrives_on, pegging_key=order.number, manufacturing_order_id=db.id_of(row),
        )
        for order, configuration, price, row in zip(orders, configurations, prices, made, strict=True)
    ])


def _invoice_companies(session: Session, drawn: Sequence[Drawn], orders: Sequence[SalesOrder]) -> None:
    for country, invoice in INVOICED.items():
        there = [order for one, order in zip(drawn, orders, strict=True) if one.wanted.customer.country == country]
        if there:
            newest = max(there, key=lambda order: (order.placed_at, order.number))
            newest.bill_to_id = keep_bill_to(session, newest.company_id, invoice)
            newest.purchase_order = invoice.purchase_order


def _add(session: Session, rows: Sequence[Any]) -> None:
    session.add_all(rows)
    session.flush()


def _party(company_id: int, customer: Customer) -> Party:
    return Party(
        company_id=company_id, name=customer.name, mail=customer.mail, street=customer.street,
        postal_code=customer.postal_code, city=customer.city, country=customer.country,
        zone=zone_of(customer.country), locale=customer.locale,
    )


def _configuration(company_id: int, wanted: Wanted) -> Configuration:
    offer, variant = wanted.offer, wanted.variant
    decisions = tuple(
        Choose(group, option) for group, options in variant.chosen.items() for option in sorted(options)
    )
    return Configuration(
        company_id=company_id, product_code=offer.product.code, product_revision_id=offer.product_revision_id,
        price_list_revision_id=offer.price_list_revision_id,
        manufacturing_revision_id=offer.manufacturing_revision_id, decisions=decisions_to_json(decisions),
        texts=dict(variant.texts), variant=variant_to_json(variant), created_at=wanted.placed_at,
    )

