"""What an administrator does: users and their roles, failed jobs and mails tried again."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from flask_babel import lazy_gettext as _l
from sqlalchemy import delete
from sqlmodel import Session, col, select

from catalog.rows import Company, utc_now
from configurator import db
from configurator.admin.models import User, UserRole
from configurator.audit import record
from configurator.auth import Role, add_user, end_sessions, give_password
from configurator.errors import DomainError, Forbidden, NotFound, StateRefused
from configurator.jobs import Job, JobState, enqueue
from configurator.outbox import RETRY_AFTER, OutboxMail
from configurator.sales.parties import Party

PAGE = 50


class LoginTaken(DomainError):
    code, status, words = "login_taken", 409, _l("Somebody here already has this login.")


class OwnAccount(DomainError):
    """An administrator cannot lock the last door from inside."""

    code, status, words = "own_account", 409, _l("You cannot close your own account or take this role from yourself.")


@dataclass(frozen=True, slots=True)
class Account:
    """A login as the list of users shows it."""

    id: int
    login: str
    name: str
    is_active: bool
    roles: tuple[Role, ...]


@dataclass(frozen=True, slots=True)
class Trouble:
    """A job or mail that failed for good, or a mail that is being tried again."""

    id: int
    what: str
    error: str
    at: datetime
    attempts: int
    next_at: datetime | None


def accounts(company_id: int) -> tuple[Account, ...]:
    """Every login of the company, by name."""
    with db.reading() as session:
        roles: dict[int, list[Role]] = {}
        for user_id, role in session.exec(
            select(UserRole.user_id, UserRole.role).where(UserRole.company_id == company_id)
        ):
            roles.setdefault(user_id, []).append(Role(role))
        rows = session.exec(
            select(User, Party.name)
            .join(Party, (col(Party.id) == User.party_id) & (col(Party.company_id) == User.company_id))
            .where(User.company_id == company_id)
            .order_by(User.login)
        ).all()
    order = list(Role)
    return tuple(
        Account(db.id_of(user), user.login, name, user.is_active,
                tuple(sorted(roles.get(db.id_of(user), ()), key=order.index)))
        for user, name in rows
    )


def account(company_id: int, user_id: int) -> Account:
    """One login; raises NotFound."""
    found = next((account for account in accounts(company_id) if account.id == user_id), None)
    if found is None:
        raise NotFound(field="user")
    return found


def zone(company_id: int) -> str:
    """The company's time zone (IANA name)."""
    with db.reading() as session:
        return session.get_one(Company, company_id).zone


def new_account(
    company_id: int, login: str, name: str, password: str, roles: set[Role], locale: str, *, by: int | None
) -> int:
    """Add a login; raises LoginTaken. Returns its user id."""
    with db.writing() as session:
        db.lock_row(session, Company, company_id)  # two administrators may add the same login at once
        taken = select(User.id).where(User.company_id == company_id, User.login == login.strip().lower())
        if session.exec(taken).first() is not None:
            raise LoginTaken(field="login")
        user = add_user(session, company_id, login, password, name, roles, locale=locale)
        record(session, company_id, "user.added", "user", user.id, actor_id=by, roles=sorted(roles))
        return db.id_of(user)


def _still_administrator(session: Session, company_id: int, user_id: int) -> None:
    found = (
        select(UserRole.id)
        .join(User, col(User.id) == UserRole.user_id)
        .where(UserRole.company_id == company_id, UserRole.user_id == user_id)
        .where(UserRole.role == Role.ADMINISTRATOR.value, col(User.is_active))
    )
    if session.exec(found).first() is None:
        raise Forbidden


def change_account(company_id: int, user_id: int, roles: set[Role], *, active: bool, by: int) -> None:
    """Set roles and whether the account is open; in force at the person's next request. Raises NotFound, OwnAccount,
    and Forbidden if the caller is no administrator any more: two who close each other leave one.
    """
    with db.writing() as session:
        db.lock_row(session, Company, company_id)
        _still_administrator(session, company_id, by)
        user = _user(session, company_id, user_id)
        if user_id == by and (not active or Role.ADMINISTRATOR not in roles):
            raise OwnAccount(field="roles")
        had = set(session.exec(select(UserRole.role).where(UserRole.user_id == user_id)))
        wanted = {role.value for role in roles}
        mine = (col(UserRole.company_id) == company_id, col(UserRole.user_id) == user_id)
        session.execute(delete(UserRole).where(*mine, col(UserRole.role).in_(had - wanted)))
        session.add_all(
            UserRole(company_id=company_id, user_id=user_id, role=role) for role in sorted(wanted - had)
        )
        user.is_active = active
        if not active:
            end_sessions(session, user_id)
        record(session, company_id, "user.changed", "user", user_id, actor_id=by, active=active,
               added=sorted(wanted - had), removed=sorted(had - wanted))


def set_password(company_id: int, user_id: int, password: str, *, by: int | None) -> None:
    """A new password; every session of the person ends. Raises NotFound."""
    with db.writing() as session:
        give_password(session, _user(session, company_id, user_id), password, by=by)


def _user(session: Session, company_id: int, user_id: int) -> User:
    user = db.lock_row(session, User, user_id)
    if user is None or user.company_id != company_id:
        raise NotFound(field="user")
    return user


def failed_jobs(company_id: int) -> tuple[Trouble, ...]:
    """Jobs that ended with an error and are not being done again, the newest first."""
    with db.reading() as session:
        rows = session.exec(
            select(Job)
            .where(Job.company_id == company_id, Job.state == JobState.FAILED, col(Job.retried_by).is_(None))
            .order_by(col(Job.id).desc()).limit(PAGE)
        ).all()
    return tuple(Trouble(db.id_of(j), j.kind, j.error or "", j.ended_at or j.created_at, 1, None) for j in rows)


def failed_mails(company_id: int) -> tuple[Trouble, ...]:
    """Mails that could not be sent so far, the newest first; `next_at` is None once nobody tries any more."""
    with db.reading() as session:
        rows = session.exec(
            select(OutboxMail)
            .where(OutboxMail.company_id == company_id, col(OutboxMail.sent_at).is_(None), OutboxMail.attempts > 0)
            .order_by(col(OutboxMail.id).desc()).limit(PAGE)
        ).all()
    return tuple(
        Trouble(db.id_of(m), m.template, m.error or "", m.created_at, m.attempts,
                m.due_at if m.attempts <= len(RETRY_AFTER) else None)
        for m in rows
    )


def retry_job(company_id: int, job_id: int, *, by: int) -> int:
    """Ask for the same work again, as a new job (the failed one stays as history). Raises NotFound, StateRefused."""
    with db.writing() as session:
        job = db.lock_row(session, Job, job_id)
        if job is None or job.company_id != company_id:
            raise NotFound(field="job")
        if job.state != JobState.FAILED or job.retried_by is not None:
            raise StateRefused(field="job")
        again = enqueue(session, company_id, job.kind, created_by=by, **job.arguments)
        job.retried_by = again.id
        record(session, company_id, "job.retried", "job", job_id, actor_id=by, again=again.id)
        return db.id_of(again)


def retry_mail(company_id: int, mail_id: int, *, by: int) -> None:
    """Send a mail at the worker's next round. Raises NotFound, StateRefused."""
    with db.writing() as session:
        mail = db.lock_row(session, OutboxMail, mail_id)
        if mail is None or mail.company_id != company_id:
            raise NotFound(field="mail")
        if mail.sent_at is not None:
            raise StateRefused(field="mail")
        mail.due_at, mail.attempts = utc_now(), min(mail.attempts, len(RETRY_AFTER))
        record(session, company_id, "mail.retried", "mail", mail_id, actor_id=by)
