"""The administrator's pages: people, their roles, and what went wrong in the background."""

from collections.abc import Callable

import pytest
from apiflask import APIFlask
from flask.testing import FlaskClient
from sqlmodel import col, select

from catalog.rows import utc_now
from configurator import auth, db
from configurator.admin import services
from configurator.admin.models import User
from configurator.admin.views import WORK_WORDS
from configurator.audit import AuditEvent
from configurator.auth import Role
from configurator.errors import NotFound, StateRefused
from configurator.jobs import Job, JobState, _handlers, enqueue
from configurator.outbox import RETRY_AFTER, OutboxMail, due_mails, post
from configurator.sales.mails import LETTERS
from configurator.sales.parties import Party
from configurator.worker import load_jobs

ONE = pytest.mark.parametrize("database_kind", ["sqlite"], indirect=True)
NEW = {"login": "Bo.Li", "name": "李波", "password": "a long password", "roles": ["sales", "planner"], "locale": "zh"}


@pytest.fixture
def administrator(login: Callable[..., FlaskClient]) -> FlaskClient:
    return login(Role.ADMINISTRATOR)


def _account(company_id: int, login: str) -> services.Account:
    return next(account for account in services.accounts(company_id) if account.login == login)


def _actions() -> list[str]:
    with db.reading() as session:
        return list(session.exec(select(AuditEvent.action).order_by(col(AuditEvent.id))).all())


@ONE
@pytest.mark.parametrize("path", ["/admin/", "/admin/users/new", "/admin/users/1"])
@pytest.mark.parametrize("role", [role for role in Role if role != Role.ADMINISTRATOR])
def test_nobody_else_gets_in(login: Callable[..., FlaskClient], role: Role, path: str) -> None:
    assert login(role).get(path).status_code == 403
    assert login(role).post(path).status_code in (403, 405)


def test_a_user_is_added_and_can_log_in(
    administrator: FlaskClient, client: FlaskClient, company_id: int
) -> None:
    assert administrator.post("/admin/users/new", data=NEW).status_code == 303
    account = _account(company_id, "bo.li")
    assert (account.name, account.roles, account.is_active) == ("李波", (Role.SALES, Role.PLANNER), True)
    into = client.post("/login", data={"login": "BO.LI", "password": "a long password"})
    assert into.location == "/sales/"
    assert "user.added" in _actions()
    assert "李波" in administrator.get("/admin/").text


@ONE
@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"password": "short"}, "At least 12 characters"),
        ({"login": ""}, "Please fill this in"),
        ({"login": "bo li"}, "Letters, digits"),
        ({"name": ""}, "Please fill this in"),
        ({"roles": ["king"]}, "king"),
        ({"locale": "xx"}, "Not a valid choice"),
    ],
)
def test_a_form_that_is_refused_says_why_and_keeps_what_was_typed(
    administrator: FlaskClient, company_id: int, changed: dict[str, object], said: str
) -> None:
    answer = administrator.post("/admin/users/new", data=NEW | changed)
    assert answer.status_code == 422
    assert said in answer.text
    kept = {**NEW, **changed}
    assert f'value="{kept["login"]}"' in answer.text
    assert "a long password" not in answer.text  # a password is not sent back
    assert len(services.accounts(company_id)) == 1


@ONE
def test_a_login_is_given_once(administrator: FlaskClient, company_id: int) -> None:
    administrator.post("/admin/users/new", data=NEW)
    answer = administrator.post("/admin/users/new", data=NEW | {"login": " BO.LI"[1:]})
    assert answer.status_code == 422
    assert "already has this login" in answer.text
    assert len(services.accounts(company_id)) == 2


def test_roles_are_given_and_taken_and_noted(administrator: FlaskClient, company_id: int) -> None:
    administrator.post("/admin/users/new", data=NEW)
    user_id = _account(company_id, "bo.li").id
    changed = administrator.post(f"/admin/users/{user_id}", data={"roles": ["planner", "operator"], "is_active": "y"})
    assert changed.status_code == 303
    assert _account(company_id, "bo.li").roles == (Role.PLANNER, Role.OPERATOR)
    with db.reading() as session:
        event = session.exec(select(AuditEvent).where(AuditEvent.action == "user.changed")).one()
    assert (event.data["added"], event.data["removed"]) == (["operator"], ["sales"])
    assert event.actor_id == administrator.user_id


@ONE
@pytest.mark.parametrize("sent", [{"roles": ["sales"], "is_active": "y"}, {"roles": ["administrator"]}])
def test_the_last_door_is_not_locked_from_inside(
    administrator: FlaskClient, company_id: int, sent: dict[str, object]
) -> None:
    answer = administrator.post(f"/admin/users/{administrator.user_id}", data=sent)
    assert answer.status_code == 422
    assert "your own account" in answer.text
    assert administrator.get("/admin/").status_code == 200


@ONE
def test_a_new_password_is_in_force(administrator: FlaskClient, client: FlaskClient, company_id: int) -> None:
    administrator.post("/admin/users/new", data=NEW)
    user_id = _account(company_id, "bo.li").id
    assert administrator.post(f"/admin/users/{user_id}/password", data={"password": "short"}).status_code == 422
    assert administrator.post(
        f"/admin/users/{user_id}/password", data={"password": "another long one"}
    ).status_code == 303
    assert client.post("/login", data={"login": "bo.li", "password": "a long password"}).status_code == 401
    assert client.post("/login", data={"login": "bo.li", "password": "another long one"}).status_code == 303


@ONE
def test_people_of_another_company_are_not_there(administrator: FlaskClient, company_id: int) -> None:
    from catalog.rows import Company

    with db.writing() as session:
        other = Company(code="other", name="Other", zone="Asia/Shanghai", currency="CNY")
        session.add(other)
        session.flush()
        user = auth.add_user(session, db.id_of(other), "mallory", "a long password", "Mallory", {Role.SALES})
        stranger = db.id_of(user)
    assert administrator.get(f"/admin/users/{stranger}").status_code == 404
    answer = administrator.post(f"/admin/users/{stranger}", data={"roles": ["administrator"]})
    assert answer.status_code == 404
    with db.reading() as session:
        assert session.get_one(User, stranger).is_active
    assert "Mallory" not in administrator.get("/admin/").text


# --- what went wrong --------------------------------------------------------------------------------------------------


def test_a_failed_job_is_shown_with_its_reason_and_done_again_once(
    administrator: FlaskClient, company_id: int
) -> None:
    with db.writing() as session:
        job = enqueue(session, company_id, "optimise", plant_id=3)
        job.state, job.error, job.ended_at = JobState.FAILED, "ValueError: no such line", utc_now()
        job_id = db.id_of(job)
    assert "no such line" in administrator.get("/admin/").text
    assert administrator.post(f"/admin/jobs/{job_id}/retry").status_code == 303
    with db.reading() as session:
        first, second = session.exec(select(Job).order_by(col(Job.id))).all()
    assert (first.state, first.retried_by) == ("failed", second.id)
    assert (second.state, second.kind, second.arguments) == ("queued", "optimise", {"plant_id": 3})
    assert "no such line" not in administrator.get("/admin/").text  # it is being taken care of
    with pytest.raises(StateRefused):
        services.retry_job(company_id, job_id, by=administrator.user_id)
    with pytest.raises(NotFound):
        services.retry_job(company_id + 1, job_id, by=administrator.user_id)


def test_a_mail_that_was_given_up_is_tried_again_when_asked(administrator: FlaskClient, company_id: int) -> None:
    with db.writing() as session:
        party = Party(company_id=company_id, name="Li Na", mail="li.na@example.com")
        session.add(party)
        session.flush()
        post(session, company_id, "order_confirmation", db.id_of(party), "zh")
    with db.writing() as session:
        mail = session.exec(select(OutboxMail)).one()
        mail.attempts, mail.error = len(RETRY_AFTER) + 1, "550 no such mailbox"
        mail_id = db.id_of(mail)
    with db.reading() as session:
        assert due_mails(session) == []
    page = administrator.get("/admin/").text
    assert "550 no such mailbox" in page
    assert "given up" in page
    assert administrator.post(f"/admin/mails/{mail_id}/retry").status_code == 303
    with db.reading() as session:
        assert [mail.id for mail in due_mails(session)] == [mail_id]


@ONE
@pytest.mark.parametrize("path", ["/admin/jobs/99/retry", "/admin/mails/99/retry", "/admin/users/99"])
def test_what_is_not_there_is_not_found(administrator: FlaskClient, path: str) -> None:
    assert administrator.post(path, data={"roles": []}).status_code == 404


@ONE
def test_the_pages_are_there_in_chinese_too(administrator: FlaskClient) -> None:
    for path in ("/admin/?lang=zh", "/admin/users/new", f"/admin/users/{administrator.user_id}", "/login"):
        assert administrator.get(path).status_code in (200, 302)


@ONE
def test_every_kind_of_work_and_mail_has_its_words_in_both_languages(app: APIFlask) -> None:
    load_jobs()
    work = {kind for kind, do in _handlers.items() if do.__module__.startswith("configurator.")}  # tests have some too
    assert len(work) >= 4 and work | LETTERS.keys() == WORK_WORDS.keys()
    with app.test_request_context("/?lang=zh"):
        chinese = {kind: str(words) for kind, words in WORK_WORDS.items()}
    with app.test_request_context("/?lang=en"):
        assert not [kind for kind, words in WORK_WORDS.items() if str(words) == chinese[kind]]
