"""What a new revision makes of prices: totals of presets, open quotes and saved configurations."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Any

import pytest
from flask.testing import FlaskClient

from catalog.offer import Offer, current_offer
from catalog.rows import utc_now
from configurator import db
from configurator.jobs import run_job
from configurator.modelling import printed, submissions
from configurator.modelling.analyses import analysed
from configurator.modelling.effects import documents
from configurator.modelling.services import load_file
from configurator.modelling.totals import Priced, TotalKind, totals
from configurator.sales.configurations import Selection, save_configuration
from configurator.storefront.service import standing_completion
from solver.configuration.problem import Choose, Decision, Enter, GroupId, OptionId, ParameterId
from tests.catalog.small import LAMP, broken, section

pytestmark = pytest.mark.parametrize("database_kind", ["sqlite"], indirect=True)

RED = (Choose(GroupId("colour"), OptionId("red")), Choose(GroupId("shade"), OptionId("large")))
DEARER = section("prices").replace("amount: 5, cost", "amount: 7, cost")


@pytest.fixture
def offer(company_id: int) -> Offer:
    load_file(company_id, LAMP.encode(), actor_id=None)
    with db.reading() as session:
        return current_offer(session, company_id, "lamp", today=utc_now().date())


def saved(company_id: int, offer: Offer, *decisions: Decision, **texts: str) -> None:
    variant = standing_completion(offer, decisions, texts)
    with db.writing() as session:
        save_configuration(session, company_id, offer, Selection("lamp", decisions), variant)


def prices_of(company_id: int, text: str) -> dict[str, Any]:
    (product,) = analysed(company_id, text.encode(), seconds=30)["products"]
    found: dict[str, Any] = product["prices"]
    return found


def test_prices_alone_change_the_totals_of_what_has_them(company_id: int, offer: Offer) -> None:
    saved(company_id, offer, *RED, Enter(ParameterId("height"), 20), label="AB")
    found = prices_of(company_id, DEARER)
    (item,) = found["changed"]["rows"]
    assert (item["id"], item["old"]["amount"], item["new"]["amount"]) == ("blue", "5", "7")
    assert item["new"]["option"]["en"] == "Colour: Blue"
    of = found["totals"]
    assert (of["seen"], of["same"], of["dearer"], of["cheaper"], of["without"], of["unsettled"]) == (2, 1, 1, 0, 0, 0)
    (preset,) = of["other"]["rows"]
    assert (preset["kind"], preset["name"]["en"], preset["old"], preset["new"]) == ("preset", "Calm", 5740, 5940)
    assert preset["percent"] == 3.5 and of["country"] == "DE"


def test_a_saved_configuration_keeps_its_text_and_height(company_id: int, offer: Offer) -> None:
    saved(company_id, offer, *RED, Enter(ParameterId("height"), 20), label="AB")
    found = prices_of(company_id, section("prices").replace("0.5 * length(label)", "1.5 * length(label)"))
    (one,) = found["totals"]["other"]["rows"]
    assert (one["kind"], one["old"], one["new"]) == ("saved", 4990 + 250 + 400, 4990 + 250 + 600)


def test_rules_and_numbers_of_a_new_revision_count_too(company_id: int, offer: Offer) -> None:
    saved(company_id, offer, *RED, Enter(ParameterId("height"), 20))
    saved(company_id, offer, RED[0], Choose(GroupId("shade"), OptionId("small")), Enter(ParameterId("height"), 50))
    without_large = broken("          - [red, large]\n", "").replace("0.125 * height", "0.25 * height")
    of = prices_of(company_id, without_large)["totals"]
    assert (of["seen"], of["without"], of["dearer"]) == (3, 1, 2)  # red is no longer to be had with the large shade
    assert of["other"]["rows"][0]["new"] - of["other"]["rows"][0]["old"] == 625  # the high one comes first


def test_nothing_is_said_where_nothing_is_charged_otherwise(company_id: int, offer: Offer) -> None:
    assert prices_of(company_id, section("manufacturing")) is None
    same = prices_of(company_id, LAMP)
    assert same["changed"]["total"] == 0 and same["totals"]["other"]["total"] == 0
    other_money = prices_of(company_id, section("prices").replace("EUR", "CHF"))
    assert other_money["totals"]["dearer"] is None and other_money["totals"]["other"]["total"] == 1


def test_time_that_ends_is_said(company_id: int, offer: Offer) -> None:
    saved(company_id, offer, *RED)
    priced = Priced(offer.product, offer.compiled, offer.prices)
    with db.reading() as session:
        found = totals(priced, priced, documents(session, company_id, "lamp"), seconds=0.0)
        whole = totals(priced, priced, documents(session, company_id, "lamp"))
    assert found is not None and (found.totals, found.unsettled) == ((), 2)
    assert whole is not None and [one.kind for one in whole.totals] == [TotalKind.PRESET, TotalKind.SAVED]


def test_page_and_command_say_it(
    company_id: int, offer: Offer, login: Callable[..., FlaskClient]
) -> None:
    client, report = login("modeller"), analysed(company_id, DEARER.encode(), seconds=30)
    lines = list(printed.lines_of(report, "lamp.yaml"))
    assert "    blue: 5 EUR for colour.blue, cost 2 -> 7 EUR for colour.blue, cost 2" in lines
    assert "    preset Calm: 57.40 EUR -> 59.40 EUR (+3.5 %)" in lines
    sent = client.post("/modelling/submissions", data={"file": (io.BytesIO(DEARER.encode()), "lamp.yaml")})
    run_job(submissions.newest(company_id)[0].job_id or 0)
    page = client.get(sent.headers["Location"], headers={"Accept-Language": "en"}).text
    assert "1 item of lamp_retail is charged otherwise" in page and "€57.40" in page and "+€2.00" in page
