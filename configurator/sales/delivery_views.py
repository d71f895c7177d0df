"""The administration's page about ways of delivery."""

from __future__ import annotations

from fractions import Fraction

from flask import Blueprint, flash, redirect, render_template, url_for
from flask.typing import ResponseReturnValue
from flask_babel import format_currency
from flask_babel import gettext as _
from flask_login import current_user

from configurator.auth import Role, company_id, requires
from configurator.i18n import text_of
from configurator.sales import delivery
from configurator.sales.delivery import Way
from configurator.sales.delivery_forms import KIND_WORDS, DeliveryWayForm, form_values, step_words
from configurator.storefront import service as storefront
from configurator.storefront.present import country_name

bp = Blueprint("delivery", __name__, url_prefix="/admin/delivery")


def _money(amount: Fraction, currency: str) -> str:
    return format_currency(amount.numerator / amount.denominator, currency)


@bp.get("/")
@requires(Role.ADMINISTRATOR)
def index() -> ResponseReturnValue:
    """Every way of delivery with its region, lead time and price."""
    return render_template(
        "admin/delivery.html", ways=delivery.all_ways(company_id()), kinds=KIND_WORDS, country_name=country_name,
        steps=lambda way: step_words(way, _money),
    )


@bp.route("/new", methods=["GET", "POST"])
@requires(Role.ADMINISTRATOR)
def new() -> ResponseReturnValue:
    """State another way."""
    form = DeliveryWayForm(currency=delivery.home_currency(company_id()))
    return _edited(form, None)


@bp.route("/<int:way_id>", methods=["GET", "POST"])
@requires(Role.ADMINISTRATOR)
def change(way_id: int) -> ResponseReturnValue:
    """State a way anew; orders keep what they were told."""
    way = delivery.way_by_id(company_id(), way_id)
    return _edited(DeliveryWayForm(**form_values(way)), way)


@bp.post("/<int:way_id>/retire")
@requires(Role.ADMINISTRATOR)
def retire(way_id: int) -> ResponseReturnValue:
    """Offer it no longer."""
    return _switched(way_id, retired=True)


@bp.post("/<int:way_id>/resume")
@requires(Role.ADMINISTRATOR)
def resume(way_id: int) -> ResponseReturnValue:
    """Offer it again."""
    return _switched(way_id, retired=False)


def _switched(way_id: int, *, retired: bool) -> ResponseReturnValue:
    delivery.retire_way(company_id(), way_id, retired=retired, by=current_user.id)
    name = text_of(delivery.way_by_id(company_id(), way_id).name)
    flash(_("“%(name)s” is no longer offered.", name=name) if retired
          else _("“%(name)s” is offered again.", name=name), "success")
    return redirect(url_for(".index"), 303)


def _edited(form: DeliveryWayForm, way: Way | None) -> ResponseReturnValue:
    form.country.choices = sorted(_countries(way), key=lambda choice: choice[1])
    if form.validate_on_submit():
        delivery.state_way(company_id(), form.stated(), way_id=way.id if way else None, by=current_user.id)
        flash(_("Saved. It is offered from the next checkout on."), "success")
        return redirect(url_for(".index"), 303)
    return render_template("admin/delivery_way.html", form=form, way=way), 422 if form.is_submitted() else 200


def _countries(way: Way | None) -> list[tuple[str, str]]:
    """Where anything is sold to."""
    codes = {code for offer in storefront.offers(company_id()) for code in storefront.countries(offer)}
    return [(code, country_name(code)) for code in codes | ({way.country} if way else set())]
