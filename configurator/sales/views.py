"""Quotes and orders at the desk, and the page behind a customer's quote link."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from typing import Any

from flask import Blueprint, Response, abort, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from flask_login import current_user
from markupsafe import Markup

from configurator.app import settings
from configurator.auth import Role, company_id, public, requires
from configurator.errors import DomainError, NotFound
from configurator.i18n import language, money, text_of
from configurator.sales import address_checks, orders, payments, quotes, refunds
from configurator.sales.changes import order_history
from configurator.sales.deeds import Deed, deeds_of
from configurator.sales.delivery import NotDelivered, WayOffer, ways_of
from configurator.sales.documents import payment_words, quote_pdf
from configurator.sales.forms import DeclineForm, QuoteForm, ReviseForm
from configurator.sales.models import OrderState, QuoteState, RefundCause
from configurator.sales.quotes import QuoteView
from configurator.sales.reasons import REASONS
from configurator.sales.visitors import HOUSE
from configurator.storefront import service as storefront
from configurator.storefront.address import link_to_choices, read_address
from configurator.storefront.drawings import draw
from configurator.storefront.forms import TestPaymentForm
from configurator.words import country_name

bp = Blueprint("sales", __name__)

BADGES = {
    QuoteState.DRAFT: ("neutral", "file"),
    QuoteState.SENT: ("info", "mail"),
    QuoteState.ACCEPTED: ("success", "check"),
    QuoteState.DECLINED: ("danger", "cross"),
    QuoteState.SUPERSEDED: ("neutral", "dot"),
    QuoteState.EXPIRED: ("warning", "clock"),
    OrderState.AWAITING_ADDRESS: ("warning", "mail"),
    OrderState.AWAITING_DEPOSIT: ("warning", "clock"),
    OrderState.CONFIRMED: ("info", "box"),
    OrderState.CLOSED: ("success", "check"),
    OrderState.CANCELLED: ("danger", "cross"),
}


REFUND_CAUSES = {
    RefundCause.CANCELLED: _l("the order was cancelled"),
    RefundCause.CHEAPER: _l("the order became cheaper"),
    RefundCause.OVERPAID: _l("more was paid than was asked for"),
}


def state_word(state: QuoteState | OrderState) -> str:
    """A document's state in words."""
    return {
        QuoteState.DRAFT: _("Draft"),
        QuoteState.SENT: _("Sent"),
        QuoteState.ACCEPTED: _("Accepted"),
        QuoteState.DECLINED: _("Declined"),
        QuoteState.SUPERSEDED: _("Replaced"),
        QuoteState.EXPIRED: _("Expired"),
        OrderState.AWAITING_ADDRESS: _("Waiting for the confirmed address"),
        OrderState.AWAITING_DEPOSIT: _("Waiting for the deposit"),
        OrderState.CONFIRMED: _("Confirmed"),
        OrderState.CLOSED: _("Completed"),
        OrderState.CANCELLED: _("Cancelled"),
    }[state]


@bp.app_context_processor
def _document_words() -> dict[str, Any]:
    return {"state_word": state_word, "state_badge": lambda state: BADGES[state], "country_name": _country}


def _country(code: str) -> str:
    return country_name(code, language())


# --- the desk ---------------------------------------------------------------------------------------------------------


@bp.get("/sales/")
@requires(Role.SALES)
def index() -> ResponseReturnValue:
    """The quotes."""
    search, state = request.args.get("q", ""), request.args.get("state", "")
    page = quotes.quotes_page(company_id(), search=search, state=state, page=_page_number())
    return render_template(
        "sales/quotes.html", page=page, search=search, state=state, states=list(QuoteState),
        zone=quotes.house_zone(company_id()),
    )


@bp.get("/sales/orders")
@requires(Role.SALES)
def order_list() -> ResponseReturnValue:
    search = request.args.get("q", "")
    page = orders.orders_page(company_id(), search=search, page=_page_number())
    return render_template("sales/orders.html", page=page, search=search, zone=quotes.house_zone(company_id()))


@bp.get("/sales/orders/<int:order_id>")
@requires(Role.SALES)
def order(order_id: int) -> ResponseReturnValue:
    view = orders.order_by_id(company_id(), order_id)
    return render_template(
        "sales/order.html", order=view, zone=quotes.house_zone(company_id()), draw=draw,
        history=order_history(company_id(), order_id), reasons=REASONS, payment_words=payment_words,
        deeds=[(deed, order_sentence(deed)) for deed in deeds_of(company_id(), "sales_order", order_id)],
    )


@bp.post("/sales/orders/<int:order_id>/deposit")
@requires(Role.SALES)
def deposit(order_id: int) -> ResponseReturnValue:
    """The money is here: the order can be made."""
    payments.mark_received(company_id(), order_id, by=current_user.id)
    flash(_("The deposit is received. The order can be made, and the customer is told."), "success")
    return redirect(url_for(".order", order_id=order_id))


@bp.post("/sales/orders/<int:order_id>/address")
@requires(Role.SALES)
def address(order_id: int) -> ResponseReturnValue:
    """We know by other means that the customer is real: the order can be made."""
    address_checks.confirm_by_hand(company_id(), order_id, by=current_user.id)
    flash(_("The address is noted as confirmed. The order can be made, and the customer is told."), "success")
    return redirect(url_for(".order", order_id=order_id))


@bp.get("/sales/refunds")
@requires(Role.SALES)
def refund_list() -> ResponseReturnValue:
    """What is to be paid back, or what was."""
    paid = request.args.get("state") == "paid"
    return render_template(
        "sales/refunds.html", page=refunds.refunds_page(company_id(), paid=paid, page=_page_number()), paid=paid,
        causes=REFUND_CAUSES, zone=quotes.house_zone(company_id()), pays_online=payments.pays_online,
    )


@bp.post("/sales/refunds/<int:refund_id>/paid")
@requires(Role.SALES)
def refund_paid(refund_id: int) -> ResponseReturnValue:
    """The money went back by hand."""
    refunds.mark_paid_back(company_id(), refund_id, by=current_user.id)
    flash(_("Noted as paid back, and the customer is told."), "success")
    return redirect(url_for(".refund_list"), 303)


@bp.post("/sales/refunds/<int:refund_id>/ask")
@requires(Role.SALES)
def refund_ask(refund_id: int) -> ResponseReturnValue:
    """Have the provider pay it back; the test provider does what the button says."""
    form = TestPaymentForm()
    if not form.validate_on_submit():
        raise NotFound(field="deed")
    deed = payments.TestDeed(form.deed.data)
    payments.have_paid_back(company_id(), refund_id, deed, secrets.token_urlsafe(16), by=current_user.id)
    flash(_("The payment provider was asked. What it answers is shown here."), "success")
    return redirect(url_for(".refund_list"), 303)


@bp.post("/sales/orders/<int:order_id>/start")
@requires(Role.SALES)
def start_at_once(order_id: int) -> ResponseReturnValue:
    """Nothing will be changed any more: what waits out its grace is made as early as possible."""
    if orders.start_at_once(company_id(), order_id, actor_id=current_user.id):
        flash(_("It is made as early as possible. The customer's promise stays."), "success")
    else:
        flash(_("Nothing of this order waits any more."), "info")
    return redirect(url_for(".order", order_id=order_id))


@bp.route("/sales/quotes/new/<product>", methods=["GET", "POST"])
@requires(Role.SALES)
def new_quote(product: str) -> ResponseReturnValue:
    """The configuration of the address, saved as a quote (or as the next revision of `quote-id`)."""
    offer = storefront.offer_for(company_id(), product)
    countries = storefront.countries(offer)
    reading = read_address(offer, request.args, countries=countries, country=countries[0])
    address = reading.address
    texts = storefront.typed_texts(company_id(), address.token, HOUSE)
    answered = storefront.click(offer, reading.decisions, country=address.country, texts=texts)
    if answered.refusal is not None:
        return redirect(f"/products/{product}?{address.query()}")
    revised = quotes.quote_by_id(company_id(), int(address.quote_id)) if address.quote_id else None
    form = _quote_form(revised, countries, address.country)
    _offer_ways(form, answered, (revised.customer.country,) if revised is not None else countries)
    status = 200
    # The button of the configuring page sends no field of ours: it asks for the form.
    if request.method == "POST" and "validity_days" in request.form:
        if form.validate_on_submit():
            try:
                return redirect(_save(form, revised, answered))
            except NotDelivered as error:
                form.way.errors = [_("This way does not lead to where the quote goes. Choose another one.")]
                status = error.status
            except DomainError as error:
                flash(error.message(), "error")
                status = error.status
        else:
            status = 422
    return render_template(
        "sales/new_quote.html", form=form, answered=answered, revised=revised,
        back=f"/products/{product}?{address.query()}",
        choices=quotes.readable_choices(offer.product, answered.standing), action=request.full_path.rstrip("?"),
    ), status


def _quote_form(revised: QuoteView | None, countries: tuple[str, ...], country: str) -> ReviseForm:
    if revised is not None:
        delivery = revised.revision.delivery
        return ReviseForm(validity_days=revised.validity_days, way=delivery.code if delivery is not None else "")
    form = QuoteForm(country=country, language=language())
    form.country.choices = [(code, _country(code)) for code in countries]
    form.invoice.form.offer_countries(countries)
    return form


def _offer_ways(form: ReviseForm, answered: storefront.Click, countries: Sequence[str]) -> None:
    """The ways of delivery by country, each with its price; none to choose where the company states none."""
    ways = ways_of(company_id())
    if not ways.stated:
        del form.way
        return
    choices: dict[str, list[tuple[str, str]]] = {_("Left open"): [("", _("The customer chooses with the order"))]}
    for country in countries:
        found = quotes.ways_to_quote(ways, answered.offer, answered.standing, country)
        if found:
            choices[_country(country)] = [(one.code, _way_words(one)) for one in found]
    form.way.choices = choices


def _way_words(way: WayOffer) -> str:
    price = money(way.price.gross, way.price.currency, way.price.exponent) if way.price.gross else _("free of charge")
    words = f"{text_of(way.name)} · {price}"
    return f"{words} ({', '.join(way.way.prefixes)})" if way.way.prefixes else words


def _save(form: ReviseForm, revised: QuoteView | None, answered: storefront.Click) -> str:
    choice = (answered.offer, answered.selection, answered.standing)
    days, way = form.validity_days.data or quotes.VALIDITY_DAYS, form.way.data or "" if form.way else ""
    if revised is not None:
        quotes.revise_quote(company_id(), revised.id, *choice, validity_days=days, way=way, by=current_user.id)
        return url_for(".quote", quote_id=revised.id)
    assert isinstance(form, QuoteForm)
    saved = quotes.save_quote(company_id(), *choice, form.customer(), validity_days=days, way=way, by=current_user.id)
    return url_for(".quote", quote_id=saved)


@bp.get("/sales/quotes/<int:quote_id>")
@requires(Role.SALES)
def quote(quote_id: int) -> ResponseReturnValue:
    view = quotes.quote_by_id(company_id(), quote_id, request.args.get("revision", type=int))
    deeds = quotes.history(company_id(), quote_id)
    return render_template(
        "sales/quote.html", quote=view, history=[(deed, sentence(deed)) for deed in deeds], change=_change_link(view),
        drawing=_drawing(view),
    )


def _change_link(view: QuoteView) -> str:
    """The configuring page with this revision's choices."""
    revision = view.revision
    return link_to_choices(
        revision.product.code, revision.decisions, view.customer.country,
        token=revision.configuration_token if revision.texts else "", quote_id=view.id,
    )


@bp.post("/sales/quotes/<int:quote_id>/send")
@requires(Role.SALES)
def send(quote_id: int) -> ResponseReturnValue:
    number = quotes.send_quote(company_id(), quote_id, by=current_user.id)
    flash(_("%(number)s is on its way to the customer.", number=number), "success")
    return redirect(url_for(".quote", quote_id=quote_id))


@bp.post("/sales/quotes/<int:quote_id>/revise")
@requires(Role.SALES)
def revise(quote_id: int) -> ResponseReturnValue:
    try:
        number = quotes.copy_revision(company_id(), quote_id, by=current_user.id)
    except NotDelivered:
        flash(
            _("Its way of delivery is no longer offered there. Choose another one with “Change and revise”."), "warning"
        )
        return redirect(url_for(".quote", quote_id=quote_id))
    flash(_("Revision %(number)s has today's price and date. Send it when it is right.", number=number), "success")
    return redirect(url_for(".quote", quote_id=quote_id))


@bp.post("/sales/quotes/<int:quote_id>/discard")
@requires(Role.SALES)
def discard(quote_id: int) -> ResponseReturnValue:
    is_there = quotes.discard_draft(company_id(), quote_id, by=current_user.id)
    flash(_("The draft is discarded."), "success")
    return redirect(url_for(".quote", quote_id=quote_id) if is_there else url_for(".index"))


@bp.get("/sales/quotes/<int:quote_id>/pdf")
@requires(Role.SALES)
def quote_document(quote_id: int) -> ResponseReturnValue:
    return _pdf(quotes.quote_by_id(company_id(), quote_id, request.args.get("revision", type=int)))


# --- the customer's link ----------------------------------------------------------------------------------------------


@bp.get("/quotes/<token>")
@public
def public_quote(token: str) -> ResponseReturnValue:
    view = quotes.quote_by_token(company_id(), token)
    return _public_page(view, DeclineForm())


@bp.get("/quotes/<token>/pdf")
@public
def public_document(token: str) -> ResponseReturnValue:
    """The link in it is the one that it was opened by: who has read the mail is believed, nobody else."""
    view, proof = quotes.quote_by_token(company_id(), token), request.args.get("proof", "")
    read = address_checks.proves(company_id(), proof, token, view.customer.mail, secret=settings().secret_key)
    return _pdf(view, proof if read else "")


@bp.post("/quotes/<token>/decline")
@public
def decline(token: str) -> ResponseReturnValue:
    form = DeclineForm()
    if not form.validate_on_submit():
        view = quotes.quote_by_token(company_id(), token)
        return _public_page(view, form), 422
    quotes.decline_quote(company_id(), token, form.comment.data or "")
    flash(_("Thank you for telling us. This quote is closed."), "success")
    return redirect(url_for(".public_quote", token=token))


def _public_page(view: QuoteView, form: DeclineForm) -> str:
    """`proof`: what the link in the quote's mail says beside its token; the checkout and the PDF look at it."""
    return render_template(
        "sales/public_quote.html", quote=view, form=form, drawing=_drawing(view), proof=request.args.get("proof"),
    )


# --- parts ------------------------------------------------------------------------------------------------------------


def _page_number() -> int:
    return request.args.get("page", 1, type=int)


def _drawing(view: QuoteView) -> Markup:
    return draw(view.revision.product, view.revision.variant, language())


def _pdf(view: QuoteView, proof: str = "") -> Response:
    if view.revision.sent_at is None:
        raise NotFound(field="revision")
    response = Response(quote_pdf(view, settings(), language(), proof), mimetype="application/pdf")
    response.headers["Content-Disposition"] = f'inline; filename="{view.number}-{view.revision.number}.pdf"'
    return response


def order_sentence(deed: Deed) -> str:
    """What was done to an order, as its history tells it; without an actor it was the customer."""
    match deed.action:
        case "order.placed":
            return _("%(who)s placed it.", who=deed.actor) if deed.actor else _("Placed by the customer.")
        case "order.changed":
            return _("%(who)s changed it.", who=deed.actor) if deed.actor else _("Changed by the customer.")
        case "order.cancelled":
            return _("%(who)s cancelled it.", who=deed.actor) if deed.actor else _("Cancelled by the customer.")
        case "deposit.received":
            return _("%(who)s marked the deposit as received.", who=deed.actor) if deed.actor else _(
                "The deposit was received."
            )
        case "deposit.lapsed":
            return _("Cancelled: the deposit did not come in time.")
        case "address.confirmed":
            return _("%(who)s noted the email address as confirmed.", who=deed.actor) if deed.actor else _(
                "The email address was confirmed."
            )
        case "order.assurance_changed" if deed.data.get("assurance") == "deposit":
            return _("It waits for a deposit instead of the confirmed address.")
        case "order.assurance_changed":
            return _("It waits for the confirmed address instead of a deposit.")
        case "address.proven":
            return _("The quote was accepted by the link in its mail, which confirms the email address.")
        case "address.sent" if deed.data.get("changed"):
            return _("The link to confirm the address went to another address.")
        case "address.sent":
            return _("The link to confirm the address was sent again.")
        case "address.lapsed":
            return _("Cancelled: the email address was not confirmed in time.")
        case "order.delivery_changed":
            return _("%(who)s changed its delivery.", who=deed.actor) if deed.actor else _(
                "Its delivery was changed by the customer."
            )
        case "refund.booked":
            return _("Money is owed back.")
        case "refund.asked":
            return _("%(who)s asked the payment provider to pay it back.", who=deed.actor)
        case "refund.paid":
            return _("%(who)s noted that it is paid back.", who=deed.actor) if deed.actor else _(
                "The payment provider paid it back."
            )
    return abort(500)


def sentence(deed: Deed) -> str:
    """A deed as history tells it."""
    who, number = deed.actor, deed.data.get("revision", "")
    match deed.action:
        case "quote.saved":
            return _("%(who)s saved revision %(number)s.", who=who, number=number)
        case "quote.revised":
            return _("%(who)s made revision %(number)s.", who=who, number=number)
        case "quote.discarded":
            return _("%(who)s discarded the draft of revision %(number)s.", who=who, number=number) if who else _(
                "The draft of revision %(number)s was discarded: the customer had accepted.", number=number
            )
        case "quote.sent":
            return _("%(who)s sent revision %(number)s.", who=who, number=number)
        case "quote.accepted":
            return _("The customer accepted revision %(number)s: order %(order)s.", number=number,
                     order=deed.data.get("order", ""))
        case "quote.declined":
            return _("The customer declined revision %(number)s.", number=number)
        case "quote.expired":
            return _("Revision %(number)s expired.", number=number)
    return abort(500)
