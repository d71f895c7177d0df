"""What people see of an order that two plants make: planner, floor, buyer and sales, at both ends of the transport."""

from __future__ import annotations

import json
from datetime import datetime, timedelta

import pytest
from sqlmodel import select

from catalog.price import quote_price
from catalog.rows import utc_now
from configurator import db
from configurator.planning.models import ManufacturingOperation, ManufacturingOrder, Transfer
from configurator.planning.reports import finish_operation, start_operation
from configurator.sales.buyers import Buyer
from configurator.sales.configurations import Selection
from configurator.sales.models import SalesOrder
from configurator.sales.orders import Shown, place_order
from tests.configurator.planning.two_plants import lamp_house

pytestmark = pytest.mark.parametrize("database_kind", ["sqlite"], indirect=True)
BUYER = Buyer("Anna", "anna@example.com", "", "Weg 1", "10115", "Berlin", "DE", "en")


@pytest.fixture
def sent(company_id):
    """The part's order, the one that goes on with it, and the sales order of a lamp that was bought."""
    house = lamp_house(company_id)
    house.stop("ulm", "weld-1")
    variant = house.variant("small", "red")
    price = quote_price(house.offer.prices, house.offer.problem, variant, country="DE")
    shown = Shown(price.gross, price.currency, house.forecast().arrives_on + timedelta(days=1))
    place_order(
        company_id, house.offer, Selection("lamp"), variant, BUYER, shown, scope="test", key="key-1"
    )
    with db.reading() as session:
        transfer = session.exec(select(Transfer)).one()
        part, order = (session.get_one(ManufacturingOrder, key) for key in (transfer.part_order_id, transfer.order_id))
        return part, order, session.exec(select(SalesOrder)).one()


def test_both_orders_lead_to_one_another_and_to_the_loading_list(sent, login):
    part, order, _ = sent
    planner = login("planner")
    for one, other in ((part, order), (order, part)):
        page = planner.get(f"/planning/orders/{one.id}?lang=en").text
        assert f'href="/planning/orders/{other.id}"' in page and other.number in page
    assert 'href="/planning/transports"' in planner.get(f"/planning/orders/{part.id}").text
    assert 'href="/planning/transports"' in planner.get("/planning/").text
    listed = planner.get("/planning/transports?lang=en").text
    assert f">{part.number}<" in listed and f">{order.number}<" in listed and "Bonn to Ulm" in listed
    assert "灯架" in planner.get("/planning/transports?lang=zh").text
    why = planner.get(f"/planning/orders/{order.id}/why?lang=en").text
    assert "waits for the transport of" in why and "from Bonn" in why and f">{part.number}<" in why


def test_the_board_has_a_bar_for_the_way_between_the_plants(sent, login):
    part, order, _ = sent
    planner = login("planner")
    page = planner.get("/planning/?lang=en").text
    rows = json.loads(page.partition('id="timeline-lines">')[2].partition("<")[0])
    titles = {row["id"]: row["title"] for row in rows}
    with db.reading() as session:
        transfer = session.exec(select(Transfer)).one()
    days = {"start": transfer.leaves_at - timedelta(days=1), "end": transfer.arrives_at + timedelta(days=1)}
    query = {name: at.isoformat() for name, at in days.items()}
    (bar,) = [row for row in planner.get("/planning/board.json", query_string=query).json
              if "is-transport" in row["classNames"]]
    assert titles[bar["resourceIds"][0]] == "Bonn to Ulm"
    assert list(titles).index(bar["resourceIds"][0]) == list(titles).index(f"plant-{part.plant_id}") + 1
    assert [datetime.fromisoformat(bar[name]) for name in ("start", "end")] == [transfer.leaves_at, transfer.arrives_at]
    assert {f"order-{part.id}", f"order-{order.id}", "is-planned"} <= set(bar["classNames"])
    assert bar["extendedProps"]["address"] == f"/planning/orders/{part.id}"
    table = planner.get(f"/planning/operations?lang=en&day={transfer.leaves_at:%Y-%m-%d}").text
    assert "Bonn to Ulm" in table and part.number in table and order.number in table
    with db.writing() as session:
        late = session.get_one(ManufacturingOrder, part.id)
        late.completes_at = late.dispatch_at + timedelta(minutes=1)
    rows = planner.get("/planning/board.json", query_string=query | {"lang": "en"}).json
    (bar,) = [row for row in rows if "is-transport" in row["classNames"]]
    assert "is-breaks-promise" in bar["classNames"] and "Misses the transport" in bar["extendedProps"]["words"]


def test_a_part_that_is_not_ready_in_time_is_marked_at_both_ends(sent, login):
    part, order, _ = sent
    with db.writing() as session:
        late = session.get_one(ManufacturingOrder, part.id)
        late.completes_at = late.dispatch_at + timedelta(minutes=1)
    planner = login("planner")
    for one in (part, order):
        assert "it is not ready then" in planner.get(f"/planning/orders/{one.id}?lang=en").text


def test_the_buyer_and_sales_see_every_step_where_it_is_made_and_the_way_between(sent, client, login):
    _, _, sales = sent
    page = client.get(f"/orders/{sales.token}?lang=en").text
    assert "From Bonn to Ulm" in page and "of 4 steps" in page
    assert page.index("Grind") < page.index("From Bonn") < page.index("Wire")
    answer = client.get(f"/api/v1/orders/{sales.token}").json
    made = {one["name"]["en"]: one["plant"]["en"] for unit in answer["units"] for one in unit["making"]["operations"]}
    assert made == {"Weld": "Bonn", "Grind": "Bonn", "Wire": "Ulm", "Fit": "Ulm"}
    assert "Bonn to Ulm" in login("sales").get(f"/sales/orders/{sales.id}?lang=en").text


def test_the_floor_waits_for_the_part_and_says_when_it_comes(sent, login):
    part, _, _ = sent
    with db.reading() as session:
        rows = {row.operation: row for row in session.exec(select(ManufacturingOperation)).all()}
    start_operation(part.company_id, rows["wire"].id)
    finish_operation(part.company_id, rows["wire"].id)
    operator = login("operator")
    line = f"/floor/lines/{rows['fit'].line_id}?lang=en"
    assert f"Wait: Lamp frame ({part.number}) comes from Bonn" in operator.get(line).text
    assert f"/operations/{rows['fit'].id}/start" not in operator.get(line).text
    for code in ("weld", "grind"):
        start_operation(part.company_id, rows[code].id)
        finish_operation(part.company_id, rows[code].id)
    with db.writing() as session:
        session.exec(select(Transfer)).one().leaves_at = utc_now() - timedelta(minutes=1)
    page = operator.get(line).text  # it has left; whoever has it in hand earlier may go on
    assert f"On its way: Lamp frame ({part.number}) from Bonn" in page
    assert f"/operations/{rows['fit'].id}/start" in page
