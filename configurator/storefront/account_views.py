"""Accounts of customers: made by a link in a mail, with their orders, quotes, address and password."""

from __future__ import annotations

from dataclasses import replace

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_login import current_user
from flask_wtf import FlaskForm

from configurator.admin.views import enter
from configurator.app import forget_secret, settings
from configurator.auth import COOKIE, Role, company_id, public, requires
from configurator.errors import DomainError
from configurator.i18n import language
from configurator.sales import accounts
from configurator.sales.accounts import (
    DETAILS,
    AccountLinkOver,
    AccountLinkWrong,
    AccountThere,
    Opened,
    TooManyGuesses,
    WrongPassword,
)
from configurator.sales.buyers import Buyer
from configurator.sales.orders import orders_of
from configurator.sales.quotes import house_zone, quotes_to
from configurator.storefront import service
from configurator.storefront.forms import (
    ChangePasswordForm,
    CloseForm,
    DetailsForm,
    MailForm,
    NewAccountForm,
    NewPasswordForm,
)
from configurator.storefront.present import country_name
from configurator.storefront.visiting import visitor
from configurator.throttle import TooManyMails

bp = Blueprint("account", __name__)

_LinkTrouble = (AccountLinkWrong, AccountLinkOver, AccountThere)


# --- by a link in a mail ----------------------------------------------------------------------------------------------


@bp.get("/account/link")
@public
def link() -> ResponseReturnValue:
    """Where the link to an account, or to a new password, is to go."""
    return render_template("storefront/account_link.html", form=MailForm(), sent="")


@bp.post("/account/link")
@public
def send() -> ResponseReturnValue:
    """Send it. What is answered does not tell whether the address has an account."""
    form = MailForm()
    if not form.validate_on_submit():
        return render_template("storefront/account_link.html", form=form, sent=""), 422
    mail = form.mail.data or ""
    try:
        accounts.ask_for_link(
            company_id(), mail, language(), address=request.remote_addr or "", secret=settings().secret_key
        )
    except TooManyMails as refused:
        form.mail.errors = [refused.message()]
        return render_template("storefront/account_link.html", form=form, sent=""), refused.status
    return render_template("storefront/account_link.html", form=form, sent=mail)


@bp.get("/account/open/<link>")
@public
def show(link: str) -> ResponseReturnValue:
    """What the link is for, and the form."""
    try:
        return _opened_page(link, _opened(link))
    except _LinkTrouble as trouble:
        return _trouble_page(trouble)


@bp.post("/account/open/<link>")
@public
def use(link: str) -> ResponseReturnValue:
    """Make the account, or set the password, and log in."""
    try:
        found = _opened(link)
        form = _form_of(found)
        if not form.validate_on_submit():
            return _opened_page(link, found, form), 422
        secret = settings().secret_key
        if isinstance(form, NewAccountForm):
            user = accounts.make_account(
                company_id(), link, form.name.data or "", form.password.data or "", language(),
                holder=visitor().holder, secret=secret,
            )
            flash(_("Welcome. This is your account."), "success")
        else:
            user = accounts.set_new_password(company_id(), link, form.password.data or "", secret=secret)
            flash(_("Your new password is set, and you are logged in."), "success")
    except _LinkTrouble as trouble:
        return _trouble_page(trouble)
    return enter(user, url_for(".index"))


def _opened(link: str) -> Opened:
    return accounts.opened(company_id(), link, secret=settings().secret_key)


def _form_of(found: Opened) -> NewAccountForm | NewPasswordForm:
    return NewAccountForm() if found.user_id is None else NewPasswordForm()


def _opened_page(link: str, found: Opened, form: FlaskForm | None = None) -> str:
    return render_template(
        "storefront/account_open.html", link=link, mail=found.mail, is_new=found.user_id is None,
        form=form or _form_of(found), trouble=None,
    )


def _trouble_page(trouble: DomainError) -> tuple[str, int]:
    return render_template("storefront/account_open.html", trouble=trouble), trouble.status


# --- the account ------------------------------------------------------------------------------------------------------


@bp.get("/account")
@requires(*Role)
def index() -> ResponseReturnValue:
    """One's own orders and quotes, address and password."""
    return _account_page()


@bp.post("/account/details")
@requires(*Role)
def details() -> ResponseReturnValue:
    """What every order begins with."""
    form = _details_form()
    if not form.validate_on_submit():
        return _account_page(details=form), 422
    accounts.change_profile(
        company_id(), current_user.id, {name: form[name].data or "" for name in DETAILS},
        replace(form.invoice.form.invoicing(), purchase_order=""), form.locale.data,
    )
    flash(_("Saved."), "success")
    return redirect(url_for(".index"), 303)


@bp.post("/account/password")
@requires(*Role)
def password() -> ResponseReturnValue:
    """Another password; every other browser is logged out."""
    form = ChangePasswordForm()
    if not form.validate_on_submit():
        return _account_page(password=form), 422
    try:
        user = accounts.change_password(
            company_id(), current_user.id, form.present.data or "", form.password.data or "",
            secret=settings().secret_key,
        )
    except (WrongPassword, TooManyGuesses) as refused:
        form.present.errors = [refused.message()]
        return _account_page(password=form), refused.status
    flash(_("Your new password is set. Every other browser is logged out."), "success")
    return enter(user, url_for(".index"))


@bp.post("/account/close")
@requires(*Role)
def close() -> ResponseReturnValue:
    """Close the account for good."""
    form = CloseForm()
    if not form.validate_on_submit():
        return _account_page(close=form), 422
    try:
        accounts.close_account(
            company_id(), current_user.id, form.present.data or "", secret=settings().secret_key
        )
    except DomainError as refused:
        form.present.errors = [refused.message()]
        return _account_page(close=form), refused.status
    flash(_("Your account is closed. Orders that you placed are made and delivered all the same."), "success")
    response = redirect("/", 303)
    forget_secret(response, COOKIE)
    return response


def _account_page(
    *, details: DetailsForm | None = None, password: ChangePasswordForm | None = None, close: CloseForm | None = None
) -> str:
    company, person = company_id(), accounts.profile(company_id(), current_user.id)
    close = close or CloseForm(formdata=None)
    close.present.id = "close-present"  # another form of the page asks for it too
    number = request.args.get("page", 1, type=int) if request.method == "GET" else 1
    return render_template(
        "storefront/account.html", person=person,
        orders=orders_of(company, current_user.id, person.proven_mail, page=number),
        quotes=quotes_to(company, person.proven_mail) if person.proven_mail else None, zone=house_zone(company),
        details=details or _details_form(person.buyer), password=password or ChangePasswordForm(formdata=None),
        close=close,
    )


def _details_form(known: Buyer | None = None) -> DetailsForm:
    """What was sent, or what is known."""
    form = DetailsForm() if known is None else DetailsForm(formdata=None, obj=known)
    served = dict.fromkeys(code for offer in service.offers(company_id()) for code in service.countries(offer))
    form.invoice.form.offer_countries(tuple(served))
    form.country.choices = [("", "–"), *((code, country_name(code)) for code in served)]
    return form
