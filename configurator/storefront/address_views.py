"""The mail address of an order, confirmed by a link: what the link opens, and how it is sent again."""

from __future__ import annotations

from flask import Blueprint, flash, redirect, render_template, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from configurator.app import settings
from configurator.auth import company_id, public
from configurator.errors import DomainError, NotFound
from configurator.sales.address_checks import (
    Linked,
    LinkOver,
    LinkReplaced,
    LinkUnknown,
    LinkUsed,
    confirm,
    linked,
    send_again,
)
from configurator.sales.orders import order_by_token
from configurator.storefront.forms import MailForm
from configurator.storefront.views import order_page

bp = Blueprint("address", __name__)


@bp.get("/confirm/<link>")
@public
def show(link: str) -> ResponseReturnValue:
    """What was ordered with this address, and the button: a mail program that looks at links confirms nothing."""
    try:
        return _link_page(link, _linked(link))
    except (LinkUnknown, LinkOver, LinkReplaced) as trouble:
        return _no_link_page(trouble), trouble.status


@bp.post("/confirm/<link>")
@public
def agree(link: str) -> ResponseReturnValue:
    """It was me: the order can be made."""
    try:
        token = confirm(company_id(), link, secret=settings().secret_key)
    except LinkUsed:
        return _link_page(link, _linked(link)), LinkUsed.status
    except (LinkUnknown, LinkOver, LinkReplaced) as trouble:
        return _no_link_page(trouble), trouble.status
    flash(_("Thank you. Your order is being made, and its confirmation is on its way to you."), "success")
    return redirect(url_for("storefront.track", token=token), 303)


@bp.post("/orders/<token>/address")
@public
def again(token: str) -> ResponseReturnValue:
    """Send the link once more, to another address if the first one was mistyped."""
    form = MailForm()
    if not form.validate_on_submit():
        return order_page(token, form), 422
    try:
        send_again(company_id(), token, form.mail.data or "")
    except NotFound:
        raise
    except DomainError as refused:
        flash(refused.message(), "warning")
    else:
        flash(_("The link is on its way to %(mail)s.", mail=form.mail.data), "success")
    return redirect(url_for("storefront.track", token=token), 303)


def _linked(link: str) -> Linked:
    return linked(company_id(), link, secret=settings().secret_key)


def _link_page(link: str, found: Linked) -> str:
    return render_template(
        "storefront/address.html", link=link, state=found.state.value, trouble=None,
        order=order_by_token(company_id(), found.order_token),
    )


def _no_link_page(trouble: DomainError) -> str:
    return render_template("storefront/address.html", trouble=trouble, order=None)
