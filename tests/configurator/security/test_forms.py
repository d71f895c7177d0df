"""Forms are the user's own: without the page's token, or with a foreign one, they are refused. A GET writes nothing."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from typing import Any

import pytest
from apiflask import APIFlask
from flask.testing import FlaskClient

from configurator.auth import Role
from tests.configurator.security.audience import AUDIENCE
from tests.configurator.security.house import PRINCIPALS, VISITOR, Documents, fingerprint, rules, sent_with

pytestmark = pytest.mark.parametrize("database_kind", ["sqlite"], indirect=True)
Who = Callable[[str], FlaskClient]


def _forms(app: APIFlask, documents: Documents) -> list[tuple[str, str, dict[str, Any]]]:
    """(principal, address, fields) of every form that is sent: by a person who may send it."""
    found = []
    for rule in rules(app):
        if "POST" in (rule.methods or ()) and not rule.rule.startswith("/api/"):
            roles = sorted(AUDIENCE[rule.endpoint])
            found.append((
                roles[0] if roles else VISITOR, documents.address(rule), sent_with(rule.endpoint, documents)
            ))
    return found


def test_a_form_without_its_own_token_is_refused_and_nothing_happens(
    app: APIFlask, who: Who, documents: Documents
) -> None:
    foreign = who(VISITOR)
    foreign.get("/login")
    forms = _forms(app, documents)
    assert len(forms) > 15
    clients = {name: who(name) for name in {name for name, _, _ in forms}}
    for client in clients.values():
        client.get("/login")
    before = fingerprint()
    for token in (None, "", uuid.uuid4().hex, foreign.csrf_token()):  # type: ignore[attr-defined]
        headers = {} if token is None else {"X-CSRFToken": token}
        for name, address, shown in forms:
            sent = shown if token is None else shown | {"csrf_token": token}
            answer = clients[name].post(address, data=sent, csrf=False)
            assert answer.status_code == 400, f"{token} {name} POST {address}: {answer.status_code}"
            answer = clients[name].post(address, json=sent, headers=headers, csrf=False)
            assert answer.status_code == 400, f"{token} {name} POST {address} as JSON: {answer.status_code}"
    assert fingerprint() == before


def test_without_the_guard_the_same_forms_would_be_taken(app: APIFlask, who: Who, documents: Documents) -> None:
    """Negative control: with the check switched off these very requests write rows."""
    app.config["WTF_CSRF_ENABLED"] = False
    before = fingerprint()
    for name, address, shown in _forms(app, documents):
        assert who(name).post(address, data=shown, csrf=False).status_code != 400, address
    assert fingerprint() != before


def test_the_api_takes_nothing_that_a_form_of_another_site_can_send(app: APIFlask, documents: Documents) -> None:
    """It is exempt from the token because it reads no cookie and takes only what a foreign page cannot send."""
    client = app.test_client()
    for rule in rules(app):
        if not rule.rule.startswith("/api/") or "POST" not in (rule.methods or ()):
            continue
        for media_type in ("application/x-www-form-urlencoded", "multipart/form-data", "text/plain", ""):
            answer = client.post(documents.address(rule), data=b"{}", content_type=media_type, csrf=False)
            refused = 401 if AUDIENCE[rule.endpoint] else 415  # who must say who they are has not, without a cookie
            assert answer.status_code == refused, f"{rule.rule} {media_type}: {answer.status_code}"


def test_reading_writes_nothing(app: APIFlask, who: Who, documents: Documents) -> None:
    """Every address of the house by everybody, with hostile queries too: no row of any table changes."""
    huge = 10**30  # no database keeps it
    hostile = (
        "q=%27%22%3C&page=-1&revision=x&colour=sky&t=x&before=%7B",
        f"lang=zh&page={huge}&revision={huge}&proposal={huge}&order={huge}&quote-id={huge}&start=x&end={huge}&t={huge}",
        "q=%FF%FE&page=1e9&state=%F0%9F%9A%B2",
    )
    for name in PRINCIPALS:
        client = who(name)
        before = fingerprint()
        for rule in rules(app):
            if "GET" not in (rule.methods or ()) or rule.endpoint.endswith("static"):
                continue
            address = documents.address(rule)
            meant = not AUDIENCE[rule.endpoint] or name in AUDIENCE[rule.endpoint]
            for query in ("", *(hostile if meant else ())):
                asked = f"{address}{'&' if '?' in address else '?'}{query}" if query else address
                answer = client.get(asked, headers={"HX-Request": "true"} if "page=1e9" in asked else {})
                assert answer.status_code < 500, f"{name} GET {asked[:300]}: {answer.status_code}"
        after = fingerprint()
        assert after == before, f"{name}: {[table for table, rows in after.items() if rows != before[table]]}"


def test_a_written_row_would_be_seen(app: APIFlask, documents: Documents) -> None:
    """Negative control: the fingerprint changes with one row, in whatever table."""
    from configurator import db
    from configurator.audit import record

    before = fingerprint()
    with db.writing() as session:
        record(session, 1, "test", "nothing", None)
    changed = [table for table, rows in fingerprint().items() if rows != before[table]]
    assert changed == ["audit_event"]


def test_cookies_are_kept_from_scripts_and_from_other_sites(app: APIFlask, login: Any, factory: int) -> None:
    from configurator.auth import add_user
    from configurator.db import writing

    with writing() as session:
        add_user(session, factory, "somebody", "a long password", "Some Body", {Role.SALES})
    client = app.test_client()
    answer = client.post("/login", data={"login": "somebody", "password": "a long password"})
    cookies = answer.headers.getlist("Set-Cookie") + client.get("/?lang=zh").headers.getlist("Set-Cookie")
    assert len(cookies) >= 2
    for cookie in cookies:
        assert "HttpOnly" in cookie and "SameSite=Lax" in cookie, cookie
