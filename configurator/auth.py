"""Who is asking and what may they do: server-side sessions, argon2, a login throttle, deny by default."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from functools import lru_cache
from typing import Any, TypeVar

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from flask import Flask, abort, current_app, g, redirect, request, url_for
from flask_babel import lazy_gettext as _l
from flask_login import AnonymousUserMixin, LoginManager, current_user
from sqlalchemy import delete, or_
from sqlmodel import Session, select

from catalog.rows import Company, utc_now
from configurator import db
from configurator.admin.models import LoginAttempt, User, UserRole, WebSession
from configurator.audit import record
from configurator.errors import DomainError
from configurator.sales.parties import Party
from configurator.throttle import MINUTES, count_try, subject

View = TypeVar("View", bound=Callable[..., Any])

# 19 MiB, 2 passes, 1 lane: OWASP's minimum for argon2id, 32 ms where the default takes 250.
hasher = PasswordHasher(memory_cost=19456, time_cost=2, parallelism=1)
COOKIE = "configurator_session"


class Role(StrEnum):
    """What a person may be here; a user has any number of them."""

    BUYER = "buyer"
    SALES = "sales"
    PLANNER = "planner"
    OPERATOR = "operator"
    MODELLER = "modeller"
    ADMINISTRATOR = "administrator"


ROLE_WORDS = {
    Role.BUYER: _l("Buyer"),
    Role.SALES: _l("Sales"),
    Role.PLANNER: _l("Planner"),
    Role.OPERATOR: _l("Operator"),
    Role.MODELLER: _l("Modeller"),
    Role.ADMINISTRATOR: _l("Administrator"),
}


def demo_logins() -> tuple[tuple[Role, str, str], ...]:
    """Role, login and password of the demo's people. Only a demo house has them."""
    return tuple((role, role.value, f"demo-{role.value}") for role in Role)


class LoginRefused(DomainError):
    """Name or password wrong, or the account is closed: which one is not told."""

    code, status, words = "login_refused", 401, _l("Login and password do not match.")


class TooManyTries(DomainError):
    code, status, words = "too_many_tries", 429, _l("Too many failed logins. Please try again in %(minutes)s minutes.")


@dataclass(frozen=True, slots=True)
class Principal:
    """The logged-in person, as Flask-Login's `current_user`. `id` is the user id."""

    id: int
    company_id: int
    login: str
    name: str
    locale: str
    roles: frozenset[Role]
    is_authenticated: bool = True
    is_active: bool = True
    is_anonymous: bool = False

    def get_id(self) -> str:
        return str(self.id)

    def may(self, *roles: Role) -> bool:
        """Whether the person has one of these roles."""
        return bool(self.roles & set(roles))


class Anonymous(AnonymousUserMixin):
    """Nobody in particular: a visitor of the storefront."""

    id = None
    roles: frozenset[Role] = frozenset()
    locale = None

    def may(self, *roles: Role) -> bool:
        return False


# --- which view is for whom -------------------------------------------------------------------------------------------


def public(view: View) -> View:
    """Everybody may call this view."""
    view.allowed_roles = frozenset()  # type: ignore[attr-defined]
    return view


def requires(*roles: Role) -> Callable[[View], View]:
    """Only people with one of these roles may call this view."""

    def mark(view: View) -> View:
        view.allowed_roles = frozenset(roles)  # type: ignore[attr-defined]
        return view

    return mark


def bears(token: str) -> bool:
    """Whether this request has the bearer token; nobody has the empty one."""
    return bool(token) and hmac.compare_digest(bearer().encode(), token.encode())


def bearer() -> str:
    """The bearer token of this request; empty without one."""
    return request.headers.get("Authorization", "").removeprefix("Bearer ")


def allowed_roles(app: Flask, endpoint: str) -> frozenset[Role] | None:
    """The roles of an endpoint: empty = public, None = nobody has said (so nobody may)."""
    if endpoint == "static" or endpoint.endswith(".static"):
        return frozenset()
    return getattr(app.view_functions[endpoint], "allowed_roles", None)


def _guard() -> Any:
    """Deny by default: a view that names no audience answers nobody."""
    if request.endpoint is None:
        return None
    if request.path.startswith("/api/"):
        g.program = _by_password()
    roles = allowed_roles(current_app, request.endpoint)
    if roles is None:
        abort(403)
    if not roles or current_user.may(*roles):
        return None
    if request.path.startswith("/api/") and not current_user.is_authenticated:
        abort(401)
    if current_user.is_authenticated or request.method != "GET":
        abort(403)
    return redirect(url_for("admin.login", next=request.full_path.rstrip("?")))


# --- sessions ---------------------------------------------------------------------------------------------------------


def _hash(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()


def start_session(session: Session, user: User, hours: int) -> str:
    """A fresh session for the user; returns the token for the cookie (only its hash is stored)."""
    token = secrets.token_urlsafe(32)
    now = utc_now()
    session.execute(delete(WebSession).where(WebSession.expires_at < now))  # type: ignore[arg-type]
    session.add(
        WebSession(
            token_hash=_hash(token),
            company_id=user.company_id,
            user_id=db.id_of(user),
            expires_at=now + timedelta(hours=hours),
        )
    )
    return token


def end_session(session: Session, token: str | None) -> None:
    """Forget the session for good: a copied cookie is worth nothing from now on."""
    if token:
        session.execute(delete(WebSession).where(WebSession.token_hash == _hash(token)))  # type: ignore[arg-type]


def end_sessions(session: Session, user_id: int) -> None:
    """Log a person out everywhere."""
    session.execute(delete(WebSession).where(WebSession.user_id == user_id))  # type: ignore[arg-type]


def give_password(session: Session, user: User, password: str, *, by: int | None) -> None:
    """Another password for a user whose row is locked; every session of the person ends."""
    user.password_hash = hasher.hash(password)
    end_sessions(session, db.id_of(user))
    record(session, user.company_id, "user.password_set", "user", user.id, actor_id=by)


def principal(session: Session, token: str) -> Principal | None:
    """The person behind a cookie, with the roles of this moment."""
    row = session.exec(
        select(WebSession, User, Party.name)
        .join(User, User.id == WebSession.user_id)  # type: ignore[arg-type]
        .join(Party, Party.id == User.party_id)  # type: ignore[arg-type]
        .where(WebSession.token_hash == _hash(token), WebSession.expires_at > utc_now(), User.is_active)
    ).one_or_none()
    if row is None:
        return None
    _, user, name = row
    return _person(session, user, name)


def _person(session: Session, user: User, name: str) -> Principal:
    """A user with the roles of this moment."""
    roles = session.exec(select(UserRole.role).where(UserRole.user_id == user.id)).all()
    return Principal(
        id=user.id,  # type: ignore[arg-type]
        company_id=user.company_id,
        login=user.login,
        name=name or user.login,
        locale=user.locale,
        roles=frozenset(Role(role) for role in roles),
    )


def _from_request(_request: Any) -> Principal | None:
    if request.path.startswith("/api/"):  # no cookie is read there, which is why it needs no CSRF token
        return g.get("program")  # type: ignore[no-any-return]
    token = request.cookies.get(COOKIE)
    if not token:
        return None
    with db.reading() as session:
        return principal(session, token)


def _by_password() -> Principal | None:
    """The person whose login and password a program sends (HTTP Basic). Raises LoginRefused or TooManyTries.

    A browser is never asked for them: it would from then on send them with the requests of other sites.
    """
    sent = request.authorization
    if sent is None or sent.type != "basic":
        return None
    config = current_app.config["SETTINGS"]
    user = log_in(_default_company(), sent.username or "", sent.password or "", request.remote_addr or "",
                  secret=config.secret_key, attempts=config.login_attempts)
    with db.reading() as session:
        return _person(session, user, session.exec(select(Party.name).where(Party.id == user.party_id)).one())


# --- logging in -------------------------------------------------------------------------------------------------------


@lru_cache(maxsize=1)
def _dummy_hash() -> str:
    return hasher.hash(secrets.token_urlsafe(16))


def log_in(company_id: int, login: str, password: str, address: str, *, secret: str, attempts: int) -> User:
    """The user; raises LoginRefused or TooManyTries.

    A try is written before the password is looked at, so that parallel tries across processes are all counted.
    The pause is for the pair of account and address and for the address, so a victim can log in from elsewhere.
    """
    name = login.strip().lower()
    pair = subject(secret, "pair", f"{company_id}:{name}@{address}")
    subjects = {pair: attempts, subject(secret, "address", address): attempts * 5,
                subject(secret, "account", f"{company_id}:{name}"): attempts * 20}
    with db.writing() as session:
        mine = count_try(session, subjects, TooManyTries(field="login", minutes=MINUTES))
    with db.reading() as session:
        asked = select(User).where(User.company_id == company_id, User.login == name)
        user = session.exec(asked).one_or_none() if name.isprintable() else None  # a NUL is in no database
    good = same_password(user.password_hash if user else _dummy_hash(), password)
    if user is None or not good or not user.is_active:
        raise LoginRefused(field="password")
    with db.writing() as session:
        good_try = or_(LoginAttempt.subject == pair, LoginAttempt.id.in_(mine))  # type: ignore[union-attr,arg-type]
        session.execute(delete(LoginAttempt).where(good_try))
    return user


def same_password(stored: str, password: str) -> bool:
    """Whether a password is the one of which only this hash is stored."""
    try:
        return hasher.verify(stored, password)
    except (VerificationError, InvalidHashError):
        return False


def add_user(
    session: Session, company_id: int, login: str, password: str, name: str, roles: set[Role], *, locale: str = "en"
) -> User:
    """A new login with its party row and roles."""
    party = Party(company_id=company_id, name=name, locale=locale)
    session.add(party)
    session.flush()
    user = User(
        company_id=company_id, login=login.strip().lower(), party_id=db.id_of(party),
        password_hash=hasher.hash(password), locale=locale,
    )
    session.add(user)
    session.flush()
    session.add_all(UserRole(company_id=company_id, user_id=db.id_of(user), role=role.value) for role in sorted(roles))
    session.flush()
    return user


def company_id() -> int:
    """The company of this request: the user's, or the house's only one."""
    if current_user.is_authenticated:
        return int(current_user.company_id)
    if "company_id" not in g:
        g.company_id = _default_company()
    return int(g.company_id)


def actor_id() -> int | None:
    """Who sends this request; None for a visitor."""
    return int(current_user.id) if current_user.is_authenticated else None


_default: dict[str, int] = {}


def _default_company() -> int:
    url = db.database().url
    if url not in _default:
        with db.reading() as session:
            _default[url] = session.exec(select(Company.id).order_by(Company.id)).first() or 0  # type: ignore[arg-type]
    if not _default[url]:
        _default.pop(url)
        return 0
    return _default[url]


def forget_company() -> None:
    """Forget which company is the house's only one: for processes that change their database."""
    _default.clear()


def init_auth(app: Flask) -> None:
    """Put the session cookie and the guard before every view."""
    manager = LoginManager(app)
    manager.anonymous_user = Anonymous
    manager.session_protection = None
    manager.request_loader(_from_request)
    app.before_request(_guard)
