"""What every answer has: headers, a polite error, no trust in what the request claims to be."""

import re
from collections.abc import Callable
from dataclasses import replace

import pytest
from apiflask import APIFlask
from flask import request
from flask.testing import FlaskClient

from configurator import db
from configurator.app import create_app
from configurator.auth import Role, public
from configurator.config import Settings

ONE = pytest.mark.parametrize("database_kind", ["sqlite"], indirect=True)


@ONE
@pytest.mark.parametrize("path", ["/login", "/no-such-page", "/api/v1/no-such-thing", "/static/css/base.css"])
def test_every_answer_carries_the_security_headers(client: FlaskClient, path: str) -> None:
    headers = client.get(path).headers
    policy = headers["Content-Security-Policy"]
    assert "default-src 'self'" in policy
    assert "frame-ancestors 'none'" in policy
    assert "unsafe" not in policy
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["X-Frame-Options"] == "DENY"
    assert headers["Referrer-Policy"] == "same-origin"
    assert "Strict-Transport-Security" not in headers  # plain HTTP must not promise HTTPS
    assert "Strict-Transport-Security" in client.get(path, base_url="https://localhost").headers


@ONE
def test_no_page_has_inline_script_or_style(client: FlaskClient) -> None:
    page = client.get("/login").text
    assert not re.search(r"<script(?![^>]*\bsrc=)|<style|\sstyle=|\son\w+=|javascript:", page)


@ONE
def test_pages_are_not_kept_and_static_files_are(client: FlaskClient) -> None:
    page = client.get("/login")
    assert page.headers["Cache-Control"] == "no-store"
    stylesheet = re.search(r'href="(/static/css/base\.css\?v=\w+)"', page.text)
    assert stylesheet
    assert "max-age=31536000" in client.get(stylesheet[1]).headers["Cache-Control"]


@ONE
@pytest.mark.parametrize(
    ("host", "status"),
    [("localhost", 200), ("127.0.0.1", 200), ("evil.example", 400), ("localhost.evil.example", 400), ("a b", 400)],
)
def test_a_host_that_is_not_ours_is_refused(client: FlaskClient, host: str, status: int) -> None:
    assert client.get("/login", headers={"Host": host}).status_code == status


@ONE
@pytest.mark.parametrize(
    ("proxies", "seen"),
    [
        (0, "198.51.100.7 http"),  # nobody in front: the header is a claim
        (1, "203.0.113.2 https"),  # one proxy in front: what it added, not what its client claims
        (2, "203.0.113.1 https"),
    ],
)
def test_forwarded_headers_are_believed_as_far_as_there_are_proxies(
    settings: Settings, proxies: int, seen: str
) -> None:
    app = create_app(replace(settings, proxies=proxies))
    app.add_url_rule("/whoami", "whoami", public(lambda: f"{request.remote_addr} {request.scheme}"))
    answer = app.test_client().get(
        "/whoami", environ_base={"REMOTE_ADDR": "198.51.100.7"},
        headers={"X-Forwarded-For": "192.0.2.66, 203.0.113.1, 203.0.113.2", "X-Forwarded-Proto": "https, https"},
    )
    assert answer.text == seen


@ONE
@pytest.mark.parametrize(("path", "status"), [("/no-such-page", 404), ("/login", 405)])
def test_an_error_is_a_sentence_on_a_page_and_a_code_in_the_api(client: FlaskClient, path: str, status: int) -> None:
    page = client.put(path)
    assert page.status_code == status
    assert "<h1>" in page.text
    api = client.get("/api/v1/no-such-thing")
    assert api.status_code == 404
    assert api.json["error"]["code"] == "not_found"
    assert api.json["error"]["message"]


@ONE
def test_what_breaks_is_noted_and_not_shown(app: APIFlask, client: FlaskClient) -> None:
    def broken() -> str:
        raise RuntimeError("the inside of the house")

    app.add_url_rule("/broken", "broken", public(broken))
    answer = client.get("/broken")
    assert answer.status_code == 500
    assert "inside of the house" not in answer.text
    assert re.search(r"noted as [0-9a-f]{16}", answer.text)


@ONE
def test_a_body_that_is_too_large_is_refused(client: FlaskClient) -> None:
    assert client.post("/login", data={"login": "x" * (2 * 1024 * 1024 + 1)}).status_code == 413


@ONE
def test_a_form_without_its_token_is_refused(client: FlaskClient) -> None:
    answer = client.post("/login", data={"login": "a", "password": "b"}, csrf=False)
    assert answer.status_code == 400
    assert "no longer valid" in answer.text
    assert client.post("/login", data={"login": "a", "password": "b"}).status_code == 401  # with it, it is looked at


def test_a_house_without_its_database_is_polite(app: APIFlask, client: FlaskClient, database: db.Database) -> None:
    def ask() -> str:
        with db.reading() as session:
            session.connection()
        return "well"

    app.add_url_rule("/ask", "ask", public(ask))
    assert client.get("/ask").text == "well"
    assert client.get("/healthz").json == {"status": "ok"}
    _take_away(database)
    answer = client.get("/ask")
    assert answer.status_code == 503
    assert answer.headers["Retry-After"] == "10"
    assert "Nothing was lost" in answer.text
    assert client.get("/healthz").status_code == 503


def _take_away(database: db.Database) -> None:
    url = database.url.rpartition("/")[0] + "/nowhere/nothing" if database.is_sqlite else (
        "postgresql+psycopg://postgres@127.0.0.1:9/nothing"
    )
    db.connect(url)


@ONE
def test_measurements_are_for_this_machine_or_for_the_token(settings: Settings) -> None:
    nearby = create_app(settings).test_client()
    assert "configurator_answers_total" in nearby.get("/metrics").text
    assert nearby.get("/metrics", environ_base={"REMOTE_ADDR": "192.0.2.1"}).status_code == 404
    guarded = create_app(replace(settings, metrics_token="t0ken")).test_client()
    assert guarded.get("/metrics").status_code == 404
    assert guarded.get("/metrics", headers={"Authorization": "Bearer wrong"}).status_code == 404
    assert guarded.get("/metrics", headers={"Authorization": "Bearer t0ken"}).status_code == 200


@ONE
def test_demo_logins_are_shown_in_a_demo_only(settings: Settings) -> None:
    assert "demo-planner" in create_app(settings).test_client().get("/login").text
    real = replace(settings, mode="production", secure_cookies="auto", public_url="https://localhost")
    assert "demo-planner" not in create_app(real).test_client().get("/login", base_url="https://localhost").text


@ONE
@pytest.mark.parametrize(("asked", "word"), [("zh", "zh-Hans"), ("en", "en"), ("xx", "en")])
def test_a_language_that_was_asked_for_is_kept(client: FlaskClient, asked: str, word: str) -> None:
    assert f'<html lang="{word}"' in client.get(f"/login?lang={asked}").text
    assert f'<html lang="{word}"' in client.get("/login").text


@ONE
def test_the_header_leads_to_the_workplaces_of_the_person(login: Callable[..., FlaskClient], company_id: int) -> None:
    page = login(Role.ADMINISTRATOR).get("/admin/").text
    assert 'href="/admin/"' in page
    assert 'href="/planning/"' not in page


def test_nobody_can_fill_the_memory_with_methods_of_their_own(client: FlaskClient) -> None:
    """Every value of a label is kept for good, in every web process and on disk."""
    for method in ("BREW", "PROPFIND"):
        assert client.open("/login", method=method, csrf=False).status_code == 405
    text = client.get("/metrics").text
    assert 'method="GET"' in client.get("/metrics").text
    assert "BREW" not in text and "PROPFIND" not in text
