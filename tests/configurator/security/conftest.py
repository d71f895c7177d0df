"""A house with one of everything in it, everybody who could ask, and fingerprints of every row."""

from __future__ import annotations

from collections.abc import Callable
from hashlib import sha256

import pytest
from apiflask import APIFlask
from flask.testing import FlaskClient
from sqlmodel import select

from catalog.factory import Line, Plant
from catalog.offer import current_offer
from catalog.pictures import pictures_of, store_picture
from catalog.rows import utc_now
from configurator import db, outbox
from configurator.auth import Role, add_user
from configurator.config import Settings
from configurator.jobs import Job
from configurator.modelling.models import Submission
from configurator.planning.models import ManufacturingOperation, Proposal
from configurator.sales.accounts import account_link
from configurator.sales.address_checks import PAUSE, signed_link
from configurator.sales.carts import Trust, add_item
from configurator.sales.configurations import Selection, save_configuration
from configurator.sales.models import AddressCheck, DeliveryWay, QuoteRevision, Refund, SalesOrder
from configurator.sales.payment_terms import TO_CONFIRM
from configurator.sales.payment_terms import configure as configure_payments
from configurator.sales.quotes import Customer, save_quote, send_quote
from configurator.sales.visitors import STRANGER
from configurator.storefront.drafts import save_draft
from configurator.storefront.service import standing_completion
from tests.catalog.small import DOT
from tests.configurator.security.house import NOBODY, VISITOR, Documents, buyer, order_for
from tests.conftest import SECRET


@pytest.fixture
def documents(factory: int) -> Documents:
    """Two orders of two people (the second one's address to be confirmed), a sent quote and a draft, a job that failed,
    a proposal, a file handed in, a cart.
    """
    order = order_for(factory, buyer("Alice Alpha", "alice@alpha.example", phone="+49 111 222"), "alice")
    configure_payments(Settings(guest_deposit_from=1, bank_account="Test House · Test Bank · DE00 1234"))
    other = order_for(
        factory, buyer("Bob Beta", "bob@beta.example", phone="+49 333 444"), "bob", not_before=utc_now() + TO_CONFIRM
    )
    configure_payments(Settings())
    with db.reading() as session:
        offer = current_offer(session, factory, "bicycle")
    variant = standing_completion(offer, (), {})
    with db.writing() as session:
        seller = add_user(session, factory, "seller", "a long password", "Sam Seller", {Role.SALES}).id
        saved = save_configuration(session, factory, offer, Selection("bicycle"), variant)
        configuration_token = saved.token
    assert seller is not None
    customer = Customer("Carol Gamma", "carol@gamma.example", "CN", "en")
    quotes = [save_quote(factory, offer, Selection("bicycle"), variant, customer, by=seller) for _ in range(2)]
    send_quote(factory, quotes[0], by=seller)
    with db.writing() as session:
        store_picture(session, factory, "dot.svg", DOT)
    draft = save_draft(factory, STRANGER, "For the hallway", offer, Selection("bicycle"), "CN")
    cart = add_item(factory, "", offer, Selection("bicycle"), variant, "CN", trust=Trust.STRANGER)
    with db.writing() as session:
        quote_token = session.exec(select(QuoteRevision.token).where(QuoteRevision.quote_id == quotes[0])).one()
        plant = session.exec(select(Plant.id).order_by(Plant.id)).first()  # type: ignore[arg-type]
        job = Job(
            company_id=factory, kind="optimise", state="failed", arguments={"plant_id": plant}, ended_at=utc_now()
        )
        remedy = {
            "kind": "move", "overtime": [], "deliveries": [], "orders": [], "operations": [], "completion": 0,
            "enough": True, "gained": 60, "broken": [], "later": [], "tardiness": 0, "cost": 2.0, "moved": 1,
            "placements": {"MO-gone/coat": ["wuxi/paint-1", 0, 60]},
        }  # fmt: skip
        made = session.exec(select(ManufacturingOperation.order_id)).first()
        helping = Job(
            company_id=factory, kind="remedies", state="done", arguments={"order_id": made},
            result={"completes": 0, "remedies": [remedy]}, ended_at=utc_now(),
        )  # fmt: skip
        played = Job(
            company_id=factory, kind="simulate", arguments={
                "plant_id": plant, "weeks": 1, "spread": 0, "breakdowns": 0,
                "policies": [{"buffer": 60, "moving": True, "improve": True}],
            },
        )  # fmt: skip
        session.add_all((job, helping, played))
        session.flush()
        same = {"broken": 0, "over": 0, "late": [], "tardiness": 0, "setup": 0, "makespan": 0}
        submission = Submission(
            company_id=factory, filename="lamp.yaml", data=b"format: 1", sha256=sha256(b"format: 1").hexdigest(),
            job_id=job.id,
        )
        session.add(submission)
        proposal = Proposal(
            company_id=factory, plant_id=plant, job_id=job.id, base_version=0, placements={}, before=same, after=same
        )
        session.add(proposal)
        session.flush()
        way = DeliveryWay(  # a retired one: whoever orders here has nothing to choose
            company_id=factory, kind="carrier", name={"zh": "快递", "en": "Parcel"}, country="CN", postal_prefixes=[],
            transit_days=3, cutoff="16:00", working_days=["mon"], currency="CNY", steps=[["0", "0"]],
            retired_at=utc_now(),
        )
        refund = Refund(
            company_id=factory, sales_order_id=session.exec(select(SalesOrder.id)).first(), number=1,
            provider="transfer", reference="SO-R1", amount_minor=100, cause="overpaid",
        )
        check = session.exec(select(AddressCheck)).one()
        check.sent_at -= 2 * PAUSE
        session.add_all([way, refund])
        session.flush()
        ids = {
            "way_id": way.id, "refund_id": refund.id,
            "code": "bicycle", "product": "bicycle", "configuration_token": configuration_token, "quote_id": quotes[1],
            "sent_quote_id": quotes[0],
            "submission_id": submission.id, "analysis_token": submission.token,
            "user_id": seller, "job_id": job.id, "plant_id": plant, "proposal_id": proposal.id,
            "provider": "transfer", "cart_token": cart.token,
            "draft_token": draft.token, "draft_holder": draft.holder, "item_id": cart.item_id,
            "digest": pictures_of(session, factory)["dot.svg"],
            "file": "A" * 22, "question": "logo",
            "account_link": account_link(factory, "erik@epsilon.example", {}, secret=SECRET),
            "link": signed_link(factory, check.sales_order_id, "bob@beta.example", secret=SECRET),
            "search_id": helping.id, "simulation_id": played.id, "position": 0, "number": 1,
            "order_id": session.exec(select(SalesOrder.id)).first(),
            "mail_id": session.exec(select(outbox.OutboxMail.id)).first(),
            "line_id": session.exec(select(Line.id)).first(),
            "operation_id": session.exec(select(ManufacturingOperation.id)).first(),
        }
    return Documents(order, other, quote_token, ids)


@pytest.fixture
def who(app: APIFlask, login: Callable[..., FlaskClient]) -> Callable[[str], FlaskClient]:
    """`who("planner")`: the client of a principal."""
    return lambda name: app.test_client() if name == VISITOR else login() if name == NOBODY else login(name)


