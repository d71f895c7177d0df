"""The administration's page about terms of payment."""

from __future__ import annotations

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_login import current_user

from configurator.auth import Role, company_id, requires
from configurator.sales import payment_terms, quotes
from configurator.sales.payment_terms_forms import NOT_SET_UP, PROVIDER_WORDS, PaymentTermsForm, form_values

bp = Blueprint("payment_terms", __name__, url_prefix="/admin/payment-terms")


@bp.get("/")
@requires(Role.ADMINISTRATOR)
def index() -> ResponseReturnValue:
    """The terms that are in force, to be changed, and every version of them."""
    return _page(PaymentTermsForm(data=form_values(payment_terms.terms_of(company_id()))))


@bp.post("/")
@requires(Role.ADMINISTRATOR)
def save() -> ResponseReturnValue:
    """Let others be in force from now on."""
    form = PaymentTermsForm()
    if not form.validate_on_submit():
        return _page(form), 422
    saved = payment_terms.save_terms(company_id(), form.stated(), by=current_user.id)
    flash(_("Saved as version %(number)s. It holds from the next order on.", number=saved.number), "success")
    return redirect(url_for(".index"), 303)


def _page(form: PaymentTermsForm) -> str:
    return render_template(
        "admin/payment_terms.html", form=form, providers=PROVIDER_WORDS, not_set_up=NOT_SET_UP,
        in_force=payment_terms.terms_of(company_id()),
        page=payment_terms.versions_page(company_id(), page=request.args.get("page", 1, type=int)),
        zone=quotes.house_zone(company_id()),
    )
