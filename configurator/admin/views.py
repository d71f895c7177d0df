"""Logging in and out, users, and what went wrong in the background."""

from __future__ import annotations

from datetime import timedelta
from urllib.parse import urlsplit

from flask import Blueprint, Response, current_app, flash, make_response, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from flask_login import current_user

from configurator import db
from configurator.admin import services
from configurator.admin.forms import LoginForm, NewUserForm, PasswordForm, UserForm
from configurator.admin.models import User
from configurator.app import forget_secret, keep_secret, settings
from configurator.audit import record
from configurator.auth import (
    COOKIE,
    ROLE_WORDS,
    LoginRefused,
    Principal,
    Role,
    TooManyTries,
    company_id,
    demo_logins,
    end_session,
    log_in,
    principal,
    public,
    requires,
    start_session,
)

bp = Blueprint("admin", __name__)

# Where each role's work begins; the first of a person's roles decides.
WORKPLACES = {
    Role.SALES: "/sales/",
    Role.PLANNER: "/planning/",
    Role.OPERATOR: "/floor/",
    Role.MODELLER: "/modelling/",
    Role.ADMINISTRATOR: "/admin/",
}


# What background work and mails are called on the page.
WORK_WORDS = {
    "optimise": _l("Finding a better schedule"),
    "remedies": _l("Finding what helps a late order"),
    "simulate": _l("Simulating policies"),
    "analyse": _l("Analysing a catalog file"),
    "order_confirmation": _l("Order confirmation"),
    "address_check": _l("Link to confirm an email address"),
    "address_lapsed": _l("Cancelled: the address was not confirmed"),
    "deposit_received": _l("The deposit was received"),
    "deposit_lapsed": _l("Cancelled: the deposit did not come"),
    "order_changed": _l("The order was changed"),
    "delivery_changed": _l("The delivery was changed"),
    "refund_paid": _l("Money was paid back"),
    "order_cancelled": _l("The order was cancelled"),
    "date_moved": _l("The date has moved"),
    "quote": _l("Quote"),
    "draft_link": _l("Link to a draft"),
    "account_link": _l("Link to make an account"),
    "password_link": _l("Link to set a new password"),
    "password_changed": _l("The password was changed"),
}


def safe_next(target: str) -> str | None:
    """The address to go on to if it is a path of this house, else None."""
    if not target.startswith("/") or target.startswith("//") or "\\" in target or not target.isprintable():
        return None
    parts = urlsplit(target)
    return None if parts.scheme or parts.netloc else target


def workplace(person: Principal) -> str:
    """The first page of a person."""
    return next((path for role, path in WORKPLACES.items() if person.may(role)), "/")


@bp.get("/login")
@public
def login() -> ResponseReturnValue:
    if current_user.is_authenticated:
        return redirect(safe_next(request.args.get("next", "")) or workplace(current_user))
    return _login_page(LoginForm(next=request.args.get("next", "")))


@bp.post("/login")
@public
def do_login() -> ResponseReturnValue:
    form = LoginForm()
    if not form.validate_on_submit():
        return _login_page(form, 422)
    config = settings()
    try:
        user = log_in(company_id(), form.login.data or "", form.password.data or "", request.remote_addr or "",
                      secret=config.secret_key, attempts=config.login_attempts)
    except (LoginRefused, TooManyTries) as refused:
        form.password.errors = [*form.password.errors, refused.message()]
        return _login_page(form, refused.status)
    return enter(user, form.next.data or "")


def enter(user: User, target: str = "") -> Response:
    """Log somebody in who has shown who they are, and go on to a path of this house, or to where their work begins."""
    hours = settings().session_hours
    with db.writing() as session:
        end_session(session, request.cookies.get(COOKIE))  # whatever was there before is not carried over
        token = start_session(session, user, hours)
        record(session, user.company_id, "user.logged_in", "user", user.id, actor_id=user.id)
    with db.reading() as session:
        person = principal(session, token)
    assert person is not None
    response = make_response(redirect(safe_next(target) or workplace(person), 303))
    keep_secret(response, COOKIE, token, timedelta(hours=hours))
    return response


def _login_page(form: LoginForm, status: int = 200) -> tuple[str, int]:
    logins = [(login, password, ROLE_WORDS[role]) for role, login, password in demo_logins()] if settings().demo else []
    return render_template("admin/login.html", form=form, logins=logins), status


@bp.post("/logout")
@public
def logout() -> ResponseReturnValue:
    with db.writing() as session:
        end_session(session, request.cookies.get(COOKIE))
    response = make_response(redirect("/", 303))
    forget_secret(response, COOKIE)
    response.delete_cookie(current_app.config["SESSION_COOKIE_NAME"])
    return response


@bp.get("/admin/")
@requires(Role.ADMINISTRATOR)
def index() -> ResponseReturnValue:
    return render_template(
        "admin/index.html", accounts=services.accounts(company_id()), jobs=services.failed_jobs(company_id()),
        mails=services.failed_mails(company_id()), zone=services.zone(company_id()),
        words=WORK_WORDS,
    )


@bp.get("/admin/users/new")
@requires(Role.ADMINISTRATOR)
def new_user() -> ResponseReturnValue:
    return render_template("admin/new_user.html", form=NewUserForm())


@bp.post("/admin/users/new")
@requires(Role.ADMINISTRATOR)
def add_user() -> ResponseReturnValue:
    form = NewUserForm()
    if form.validate_on_submit():
        try:
            services.new_account(company_id(), form.login.data or "", form.name.data or "", form.password.data or "",
                                 form.roles.roles(), form.locale.data, by=current_user.id)
        except services.LoginTaken as taken:
            form.login.errors = [*form.login.errors, taken.message()]
        else:
            flash(_("%(name)s can log in now.", name=form.name.data), "success")
            return redirect(url_for(".index"), 303)
    return render_template("admin/new_user.html", form=form), 422


@bp.get("/admin/users/<int:user_id>")
@requires(Role.ADMINISTRATOR)
def user(user_id: int) -> ResponseReturnValue:
    account = services.account(company_id(), user_id)
    form = UserForm(roles=[role.value for role in account.roles], is_active=account.is_active)
    return render_template("admin/user.html", account=account, form=form, password_form=PasswordForm())


@bp.post("/admin/users/<int:user_id>")
@requires(Role.ADMINISTRATOR)
def change_user(user_id: int) -> ResponseReturnValue:
    account = services.account(company_id(), user_id)
    form = UserForm()
    if form.validate_on_submit():
        try:
            services.change_account(company_id(), user_id, form.roles.roles(), active=bool(form.is_active.data),
                                    by=current_user.id)
        except services.OwnAccount as refused:
            form.roles.errors = [*form.roles.errors, refused.message()]
        else:
            flash(_("Saved. It is in force from the next click of %(name)s on.", name=account.name), "success")
            return redirect(url_for(".index"), 303)
    return render_template("admin/user.html", account=account, form=form, password_form=PasswordForm()), 422


@bp.post("/admin/users/<int:user_id>/password")
@requires(Role.ADMINISTRATOR)
def set_password(user_id: int) -> ResponseReturnValue:
    account = services.account(company_id(), user_id)
    form = PasswordForm()
    if form.validate_on_submit():
        services.set_password(company_id(), user_id, form.password.data or "", by=current_user.id)
        flash(_("%(name)s has a new password and was logged out everywhere.", name=account.name), "success")
        return redirect(url_for(".index"), 303)
    user_form = UserForm(formdata=None, roles=[role.value for role in account.roles], is_active=account.is_active)
    return render_template("admin/user.html", account=account, form=user_form, password_form=form), 422


@bp.post("/admin/jobs/<int:job_id>/retry")
@requires(Role.ADMINISTRATOR)
def retry_job(job_id: int) -> ResponseReturnValue:
    services.retry_job(company_id(), job_id, by=current_user.id)
    flash(_("The work was asked for once more."), "success")
    return redirect(url_for(".index"), 303)


@bp.post("/admin/mails/<int:mail_id>/retry")
@requires(Role.ADMINISTRATOR)
def retry_mail(mail_id: int) -> ResponseReturnValue:
    services.retry_mail(company_id(), mail_id, by=current_user.id)
    flash(_("The mail will be sent within a minute."), "success")
    return redirect(url_for(".index"), 303)
