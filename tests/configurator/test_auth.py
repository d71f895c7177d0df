"""Who is asking, and what may they do: sessions that end, guessing that is slow, nothing allowed by default."""

import multiprocessing
import os
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from multiprocessing.queues import Queue

import pytest
from apiflask import APIFlask
from argon2 import Type, extract_parameters
from flask.testing import FlaskClient
from sqlalchemy import update
from sqlmodel import col, func, select

from catalog.rows import utc_now
from configurator import auth, db
from configurator.admin import services
from configurator.admin.models import LoginAttempt, User, WebSession
from configurator.admin.views import safe_next
from configurator.app import create_app
from configurator.auth import COOKIE, LoginRefused, Role, TooManyTries, log_in, public, requires
from configurator.config import Settings
from tests.conftest import HASHER_AS_SHIPPED

PASSWORD = "a long password"


@pytest.fixture
def person(company_id: int) -> int:
    """An administrator `ann`; her user id."""
    with db.writing() as session:
        user = auth.add_user(session, company_id, "Ann", PASSWORD, "Ann", {Role.ADMINISTRATOR})
        return db.id_of(user)


def _log_in(client: FlaskClient, password: str = PASSWORD, **more: object) -> object:
    return client.post("/login", data={"login": "ann", "password": password, "next": ""}, **more)


def _may_enter(client: FlaskClient) -> bool:
    return client.get("/admin/").status_code == 200


# --- sessions ---------------------------------------------------------------------------------------------------------


def test_the_right_password_opens_and_the_wrong_one_does_not(client: FlaskClient, person: int) -> None:
    assert not _may_enter(client)
    refused = _log_in(client, "wrong")
    assert refused.status_code == 401
    assert "do not match" in refused.text
    assert not _may_enter(client)
    assert _log_in(client).status_code == 303
    assert _may_enter(client)


def test_an_unknown_name_is_refused_in_the_same_words(client: FlaskClient, person: int) -> None:
    known = client.post("/login", data={"login": "ann", "password": "wrong"})
    unknown = client.post("/login", data={"login": "bob", "password": "wrong"})
    assert known.status_code == unknown.status_code == 401
    assert ("do not match" in known.text) and ("do not match" in unknown.text)


def test_a_session_planted_before_the_login_opens_nothing_after_it(app: APIFlask, person: int) -> None:
    victim, attacker = app.test_client(), app.test_client()
    for browser in (victim, attacker):
        browser.set_cookie(COOKIE, "planted")
    _log_in(victim)
    fresh = victim.get_cookie(COOKIE)
    assert fresh is not None
    assert fresh.value != "planted"
    assert _may_enter(victim)
    assert not _may_enter(attacker)


def test_a_second_login_ends_the_first_session_of_this_browser(app: APIFlask, person: int) -> None:
    browser, thief = app.test_client(), app.test_client()
    _log_in(browser)
    thief.set_cookie(COOKIE, browser.get_cookie(COOKIE).value)
    _log_in(browser)
    assert _may_enter(browser)
    assert not _may_enter(thief)


def test_a_copied_cookie_is_worth_nothing_after_logout(app: APIFlask, person: int) -> None:
    browser, thief = app.test_client(), app.test_client()
    _log_in(browser)
    thief.set_cookie(COOKIE, browser.get_cookie(COOKIE).value)
    assert _may_enter(thief)  # the negative control: before the logout the copy does work
    assert browser.post("/logout").status_code == 303
    assert not _may_enter(browser)
    assert not _may_enter(thief)


def test_a_session_ends_by_itself(client: FlaskClient, person: int) -> None:
    _log_in(client)
    assert _may_enter(client)
    with db.writing() as session:
        session.execute(update(WebSession).values(expires_at=utc_now() - timedelta(seconds=1)))
    assert not _may_enter(client)


def test_a_role_withdrawn_is_gone_at_the_next_click(
    login: Callable[..., FlaskClient], company_id: int, person: int
) -> None:
    other = login(Role.ADMINISTRATOR, Role.SALES)
    assert _may_enter(other)
    services.change_account(company_id, other.user_id, {Role.SALES}, active=True, by=person)
    assert other.get("/admin/").status_code == 403


def test_a_closed_account_is_out_at_the_next_click_and_cannot_come_back(
    client: FlaskClient, company_id: int, person: int
) -> None:
    _log_in(client)
    with db.writing() as session:
        session.get_one(User, person).is_active = False
    assert not _may_enter(client)
    assert _log_in(client).status_code == 401


def test_a_new_password_ends_every_session(client: FlaskClient, company_id: int, person: int) -> None:
    _log_in(client)
    services.set_password(company_id, person, "another long password", by=None)
    assert not _may_enter(client)
    assert _log_in(client).status_code == 401
    assert _log_in(client, "another long password").status_code == 303


def test_only_a_hash_of_the_session_is_stored(client: FlaskClient, person: int) -> None:
    _log_in(client)
    with db.reading() as session:
        stored = session.exec(select(WebSession.token_hash)).all()
    assert client.get_cookie(COOKIE).value not in stored


def test_a_password_is_kept_as_dear_to_guess_as_owasp_asks() -> None:
    kept = extract_parameters(HASHER_AS_SHIPPED.hash(PASSWORD))
    assert kept.type is Type.ID
    assert kept.memory_cost >= 19 * 1024 and kept.time_cost >= 2


@pytest.mark.parametrize("database_kind", ["sqlite"], indirect=True)
def test_the_cookie_is_out_of_reach_of_scripts_and_other_sites(client: FlaskClient, person: int) -> None:
    cookie = next(value for value in _log_in(client).headers.getlist("Set-Cookie") if value.startswith(f"{COOKIE}="))
    assert "HttpOnly" in cookie
    assert "SameSite=Lax" in cookie


# --- who may do what --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("database_kind", ["sqlite"], indirect=True)
def test_a_view_that_names_no_audience_answers_nobody(
    app: APIFlask, login: Callable[..., FlaskClient]
) -> None:
    app.add_url_rule("/unmarked", "unmarked", lambda: "secret")
    app.add_url_rule("/marked", "marked", public(lambda: "for all"))
    app.add_url_rule("/sales-only", "sales_only", requires(Role.SALES)(lambda: "for sales"))
    everything = login(*Role)
    assert everything.get("/unmarked").status_code == 403
    assert everything.get("/marked").text == "for all"  # the negative control: the mark is what opens it
    assert everything.get("/sales-only").text == "for sales"
    assert login(Role.PLANNER).get("/sales-only").status_code == 403
    visitor = app.test_client()
    assert visitor.get("/sales-only").status_code == 302
    assert visitor.post("/sales-only").status_code in (403, 405)


@pytest.mark.parametrize("database_kind", ["sqlite"], indirect=True)
@pytest.mark.parametrize(
    ("role", "first_page"),
    [
        (Role.BUYER, "/"), (Role.SALES, "/sales/"), (Role.PLANNER, "/planning/"), (Role.OPERATOR, "/floor/"),
        (Role.MODELLER, "/modelling/"), (Role.ADMINISTRATOR, "/admin/"),
    ],
)
def test_each_role_begins_at_its_workplace(client: FlaskClient, company_id: int, role: Role, first_page: str) -> None:
    with db.writing() as session:
        auth.add_user(session, company_id, "ann", PASSWORD, "Ann", {role})
    assert _log_in(client).location == first_page


@pytest.mark.parametrize("database_kind", ["sqlite"], indirect=True)
def test_who_was_stopped_at_the_door_gets_where_they_wanted(client: FlaskClient, person: int) -> None:
    door = client.get("/admin/users/new?x=1")
    assert door.location == "/login?next=/admin/users/new?x%3D1"
    page = client.get(door.location)
    assert 'value="/admin/users/new?x=1"' in page.text
    into = client.post("/login", data={"login": "ann", "password": PASSWORD, "next": "/admin/users/new?x=1"})
    assert into.location == "/admin/users/new?x=1"


@pytest.mark.parametrize(
    ("target", "safe"),
    [
        ("/planning/?week=3", True),
        ("", False),
        ("https://evil.example/", False),
        ("//evil.example/", False),
        ("/\\evil.example", False),
        ("\\\\evil.example", False),
        ("/\t/evil.example", False),
        ("javascript:alert(1)", False),
        (" /planning/", False),
    ],
)
def test_only_a_path_of_this_house_is_gone_on_to(target: str, safe: bool) -> None:
    assert (safe_next(target) is not None) is safe


# --- guessing ---------------------------------------------------------------------------------------------------------

def _guess(settings: Settings, guarded: bool, first: int, guesses: int, answers: "Queue[list[int]]") -> None:
    """In a web process of its own."""
    db.database().forget_connections()
    if not guarded:
        auth.count_try = lambda session, limits, refused: []
    auth.same_password = lambda stored, password: False  # what argon2 does and takes is not what is looked at
    app = create_app(replace(settings, login_attempts=5))
    app.config["WTF_CSRF_ENABLED"] = False
    answers.put([
        app.test_client().post(
            "/login", data={"login": "ann", "password": f"guess-{number}"},
            headers={"X-Forwarded-For": f"198.51.{number // 250}.{number % 250}"},
            environ_base={"REMOTE_ADDR": "203.0.113.9"},
        ).status_code
        for number in range(first, first + guesses)
    ])
    answers.close()
    answers.join_thread()
    os._exit(0)


def _guess_from_two_processes(settings: Settings, *, guarded: bool, guesses: int = 20) -> list[int]:
    """Two web processes guess at once, each guess with another X-Forwarded-For."""
    context = multiprocessing.get_context("fork")
    answers = context.Queue()
    running = [
        context.Process(target=_guess, args=(settings, guarded, first, guesses, answers)) for first in (1, 1 + guesses)
    ]
    for process in running:
        process.start()
    found = [answers.get(timeout=300) for _ in running]
    for process in running:
        process.join(timeout=60)
    assert [process.exitcode for process in running] == [0, 0]
    return [status for statuses in found for status in statuses]


@pytest.mark.parametrize("guesses", [20, pytest.param(500, marks=pytest.mark.slow)])  # by each of the two
def test_guessing_is_slow_over_all_processes_and_the_victim_gets_in_from_elsewhere(
    settings: Settings, client: FlaskClient, person: int, guesses: int
) -> None:
    answers = _guess_from_two_processes(settings, guarded=True, guesses=guesses)
    assert answers.count(401) == 5
    assert answers.count(429) == 2 * guesses - 5
    assert _log_in(client, environ_base={"REMOTE_ADDR": "203.0.113.9"}).status_code in (303, 429)
    assert _log_in(client, environ_base={"REMOTE_ADDR": "192.0.2.1"}).status_code == 303


@pytest.mark.parametrize("database_kind", ["sqlite"], indirect=True)
def test_without_the_count_every_guess_is_looked_at(settings: Settings, person: int) -> None:
    """The negative control."""
    assert _guess_from_two_processes(settings, guarded=False).count(401) == 40


@pytest.mark.parametrize("database_kind", ["sqlite"], indirect=True)
def test_one_address_cannot_try_many_accounts_nor_many_addresses_one_account(
    company_id: int, person: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(auth, "same_password", lambda stored, password: False)

    def tries(count: int, login: str, address: str) -> int:
        refused = 0
        for number in range(count):
            try:
                log_in(company_id, login.format(number), "x", address.format(number), secret="s", attempts=2)
            except TooManyTries:
                refused += 1
            except LoginRefused:
                pass
        return refused

    assert tries(30, "user-{}", "203.0.113.1") == 20  # five times the limit of a pair
    assert tries(50, "ann", "198.51.100.{}") == 10  # twenty times


def test_a_name_that_no_database_can_hold_is_nobodys(company_id: int, person: int) -> None:
    with pytest.raises(LoginRefused):
        log_in(company_id, "ann\0", PASSWORD, "203.0.113.1", secret="s", attempts=5)


@pytest.mark.parametrize("database_kind", ["sqlite"], indirect=True)
def test_the_pause_ends_and_a_good_login_clears_the_count(company_id: int, person: int) -> None:
    def attempt(password: str) -> None:
        log_in(company_id, "ann", password, "203.0.113.1", secret="s", attempts=2)

    for _ in range(3):  # one wrong and one right: never two wrong ones in a row
        with pytest.raises(LoginRefused):
            attempt("wrong")
        attempt(PASSWORD)
    for _ in range(2):
        with pytest.raises(LoginRefused):
            attempt("wrong")
    with pytest.raises(TooManyTries):
        attempt(PASSWORD)
    with db.writing() as session:
        session.execute(update(LoginAttempt).values(at=utc_now() - timedelta(minutes=16)))
    attempt(PASSWORD)
    with db.reading() as session:
        kept = session.exec(select(func.count()).select_from(LoginAttempt)).one()
    assert kept == 0


@pytest.mark.parametrize("database_kind", ["sqlite"], indirect=True)
def test_no_name_or_address_is_kept_of_a_try(company_id: int, person: int) -> None:
    with pytest.raises(LoginRefused):
        log_in(company_id, "ann", "wrong", "203.0.113.1", secret="s", attempts=2)
    with db.reading() as session:
        subjects = session.exec(select(col(LoginAttempt.subject))).all()
    assert len(subjects) == 3
    assert not any("ann" in subject or "203.0.113.1" in subject for subject in subjects)
