"""The cart and its checkout. A cart is its browser's: a cookie names it."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import date
from functools import partial
from typing import Any

from flask import Blueprint, Response, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_login import current_user
from sqlalchemy.exc import SQLAlchemyError

from catalog.rows import utc_now
from configurator.app import forget_secret, keep_secret, kept_secret, settings
from configurator.auth import actor_id, company_id, public
from configurator.errors import DateLost, DomainError, NotFound, NotValid, Outdated, PriceChanged
from configurator.i18n import day, language
from configurator.planning.holds import HoldOver
from configurator.planning.promise import zone_of
from configurator.sales import carts
from configurator.sales.carts import Added, CartLine, CartView, NotInCart, TooManyToHold, Trust, place_cart
from configurator.sales.delivery import NotDelivered, ShipTo, cheapest_and_soonest
from configurator.sales.documents import WITHDRAWAL
from configurator.sales.models import Deliveries
from configurator.sales.orders import OrderView, earlier_order, order_by_token
from configurator.sales.payment_terms import Assurance
from configurator.storefront import service
from configurator.storefront.address import link_to_choices
from configurator.storefront.drawings import draw
from configurator.storefront.forms import CheckoutForm, CountryForm, DeliveriesForm, PressForm, QuantityForm
from configurator.storefront.present import country_name
from configurator.storefront.views import (
    LOOK,
    answer_to,
    chosen_assurance,
    known_buyer,
    read,
    ship_to,
    way_choices,
)
from configurator.storefront.visiting import CART, ORDERED, ORDERED_FOR, STAFF, cart_token

bp = Blueprint("cart", __name__)


@bp.app_context_processor
def _cart_words() -> dict[str, Any]:
    return {"units_in_cart": _units_in_cart, "zone_of": zone_of, "withdrawal": lambda: _(WITHDRAWAL),
            "terms_url": settings().terms_url, "cheapest_and_soonest": cheapest_and_soonest,
            "shop_mail": settings().mail_from}


def _units_in_cart() -> int:
    """For every page's head; also for the page that says that the database is down."""
    if not (token := cart_token()):
        return 0
    try:
        return carts.units_in(company_id(), token)
    except SQLAlchemyError:
        return 0


@bp.errorhandler(NotInCart)
def _gone(error: NotInCart) -> ResponseReturnValue:
    """Another window may have ordered or emptied what this one still shows."""
    view = _view()
    flash(
        _("This item is not in your cart any more.") if view is not None and view.lines else
        _("What you saw is not in your cart any more: it was ordered or taken out in another window."), "warning",
    )
    return _cart_page(view), error.status


def _trust() -> Trust:
    return Trust.STAFF if current_user.may(*STAFF) else Trust.CUSTOMER if actor_id() is not None else Trust.STRANGER


# --- what is in it ----------------------------------------------------------------------------------------------------


@bp.get("/cart")
@public
def show() -> ResponseReturnValue:
    """What was put together, its dates, and for how long they are held."""
    return _cart_page(_view())


@bp.post("/products/<product>/cart")
@public
def add(product: str) -> ResponseReturnValue:
    """Put the complete configuration of the address into the cart, or in the place of the item that it names."""
    offer, reading = read(product)
    answered = answer_to(offer, reading)
    if answered.refusal is not None:
        return redirect(f"{url_for('storefront.configure', product=product)}?{reading.address.query()}", 303)
    put_in = partial(
        carts.add_item, company_id(), cart_token(), offer, answered.selection, answered.standing, answered.country,
        trust=_trust(),
    )
    try:
        added = put_in(replacing=int(reading.address.cart_item) if reading.address.cart_item else None)
    except NotInCart:  # it was ordered or taken out in another window; what was chosen is not lost
        added = put_in()
        flash(_("The item that you changed is not in your cart any more, so this is a new one."), "warning")
    _say_refused(added.refused)
    forecast = answered.date.arrives_on if answered.date is not None else None
    if days := _later(added, forecast):
        flash(
            _("It is made once its deposit is here, so it arrives on %(held)s and not on %(forecast)s.", **days)
            if added.waits is Assurance.DEPOSIT else
            _("It is made once you have confirmed your email address, so it arrives on %(held)s and not on "
              "%(forecast)s.", **days)
            if added.waits else
            _("The factory can hold %(held)s for it. The forecast was %(forecast)s; an order placed at once may still "
              "get it.", **days),
            "info",
        )
    response = redirect(url_for(".show"), 303)
    keep_secret(response, CART, added.token, carts.KEPT_FOR)
    return response


def _later(added: Added, forecast: date | None) -> dict[str, str]:
    """The day that is held and the one that was shown before it, where that was earlier."""
    if added.refused is not None or not added.arrives_on or not forecast or added.arrives_on <= forecast:
        return {}
    return {"held": day(added.arrives_on), "forecast": day(forecast)}


@bp.post("/cart/put-back")
@public
def put_back() -> ResponseReturnValue:
    """What was taken out is in the cart again, with a date of today."""
    try:
        added = carts.put_back(company_id(), cart_token(), trust=_trust())
    except NotFound:
        flash(_("There is nothing to put back any more: the cart was changed meanwhile."), "warning")
        return redirect(url_for(".show"), 303)
    _say_refused(added.refused)
    if days := _later(added, added.was):
        flash(_("It is back in your cart. It arrives on %(held)s now and not on %(forecast)s.", **days), "info")
    elif added.refused is None:
        flash(_("It is back in your cart."), "success")
    return redirect(url_for(".show"), 303)


@bp.post("/cart/items/<int:item_id>")
@public
def change(item_id: int) -> ResponseReturnValue:
    """More or fewer of an item, or none."""
    form = QuantityForm()
    if not form.validate_on_submit():
        return _cart_page(_view(), wrong=(item_id, form)), 422
    try:
        return _changed(lambda: carts.set_quantity(
            company_id(), cart_token(), item_id, form.quantity.data or 0, trust=_trust(),
            without_hold=form.without_hold.data,
        ))
    except TooManyToHold as error:
        return _cart_page(_view(), wrong=(item_id, form), too_many=error), error.status


@bp.post("/cart/country")
@public
def country() -> ResponseReturnValue:
    """Deliver the cart to another country."""
    view = _view()
    if view is None:
        raise NotInCart(field="cart")
    form = _country_form(view)
    if not form.validate_on_submit():
        return _cart_page(view, country=form), 422
    return _changed(lambda: carts.set_country(company_id(), cart_token(), form.country.data, trust=_trust()))


@bp.post("/cart/deliveries")
@public
def deliveries() -> ResponseReturnValue:
    """One delivery or several."""
    form = DeliveriesForm()
    if not form.validate_on_submit():
        return _cart_page(_view()), 422
    carts.set_deliveries(company_id(), cart_token(), Deliveries(form.deliveries.data))
    return redirect(url_for(".show"), 303)


@bp.post("/cart/hold")
@public
def hold() -> ResponseReturnValue:
    """Hold today's dates, at today's prices."""
    return _changed(lambda: carts.hold_cart(company_id(), cart_token(), trust=_trust(), accept=True))


@bp.post("/cart/renew")
@public
def renew() -> ResponseReturnValue:
    """Hold the dates once more as long."""
    before = _view()
    try:
        carts.renew_cart(company_id(), cart_token(), trust=_trust())
    except NotFound:
        raise
    except DomainError as error:
        _say_refused(error)
    else:
        after = _view()
        if before and after and before.last and after.last and after.last > before.last:
            flash(_("To hold it longer we had to plan it later: it now arrives on %(date)s.", date=day(after.last)),
                  "warning")
    return redirect(url_for(".show"), 303)


def _changed(change: Callable[[], DomainError | None]) -> ResponseReturnValue:
    _say_refused(change())
    return redirect(url_for(".show"), 303)


def _say_refused(refused: DomainError | None) -> None:
    """A change was made, but a date is not held: why, and that nothing is lost."""
    if refused is not None:
        flash(refused.message(), "warning")


def _view(to: ShipTo | None = None, assurance: Assurance | None = None) -> CartView | None:
    return carts.cart_of(company_id(), cart_token(), to=to, guest=_trust() is Trust.STRANGER, assurance=assurance)


def _cart_page(
    view: CartView | None, *, wrong: tuple[int, QuantityForm] | None = None, country: CountryForm | None = None,
    too_many: TooManyToHold | None = None,
) -> str:
    lang = language()
    if view is None or not view.lines:
        taken_out = view.taken_out if view is not None else None
        return render_template(
            "storefront/cart.html", cart=None, taken_out=taken_out, lang=lang, ordered=_last_order()
        )
    return render_template(
        "storefront/cart.html", cart=view, lang=lang, drawing=_drawing, edit=_edit, wrong=wrong, press=PressForm(),
        country=country or _country_form(view), now=utc_now(), zone=zone_of(view.country), most=carts.MOST_UNITS,
        apart=view.deliveries is Deliveries.APART, taken_out=view.taken_out, too_many=too_many,
    )


def _last_order() -> OrderView | None:
    """What this browser's last cart became, a short time ago."""
    try:
        return order_by_token(company_id(), kept_secret(ORDERED)) if kept_secret(ORDERED) else None
    except NotFound:
        return None


def _drawing(line: CartLine) -> Any:
    return draw(line.product, line.variant, language())


def _edit(line: CartLine, view: CartView) -> str:
    """The configuring page with the item's choices; its button changes the item in place."""
    return link_to_choices(
        line.product.code, line.decisions, view.country, token=line.texts_token, cart_item=line.id
    )


def _countries(view: CartView) -> list[tuple[str, str]]:
    """Where everything in the cart is sold to."""
    served = [service.countries(line.offer) for line in view.lines]
    common = [code for code in served[0] if all(code in others for others in served)] if served else []
    if view.country not in common:
        common.append(view.country)
    return [(code, country_name(code)) for code in common]


def _country_form(view: CartView) -> CountryForm:
    form = CountryForm(country=view.country)
    form.country.choices = _countries(view)
    return form


# --- its checkout -----------------------------------------------------------------------------------------------------


@bp.get("/cart/checkout")
@public
def checkout() -> ResponseReturnValue:
    """What is about to be ordered, and the form."""
    view = _view()
    if view is None or not view.can_be_ordered:
        return redirect(url_for(".show"))
    person = known_buyer()
    at_home = person is not None and person.country == view.country
    view = _wanted({"country": view.country, "postal_code": person.postal_code if person and at_home else ""})
    form = _form(view)
    if person is not None:
        form.begin_with(person)
    return _checkout_page(view, form)


@bp.get("/cart/checkout/terms")
@public
def terms() -> ResponseReturnValue:
    """Price and dates for another country: the part of the checkout that it changes."""
    try:
        view = _wanted(request.args)
    except NotFound:  # ordered or emptied in another tab
        return redirect(url_for(".show"))
    return render_template(
        "storefront/_cart_terms.html", cart=view, form=_form(view), lang=language(), drawing=_drawing,
        zone=zone_of(view.country),
    )


@bp.post("/cart/checkout")
@public
def place() -> ResponseReturnValue:
    """Order the cart: one order for one key, however often it is sent."""
    scope, sent = f"cart:{cart_token()}", request.form.to_dict()
    sent.pop("csrf_token", None)
    earlier = earlier_order(company_id(), scope, sent.get("key", ""), sent)
    if earlier is not None:
        return _ordered(earlier.token)
    view = _wanted(request.form)
    form = _form(view)
    if LOOK in request.form:  # nothing is ordered: what would another address, or another way, come to?
        return _checkout_page(_with_terms(view, form), form)
    if not form.validate_on_submit():
        return _checkout_page(_with_terms(view, form), form), 422
    try:
        placed = place_cart(
            company_id(), cart_token(), form.buyer(language()), form.shown_cart(), scope=scope, key=form.key.data or "",
            request=sent, way=form.way.data or "", terms_version=settings().terms_version or None,
            actor_id=actor_id(),
        )
    except (PriceChanged, DateLost, Outdated, HoldOver, NotDelivered) as changed:
        again = _wanted(request.form)
        if not again.can_be_ordered:
            _say_refused(changed)
            return redirect(url_for(".show"), 303)
        return _checkout_page(_with_terms(again, form), form, changed=changed), changed.status
    except NotValid as error:
        _say_refused(error)
        return redirect(url_for(".show"), 303)
    return _ordered(placed.token)


def _ordered(token: str) -> Response:
    response = redirect(url_for("storefront.track", token=token), 303)
    forget_secret(response, CART)
    keep_secret(response, ORDERED, token, ORDERED_FOR)
    return response  # type: ignore[return-value]


def _wanted(sent: Mapping[str, str]) -> CartView:
    """The cart, as if it went where the form says, if it can go there; raises NotFound."""
    view, to = _view(), ship_to(sent)
    if view is None or not view.lines:
        raise NotInCart(field="cart")
    country = to.country if to.country in dict(_countries(view)) else view.country
    view = _view(replace(to, country=country), chosen_assurance(sent))
    assert view is not None
    return view


def _form(view: CartView) -> CheckoutForm:
    form = CheckoutForm(
        key=secrets.token_urlsafe(24), country=view.country, postal_code=request.args.get("postal_code", ""),
    )
    if not settings().terms_version:
        del form.accept_terms
    form.country.choices = _countries(view)
    form.invoice.form.offer_countries([code for code, _name in form.country.choices])
    form.way.choices = way_choices(view.ways)
    if request.method == "GET":
        _with_terms(view, form)
    return form


def _with_terms(view: CartView, form: CheckoutForm) -> CartView:
    """What the page shows is what the next press of the button says."""
    form.way.data = view.way.code if view.way is not None else None
    form.show_asked(view.asked)
    if view.total is not None:
        form.shown_gross.data, form.shown_currency.data = str(view.total.gross), view.total.currency
    form.shown_date.data = ",".join(promised.isoformat() for promised in view.promised())
    return view


def _checkout_page(view: CartView, form: CheckoutForm, *, changed: DomainError | None = None) -> str:
    return render_template(
        "storefront/cart_checkout.html", cart=view, form=form, changed=changed, lang=language(), drawing=_drawing,
        now=utc_now(), zone=zone_of(view.country),
    )
