"""What a buyer sent goes with the order: to its page and confirmation, to sales and the floor, to nobody else."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlmodel import select

from catalog.rows import utc_now
from configurator import db
from configurator.auth import Role
from configurator.planning.models import ManufacturingOperation, ManufacturingOrder
from configurator.sales.configurations import Selection
from configurator.sales.documents import order_data
from configurator.sales.old_files import KEPT_FOR, forget_old_files
from configurator.sales.orders import order_by_token
from configurator.sales.uploads import keep_file
from configurator.sales.visitors import STRANGER
from configurator.storefront.service import standing_completion

PDF = b"%PDF-1.7\n<<>>\n%%EOF\n"
SAID = "our logo.pdf (1 kB)"


@pytest.fixture
def database_kind() -> str:
    """Files are rows like others: one database is enough."""
    return "sqlite"


@pytest.fixture
def ordered(shop):
    """`(token of the order, token of its file)`."""
    (content,) = shop.offer.product.uploads
    file, _holder = keep_file(shop.company_id, STRANGER, content, "our logo.pdf", PDF)
    texts = {"logo": file.answer}
    variant = standing_completion(shop.offer, (), texts)
    return shop.order(variant, selection=Selection("bicycle", texts=texts)).token, file.token


def test_an_order_keeps_its_file_and_shows_it_to_whoever_has_its_address(shop, app, ordered, settings) -> None:
    token, file = ordered
    assert forget_old_files(now=utc_now() + KEPT_FOR + timedelta(days=400)) == 0
    stranger = app.test_client()
    page = stranger.get(f"/orders/{token}").text
    assert SAID in page
    assert f"/orders/{token}/files/{file}" in page
    assert stranger.get(f"/orders/{token}/files/{file}").data == PDF
    assert stranger.get(f"/files/{file}").status_code == 404
    other = shop.order(key="key-2")
    assert stranger.get(f"/orders/{other.token}/files/{file}").status_code == 404
    view = order_by_token(shop.company_id, token)
    assert SAID in str(order_data(view, settings, "en"))
    assert any(item.name.en == "Your logo" for item in view.price.items)


def test_sales_and_the_floor_see_it_by_name_and_fetch_it(shop, ordered, login) -> None:
    token, file = ordered
    view = order_by_token(shop.company_id, token)
    page = login(Role.SALES).get(f"/sales/orders/{view.id}").text
    assert f'href="/files/{file}"' in page
    assert SAID in page
    with db.reading() as session:
        line = session.exec(
            select(ManufacturingOperation.line_id)
            .join(ManufacturingOrder, ManufacturingOrder.id == ManufacturingOperation.order_id)
            .where(ManufacturingOperation.operation == "engrave_logo")
        ).one()
    operator = login(Role.OPERATOR)
    page = operator.get(f"/floor/lines/{line}").text
    assert f'href="/files/{file}"' in page
    assert SAID in page
    assert operator.get(f"/files/{file}").data == PDF
