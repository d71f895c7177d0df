"""What a new revision breaks: open quotes and saved configurations, each with the change that mends it."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from sqlmodel import select

from catalog.load import read_file
from catalog.offer import Offer, current_offer
from catalog.rows import utc_now
from catalog.state import state
from configurator import db
from configurator.admin.models import User
from configurator.auth import Role, add_user
from configurator.jobs import run_job
from configurator.modelling import submissions
from configurator.modelling.effects import DocumentKind, Effects, documents, effects
from configurator.modelling.services import load_file
from configurator.sales.configurations import Configuration, Selection, save_configuration
from configurator.sales.quotes import Customer, decline_quote, quote_by_id, save_quote, send_quote
from configurator.storefront.service import standing_completion
from solver.configuration.compile import CompiledProblem, compile_problem
from solver.configuration.problem import Choose, Decision, Enter, GroupId, OptionId, ParameterId
from tests.catalog.small import LAMP, broken

pytestmark = pytest.mark.parametrize("database_kind", ["sqlite"], indirect=True)

RED = (Choose(GroupId("colour"), OptionId("red")), Choose(GroupId("shade"), OptionId("large")))
BLUE = (Choose(GroupId("colour"), OptionId("blue")), Choose(GroupId("shade"), OptionId("large")))
LOW = (Enter(ParameterId("height"), 20),)


@pytest.fixture
def offer(company_id: int) -> Offer:
    load_file(company_id, LAMP.encode(), actor_id=None)
    with db.reading() as session:
        return current_offer(session, company_id, "lamp", today=utc_now().date())


@pytest.fixture
def seller(company_id: int) -> int:
    with db.writing() as session:
        return add_user(session, company_id, "seller", "a long password", "Sam Seller", {Role.SALES}).id or 0


def saved(company_id: int, offer: Offer, decisions: tuple[Decision, ...], *, complete: bool = True) -> str:
    variant = standing_completion(offer, decisions, {})
    with db.writing() as session:
        selection = Selection("lamp", decisions)
        return save_configuration(session, company_id, offer, selection, variant if complete else None).token


def new(*changes: tuple[str, str]) -> CompiledProblem:
    text = LAMP
    for one in changes:
        assert one[0] in text
        text = text.replace(*one)
    file = read_file(text)
    assert file.product is not None
    return compile_problem(state(file.product))


def seen(company_id: int, compiled: CompiledProblem, **more: float) -> Effects:
    with db.reading() as session:
        found = documents(session, company_id, "lamp")
    return effects(compiled, found, **more)


STRICTER = ("          - [red, large]\n", "")  # red goes with small only


def test_a_saved_configuration_that_breaks_comes_with_its_best_change(company_id: int, offer: Offer) -> None:
    saved(company_id, offer, (*RED, *LOW))
    saved(company_id, offer, (*BLUE, *LOW))
    found = seen(company_id, new(STRICTER))
    assert (found.seen, found.unsettled) == (2, 0)
    (one,) = found.broken
    assert one.document.kind is DocumentKind.SAVED and one.rules == ("pairs",) and set(one.decisions) == set(RED)
    assert len(one.changes) == 1 and one.changes[0].old in RED


def test_what_no_longer_exists_is_named(company_id: int, offer: Offer) -> None:
    saved(company_id, offer, (*BLUE, *LOW))
    green = new(("- {id: blue, name: {zh: 蓝, en: Blue}}", "- {id: green, name: {zh: 绿, en: Green}}"),
                ("[blue, large]", "[green, large]"), ("colour: blue", "colour: green"),
                ("colour.blue", "colour.green"),
                ("red: warm, blue: cold", "red: warm, green: cold"))  # fmt: skip
    (one,) = seen(company_id, green).broken
    assert one.gone == (BLUE[0],) and one.changes == ()


def test_a_question_that_is_new_breaks_nothing(company_id: int, offer: Offer) -> None:
    saved(company_id, offer, (*RED, *LOW))
    options = "options: [{id: silk, name: {zh: 丝, en: Silk}}]"
    ribbon = f"    - {{id: ribbon, step: more, name: {{zh: 带, en: Ribbon}}, {options}}}\n"
    found = seen(company_id, new(("  parameters:\n", ribbon + "  parameters:\n")))
    assert (found.seen, found.broken) == (1, ())


def test_open_quotes_are_looked_at_and_settled_ones_are_not(company_id: int, offer: Offer, seller: int) -> None:
    variant = standing_completion(offer, (*RED, *LOW), {})
    customer = Customer("Carol", "carol@gamma.example", "DE", "en")
    ids = [
        save_quote(company_id, offer, Selection("lamp", (*RED, *LOW)), variant, customer, by=seller) for _ in range(3)
    ]
    for quote_id in ids[1:]:
        send_quote(company_id, quote_id, by=seller)
    decline_quote(company_id, quote_by_id(company_id, ids[2]).revision.token, "")
    found = seen(company_id, new(STRICTER))
    assert found.seen == 2
    assert sorted(one.document.number or "" for one in found.broken)[0] == ""  # the draft has none
    assert {one.document.kind for one in found.broken} == {DocumentKind.QUOTE}


def test_what_time_does_not_settle_is_counted(company_id: int, offer: Offer) -> None:
    saved(company_id, offer, (*RED, *LOW))
    found = seen(company_id, new(STRICTER), seconds=0)
    assert (found.seen, found.broken, found.unsettled) == (1, (), 1)


def test_the_report_of_a_file_says_what_breaks(company_id: int, offer: Offer) -> None:
    saved(company_id, offer, (*RED, *LOW))
    one = submissions.submit(company_id, "lamp.yaml", broken(*STRICTER).encode(), actor_id=None, seconds=20)
    run_job(one.job_id or 0)
    report = submissions.submission(company_id, one.id).report
    assert report is not None
    rows = report["products"][0]["effects"]["broken"]["rows"]
    assert [rule["en"] for rule in rows[0]["rules"]] == ["Blue goes with large."]
    assert rows[0]["changes"][0]["old"]["en"] in ("Colour: Red", "Shade: Large")


def test_another_company_s_documents_are_not_looked_at(
    company_id: int, offer: Offer, make_company: Callable[[], int]
) -> None:
    saved(company_id, offer, (*RED, *LOW))
    with db.reading() as session:
        assert documents(session, make_company(), "lamp") == ()
        assert session.exec(select(Configuration)).all() and session.exec(select(User)).all() == []


@pytest.fixture
def make_company(company_id: int) -> Callable[[], int]:
    from catalog.rows import Company

    def make() -> int:
        with db.writing() as session:
            row = Company(code="other", name="Other", zone="Europe/Berlin", currency="EUR")
            session.add(row)
            session.flush()
            return row.id or 0

    return make
