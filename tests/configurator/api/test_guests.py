"""Programs order above a guest's value: what is waited for is said, chosen, confirmed and sent again, with codes."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from sqlmodel import select

from configurator import db
from configurator.config import Settings
from configurator.outbox import OutboxMail
from configurator.sales import payment_terms
from configurator.sales.address_checks import lapse_unconfirmed, signed_link
from configurator.sales.models import AddressCheck, SalesOrder
from tests.conftest import SECRET

pytestmark = pytest.mark.parametrize("database_kind", ["sqlite"], indirect=True)


@pytest.fixture(autouse=True)
def _of_guests(app) -> Iterator[None]:
    payment_terms.configure(Settings(guest_deposit_from=1000, bank_account="Test House · Test Bank · DE00 1234"))
    yield
    payment_terms.configure(Settings())


def link_of(number: str) -> str:
    with db.reading() as session:
        order = session.exec(select(SalesOrder).where(SalesOrder.number == number)).one()
    return signed_link(1, order.id, "lilei@example.com", secret=SECRET)


def test_a_promise_says_what_is_waited_for_and_each_choice_is_ordered_as_it_says(program, order_body, place) -> None:
    body = order_body()
    asked = {"variant": body["variant"], "country": "CN"}
    by_link = program.post("/api/v1/products/bicycle/promise", json=asked).get_json()
    by_money = program.post("/api/v1/products/bicycle/promise", json=asked | {"assurance": "deposit"}).get_json()
    assert (by_link["assurance"], by_link["deposit_minor"]) == ("address", 0)
    assert by_money["assurance"] == "deposit" and by_money["deposit_minor"] > 0
    assert [(one["kind"], one["arrives_on"]) for one in by_link["assurances"]] == [
        ("address", by_link["date"]["arrives_on"]), ("deposit", by_money["date"]["arrives_on"]),
    ]
    early = place(body | {"assurance": "deposit"})
    assert (early.status_code, early.get_json()["error"]["code"]) == (409, "date_lost")
    for assurance, promised, state in (
        ("", by_link, "awaiting_address"), ("address", by_link, "awaiting_address"),
        ("deposit", by_money, "awaiting_deposit"),
    ):
        shown = body["shown"] | {"arrives_on": promised["date"]["arrives_on"]}
        placed = place(body | {"shown": shown} | ({"assurance": assurance} if assurance else {}))
        assert placed.status_code == 201, placed.text
        tracked = program.get(f"/api/v1/orders/{placed.get_json()['token']}").get_json()
        assert (tracked["state"], tracked["waits_for"]["kind"]) == (state, state.removeprefix("awaiting_"))


def test_a_link_is_confirmed_once_and_every_no_has_its_code(program, order_body, place) -> None:
    def confirm(link: str):
        answer = program.post("/api/v1/confirmations", json={"link": link})
        return answer.status_code, answer.get_json().get("error", {}).get("code") or answer.get_json()["state"]

    first, second = place(order_body()).get_json(), place(order_body()).get_json()
    link, late = link_of(first["number"]), link_of(second["number"])
    assert confirm(first["token"]) == confirm(f"{link}x") == (404, "link_unknown")
    assert confirm(link) == (200, "confirmed")
    assert confirm(link) == (409, "link_used")
    assert program.get(f"/api/v1/orders/{first['token']}").get_json()["waits_for"] is None
    with db.reading() as session:
        due = max(row.due_at for row in session.exec(select(AddressCheck)).all())
    lapse_unconfirmed(now=due)
    assert confirm(late) == (410, "link_over")


def test_the_link_is_sent_again_to_who_has_the_orders_token(program, order_body, place) -> None:
    token = place(order_body()).get_json()["token"]

    def again(mail: str, order: str = token):
        answer = program.post("/api/v1/confirmation-mails", json={"order": order, "mail": mail})
        return answer.status_code, answer.get_json().get("error", {}).get("code")

    assert again("lilei@example.com") == (429, "too_many_mails")  # it went out just now
    assert again("lilei@example.com", token[::-1]) == (404, "not_found")
    assert again("li@") == (422, "invalid_input")
    assert again("hanmei@example.com") == (202, None)
    with db.reading() as session:
        mails = session.exec(select(OutboxMail.template)).all()
    assert mails == ["address_check"] * 2


def test_what_is_waited_for_is_exchanged_as_offered_and_every_no_has_its_code(program, order_body, place) -> None:
    token = place(order_body()).get_json()["token"]

    def tracked():
        return program.get(f"/api/v1/orders/{token}").get_json()

    def exchange(**changes):
        other = tracked()["waits_for"]["instead"]
        said = {name: other[name] for name in ("kind", "amount_minor", "arrives_on")}
        answer = program.post("/api/v1/assurances", json={"order": token} | said | changes)
        return answer.status_code, answer.get_json().get("error", {}).get("code") or answer.get_json()["state"]

    before = tracked()
    offered = before["waits_for"]["instead"]
    assert offered["kind"] == "deposit" and offered["arrives_on"] > before["promise"]["arrives_on"]
    assert exchange(amount_minor=offered["amount_minor"] + 1) == (409, "deposit_changed")
    assert exchange(arrives_on=before["promise"]["arrives_on"]) == (409, "date_lost")
    assert exchange(kind="nothing") == (422, "invalid_input")
    assert exchange(order=token[::-1]) == (404, "not_found")
    assert exchange() == (200, "awaiting_deposit")
    after = tracked()
    assert after["promise"]["arrives_on"] == offered["arrives_on"]
    assert after["waits_for"]["instead"]["arrives_on"] == before["promise"]["arrives_on"]
    old = program.post("/api/v1/confirmations", json={"link": link_of(after["number"])})
    assert (old.status_code, old.get_json()["error"]["code"]) == (409, "link_replaced")
