"""A guest's order above a value, as browsers without scripts meet it: the choice, the link elsewhere, the words."""

from __future__ import annotations

import re
from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest
from sqlmodel import select

from configurator import db
from configurator.config import Settings
from configurator.outbox import OutboxMail
from configurator.sales import payment_terms
from configurator.sales.address_checks import MOST_SENDS, lapse_unconfirmed
from configurator.sales.mails import message_of
from configurator.sales.models import AddressCheck, SalesOrder
from tests.configurator.storefront.test_cart_views import ADDRESS, hidden, put_in

ASSURANCE = re.compile(r'id="assurance-(\w+)" name="assurance" value="\w+"( checked)?')
EXCHANGE = ("shown_deposit", "shown_date")


@pytest.fixture(autouse=True)
def _of_guests(app) -> Iterator[None]:
    payment_terms.configure(Settings(guest_deposit_from=1000, bank_account="Test House · Test Bank · DE00 1234"))
    yield
    payment_terms.configure(Settings())


def one(table):
    with db.reading() as session:
        return session.exec(select(table)).one()


def ordered(client) -> str:
    """Order a bicycle, with the address to be confirmed by a link; the order's page."""
    put_in(client)
    shown = hidden(client.get("/cart/checkout").text)
    answer = client.post("/cart/checkout", data=ADDRESS | shown | {"assurance": "address"})
    assert answer.status_code == 303, answer.text
    return answer.location


def link_of(app, language: str = "en") -> str:
    """The path of the link in the newest mail that has one."""
    with db.reading() as session:
        mail = session.exec(select(OutboxMail).where(OutboxMail.template == "address_check")).all()[-1]
    text = message_of(mail.model_copy(update={"locale": language}), app.config["SETTINGS"]).get_body().get_content()
    parts = urlsplit(re.search(r"https?://\S+/confirm/\S+", text)[0])
    return f"{parts.path}?{parts.query}"


@pytest.mark.parametrize("checkout", ["/cart/checkout", "order"])
def test_both_ways_are_offered_with_their_dates_and_another_choice_is_shown_before_it_is_ordered(
    client, factory, checkout
):
    if checkout == "order":
        checkout = client.post("/products/bicycle/order?ship-to=CN").location
    else:
        put_in(client)
    page = client.get(checkout).text
    assert ASSURANCE.findall(page) == [("address", " checked"), ("deposit", "")]
    seen = hidden(page)
    assert seen["shown_deposit"] == "0"
    for unseen in ({}, {"assurance": "deposit"}, {"assurance": "nonsense"}):  # not what the page said
        answer = client.post(checkout, data=ADDRESS | seen | unseen)
        assert answer.status_code == 409 and 'role="alert"' in answer.text
    looked = client.post(checkout, data=ADDRESS | seen | {"assurance": "deposit", "look": "1"}).text
    assert ASSURANCE.findall(looked) == [("address", ""), ("deposit", " checked")]
    later = hidden(looked)
    assert int(later["shown_deposit"]) > 0 and later["shown_date"] > seen["shown_date"]
    assert 'value="Ring 1"' in looked
    placed = client.post(checkout, data=ADDRESS | later | {"assurance": "deposit"})
    assert "DE00 1234" in client.get(placed.location).text


@pytest.mark.parametrize(("language", "says"), [("en", "Did you order this?"), ("zh", "这是您下的订单吗？")])
def test_the_link_works_in_another_browser_and_looking_at_it_confirms_nothing(app, client, factory, language, says):
    place = ordered(client)
    page = client.get(f"{place}?lang=en").text
    assert "Waiting for your confirmed address" in page and "dora@delta.example" in page and "/confirm/" not in page
    other, link = app.test_client(), link_of(app, language)
    assert says in other.get(link).text and says in other.get(link).text
    assert one(SalesOrder).state == "awaiting_address"
    confirmed = other.post(link)
    assert (confirmed.status_code, confirmed.location) == (303, place)
    assert one(SalesOrder).state == "confirmed"
    assert "confirmed on" in client.get(place).text
    again = other.post(link)  # once: then it leads to the order
    assert again.status_code == 409 and place in again.text and place in other.get(link).text


def test_a_wrong_and_an_old_link_say_so_and_what_to_do(app, client, factory):
    place = ordered(client)
    link = link_of(app).partition("?")[0]
    for wrong in (f"{link}A", link[:-3], "/confirm/nonsense", f"/confirm{place.removeprefix('/orders')}"):
        for answer in (client.get(f"{wrong}?lang=en"), client.post(f"{wrong}?lang=en")):
            assert answer.status_code == 404 and "open the link in our latest mail" in answer.text
            assert "SO-2" not in answer.text and "dora" not in answer.text
    assert client.post(link, csrf=False).status_code == 400  # only the page's own button
    lapse_unconfirmed(now=one(AddressCheck).due_at)
    for answer in (client.get(f"{link}?lang=en"), client.post(f"{link}?lang=en")):
        assert answer.status_code == 410 and "You can order again at any time" in answer.text
        assert f'href="{place}/items/1/again"' in answer.text  # the same choices, at today's price and date
    page = client.get(place).text
    assert "not confirmed in time" in page and "Send the link again" not in page


def test_it_is_sent_again_to_a_corrected_address_a_few_times(app, client, factory):
    place = ordered(client)
    first = link_of(app)
    wrong = client.post(f"{place}/address?lang=en", data={"mail": "dora@"})
    assert wrong.status_code == 422 and 'value="dora@"' in wrong.text and "not an email address" in wrong.text
    for number in range(MOST_SENDS - 1):
        sent = client.post(f"{place}/address", data={"mail": f"dora{number}@delta.example"}, follow_redirects=True)
        assert f"on its way to dora{number}@delta.example" in sent.text
    full = client.post(f"{place}/address", data={"mail": "dora@delta.example"}, follow_redirects=True).text
    assert "several times" in full and "Send the link again" not in full
    assert client.get(first).status_code == 404
    assert client.post(link_of(app)).location == place


def test_the_order_page_offers_a_deposit_instead_and_says_what_that_means(app, client, factory):
    place = ordered(client)
    page = client.get(f"{place}?lang=en").text
    assert "Pay a deposit instead" in page and "It is then promised for" in page and "DE00 1234" not in page
    link, shown = link_of(app), hidden(page, EXCHANGE) | {"assurance": "deposit"}
    lied = client.post(f"{place}/assurance", data=shown | {"shown_deposit": "1"})
    assert lied.status_code == 409 and "look at the deposit again" in lied.text and "Pay a deposit instead" in lied.text
    for broken in ({"assurance": "gift"}, {"shown_date": "soon"}, {"shown_deposit": "-1"}):
        answer = client.post(f"{place}/assurance", data=shown | broken)
        assert answer.status_code == 422 and "look at the offer once more" in answer.text
    assert one(SalesOrder).state == "awaiting_address"  # nothing of all that has changed it
    page = client.post(f"{place}/assurance", data=shown, follow_redirects=True).text
    assert "Waiting for the deposit" in page and "DE00 1234" in page and "Send the link again" not in page
    assert "You chose something else that the order waits for." in page
    for answer in (client.get(link), client.post(link)):  # nothing is confirmed by a link that is not needed
        assert answer.status_code == 409 and f'href="{place}"' in answer.text and "no longer needed" in answer.text
    back = hidden(page, EXCHANGE) | {"assurance": "address"}
    page = client.post(f"{place}/assurance", data=back, follow_redirects=True).text
    assert "Waiting for your confirmed address" in page and "DE00 1234" not in page
    assert client.post(link_of(app)).location == place and one(SalesOrder).state == "confirmed"
