"""The shop: products, configuring, checkout, tracking. Open to everybody."""

from __future__ import annotations

import secrets
import socket
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from urllib.parse import urlencode

from flask import Blueprint, Response, flash, make_response, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_login import current_user

from catalog.offer import Offer
from catalog.rows import utc_now
from configurator.app import INERT, settings
from configurator.aside import Busy
from configurator.auth import Role, actor_id, company_id, public
from configurator.errors import DateLost, DomainError, InvalidInput, NoDate, NotFound, PriceChanged, QuoteNotOpen
from configurator.i18n import language, text_of
from configurator.sales import payments
from configurator.sales.accounts import profile
from configurator.sales.address_checks import proves
from configurator.sales.assurances import WAITS_FOR, exchange_of
from configurator.sales.buyers import Buyer
from configurator.sales.carts import books_beside
from configurator.sales.changes import NotChangeable, cancel_until, order_history
from configurator.sales.choices import readable_choices
from configurator.sales.configurations import query_of, selection_from_query
from configurator.sales.delivery import NotDelivered, ShipTo, WayOffer
from configurator.sales.documents import order_pdf, payment_words
from configurator.sales.orders import earlier_order, order_by_token, place_order
from configurator.sales.payment_terms import Assurance, assurance_of
from configurator.sales.quotes import Customer, quote_by_token
from configurator.sales.reasons import REASONS
from configurator.sales.redelivery import other_ways
from configurator.storefront import pictures, service
from configurator.storefront.address import SHIP_TO, Reading, from_compact, read_address
from configurator.storefront.columns import (
    budget_of,
    currency_symbol,
    day_of,
    faults_of,
    missed_of,
    needs_of,
    table_of,
)
from configurator.storefront.drawings import draw
from configurator.storefront.forms import CheckoutForm, MailForm, TestPaymentForm
from configurator.storefront.present import (
    country_name,
    date_of_page,
    dates_of,
    joined,
    page_of,
    said,
    text_fault_words,
)
from configurator.storefront.service import Checkout, Click
from configurator.storefront.start import Wanted, compared, suggest
from configurator.storefront.visiting import cart_token, visitor
from configurator.turns import Turns

bp = Blueprint("storefront", __name__)
LOOK = "look"  # the button that asks for other terms and orders nothing
LONGER = "longer"  # what `find-start` says where the time of a page did not suffice

# Seconds for the dates of all options: a click hardly waits for them, a page without scripts has them from the start.
DATES_OF_A_CLICK, DATES_OF_A_PAGE, DATES_LATER = 0.12, 0.4, 3.0
PATIENCE = 0.5  # seconds that a click waits for others

_turns = Turns(PATIENCE)


@bp.get("/")
@public
def index() -> ResponseReturnValue:
    """The products on offer."""
    wanted = request.args.get(SHIP_TO, "")
    shelves = service.shelf(company_id(), wanted, guest=_guest())
    return render_template(
        "storefront/index.html", shelves=shelves, country=wanted, draw=draw, lang=language(), ship_to=SHIP_TO
    )


@bp.get("/pictures/<string(length=64):digest>")
@public
def picture(digest: str) -> ResponseReturnValue:
    """A picture of an option. Its address says what it is, so it can be kept for good; nothing in it may act."""
    media_type, data = pictures.picture(company_id(), digest)
    response = Response(data, mimetype=media_type)
    response.headers["Cache-Control"] = "public, max-age=31536000, immutable"
    response.headers["Content-Security-Policy"] = INERT
    return response


# --- configuring ------------------------------------------------------------------------------------------------------


@bp.get("/products/<product>")
@public
@_turns.each
def configure(product: str) -> ResponseReturnValue:
    """The configuring page: every decision is in its address."""
    offer, reading = read(product)
    answered = answer_to(offer, reading)
    page = _page(answered, reading, dates_seconds=DATES_OF_A_PAGE)
    return render_template("storefront/configure.html", page=page, offer=offer)


@bp.get("/products/<product>/choose")
@public
@_turns.each
def choose(product: str) -> ResponseReturnValue:
    """The part of the configuring page that a click changes."""
    offer, reading = read(product)
    return _part(answer_to(offer, reading), reading)


@bp.get("/products/<product>/dates")
@public
@_turns.each
def dates(product: str) -> ResponseReturnValue:
    """The date differences that a click did not wait for."""
    offer, reading = read(product)
    found = dates_of(answer_to(offer, reading), dates_seconds=DATES_LATER)
    return render_template("storefront/_dates.html", dates=found)


@bp.post("/products/<product>/earlier")
@public
def earlier(product: str) -> ResponseReturnValue:
    """A second thought: the factory is searched for an earlier date, until the buyer clicks on."""
    offer, reading = read(product)
    answered = answer_to(offer, reading)
    part = bool(request.headers.get("HX-Request"))
    try:
        thought = service.second_thought(answered, stop=hung_up)
    except Busy:
        if part:
            return "", 204
        flash(_("Somebody else's date is being looked for. Please try again in a moment."), "info")
    else:
        arrives, note = date_of_page(thought)
        if part:
            found = thought.date is not None and thought.date.at_once is not None
            cards = dates_of(thought, dates_seconds=DATES_OF_A_PAGE) if found else None
            return render_template("storefront/_earlier.html", arrives=arrives, note=note, dates=cards)
        if thought.date is not None:
            flash(
                _("Other orders make room: it can arrive on %(date)s.", date=arrives) if thought.date.at_once else
                _("There is no earlier date than %(date)s.", date=arrives), "info",
            )
    return redirect(f"{url_for('.configure', product=product)}?{reading.address.query()}", 303)


def hung_up() -> bool:
    """Whether the browser has given up waiting for this answer."""
    connection = request.environ.get("gunicorn.socket")
    if connection is None:
        return False
    try:
        return not connection.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT)
    except (BlockingIOError, InterruptedError):
        return False  # it waits silently
    except (OSError, ValueError):
        return True


@bp.get("/products/<product>/start")
@public
def start(product: str) -> ResponseReturnValue:
    """Complete configurations by need, budget and date, side by side."""
    offer, reading = read(product)
    query = request.args.to_dict()
    path, lang = url_for(".configure", product=product), language()
    needs = {name.removeprefix("need-"): value for name, value in query.items() if name.startswith("need-")}
    budget = budget_of(query.get("budget-most", ""), offer.prices.exponent)
    by = day_of(query.get("arrives-by", ""))
    wanted, asked, faults = Wanted(reading.decisions, needs, budget, by), needs_of(offer, query, lang), {}
    suggested, longer = None, query.get("find-start") == LONGER
    if "find-start" in query:
        faults = faults_of(query, budget, by, utc_now().date())
        if not faults and not any(need.error for need in asked):
            suggested = suggest(offer, wanted, reading.address.country, guest=_guest(), longer=longer)
    table = None
    if suggested is not None and (columns := suggested.columns or suggested.beside):
        empty = replace(reading.address, choices={}, behind=(), ahead=())
        table = table_of(offer, columns, empty, path, lang, wanted)
    kept = {name: value for name, value in reading.address.choices.items() if name not in {need.id for need in asked}}
    words = [said(offer, d, lang) for d in selection_from_query(offer, kept, {})[0].decisions]
    more = "" if longer else f"{path}/start?{urlencode({**query, 'find-start': LONGER})}"
    if longer and request.headers.get("HX-Request"):
        return render_template(
            "storefront/_found.html", table=table, suggested=suggested, more=more, missed=missed_of(wanted)
        )
    return render_template(
        "storefront/start.html", offer=offer, table=table, suggested=suggested, path=path, query=query, more=more,
        needs=asked, faults=faults, kept=kept.items(), missed=missed_of(wanted),
        words=joined((f"{name}: {answer}" for name, answer in words), lang),
        country=reading.address.country, currency=currency_symbol(offer.prices.currency),
        countries=[(code, country_name(code)) for code in service.countries(offer)],
    )


@bp.get("/products/<product>/compare")
@public
def compare(product: str) -> ResponseReturnValue:
    """The present configuration and those that were kept, side by side."""
    offer, reading = read(product)
    several = [reading.decisions] if reading.address.choices else []
    several = [
        *(selection_from_query(offer, from_compact(kept), {})[0].decisions for kept in reading.address.beside), *several
    ]
    columns = compared(offer, tuple(dict.fromkeys(several)), reading.address.country, guest=_guest())
    path, lang = url_for(".configure", product=product), language()
    table = table_of(offer, columns, reading.address, path, lang) if columns else None
    return render_template(
        "storefront/compare.html", offer=offer, table=table, path=path, back=f"{path}?{reading.address.query()}",
        lost=len(dict.fromkeys(several)) - len(columns),
    )


@bp.get("/products/<product>/texts")
@bp.get("/products/<product>/files/<question>")
@public
def sent_to(product: str, question: str = "") -> ResponseReturnValue:
    """Where a page that was sent and refused stands, opened anew: the page as it was before."""
    offer, reading = read(product)
    return redirect(f"{url_for('.configure', product=offer.product.code)}?{reading.address.query()}")


@bp.post("/products/<product>/texts")
@public
def texts(product: str) -> ResponseReturnValue:
    """Keep what was typed under a token, and go on with it in the address."""
    offer, reading = read(product)
    kept = service.typed_texts(company_id(), reading.address.token, visitor())
    typed = {text.id: request.form.get(text.id, kept.get(text.id, "")).strip() for text in offer.product.texts}
    try:
        token = service.keep_texts(company_id(), offer, reading.decisions, typed, kept)
    except InvalidInput as error:
        return _texts_again(offer, reading, typed, error)
    changed = replace(reading, address=reading.address.with_token(token))
    if request.headers.get("HX-Request"):
        return _part(answer_to(offer, changed), changed)
    return redirect(f"{url_for('.configure', product=product)}?{changed.address.query()}", 303)


@bp.post("/products/<product>/order")
@public
def order(product: str) -> ResponseReturnValue:
    """Keep the complete configuration and go to checkout."""
    offer, reading = read(product)
    answered = answer_to(offer, reading)
    if answered.refusal is not None:
        return redirect(f"{url_for('.configure', product=product)}?{reading.address.query()}", 303)
    if answered.date is None:
        raise NoDate
    token = service.keep_variant(company_id(), answered)
    return redirect(f"{url_for('.checkout', token=token)}?{SHIP_TO}={answered.country}", 303)


def read(product: str) -> tuple[Offer, Reading]:
    """The offer of a product, and what the request's address says under it."""
    offer = service.offer_for(company_id(), product)
    served = service.countries(offer)
    return offer, read_address(offer, request.args, countries=served, country=_home(served))


def _home(served: tuple[str, ...]) -> str:
    """The country that the browser's language speaks of, if it is served; else the price list's first."""
    for wanted, _quality in request.accept_languages:
        region = wanted.rpartition("-")[2].upper()
        if region in served:
            return region
    return served[0]


def answer_to(offer: Offer, reading: Reading) -> Click:
    """The answer to an address."""
    address = reading.address
    before = None
    if address.behind:
        before = selection_from_query(offer, address.back().choices, {})[0].decisions
    books = None
    if address.cart_item:  # what is held for it does not stand in its own way
        books = books_beside(company_id(), cart_token(), int(address.cart_item))
    return service.click(
        offer, reading.decisions, country=address.country,
        texts=service.typed_texts(company_id(), address.token, visitor()),
        before=before, guest=_guest(), books=books, seconds=settings().click_seconds,
    )


def _guest() -> bool:
    return not current_user.is_authenticated


def _page(
    answered: Click, reading: Reading, *, typed: Mapping[str, str] | None = None,
    faults: Mapping[str, str] | None = None, dates_seconds: float = 0.0,
):  # type: ignore[no-untyped-def]
    address = reading.address
    if answered.refusal is not None:
        address = replace(address, choices=query_of(answered.decisions)).with_last_step(())
    elif answered.left_out:
        kept = query_of(answered.decisions)
        gone = tuple((name, value) for name, value in address.choices.items() if name not in kept)
        address = replace(address, choices=kept).with_last_step((*(address.behind[0] if address.behind else ()), *gone))
    path = url_for("storefront.configure", product=answered.offer.product.code)
    news = service.news_of(answered, reading.query, reading.before) if reading.before is not None else None
    return page_of(
        answered, address, path, gone=reading.gone, news=news, typed=typed, faults=faults, mistyped=reading.mistyped,
        dates_seconds=dates_seconds,
    )


def _part(answered: Click, reading: Reading) -> Response:
    page = _page(answered, reading, dates_seconds=DATES_OF_A_CLICK)
    response = make_response(render_template("storefront/_configure.html", page=page))
    response.headers["HX-Push-Url"] = "false" if answered.refusal or reading.mistyped else f"{page.path}?{page.query}"
    return response


def _texts_again(
    offer: Offer, reading: Reading, typed: Mapping[str, str], error: InvalidInput
) -> ResponseReturnValue:
    name = str(error.field)
    fault = text_fault_words(offer.product, name, typed[name], error.data["what"])
    return page_again(offer, reading, {name: fault}, typed), 422, {"HX-Push-Url": "false"}


def page_again(
    offer: Offer, reading: Reading, faults: Mapping[str, str], typed: Mapping[str, str] | None = None
) -> str:
    """The configuring page, which says beside the questions what was wrong with what was sent."""
    page = _page(answer_to(offer, reading), reading, typed=typed, faults=faults)
    template = "storefront/_configure.html" if request.headers.get("HX-Request") else "storefront/configure.html"
    return render_template(template, page=page, offer=offer)


# --- checkout ---------------------------------------------------------------------------------------------------------


@bp.get("/checkout/<token>")
@public
def checkout(token: str) -> ResponseReturnValue:
    """What is about to be ordered, and the form."""
    person = known_buyer()
    country = request.args.get(SHIP_TO, "")
    asked = _checkout(token, ShipTo(country, person.postal_code if person and person.country == country else ""))
    form = _form(asked)
    if asked.quote_token:
        customer = _customer_of(asked.quote_token)
        form.name.data, form.mail.data, form.postal_code.data = customer.name, customer.mail, customer.postal_code
        form.begin_invoice(customer.invoice)
    elif person is not None:
        form.begin_with(person)
    return _checkout_page(asked, form)


def known_buyer() -> Buyer | None:
    """What the account of the customer who asks says of them."""
    return profile(company_id(), current_user.id).buyer if current_user.may(Role.BUYER) else None


@bp.get("/checkout/<token>/terms")
@public
def terms(token: str) -> ResponseReturnValue:
    """Price and date for another country: the part of the checkout that it changes."""
    asked = _checkout(token, ship_to(request.args), chosen_assurance(request.args))
    return render_template("storefront/_terms.html", asked=asked, form=_form(asked), price=asked.price)


@bp.errorhandler(QuoteNotOpen)
def _quote_closed(error: QuoteNotOpen) -> ResponseReturnValue:
    """What became of the quote, and what to do now, stands on its own page."""
    there = url_for("sales.public_quote", token=request.args.get("quote", ""), proof=request.args.get("proof"))
    flash(error.message(), "warning")
    if request.headers.get("HX-Request"):
        return "", 204, {"HX-Redirect": there}
    return redirect(there, 303)


@bp.post("/checkout/<token>")
@public
def place(token: str) -> ResponseReturnValue:
    """Place the order: one for one key, however often it is sent."""
    scope, sent = f"checkout:{token}", request.form.to_dict() | {"quote": request.args.get("quote", "")}
    sent.pop("csrf_token", None)
    earlier = earlier_order(company_id(), scope, sent.get("key", ""), sent)
    if earlier is not None:
        return redirect(url_for(".track", token=earlier.token), 303)
    try:
        asked = _posted(token)
    except QuoteNotOpen:  # a twin of this very click may have accepted it a moment ago
        earlier = earlier_order(company_id(), scope, sent.get("key", ""), sent)
        if earlier is None:
            raise
        return redirect(url_for(".track", token=earlier.token), 303)
    form = _form(asked)
    if LOOK in request.form:
        return _checkout_page(_with_terms(asked, form), form)
    if not form.validate_on_submit():
        return _checkout_page(_with_terms(asked, form), form), 422
    if asked.date is None:
        raise NoDate
    try:
        placed = place_order(
            company_id(), asked.offer, asked.selection, asked.variant, form.buyer(language()), form.shown(),
            scope=scope, key=form.key.data or "", quote_token=asked.quote_token,
            confirmed_mail=_confirmed_mail(asked.quote_token), way=form.way.data or "",
            terms_version=settings().terms_version or None,
            actor_id=actor_id(), request=sent,
        )
    except (PriceChanged, DateLost, NotDelivered) as changed:
        again = _posted(token)
        return _checkout_page(_with_terms(again, form), form, changed=changed), changed.status
    return redirect(url_for(".track", token=placed.token), 303)


def _posted(token: str) -> Checkout:
    """The configuration of a token, on the terms that the form asks for."""
    return _checkout(
        token, ship_to(request.form), chosen_assurance(request.form), request.form.get("mail", "").strip() or None
    )


def _customer_of(quote_token: str) -> Customer:
    return quote_by_token(company_id(), quote_token).customer


def _confirmed_mail(quote_token: str | None) -> str:
    """The address that whoever asks has shown to read, by the link in the mail of the quote; "" for none."""
    if quote_token is None:
        return ""
    mail, proof = _customer_of(quote_token).mail, request.args.get("proof", "")
    return mail if proves(company_id(), proof, quote_token, mail, secret=settings().secret_key) else ""


def _checkout(token: str, to: ShipTo, assurance: Assurance | None = None, mail: str | None = None) -> Checkout:
    """The configuration of a token; a country that nobody serves is answered with the first that is.

    `mail`: the address that the order would have, None before somebody has typed one.
    """
    quote_token = request.args.get("quote") or None
    confirmed = _confirmed_mail(quote_token)
    known = bool(confirmed) and (mail is None or mail.lower() == confirmed.lower())
    if quote_token and not to.country:
        customer = _customer_of(quote_token)
        to = replace(to, country=customer.country, postal_code=to.postal_code or customer.postal_code)
    ask = partial(
        service.checkout, company_id(), token, guest=not (current_user.is_authenticated or known),
        quote_token=quote_token, assurance=assurance,
    )
    asked = ask(replace(to, country=""))
    if to.country and to.country != asked.country and to.country in service.countries(asked.offer):
        asked = ask(to)
    return asked


def ship_to(sent: Mapping[str, str]) -> ShipTo:
    """Where a checkout's form says that it goes, as far as it says."""
    return ShipTo(sent.get("country", ""), sent.get("postal_code", "")[:20], sent.get("way", ""))


def chosen_assurance(sent: Mapping[str, str]) -> Assurance | None:
    """What a checkout's form says that the order is to wait for, as far as it says."""
    return assurance_of(sent.get("assurance"))


def way_choices(ways: Sequence[WayOffer]) -> list[tuple[str, str]]:
    """The ways of delivery as a form's choices."""
    return [(one.code, text_of(one.name)) for one in ways]


def _form(asked: Checkout) -> CheckoutForm:
    form = CheckoutForm(
        key=secrets.token_urlsafe(24), country=asked.country, postal_code=request.args.get("postal_code", ""),
    )
    if not settings().terms_version:
        del form.accept_terms
    form.country.choices = [(code, country_name(code)) for code in service.countries(asked.offer)]
    form.invoice.form.offer_countries(service.countries(asked.offer))
    form.way.choices = way_choices(asked.ways)
    if request.method == "GET":
        _show_terms(asked, form)
    return form


def _with_terms(asked: Checkout, form: CheckoutForm) -> Checkout:
    _show_terms(asked, form)
    return asked


def _show_terms(asked: Checkout, form: CheckoutForm) -> None:
    """What the page shows is what the next press of the button says."""
    form.way.data = asked.way.code if asked.way is not None else None
    form.show_asked(asked.asked)
    form.shown_gross.data = str(asked.price.gross)
    form.shown_currency.data = asked.price.currency
    form.shown_date.data = asked.date.arrives_on.isoformat() if asked.date else ""


def _checkout_page(asked: Checkout, form: CheckoutForm, *, changed: DomainError | None = None) -> str:
    lang = language()
    return render_template(
        "storefront/checkout.html", asked=asked, form=form, price=asked.price, changed=changed,
        drawing=draw(asked.offer.product, asked.variant, lang),
        choices=readable_choices(asked.offer.product, asked.variant), lang=lang,
    )


# --- after the order --------------------------------------------------------------------------------------------------


@bp.get("/orders/<token>/pdf")
@public
def confirmation(token: str) -> ResponseReturnValue:
    """The order's confirmation as a PDF."""
    view = order_by_token(company_id(), token)
    response = Response(order_pdf(view, settings(), language()), mimetype="application/pdf")
    response.headers["Content-Disposition"] = f'inline; filename="{view.number}.pdf"'
    return response


@bp.post("/orders/<token>/pay")
@public
def pay(token: str) -> ResponseReturnValue:
    """A demo's test provider does what it is told, as a real one would: by signed calls."""
    view, form = order_by_token(company_id(), token), TestPaymentForm()
    if view.deposit is None or not form.validate_on_submit():
        raise NotFound(field="deposit")
    deed = payments.TestDeed(form.deed.data)
    payments.act(company_id(), view.deposit, deed, event=secrets.token_urlsafe(16))
    if deed is payments.TestDeed.HANG:
        flash(_("The payment provider did not answer. Nothing was paid; please try again."), "warning")
    return redirect(url_for(".track", token=token), 303)


@bp.get("/orders/<token>")
@public
def track(token: str) -> ResponseReturnValue:
    """How far an order is, for everybody who has its unguessable address."""
    return order_page(token)


def order_page(token: str, link_form: MailForm | None = None) -> str:
    """The page of an order. `link_form`: where the link was to go, if that was no address."""
    view = order_by_token(company_id(), token)
    until, can_cancel = cancel_until(company_id(), token)
    return render_template(
        "storefront/order.html", order=view, draw=draw, lang=language(), country=country_name(view.buyer.country),
        history=order_history(company_id(), view.id), reasons=REASONS, until=until, can_cancel=can_cancel,
        mail=settings().mail_from, other_way=_other_way(token), payment_words=payment_words,
        link_form=link_form or MailForm(mail=view.buyer.mail),
        instead=exchange_of(company_id(), token) if view.state in WAITS_FOR else None,
    )


def _other_way(token: str) -> bool:
    """Whether the order can still come in another way."""
    try:
        asked = other_ways(company_id(), token)
    except NotChangeable:
        return False
    return any(one.code != asked.chosen and one.arrives_on for one in asked.ways)
